"""The whole program over fakes: what is planned is read, what is read is stored, and how each trouble ends."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest

from etl import pipeline, turn
from etl.errors import (
    AccountRefused,
    AccountUnavailable,
    LeaseHeld,
    LeaseLost,
    WarehouseError,
    WindowFailed,
)
from etl.model import (
    Campaign,
    Census,
    Channel,
    Cost,
    Emit,
    FailedRead,
    Keep,
    Loaded,
    Profile,
    Proof,
    Reason,
    RunOutcome,
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
)

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SMS = Scope("acc", "st-a", Channel.SMS)
VOICE = Scope("acc", "st-a", Channel.VOICE)
OTHER = Scope("other", "st-o", Channel.SMS)


def windows_of(state: ScopeState, now: datetime) -> tuple[Window, ...]:
    """Two closed windows and a tail."""
    edges = [now - timedelta(days=2), now - timedelta(days=1), now - timedelta(minutes=10), now]
    reasons = (Reason.WHOLE, Reason.WHOLE, Reason.TAIL)
    return tuple(Window(state.scope, a, b, r) for a, b, r in zip(edges, edges[1:], reasons, strict=False))


def sweep(window: Window, state: State | None = None, **fields: Any) -> Sweep:
    state = state or (State.OPEN if window.reason is Reason.TAIL else State.PROVEN)
    values: dict[str, Any] = {
        "proof": Proof.L1 if state is State.PROVEN else None,
        "why": "it moved" if state is State.UNPROVEN else None,
        "records": (),
        "seen": 10,
        "beyond": 1,
        "source_total": 10,
        "cost": Cost(requests=2, sweeps=1),
        "profile": Profile(),
    }
    return Sweep(window=window, state=state, started_at=NOW, finished_at=NOW, **(values | fields))


def failed(window: Window, error: WindowFailed | AccountRefused | AccountUnavailable, *, answered: bool) -> FailedRead:
    return FailedRead(window, error, Cost(requests=5, retries=4), NOW, NOW, answered)


class FakeSource:
    """Answers each window as told; proven (or open) where not told otherwise."""

    is_full = False

    def __init__(self, answer: Callable[[Window], Sweep | Split | Census | FailedRead] = sweep) -> None:
        self.answer = answer
        self.asked: list[Window] = []
        self.dropped: list[Window] = []

    async def read(self, window: Window, profile: Profile) -> Sweep | Split | Census | FailedRead:
        self.asked.append(window)
        await asyncio.sleep(0)
        return self.answer(window)

    def done(self, window: Window) -> None:
        self.dropped.append(window)


class FakeWarehouse:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.stored: list[Sweep] = []
        self.failures: list[FailedRead] = []
        self.finished: list[tuple[Verdict, int]] = []
        self.profiles: dict[Scope, Profile] = {}
        self.held: set[str] = set()
        self.store_error: Exception | None = None
        self.waiting = 0
        self.absent: frozenset[str] = frozenset()
        self.unwanted: frozenset[str] = frozenset()
        self.settled: list[tuple[Scope, frozenset[str], bool]] = []
        self.settled_unwanted: list[frozenset[str]] = []
        self.keeps: list[str | None] = []
        self.verdict_on_absent = Settled()
        self.stock_now = Stock(live=100, sure=100)

    async def begin_run(self, verb: str, *, version: str, started_at: datetime) -> str:
        return "run-1"

    async def finish_run(self, run_id: str, *, verdict: Verdict, exit_code: int, totals: Mapping[str, Any]) -> None:
        self.finished.append((verdict, exit_code))

    @asynccontextmanager
    async def lease(
        self, account_id: str, *, seconds: float, wait_seconds: float = 0, emit: Emit | None = None
    ) -> AsyncIterator[str]:
        if account_id in self.held:
            raise LeaseHeld(f"Account {account_id} is held.")
        yield account_id

    async def scope_state(self, scope: Scope, keep: str | None = None) -> ScopeState:
        self.keeps.append(keep)
        return ScopeState(scope, keep=keep)

    async def store(
        self,
        lease: str,
        run_id: str,
        sweep: Sweep,
        *,
        app_rank: Mapping[str, int],
        rewrite: bool = False,
        keep: str | None = None,
    ) -> Loaded:
        await asyncio.sleep(0)
        if self.store_error is not None:
            raise self.store_error
        self.stored.append(sweep)
        self.keeps.append(keep)
        absent = self.absent if sweep.state is State.PROVEN else frozenset[str]()
        return Loaded(inserted=9, absent=absent, unwanted=self.unwanted & sweep.unwanted)

    async def store_failure(self, lease: str, run_id: str, failed: FailedRead, *, keep: str | None = None) -> None:
        self.failures.append(failed)
        self.keeps.append(keep)

    async def settle(
        self,
        lease: str,
        run_id: str,
        scope: Scope,
        absent: frozenset[str],
        *,
        accept: bool,
        unwanted: frozenset[str] = frozenset(),
    ) -> Settled:
        self.settled.append((scope, absent, accept))
        self.settled_unwanted.append(unwanted)
        return self.verdict_on_absent

    async def stock(self, scope: Scope, counted_at: datetime, absent: frozenset[str]) -> Stock:
        return self.stock_now

    async def rejects_waiting(self, scope: Scope) -> int:
        return self.waiting

    async def save_profile(self, lease: str, scope: Scope, profile: Profile) -> None:
        self.profiles[scope] = profile


def whole(scope: Scope, now: datetime, total: int) -> Window:
    return Window(scope, now - timedelta(days=900), now - timedelta(minutes=10), Reason.UNDATED)


async def run(
    warehouse: FakeWarehouse,
    *sources: tuple[Scope, FakeSource],
    plan: Callable[[ScopeState, datetime], tuple[Window, ...]] = windows_of,
    keeps: Mapping[Scope, Keep] = MappingProxyType({}),
    deadline_seconds: float | None = None,
) -> RunOutcome:
    jobs: dict[str, dict[Scope, turn.Source]] = {}
    for scope, source in sources:
        jobs.setdefault(scope.account_id, {})[scope] = source
    return await pipeline.run(
        [turn.Job(account_id, listings, keeps) for account_id, listings in jobs.items()],
        warehouse,
        turn.Order(
            verb=Verb.SYNC,
            plan=plan,
            whole=whole,
            version="test",
            lease_seconds=90,
            deadline_seconds=deadline_seconds,
        ),
        clock=lambda: NOW,
        emit=lambda _: None,
        stop_code=lambda: 143,
    )


async def test_every_planned_window_is_read_and_stored_tails_last() -> None:
    """All closed windows of the account come before any of its tails."""
    warehouse, source = FakeWarehouse(), FakeSource()
    outcome = await run(warehouse, (SMS, source), (VOICE, source))
    assert [w.reason for w in source.asked] == [Reason.WHOLE] * 4 + [Reason.TAIL] * 2
    assert [s.window for s in warehouse.stored] == source.asked
    assert (outcome.verdict, outcome.exit_code) == (Verdict.COMPLETE, 0)
    assert warehouse.finished == [(Verdict.COMPLETE, 0)]


async def test_border_rows_count_once() -> None:
    """`seen` and `source_total` leave out the rows that are the neighbour's; open windows establish no total."""
    outcome = await run(FakeWarehouse(), (SMS, FakeSource()))
    assert (outcome.scopes[0].seen, outcome.scopes[0].source_total) == (27, 18)


