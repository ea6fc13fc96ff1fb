"""One account's turn in a run: lease, plan, read, store, and what came of it.

It knows the two rooms only as the Protocols below. Windows are read one after the other, the next one while the last is
stored. All open tails come last: under a filter on `updatedAt` a row can move from a window not yet read into the tail.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from etl.errors import AccountFailed, AccountRefused, LeaseError, LeaseHeld
from etl.model import (
    AccountEnd,
    AccountOutcome,
    Census,
    Cost,
    Emit,
    FailedRead,
    Loaded,
    Planned,
    Profile,
    Reason,
    Scope,
    ScopeOutcome,
    ScopeState,
    Settled,
    Split,
    State,
    Stock,
    Sweep,
    Verb,
    Verdict,
    Window,
    WindowDone,
)

FAILURES_IN_A_ROW = 3
"""After so many failed windows in a row an account's turn is over: what is left stays a gap for the next run."""

FINISH_SECONDS = 5.0
"""How long a stopped run may take to store the window in hand."""

L = TypeVar("L")


class Source(Protocol):
    """Reads one app's listings of one account."""

    async def read(self, window: Window, profile: Profile) -> Sweep | Split | Census | FailedRead: ...


class Warehouse(Protocol[L]):
    """Stores what was read; every write is checked against the lease `L`."""

    async def begin_run(self, verb: str, *, version: str, started_at: datetime) -> str: ...

    async def finish_run(self, run_id: str, *, verdict: Verdict, exit_code: int, totals: Mapping[str, Any]) -> None: ...

    def lease(
        self, account_id: str, *, seconds: float, wait_seconds: float = 0, emit: Emit | None = None
    ) -> AbstractAsyncContextManager[L]: ...

    async def scope_state(self, scope: Scope) -> ScopeState: ...

    async def store(
        self, lease: L, run_id: str, sweep: Sweep, *, app_rank: Mapping[str, int], rewrite: bool = False
    ) -> Loaded: ...

    async def store_failure(self, lease: L, run_id: str, failed: FailedRead) -> None: ...

    async def settle(self, lease: L, run_id: str, scope: Scope, absent: frozenset[str], *, accept: bool) -> Settled: ...

    async def stock(self, scope: Scope, created_before: datetime) -> Stock: ...

    async def rejects_waiting(self, scope: Scope) -> int: ...

    async def save_profile(self, lease: L, scope: Scope, profile: Profile) -> None: ...


@dataclass(frozen=True, slots=True)
class Job:
    """One account's share of a run: its scopes in configured order, each with the source that reads it."""

    account_id: str
    sources: Mapping[Scope, Source]


@dataclass(frozen=True, slots=True)
class Order:
    """What a run is to do: its verb, how it plans a scope, and its options."""

    verb: Verb
    plan: Callable[[ScopeState, datetime], tuple[Window, ...]]
    version: str
    whole: Callable[[Scope, datetime], Window | None]
    """The window to read where a census disagreed."""
    lease_seconds: float
    wait_seconds: float = 0
    rewrite: bool = False
    accept_deletions: bool = False


