"""What `rejected_records` holds: a record once, however many nights repeat it, and one line per bad field of a scope.

A wholly rejected record waits until it is acknowledged, or until a proven read of its place no longer has it. A field's
line counts writes of campaigns with that field, so that an unchanged night leaves it alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import RowMapping, and_, bindparam, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from etl.model import Campaign, FilteredDate, Reason, Rejected, Scope, State, Sweep, Unread
from etl.warehouse.dialect import in_values
from etl.warehouse.rows import Change, Refusal, digest63, storable, stored_text
from etl.warehouse.schema import rejected_records as table
from etl.warehouse.scoped import of_scope, told

FIELD = "field:"
"""How the reason of a field's line begins."""


class Met(Struct, frozen=True):
    """Where and when records were met. `end` None: without dates."""

    run_id: str
    scope: Scope
    start: datetime
    end: datetime | None
    at: datetime


class Line(Struct, frozen=True):
    """One row to insert, or to add to the one that is there."""

    rejected_id: int
    reason: str
    detail: str | None
    occurrences: int
    raw: str
    campaign_id: str | None
    record_created_at: datetime | None


def of_records(
    scope: Scope, rejected: Iterable[Rejected], refused: Iterable[tuple[Campaign | Unread, Refusal]]
) -> list[Line]:
    """The lines of wholly rejected records: transform's, and those that only the warehouse can tell."""
    lines = [_line(scope, "record", one.key, one.reason, one.raw, one.campaign_id, one.created_at) for one in rejected]
    lines += [
        _line(scope, why.value, one.campaign_id, why.value, stored_text(one.raw), one.campaign_id, one.created_at)
        for one, why in refused
    ]
    return _once(lines)