async def test_a_split_window_is_replaced_by_its_parts() -> None:
    """The parts are read in its place, in order; what the first try cost is counted."""

    def answer(window: Window) -> Sweep | Split | Census | FailedRead:
        if window.end - window.start < timedelta(hours=12) or window.reason is Reason.TAIL:
            return sweep(window)
        middle = window.start + (window.end - window.start) / 2
        parts = tuple(
            Window(window.scope, a, b, window.reason) for a, b in ((window.start, middle), (middle, window.end))
        )
        return Split(window, parts, Cost(requests=1), Profile())

    warehouse = FakeWarehouse()
    outcome = await run(warehouse, (SMS, FakeSource(answer)))
    closed = [s.window for s in warehouse.stored if s.window.reason is not Reason.TAIL]
    assert all(a.end == b.start for a, b in itertools.pairwise(closed))
    assert len(closed) > 2
    assert outcome.scopes[0].cost.requests == 2 * len(warehouse.stored) + (len(closed) - 2)


async def test_a_failed_window_is_recorded_and_the_others_go_on() -> None:
    """Exit 1; the failure is in the ledger."""
    warehouse = FakeWarehouse()

    def answer(window: Window) -> Sweep | FailedRead:
        first = window.start == NOW - timedelta(days=2)
        return failed(window, WindowFailed("It broke."), answered=True) if first else sweep(window)

    outcome = await run(warehouse, (SMS, FakeSource(answer)))
    assert (len(warehouse.failures), len(warehouse.stored)) == (1, 2)
    assert (outcome.exit_code, outcome.scopes[0].error) == (1, "It broke.")


