"""`kore-etl report`: the warehouse's state as one HTML file; how that file is written."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from etl.cli.options import account_option
from etl.cli.output import Output, clean, number

if TYPE_CHECKING:
    from etl.figures import Asked, Calendar, Figures, Report, ScopeLine
    from etl.settings import Settings
    from etl.warehouse.reading import ScopeFreshness
    from etl.warehouse.warehouse import Warehouse

SQUARES, CALENDARS = 6_000, 24
"""Calendars are drawn for so many scopes, those in most need of a look, and of no more days together."""


@click.command("report", short_help="One HTML page: freshness, coverage, figures.")
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="FILE", help="The page; replaced whole.")
@click.option("--days", type=click.IntRange(1, 731), default=90, show_default=True, help="How many days it looks back.")
@account_option
@click.pass_obj
def command(output: Output, out: Path, days: int, accounts: tuple[str, ...]) -> int:
    """Write one self-contained HTML page: is the copy fresh and complete, what changed, what was rejected.

    It needs no network to be looked at and sends nothing. It holds names of accounts, campaigns and contact lists, no
    message text and no raw record. A new file can be read by you alone; one that is replaced keeps its permissions.

    \b
    Examples
      kore-etl report --out kore.html
      kore-etl report --out kore.html --days 365 --account 5f0e...
    """
    from etl import bootstrap, page
    from etl.cli import config
    from etl.figures import Asked
    from etl.health import verdict

    target = _target(out)
    settings = config.load(output, "warehouse")
    report = _look(settings, Asked(bootstrap.utc_now(), days, accounts))
    text = page.render(report).encode("utf-8", "replace")
    _write(target, text)
    whole = verdict(report.scopes, report.asked.now)
    output.document(
        {
            "exit_code": 0,
            "path": str(out),
            "bytes": len(text),
            "as_of": report.asked.now,
            "days": days,
            "scopes": len(report.scopes),
            "fresh": whole.is_fresh,
            "complete": whole.is_complete,
            "proven_until": whole.proven_until,
            "verdict": f"{whole.headline}. {whole.sentence}",
        }
    )
    output.say(f"Wrote {out} ({number(len(text) / 1000)} kB).")
    output.say(clean(f"{whole.headline}. {whole.sentence}"))
    return 0


def _look(settings: Settings, asked: Asked) -> Report:
    """Everything that the page shows. Raises ConfigError, SchemaMismatch, WarehouseError."""
    from etl import __version__
    from etl.cli import config
    from etl.cli.reading import read, where
    from etl.cli.status import chosen
    from etl.figures import Figures, Report
    from etl.health import worst_first

    names = config.names(settings)

    def lines(stored: Sequence[ScopeFreshness]) -> tuple[ScopeLine, ...]:
        picked = chosen(settings, stored, asked.account_ids, None)
        return tuple(_line(one, names.get(one.scope, one.scope.account_id)) for one in picked)

    async def query(store: Warehouse) -> tuple[tuple[ScopeLine, ...], tuple[Calendar, ...], Figures]:
        found = lines(await store.freshness())
        worst = worst_first(found, asked.now)[: max(1, min(CALENDARS, SQUARES // asked.days))]
        calendars = await store.calendars([line.scope for line, _ in worst], asked)
        return found, calendars, await store.figures(asked)

    found, calendars, figures = read(settings, query, empty=None) or (lines(()), (), Figures())
    return Report(
        asked=asked,
        warehouse=where(settings),
        version=__version__,
        scopes=found,
        calendars=calendars,
        figures=figures,
        limits={one.account_id: one.requests_per_minute for one in settings.resolved_accounts()},
        limit=settings.api.requests_per_minute,
    )


def _line(one: ScopeFreshness, name: str) -> ScopeLine:
    from etl.figures import ScopeLine

    return ScopeLine(
        scope=one.scope,
        name=name,
        proven_until=one.proven_until,
        newest_proven_end=one.newest_proven_end,
        unproven_windows=one.unproven_windows,
        live_rows=one.live_rows,
        rejects_waiting=one.rejects_waiting,
    )


# -- the file ---------------------------------------------------------------------------------------------------------


def _target(out: Path) -> Path:
    """Where the page goes, links followed; refused before any work where it cannot go there."""
    try:
        target = out.resolve()
        if target.is_dir():
            raise click.UsageError(f"--out {out} is a folder; name a file in it, such as {out / 'kore-etl.html'}.")
        if target.exists() and not target.is_file():
            raise click.UsageError(f"--out {out} is no ordinary file.")
        if not target.parent.is_dir():
            raise click.UsageError(f"--out {out}: there is no folder {target.parent}.")
    except (OSError, RuntimeError) as error:
        raise _unwritable(out, error) from error
    return target


def _write(target: Path, text: bytes) -> None:
    """Put the whole page there, or leave what is there. Readable by its owner alone, unless it was opened before."""
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:40]}.", suffix=".tmp")
        passing = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(text)
                with suppress(FileNotFoundError):
                    passing.chmod(target.stat().st_mode & 0o777)
                file.flush()
                os.fsync(file.fileno())
            passing.replace(target)
        finally:
            passing.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(target, error) from error


def _unwritable(path: Path, error: Exception) -> click.UsageError:
    why = error.strerror if isinstance(error, OSError) else "its links lead in a circle"
    return click.UsageError(f"--out {path} cannot be written: {why}.")
