"""What a run that was not complete says in a mail: what failed, what was kept, what to do next, which run it was.

Cron mails whatever a command prints, so under --quiet this text is all there is: it has to be understood on its own.
"""

from __future__ import annotations

import platform
import textwrap
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from etl import __version__, report
from etl.cli.output import ago, clean, many, number, when
from etl.model import RunOutcome, Scope, ScopeOutcome, State, Verdict

WIDTH = 78
TROUBLES = 20
"""Different things that went wrong; more of them are counted."""

NAMED = 3
"""Accounts that one sentence names; more of them are counted."""


class Place(Struct, frozen=True):
    """Where the run worked: what a person has to find again."""

    config: str
    warehouse: str
    command: str
    """How the program is called with that configuration, from anywhere."""


def failed(outcome: RunOutcome, names: Mapping[Scope, str], place: Place) -> str:
    """The text for a run that ended by itself or by a signal, with any exit code but 0."""
    return "\n".join(
        [
            f"kore-etl {outcome.verb.value}: {_headline(outcome)} (exit {outcome.exit_code})",
            "",
            "What failed",
            *_troubles(outcome, names),
            "",
            "What was kept",
            *_paragraph(_kept(outcome)),
            "",
            "What to do",
            *_steps(outcome, place),
            "",
            *_signature(outcome, place),
        ]
    )


def broke(outcome: RunOutcome, why: str, place: Place) -> str:
    """The text for a run that the warehouse broke off."""
    verb = outcome.verb.value
    steps = [
        ("check", "tests the warehouse, and everything else a run needs"),
        ("runs", "the runs that are known, the latest first"),
    ]
    kept = "Every window that was stored before stays, each whole or not at all. The rest is read by the next run."
    return "\n".join(
        [
            f"kore-etl {verb}: the warehouse failed (exit {outcome.exit_code})",
            "",
            "What failed",
            *_paragraph(clean(why)),
            "",
            "What was kept",
            *_paragraph(kept),
            "",
            "What to do",
            *_commands(place, steps),
            "",
            *_signature(outcome, place),
        ]
    )


def _headline(outcome: RunOutcome) -> str:
    if outcome.late:
        return "not complete, the deadline came first"
    return {
        Verdict.REFUSED: "no account accepted the credentials",
        Verdict.UNREADABLE: "the source could not be read at all",
        Verdict.HELD: "another run holds some of the accounts",
        Verdict.STOPPED: "stopped by a signal",
    }.get(outcome.verdict, "not complete")


# -- what failed ------------------------------------------------------------------------------------------------------


def _troubles(outcome: RunOutcome, names: Mapping[Scope, str]) -> Iterator[str]:
    """A paragraph for each different sentence, with the accounts it is about."""
    about: dict[str, dict[str, list[str]]] = {}
    for scope in outcome.scopes:
        for sentence in _sentences(scope):
            channels = about.setdefault(sentence, {}).setdefault(names[scope.scope], [])
            channels.append(scope.scope.channel.value)
    for sentence, accounts in list(about.items())[:TROUBLES]:
        yield from _paragraph(f"{_who(accounts)}: {clean(sentence)}")
    more = len(about) - TROUBLES
    if more > 0:
        yield from _paragraph(f"... and {many(more, 'more trouble')}; --json tells all of them.")
    if not about:
        yield from _paragraph("Nothing but the run itself: no account was read, or none had anything to say.")


def _sentences(scope: ScopeOutcome) -> Iterator[str]:
    closed = sum(count for state, count in scope.windows.items() if state is not State.OPEN)
    proven = scope.windows.get(State.PROVEN, 0)
    if scope.error is not None:
        prefix = f"{number(closed - proven)} of {many(closed, 'window')} not proven. " if closed > proven else ""
        yield prefix + scope.error.rstrip(".") + "."
    if scope.rejects_waiting:
        yield f"{many(scope.rejects_waiting, 'record')} could not be stored and waits in quarantine."


def _who(accounts: Mapping[str, Sequence[str]]) -> str:
    named = [f"{clean(name)} ({', '.join(dict.fromkeys(about))})" for name, about in list(accounts.items())[:NAMED]]
    more = len(accounts) - NAMED
    return ", ".join(named) + (f" and {many(more, 'more account')}" if more > 0 else "")


# -- what was kept, what to do ----------------------------------------------------------------------------------------


def _kept(outcome: RunOutcome) -> str:
    every, troubled = _accounts(outcome)
    totals = report.totals(outcome)
    stored = totals["inserted"] + totals["updated"] + totals["revived"]
    counts = f"{many(totals['seen'], 'campaign')} seen, {number(stored)} of them written."
    whole = f"{number(len(every) - len(troubled))} of {many(len(every), 'account')} complete."
    if not totals["windows"]:
        return "Nothing was changed: what earlier runs stored and proved stays as it is."
    return f"{whole} {counts} Of the others, each window was stored whole or not at all, and what is proven stays."


def _accounts(outcome: RunOutcome) -> tuple[set[str], set[str]]:
    """All of the run's, and those of them with trouble."""
    every = {scope.scope.account_id for scope in outcome.scopes}
    if outcome.verdict is Verdict.STOPPED:
        return every, every
    return every, {scope.scope.account_id for scope in outcome.scopes if any(_sentences(scope))}


def _steps(outcome: RunOutcome, place: Place) -> Iterator[str]:
    _, troubled = _accounts(outcome)
    first = {
        Verdict.HELD: "If this happens often, let the runs start further apart, or add --wait SECONDS.",
        Verdict.REFUSED: "Mend the credentials: nothing is read until then.",
    }.get(
        outcome.verdict,
        "Act on what names its remedy above, and on what comes again; the rest the next run reads by itself.",
    )
    if outcome.late:
        first = "The next run goes on from there. If this happens often, give it more time, or start it earlier."
    yield from _paragraph(first)
    one = f" --account {min(troubled)}" if len(troubled) == 1 else ""
    commands = [
        (f"check{one}", "tests credentials, the API and the warehouse"),
        (f"runs show {outcome.run_id}", "every window of this run, and why"),
        ("gaps", "what no read has proven yet"),
    ]
    if any(scope.rejects_waiting for scope in outcome.scopes):
        commands.append(("rejects", "the records in quarantine; `rejects ack` accepts them"))
    yield from _commands(place, commands)


def _commands(place: Place, verbs: Sequence[tuple[str, str]]) -> Iterator[str]:
    for verb, does in verbs:
        yield f"  {place.command} {verb}"
        yield f"      {does}"


def _signature(outcome: RunOutcome, place: Place) -> Iterator[str]:
    began, ended = outcome.started_at, outcome.finished_at
    until = when(ended).removeprefix(f"{began:%Y-%m-%d} ")
    yield f"Run {outcome.run_id or 'that could not begin'}, on {platform.node()}, kore-etl {__version__}"
    yield f"{when(began)} to {until} UTC, {ago(ended - began)}"
    yield f"Configuration {clean(place.config)}"
    yield f"Warehouse {clean(place.warehouse)}"


def _paragraph(text: str) -> list[str]:
    """Indented lines of a width that every mail program shows."""
    wrapped = textwrap.wrap(text, WIDTH - 2, break_long_words=False, break_on_hyphens=False)
    return [f"  {line}" for line in wrapped]
