"""One account's turn in a run: lease, plan, read, store, and what came of it.

It knows the two rooms only as the Protocols below. Some windows are read abreast (`etl.abreast`), and each is stored as
soon as it is there, some of them abreast as well, while others are read. All open tails come last: under a filter on
`updatedAt` a row can move from a window not yet read into the tail.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from msgspec import Struct, field

from etl import abreast, census, keep, learned
from etl.errors import AccountFailed, AccountRefused, LeaseError, LeaseHeld
from etl.model import (
    HINTS,
    AccountDone,
    AccountEnd,
    AccountOutcome,
    Census,
    Emit,
    FailedRead,
    Keep,
    Loaded,
    Planned,
    Profile,
    Reason,
    Scope,
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
from etl.shown import Shown
from etl.tally import Tally

FAILURES_IN_A_ROW = 3
"""After so many failed windows in a row an account's turn is over: what is left stays a gap for the next run."""

FINISH_SECONDS = 5.0
"""How long a stopped run may take to store the windows in hand."""

L = TypeVar("L")

Read = Sweep | Split | Census | FailedRead


class Source(Protocol):
    """Reads one app's listings of one account."""

    @property
    def is_full(self) -> bool:
        """Whether there is no room for the rows of more windows at the moment."""

    async def read(self, window: Window, profile: Profile) -> Read: ...

    def done(self, window: Window) -> None:
        """The rows of a window that was read are stored, or dropped: there is room for others."""


class Warehouse(Protocol[L]):
    """Stores what was read; every write is checked against the lease `L`."""

    async def begin_run(self, verb: str, *, version: str, started_at: datetime) -> str: ...

    async def finish_run(self, run_id: str, *, verdict: Verdict, exit_code: int, totals: Mapping[str, Any]) -> None: ...

    def lease(
        self, account_id: str, *, seconds: float, wait_seconds: float = 0, emit: Emit | None = None
    ) -> AbstractAsyncContextManager[L]: ...

    async def scope_state(self, scope: Scope, keep: str | None = None) -> ScopeState: ...

    async def store(
        self,
        lease: L,
        run_id: str,
        sweep: Sweep,
        *,
        app_rank: Mapping[str, int],
        rewrite: bool = False,
        keep: str | None = None,
    ) -> Loaded: ...

    async def store_failure(self, lease: L, run_id: str, failed: FailedRead, *, keep: str | None = None) -> None: ...

    async def settle(
        self,
        lease: L,
        run_id: str,
        scope: Scope,
        absent: frozenset[str],
        *,
        accept: bool,
        unwanted: frozenset[str] = frozenset(),
    ) -> Settled: ...

    async def stock(self, scope: Scope, counted_at: datetime, absent: frozenset[str]) -> Stock: ...

    async def rejects_waiting(self, scope: Scope) -> int: ...

    async def save_profile(self, lease: L, scope: Scope, profile: Profile) -> None: ...


class Job(Struct, frozen=True):
    """One account's share of a run: its scopes in configured order, each with the source that reads it."""

    account_id: str
    sources: Mapping[Scope, Source]
    keeps: Mapping[Scope, Keep] = field(default_factory=dict)
    """Which campaigns are stored; scopes that are not named store everything."""


class Order(Struct, frozen=True):
    """What a run is to do: its verb, how it plans a scope, and its options."""

    verb: Verb
    plan: Callable[[ScopeState, datetime], tuple[Window, ...]]
    version: str
    whole: Callable[[Scope, datetime, int], Window | None]
    """The window to read where a census disagreed, by the total that it counted; None = nothing."""
    lease_seconds: float
    wait_seconds: float = 0
    rewrite: bool = False
    accept_deletions: bool = False
    deadline_seconds: float | None = None
    """So long after its beginning the run stops, and leaves the rest to the next one."""
    price: Callable[[Sequence[Window], ScopeState], int | None] = lambda _windows, _state: None
    """What a scope's windows will cost in requests, for the progress shown; None = nobody knows yet."""


