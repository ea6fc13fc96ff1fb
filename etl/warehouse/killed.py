"""Runs whose process ended without writing a verdict: how they are told from those under way, and closed.

A process of this host tells by itself. Of another host's, its leases are the only sign of life; a run that is closed
by mistake (it had none yet, or waited for one) writes its own verdict over ours when it ends.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from etl.model import Verdict
from etl.warehouse import holder
from etl.warehouse.dialect import now
from etl.warehouse.schema import sync_leases, sync_runs, sync_windows

EXIT_KILLED = 137
"""What a shell says of a process that SIGKILL ended; in the ledger, of any that left no verdict."""

SILENCE = timedelta(hours=1)
"""So long after its start a run that cannot be looked at, and holds no lease, counts as ended."""


async def close(connection: AsyncConnection, me: holder.Holder, at: datetime) -> None:
    """Close the lines of runs that have ended: failed, as of their last sign of life. `at` is now."""
    run = sync_runs.c
    found = await connection.execute(
        select(run.run_id, run.started_at, run.holder).where(run.verdict == Verdict.RUNNING.value)
    )
    holding = await _holding(connection)
    for run_id, started_at, text in found.all():
        long_ago = at - started_at > SILENCE
        if _has_ended(text, me, is_silent=long_ago and text not in holding):
            await _close(connection, run_id, started_at)


async def _holding(connection: AsyncConnection) -> set[str]:
    lease = sync_leases.c
    return set(await connection.scalars(select(lease.holder).where(lease.expires_at > now(connection.dialect))))


def _has_ended(text: str | None, me: holder.Holder, *, is_silent: bool) -> bool:
    who = holder.parse(text or "")
    if who is not None and holder.provably_dead(who, me):
        return True
    return is_silent and not (who is not None and holder.can_be_seen(who, me))


async def _close(connection: AsyncConnection, run_id: str, started_at: datetime) -> None:
    of_run = sync_windows.c.run_id == run_id
    last = await connection.scalar(select(func.max(sync_windows.c.finished_at)).where(of_run))
    await connection.execute(
        update(sync_runs)
        .where(sync_runs.c.run_id == run_id, sync_runs.c.verdict == Verdict.RUNNING.value)
        .values(verdict=Verdict.FAILED.value, exit_code=EXIT_KILLED, finished_at=max(last or started_at, started_at))
    )
