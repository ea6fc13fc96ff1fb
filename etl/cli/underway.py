"""How far a run is and how long it still takes: counted in requests, which are what the limit counts. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from math import ceil

from msgspec import Struct, field

from etl.cli.output import ago_words, clean, number
from etl.model import AccountDone, Event, PageRead, Planned, RetriesSpent, Scope, State, Waiting, WindowDone

RATE_SECONDS = 30.0
"""The rate is that of the last so many seconds."""

RATE_EVENTS = 2_000
"""The most answers that it is counted from."""

SURE_AFTER = 3.0
"""Seconds before a time left is worth saying."""


class Listing(Struct):
    """One account's channel while it is read."""

    planned: int | None = None
    """Requests by the plan's price; None = the first total told will tell."""
    total: int | None = None
    requests: int = 0
    rows: int = 0
    ended: bool = False

    def expected(self, page_size: int) -> int | None:
        """About how many requests it takes in all; None before anything is known."""
        if self.ended:
            return self.requests
        if self.planned is not None:
            return max(self.planned, self.requests + 1)
        return None if self.total is None else max(ceil(self.total / page_size) + 2, self.requests + 1)


class Underway(Struct):
    """What has happened so far. `limits`: account -> requests a minute, 0 = none. `now` is a monotonic clock."""

    names: Mapping[Scope, str]
    limits: Mapping[str, int] = field(default_factory=dict)
    page_size: int = 100
    began: float = 0.0
    listings: dict[Scope, Listing] = field(default_factory=dict)
    """Those that have begun, in the order in which they did."""
    windows: int = 0
    done: int = 0
    troubled: int = 0
    retries_spent: bool = False
    waiting: dict[str, tuple[float, str]] = field(default_factory=dict)
    """Account -> (until when, why)."""
    answers: deque[float] = field(default_factory=lambda: deque(maxlen=RATE_EVENTS))

    def add(self, event: Event, now: float) -> None:
        match event:
            case Planned():
                self.windows += event.windows
                self.listings.setdefault(event.scope, Listing(event.requests))
            case PageRead():
                self._page(event, now)
            case Waiting():
                self.waiting[event.account_id] = (now + event.seconds, event.why)
            case RetriesSpent():
                self.retries_spent = True
            case AccountDone():
                self.waiting.pop(event.account_id, None)
                for scope in self.names:
                    if scope.account_id == event.account_id:
                        self.listings.setdefault(scope, Listing()).ended = True
            case WindowDone():
                self.done += 1
                self.troubled += event.state in (State.UNPROVEN, State.FAILED)

    def _page(self, event: PageRead, now: float) -> None:
        listing = self.listings.setdefault(event.scope, Listing())
        listing.requests += 1
        listing.rows += event.rows
        if listing.total is None:
            listing.total = event.total
        self.waiting.pop(event.scope.account_id, None)
        self.answers.append(now)

    # -- sums ---------------------------------------------------------------------------------------------------------

    @property
    def requests(self) -> int:
        return sum(one.requests for one in self.listings.values())

    @property
    def rows(self) -> int:
        return sum(one.rows for one in self.listings.values())

    @property
    def ended(self) -> int:
        """Listings that are through."""
        return sum(one.ended for one in self.listings.values())

    def expected(self) -> int | None:
        """About how many requests the run takes in all: what is not known yet is taken to be like what is."""
        known = [count for one in self.listings.values() if (count := one.expected(self.page_size)) is not None]
        if not known:
            return None
        unknown = max(len(self.names) - len(known), 0)
        return sum(known) + round(unknown * sum(known) / len(known))

    def rate(self, now: float) -> float:
        """Answers a minute, lately."""
        since = max(now - RATE_SECONDS, self.began)
        recent = sum(1 for at in self.answers if at >= since)
        return 60.0 * recent / max(now - since, 1.0)

    def left(self, now: float) -> float | None:
        """Seconds until the end: what is left at this rate, and no sooner than any account's limit allows."""
        expected, rate = self.expected(), self.rate(now)
        if expected is None or not rate or now - self.began < SURE_AFTER:
            return None
        return max(60.0 * (expected - self.requests) / rate, *self._limited())

    def _limited(self) -> Iterator[float]:
        """For each account under way: the seconds that its limit makes of what it has left. The first minute's worth
        is free."""
        yield 0.0
        per_account: dict[str, tuple[int, int]] = {}
        for scope, one in self.listings.items():
            done, total = per_account.get(scope.account_id, (0, 0))
            expected = one.expected(self.page_size) or one.requests
            per_account[scope.account_id] = (done + one.requests, total + expected)
        for account_id, (done, total) in per_account.items():
            limit = self.limits.get(account_id, 0)
            if limit and total > done:
                yield 60.0 * max(total - max(done, limit), 0) / limit

    # -- words --------------------------------------------------------------------------------------------------------

    def counts(self, now: float) -> list[str]:
        """How far it is, the most telling part first; as wide now as in an hour."""
        expected = self.expected()
        done = number(self.requests)
        told = f"{done}/{number(expected)}" if expected is not None else done
        left = self.left(now)
        return [
            f"{told:>9} requests",
            f"{ago_words(left)} left" if left is not None else "",
            f"{number(self.rate(now)):>3}/min",
        ]

    def summary(self, now: float) -> str:
        """What else there is to say, in a line."""
        if not self.requests:
            doing = self.wait(now) or ("waiting for the first answer" if self.windows else "planning")
            return clean(doing)
        told = [f"{number(self.ended)}/{number(len(self.names))} listings", f"{number(self.rows)} rows"]
        if self.troubled:
            told.append(f"{number(self.troubled)} not proven")
        if self.retries_spent:
            told.append("retries spent")
        if len(self.names) == 1 or len(self.active()) == 0:
            told.append(self.wait(now))
        return clean(", ".join(filter(None, told)))

    def active(self) -> list[Scope]:
        """Listings under way, those with most left first."""
        at_work = [scope for scope, one in self.listings.items() if one.requests and not one.ended]
        return sorted(at_work, key=lambda scope: -self._remaining(scope))

    def _remaining(self, scope: Scope) -> int:
        one = self.listings[scope]
        return (one.expected(self.page_size) or 0) - one.requests

    def wait(self, now: float, account_id: str | None = None) -> str:
        """Who waits longest, for how long and why; empty when nobody does. Of one account without its name."""
        waiting = self.waiting.items()
        ends = [(until, one, why) for one, (until, why) in waiting if until > now and account_id in (None, one)]
        if not ends:
            return ""
        until, longest, why = max(ends)
        told = f"waits {until - now:.0f} s ({why.rstrip('.')})"
        if account_id is not None:
            return clean(told)
        name = next((name for scope, name in self.names.items() if scope.account_id == longest), longest)
        return f"{name} {told}" + (f", {len(ends) - 1} more waiting" if ends[1:] else "")
