"""When a stored campaign that the source no longer shows counts as missing, and when as deleted.

Absent from a proven read of the window it was created in: a candidate; so is one that any read showed with values that
the account's `keep` leaves out. At the run's end a candidate is marked `missing_since`; one that an earlier run marked
already is marked `deleted_at`. Nothing is ever removed. The loader clears both marks when the campaign is stored again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from msgspec import Struct
from sqlalchemy import Dialect, Executable, and_, bindparam, func, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from etl.model import FilteredDate, Reason, Scope, Settled, State, Stock, Sweep, Window
from etl.warehouse import bulk, rejects, rows
from etl.warehouse.dialect import as_json, in_values, not_in_values
from etl.warehouse.schema import campaigns, rejected_records
from etl.warehouse.scoped import of_scope, told

BRAKE_ROWS = 20
BRAKE_SHARE = 0.05
"""More newly missing rows than both of these in one scope and run are not believed."""

CLOCK_GRAIN = timedelta(seconds=2)
"""How exactly the server's `Date` tells when it counted."""


class Gone(Struct, frozen=True):
    """A run's candidates: rows that the source did not show, and rows that it did and `keep` leaves out."""

    absent: frozenset[str]
    unwanted: frozenset[str]

    @property
    def any(self) -> bool:
        return bool(self.absent or self.unwanted)


async def is_empty(connection: AsyncConnection, window: Window) -> bool:
    """Whether no row of the listing was created in the window."""
    asked: dict[str, Any] = told(window.scope) | {"start": window.start, "end": window.end}
    return await connection.scalar(_ANY, asked) is None


async def candidates(connection: AsyncConnection, sweep: Sweep) -> frozenset[str]:
    """Live rows that a proven read of their place did not show.

    Their place is the window they were created in, where it is known to be filtered by `createdAt` (else a row can
    leave the window by being updated); a read without dates is everybody's. None where a record came without a readable
    id: it may be any of them.
    """
    undated = sweep.window.reason is Reason.UNDATED
    has_place = undated or sweep.profile.filtered_date is FilteredDate.CREATED
    seen = {record.campaign_id for record in sweep.records}
    if sweep.state is not State.PROVEN or not has_place or None in seen:
        return frozenset()
    shown = rows.usable(one for one in seen | sweep.unwanted if one is not None)
    asked: dict[str, Any] = told(sweep.window.scope) | {"shown": as_json(shown)}
    if not undated:
        asked |= {"start": sweep.window.start, "end": sweep.window.end}
    found = await connection.execute(_unseen(connection.dialect, undated=undated), asked)
    return frozenset(row[0] for row in found)


_IN_WINDOW = and_(campaigns.c.created_at >= bindparam("start"), campaigns.c.created_at < bindparam("end"))
_ANY = select(campaigns.c.campaign_id).where(of_scope(campaigns), _IN_WINDOW).limit(1)


@lru_cache(maxsize=16)
def _unseen(dialect: Dialect, *, undated: bool) -> Executable:
    column = campaigns.c
    place = true() if undated else _IN_WINDOW
    return select(column.campaign_id).where(LIVE, place, not_in_values(column.campaign_id, "shown", dialect))


async def unwanted(connection: AsyncConnection, sweep: Sweep) -> frozenset[str]:
    """Live rows that the read showed with values that are left out: what was seen needs no proof."""
    ids = sorted(rows.usable(sweep.unwanted))
    if not ids:
        return frozenset()
    wanted = in_values(campaigns.c.campaign_id, ids, connection.dialect)
    found = await connection.execute(select(campaigns.c.campaign_id).where(LIVE, wanted), told(sweep.window.scope))
    return frozenset(row[0] for row in found)


