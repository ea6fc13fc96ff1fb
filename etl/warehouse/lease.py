"""Who owns an account now: taking, renewing, fencing and giving back the lease row.

The epoch counts up with every take-over and never back, so a holder that was paused and wakes up is told apart from
its successor whatever the clocks say. Expiry is by the database's clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import lru_cache
from typing import Any

from msgspec import Struct
from sqlalchemy import Dialect, Select, Update, and_, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from etl.errors import LeaseHeld, LeaseLost, WarehouseError
from etl.model import Emit, Waiting
from etl.warehouse import holder
from etl.warehouse.database import Database
from etl.warehouse.dialect import insert_missing, now, seconds_from_now, seconds_until
from etl.warehouse.schema import sync_leases

POLL_SECONDS = 2.0
"""How often a waiting run looks whether the account is free."""

Sleep = Callable[[float], Awaitable[object]]


class Lease(Struct, frozen=True):
    """The right to write one account, until somebody else's epoch replaces ours."""

    account_id: str
    holder: str
    epoch: int
    seconds: float


class Held(Struct, frozen=True):
    """Who has an account, and for how much longer without a renewal."""

    holder: str
    epoch: int
    seconds_left: float


async def fence(connection: AsyncConnection, lease: Lease) -> None:
    """The first statement of every transaction that writes an account: raises LeaseLost unless the lease is ours
    still, and keeps others from taking it until the transaction ends. Transactions of the holder's go side by side,
    unless they have to renew it because nobody else did."""
    left = await connection.scalar(_ours(connection.dialect), _told(lease))
    if left is None:
        raise LeaseLost(
            f"Account {lease.account_id} was taken over by another run; nothing more is written for it. "
            "What this run stored stays; the other run goes on from there."
        )
    if left < lease.seconds / 2:
        await _extend(connection, lease, lease.seconds)


@asynccontextmanager
async def held(
    database: Database, account_id: str, *, seconds: float, wait_seconds: float, emit: Emit | None, sleep: Sleep
) -> AsyncIterator[Lease]:
    """Take the lease, renew it every third of `seconds` while the body runs, give it back. Raises LeaseHeld when it
    is not free after `wait_seconds`."""
    lease = await _acquire(database, account_id, seconds, wait_seconds, emit, sleep)
    renewal = asyncio.create_task(_renew(database, lease, sleep))
    try:
        yield lease
    finally:
        renewal.cancel()
        await asyncio.gather(renewal, return_exceptions=True)
        with suppress(WarehouseError):  # a lease that cannot be given back runs out by itself
            await asyncio.shield(_release(database, lease))


async def _acquire(
    database: Database, account_id: str, seconds: float, wait_seconds: float, emit: Emit | None, sleep: Sleep
) -> Lease:
    waited = 0.0
    while True:
        taken = await _take(database, account_id, seconds)
        if isinstance(taken, Lease):
            return taken
        pause = min(POLL_SECONDS, wait_seconds - waited)
        if pause <= 0:
            raise LeaseHeld(_is_held(account_id, taken, waited))
        if emit is not None:
            emit(Waiting(account_id, pause, "another run holds the account"))
        await sleep(pause)
        waited += pause


def _is_held(account_id: str, other: Held, waited: float) -> str:
    who = holder.parse(other.holder)
    by = f"process {who.pid} on {who.host}" if who else "another run"
    after = f" after {waited:.0f} s of waiting" if waited else ""
    return (
        f"Account {account_id} is held by {by}{after}; its lease ends in {max(other.seconds_left, 0):.0f} s "
        "unless it is renewed. Run again later, or use --wait SECONDS to wait for it."
    )


async def _take(database: Database, account_id: str, seconds: float) -> Lease | Held:
    me = holder.myself()
    async with database.write() as connection:
        lease = await _claim(connection, account_id, str(me), seconds)
        if lease is None and await _is_first(connection, account_id):
            lease = await _claim(connection, account_id, str(me), seconds)
        if lease is not None:
            return lease
        other = await _holder(connection, account_id)
        who = holder.parse(other.holder)
        if who is not None and holder.provably_dead(who, me):
            return await _claim(connection, account_id, str(me), seconds, instead_of=other) or other
        return other


