"""`kore-etl runs`: the ledger of runs, and one of them in full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import click

from etl.cli.output import Column, Output, ago, clean, here, many, number, plain, when, zone
from etl.model import State, Verdict

if TYPE_CHECKING:
    from etl.model import Scope
    from etl.warehouse.reading import RunDetail, RunLine, WindowLine
    from etl.warehouse.warehouse import Warehouse

SHOWN = 20
"""Listings of one run up to which all are shown; of more, those in trouble, and so many of them."""

TROUBLED = (Verdict.INCOMPLETE, Verdict.REFUSED, Verdict.UNREADABLE, Verdict.FAILED)

SEARCHED = 10_000
"""Runs, newest first, among which a part of an id is looked for."""


@click.group("runs", invoke_without_command=True, short_help="The ledger of runs.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many, newest first.")
@click.pass_context
def command(ctx: click.Context, limit: int) -> int:
    """List the latest runs, newest first, with what each brought. `kore-etl runs show RUN_ID` shows one with its
    windows. Times are this machine's.

    \b
    Examples
      kore-etl runs
      kore-etl runs --limit 100
      kore-etl runs show latest
      kore-etl --json runs show 20260301T021500Z
    """
    if ctx.invoked_subcommand is not None:
        return 0
    from etl.cli import config
    from etl.cli.reading import nothing_read, read

    output: Output = ctx.obj.answering()
    settings = config.load(output, "warehouse")
    lines = read(settings, lambda store: store.runs(limit=limit), empty=())
    output.document({"exit_code": 0, "runs": [plain(line) for line in lines]})
    if not lines:
        output.say(f"{nothing_read(settings)} `kore-etl sync` makes the first run.")
        return 0
    columns = (
        Column("Run"),
        Column("Verb"),
        Column(f"Started ({zone()})"),
        Column("Took", number=True),
        Column("Verdict"),
        Column("Exit", number=True),
        *(Column(name, number=True, spare=True) for name in BROUGHT),
    )
    output.table(columns, [_line(line) for line in lines])
    if any(line.verdict in TROUBLED for line in lines[:1]):
        output.say("\n`kore-etl runs show latest` shows what went wrong in the last one.")
    return 0


@command.command("show", short_help="One run, window by window.")
@click.argument("run_id")
@click.option("--all", "everything", is_flag=True, help=f"Every listing, where there are more than {SHOWN}.")
@click.pass_obj
def show(output: Output, run_id: str, everything: bool) -> int:
    """One run, window by window. RUN_ID may be its beginning, or `latest`.

    Of a run over many listings those in trouble are shown. Windows are in UTC, as `backfill` takes them.

    \b
    Examples
      kore-etl runs show latest
      kore-etl runs show 20260301T0215 --all
    """
    from etl.cli import config
    from etl.cli.reading import read

    output = output.answering()
    settings = config.load(output, "warehouse")
    found = read(settings, lambda store: _find(store, run_id), empty=f"there is no run {run_id}, nor any other.")
    if isinstance(found, str):
        output.document({"exit_code": 1, "errors": [found]})
        output.complain(f"kore-etl: {clean(found)}")
        return 1
    output.document({"exit_code": 0, "run": plain(found.line), "windows": [plain(line) for line in found.windows]})
    _show(output, found, config.names(settings), everything=everything)
    return 0


async def _find(store: Warehouse, wanted: str) -> RunDetail | str:
    """The run of this id, or the only one whose id begins so, or the latest; else a sentence."""
    if (run := await store.run(wanted)) is not None:
        return run
    lines = await store.runs(limit=1 if wanted == "latest" else SEARCHED)
    near = [line.run_id for line in lines if wanted == "latest" or line.run_id.startswith(wanted)]
    if len(near) > 1:
        return f"{wanted} begins {len(near)} runs: {', '.join(near[:3])}{' ...' * bool(near[3:])}; give more of it."
    run = await store.run(near[0]) if near else None
    return f"there is no run {wanted}; `kore-etl runs` lists them." if run is None else run


BROUGHT = {
    "New": "inserted",
    "Changed": "updated",
    "Not proven": "unproven",
    "Failed": "failed",
    "Requests": "requests",
}
"""Column -> the count of the run's totals; the first ones stay longest where the terminal is narrow."""


def _line(line: RunLine) -> tuple[str, ...]:
    took = "-" if line.finished_at is None else ago(line.finished_at - line.started_at)
    code = "-" if line.exit_code is None else str(line.exit_code)
    brought = [number(line.totals.get(name)) if line.totals else "-" for name in BROUGHT.values()]
    return line.run_id, line.verb, here(line.started_at), took, verdict(line), code, *brought


def verdict(line: RunLine) -> str:
    """How a run ended, in a word or two."""
    return f"{line.verdict.value} (killed)" if line.was_killed else line.verdict.value


COLUMNS = (
    Column("No", number=True),
    Column("From (UTC)"),
    Column("To (UTC)"),
    Column("Why read", wraps=True),
    Column("State"),
    Column("Seen", number=True),
    Column("Requests", number=True, spare=True),
)


def _show(output: Output, run: RunDetail, names: Mapping[Scope, str], *, everything: bool) -> None:
    line = run.line
    output.say(f"Run {line.run_id}: {line.verb}, {verdict(line)}, started {here(line.started_at)} {zone()}.")
    if line.was_killed:
        output.say(
            f"Its process ended without a word, after {here(line.finished_at)} {zone()}; a later run found that out. "
            "What it had stored stays, the runs since went on from there."
        )
    if line.totals:
        output.say(
            ", ".join(f"{number(line.totals.get(name))} {column.lower()}" for column, name in BROUGHT.items()) + "."
        )
    if not run.windows:
        unread = line.verdict in (Verdict.REFUSED, Verdict.UNREADABLE)
        output.say("It read no window" + ("; `kore-etl check` shows why." if unread else "."))
    place = {scope: number for number, scope in enumerate(names)}
    in_order = sorted(run.windows, key=lambda w: (place.get(w.scope, len(place)), w.scope, w.window_no))
    listings = {scope: list(windows) for scope, windows in groupby(in_order, key=lambda window: window.scope)}
    shown = list(listings) if everything or len(listings) <= SHOWN else [s for s in listings if _troubled(listings[s])]
    for scope in shown if everything else shown[:SHOWN]:
        output.say(f"\n{clean(names.get(scope, scope.account_id))} {scope.channel.value}")
        output.table(COLUMNS, [_window(window) for window in listings[scope]])
        for window in listings[scope]:
            if trouble := window.error or window.why:
                output.say(f"Window {window.window_no}: {clean(trouble)}")
    left = len(listings) - len(shown if everything else shown[:SHOWN])
    if left:
        well = len(listings) - len(shown)
        output.say(f"\n... and {many(left, 'more listing')}, {number(well)} of them without trouble; --all shows them.")


def _troubled(windows: Sequence[WindowLine]) -> bool:
    return any(window.state in (State.UNPROVEN, State.FAILED) or window.error for window in windows)


def _window(window: WindowLine) -> tuple[str, ...]:
    return (
        str(window.window_no),
        when(window.interval.start),
        when(window.interval.end),
        window.reason,
        window.state.value + (f" {window.proof.value}" if window.proof else ""),
        number(window.seen),
        number(window.requests),
    )