async def settle(
    connection: AsyncConnection, run_id: str, scope: Scope, gone: Gone, now: datetime, *, accept: bool
) -> Settled:
    """Mark a run's candidates in the caller's transaction; or nothing, where so many are newly absent that the source
    is doubted and `accept` does not vouch for it. Unwanted rows are no reason for doubt: the source has them."""
    ids = sorted(gone.absent | gone.unwanted)
    if not ids:
        return Settled()
    column = campaigns.c
    found = await connection.execute(
        select(column.campaign_id, column.missing_since, column.last_changed_at).where(
            LIVE, in_values(column.campaign_id, ids, connection.dialect)
        ),
        told(scope),
    )
    marks = {row[0]: (row[1], row[2]) for row in found}
    fresh = sorted(key for key, (missing_since, _) in marks.items() if missing_since is None)
    again = {key: changed_at for key, (missing_since, changed_at) in marks.items() if missing_since is not None}
    stored = await connection.scalar(select(func.count()).select_from(campaigns).where(LIVE), told(scope))
    lost, absent = gone.absent.intersection(fresh), gone.absent.intersection(marks)
    if not accept and (brake := _brake(len(lost), len(absent), stored or 0)):
        return Settled(brake=brake)
    await _miss(connection, fresh, run_id, now)
    await _delete(connection, again, run_id, now)
    return Settled(missing=len(fresh), deleted=len(again))


async def stock(connection: AsyncConnection, scope: Scope, counted_at: datetime, absent: frozenset[str]) -> Stock:
    """What a census answered at `counted_at`, a time told in whole seconds, may and must have counted. Rows that are
    missing, or `absent` in this run, may be gone already; a rejected record may have a row of its own or not."""
    asked = told(scope) | {"until": counted_at + CLOCK_GRAIN, "doubtful_from": counted_at - CLOCK_GRAIN}
    live, sure, rejected = (await connection.execute(_COUNTS, asked)).one()
    if absent:
        ids = in_values(campaigns.c.campaign_id, sorted(absent), connection.dialect)
        sure -= await connection.scalar(select(func.count()).select_from(campaigns).where(LIVE, _SURE, ids), asked) or 0
    return Stock(live=live + rejected, sure=sure)


LIVE = and_(of_scope(campaigns), campaigns.c.deleted_at.is_(None))
"""A scope's rows that are not taken as deleted."""

_SURE = and_(
    campaigns.c.missing_since.is_(None),
    or_(campaigns.c.created_at.is_(None), campaigns.c.created_at < bindparam("doubtful_from")),
)
_COUNTS = select(
    func.count(),
    func.count().filter(_SURE),
    select(func.count()).select_from(rejected_records).where(rejects.PRESENT_IN_SCOPE).scalar_subquery(),
).where(LIVE, or_(campaigns.c.created_at.is_(None), campaigns.c.created_at < bindparam("until")))
"""An index answers (`campaigns_by_creation`): it knows everything but which rows were absent tonight."""


def _brake(fresh: int, absent: int, stored: int) -> str | None:
    if not fresh or (fresh <= max(BRAKE_ROWS, BRAKE_SHARE * stored) and absent < stored):
        return None
    return (
        f"{fresh} of {stored} stored campaigns are gone from the source at once, so none was marked as missing. "
        "Look at the source first; if they are really gone, run `kore-etl sync --accept-deletions` once."
    )


async def _miss(connection: AsyncConnection, ids: Sequence[str], run_id: str, now: datetime) -> None:
    if ids:
        chosen = in_values(campaigns.c.campaign_id, ids, connection.dialect)
        await connection.execute(update(campaigns).where(chosen).values(missing_since=now, last_run_id=run_id))


async def _delete(connection: AsyncConnection, changed_at: Mapping[str, datetime], run_id: str, now: datetime) -> None:
    """A deletion is a change: it ends the version, at a time after the last one."""
    dates = {key: rows.later(now, changed) for key, changed in sorted(changed_at.items())}
    deleted = [{"key": key, "at": at, "changed": at, "by_run": run_id} for key, at in dates.items()]
    await bulk.each(connection, _DELETE, deleted)


_DELETE = (
    update(campaigns)
    .where(campaigns.c.campaign_id == bindparam("key"))
    .values(deleted_at=bindparam("at"), last_changed_at=bindparam("changed"), last_run_id=bindparam("by_run"))
)
