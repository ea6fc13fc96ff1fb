"""Which windows to read tonight, why, and what they will cost. Pure: the ledger and the clock come in as values.

A night's closed windows of one scope never overlap. The census comes first, the hints after the closed windows, and the
open tail last, so that a row that moves while the others are read (a server that filters by `updatedAt`) is met there.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from math import ceil
from operator import itemgetter

from msgspec import Struct
from msgspec.structs import replace

from etl.intervals import intersect, subtract
from etl.model import BEGINNING, HINTS, UNDATED_ROWS, FilteredDate, Interval, Reason, Scope, ScopeState, Window

_MILLISECOND = timedelta(milliseconds=1)
_DAY = timedelta(days=1)


class Policy(Struct, frozen=True):
    """The settings that shape a night."""

    history_start: datetime
    lookback: timedelta
    settle: timedelta
    full_sweep_rows: int
    resweep_days: int
    page_size: int
    max_window_rows: int


class Priced(Struct, frozen=True):
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


# -- what to read -----------------------------------------------------------------------------------------------------


def sync(state: ScopeState, policy: Policy, now: datetime) -> tuple[Window, ...]:
    """Tonight's windows of one scope: the census, the closed ones oldest first, the hints, the open tail.

    `now` is the run's start.
    """
    now = floor_ms(now)
    closed_until = max(now - policy.settle, policy.history_start)
    history = Interval(policy.history_start, closed_until)
    if _needs_no_dates(state, policy) and history.start < history.end:
        return (Window(state.scope, history.start, history.end, Reason.UNDATED),)
    windows = [*_census(state, policy, now), *_cut(state.scope, _wanted(state, policy, history))]
    if is_large(state, policy):
        windows += _hints(state, policy, now)
    if closed_until < now:
        windows.append(Window(state.scope, closed_until, now, Reason.TAIL))
    return tuple(windows)


def everything(scope: Scope, policy: Policy, now: datetime) -> tuple[Window, ...]:
    """The whole history and the tail, whatever is known of them."""
    return tuple(one for one in sync(ScopeState(scope), policy, now) if one.reason not in HINTS)


def backfill(
    state: ScopeState, now: datetime, *, start: datetime, end: datetime, only_gaps: bool
) -> tuple[Window, ...]:
    """The interval asked for, up to now; with `only_gaps`, what of it was never proven."""
    asked = [Interval(max(floor_ms(start), BEGINNING), min(ceil_ms(end), floor_ms(now)))]
    if only_gaps:
        asked = list(subtract(asked, state.proven))
    return tuple(_cut(state.scope, [(Reason.BACKFILL, asked)]))


def whole(scope: Scope, policy: Policy, now: datetime, total: int) -> Window | None:
    """The whole history, where a census of `total` disagreed with what windows showed: without dates, unless that would
    be too much at once. None where there is no history yet."""
    closed_until = floor_ms(now) - policy.settle
    reason = Reason.UNDATED if total <= UNDATED_ROWS else Reason.DISAGREED
    return Window(scope, policy.history_start, closed_until, reason) if policy.history_start < closed_until else None


def left(windows: Iterable[Window], state: ScopeState, policy: Policy, since: datetime) -> tuple[Window, ...]:
    """What of the windows no read that began at or after `since` has proven: for a run that resumes another.

    The census, the tail and what is never proven stay; so do the moments that have closed meanwhile.
    """
    done = [interval for interval, read_at in state.proofs if read_at >= since]
    fed = state.fed_at is not None and state.fed_at >= since
    rest: list[Window] = []
    for window in windows:
        if window.reason is Reason.UNDATED:  # cannot be cut: read whole, or not where such a read has just been proven
            rest += [window] if subtract([Interval(window.start, since - policy.settle)], done) else []
        elif window.reason in (*HINTS, Reason.TAIL):
            rest += [window] if window.reason is not Reason.FEED or not fed else []
        else:
            rest += [replace(window, start=one.start, end=one.end) for one in subtract([window.interval], done)]
    return tuple(rest)


def gaps(state: ScopeState, policy: Policy, now: datetime, within: Interval | None = None) -> tuple[Interval, ...]:
    """What of the history was never proven, up to what the last `sync` of the scope should have proven; all, where none
    ever read it. What came later is not late yet, unless an interval is asked for."""
    if within is not None:
        return subtract(intersect([Interval(policy.history_start, within.end)], [within]), state.proven)
    until = max([floor_ms(state.synced_at or now) - policy.settle, *(interval.end for interval in state.proven)])
    return subtract([Interval(policy.history_start, until)], state.proven)


def is_large(state: ScopeState, policy: Policy) -> bool:
    """Whether the scope is too large to be read whole every night, so that only what is due is read."""
    return bool(state.proven or state.unproven) and _size(state) > policy.full_sweep_rows


def _size(state: ScopeState) -> int:
    """Campaigns of the scope: those stored, or about as many as the source lists where `keep` stores only some."""
    return max(state.stored, state.listed)


def _wanted(state: ScopeState, policy: Policy, history: Interval) -> list[tuple[Reason, Iterable[Interval]]]:
    """What to read, most telling reason first: an instant goes to the first reason that names it."""
    if not state.proven and not state.unproven:
        return [(Reason.FIRST, [history])]
    if not is_large(state, policy):
        return [(Reason.WHOLE, [history])]
    lookback = Interval(max(history.start, history.end - policy.lookback), history.end)
    due: list[tuple[Reason, Iterable[Interval]]] = [
        (Reason.UNPROVEN, intersect([history], state.unproven)),
        (Reason.PENDING, intersect([history], map(_day_of, state.missing))),
        (Reason.LOOKBACK, [lookback]),
        (Reason.GAP, subtract([history], state.proven)),
    ]
    taken = [interval for _, intervals in due for interval in intervals]
    return [*due, (Reason.RESWEEP, _rolling_share(state, policy, history, taken))]


def _rolling_share(
    state: ScopeState, policy: Policy, history: Interval, taken: Iterable[Interval]
) -> tuple[Interval, ...]:
    """The part of the history whose proof is oldest: 1/`resweep_days` of the rows, and all that is older than that."""
    share = ceil(_size(state) / policy.resweep_days)
    taken, picked = list(taken), list[Interval]()
    for piece, read_at in sorted(state.proofs, key=lambda proof: (proof[1], proof[0])):
        overdue = history.end - read_at >= _DAY * policy.resweep_days
        if share <= 0 and not overdue:
            break
        for interval in subtract(intersect([piece], [history]), taken):
            part = interval if overdue else _first_rows(interval, state, share)
            picked.append(part)
            share -= ceil(_rows_in(part, state))
            if share <= 0 and not overdue:
                break
    return intersect([history], picked)


def _first_rows(interval: Interval, state: ScopeState, rows: int) -> Interval:
    """The beginning of an interval that holds about so many rows, cut at a midnight."""
    scale = _scale(state)
    for day, count in _days_in(interval, state):
        rows -= ceil(count * scale)
        if rows <= 0:
            return Interval(interval.start, min(day + _DAY, interval.end))
    return interval


def _needs_no_dates(state: ScopeState, policy: Policy) -> bool:
    """Whether one read without dates shows what windows cannot: the server filters another date than `createdAt`, or
    none, or rows have no date."""
    if not _is_all_stored(state, policy) or not (state.proven or state.unproven) or _size(state) > UNDATED_ROWS:
        return False
    if state.profile.filtered_date is FilteredDate.NEITHER:
        return True
    if is_large(state, policy):
        return False
    dateless = state.stored - sum(rows for _, rows in state.density)
    return state.profile.filtered_date is FilteredDate.UPDATED or dateless > 0


def _is_all_stored(state: ScopeState, policy: Policy) -> bool:
    """Whether what an undated request tells is what should be stored: no `keep`, no later start of the history."""
    return state.profile.undated_works is not False and state.keep is None and policy.history_start <= BEGINNING


def _census(state: ScopeState, policy: Policy, now: datetime) -> list[Window]:
    """The source's own total shows what no window shows."""
    if not _is_all_stored(state, policy):
        return []
    return [Window(state.scope, policy.history_start, now, Reason.CENSUS)]


