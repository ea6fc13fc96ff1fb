"""Runs that ask the source nothing: stored texts are read again, account by account, each under its lease.

`replay` and `rejects retry` are such runs. They stand in the ledger as runs without windows.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from itertools import groupby
from typing import Any, Protocol, TypeVar

from msgspec import Struct, field
from msgspec.structs import asdict

from etl.errors import LeaseError, LeaseHeld, WarehouseError
from etl.model import Emit, Mended, Scope, Verdict
from etl.report import EXIT_BUG, EXIT_HELD, EXIT_INCOMPLETE, EXIT_WAREHOUSE

L = TypeVar("L")
L_co = TypeVar("L_co", covariant=True)

Mend = Callable[[L, str, Scope], AsyncIterator[Mended]]
"""(lease, run id, scope) -> what became of the scope's stored texts, transaction by transaction."""


class Warehouse(Protocol[L_co]):
    """What such a run needs of a warehouse, besides what it does to each scope."""

    async def begin_run(self, verb: str, *, version: str, started_at: datetime) -> str: ...

    async def finish_run(self, run_id: str, *, verdict: Verdict, exit_code: int, totals: Mapping[str, Any]) -> None: ...

    def lease(
        self, account_id: str, *, seconds: float, wait_seconds: float = 0, emit: Emit | None = None
    ) -> AbstractAsyncContextManager[L_co]: ...


class Order(Struct, frozen=True):
    """A run's verb and options."""

    verb: str
    version: str
    lease_seconds: float
    wait_seconds: float = 0


class Outcome(Struct):
    """What such a run has done so far; `held` and `lost` have a sentence per account that was not mended."""

    run_id: str
    verb: str
    verdict: Verdict = Verdict.COMPLETE
    exit_code: int = 0
    scopes: dict[Scope, Mended] = field(default_factory=dict)
    held: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    @property
    def total(self) -> Mended:
        return sum(self.scopes.values(), Mended())

    def judge(self) -> None:
        """Lost accounts and texts that were left come first, then held accounts."""
        if self.lost or self.total.left:
            self.verdict, self.exit_code = Verdict.INCOMPLETE, EXIT_INCOMPLETE
        elif self.held:
            self.verdict, self.exit_code = Verdict.HELD, EXIT_HELD


async def run(
    scopes: Iterable[Scope],
    warehouse: Warehouse[L],
    order: Order,
    mend: Mend[L],
    *,
    clock: Callable[[], datetime],
    stop_code: Callable[[], int],
) -> Outcome:
    """Mend every account in turn and write the run's line; a signal ends it after what is stored already.

    Raises WarehouseError when the warehouse fails.
    """
    beginning = asyncio.ensure_future(warehouse.begin_run(order.verb, version=order.version, started_at=clock()))
    outcome = Outcome("", order.verb)

    async def finish() -> Outcome:
        outcome.run_id = run_id = await beginning
        totals = asdict(outcome.total)
        await warehouse.finish_run(run_id, verdict=outcome.verdict, exit_code=outcome.exit_code, totals=totals)
        return outcome

    try:
        outcome.run_id = await asyncio.shield(beginning)  # a run that has begun gets a verdict
        for account_id, listings in groupby(sorted(scopes), key=lambda scope: scope.account_id):
            await _account(account_id, list(listings), warehouse, order, mend, outcome)
        outcome.judge()
    except asyncio.CancelledError:
        outcome.verdict, outcome.exit_code = Verdict.STOPPED, stop_code()
    except Exception as error:
        code = EXIT_WAREHOUSE if isinstance(error, WarehouseError) else EXIT_BUG
        outcome.verdict, outcome.exit_code = Verdict.FAILED, code
        with contextlib.suppress(WarehouseError):  # the first error is the one to show
            await finish()
        raise
    return await finish()


async def _account(
    account_id: str,
    scopes: Sequence[Scope],
    warehouse: Warehouse[L],
    order: Order,
    mend: Mend[L],
    outcome: Outcome,
) -> None:
    try:
        async with warehouse.lease(account_id, seconds=order.lease_seconds, wait_seconds=order.wait_seconds) as lease:
            for scope in scopes:
                outcome.scopes[scope] = Mended()
                async for part in mend(lease, outcome.run_id, scope):
                    outcome.scopes[scope] += part
    except LeaseError as error:
        (outcome.held if isinstance(error, LeaseHeld) else outcome.lost).append(str(error))
