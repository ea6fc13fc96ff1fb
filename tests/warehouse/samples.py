"""Small, readable values for the warehouse's tests, and a look into the tables that does not go through our code."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, Self

import asyncpg
from msgspec.structs import replace

from etl.model import (
    Campaign,
    Channel,
    Cost,
    Loaded,
    Profile,
    Proof,
    Reason,
    Record,
    Rejected,
    Scope,
    State,
    Sweep,
    Window,
)
from etl.warehouse.lease import Lease
from etl.warehouse.warehouse import Warehouse

DAY = timedelta(days=1)
JANUARY = datetime(2026, 1, 1, tzinfo=UTC)
FEBRUARY = datetime(2026, 2, 1, tzinfo=UTC)
SMS = Scope("acc-1", "st-1", Channel.SMS)
RANK = {"st-1": 0, "st-2": 1}


def campaign(campaign_id: str, *, raw: str | None = None, **values: Any) -> Campaign:
    """A campaign whose raw text, and so its hash, says all its values."""
    typed = {"name": f"Campaign {campaign_id}", "created_at": JANUARY, **values}
    text = raw if raw is not None else json.dumps({"id": campaign_id, **typed}, default=str)
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return Campaign(campaign_id=campaign_id, raw=text.encode("utf-8", "surrogatepass"), content_hash=digest, **typed)


def rejected(key: str, **values: Any) -> Rejected:
    return Rejected(**{"key": key, "raw": f"raw of {key}", "reason": "no usable id", **values})


@dataclass(slots=True)
class Clock:
    """A clock that goes on by a second at each look."""

    at: datetime = datetime(2026, 3, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at


@dataclass(slots=True)
class Night:
    """A run of one account, from its lease to its windows."""

    warehouse: Warehouse
    clock: Clock
    scope: Scope = SMS
    run_id: str = ""
    lease: Lease | None = None
    _holding: Any = field(default=None, repr=False)

    async def __aenter__(self) -> Self:
        self.run_id = await self.warehouse.begin_run("sync", version="1.0", started_at=datetime.now(UTC))
        self._holding = self.warehouse.lease(self.scope.account_id, seconds=90)
        self.lease = await self._holding.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._holding.__aexit__(*error)

    def sweep(self, *records: Record, **values: Any) -> Sweep:
        """A proven read of January, unless said otherwise."""
        start, end = values.pop("start", JANUARY), values.pop("end", FEBRUARY)
        window = Window(values.pop("scope", self.scope), start, end, values.pop("reason", Reason.WHOLE))
        state = values.get("state", State.PROVEN)
        proof = Proof.L1 if state is State.PROVEN else None
        sweep = Sweep(
            window,
            state,
            proof,
            None,
            records,
            len(records),
            0,
            len(records),
            Cost(requests=1, sweeps=1),
            self.clock(),
            self.clock(),
            Profile(),
        )
        return replace(sweep, **values)

    async def store(self, *records: Record, rewrite: bool = False, keep: str | None = None, **values: Any) -> Loaded:
        assert self.lease is not None
        sweep = self.sweep(*records, **values)
        return await self.warehouse.store(self.lease, self.run_id, sweep, app_rank=RANK, rewrite=rewrite, keep=keep)


async def query(url: str, sql: str) -> list[tuple[Any, ...]]:
    """What the database itself answers; instants as datetimes, booleans as such only on PostgreSQL."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            rows = connection.execute(sql).fetchall()
            connection.commit()
            return rows
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(sql)]
    finally:
        await connection.close()
