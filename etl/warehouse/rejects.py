"""What `rejected_records` holds: a record once, however many nights repeat it, and one line per bad field of a scope.

A wholly rejected record waits until it is acknowledged, or until a proven read of its place no longer has it. A field's
line counts writes of campaigns with that field, so that an unchanged night leaves it alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, false, func, insert, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from etl.model import Campaign, FilteredDate, Reason, Rejected, Scope, State, Sweep
from etl.warehouse.dialect import in_values
from etl.warehouse.rows import Change, Refusal, digest63, storable
from etl.warehouse.schema import rejected_records as table

FIELD = "field:"
"""How the reason of a field's line begins."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row to insert, or to add to the one that is there."""

    rejected_id: int
    reason: str
    detail: str | None
    occurrences: int
    raw: str
    campaign_id: str | None
    record_created_at: datetime | None


def of_records(scope: Scope, rejected: Iterable[Rejected], refused: Iterable[tuple[Campaign, Refusal]]) -> list[Line]:
    """The lines of wholly rejected records: transform's, and those that only the warehouse can tell."""
    lines = [_line(scope, "record", one.key, one.reason, one.raw, one.campaign_id, one.created_at) for one in rejected]
    lines += [
        _line(scope, why.value, one.campaign_id, why.value, one.raw, one.campaign_id, one.created_at)
        for one, why in refused
    ]
    return _once(lines)


def of_fields(scope: Scope, changes: Iterable[Change]) -> list[Line]:
    """One line per bad field of the campaigns that are written now; the first is the sample."""
    lines: dict[str, Line] = {}
    for change in changes:
        for problem in change.problems if change.row is not None else ():
            before = lines.get(problem.field)
            count = before.occurrences + 1 if before else 1
            sample = before or _line(
                scope,
                "field",
                problem.field,
                FIELD + storable(problem.field),
                change.raw,
                change.row["campaign_id"] if change.row else None,
                None,
                storable(problem.problem),
            )
            lines[problem.field] = replace(sample, occurrences=count)
    return _once(lines.values())


def _line(
    scope: Scope,
    kind: str,
    key: str,
    reason: str,
    raw: str,
    campaign_id: str | None,
    created_at: datetime | None,
    detail: str | None = None,
) -> Line:
    rejected_id = digest63(scope.account_id, scope.app_id, scope.channel.value, kind, key)
    shown = None if campaign_id is None else storable(campaign_id)
    return Line(rejected_id, storable(reason), detail, 1, storable(raw), shown, created_at)


def _once(lines: Iterable[Line]) -> list[Line]:
    by_id = {line.rejected_id: line for line in lines}
    return [by_id[rejected_id] for rejected_id in sorted(by_id)]


# -- writing ----------------------------------------------------------------------------------------------------------


async def store(
    connection: AsyncConnection, run_id: str, sweep: Sweep, records: Sequence[Line], fields: Sequence[Line]
) -> None:
    """Insert new lines, add to known ones, and mark what a proven read no longer has."""
    lines = [*records, *fields]
    if lines:
        await _write(connection, run_id, sweep, lines)
    if sweep.state is State.PROVEN:
        await _mark_gone(connection, sweep, {line.rejected_id for line in records})


async def _write(connection: AsyncConnection, run_id: str, sweep: Sweep, lines: Sequence[Line]) -> None:
    wanted = in_values(table.c.rejected_id, [line.rejected_id for line in lines], connection.dialect)
    known = set(await connection.scalars(select(table.c.rejected_id).where(wanted)))
    if fresh := [_inserted(run_id, sweep, line) for line in lines if line.rejected_id not in known]:
        await connection.execute(insert(table), fresh)
    if again := [_updated(run_id, sweep, line) for line in lines if line.rejected_id in known]:
        await connection.execute(_UPDATE, again)