class Account(Generic[L]):
    """One account's turn: lease, plan, read, store."""

    def __init__(
        self, job: Job, warehouse: Warehouse[L], order: Order, run_id: str, started_at: datetime, emit: Emit
    ) -> None:
        self._job, self._warehouse, self._order = job, warehouse, order
        self._run_id, self._started_at, self._emit = run_id, started_at, emit
        self._tallies = {scope: _Tally(scope) for scope in job.sources}
        self._turns = {scope.app_id: _Turn() for scope in job.sources}
        self._app_rank = {app_id: rank for rank, app_id in enumerate(self._turns)}
        self._waiting: deque[Window] = deque()

    def outcomes(self) -> tuple[AccountOutcome, ...]:
        """What has been done so far, per app: each app has credentials of its own."""
        return tuple(
            AccountOutcome(
                self._job.account_id,
                turn.end,
                turn.answered,
                tuple(tally.outcome() for scope, tally in self._tallies.items() if scope.app_id == app_id),
            )
            for app_id, turn in self._turns.items()
        )

    async def run(self) -> None:
        """Read and store this account. Only WarehouseError comes out; everything else is in `outcomes()`."""
        order = self._order
        try:
            async with self._warehouse.lease(
                self._job.account_id, seconds=order.lease_seconds, wait_seconds=order.wait_seconds, emit=self._emit
            ) as lease:
                await self._plan()
                await self._read_and_store(lease)
                if await self._disagreements():
                    await self._read_and_store(lease)
                    await self._explain()
                await self._close(lease)
        except LeaseError as error:
            self._stop(AccountEnd.HELD if isinstance(error, LeaseHeld) else AccountEnd.LOST, str(error))

    async def _plan(self) -> None:
        tails: list[Window] = []
        for scope, tally in self._tallies.items():
            state = await self._warehouse.scope_state(scope)
            tally.profile = tally.stored_profile = state.profile
            windows = self._order.plan(state, self._started_at)
            self._waiting += [window for window in windows if window.reason is not Reason.TAIL]
            tails += [window for window in windows if window.reason is Reason.TAIL]
            self._emit(Planned(scope, len(windows)))
        self._waiting += tails

    async def _read_and_store(self, lease: L) -> None:
        """Store each window while the next one is read."""
        storing: asyncio.Task[None] | None = None
        try:
            async for read in self._reads():
                if storing is not None:
                    await storing
                storing = asyncio.create_task(self._store(lease, read))
            if storing is not None:
                await storing
        finally:
            if storing is not None:  # when stopped, the window in hand is finished: it was read and is worth keeping
                await asyncio.wait((storing,), timeout=FINISH_SECONDS)
                storing.cancel()
                await asyncio.gather(storing, return_exceptions=True)

    async def _reads(self) -> AsyncIterator[Sweep | FailedRead]:
        """The planned windows' reads; windows of an app whose turn is over are left for the next run."""
        while self._waiting:
            window = self._waiting.popleft()
            tally, turn = self._tallies[window.scope], self._turns[window.scope.app_id]
            if turn.end is not AccountEnd.DONE:
                continue
            read = await self._job.sources[window.scope].read(window, tally.profile)
            tally.cost += read.cost
            if isinstance(read, FailedRead):
                turn.failed(read)
                tally.errors.append(str(read.error))
                if turn.answered:  # a source that never answered leaves no trace but the run's line
                    yield read
                continue
            turn.succeeded()
            tally.profile = read.profile
            if isinstance(read, Census):
                tally.census = read
                self._emit(Planned(window.scope, -1))
            elif isinstance(read, Split):
                self._waiting.extendleft(reversed(read.parts))
                self._emit(Planned(window.scope, len(read.parts) - 1))
            else:
                yield read

    async def _store(self, lease: L, read: Sweep | FailedRead) -> None:
        if isinstance(read, FailedRead):
            await self._warehouse.store_failure(lease, self._run_id, read)
            self._tallies[read.window.scope].states[State.FAILED] += 1
            self._emit(WindowDone(read.window, State.FAILED, 0, str(read.error)))
            return
        loaded = await self._warehouse.store(
            lease, self._run_id, read, app_rank=self._app_rank, rewrite=self._order.rewrite
        )
        self._tallies[read.window.scope].stored(read, loaded)
        self._emit(WindowDone(read.window, read.state, len(read.records), read.why))

    async def _disagreements(self) -> bool:
        """Whether a census speaks of campaigns that no window showed; their scopes' whole history then waits."""
        for scope, tally in self._tallies.items():
            difference = await self._census_difference(tally)
            window = self._order.whole(scope, self._started_at)
            if difference in (0, tally.profile.census_difference) or window is None:
                continue
            counted = f"{abs(difference)} campaigns {'more' if difference > 0 else 'fewer'} than are stored"
            tally.notes.append(f"the source counts {counted}: its whole history was read again")
            self._waiting.append(window)
            self._emit(Planned(scope, 1))
        return bool(self._waiting)

    async def _census_difference(self, tally: _Tally) -> int:
        """How many campaigns more (or fewer) the source counted than are stored; 0 where nobody counted.

        Rows that are missing may have been counted or not.
        """
        if tally.census is None or tally.census.total is None:
            return 0
        stock = await self._warehouse.stock(tally.scope, tally.census.taken_at)
        fewest = stock.live - stock.missing - len(tally.absent)
        return max(tally.census.total - stock.live, 0) + min(tally.census.total - fewest, 0)

    async def _explain(self) -> None:
        """A difference that even a proven read of everything leaves is known from now on (rejected or shared rows)."""
        for tally in self._tallies.values():
            if tally.notes and tally.all_proven:
                difference = await self._census_difference(tally)
                tally.profile = replace(tally.profile, census_difference=difference)

    async def _close(self, lease: L) -> None:
        """What is known only at the end: who is gone, what was observed of the server, which records still wait."""
        for scope, tally in self._tallies.items():
            accept = self._order.accept_deletions
            tally.settle(
                await self._warehouse.settle(lease, self._run_id, scope, frozenset(tally.absent), accept=accept)
            )
            if tally.profile != tally.stored_profile:
                await self._warehouse.save_profile(lease, scope, tally.profile)
            tally.rejects_waiting = await self._warehouse.rejects_waiting(scope)

    def _stop(self, end: AccountEnd, message: str) -> None:
        for turn in self._turns.values():
            turn.end = end
        for tally in self._tallies.values():
            tally.errors.append(message)


