"""Whether a copy is fresh and complete, in plain words: of one scope, and of the whole warehouse. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from etl.figures import ScopeLine

STALE_AFTER = timedelta(hours=26)
"""A nightly run, and two hours' grace."""

NAMED = 3
"""Scopes that a sentence names before it counts the rest."""


class Health(StrEnum):
    """The worst that can be said of a scope, the gravest first."""

    NEVER = "never read"
    UNPROVEN = "not proven"
    STALE = "stale"
    REJECTED = "records rejected"
    GOOD = "fresh and complete"

    @property
    def rank(self) -> int:
        """0 is the gravest."""
        return list(Health).index(self)

    @property
    def needs_somebody(self) -> bool:
        """Whether it is worth a look."""
        return self is not Health.GOOD


class Told(Protocol):
    """What of a scope has to be known for it, however it is looked at; see `ScopeFreshness`."""

    @property
    def proven_until(self) -> datetime | None: ...
    @property
    def newest_proven_end(self) -> datetime | None: ...
    @property
    def unproven_windows(self) -> int: ...
    @property
    def rejects_waiting(self) -> int: ...


class Verdict(Struct, frozen=True):
    """The whole warehouse in a headline and a sentence. `worst`: what the colour says; None = nothing to judge."""

    worst: Health | None
    headline: str
    sentence: str
    proven_until: datetime | None
    """Up to when every scope is proven complete; None while one is not."""

    @property
    def is_complete(self) -> bool:
        return self.worst in (Health.GOOD, Health.REJECTED, Health.STALE)

    @property
    def is_fresh(self) -> bool:
        return self.worst in (Health.GOOD, Health.REJECTED)


def health(line: Told, age: timedelta | None) -> Health:
    """What ails a scope, if anything; `age` is that of its `proven_until`."""
    if line.newest_proven_end is None and not line.unproven_windows:
        return Health.NEVER
    if line.proven_until is None or line.unproven_windows or line.proven_until != line.newest_proven_end:
        return Health.UNPROVEN
    if age is not None and age > STALE_AFTER:
        return Health.STALE
    return Health.REJECTED if line.rejects_waiting else Health.GOOD


def worst_first(lines: Sequence[ScopeLine], now: datetime) -> list[tuple[ScopeLine, Health]]:
    """Each scope with what ails it; the gravest first, among equals the longest unproven."""
    judged = [(line, health(line, None if line.proven_until is None else now - line.proven_until)) for line in lines]
    beginning = datetime.min.replace(tzinfo=UTC)
    return sorted(judged, key=lambda one: (one[1].rank, one[0].proven_until or beginning, one[0].scope))


def verdict(lines: Sequence[ScopeLine], now: datetime) -> Verdict:
    """Fresh? Complete? As of when?"""
    if not lines:
        return Verdict(None, "Nothing to show", "No account is configured, and none was ever read.", None)
    judged = worst_first(lines, now)
    worst = judged[0][1]
    if all(one is Health.NEVER for _, one in judged):
        return Verdict(worst, "Nothing was read yet", "The first sync fills this page.", None)
    sick = [line for line, one in judged if one in (Health.NEVER, Health.UNPROVEN)]
    oldest = min((line.proven_until for line in lines if line.proven_until is not None), default=None)
    if sick:
        rest = f"; the other {_many(len(lines) - len(sick), 'channel')}" if len(sick) < len(lines) else ""
        well = [line.proven_until for line, one in judged if one not in (Health.NEVER, Health.UNPROVEN)]
        until = min((one for one in well if one is not None), default=None)
        shown = f"{rest} {_are(len(lines) - len(sick))} proven up to {_when(until)}" if until is not None else ""
        subject = f"{len(sick):,} of {_many(len(lines), 'channel')} {_are(len(sick))}"
        return Verdict(worst, "Not complete", f"{subject} not proven complete: {_named(sick)}{shown}.", None)
    everything = f"{_all(lines)} proven complete up to {_when(oldest)}"
    if worst is Health.STALE:
        stale = [line for line, one in judged if one is Health.STALE]
        which = "" if len(stale) == len(lines) else f" Behind: {_named(stale)}."
        return Verdict(worst, "Complete, but not fresh", f"{everything}, {_ago(now, oldest)}.{which}", oldest)
    if worst is Health.REJECTED:
        count = sum(line.rejects_waiting for line in lines)
        but = f"{_many(count, 'record')} could not be stored and {'waits' if count == 1 else 'wait'} in quarantine"
        return Verdict(worst, "Complete and fresh, with rejected records", f"{everything}; {but}.", oldest)
    return Verdict(worst, "Complete and fresh", f"{everything}, {_ago(now, oldest)}.", oldest)


def _all(lines: Sequence[ScopeLine]) -> str:
    accounts = len({line.scope.account_id for line in lines})
    if len(lines) == 1:
        return f"{_title(lines[0])} is"
    return f"All {_many(len(lines), 'channel')} of {_many(accounts, 'account')} are"


def _named(lines: Sequence[ScopeLine]) -> str:
    more = len(lines) - NAMED
    return ", ".join(map(_title, lines[:NAMED])) + (f" and {more:,} more" if more > 0 else "")


def _title(line: ScopeLine) -> str:
    return f"{line.name} {line.scope.channel.value}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def _when(instant: datetime | None) -> str:
    return "" if instant is None else f"{instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _ago(now: datetime, then: datetime | None) -> str:
    return f"{age(None if then is None else now - then)} ago"


def age(length: timedelta | None) -> str:
    """A length of time in one readable unit."""
    if length is None:
        return "-"
    seconds = max(0, round(length.total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
