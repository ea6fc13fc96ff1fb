"""What changed in each scope since an instant, for `status`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from etl.model import Channel, Scope
from etl.warehouse.schema import campaigns, sync_windows


class Changes(Struct, frozen=True):
    """Campaigns stored for the first time, changed, newly taken as deleted; and missing now, whenever they went."""

    new: int = 0
    changed: int = 0
    deleted: int = 0
    missing: int = 0

    def __add__(self, other: Changes) -> Changes:
        return Changes(
            self.new + other.new,
            self.changed + other.changed,
            self.deleted + other.deleted,
            self.missing + other.missing,
        )


async def changes(connection: AsyncConnection, since: datetime) -> Mapping[Scope, Changes]:
    """Scopes without any change are left out."""
    window, row = sync_windows.c, campaigns.c
    written = select(
        *(window.account_id, window.app_id, window.channel),
        func.sum(window.inserted),
        func.sum(window.updated + window.revived),
    ).where(window.started_at >= since, or_(window.inserted > 0, window.updated > 0, window.revived > 0))
    found = {}
    for line in await connection.execute(written.group_by(window.account_id, window.app_id, window.channel)):
        found[Scope(line[0], line[1], Channel(line[2]))] = Changes(new=int(line[3]), changed=int(line[4]))
    gone = select(
        *(row.account_id, row.app_id, row.channel),
        func.count(row.deleted_at),
        func.count(),
    ).where(or_(row.deleted_at >= since, (row.missing_since.is_not(None)) & (row.deleted_at.is_(None))))
    for line in await connection.execute(gone.group_by(row.account_id, row.app_id, row.channel)):
        scope = Scope(line[0], line[1], Channel(line[2]))
        found[scope] = replace(found.get(scope, Changes()), deleted=line[3], missing=line[4] - line[3])
    return found
