"""`kore-etl status`: how fresh and how complete each account is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from etl.cli.options import account_option, channel_option
from etl.cli.output import Column, Output, ago, clean, number, plain, when

if TYPE_CHECKING:
    from etl.model import Scope
    from etl.settings import Settings
    from etl.warehouse.reading import RunLine, ScopeFreshness
    from etl.warehouse.standing import Standing
    from etl.warehouse.warehouse import Warehouse


@click.command("status", short_help="Freshness and coverage.")
@account_option
@channel_option
@click.pass_obj
def command(output: Output, accounts: tuple[str, ...], channel: str | None) -> int:
    """Per account and channel: proven until when, how old that is, what is stored, what is waiting."""
    from etl.cli import config
    from etl.cli.reading import nothing_read, read, where
    from etl.cli.runs import verdict

    async def query(
        store: Warehouse,
    ) -> tuple[tuple[ScopeFreshness, ...], tuple[RunLine, ...], Mapping[Scope, Standing]]:
        return await store.freshness(), await store.runs(limit=5), await store.standings()

    output = output.answering()
    settings = config.load(output, "warehouse")
    stored, runs, standings = read(settings, query, empty=((), (), {}))
    lines = chosen(settings, stored, accounts, channel)
    output.document(
        {
            "exit_code": 0,
            "warehouse": where(settings),
            "scopes": [plain(line) | _standing(standings.get(line.scope)) for line in lines],
            "runs": [plain(run) for run in runs],
        }
    )
    output.say(f"Warehouse: {where(settings)}")
    _show(output, lines, config.names(settings), standings)
    if runs:
        last = runs[0]
        output.say(f"Last run {last.run_id}: {last.verb}, {verdict(last)}, started {when(last.started_at)} UTC.")
    else:
        output.say(f"{nothing_read(settings)} `kore-etl sync` makes the first run.")
    return 0


def chosen(
    settings: Settings, stored: Sequence[ScopeFreshness], account_ids: Sequence[str], channel: str | None
) -> list[ScopeFreshness]:
    """What was read and what is configured and was not, narrowed by the options. Raises ConfigError."""
    from etl.cli.config import names, unknown
    from etl.errors import ConfigError

    read = {line.scope: line for line in stored}
    scopes = [*names(settings), *(scope for scope in read if scope not in names(settings))]
    known = sorted({scope.account_id for scope in scopes})
    if problems := [unknown(one, known) for one in account_ids if one not in known]:
        raise ConfigError(tuple(problems))
    return [
        read.get(scope) or _never(scope)
        for scope in scopes
        if (not account_ids or scope.account_id in account_ids) and channel in (None, scope.channel.value)
    ]


def _never(scope: Scope) -> ScopeFreshness:
    from etl.warehouse.reading import ScopeFreshness

    return ScopeFreshness(
        scope=scope,
        proven_until=None,
        newest_proven_end=None,
        last_proven_at=None,
        last_run_id=None,
        last_run_verdict=None,
        last_run_finished_at=None,
        unproven_windows=0,
        live_rows=0,
        age_seconds=None,
        rejects_waiting=0,
    )


COLUMNS = (
    Column("Account", cuts=True),
    Column("Channel"),
    Column("Proven to (UTC)"),
    Column("Age", number=True),
    Column("Campaigns", number=True),
    Column("Unproven", number=True, hides=True),
    Column("Rejected", number=True, hides=True),
    Column("Missing", number=True, hides=True),
    Column("Oldest read", spare=True),
    Column("Proofs", spare=True),
    Column("Last run", spare=True),
)


def _standing(standing: Standing | None) -> dict[str, Any]:
    """What the copy of a scope rests on, as JSON."""
    if standing is None:
        return {"proofs": [], "oldest_read_at": None, "pending_deletions": 0, "doubts": []}
    doubts = [{"start": one.interval.start, "end": one.interval.end, "why": one.why} for one in standing.doubts]
    return {
        "proofs": standing.proofs,
        "oldest_read_at": standing.oldest_read_at,
        "pending_deletions": standing.pending_deletions,
        "doubts": doubts,
    }


def _show(
    output: Output,
    lines: Sequence[ScopeFreshness],
    names: Mapping[Scope, str],
    standings: Mapping[Scope, Standing],
) -> None:
    if not lines:
        return
    output.say()
    output.table(COLUMNS, [_line(line, names, standings.get(line.scope)) for line in lines])
    for line in lines:
        for doubt in standings[line.scope].doubts if line.scope in standings else ():
            what = f"{names.get(line.scope, line.scope.account_id)} {line.scope.channel.value}"
            stretch = f"{when(doubt.interval.start)} to {when(doubt.interval.end)}"
            output.say(f"Not proven: {clean(what)}, {stretch}: {clean(doubt.why)}")
    output.say()


def _line(line: ScopeFreshness, names: Mapping[Scope, str], standing: Standing | None) -> tuple[str, ...]:
    age = "-" if line.age_seconds is None else ago(timedelta(seconds=line.age_seconds))
    return (
        names.get(line.scope, line.scope.account_id),
        line.scope.channel.value,
        when(line.proven_until),
        age,
        number(line.live_rows),
        number(line.unproven_windows),
        number(line.rejects_waiting),
        number(standing.pending_deletions if standing else 0),
        when(standing.oldest_read_at if standing else None),
        ", ".join(standing.proofs if standing else ()) or "-",
        line.last_run_verdict.value if line.last_run_verdict else "never",
    )
