"""A warehouse that writes nothing: in a run, every window is compared with what is stored instead of being stored."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import datetime
from typing import Any

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
from etl.warehouse import rows
from etl.warehouse.lease import Lease
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

    async def settle(self, lease: Lease, run_id: str, scope: Scope, absent: frozenset[str], *, accept: bool) -> Settled:
        return Settled()

    async def stock(self, scope: Scope, created_before: datetime) -> Stock:
        return await self._warehouse.stock(scope, created_before)

    async def rejects_waiting(self, scope: Scope) -> int:
        return 0

    async def save_profile(self, lease: Lease, scope: Scope, profile: Profile) -> None:
        pass