async def test_a_source_that_never_answers_leaves_nothing_but_the_run_line() -> None:
    """Exit 5, no window recorded, and no second window tried."""
    warehouse, source = FakeWarehouse(), FakeSource(lambda w: failed(w, AccountUnavailable("Down."), answered=False))
    outcome = await run(warehouse, (SMS, source), (VOICE, source))
    assert outcome.exit_code == 5
    assert len(source.asked) == 1
    assert warehouse.stored == warehouse.failures == []


async def test_after_three_failures_in_a_row_the_turn_is_over() -> None:
    """An outage in the middle of a run is not hammered."""
    source = FakeSource(lambda w: failed(w, WindowFailed("No."), answered=True))
    outcome = await run(FakeWarehouse(), (SMS, source), (VOICE, source))
    assert len(source.asked) == turn.FAILURES_IN_A_ROW
    assert outcome.exit_code == 1


async def test_a_refused_account_never_stops_the_others() -> None:
    """One bad secret: exit 1, the other account is complete."""
    warehouse = FakeWarehouse()
    bad = FakeSource(lambda w: failed(w, AccountRefused("Refused."), answered=False))
    outcome = await run(warehouse, (SMS, bad), (OTHER, FakeSource()))
    assert outcome.exit_code == 1
    assert {s.window.scope for s in warehouse.stored} == {OTHER}


async def test_every_account_refused_is_exit_3() -> None:
    """Nothing is stored."""
    bad = FakeSource(lambda w: failed(w, AccountRefused("Refused."), answered=False))
    assert (await run(FakeWarehouse(), (SMS, bad), (OTHER, bad))).exit_code == 3


async def test_a_held_account_is_skipped_and_said_so() -> None:
    """Exit 4 when nothing worse happened."""
    warehouse, source = FakeWarehouse(), FakeSource()
    warehouse.held = {"acc"}
    outcome = await run(warehouse, (SMS, source), (OTHER, source))
    assert outcome.exit_code == 4
    assert {w.scope for w in source.asked} == {OTHER}
    assert outcome.scopes[0].error == "Account acc is held."


async def test_a_lost_lease_ends_the_account_at_once() -> None:
    """Nothing more is written by the run that lost it."""
    warehouse = FakeWarehouse()
    warehouse.store_error = LeaseLost("Another run took over.")
    outcome = await run(warehouse, (SMS, FakeSource()))
    assert (outcome.exit_code, warehouse.stored) == (1, [])


async def test_a_broken_warehouse_stops_the_run() -> None:
    """The error comes out as it is, and the run's line gets its verdict where that is still possible."""
    warehouse = FakeWarehouse()
    warehouse.store_error = WarehouseError("The disk is full.")
    with pytest.raises(WarehouseError, match="disk is full"):
        await run(warehouse, (SMS, FakeSource()), (OTHER, FakeSource()))
    assert warehouse.finished == [(Verdict.FAILED, 6)]


async def test_an_unproven_window_is_stored_and_makes_exit_1() -> None:
    """What was read is kept; the reason is shown."""
    warehouse = FakeWarehouse()
    outcome = await run(warehouse, (SMS, FakeSource(lambda w: sweep(w, State.UNPROVEN))))
    assert (outcome.exit_code, len(warehouse.stored), outcome.scopes[0].error) == (1, 3, "it moved")


