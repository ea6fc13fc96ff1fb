"""Who may write an account, on both databases."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable

import asyncpg
import pytest
from msgspec.structs import replace
from warehouse.samples import RANK, Clock, Night, campaign, query

from etl.errors import LeaseHeld, LeaseLost
from etl.model import Channel, Scope, Waiting
from etl.warehouse import holder
from etl.warehouse.lease import _extend, fence
from etl.warehouse.warehouse import Warehouse

MakeNight = Callable[..., Night]

PAST = "'2020-01-01T00:00:00.000000Z'"


async def test_a_held_account_is_refused_and_named(warehouse: Warehouse, warehouse_url: str, clock: Clock) -> None:
    """The message says who holds it and what to do; another account is free."""
    async with warehouse.lease("acc-1", seconds=90), Warehouse.connect(warehouse_url, clock=clock) as other:
        with pytest.raises(LeaseHeld, match=rf"process {holder.myself().pid} on .* --wait SECONDS"):
            async with other.lease("acc-1", seconds=90):
                pytest.fail("The lease was given twice.")
        async with other.lease("acc-2", seconds=90):
            pass


async def test_a_lease_given_back_is_free_at_once_and_its_epoch_goes_on(warehouse: Warehouse) -> None:
    """The row stays, so epochs never repeat."""
    epochs = []
    for _ in range(3):
        async with warehouse.lease("acc-1", seconds=90) as lease:
            epochs.append(lease.epoch)
    assert epochs == [1, 2, 3]


async def test_a_paused_holder_cannot_write(night: MakeNight, warehouse: Warehouse, warehouse_url: str) -> None:
    """Its lease ran out and another run took the account: the fence stops it, nothing is stored."""
    async with night() as paused:
        await query(warehouse_url, f"UPDATE sync_leases SET expires_at = {PAST}")
        async with night() as awake:
            with pytest.raises(LeaseLost, match="acc-1 was taken over"):
                await paused.store(campaign("c-1"))
            with pytest.raises(LeaseLost):
                await warehouse.save_profile(paused.lease, paused.scope, paused.sweep().profile)
            await awake.store(campaign("c-2"))
    assert await query(warehouse_url, "SELECT campaign_id FROM campaigns") == [("c-2",)]
    assert await query(warehouse_url, "SELECT run_id FROM sync_windows") == [(awake.run_id,)]


async def test_a_lease_that_ran_out_but_was_not_taken_still_writes(night: MakeNight, warehouse_url: str) -> None:
    """Only a successor takes the right away."""
    async with night() as tonight:
        await query(warehouse_url, f"UPDATE sync_leases SET expires_at = {PAST}")
        assert (await tonight.store(campaign("c-1"))).inserted == 1
        with pytest.raises(LeaseHeld):
            async with night():
                pytest.fail("Storing renews the lease.")


async def test_a_holder_that_sleeps_in_its_transaction_is_not_waited_for(postgres_url: str, clock: Clock) -> None:
    """Its window may still be committed: the account is held, however long ago the lease ran out; others are free."""
    async with Warehouse.connect(postgres_url, clock=clock) as warehouse, warehouse.lease("acc-1", seconds=90):
        await query(postgres_url, f"UPDATE sync_leases SET expires_at = {PAST}")
        asleep = await asyncpg.connect(postgres_url)
        await asleep.execute("BEGIN; UPDATE sync_leases SET holder = holder WHERE account_id = 'acc-1'")
        async with Warehouse.connect(postgres_url, clock=clock) as other:
            with pytest.raises(LeaseHeld):
                await asyncio.wait_for(other.lease("acc-1", seconds=90).__aenter__(), 5)
            async with other.lease("acc-2", seconds=90):
                pass
        await asleep.close()


async def test_the_holders_windows_and_renewals_go_side_by_side(postgres_url: str, clock: Clock) -> None:
    """A window under way keeps others from taking the account, though its lease ran out; not its own run."""
    async with Warehouse.connect(postgres_url, clock=clock) as warehouse, Night(warehouse, clock) as tonight:
        database = warehouse._database
        assert tonight.lease is not None
        async with database.write(window=True) as under_way:
            await fence(under_way, tonight.lease)
            async with asyncio.timeout(5):
                assert (await tonight.store(campaign("c-1"))).inserted == 1
                async with database.write() as renewal:
                    assert await _extend(renewal, tonight.lease, -1)
            with pytest.raises(LeaseHeld):
                async with warehouse.lease("acc-1", seconds=90):
                    pytest.fail("A window is being stored.")
        async with warehouse.lease("acc-1", seconds=90) as successor:
            assert successor.epoch == tonight.lease.epoch + 1


async def test_a_late_release_does_not_free_the_successors_lease(
    night: MakeNight, warehouse: Warehouse, warehouse_url: str
) -> None:
    """Giving back is fenced like everything else."""
    async with night():
        await query(warehouse_url, f"UPDATE sync_leases SET expires_at = {PAST}")
        successor = warehouse.lease("acc-1", seconds=90)
        lease = await successor.__aenter__()
    with pytest.raises(LeaseHeld):
        async with warehouse.lease("acc-1", seconds=90):
            pytest.fail("The successor's lease was freed.")
    assert lease.epoch == 2
    await successor.__aexit__(None, None, None)


async def test_waiting_ends_when_the_account_is_free(warehouse_url: str, warehouse: Warehouse, clock: Clock) -> None:
    """It looks again every few seconds, tells so, and takes over."""
    holding = warehouse.lease("acc-1", seconds=90)
    await holding.__aenter__()
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        if seconds > 10:  # the renewal's
            await asyncio.Event().wait()
        slept.append(seconds)
        if len(slept) == 3:
            await holding.__aexit__(None, None, None)

    told: list[Waiting] = []
    async with (
        Warehouse.connect(warehouse_url, clock=clock, sleep=sleep) as other,
        other.lease("acc-1", seconds=90, wait_seconds=60, emit=told.append) as lease,
    ):
        assert lease.epoch == 2
    assert slept == [2.0, 2.0, 2.0]
    assert [(one.account_id, one.seconds) for one in told] == [("acc-1", 2.0)] * 3


async def test_waiting_is_bounded(warehouse_url: str, warehouse: Warehouse, clock: Clock) -> None:
    """After the time asked for, the account counts as held."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async with (
        warehouse.lease("acc-1", seconds=90),
        Warehouse.connect(warehouse_url, clock=clock, sleep=sleep) as other,
    ):
        with pytest.raises(LeaseHeld, match="after 5 s of waiting"):
            async with other.lease("acc-1", seconds=90, wait_seconds=5):
                pytest.fail("The lease was given twice.")
    assert slept == [2.0, 2.0, 1.0]


