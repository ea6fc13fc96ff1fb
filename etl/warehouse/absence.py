"""When a stored campaign that the source no longer shows counts as missing, and when as deleted.

Absent from a proven read of the window it was created in: a candidate. At the run's end a candidate is marked
`missing_since`; one that an earlier run marked already is marked `deleted_at`. Nothing is ever removed. The loader
clears both marks when the campaign is seen again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from etl.model import FilteredDate, Scope, Settled, State, Stock, Sweep
from etl.warehouse.dialect import in_values
from etl.warehouse.schema import campaigns

BRAKE_ROWS = 20
BRAKE_SHARE = 0.05
"""More newly missing rows than both of these in one scope and run are not believed."""


async def candidates(connection: AsyncConnection, sweep: Sweep) -> frozenset[str]:
    """Live rows that a proven read of their window did not show; none where it is not known to be filtered by
    `createdAt`, as a row can then leave the window by being updated."""
    if sweep.state is not State.PROVEN or sweep.profile.filtered_date is not FilteredDate.CREATED:
        return frozenset()
    seen = {record.campaign_id for record in sweep.records}
    found = await connection.execute(
        select(campaigns.c.campaign_id).where(
            live(sweep.window.scope),
            campaigns.c.created_at >= sweep.window.start,
            campaigns.c.created_at < sweep.window.end,
        )
    )
    return frozenset(row[0] for row in found) - seen


async def settle(
    connection: AsyncConnection, run_id: str, scope: Scope, absent: frozenset[str], now: datetime, *, accept: bool
) -> Settled:
    """Mark a run's candidates in the caller's transaction; or nothing, where so many are new that the source is doubted
    and `accept` does not vouch for it."""
    if not absent:
        return Settled()
    rows = await connection.execute(
        select(campaigns.c.campaign_id, campaigns.c.missing_since).where(
            live(scope), in_values(campaigns.c.campaign_id, sorted(absent), connection.dialect)
        )
    )
    marks = {row[0]: row[1] for row in rows}
    fresh = sorted(key for key, missing_since in marks.items() if missing_since is None)
    again = sorted(key for key, missing_since in marks.items() if missing_since is not None)
    stored = await connection.scalar(select(func.count()).select_from(campaigns).where(live(scope)))
    if not accept and (brake := _brake(len(fresh), len(marks), stored or 0)):
        return Settled(brake=brake)
    await _mark(connection, fresh, missing_since=now, last_run_id=run_id)
    await _mark(connection, again, deleted_at=now, last_run_id=run_id)
    return Settled(missing=len(fresh), deleted=len(again))


async def stock(connection: AsyncConnection, scope: Scope, created_before: datetime) -> Stock:
    """Live rows created before an instant, those without a date included, and how many of them are missing."""
    found = await connection.execute(
        select(func.count(), func.count(campaigns.c.missing_since)).where(
            live(scope), or_(campaigns.c.created_at.is_(None), campaigns.c.created_at < created_before)
        )
    )
    row = found.one()
    return Stock(live=row[0], missing=row[1])


def live(scope: Scope) -> ColumnElement[bool]:
    """A scope's rows that are not taken as deleted."""
    return and_(
        campaigns.c.account_id == scope.account_id,
        campaigns.c.app_id == scope.app_id,
        campaigns.c.channel == scope.channel.value,
        campaigns.c.deleted_at.is_(None),
    )


def _brake(fresh: int, absent: int, stored: int) -> str | None:
    if not fresh or (fresh <= max(BRAKE_ROWS, BRAKE_SHARE * stored) and absent < stored):
        return None
    return (
        f"{fresh} of {stored} stored campaigns are gone from the source at once, so none was marked as missing. "
        "Look at the source first; if they are really gone, run `kore-etl sync --accept-deletions` once."
    )


async def _mark(connection: AsyncConnection, ids: Sequence[str], **values: object) -> None:
    if ids:
        chosen = in_values(campaigns.c.campaign_id, ids, connection.dialect)
        await connection.execute(update(campaigns).where(chosen).values(values))
