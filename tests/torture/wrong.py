"""The deliberately wrong order that the harness must notice: progress committed before the rows that it speaks of.

Shared by no product code: it replaces one method in the process that is to be killed.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from etl.model import Loaded, Sweep
from etl.warehouse import absence, ledger, loader
from etl.warehouse.lease import Lease
from etl.warehouse.warehouse import Warehouse


def install() -> None:
    """From now on this process stores a window in the wrong order."""
    Warehouse._store_once = _store_once  # type: ignore[method-assign]


async def _store_once(
    self: Warehouse,
    lease: Lease,
    run_id: str,
    sweep: Sweep,
    app_rank: Mapping[str, int],
    *,
    rewrite: bool,
    keep: str | None,
    first: bool,
) -> Loaded:
    async with self._database.write() as connection:
        await self._fence(connection, lease, sweep.window.scope)
        place = ledger.Place(run_id, self._next_window(run_id), lease.epoch, keep)
        await ledger.note_sweep(connection, place, sweep, Loaded(), 0)
    async with self._database.write() as connection:
        await self._fence(connection, lease, sweep.window.scope)
        stored = await loader.load(connection, run_id, sweep, app_rank, rewrite=rewrite, read_on=self._read_on)
        absent = await absence.candidates(connection, sweep)
        unwanted = await absence.unwanted(connection, sweep)
    return replace(stored.loaded, absent=absent, unwanted=unwanted)
