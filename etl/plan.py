"""Which windows to read tonight, why, and what they will cost. Pure: the ledger and the clock come in as values.

A night's windows of one scope never overlap and end with the open tail, so that a row that moves while the others are
read (a server that filters by `updatedAt`) is met there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from etl.intervals import intersect, subtract
from etl.model import Interval, Reason, Scope, ScopeState, Window

_MILLISECOND = timedelta(milliseconds=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Policy:
    """The settings that shape a night."""

    history_start: datetime
    lookback: timedelta
    settle: timedelta
    full_sweep_rows: int
    page_size: int


@dataclass(frozen=True, slots=True)
class Priced:
    """A planned window and its expected requests; None where nothing is known of the scope yet."""

    window: Window
    requests: int | None


def floor_ms(instant: datetime) -> datetime:
    """The wire knows milliseconds: the instant rounded down to one."""
    return instant - timedelta(microseconds=instant.microsecond % 1000)


def ceil_ms(instant: datetime) -> datetime:
    """The instant rounded up to a millisecond."""
    floored = floor_ms(instant)
    return floored if floored == instant else floored + _MILLISECOND


def sync(state: ScopeState, policy: Policy, now: datetime) -> tuple[Window, ...]:
    """Tonight's windows of one scope, oldest first, the open tail last. `now` is the run's start."""
    now = floor_ms(now)
    closed_until = max(now - policy.settle, policy.history_start)
    history = Interval(policy.history_start, closed_until)
    windows = _cut(state.scope, _wanted(state, policy, history))
    if closed_until < now:
        windows.append(Window(state.scope, closed_until, now, Reason.TAIL))
    return tuple(windows)


def backfill(
    state: ScopeState, now: datetime, *, start: datetime, end: datetime, only_gaps: bool
) -> tuple[Window, ...]:
    """The interval asked for, up to now; with `only_gaps`, what of it was never proven."""
    asked = [Interval(floor_ms(start), min(ceil_ms(end), floor_ms(now)))]
    if only_gaps:
        asked = list(subtract(asked, state.proven))
    return tuple(_cut(state.scope, [(Reason.BACKFILL, asked)]))


def gaps(state: ScopeState, policy: Policy, last_started_at: datetime) -> tuple[Interval, ...]:
    """What of the history was never proven, up to what the last `sync` should have proven: it began at
    `last_started_at` (now, where none ever did). What came later is not late yet."""
    until = max([floor_ms(last_started_at) - policy.settle, *(interval.end for interval in state.proven)])
    return subtract([Interval(policy.history_start, until)], state.proven)


def _wanted(state: ScopeState, policy: Policy, history: Interval) -> list[tuple[Reason, list[Interval]]]:
    """What to read, most telling reason first: an instant goes to the first reason that names it."""
    if not state.proven and not state.unproven:
        return [(Reason.FIRST, [history])]
    if state.stored <= policy.full_sweep_rows:
        return [(Reason.WHOLE, [history])]
    lookback = Interval(max(history.start, history.end - policy.lookback), history.end)
    return [
        (Reason.UNPROVEN, list(intersect([history], state.unproven))),
        (Reason.LOOKBACK, [lookback]),
        (Reason.GAP, list(subtract([history], state.proven))),
    ]


def _cut(scope: Scope, wanted: Iterable[tuple[Reason, list[Interval]]]) -> list[Window]:
    taken: list[Interval] = []
    windows: list[Window] = []
    for reason, intervals in wanted:
        fresh = subtract(intervals, taken)
        windows += [Window(scope, one.start, one.end, reason) for one in fresh]
        taken += fresh
    return sorted(windows, key=lambda window: window.start)


def price(window: Window, state: ScopeState, policy: Policy) -> Priced:
    """What a window will cost by its stored rows: one request where they fit a page that shows itself to be the last
    (see `etl.extract.proof`, L1), else its pages and a head."""
    if not state.proven and not state.unproven:
        return Priced(window, None)
    rows = _rows_in(window, state)
    page = min(policy.page_size, state.profile.largest_page or policy.page_size)
    return Priced(window, 1 if rows < min(page, state.profile.largest_page or 1) else ceil(rows / page) + 1)


def minutes(priced: Iterable[Priced], limits: Mapping[str, int]) -> float | None:
    """How long the rate limit makes the night: its busiest account's requests over that account's limit (0 = none).

    None where a price is unknown. `limits`: account_id -> requests a minute.
    """
    requests: dict[str, int] = {}
    for one in priced:
        if one.requests is None:
            return None
        account_id = one.window.scope.account_id
        requests[account_id] = requests.get(account_id, 0) + one.requests
    return max((count / limits[one] for one, count in requests.items() if limits[one]), default=0.0)


def _rows_in(window: Window, state: ScopeState) -> float:
    """Stored rows created in the window; a day that it cuts counts by the share of it."""
    rows = 0.0
    for day, count in state.density:
        start, end = max(window.start, day), min(window.end, day + _DAY)
        if start < end:
            rows += count * ((end - start) / _DAY)
    return rows
