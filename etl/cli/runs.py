"""`kore-etl runs`: the ledger of runs, and one of them in full."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import TYPE_CHECKING

import click

from etl.cli.output import Column, Output, ago, clean, number, plain, when

if TYPE_CHECKING:
    from etl.model import Scope
    from etl.warehouse.reading import RunDetail, RunLine, WindowLine
    from etl.warehouse.warehouse import Warehouse

SEARCHED = 10_000
"""Runs, newest first, among which a part of an id is looked for."""


@click.group("runs", invoke_without_command=True, short_help="The ledger of runs.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many, newest first.")
@click.pass_context
def command(ctx: click.Context, limit: int) -> int:
    """List the latest runs. `kore-etl runs show RUN_ID` shows one with its windows."""
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
        Column("Started (UTC)"),
        Column("Took", number=True),
        Column("Verdict"),
        Column("Exit", number=True),
    )
    output.table(columns, [_line(line) for line in lines])
    return 0


@command.command("show", short_help="One run, window by window.")
@click.argument("run_id")
@click.pass_obj
def show(output: Output, run_id: str) -> int:
    """One run, window by window. RUN_ID may be its beginning, or `latest`."""
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
    _show(output, found, config.names(settings))
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


def _line(line: RunLine) -> tuple[str, ...]:
    took = "-" if line.finished_at is None else ago(line.finished_at - line.started_at)
    code = "-" if line.exit_code is None else str(line.exit_code)
    return line.run_id, line.verb, when(line.started_at), took, verdict(line), code


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


def _show(output: Output, run: RunDetail, names: Mapping[Scope, str]) -> None:
    line = run.line
    output.say(f"Run {line.run_id}: {line.verb}, {verdict(line)}, started {when(line.started_at)} UTC.")
    if line.was_killed:
        output.say(
            f"Its process ended without a word, after {when(line.finished_at)} UTC; a later run found that out. "
            "What it had stored stays, the runs since went on from there."
        )
    if not run.windows:
        output.say("It read no window.")
    place = {scope: number for number, scope in enumerate(names)}
    in_order = sorted(run.windows, key=lambda w: (place.get(w.scope, len(place)), w.scope, w.window_no))
    for scope, windows in groupby(in_order, key=lambda window: window.scope):
        listing = list(windows)
        output.say(f"\n{clean(names.get(scope, scope.account_id))} {scope.channel.value}")
        output.table(COLUMNS, [_window(window) for window in listing])
        for window in listing:
            if trouble := window.error or window.why:
                output.say(f"Window {window.window_no}: {clean(trouble)}")


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