async def _is_first(connection: AsyncConnection, account_id: str) -> bool:
    """Whether nobody ever had the account; there is a free lease of it now. Looked for first, because an insert would
    wait for whoever is inside a transaction."""
    row = select(sync_leases.c.epoch).where(sync_leases.c.account_id == account_id)
    if await connection.scalar(row) is not None:
        return False
    free = {"account_id": account_id, "holder": "", "epoch": 0, "expires_at": now(connection.dialect)}
    await connection.execute(insert_missing(sync_leases, connection.dialect).values(**free))
    return True


async def _claim(
    connection: AsyncConnection, account_id: str, me: str, seconds: float, instead_of: Held | None = None
) -> Lease | None:
    """The lease where it is free, or still that of a holder that died; None where it is not, or there is no row."""
    told: dict[str, Any] = {"account": account_id, "me": me, "seconds": seconds}
    if instead_of is not None:
        told |= {"dead": instead_of.holder, "its_epoch": instead_of.epoch}
    taken = await connection.execute(_taking(connection.dialect, free=instead_of is None), told)
    epoch = taken.scalar()
    return None if epoch is None else Lease(account_id, me, epoch, seconds)


async def _holder(connection: AsyncConnection, account_id: str) -> Held:
    left = seconds_until(sync_leases.c.expires_at, connection.dialect)
    row = (
        await connection.execute(
            select(sync_leases.c.holder, sync_leases.c.epoch, left).where(sync_leases.c.account_id == account_id)
        )
    ).one()
    return Held(row[0], row[1], float(row[2]))


async def _extend(connection: AsyncConnection, lease: Lease, seconds: float) -> bool:
    """Set the expiry to `seconds` from now; False when the lease is no longer ours."""
    extended = await connection.execute(_extension(connection.dialect), {**_told(lease), "seconds": seconds})
    return extended.rowcount == 1


def _told(lease: Lease) -> dict[str, Any]:
    return {"account": lease.account_id, "me": lease.holder, "my_epoch": lease.epoch}


async def _renew(database: Database, lease: Lease, sleep: Sleep) -> None:
    """Every third, until the lease is lost or given back. A renewal that fails is tried again a third later; should
    all fail, the lease runs out and the fence tells."""
    mine = True
    while mine:
        await sleep(lease.seconds / 3)
        try:
            async with database.write() as connection:
                mine = await _extend(connection, lease, lease.seconds)
        except WarehouseError:
            continue


async def _release(database: Database, lease: Lease) -> None:
    async with database.write() as connection:
        await _extend(connection, lease, 0)


# -- the statements, worded once for a database -----------------------------------------------------------------------


@lru_cache(maxsize=8)
def _taking(dialect: Dialect, *, free: bool) -> Update:
    """Who is inside a transaction, perhaps paused there for good, is not waited for: the account is held."""
    lease = sync_leases.c
    of_dead = and_(lease.holder == bindparam("dead"), lease.epoch == bindparam("its_epoch"))
    may_be_had = lease.expires_at <= now(dialect) if free else of_dead
    chosen = select(lease.account_id).where(lease.account_id == bindparam("account"), may_be_had)
    return (
        update(sync_leases)
        .where(lease.account_id == chosen.with_for_update(skip_locked=True).scalar_subquery())
        .values(
            holder=bindparam("me"), epoch=lease.epoch + 1, expires_at=seconds_from_now(bindparam("seconds"), dialect)
        )
        .returning(lease.epoch)
    )


_MINE = and_(
    sync_leases.c.account_id == bindparam("account"),
    sync_leases.c.epoch == bindparam("my_epoch"),
    sync_leases.c.holder == bindparam("me"),
)


@lru_cache(maxsize=8)
def _ours(dialect: Dialect) -> Select[Any]:
    """How many seconds are left of it. Locked so that `_taking`, which wants the row for itself, passes it by; SQLite
    has one writer, and needs no lock."""
    left = seconds_until(sync_leases.c.expires_at, dialect)
    return select(left).where(_MINE).with_for_update(read=True, key_share=True)


@lru_cache(maxsize=8)
def _extension(dialect: Dialect) -> Update:
    return update(sync_leases).where(_MINE).values(expires_at=seconds_from_now(bindparam("seconds"), dialect))