def of_fields(scope: Scope, new: Iterable[Campaign], changes: Iterable[Change]) -> list[Line]:
    """One line per bad field of the campaigns that are written now; the first is the sample."""
    lines: dict[str, Line] = {}
    written: list[Campaign | Change] = [one for one in new if one.problems]
    written += [one for one in changes if one.row is not None]
    for one in written:
        for problem in one.problems:
            before = lines.get(problem.field)
            count = before.occurrences + 1 if before else 1
            sample = before or _line(
                scope,
                "field",
                problem.field,
                FIELD + storable(problem.field),
                stored_text(one.raw),
                one.campaign_id,
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
    """Insert new lines, add to known ones, and mark what is gone: a proven read no longer has it, or any read has a
    record of the same campaign that can be read."""
    end = None if sweep.window.reason is Reason.UNDATED else sweep.window.end
    await write(
        connection, Met(run_id, sweep.window.scope, sweep.window.start, end, sweep.finished_at), [*records, *fields]
    )
    await _mark_gone(connection, sweep, {line.rejected_id for line in records})


async def write(connection: AsyncConnection, met: Met, lines: Sequence[Line]) -> None:
    """Insert new lines, add to known ones."""
    if not lines:
        return
    wanted = in_values(table.c.rejected_id, [line.rejected_id for line in lines], connection.dialect)
    known = set(await connection.scalars(select(table.c.rejected_id).where(wanted)))
    if fresh := [_inserted(met, line) for line in lines if line.rejected_id not in known]:
        await connection.execute(insert(table), fresh)
    if again := [_updated(met, line) for line in lines if line.rejected_id in known]:
        await connection.execute(_UPDATE, again)


def _inserted(met: Met, line: Line) -> dict[str, Any]:
    return {
        "rejected_id": line.rejected_id,
        "run_id": met.run_id,
        "account_id": met.scope.account_id,
        "app_id": met.scope.app_id,
        "channel": met.scope.channel.value,
        "campaign_id": line.campaign_id,
        "reason": line.reason,
        "detail": line.detail,
        "occurrences": line.occurrences,
        "raw": line.raw,
        "window_start": met.start,
        "window_end": met.end,
        "record_created_at": line.record_created_at,
        "first_seen_at": met.at,
        "last_seen_at": met.at,
    }


def _updated(met: Met, line: Line) -> Mapping[str, Any]:
    return {
        "key": line.rejected_id,
        "by_run": met.run_id,
        "more": line.occurrences,
        "sample": line.raw,
        "what": line.detail,
        "start": met.start,
        "end": met.end,
        "created": line.record_created_at,
        "at": met.at,
    }


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


async def _mark_gone(connection: AsyncConnection, sweep: Sweep, met: set[int]) -> None:
    if sweep.state is not State.PROVEN and not sweep.records and not sweep.unwanted:
        return  # a read that neither proves nor shows anything
    there = (await connection.execute(_THERE, told(sweep.window.scope))).mappings().all()
    if there:
        readable = {one.campaign_id for one in sweep.records if not isinstance(one, Rejected)} | sweep.unwanted
        gone = {row["rejected_id"] for row in there if row["campaign_id"] in readable or _is_covered(row, sweep)}
        await mark_gone(connection, gone - met, sweep.finished_at)


async def mark_gone(connection: AsyncConnection, rejected_ids: Iterable[int], at: datetime) -> None:
    """These no longer wait."""
    if ids := sorted(rejected_ids):
        chosen = in_values(table.c.rejected_id, ids, connection.dialect)
        await connection.execute(update(table).where(chosen).values(gone_at=at))


async def texts(connection: AsyncConnection, scope: Scope) -> list[int]:
    """Every line of a scope, those of fields and gone ones too, in id order."""
    return sorted(await connection.scalars(select(table.c.rejected_id).where(of_scope(table)), told(scope)))


async def reword(connection: AsyncConnection, raws: Mapping[int, str]) -> None:
    """Replace the raw texts of these lines."""
    if raws:
        await connection.execute(_REWORD, [{"key": one, "kept": raws[one]} for one in sorted(raws)])


_REWORD = update(table).where(table.c.rejected_id == bindparam("key")).values(raw=bindparam("kept"))


async def mark_fields_gone(connection: AsyncConnection, scope: Scope, still: Iterable[str], at: datetime) -> None:
    """Of a scope's bad fields, only `still` are bad."""
    waiting = select(table.c.rejected_id).where(
        of_scope(table), table.c.gone_at.is_(None), table.c.reason.like(FIELD + "%")
    )
    kept = {digest63(scope.account_id, scope.app_id, scope.channel.value, "field", one) for one in still}
    await mark_gone(connection, set(await connection.scalars(waiting, told(scope))) - kept, at)


def _is_covered(line: RowMapping, sweep: Sweep) -> bool:
    """Whether this read proves that a record did not come again: by its own date, else by the whole window that it came
    in last."""
    if sweep.state is not State.PROVEN:
        return False
    if sweep.window.reason is Reason.UNDATED:
        return True
    if sweep.profile.filtered_date in (FilteredDate.UPDATED, FilteredDate.NEITHER):
        return False
    start, end = sweep.window.start, sweep.window.end
    created_at, first, last = line["record_created_at"], line["window_start"], line["window_end"]
    if created_at is not None:
        return bool(start <= created_at < end)
    return last is not None and bool(start <= first and last <= end)


PRESENT = and_(table.c.gone_at.is_(None), table.c.reason.not_like(FIELD + "%"))
"""Wholly rejected records that are not known to be gone."""

PRESENT_IN_SCOPE = and_(of_scope(table), PRESENT)
"""The same, of one scope."""

_THERE = select(
    table.c.rejected_id, table.c.campaign_id, table.c.record_created_at, table.c.window_start, table.c.window_end
).where(PRESENT_IN_SCOPE)
_WAITING = select(func.count()).select_from(table).where(PRESENT_IN_SCOPE, table.c.acknowledged_at.is_(None))


async def waiting(connection: AsyncConnection, scope: Scope) -> int:
    """How many wholly rejected records of a scope are neither gone nor acknowledged."""
    return int(await connection.scalar(_WAITING, told(scope)) or 0)


async def acknowledge(connection: AsyncConnection, rejected_ids: Sequence[int], at: datetime) -> int:
    """Silence these; returns how many were not silenced before."""
    chosen = and_(in_values(table.c.rejected_id, rejected_ids, connection.dialect), table.c.acknowledged_at.is_(None))
    found = sorted(await connection.scalars(select(table.c.rejected_id).where(chosen)))
    if found:
        await connection.execute(update(table).where(chosen).values(acknowledged_at=at))
    return len(found)
