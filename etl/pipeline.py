"""The whole program: every account's turn side by side, and the run's line around them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from etl import report
from etl.errors import KoreEtlError, WarehouseError
from etl.model import AccountEnd, Began, Emit, RunOutcome, Verdict
from etl.turn import Account, Job, Order, Warehouse

ACCOUNTS_AT_ONCE = 32
"""How many accounts are under way together; `max_rows_held` bounds the rows that they hold."""

SILENT_SECONDS = 5.0
SILENT_AT_ONCE = 200
"""An account that had no answer for so long gives its place to the next one and goes on beside; at most so many do."""

L = TypeVar("L")


class Stopped(KoreEtlError):
    """A signal ended the run; `outcome` is what was done until then."""

    def __init__(self, outcome: RunOutcome) -> None:
        super().__init__("The run was stopped; what was stored stays, the next run goes on from there.")
        self.outcome = outcome


async def run(
    jobs: Sequence[Job],
    warehouse: Warehouse[L],
    order: Order,
    *,
    clock: Callable[[], datetime],
    emit: Emit,
    stop_code: Callable[[], int],
) -> RunOutcome:
    """Run every account to its end and write the run's verdict.

    Raises WarehouseError when the warehouse fails, Stopped when cancelled; `stop_code` then says which exit code
    (130 or 143) the signal asks for.
    """
    started_at = clock()
    begins = warehouse.begin_run(order.verb.value, version=order.version, started_at=started_at)
    beginning = asyncio.ensure_future(begins)
    accounts: list[Account[L]] = []

    async def finish(override: tuple[Verdict, int] | None = None) -> RunOutcome:
        run_id = await beginning
        results = tuple(outcome for account in accounts for outcome in account.outcomes())
        verdict, exit_code = override or report.judge(results)
        scopes = tuple(scope for result in results for scope in result.scopes)
        late = tuple(dict.fromkeys(result.account_id for result in results if result.end is AccountEnd.LATE))
        outcome = RunOutcome(run_id, order.verb, verdict, exit_code, started_at, clock(), scopes, late)
        await warehouse.finish_run(run_id, verdict=verdict, exit_code=exit_code, totals=report.totals(outcome))
        return outcome

    finishing: asyncio.Task[RunOutcome] | None = None
    try:
        run_id = await asyncio.shield(beginning)  # a run that has begun gets a verdict, whenever the signal comes
        emit(Began(run_id))
        accounts += [Account(job, warehouse, order, run_id, started_at, emit) for job in jobs]
        await _until(order.deadline_seconds, accounts)
        finishing = asyncio.create_task(finish())
        return await asyncio.shield(finishing)
    except asyncio.CancelledError:
        if finishing is not None:  # everything was done when the signal came
            return await finishing
        outcome = await asyncio.shield(finish((Verdict.STOPPED, stop_code())))
        raise Stopped(outcome) from None
    except Exception as error:
        code = report.EXIT_WAREHOUSE if isinstance(error, WarehouseError) else report.EXIT_BUG
        with contextlib.suppress(WarehouseError):  # the first error is the one to show; the line stays "running"
            await finish((Verdict.FAILED, code))
        raise


async def _until(seconds: float | None, accounts: Sequence[Account[L]]) -> None:
    """Every account; at the deadline what is under way ends as after a signal, and what is left is marked so."""
    try:
        async with asyncio.timeout(seconds) as deadline:
            await _side_by_side(accounts)
    except TimeoutError:
        if not deadline.expired():
            raise
        for account in accounts:
            account.leave()


async def _side_by_side(accounts: Sequence[Account[L]]) -> None:
    """Every account, at most ACCOUNTS_AT_ONCE together that answer; the first error that stops the run is raised by
    itself."""
    places, silent = asyncio.Semaphore(ACCOUNTS_AT_ONCE), asyncio.Semaphore(SILENT_AT_ONCE)

    async def take_turn(account: Account[L]) -> None:
        async with places:
            turn = group.create_task(account.run())
            await asyncio.wait((turn,), timeout=SILENT_SECONDS)
            if account.answered:
                await asyncio.wait((turn,))
            elif not turn.done():
                await silent.acquire()
                turn.add_done_callback(lambda _: silent.release())

    try:
        async with asyncio.TaskGroup() as group:
            for account in accounts:
                group.create_task(take_turn(account))
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
