"""What differs between a read of the source and the stored rows, column by column; a warehouse that writes nothing.

`Comparing` takes the warehouse's place in a run: the windows are read and proven as ever, and compared instead of stored.
Hashes are not trusted here: a stored row may have been changed by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from etl.model import (
    Campaign,
    Difference,
    Emit,
    FailedRead,
    Loaded,
    Profile,
    Scope,
    ScopeState,
    Settled,
    State,
    Stock,
    Sweep,
    Verdict,
)
from etl.warehouse import absence, rows
from etl.warehouse.dialect import in_values
from etl.warehouse.lease import Lease
from etl.warehouse.schema import campaign_contact_lists, campaigns
from etl.warehouse.warehouse import Warehouse


class Comparing:
    """Stands in for a warehouse; `differences` holds what was found once the run has ended."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._found: list[Difference] = []
        self._seen: dict[Scope, set[str]] = {}
        self._unsure: set[Scope] = set()

    async def differences(self) -> tuple[Difference, ...]:
        """Everything found, and the stored rows that no window of a wholly proven scope showed."""
        found = list(self._found)
        for scope, seen in self._seen.items():
            if scope not in self._unsure:
                extra = sorted(await self._warehouse.live_ids(scope) - seen)
                found += [Difference(scope, campaign_id, "not in the source") for campaign_id in extra]
        return tuple(sorted(found, key=lambda one: (one.scope, one.campaign_id)))

    async def begin_run(self, verb: str, *, version: str, started_at: datetime) -> str:
        return f"{verb} {started_at:%Y%m%dT%H%M%SZ}"

    async def finish_run(self, run_id: str, *, verdict: Verdict, exit_code: int, totals: Mapping[str, Any]) -> None:
        pass

    def lease(
        self, account_id: str, *, seconds: float, wait_seconds: float = 0, emit: Emit | None = None
    ) -> AbstractAsyncContextManager[Lease]:
        return self._warehouse.lease(account_id, seconds=seconds, wait_seconds=wait_seconds, emit=emit)

    async def scope_state(self, scope: Scope) -> ScopeState:
        self._seen[scope] = set()
        return replace(await self._warehouse.scope_state(scope), proven=(), unproven=())

    async def store(
        self, lease: Lease, run_id: str, sweep: Sweep, *, app_rank: Mapping[str, int], rewrite: bool = False
    ) -> Loaded:
        scope = sweep.window.scope
        if sweep.state is State.UNPROVEN:
            self._unsure.add(scope)
        read = rows.once(record for record in sweep.records if isinstance(record, Campaign))
        self._seen[scope] |= {record.campaign_id for record in sweep.records if record.campaign_id is not None}
        found = await self._warehouse.compare(scope, read)
        self._found += found
        return Loaded(unchanged=len(read) - len(found), updated=len(found))

    async def store_failure(self, lease: Lease, run_id: str, failed: FailedRead) -> None:
        self._unsure.add(failed.window.scope)

    async def settle(
        self, lease: Lease, run_id: str, scope: Scope, absent: frozenset[str], *, accept: bool
    ) -> Settled:
        return Settled()

    async def stock(self, scope: Scope, created_before: datetime) -> Stock:
        return await self._warehouse.stock(scope, created_before)

    async def rejects_waiting(self, scope: Scope) -> int:
        return 0

    async def save_profile(self, lease: Lease, scope: Scope, profile: Profile) -> None:
        pass


async def live_ids(connection: AsyncConnection, scope: Scope) -> set[str]:
    """Ids of a scope's rows that are neither deleted nor missing."""
    found = await connection.execute(
        select(campaigns.c.campaign_id).where(absence.live(scope), campaigns.c.missing_since.is_(None))
    )
    return {row[0] for row in found}


async def compare(connection: AsyncConnection, scope: Scope, read: Sequence[Campaign]) -> list[Difference]:
    """What differs between these records and their stored rows. Rows that another app of the account owns are left out."""
    ids = [campaign.campaign_id for campaign in read]
    wanted = in_values(campaigns.c.campaign_id, ids, connection.dialect)
    stored = {row["campaign_id"]: row for row in (await connection.execute(select(campaigns).where(wanted))).mappings()}
    links = await _links(connection, ids)
    found = (
        _difference(scope, campaign, stored.get(campaign.campaign_id), links.get(campaign.campaign_id, set()))
        for campaign in read
    )
    return [difference for difference in found if difference is not None]


async def _links(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, set[int]]:
    link = campaign_contact_lists.c
    found: dict[str, set[int]] = {}
    wanted = in_values(link.campaign_id, ids, connection.dialect)
    for campaign_id, list_id in await connection.execute(
        select(link.campaign_id, link.contact_list_id).where(wanted)
    ):
        found.setdefault(campaign_id, set()).add(list_id)
    return found


def _difference(
    scope: Scope, campaign: Campaign, stored: Mapping[str, Any] | None, links: Iterable[int]
) -> Difference | None:
    if stored is None:
        return Difference(scope, campaign.campaign_id, "not stored")
    if stored["account_id"] == scope.account_id and stored["app_id"] != scope.app_id:
        return None
    if stored["deleted_at"] is not None:
        return Difference(scope, campaign.campaign_id, "marked deleted")
    fields = [name for name, value in rows.content(campaign, scope).items() if not rows.is_equal(name, stored[name], value)]
    if campaign.contact_lists is not None:
        wanted = {rows.contact_list_id(scope.account_id, name) for name in campaign.contact_lists}
        fields += ["contact_lists"] if wanted != set(links) else []
    return Difference(scope, campaign.campaign_id, "differs", tuple(fields)) if fields else None