async def test_records_that_wait_make_exit_1() -> None:
    """A wholly rejected record is not forgotten."""
    warehouse = FakeWarehouse()
    warehouse.waiting = 2
    outcome = await run(warehouse, (SMS, FakeSource()))
    assert (outcome.exit_code, outcome.scopes[0].rejects_waiting) == (1, 2)


async def test_what_was_observed_is_saved_when_it_changed() -> None:
    """The profile after the last read is kept for the next night."""
    warehouse = FakeWarehouse()
    await run(warehouse, (SMS, FakeSource(lambda w: sweep(w, profile=Profile(largest_page=50)))), (VOICE, FakeSource()))
    assert warehouse.profiles == {SMS: Profile(largest_page=50)}


async def test_a_signal_drops_the_window_in_hand_and_writes_the_verdict() -> None:
    """Cancelled: `stopped` with the signal's exit code, and what was stored stays."""
    warehouse = FakeWarehouse()

    class Hanging(FakeSource):
        async def read(self, window: Window, profile: Profile) -> Sweep | Split | Census | FailedRead:
            if self.asked:
                await asyncio.Event().wait()
            return await super().read(window, profile)

    task = asyncio.create_task(run(warehouse, (SMS, Hanging())))
    while not warehouse.stored:  # noqa: ASYNC110  turns of the loop, not time
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(pipeline.Stopped) as stopped:
        await task
    assert stopped.value.outcome.exit_code == 143
    assert warehouse.finished == [(Verdict.STOPPED, 143)]


async def test_absent_rows_are_settled_once_per_scope_at_the_end() -> None:
    """Candidates of all windows together, without those that another window showed."""
    warehouse = FakeWarehouse()
    warehouse.absent = frozenset({"gone", "moved"})

    def answer(window: Window) -> Sweep:
        moved = Campaign("moved", "{}", "h")
        return sweep(window, records=(moved,) if window.reason is Reason.TAIL else ())

    warehouse.verdict_on_absent = Settled(missing=1)
    outcome = await run(warehouse, (SMS, FakeSource(answer)))
    assert warehouse.settled == [(SMS, frozenset({"gone"}), False)]
    assert (outcome.scopes[0].missing, outcome.exit_code) == (1, 0)


async def test_what_keep_leaves_out_is_not_stored_and_counts_as_read() -> None:
    """Every line carries the filter; each scope has its own; `seen` and the source's total stay what they were."""
    warehouse = FakeWarehouse()
    records = (Campaign("in", "{}", "h", status="Active"), Campaign("out", "{}", "h", status="Ready"))

    def answer(window: Window) -> Sweep | FailedRead:
        if window.reason is Reason.TAIL:
            return failed(window, WindowFailed("no"), answered=True)
        return sweep(window, records=records)

    keeps = {SMS: Keep(status=("Active",))}
    outcome = await run(warehouse, (SMS, FakeSource(answer)), (VOICE, FakeSource(answer)), keeps=keeps)
    stored = {one.window.scope: ([r.campaign_id for r in one.records], one.unwanted) for one in warehouse.stored}
    assert stored == {SMS: (["in"], frozenset({"out"})), VOICE: (["in", "out"], frozenset())}
    assert sorted(warehouse.keeps, key=str) == [None] * 4 + ['{"status": ["Active"]}'] * 4
    sms, voice = outcome.scopes
    assert (sms.seen, sms.source_total) == (voice.seen, voice.source_total) == (18, 18)


async def test_the_later_read_says_whether_a_campaign_is_wanted() -> None:
    """Unwanted in one window and wanted in a later one is wanted; absent from one and unwanted in another is there."""
    warehouse = FakeWarehouse()
    warehouse.absent = frozenset({"gone", "moved"})
    warehouse.unwanted = frozenset({"moved", "back", "out"})
    ready = [Campaign(one, "{}", "h", status="Ready") for one in ("moved", "back", "out", "never stored")]

    def answer(window: Window) -> Sweep:
        back = (Campaign("back", "{}", "h", status="Active"),)
        return sweep(window, records=back if window.reason is Reason.TAIL else tuple(ready))

    await run(warehouse, (SMS, FakeSource(answer)), keeps={SMS: Keep(status=("Active",))})
    assert warehouse.settled == [(SMS, frozenset({"gone"}), False)]
    assert warehouse.settled_unwanted == [frozenset({"moved", "out"})]