def _inserted(run_id: str, sweep: Sweep, line: Line) -> dict[str, Any]:
    scope = sweep.window.scope
    return {
        "rejected_id": line.rejected_id,
        "run_id": run_id,
        "account_id": scope.account_id,
        "app_id": scope.app_id,
        "channel": scope.channel.value,
        "campaign_id": line.campaign_id,
        "reason": line.reason,
        "detail": line.detail,
        "occurrences": line.occurrences,
        "raw": line.raw,
        "window_start": sweep.window.start,
        "window_end": _end(sweep),
        "record_created_at": line.record_created_at,
        "first_seen_at": sweep.finished_at,
        "last_seen_at": sweep.finished_at,
    }


def _updated(run_id: str, sweep: Sweep, line: Line) -> Mapping[str, Any]:
    return {
        "key": line.rejected_id,
        "by_run": run_id,
        "more": line.occurrences,
        "sample": line.raw,
        "what": line.detail,
        "start": sweep.window.start,
        "end": _end(sweep),
        "created": line.record_created_at,
        "at": sweep.finished_at,
    }


def _end(sweep: Sweep) -> datetime | None:
    return None if sweep.window.reason is Reason.UNDATED else sweep.window.end


_UPDATE = (
    update(table)
    .where(table.c.rejected_id == bindparam("key"))
    .values(
        run_id=bindparam("by_run"),
        occurrences=table.c.occurrences + bindparam("more", type_=table.c.occurrences.type),
        raw=bindparam("sample"),
        detail=bindparam("what"),
        window_start=bindparam("start"),
        window_end=bindparam("end"),
        record_created_at=bindparam("created"),
        last_seen_at=bindparam("at"),
        gone_at=None,
    )
)


async def _mark_gone(connection: AsyncConnection, sweep: Sweep, seen: set[int]) -> None:
    """Present records whose place this proven read covers, and which it did not have."""
    there = set(
        await connection.scalars(select(table.c.rejected_id).where(present(sweep.window.scope), _covered(sweep)))
    )
    if gone := sorted(there - seen):
        is_gone = in_values(table.c.rejected_id, gone, connection.dialect)
        await connection.execute(update(table).where(is_gone).values(gone_at=sweep.finished_at))


def _covered(sweep: Sweep) -> ColumnElement[bool]:
    """Whether a record would have come again: by its own date, else by the whole window that it came in last."""
    if sweep.window.reason is Reason.UNDATED:
        return true()
    if sweep.profile.filtered_date in (FilteredDate.UPDATED, FilteredDate.NEITHER):
        return false()
    created, start, end = table.c.record_created_at, sweep.window.start, sweep.window.end
    dated = and_(created >= start, created < end)
    return or_(dated, and_(created.is_(None), table.c.window_start >= start, table.c.window_end <= end))


def present(scope: Scope | None = None) -> ColumnElement[bool]:
    """Wholly rejected records that are not known to be gone; of one scope, or of all."""
    there = and_(table.c.gone_at.is_(None), table.c.reason.not_like(FIELD + "%"))
    if scope is None:
        return there
    return and_(
        table.c.account_id == scope.account_id,
        table.c.app_id == scope.app_id,
        table.c.channel == scope.channel.value,
        there,
    )


async def waiting(connection: AsyncConnection, scope: Scope) -> int:
    """How many wholly rejected records of a scope are neither gone nor acknowledged."""
    count = select(func.count()).select_from(table).where(present(scope), table.c.acknowledged_at.is_(None))
    return int(await connection.scalar(count) or 0)


async def acknowledge(connection: AsyncConnection, rejected_ids: Sequence[int], at: datetime) -> int:
    """Silence these; returns how many were not silenced before."""
    chosen = and_(in_values(table.c.rejected_id, rejected_ids, connection.dialect), table.c.acknowledged_at.is_(None))
    found = sorted(await connection.scalars(select(table.c.rejected_id).where(chosen)))
    if found:
        await connection.execute(update(table).where(chosen).values(acknowledged_at=at))
    return len(found)
