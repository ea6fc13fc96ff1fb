"""What the ledger's lines amount to: which stretches of a scope are proven, and which wait to be read again.

A line counts only under the `keep` it was read with: it says nothing of what another filter would have stored.
A later read is one with a greater (epoch, window_no): the lease's epoch counts an account's turns, whatever clocks do.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from etl.intervals import merge, subtract
from etl.model import HINTS, FailedRead, Interval, Loaded, Reason, Scope, State, Sweep, Verb, Verdict
from etl.warehouse.rows import storable
from etl.warehouse.schema import sync_runs, sync_windows

COUNTS = ("inserted", "updated", "unchanged", "revived", "links_added", "links_removed", "rejected")
"""The counts of `Loaded` that a line keeps."""


@dataclass(frozen=True, slots=True)
class Line:
    """What coverage needs to know of one read."""

    epoch: int
    window_no: int
    state: State
    interval: Interval
    started_at: datetime
    rows: int = 0
    """How many campaigns the source had in it, those that `keep` leaves out included."""


@dataclass(frozen=True, slots=True)
class Place:
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


async def fed_at(connection: AsyncConnection, scope: Scope, keep: str | None) -> datetime | None:
    """When the latest change feed that was read to its end began."""
    window = sync_windows.c
    is_fed = and_(
        _counts(scope, keep), window.reason == Reason.FEED.value, window.why.is_(None), window.error.is_(None)
    )
    began: datetime | None = await connection.scalar(select(func.max(window.started_at)).where(is_fed))
    return began


async def synced_at(connection: AsyncConnection, scope: Scope) -> datetime | None:
    """When the latest `sync` that read anything of the scope began."""
    of_sync = and_(sync_runs.c.run_id == sync_windows.c.run_id, sync_runs.c.verb == Verb.SYNC.value)
    latest = select(func.max(sync_runs.c.started_at)).select_from(sync_windows.join(sync_runs, of_sync))
    began: datetime | None = await connection.scalar(latest.where(_of_scope(scope)))
    return began


async def lines(connection: AsyncConnection, scope: Scope, keep: str | None) -> list[Line]:
    """Every read of a scope that says something of a closed window: a tail or a hint that failed says nothing."""
    window = sync_windows.c
    columns = (window.epoch, window.window_no, window.state, window.window_start, window.window_end, window.started_at)
    found = await connection.execute(
        select(*columns, window.seen - window.beyond).where(
            _counts(scope, keep),
            or_(window.state == State.PROVEN.value, window.reason.not_in([one.value for one in (Reason.TAIL, *HINTS)])),
        )
    )
    return [Line(row[0], row[1], State(row[2]), Interval(row[3], row[4]), row[5], row[6]) for row in found]


def _counts(scope: Scope, keep: str | None) -> ColumnElement[bool]:
    kept = sync_windows.c.keep
    return and_(_of_scope(scope), kept.is_(None) if keep is None else kept == keep)


def _of_scope(scope: Scope) -> ColumnElement[bool]:
    window = sync_windows.c
    return and_(
        window.account_id == scope.account_id,
        window.app_id == scope.app_id,
        window.channel == scope.channel.value,
    )


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
    await connection.execute(
        insert(sync_windows).values(
            **_common(place, sweep),
            **{name: getattr(loaded, name) for name in COUNTS},
            state=sweep.state.value,
            proof=sweep.proof.value if sweep.proof else None,
            why=None if sweep.why is None else storable(sweep.why),
            source_total=sweep.source_total,
            seen=sweep.seen,
            beyond=sweep.beyond,
            older=older,
        )
    )


async def note_failure(connection: AsyncConnection, place: Place, failed: FailedRead) -> None:
    """The line of a window that could not be read."""
    await connection.execute(
        insert(sync_windows).values(
            **_common(place, failed),
            **dict.fromkeys(COUNTS, 0),
            state=State.FAILED.value,
            seen=0,
            beyond=0,
            older=0,
            error=storable(str(failed.error)),
        )
    )


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
