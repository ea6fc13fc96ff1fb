"""Runs that were killed: their lines are closed by the next run, and only theirs."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace
from warehouse.samples import Clock, Night, campaign, query

from etl.model import Verdict
from etl.warehouse import holder
from etl.warehouse.warehouse import Warehouse

AT = datetime(2026, 3, 1, 2, 15, tzinfo=UTC)
ELSEWHERE = "host=elsewhere pid=1 start=1 boot=b pidns=1"

KILLED = (
    "import asyncio, os, sys\n"
    "from datetime import UTC, datetime\n"
    "from etl.warehouse.warehouse import Warehouse\n"
    "async def main():\n"
    "    warehouse = Warehouse.connect(sys.argv[1], clock=lambda: datetime.now(UTC))\n"
    "    print(await warehouse.begin_run('sync', version='1', started_at=datetime.now(UTC)), flush=True)\n"
    "    os.kill(os.getpid(), 9)\n"
    "asyncio.run(main())\n"
)


async def begin(warehouse: Warehouse, at: datetime = AT) -> str:
    return await warehouse.begin_run("sync", version="1", started_at=at)


async def rewritten(url: str, run_id: str, who: str | None) -> None:
    """Another process begins to be the one that ran it."""
    text = "NULL" if who is None else f"'{who}'"
    await query(url, f"UPDATE sync_runs SET holder = {text} WHERE run_id = '{run_id}'")


async def line(warehouse: Warehouse, run_id: str) -> tuple[Verdict, int | None, datetime | None]:
    found = await warehouse.run(run_id)
    assert found is not None
    return found.line.verdict, found.line.exit_code, found.line.finished_at


async def test_a_killed_process_leaves_a_line_that_the_next_run_closes(
    warehouse: Warehouse, warehouse_url: str
) -> None:
    """At once, as failed with 137: on the same machine there is no doubt."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, warehouse_url, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    run_id = out.decode().strip()
    assert process.returncode == -9
    assert (await line(warehouse, run_id))[:2] == (Verdict.RUNNING, None)
    following = await begin(warehouse, datetime.now(UTC))
    assert (await line(warehouse, run_id))[:2] == (Verdict.FAILED, 137)
    found = await warehouse.run(run_id)
    assert found is not None
    assert found.line.was_killed
    assert (await line(warehouse, following))[0] is Verdict.RUNNING


async def test_a_run_under_way_here_is_left_alone_however_old(warehouse: Warehouse) -> None:
    """A process that can be seen and lives is not closed, and its own verdict is written over nothing."""
    old = await begin(warehouse, AT - timedelta(days=9))
    await begin(warehouse)
    assert (await line(warehouse, old))[0] is Verdict.RUNNING


async def test_the_last_sign_of_life_is_its_end(night: object, warehouse: Warehouse, warehouse_url: str) -> None:
    """The end of its last window, else its start: nobody knows better."""
    make: type[Night] = night  # type: ignore[assignment]
    async with make() as tonight:
        await tonight.store(campaign("c-1"))
    bare = await begin(warehouse)
    dead = replace(holder.myself(), start="1")
    for run_id in (tonight.run_id, bare):
        await query(warehouse_url, f"UPDATE sync_runs SET verdict = 'running' WHERE run_id = '{run_id}'")
        await rewritten(warehouse_url, run_id, str(dead))
    await begin(warehouse)
    found = await warehouse.run(tonight.run_id)
    assert found is not None
    assert await line(warehouse, bare) == (Verdict.FAILED, 137, AT)
    assert found.line.was_killed
    assert found.line.finished_at == max(found.windows[-1].finished_at, found.line.started_at)


@pytest.mark.parametrize("who", [ELSEWHERE, None, "somebody"])
async def test_a_run_elsewhere_is_closed_once_it_is_silent(
    warehouse: Warehouse, warehouse_url: str, who: str | None
) -> None:
    """Over an hour old and without a lease; before that it may still begin."""
    run_id = await begin(warehouse)
    await rewritten(warehouse_url, run_id, who)
    await begin(warehouse, AT + timedelta(minutes=59))
    assert (await line(warehouse, run_id))[0] is Verdict.RUNNING
    await begin(warehouse, AT + timedelta(minutes=61))
    assert (await line(warehouse, run_id))[:2] == (Verdict.FAILED, 137)


async def test_a_lease_is_a_sign_of_life(warehouse: Warehouse, warehouse_url: str, clock: Clock) -> None:
    """A run elsewhere that renews its lease is under way, for days if need be; once it ran out, it is not."""
    run_id = await begin(warehouse)
    await rewritten(warehouse_url, run_id, ELSEWHERE)
    async with warehouse.lease("acc-1", seconds=90):
        await query(warehouse_url, f"UPDATE sync_leases SET holder = '{ELSEWHERE}'")
        await begin(warehouse, AT + timedelta(days=2))
        assert (await line(warehouse, run_id))[0] is Verdict.RUNNING
        await query(warehouse_url, "UPDATE sync_leases SET expires_at = '2020-01-01T00:00:00.000000Z'")
        await begin(warehouse, AT + timedelta(days=2))
        assert (await line(warehouse, run_id))[0] is Verdict.FAILED


async def test_a_run_closed_by_mistake_has_the_last_word(warehouse: Warehouse, warehouse_url: str) -> None:
    """It waited for a lease elsewhere for longer than an hour: its own verdict counts."""
    run_id = await begin(warehouse)
    await rewritten(warehouse_url, run_id, ELSEWHERE)
    await begin(warehouse, AT + timedelta(hours=2))
    await warehouse.finish_run(run_id, verdict=Verdict.COMPLETE, exit_code=0, totals={})
    assert (await line(warehouse, run_id))[:2] == (Verdict.COMPLETE, 0)
