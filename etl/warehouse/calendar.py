"""What each day of a scope's past amounts to, and what of it is in doubt: at every instant the latest read decides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, timedelta

from msgspec import Struct
from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from etl.figures import Asked, Calendar, DayState, Doubt
from etl.intervals import intersect, merge, subtract
from etl.model import HINTS, Interval, Reason, Scope, State
from etl.warehouse.schema import sync_windows

READS = 5_000
"""The latest reads of a scope that are looked at. All of history is read again long before that many."""

DAY = timedelta(days=1)


class Read(Struct, frozen=True):
    """One line of the ledger."""

    state: State
    interval: Interval
    why: str
    keep: str | None


async def calendar(connection: AsyncConnection, scope: Scope, asked: Asked) -> Calendar:
    """One scope's days."""
    pieces = list(deciding(await _reads(connection, scope)))
    doubts = [
        Doubt(piece, read.why)
        for piece, read in sorted(pieces, key=lambda one: one[0])
        if read.state in (State.UNPROVEN, State.FAILED)
    ]
    return Calendar(scope, days(pieces, asked), _touching(doubts))


def days(latest: Sequence[tuple[Interval, Read]], asked: Asked) -> tuple[DayState, ...]:
    """The state of each day, the last one that of `now`. What was read after the last read, or before the first one,
    makes a day that was partly read no worse."""
    today = asked.now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first = today - (asked.days - 1) * DAY
    read_at_all = merge(piece for piece, _ in latest)
    reach = [Interval(read_at_all[0].start, read_at_all[-1].end)] if read_at_all else []
    holes = subtract(reach, read_at_all)
    by_state = {DayState(state.value): [p for p, read in latest if read.state is state] for state in State}
    by_state[DayState.NEVER] = list(holes)
    span = Interval(first, today + DAY)
    merged = {state: intersect(pieces, [span]) for state, pieces in by_state.items()}
    return tuple(_state(merged, Interval(first + n * DAY, first + (n + 1) * DAY)) for n in range(asked.days))


def _state(merged: dict[DayState, tuple[Interval, ...]], day: Interval) -> DayState:
    there = {state for state, pieces in merged.items() if any(p.start < day.end and day.start < p.end for p in pieces)}
    return next((state for state in DayState if state in there), DayState.NEVER)


def deciding(newest_first: Sequence[Read]) -> Iterable[tuple[Interval, Read]]:
    """Time in disjoint pieces, each with the latest read of it; only reads under the latest one's `keep` count."""
    taken: tuple[Interval, ...] = ()
    for read in newest_first:
        if read.keep == newest_first[0].keep:
            yield from ((piece, read) for piece in subtract([read.interval], taken))
            taken = merge((*taken, read.interval))


def _touching(doubts: Sequence[Doubt]) -> tuple[Doubt, ...]:
    """Neighbours with the same reason made one."""
    joined: list[Doubt] = []
    for doubt in doubts:
        if joined and joined[-1].interval.end == doubt.interval.start and joined[-1].why == doubt.why:
            joined[-1] = Doubt(Interval(joined[-1].interval.start, doubt.interval.end), doubt.why)
        else:
            joined.append(doubt)
    return tuple(joined)


async def _reads(connection: AsyncConnection, scope: Scope) -> list[Read]:
    """Newest first. A tail or a hint that was not proven says nothing, but that the tail is open."""
    line = sync_windows.c
    says_something = or_(
        line.state.in_([State.PROVEN.value, State.OPEN.value]),
        line.reason.not_in([reason.value for reason in (Reason.TAIL, *HINTS)]),
    )
    of_scope = and_(
        line.account_id == scope.account_id, line.app_id == scope.app_id, line.channel == scope.channel.value
    )
    found = await connection.execute(
        select(line.state, line.window_start, line.window_end, line.why, line.error, line.keep)
        .where(of_scope, says_something)
        .order_by(line.epoch.desc(), line.window_no.desc())
        .limit(READS)
    )
    return [Read(State(row[0]), Interval(row[1], row[2]), row[3] or row[4] or "", row[5]) for row in found]