def _hints(state: ScopeState, policy: Policy, now: datetime) -> list[Window]:
    """Campaigns of any age that changed, or that may change without saying so: one or two requests each."""
    windows = []
    if state.unfinished and state.profile.status_filter_works is not False:
        windows.append(Window(state.scope, policy.history_start, now, Reason.UNFINISHED))
    if state.profile.undated_works is not False and state.profile.order_kept is not False:
        oldest = min((read_at for _, read_at in state.proofs), default=policy.history_start)
        since = max(oldest, state.fed_at or oldest) - policy.settle
        windows.append(Window(state.scope, floor_ms(since), now, Reason.FEED))
    return windows


def _day_of(instant: datetime) -> Interval:
    midnight = instant.replace(hour=0, minute=0, second=0, microsecond=0)
    return Interval(midnight, midnight + _DAY)


def _cut(scope: Scope, wanted: Iterable[tuple[Reason, Iterable[Interval]]]) -> list[Window]:
    taken: list[Interval] = []
    windows: list[Window] = []
    for reason, intervals in wanted:
        fresh = subtract(intervals, taken)
        windows += [Window(scope, one.start, one.end, reason) for one in fresh]
        taken += fresh
    return sorted(windows, key=lambda window: window.start)


# -- what it costs ----------------------------------------------------------------------------------------------------