async def test_a_lease_is_renewed_every_third(warehouse: Warehouse, warehouse_url: str, clock: Clock) -> None:
    """The expiry moves on while the body only waits."""
    slept: list[float] = []
    third, renewed = asyncio.Event(), asyncio.Event()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 1:
            await third.wait()
        else:
            renewed.set()
            await asyncio.Event().wait()

    async with (
        Warehouse.connect(warehouse_url, clock=clock, sleep=sleep) as renewing,
        renewing.lease("acc-1", seconds=60),
    ):
        await query(warehouse_url, f"UPDATE sync_leases SET expires_at = {PAST}")
        third.set()
        await renewed.wait()
        with pytest.raises(LeaseHeld):
            async with warehouse.lease("acc-1", seconds=1):
                pytest.fail("The lease was not renewed.")
    assert slept == [20.0, 20.0]


async def test_a_holder_that_died_here_is_taken_over_at_once(warehouse: Warehouse, warehouse_url: str) -> None:
    """A killed process of this host does not block the account until its lease runs out."""
    script = (
        "import asyncio, os, sys\n"
        "from datetime import UTC, datetime\n"
        "from etl.warehouse.warehouse import Warehouse\n"
        "async def main():\n"
        "    warehouse = Warehouse.connect(sys.argv[1], clock=lambda: datetime.now(UTC))\n"
        "    await warehouse.lease('acc-1', seconds=900).__aenter__()\n"
        "    os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, warehouse_url)
    assert await process.wait() == -9
    async with warehouse.lease("acc-1", seconds=90) as lease:
        assert lease.epoch == 2


def test_a_process_is_dead_only_where_that_can_be_proven() -> None:
    """Same boot, same namespace, and no such process or another start; anything else counts as alive."""
    me = holder.myself()
    assert not holder.provably_dead(me, me)
    assert holder.provably_dead(replace(me, start="1"), me)
    assert not holder.provably_dead(replace(me, start="1", boot="another boot"), me)
    assert not holder.provably_dead(replace(me, start="1", namespace="1"), me)
    assert not holder.provably_dead(replace(me, start=""), me)
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
        gone = replace(me, pid=ended.pid)
    assert holder.provably_dead(gone, me)


def test_a_process_that_nobody_collected_is_dead() -> None:
    """A zombie writes nothing any more."""
    me = holder.myself()
    process = subprocess.Popen(["/bin/sh", "-c", "read line"], stdin=subprocess.PIPE)
    state = holder._state_and_start(process.pid)
    assert state is not None
    other = replace(me, pid=process.pid, start=state[1])
    assert not holder.provably_dead(other, me)
    process.communicate(b"end\n")
    assert holder.provably_dead(other, me)


def test_a_holder_is_read_as_it_was_written() -> None:
    """Other texts are nobody's."""
    me = holder.myself()
    assert holder.parse(str(me)) == me
    assert holder.parse("") is None
    assert holder.parse("somebody") is None
    assert holder.parse(str(me).replace("pid=", "pid=x", 1)) is None


async def test_runs_take_turns(warehouse_url: str, clock: Clock) -> None:
    """Five runs on one account: at any time one of them holds it, and each gets it in the end."""
    inside: list[int] = []
    done: set[int] = set()

    async def run(number: int) -> None:
        async with (
            Warehouse.connect(warehouse_url, clock=clock, sleep=briefly) as mine,
            mine.lease("acc-1", seconds=90, wait_seconds=4_000),
        ):
            inside.append(number)
            assert len(inside) == 1
            await asyncio.sleep(0)
            inside.remove(number)
            done.add(number)

    async def briefly(seconds: float) -> None:
        await asyncio.sleep(seconds / 1_000 if seconds < 10 else seconds)

    await asyncio.gather(*(run(number) for number in range(5)))
    assert len(done) == 5


async def test_two_accounts_that_bring_the_same_new_id_store_it_once(night: MakeNight, warehouse_url: str) -> None:
    """Whoever commits first owns it; the other looks again and rejects it."""
    other = Scope("acc-2", "st-1", Channel.SMS)
    async with night() as one, night(other) as two:
        rows = [campaign(f"c-{n:03}") for n in range(300)]
        loaded = await asyncio.gather(
            one.warehouse.store(one.lease, one.run_id, one.sweep(*rows), app_rank=RANK),
            two.warehouse.store(two.lease, two.run_id, two.sweep(*rows), app_rank=RANK),
        )
    assert sorted((done.inserted, done.rejected) for done in loaded) == [(0, 300), (300, 0)]
    assert await query(warehouse_url, "SELECT count(*), count(DISTINCT account_id) FROM campaigns") == [(300, 1)]


async def test_a_store_cancelled_half_way_leaves_nothing_and_frees_the_lease(
    night: MakeNight, warehouse: Warehouse, warehouse_url: str
) -> None:
    """A signal in the middle of a window: the next run finds the warehouse as it was."""
    rows = [campaign(f"c-{n:05}", contact_lists=("a", "b")) for n in range(2_000)]
    async with night() as tonight:
        for steps in (1, 5, 20, 60):
            storing = asyncio.create_task(tonight.store(*rows))
            for _ in range(steps):
                await asyncio.sleep(0)
            storing.cancel()
            done = await asyncio.gather(storing, return_exceptions=True)
            assert isinstance(done[0], asyncio.CancelledError)
    assert await query(warehouse_url, "SELECT count(*) FROM campaigns") == [(0,)]
    async with night() as tonight:
        assert (await tonight.store(*rows)).inserted == 2_000