async def test_a_brake_makes_exit_1_and_says_why() -> None:
    """A source that lost a third of its campaigns overnight is not believed by itself."""
    warehouse = FakeWarehouse()
    warehouse.verdict_on_absent = Settled(brake="Too many are gone.")
    outcome = await run(warehouse, (SMS, FakeSource()))
    assert (outcome.exit_code, outcome.scopes[0].error) == (1, "Too many are gone.")


def with_census(state: ScopeState, now: datetime) -> tuple[Window, ...]:
    return (Window(state.scope, now - timedelta(days=900), now, Reason.CENSUS), *windows_of(state, now))


def counting(total: int | None) -> Callable[[Window], Sweep | Split | Census | FailedRead]:
    def answer(window: Window) -> Sweep | Census:
        return Census(total, NOW, Cost(requests=1), Profile()) if window.reason is Reason.CENSUS else sweep(window)

    return answer


@pytest.mark.parametrize(("total", "unsure"), [(100, 0), (97, 3), (99, 3), (None, 0)])
async def test_a_census_that_agrees_changes_nothing(total: int | None, unsure: int) -> None:
    """Missing rows may have been counted or not."""
    warehouse = FakeWarehouse()
    warehouse.stock_now = Stock(live=100, sure=100 - unsure)
    source = FakeSource(counting(total))
    outcome = await run(warehouse, (SMS, source), plan=with_census)
    assert outcome.exit_code == 0
    assert Reason.UNDATED not in {window.reason for window in source.asked}


@pytest.mark.parametrize("total", [101, 96])
async def test_a_census_that_disagrees_starts_the_whole_history_again(total: int) -> None:
    """It says so; what even that leaves is known from then on."""
    warehouse = FakeWarehouse()
    warehouse.stock_now = Stock(live=100, sure=97)
    source = FakeSource(counting(total))
    outcome = await run(warehouse, (SMS, source), plan=with_census)
    assert source.asked[-1].reason is Reason.UNDATED
    assert "its whole history was read again" in outcome.scopes[0].notes[0]
    assert warehouse.profiles[SMS].census_difference == (1 if total == 101 else -1)


async def test_a_lost_lease_is_noticed_while_the_next_window_is_read() -> None:
    """Another run has the account: its requests are not spent on a read that cannot be stored."""
    warehouse = FakeWarehouse()
    warehouse.store_error = LeaseLost("Another run took over.")

    class Slow(FakeSource):
        async def read(self, window: Window, profile: Profile) -> Sweep | Split | Census | FailedRead:
            if self.asked:
                await asyncio.wait_for(asyncio.Event().wait(), 30)
            return await super().read(window, profile)

    async with asyncio.timeout(5):
        assert (await run(warehouse, (SMS, Slow()))).exit_code == 1


async def test_a_store_under_way_is_finished_when_the_run_is_stopped() -> None:
    """The window was read, and what is stored is stored whole."""
    storing = asyncio.Event()

    class Patient(FakeWarehouse):
        async def store(self, *arguments: Any, **options: Any) -> Loaded:
            storing.set()
            for _ in range(20):
                await asyncio.sleep(0)
            return await super().store(*arguments, **options)

    def one_window(state: ScopeState, now: datetime) -> tuple[Window, ...]:
        return windows_of(state, now)[:1]

    warehouse = Patient()
    task = asyncio.create_task(run(warehouse, (SMS, FakeSource()), plan=one_window))
    await storing.wait()
    task.cancel()
    with pytest.raises(pipeline.Stopped):
        await task
    assert len(warehouse.stored) == 1


async def test_a_signal_after_the_last_window_changes_nothing() -> None:
    """All was done: the run keeps the verdict it had earned."""
    finishing = asyncio.Event()

    class Finishing(FakeWarehouse):
        async def finish_run(self, *arguments: Any, **options: Any) -> None:
            finishing.set()
            for _ in range(20):
                await asyncio.sleep(0)
            await super().finish_run(*arguments, **options)

    warehouse = Finishing()
    task = asyncio.create_task(run(warehouse, (SMS, FakeSource())))
    await finishing.wait()
    task.cancel()
    assert (await task).exit_code == 0
    assert warehouse.finished == [(Verdict.COMPLETE, 0)]