class Account(Generic[L]):
    """One account's turn: lease, plan, read, store."""

    def __init__(
        self, job: Job, warehouse: Warehouse[L], order: Order, run_id: str, started_at: datetime, emit: Emit
    ) -> None:
        self._job, self._warehouse, self._order = job, warehouse, order
        self._run_id, self._started_at, self._emit = run_id, started_at, emit
        self._tallies = {scope: Tally(scope, job.keeps.get(scope, Keep())) for scope in job.sources}
        self._turns = {scope.app_id: _Turn() for scope in job.sources}
        self._app_rank = {app_id: rank for rank, app_id in enumerate(self._turns)}
        self._waiting: deque[Window] = deque()
        self._begun = self._ended = False

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

    @property
    def answered(self) -> bool:
        """Whether anything was read of it yet."""
        return any(turn.answered for turn in self._turns.values())

    async def run(self) -> None:
        """Read and store this account. Only WarehouseError comes out; everything else is in `outcomes()`."""
        order, self._begun = self._order, True
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
        finally:
            self._emit(AccountDone(self._job.account_id))
        self._ended = True

    def leave(self) -> None:
        """The deadline has come: whatever has not ended is left to the next run."""
        if not self._ended:
            when = "while this account was being read" if self._begun else "before this account's turn"
            under_way = [app_id for app_id, turn in self._turns.items() if turn.end is AccountEnd.DONE]
            self._stop(AccountEnd.LATE, f"The deadline came {when}; the next run reads what is left", under_way)

    async def _plan(self) -> None:
        tails: list[Window] = []
        for scope, tally in self._tallies.items():
            state = await self._warehouse.scope_state(scope, keep.text(tally.keep))
            tally.profile = tally.stored_profile = state.profile
            windows = self._order.plan(state, self._started_at)
            self._waiting += [window for window in windows if window.reason is not Reason.TAIL]
            tails += [window for window in windows if window.reason is Reason.TAIL]
            if any(window.reason in HINTS for window in windows):
                tally.shown = Shown()
            self._emit(Planned(scope, len(windows), self._order.price(windows, state)))
        self._waiting += tails

    async def _read_and_store(self, lease: L) -> None:
        """Store each window while others are read."""
        work = _Work()
        try:
            while self._begin(work.reads) or work.is_left:
                await self._go_on(lease, work)
        finally:
            await _given_up(work.reads)
            if work.storing:  # when stopped, the windows in hand are finished: they are worth keeping
                await asyncio.wait(work.storing, timeout=FINISH_SECONDS)
                await _given_up(work.storing)
            for read in work.dropped():  # the other accounts go on, and want the room
                self._job.sources[read.window.scope].done(read.window)

    async def _go_on(self, lease: L, work: _Work) -> None:
        """Until something is read or stored. A function of its own: what it looks at must not outlive it, for it holds
        rows."""
        while work.ready and self._may_store(work.ready[0].window, work.storing.values()):
            came = work.ready.popleft()
            work.storing[asyncio.create_task(self._store(lease, came))] = came.window
        done, _ = await asyncio.wait({*work.reads, *work.storing}, return_when=asyncio.FIRST_COMPLETED)
        for stored in [one for one in work.storing if one in done]:
            del work.storing[stored]
            stored.result()
        for read in [one for one in work.reads if one in done]:
            work.ready += self._taken(work.reads.pop(read), read.result())

    def _may_store(self, window: Window, under_way: Collection[Window]) -> bool:
        return abreast.may_store(window, under_way, filters=self._tallies[window.scope].profile.filtered_date)

    def _begin(self, reads: dict[asyncio.Task[Read], _Begun]) -> bool:
        """Begin what may be read beside what is under way; windows of an app whose turn is over are left for the next
        run."""
        while self._waiting:
            window = self._waiting[0]
            tally, turn = self._tallies[window.scope], self._turns[window.scope.app_id]
            if turn.end is not AccountEnd.DONE:
                self._waiting.popleft()
                continue
            if reads and self._job.sources[window.scope].is_full:
                break
            under_way = [begun.window for begun in reads.values()]
            if not abreast.may_begin(window, under_way, answered=turn.answered, filters=tally.profile.filtered_date):
                break
            self._waiting.popleft()
            read = self._job.sources[window.scope].read(window, tally.profile)
            reads[asyncio.create_task(read)] = _Begun(window, tally.profile)
        return bool(reads)

    def _taken(self, begun: _Begun, read: Read) -> list[Sweep | FailedRead]:
        """What of a read is to be stored; what it taught is kept, and what it asks to be read instead waits."""
        tally, turn = self._tallies[begun.window.scope], self._turns[begun.window.scope.app_id]
        tally.cost += read.cost
        if isinstance(read, FailedRead):
            turn.failed(read)
            tally.errors.append(str(read.error))
            return [read] if turn.answered else []  # a source that never answered leaves no trace but the run's line
        if not isinstance(read, Census) or read.total is not None:  # a census that was refused shows nothing
            turn.succeeded()
        tally.profile = learned.together(tally.profile, begun.profile, read.profile)
        if isinstance(read, Sweep):
            return [read]
        if isinstance(read, Census):
            tally.census = read
            self._emit(Planned(begun.window.scope, -1))
            return []
        self._waiting.extendleft(reversed(read.parts))
        self._emit(Planned(begun.window.scope, len(read.parts) - 1))
        return []

    async def _store(self, lease: L, read: Sweep | FailedRead) -> None:
        try:
            await self._store_one(lease, read)
        finally:
            self._job.sources[read.window.scope].done(read.window)

    async def _store_one(self, lease: L, read: Sweep | FailedRead) -> None:
        tally = self._tallies[read.window.scope]
        filtered_by = keep.text(tally.keep)
        if isinstance(read, FailedRead):
            await self._warehouse.store_failure(lease, self._run_id, read, keep=filtered_by)
            tally.states[State.FAILED] += 1
            self._emit(WindowDone(read.window, State.FAILED, 0, str(read.error)))
            return
        sweep = keep.kept(tally.keep, read)
        loaded = await self._warehouse.store(
            lease, self._run_id, sweep, app_rank=self._app_rank, rewrite=self._order.rewrite, keep=filtered_by
        )
        tally.stored(sweep, loaded)
        self._emit(WindowDone(read.window, read.state, len(read.records), read.why))

    async def _disagreements(self) -> bool:
        """Whether a census speaks of campaigns that no window showed; their scopes' whole history then waits."""
        for scope, tally in self._tallies.items():
            found = await self._difference(tally, known=tally.profile.census_difference)
            if not found or tally.census is None or tally.census.total is None:
                continue
            if self._turns[scope.app_id].end is not AccountEnd.DONE:
                continue
            window = self._order.whole(scope, self._started_at, tally.census.total)
            if window is not None:
                tally.read_again(window, census.sentence(found))
                self._waiting.append(window)
                self._emit(Planned(scope, 1))
        return bool(self._waiting)

    async def _difference(self, tally: Tally, *, known: int) -> int:
        if tally.census is None or tally.census.total is None:
            return 0
        absent = frozenset(tally.absent | tally.unwanted)
        stock = await self._warehouse.stock(tally.scope, tally.census.taken_at, absent)
        return census.difference(tally.census.total, stock, known)

    async def _explain(self) -> None:
        for tally in self._tallies.values():
            if tally.whole is not None:
                tally.explain(await self._difference(tally, known=0))

    async def _close(self, lease: L) -> None:
        """What is known only at the end: who is gone, what was observed of the server, which records still wait."""
        for scope, tally in self._tallies.items():
            tally.doubt()
            absent, unwanted = frozenset(tally.absent - tally.unwanted), frozenset(tally.unwanted)
            tally.settle(
                await self._warehouse.settle(
                    lease, self._run_id, scope, absent, unwanted=unwanted, accept=self._order.accept_deletions
                )
            )
            if tally.profile != tally.stored_profile:
                await self._warehouse.save_profile(lease, scope, tally.profile)
            tally.rejects_waiting = await self._warehouse.rejects_waiting(scope)
            tally.shown = None  # it knows every campaign that was read: no other account is to wait for that memory

    def _stop(self, end: AccountEnd, message: str, app_ids: Collection[str] | None = None) -> None:
        """End the turn of these apps, of all unless they are named."""
        for scope, tally in self._tallies.items():
            if app_ids is None or scope.app_id in app_ids:
                self._turns[scope.app_id].end = end
                tally.errors.append(message)


async def _given_up(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks, and wait until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class _Begun(Struct, frozen=True):
    """A read that has begun, and what was known of the server then."""

    window: Window
    profile: Profile


class _Work(Struct):
    """What of an account is under way."""

    reads: dict[asyncio.Task[Read], _Begun] = field(default_factory=dict)
    storing: dict[asyncio.Task[None], Window] = field(default_factory=dict)
    ready: deque[Sweep | FailedRead] = field(default_factory=deque)
    """Read, and to be stored next."""

    @property
    def is_left(self) -> bool:
        return bool(self.reads or self.ready or self.storing)

    def dropped(self) -> list[Sweep | FailedRead]:
        """What was read and will not be stored, once nothing is under way any more."""
        ended = [task for task in self.reads if not task.cancelled() and task.exception() is None]
        return [*self.ready, *(read for task in ended if isinstance(read := task.result(), Sweep))]


class _Turn(Struct):
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
