"""What the ledger's lines amount to: which stretches of a scope are proven, and which wait to be read again.

A later read is one with a greater (epoch, window_no): the lease's epoch counts an account's turns, whatever clocks do.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from etl.intervals import merge, subtract
from etl.model import Cost, FailedRead, Interval, Loaded, Reason, Scope, State, Sweep, Verdict, Window
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
    taken: tuple[Interval, ...] = ()
    pieces: list[tuple[Interval, datetime]] = []
    for line in sorted(lines, key=lambda line: (line.epoch, line.window_no), reverse=True):
        if line.state is State.PROVEN:
            pieces += [(piece, line.started_at) for piece in subtract([line.interval], taken)]
            taken = merge((*taken, line.interval))
    return tuple(sorted(pieces))


async def fed_at(connection: AsyncConnection, scope: Scope) -> datetime | None:
    """When the latest change feed that was read to its end began."""
    window = sync_windows.c
    is_fed = and_(of_scope(scope), window.reason == Reason.FEED.value, window.why.is_(None), window.error.is_(None))
    began: datetime | None = await connection.scalar(select(func.max(window.started_at)).where(is_fed))
    return began


async def lines(connection: AsyncConnection, scope: Scope) -> list[Line]:
    """Every read of a scope that says something of its window: a tail that failed will be read again as it is."""
    window = sync_windows.c
    found = await connection.execute(
        select(
            window.epoch, window.window_no, window.state, window.window_start, window.window_end, window.started_at
        ).where(of_scope(scope), or_(window.state == State.PROVEN.value, window.reason != Reason.TAIL.value))
    )
    return [Line(row[0], row[1], State(row[2]), Interval(row[3], row[4]), row[5]) for row in found]


def of_scope(scope: Scope) -> ColumnElement[bool]:
    return and_(
        sync_windows.c.account_id == scope.account_id,
        sync_windows.c.app_id == scope.app_id,
        sync_windows.c.channel == scope.channel.value,
    )


# -- writing ----------------------------------------------------------------------------------------------------------


async def begin(connection: AsyncConnection, run_id: str, verb: str, *, version: str, at: datetime) -> None:
    await connection.execute(
        insert(sync_runs).values(
            run_id=run_id, verb=verb, verdict=Verdict.RUNNING.value, started_at=at, version=version
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


async def note_sweep(
    connection: AsyncConnection, run_id: str, window_no: int, epoch: int, sweep: Sweep, loaded: Loaded, older: int
) -> None:
    """The line of a window that was read."""
    await connection.execute(
        insert(sync_windows).values(
            **_common(run_id, window_no, epoch, sweep.window, sweep.cost),
            **{name: getattr(loaded, name) for name in COUNTS},
            state=sweep.state.value,
            proof=sweep.proof.value if sweep.proof else None,
            why=None if sweep.why is None else storable(sweep.why),
            source_total=sweep.source_total,
            seen=sweep.seen,
            beyond=sweep.beyond,
            older=older,
            started_at=sweep.started_at,
            finished_at=sweep.finished_at,
        )
    )


async def note_failure(
    connection: AsyncConnection, run_id: str, window_no: int, epoch: int, failed: FailedRead
) -> None:
    """The line of a window that could not be read."""
    await connection.execute(
        insert(sync_windows).values(
            **_common(run_id, window_no, epoch, failed.window, failed.cost),
            **dict.fromkeys(COUNTS, 0),
            state=State.FAILED.value,
            seen=0,
            beyond=0,
            older=0,
            started_at=failed.started_at,
            finished_at=failed.finished_at,
            error=storable(str(failed.error)),
        )
    )


def _common(run_id: str, window_no: int, epoch: int, window: Window, cost: Cost) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "window_no": window_no,
        "epoch": epoch,
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
    }