def price(window: Window, state: ScopeState, policy: Policy) -> Priced:
    """What a window will cost by its stored rows: one request where they fit a page that shows itself to be the last
    (see `etl.extract.proof`, L1), else its pages and a head. A change feed is priced as one page."""
    if (not state.proven and not state.unproven) or (state.listed and not state.density):
        return Priced(window, None)
    page = min(policy.page_size, state.profile.largest_page or policy.page_size)
    if window.reason in HINTS:
        return Priced(window, max(1, ceil(state.unfinished / page)) if window.reason is Reason.UNFINISHED else 1)
    rows = _rows_in(window.interval, state)
    if window.reason is Reason.UNDATED:
        return Priced(window, 2 * ceil(state.stored / page) + 1)  # two equal sweeps and a count (L4)
    if rows > policy.max_window_rows:  # a head, a look at the last part, and the parts, filled to four fifths
        parts = ceil(rows / (0.8 * policy.max_window_rows))
        return Priced(window, 2 + parts * _sweep(rows / parts, page, state))
    return Priced(window, _sweep(rows, page, state))


def requests(windows: Iterable[Window], state: ScopeState, policy: Policy) -> int | None:
    """What these windows of one scope cost together; None where one of them has no price."""
    prices = [price(window, state, policy).requests for window in windows]
    known = [one for one in prices if one is not None]
    return sum(known) if len(known) == len(prices) else None


def _sweep(rows: float, page: int, state: ScopeState) -> int:
    return 1 if rows < min(page, state.profile.largest_page or 1) else ceil(rows / page) + 1


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


def _rows_in(interval: Interval, state: ScopeState) -> float:
    """Rows created in the interval, by the days of the stored ones; a day that it cuts counts by the share of it."""
    days = _days_in(interval, state)
    rows = float(sum(map(itemgetter(1), days[1:-1])))  # only the first and the last can be cut
    for day, count in (*days[:1], *days[1:][-1:]):
        start, end = max(interval.start, day), min(interval.end, day + _DAY)
        rows += count * ((end - start) / _DAY)
    return rows * _scale(state)


def _days_in(interval: Interval, state: ScopeState) -> Sequence[tuple[datetime, int]]:
    """The days of the density that the interval touches: found, because there are years of days and many windows."""
    first = bisect_right(state.density, interval.start, key=lambda day: day[0] + _DAY)
    return state.density[first : bisect_left(state.density, interval.end, key=lambda day: day[0])]


def _scale(state: ScopeState) -> float:
    """How many rows the source lists for one that is stored."""
    return _size(state) / state.stored if state.stored else 1.0