@dataclass(slots=True)
class _Turn:
    """Whether an app of the account still answers."""

    end: AccountEnd = AccountEnd.DONE
    answered: bool = False
    failures_in_a_row: int = 0

    def succeeded(self) -> None:
        self.answered, self.failures_in_a_row = True, 0

    def failed(self, read: FailedRead) -> None:
        self.answered |= read.answered
        self.failures_in_a_row += 1
        if isinstance(read.error, AccountRefused):
            self.end = AccountEnd.REFUSED
        elif isinstance(read.error, AccountFailed) or not self.answered or self.failures_in_a_row >= FAILURES_IN_A_ROW:
            self.end = AccountEnd.UNAVAILABLE


@dataclass(slots=True)
class _Tally:
    """What has been done in one scope so far."""

    scope: Scope
    states: Counter[State] = field(default_factory=Counter)
    source_total: int | None = None
    seen: int = 0
    loaded: Loaded = field(default_factory=Loaded)
    cost: Cost = field(default_factory=Cost)
    profile: Profile = field(default_factory=Profile)
    stored_profile: Profile = field(default_factory=Profile)
    census: Census | None = None
    absent: set[str] = field(default_factory=set)
    settled: Settled = field(default_factory=Settled)
    rejects_waiting: int = 0
    notes: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def all_proven(self) -> bool:
        return not (self.states[State.UNPROVEN] or self.states[State.FAILED])

    def settle(self, settled: Settled) -> None:
        self.settled = settled
        if settled.brake is not None:
            self.errors.append(settled.brake)

    def stored(self, sweep: Sweep, loaded: Loaded) -> None:
        self.states[sweep.state] += 1
        self.seen += sweep.seen - sweep.beyond
        if sweep.state is State.PROVEN and sweep.source_total is not None:
            self.source_total = (self.source_total or 0) + sweep.source_total - sweep.beyond
        self.loaded += replace(loaded, absent=frozenset())
        self.absent |= loaded.absent
        self.absent -= {record.campaign_id for record in sweep.records if record.campaign_id is not None}
        if sweep.state is State.UNPROVEN and sweep.why is not None:
            self.errors.append(sweep.why)

    def outcome(self) -> ScopeOutcome:
        return ScopeOutcome(
            scope=self.scope,
            windows=dict(self.states),
            source_total=self.source_total,
            seen=self.seen,
            loaded=self.loaded,
            cost=self.cost,
            missing=self.settled.missing,
            deleted=self.settled.deleted,
            rejects_waiting=self.rejects_waiting,
            braked=self.settled.brake is not None,
            notes=tuple(self.notes),
            error="; ".join(dict.fromkeys(self.errors)) or None,
        )
