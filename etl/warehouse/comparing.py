"""A warehouse that writes nothing: in a run, every window is compared with what is stored instead of being stored."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any

from etl.model import (
    Campaign,
    Difference,
    Emit,
    FailedRead,
    Loaded,
    Profile,
    Rejected,
    RunOutcome,
    Scope,
    ScopeOutcome,
    ScopeState,
    Settled,
    State,
    Stock,
    Sweep,
    Unread,
    Verdict,
)
from etl.warehouse import rows
from etl.warehouse.lease import Lease
from etl.warehouse.warehouse import Warehouse


def _whole(record: Campaign | Unread) -> Campaign:
    if isinstance(record, Unread):
        raise TypeError("A campaign to be compared was not read.")
    return record


class Comparing:
    """Stands in for a warehouse; `differences` holds what was found once the run has ended."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._found: list[Difference] = []
        self._seen: dict[Scope, set[str]] = {}
        self._unwanted: dict[Scope, set[str]] = {}

    async def differences(self, outcome: RunOutcome) -> tuple[Difference, ...]:
        """Everything found, stored rows that `keep` leaves out, and those that no window of a wholly proven scope
        showed: of a scope that was not read to its end nobody can say what is not in it."""
        found = list(self._found)
        sure = {one.scope for one in outcome.scopes if _is_sure(one)}
        for scope, seen in self._seen.items():
            live, unwanted = await self._warehouse.live_ids(scope), self._unwanted[scope]
            found += [Difference(scope, campaign_id, "not wanted") for campaign_id in live & unwanted]
            if scope in sure:
                gone = live - seen - unwanted
                found += [Difference(scope, campaign_id, "not in the source") for campaign_id in gone]
        return tuple(sorted(found, key=lambda one: (one.scope, one.campaign_id)))

    async def begin_run(self, verb: str, *, version: str, started_at: datetime) -> str:
        return f"{verb} {started_at:%Y%m%dT%H%M%SZ}"

    async def finish_run(self, run_id: str, *, verdict: Verdict, exit_code: int, totals: Mapping[str, Any]) -> None:
        pass

    def lease(
        self, account_id: str, *, seconds: float, wait_seconds: float = 0, emit: Emit | None = None
    ) -> AbstractAsyncContextManager[Lease]:
        return self._warehouse.lease(account_id, seconds=seconds, wait_seconds=wait_seconds, emit=emit)

    async def scope_state(self, scope: Scope, keep: str | None = None) -> ScopeState:
        self._seen[scope], self._unwanted[scope] = set(), set()
        return await self._warehouse.scope_state(scope, keep)

    async def store(
        self,
        lease: Lease,
        run_id: str,
        sweep: Sweep,
        *,
        app_rank: Mapping[str, int],
        rewrite: bool = False,
        keep: str | None = None,
    ) -> Loaded:
        scope = sweep.window.scope
        read = rows.once(_whole(record) for record in sweep.records if not isinstance(record, Rejected))
        shown = {record.campaign_id for record in sweep.records if record.campaign_id is not None}
        self._seen[scope] |= shown
        self._unwanted[scope] = (self._unwanted[scope] | sweep.unwanted) - shown
        found = await self._warehouse.compare(scope, [read[one] for one in sorted(read)])
        self._found += found
        return Loaded(unchanged=len(read) - len(found), updated=len(found))

    async def store_failure(self, lease: Lease, run_id: str, failed: FailedRead, *, keep: str | None = None) -> None:
        pass

    async def settle(
        self,
        lease: Lease,
        run_id: str,
        scope: Scope,
        absent: frozenset[str],
        *,
        accept: bool,
        unwanted: frozenset[str] = frozenset(),
    ) -> Settled:
        return Settled()

    async def stock(self, scope: Scope, counted_at: datetime, absent: frozenset[str]) -> Stock:
        return await self._warehouse.stock(scope, counted_at, absent)

    async def rejects_waiting(self, scope: Scope) -> int:
        return 0

    async def save_profile(self, lease: Lease, scope: Scope, profile: Profile) -> None:
        pass


def _is_sure(scope: ScopeOutcome) -> bool:
    told = scope.windows.get(State.PROVEN) and scope.error is None
    return bool(told) and not scope.windows.get(State.UNPROVEN) and not scope.windows.get(State.FAILED)
