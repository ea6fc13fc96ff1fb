"""How `sync` and `backfill` run and what they show: progress, the final table, one sentence, or the JSON document."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice

from etl import bootstrap, report
from etl.cli import config, lineage, log, mail, signals
from etl.cli.output import Column, Output, ago, clean, many, number
from etl.cli.program import program
from etl.cli.progress import progress
from etl.errors import WarehouseError
from etl.lineage import Teller
from etl.model import Began, Event, RunOutcome, Scope, ScopeOutcome, State, Verb, Verdict
from etl.pipeline import Stopped
from etl.settings import ResolvedAccount, Settings, find_config
from etl.turn import Order

SENTENCES = {
    Verdict.COMPLETE: "Complete: every window read is proven and stored.",
    Verdict.INCOMPLETE: "Incomplete: see the lines with a state above. What failed or is unproven is read again by "
    "the next `kore-etl sync`; `kore-etl gaps` lists it.",
    Verdict.REFUSED: "Refused: no account accepted the credentials. `kore-etl check` shows what to mend.",
    Verdict.UNREADABLE: "Unreadable: the source could not be read at all; nothing was changed. "
    "`kore-etl check` shows why.",
    Verdict.HELD: "Held: another run has the accounts marked above. Run again later, or with --wait SECONDS.",
    Verdict.STOPPED: "Stopped by a signal. Finished windows are stored, rows of unfinished windows were not stored; "
    "the next run goes on from there.",
}

LATE = (
    "Incomplete: the deadline came first, with {} not read to the end, marked above. Finished windows are stored; "
    "the next run goes on from there."
)

NOTHING_DUE = {
    Verb.SYNC: "Nothing was due; nothing was read.",
    Verb.BACKFILL: "No gaps in that interval; nothing was read.",
}

SHOWN = 40
"""Listings up to which all are in the table; of more, those with a state, and at most so many."""

COLUMNS = (
    Column("Account", cuts=True),
    Column("Channel"),
    Column("State", hides=True),
    Column("Proven", number=True),
    Column("Seen", number=True),
    Column("New", number=True),
    Column("Changed", number=True),
    Column("Links", number=True, spare=True, hides=True),
    Column("Rejected", number=True, hides=True),
    Column("Requests", number=True),
)


def execute(output: Output, order: Callable[[Settings], Order], account_ids: Sequence[str], channel: str | None) -> int:
    """Run an order over the chosen accounts, show the outcome here and tell it outside, return the exit code."""
    settings = config.load(output, needs="source")
    accounts = config.chosen(settings, account_ids, channel)
    listings = {account: config.scopes(account, channel) for account in accounts}
    names = {scope: account.name for account, scopes in listings.items() for scope in scopes}
    narrowed = bool(account_ids or channel)
    teller = lineage.teller(settings, listings)
    try:
        outcome = _run(output, settings, order(settings), listings, names, teller)
    except _Broken as broken:
        _tell_lineage(output, teller, broken.outcome)
        _tell(output, settings, broken.outcome, narrowed=narrowed)
        if not output.quiet or output.as_json:
            raise broken.error from None
        output.complain(mail.broke(broken.outcome, str(broken.error), _place(output, settings)))
        return broken.outcome.exit_code
    with log.about_run(outcome.run_id):
        show(output, outcome, names, _place(output, settings))
        log.ended(output, outcome)
        _tell(output, settings, outcome, narrowed=narrowed)
        _tell_lineage(output, teller, outcome)
    return outcome.exit_code


class _Broken(Exception):
    """The warehouse broke the run off; `outcome` is what is known of it."""

    def __init__(self, outcome: RunOutcome, error: WarehouseError) -> None:
        super().__init__()
        self.outcome, self.error = outcome, error


def _run(
    output: Output,
    settings: Settings,
    order: Order,
    listings: Mapping[ResolvedAccount, Sequence[Scope]],
    names: Mapping[Scope, str],
    teller: Teller | None,
) -> RunOutcome:
    started_at, run_id = bootstrap.utc_now(), ""

    def noting(event: Event) -> None:
        nonlocal run_id
        if isinstance(event, Began):
            run_id = event.run_id
            if teller is not None:
                teller.begun(run_id, order.verb, started_at)
        emit(event)

    try:
        with progress(output, names, settings) as emit:
            return signals.run(
                lambda stop_code: bootstrap.execute(settings, order, listings, emit=noting, stop_code=stop_code)
            )
    except Stopped as stopped:
        return stopped.outcome
    except WarehouseError as error:
        ended_at, code = bootstrap.utc_now(), report.EXIT_WAREHOUSE
        known = RunOutcome(run_id, order.verb, Verdict.FAILED, code, started_at, ended_at, ())
        raise _Broken(known, error) from error


def _tell(output: Output, settings: Settings, outcome: RunOutcome, *, narrowed: bool) -> None:
    from etl.cli import outside  # here: it talks HTTP, which is loaded while the database gets ready

    if outside.is_told(settings, outcome, narrowed=narrowed):
        signals.run(lambda _: outside.tell(output, settings, outcome))


def _tell_lineage(output: Output, teller: Teller | None, outcome: RunOutcome) -> None:
    if teller is not None and (problem := teller.ended(outcome)) is not None:
        output.complain(f"kore-etl: warning: {problem}; the run is not affected.")


def _place(output: Output, settings: Settings) -> mail.Place:
    file, shown = find_config(output.config, os.environ), bootstrap.address(settings).shown
    if file is None:
        return mail.Place("in the environment", shown, program())
    return mail.Place(str(file.absolute()), shown, f"{program()} --config {shlex.quote(str(file.absolute()))}")


def show(output: Output, outcome: RunOutcome, names: Mapping[Scope, str], place: mail.Place) -> None:
    """The outcome as JSON, or as a table with a verdict; under --quiet a text for a mail, if something went wrong."""
    output.document(report.document(outcome))
    if not output.quiet:
        show_tables(output, outcome, names)
    elif outcome.exit_code and not output.as_json:
        output.complain(mail.failed(outcome, names, place))


def show_tables(output: Output, outcome: RunOutcome, names: Mapping[Scope, str]) -> None:
    """The outcome for a person: a line per scope, what went wrong, one sentence."""
    if output.as_json:
        return
    totals, took = report.totals(outcome), ago(outcome.finished_at - outcome.started_at)
    if outcome.verdict is Verdict.COMPLETE and not totals["windows"] and outcome.verb in NOTHING_DUE:
        output.say(f"{NOTHING_DUE[outcome.verb]} Run {outcome.run_id}.")
        return
    broken = {_app(scope) for scope in outcome.scopes if scope.error is not None}
    _table(output, [(one, state(one, outcome.verdict, broken=_app(one) in broken)) for one in outcome.scopes], names)
    output.say()
    for note in _few(_grouped(outcome, names, _notes)):
        output.say(note)
    for trouble in _few(_grouped(outcome, names, _troubles)):
        output.complain(trouble)
    say = output.complain if outcome.exit_code else output.say
    say(LATE.format(many(len(outcome.late), "account")) if outcome.late else SENTENCES[outcome.verdict])
    tails = f" and {many(totals['open'], 'open tail')}" if totals["open"] else ""
    output.say(
        f"{many(totals['seen'], 'campaign')} seen in {many(totals['windows'] - totals['open'], 'window')}{tails}, "
        f"with {many(totals['requests'], 'request')} in {took}."
    )
    output.say(f"Run {outcome.run_id}.")


def _table(output: Output, states: Sequence[tuple[ScopeOutcome, str]], names: Mapping[Scope, str]) -> None:
    """Every listing; of many those that something is wrong with, and how many there are besides."""
    shown = states if len(states) <= SHOWN else [pair for pair in states if pair[1]][:SHOWN]
    if shown:
        output.table(COLUMNS, [_row(one, names, word) for one, word in shown])
    if left := len(states) - len(shown):
        well = sum(not word for _, word in states)
        more = f"... and {many(left, 'more listing')}" if shown else many(left, "listing")
        output.say(f"{more}, {number(well)} without trouble.")


def _few(sentences: Iterator[str]) -> Iterator[str]:
    """The first ones, and how many more there are."""
    yield from islice(sentences, SHOWN)
    if left := sum(1 for _ in sentences):
        yield f"... and {number(left)} more such lines; `kore-etl status` and --json have them all."


def _grouped(
    outcome: RunOutcome, names: Mapping[Scope, str], sentences: Callable[[ScopeOutcome], Iterator[str]]
) -> Iterator[str]:
    """Each sentence once, with the account and channels that it is about; once for all accounts that share it."""
    alike: dict[str, dict[str, list[tuple[Scope, str]]]] = {}
    for one in outcome.scopes:
        for sentence in sentences(one):
            same = alike.setdefault(_anybodys(sentence, one.scope), {})
            same.setdefault(one.scope.account_id, []).append((one.scope, sentence))
    for common, accounts in alike.items():
        about = [about for spoken in accounts.values() for about in spoken]
        if len(accounts) > 1:
            called = list(dict.fromkeys(clean(names[scope]) for scope, _ in about))
            more = f" and {many(len(called) - NAMED, 'more account')}" if called[NAMED:] else ""
            yield f"{', '.join(called[:NAMED])}{more}: {clean(common)}"
        else:
            channels = ", ".join(dict.fromkeys(scope.channel.value for scope, _ in about))
            yield f"{clean(names[about[0][0]])} ({channels}): {clean(about[0][1])}"


NAMED = 3
"""Accounts that a sentence about many of them names."""


def _anybodys(sentence: str, scope: Scope) -> str:
    """The sentence without the account and the app that it names."""
    return sentence.replace(f"account {scope.account_id}, app {scope.app_id} at ", "")


def _notes(scope: ScopeOutcome) -> Iterator[str]:
    yield from scope.notes


def _troubles(scope: ScopeOutcome) -> Iterator[str]:
    if scope.error is not None:
        yield scope.error
    if scope.rejects_waiting:
        yield f"{many(scope.rejects_waiting, 'record')} could not be stored; `kore-etl rejects` shows why."


UNREAD = {Verdict.REFUSED: "refused", Verdict.HELD: "held", Verdict.UNREADABLE: "no answer", Verdict.STOPPED: "stopped"}
"""What an account that was not read has met, where it is the same for all of them."""


def state(scope: ScopeOutcome, verdict: Verdict, *, broken: bool) -> str:
    """One word for what is wrong with a scope, empty when nothing is: the worst of it.

    `broken`: a listing of the same app has an error, which can have ended the app's turn before this one's.
    """
    windows = scope.windows
    if windows.get(State.FAILED):
        return "failed"
    if not windows and (broken or verdict is Verdict.STOPPED):
        return UNREAD.get(verdict, "not read")
    if windows.get(State.UNPROVEN):
        return "unproven"
    if scope.rejects_waiting:
        return "rejected"
    return "see below" if scope.error is not None else ""


def _app(scope: ScopeOutcome) -> tuple[str, str]:
    return scope.scope.account_id, scope.scope.app_id


def _row(scope: ScopeOutcome, names: Mapping[Scope, str], word: str) -> list[str]:
    windows = scope.windows
    closed = sum(count for state, count in windows.items() if state is not State.OPEN)
    added, removed = scope.loaded.links_added, scope.loaded.links_removed
    links = " ".join(f"{sign}{number(count)}" for sign, count in (("+", added), ("-", removed)) if count)
    return [
        names[scope.scope],
        scope.scope.channel.value,
        word,
        f"{number(windows.get(State.PROVEN, 0))}/{number(closed)}",
        number(scope.seen),
        number(scope.loaded.inserted),
        number(scope.loaded.updated),
        links or "-",
        number(scope.loaded.rejected),
        number(scope.cost.requests),
    ]
