"""What the ledger's lines amount to: which stretches of a scope are proven, and which wait to be read again.

A line counts only under the `keep` it was read with: it says nothing of what another filter would have stored.
A later read is one with a greater (epoch, window_no): the lease's epoch counts an account's turns, whatever clocks do.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct
from sqlalchemy import and_, bindparam, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from etl.intervals import merge, subtract
from etl.model import HINTS, FailedRead, Interval, Loaded, Reason, Scope, State, Sweep, Verb, Verdict
from etl.warehouse.rows import storable
from etl.warehouse.schema import sync_runs, sync_windows
from etl.warehouse.scoped import of_scope, told

COUNTS = ("inserted", "updated", "unchanged", "revived", "links_added", "links_removed", "rejected")
"""The counts of `Loaded` that a line keeps."""


class Line(Struct, frozen=True):
    """What coverage needs to know of one read."""

    epoch: int
    window_no: int
    state: State
    interval: Interval
    started_at: datetime
    rows: int = 0
    """How many campaigns the source had in it, those that `keep` leaves out included."""


class Place(Struct, frozen=True):
    """Where a line stands, and the filter its read has passed."""

    run_id: str
    window_no: int
    epoch: int
    keep: str | None


def proven(lines: Iterable[Line]) -> tuple[Interval, ...]:
    """Every instant that some read has proven, ever; merged and sorted."""
    return merge(line.interval for line in lines if line.state is State.PROVEN)


def unproven(lines: Iterable[Line]) -> tuple[Interval, ...]:
    """What unproven and failed reads left that no later read has proven; merged and sorted."""
    later: tuple[Interval, ...] = ()
    waiting: list[Interval] = []
    for line in sorted(lines, key=lambda line: (line.epoch, line.window_no), reverse=True):
        if line.state is State.PROVEN:
            later = merge((*later, line.interval))
        elif line.state is not State.OPEN:
            waiting += subtract([line.interval], later)
    return merge(waiting)


def proofs(lines: Iterable[Line]) -> tuple[tuple[Interval, datetime], ...]:
    """The proven time in disjoint, sorted pieces, each with the start of the latest read that proved it."""
    return tuple(sorted((piece, line.started_at) for piece, line in _latest(lines)))


def listed(lines: Iterable[Line]) -> int:
    """About how many campaigns the source has in the proven time: a piece counts by its share of the read's time."""
    return round(sum(line.rows * (_length(piece) / _length(line.interval)) for piece, line in _latest(lines)))


def _latest(lines: Iterable[Line]) -> list[tuple[Interval, Line]]:
    """The proven time in disjoint pieces, each with the latest line that proved it."""
    taken: tuple[Interval, ...] = ()
    pieces: list[tuple[Interval, Line]] = []
    for line in sorted(lines, key=lambda line: (line.epoch, line.window_no), reverse=True):
        if line.state is State.PROVEN:
            pieces += [(piece, line) for piece in subtract([line.interval], taken)]
            taken = merge((*taken, line.interval))
    return pieces


def _length(interval: Interval) -> timedelta:
    return interval.end - interval.start


async def lines(connection: AsyncConnection, scope: Scope, keep: str | None) -> list[Line]:
    """Every read of a scope that says something of a closed window: a tail or a hint that failed says nothing."""
    found = await connection.execute(_LINES, told(scope) | {"keep": keep})
    return [Line(row[0], row[1], State(row[2]), Interval(row[3], row[4]), row[5], row[6]) for row in found]


_window = sync_windows.c
_COUNTS = and_(of_scope(sync_windows), _window.keep.is_not_distinct_from(bindparam("keep")))
_SAYS_SOMETHING = or_(
    _window.state == State.PROVEN.value, _window.reason.not_in([one.value for one in (Reason.TAIL, *HINTS)])
)
_LINES = select(
    _window.epoch,
    _window.window_no,
    _window.state,
    _window.window_start,
    _window.window_end,
    _window.started_at,
    _window.seen - _window.beyond,
).where(_COUNTS, _SAYS_SOMETHING)

_FED = and_(_COUNTS, _window.reason == Reason.FEED.value, _window.why.is_(None), _window.error.is_(None))
FED_AT = select(func.max(_window.started_at)).where(_FED).scalar_subquery()
"""When the latest change feed that was read to its end began."""

_OF_SYNC = and_(sync_runs.c.run_id == _window.run_id, sync_runs.c.verb == Verb.SYNC.value)
_SYNCED = select(func.max(sync_runs.c.started_at)).select_from(sync_windows.join(sync_runs, _OF_SYNC))
SYNCED_AT = _SYNCED.where(of_scope(sync_windows)).scalar_subquery()
"""When the latest `sync` that read anything of the scope began."""


# -- writing ----------------------------------------------------------------------------------------------------------


async def begin(
    connection: AsyncConnection, run_id: str, verb: str, *, version: str, at: datetime, holder: str
) -> None:
    await connection.execute(
        insert(sync_runs).values(
            run_id=run_id, verb=verb, verdict=Verdict.RUNNING.value, started_at=at, version=version, holder=holder
        )
    )


async def finish(
    connection: AsyncConnection, run_id: str, verdict: Verdict, exit_code: int, totals: Mapping[str, Any], at: datetime
) -> None:
    await connection.execute(
        update(sync_runs)
        .where(sync_runs.c.run_id == run_id)
        .values(verdict=verdict.value, exit_code=exit_code, finished_at=at, totals=json.dumps(dict(totals)))
    )


async def note_sweep(connection: AsyncConnection, place: Place, sweep: Sweep, loaded: Loaded, older: int) -> None:
    """The line of a window that was read."""
    line = {
        **_common(place, sweep),
        **{name: getattr(loaded, name) for name in COUNTS},
        "state": sweep.state.value,
        "proof": sweep.proof.value if sweep.proof else None,
        "why": None if sweep.why is None else storable(sweep.why),
        "source_total": sweep.source_total,
        "seen": sweep.seen,
        "beyond": sweep.beyond,
        "older": older,
    }
    await connection.execute(_NOTE, line)


async def note_failure(connection: AsyncConnection, place: Place, failed: FailedRead) -> None:
    """The line of a window that could not be read."""
    line = {
        **_common(place, failed),
        **dict.fromkeys((*COUNTS, "seen", "beyond", "older"), 0),
        "state": State.FAILED.value,
        "error": storable(str(failed.error)),
    }
    await connection.execute(_NOTE, line)


_NOTE = insert(sync_windows)


def _common(place: Place, read: Sweep | FailedRead) -> dict[str, Any]:
    window, cost = read.window, read.cost
    return {
        "run_id": place.run_id,
        "window_no": place.window_no,
        "epoch": place.epoch,
        "keep": place.keep,
        "account_id": window.scope.account_id,
        "app_id": window.scope.app_id,
        "channel": window.scope.channel.value,
        "window_start": window.start,
        "window_end": window.end,
        "reason": window.reason.value,
        "requests": cost.requests,
        "retries": cost.retries,
        "throttled_seconds": cost.throttled_seconds,
        "attempts": cost.sweeps,
        "started_at": read.started_at,
        "finished_at": read.finished_at,
    }