async def test_a_signal_while_the_run_begins_still_writes_its_verdict() -> None:
    """The line may be written by then: it does not stay `running`, and the run has a document."""
    begins = asyncio.Event()

    class Beginning(FakeWarehouse):
        async def begin_run(self, *arguments: Any, **options: Any) -> str:
            begins.set()
            for _ in range(20):
                await asyncio.sleep(0)
            return await super().begin_run(*arguments, **options)

    warehouse, source = Beginning(), FakeSource()
    task = asyncio.create_task(run(warehouse, (SMS, source)))
    await begins.wait()
    task.cancel()
    with pytest.raises(pipeline.Stopped) as stopped:
        await task
    assert (stopped.value.outcome.run_id, stopped.value.outcome.exit_code) == ("run-1", 143)
    assert warehouse.finished == [(Verdict.STOPPED, 143)]
    assert source.asked == []


async def test_a_bug_leaves_a_verdict_too() -> None:
    """The line says failed, with the exit code of a bug, and the bug comes out."""
    warehouse = FakeWarehouse()
    warehouse.store_error = TypeError("a bug")
    with pytest.raises(TypeError, match="a bug"):
        await run(warehouse, (SMS, FakeSource()))
    assert warehouse.finished == [(Verdict.FAILED, 70)]


async def test_a_census_that_was_refused_is_no_answer() -> None:
    """A source that refuses whatever is asked was not read at all: exit 5, and no window is recorded."""

    def answer(window: Window) -> Census | FailedRead:
        if window.reason is Reason.CENSUS:
            return Census(None, NOW, Cost(requests=1), Profile())
        return failed(window, WindowFailed("Not accepted."), answered=False)

    def plan(state: ScopeState, now: datetime) -> tuple[Window, ...]:
        census = Window(state.scope, now - timedelta(days=2), now, Reason.CENSUS)
        return (census, *windows_of(state, now))

    warehouse = FakeWarehouse()
    outcome = await run(warehouse, (SMS, FakeSource(answer)), plan=plan)
    assert (outcome.exit_code, warehouse.failures, warehouse.stored) == (5, [], [])


class HangingSource(FakeSource):
    """Answers the first window, and none after it."""

    async def read(self, window: Window, profile: Profile) -> Sweep | Split | Census | FailedRead:
        if self.asked:
            await asyncio.Event().wait()
        return await super().read(window, profile)


async def test_a_deadline_ends_the_run_and_says_what_is_left() -> None:
    """What was read is stored, the window in hand is dropped, accounts that ended are complete, those that had not
    begun or not ended are said to be late; exit 1."""
    warehouse = FakeWarehouse()
    scopes = [Scope(f"late-{number}", "st-a", Channel.SMS) for number in range(pipeline.ACCOUNTS_AT_ONCE + 1)]
    hanging = [(scope, HangingSource()) for scope in scopes]
    outcome = await run(warehouse, (OTHER, FakeSource()), *hanging, deadline_seconds=0.2)
    assert (outcome.verdict, outcome.exit_code, outcome.scopes[0].error) == (Verdict.INCOMPLETE, 1, None)
    assert warehouse.finished == [(Verdict.INCOMPLETE, 1)]
    assert outcome.late == tuple(scope.account_id for scope in scopes)
    begun, unbegun = outcome.scopes[1:-1], outcome.scopes[-1]
    assert all("while this account was being read" in str(scope.error) for scope in begun)
    assert all(scope.windows == {State.PROVEN: 1} for scope in begun)
    assert "before this account's turn" in str(unbegun.error)
    assert (unbegun.windows, len(warehouse.stored)) == ({}, 3 + len(begun))


async def test_a_deadline_that_is_not_met_changes_nothing() -> None:
    """The run ends by itself before it."""
    outcome = await run(FakeWarehouse(), (SMS, FakeSource()), deadline_seconds=60)
    assert (outcome.exit_code, outcome.late) == (0, ())


