"""How `sync` and `backfill` run and what they show: progress, the final table, one sentence, or the JSON document."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from etl import bootstrap, report
from etl.cli import config, signals
from etl.cli.output import Column, Output, ago, clean, number
from etl.cli.progress import progress
from etl.model import RunOutcome, Scope, ScopeOutcome, State, Verdict
from etl.pipeline import Stopped
from etl.settings import Settings
from etl.turn import Order

SENTENCES = {
    Verdict.COMPLETE: "Complete: every window read is proven and stored.",
    Verdict.INCOMPLETE: "Incomplete: see the lines marked above. What failed or is unproven is read again by the next "
    "`kore-etl sync`; `kore-etl gaps` lists it.",
    Verdict.REFUSED: "Refused: no account accepted the credentials. `kore-etl check` shows what to mend.",
    Verdict.UNREADABLE: "Unreadable: the source could not be read at all; nothing was changed. "
    "`kore-etl check` shows why.",
    Verdict.HELD: "Held: another run has the accounts marked above. Run again later, or with --wait SECONDS.",
    Verdict.STOPPED: "Stopped by a signal. What was stored stays; the next run goes on from there.",
}


def execute(output: Output, order: Callable[[Settings], Order], account_ids: Sequence[str], channel: str | None) -> int:
    """Run an order over the chosen accounts, show the outcome, return the exit code."""
    settings = config.load(output, needs="source")
    accounts = config.chosen(settings, account_ids, channel)
    names = {scope: account.name for account in accounts for scope in config.scopes(account, channel)}
    try:
        with progress(output, names) as emit:
            outcome = signals.run(
                lambda stop_code: bootstrap.execute(
                    settings,
                    order(settings),
                    {account: config.scopes(account, channel) for account in accounts},
                    emit=emit,
                    stop_code=stop_code,
                )
            )
    except Stopped as stopped:
        outcome = stopped.outcome
    show(output, outcome, names)
    return outcome.exit_code


def show(output: Output, outcome: RunOutcome, names: Mapping[Scope, str]) -> None:
    """The outcome as JSON, or as a table with a verdict; under --quiet only what went wrong."""
    output.document(report.document(outcome))
    show_tables(output, outcome, names)


def show_tables(output: Output, outcome: RunOutcome, names: Mapping[Scope, str]) -> None:
    """The outcome for a person: a line per scope, what went wrong, one sentence."""
    if output.as_json:
        return
    headings = ("Account", "Channel", "Proven", "Seen", "New", "Changed", "Links", "Rejected", "Requests")
    columns = [Column(name, number=name not in ("Account", "Channel")) for name in headings]
    output.table(columns, [_row(scope, names) for scope in outcome.scopes])
    output.say()
    for scope in outcome.scopes:
        for note in scope.notes:
            output.say(f"{clean(names[scope.scope])} {scope.scope.channel.value}: {clean(note)}")
    for trouble in _troubles(outcome, names):
        output.complain(trouble)
    say = output.complain if outcome.exit_code else output.say
    say(SENTENCES[outcome.verdict])
    totals, took = report.totals(outcome), ago(outcome.finished_at - outcome.started_at)
    output.say(
        f"{number(totals['seen'])} campaigns seen with {number(totals['requests'])} requests in {took}. "
        f"Run {outcome.run_id}."
    )


def _troubles(outcome: RunOutcome, names: Mapping[Scope, str]) -> Iterator[str]:
    for scope in outcome.scopes:
        where = f"{clean(names[scope.scope])} {scope.scope.channel.value}"
        if scope.error is not None:
            yield f"{where}: {clean(scope.error)}"
        if scope.rejects_waiting:
            records = "1 record" if scope.rejects_waiting == 1 else f"{scope.rejects_waiting} records"
            yield f"{where}: {records} could not be stored; `kore-etl rejects` shows why."


def _row(scope: ScopeOutcome, names: Mapping[Scope, str]) -> list[str]:
    windows = scope.windows
    closed = sum(count for state, count in windows.items() if state is not State.OPEN)
    links = f"+{scope.loaded.links_added} -{scope.loaded.links_removed}"
    return [
        names[scope.scope],
        scope.scope.channel.value,
        f"{windows.get(State.PROVEN, 0)}/{closed}",
        number(scope.seen),
        number(scope.loaded.inserted),
        number(scope.loaded.updated),
        links if links != "+0 -0" else "-",
        number(scope.loaded.rejected),
        number(scope.cost.requests),
    ]
