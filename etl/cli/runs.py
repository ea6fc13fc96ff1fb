"""`kore-etl runs`: the ledger of runs, and one of them in full."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from etl.cli.output import Column, Output, ago, clean, number, plain, when

if TYPE_CHECKING:
    from etl.warehouse.reading import RunDetail, RunLine


@click.group("runs", invoke_without_command=True, short_help="The ledger of runs.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many, newest first.")
@click.pass_context
def command(ctx: click.Context, limit: int) -> int:
    """List the latest runs. `kore-etl runs show RUN_ID` shows one with its windows."""
    if ctx.invoked_subcommand is not None:
        return 0
    from etl.cli import config
    from etl.cli.reading import read

    output: Output = ctx.obj
    lines = read(config.load(output, "warehouse"), lambda store: store.runs(limit=limit), empty=())
    output.document({"exit_code": 0, "runs": [plain(line) for line in lines]})
    if not lines:
        output.say("No runs yet. `kore-etl sync` makes the first.")
        return 0
    columns = [Column("Run"), Column("Verb"), Column("Started"), Column("Took", number=True), Column("Verdict")]
    output.table([*columns, Column("Exit", number=True)], [_line(line) for line in lines])
    return 0


@command.command("show")
@click.argument("run_id")
@click.pass_obj
def show(output: Output, run_id: str) -> int:
    """One run, window by window."""
    from etl.cli import config
    from etl.cli.reading import read

    run = read(config.load(output, "warehouse"), lambda store: store.run(run_id), empty=None)
    if run is None:
        output.document({"exit_code": 1, "errors": [f"There is no run {run_id}."]})
        output.complain(f"kore-etl: there is no run {run_id}; `kore-etl runs` lists them.")
        return 1
    output.document({"exit_code": 0, "run": plain(run.line), "windows": [plain(window) for window in run.windows]})
    _show(output, run)
    return 0


def _line(line: RunLine) -> tuple[str, ...]:
    took = "-" if line.finished_at is None else ago(line.finished_at - line.started_at)
    code = "-" if line.exit_code is None else str(line.exit_code)
    return line.run_id, line.verb, when(line.started_at), took, line.verdict.value, code


def _show(output: Output, run: RunDetail) -> None:
    output.say(
        f"Run {run.line.run_id}: {run.line.verb}, {run.line.verdict.value}, started {when(run.line.started_at)}."
    )
    names = ("No", "Account", "Channel", "From (UTC)", "To (UTC)", "State", "Proof", "Seen", "Requests")
    numbers = {"No", "Seen", "Requests"}
    rows = [
        (
            str(window.window_no),
            window.scope.account_id,
            window.scope.channel.value,
            f"{window.interval.start:%Y-%m-%d %H:%M}",
            f"{window.interval.end:%Y-%m-%d %H:%M}",
            window.state.value,
            window.proof.value if window.proof else "-",
            number(window.seen),
            number(window.requests),
        )
        for window in run.windows
    ]
    output.table([Column(name, number=name in numbers) for name in names], rows)
    for window in run.windows:
        if trouble := window.error or window.why:
            output.say(f"Window {window.window_no}: {clean(trouble)}")