async def test_what_had_ended_before_the_deadline_keeps_its_end() -> None:
    """A refused app is refused; the other app of its account is late; a held account is held."""
    warehouse = FakeWarehouse()
    warehouse.held.add("held")
    refusing = FakeSource(lambda w: failed(w, AccountRefused("Refused."), answered=False))
    second, held = Scope("acc", "st-b", Channel.SMS), Scope("held", "st-h", Channel.SMS)
    sources = ((SMS, refusing), (second, HangingSource()), (held, FakeSource()))
    outcome = await run(warehouse, *sources, deadline_seconds=0.1)
    assert outcome.late == ("acc",)
    assert [scope.error for scope in outcome.scopes] == [
        "Refused.",
        "The deadline came while this account was being read; the next run reads what is left",
        "Account held is held.",
    ]


async def test_accounts_that_do_not_answer_hold_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three times as many as there are places hang from the beginning: all others are read to their end."""
    monkeypatch.setattr(pipeline, "SILENT_SECONDS", 0.01)
    warehouse = FakeWarehouse()
    mute = [
        (Scope(f"mute-{number}", "st-m", Channel.SMS), MuteSource()) for number in range(3 * pipeline.ACCOUNTS_AT_ONCE)
    ]
    good = [(Scope(f"good-{number}", "st-g", Channel.SMS), FakeSource()) for number in range(20)]
    outcome = await run(warehouse, *mute, *good, deadline_seconds=1)
    assert outcome.late == tuple(scope.account_id for scope, _ in mute)
    assert len(warehouse.stored) == 3 * len(good)


async def test_an_error_of_an_account_that_gave_its_place_away_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """As any other's would."""
    monkeypatch.setattr(pipeline, "SILENT_SECONDS", 0.01)
    warehouse = FakeWarehouse()
    warehouse.store_error = WarehouseError("The disk is full.")
    with pytest.raises(WarehouseError, match="disk is full"):
        await run(warehouse, (SMS, SlowSource()), (OTHER, MuteSource()))
    assert warehouse.finished == [(Verdict.FAILED, 6)]


class MuteSource(FakeSource):
    """Answers nothing."""

    async def read(self, window: Window, profile: Profile) -> Sweep | Split | Census | FailedRead:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")


class SlowSource(FakeSource):
    """Answers after it gave its place away."""

    async def read(self, window: Window, profile: Profile) -> Sweep | Split | Census | FailedRead:
        await asyncio.sleep(0.05)
        return await super().read(window, profile)


@pytest.mark.parametrize("full", [False, True])
async def test_while_windows_wait_for_room_an_account_reads_one_at_a_time(full: bool) -> None:
    """Each window that waits holds its first page: those of all accounts together would be no small thing."""
    reading: set[str] = set()
    together: set[frozenset[str]] = set()

    class Watched(FakeSource):
        is_full = full

        async def read(self, window: Window, profile: Profile) -> Sweep | Split | Census | FailedRead:
            me = f"{window.scope.channel} {window.start}"
            reading.add(me)
            for _ in range(3):
                await asyncio.sleep(0)
                together.add(frozenset(reading))
            reading.remove(me)
            return await super().read(window, profile)

    outcome = await run(FakeWarehouse(), (SMS, Watched()), (VOICE, Watched()))
    assert outcome.exit_code == 0
    assert max(map(len, together)) == (1 if full else 2)


async def test_an_account_that_ends_early_gives_back_the_room_of_all_that_it_read() -> None:
    """Two listings are read abreast; the first window's store loses the lease, and the other is read and not stored.

    The other accounts go on, and would wait for its room for ever.
    """
    warehouse, sms, voice = FakeWarehouse(), FakeSource(), FakeSource()
    warehouse.store_error = LeaseLost("Another run took over.")
    outcome = await run(warehouse, (SMS, sms), (VOICE, voice), (OTHER, FakeSource()))
    assert outcome.exit_code
    assert voice.asked, "nothing was read abreast: the test shows nothing"
    assert sorted(sms.dropped + voice.dropped, key=str) == sorted(sms.asked + voice.asked, key=str)
