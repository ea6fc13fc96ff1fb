"""The fastest honest program we know for this work on these libraries: `python limit.py CONFIG.json`.

aiohttp on uvloop with 32 requests in flight, the pages of one listing at the same time from the first page's total; a
digest per record, so that unchanged ones are neither decoded nor written; what is new is written while the next pages
come in. How it is written is in `limit_postgres` and `limit_sqlite`.

What it leaves out: any proof or check of what came (a page that shifts under it loses rows), retries, rate limits,
deletions, history, a ledger, rejected records, crash safety, secondary indexes, locks, configuration, messages, more
than one channel, tolerance for any record that is not as documented.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from datetime import datetime
from hashlib import blake2b
from typing import Any, Protocol

import aiohttp
import msgspec
import uvloop

IN_FLIGHT = 32
PAGE = 100
BATCH = 1000
OLDEST = {"createdAt": "asc"}
NEWEST = {"updatedAt": "desc"}


class Data(msgspec.Struct, gc=False, rename="camel"):
    results: list[msgspec.Raw]
    total_results: int


class Envelope(msgspec.Struct, gc=False):
    data: Data


class Stamp(msgspec.Struct, gc=False, rename="camel"):
    updated_at: datetime


envelope = msgspec.json.Decoder(Envelope).decode
stamped = msgspec.json.Decoder(Stamp).decode


class Store(Protocol):
    """Where rows go."""

    async def open(self) -> None: ...
    async def known(self) -> set[bytes]:
        """The digests of what is there."""

    async def newest(self) -> dict[str, datetime]:
        """The latest `updatedAt` of each account."""

    def add(self, account: tuple[str, str], raw: bytes, digest: bytes) -> None: ...
    async def write(self) -> None:
        """What was added since the last time; takes it before it first waits."""

    async def close(self) -> None: ...


class Load:
    """One run: pages come in, batches go out while more come."""

    def __init__(self, config: dict[str, Any], store: Store, session: aiohttp.ClientSession) -> None:
        self._config = config
        self._store = store
        self._session = session
        self._places = asyncio.Semaphore(IN_FLIGHT)
        self._turn = asyncio.Lock()
        self._opened = asyncio.create_task(self._open())
        self._known: set[bytes] = set()
        self._added = 0
        self._writes: list[asyncio.Task[None]] = []

    async def _open(self) -> None:
        await self._store.open()
        if not self._config["only_changed"]:
            self._known = await self._store.known()

    async def run(self) -> None:
        accounts = [tuple(account) for account in self._config["accounts"]]
        if self._config["only_changed"]:
            await self._opened
            newest = await self._store.newest()
            await asyncio.gather(*(self._changed(account, newest[account[0]]) for account in accounts))
        else:
            await asyncio.gather(*(self._whole(account) for account in accounts))
        self._flush()
        await asyncio.gather(*self._writes)
        await self._store.close()

    async def _page(
        self, account: tuple[str, str], skip: int, sort: dict[str, str], newest: datetime | None = None
    ) -> Data:
        """A page whose rows were taken: all that is not known, or what was updated after `newest`."""
        account_id, app_id = account
        async with self._places:
            answer = await self._session.post(
                self._config["url"].replace("{app_id}", app_id),
                data=msgspec.json.encode({"type": "sms", "limit": PAGE, "skip": skip, "sortBy": sort}),
                headers={"auth": self._config["token"], "iid": app_id, "accountId": account_id},
            )
            body = await answer.read()
            answer.raise_for_status()
            data = envelope(body).data
            if newest:
                data.results = [one for one in data.results if stamped(one).updated_at > newest]
            await self._opened
            async with self._turn:  # a page a turn of the loop: what the database waits for is not behind 32 pages
                self._take(account, data.results)
                await asyncio.sleep(0)
        return data

    async def _whole(self, account: tuple[str, str]) -> None:
        first = await self._page(account, 0, OLDEST)
        skips = range(len(first.results), first.total_results, PAGE)
        await asyncio.gather(*(self._page(account, skip, OLDEST) for skip in skips))

    async def _changed(self, account: tuple[str, str], newest: datetime) -> None:
        """Latest first, down to what was stored."""
        for skip in range(0, sys.maxsize, PAGE):
            if len((await self._page(account, skip, NEWEST, newest)).results) < PAGE:
                return

    def _take(self, account: tuple[str, str], records: list[msgspec.Raw]) -> None:
        known, add = self._known, self._store.add
        for raw in map(bytes, records):
            digest = blake2b(raw, digest_size=16).digest()
            if digest not in known:
                add(account, raw, digest)
                self._added += 1
        if self._added >= BATCH:
            self._flush()

    def _flush(self) -> None:
        if self._added:
            self._added = 0
            self._writes.append(asyncio.create_task(self._store.write()))


def store_for(warehouse: str) -> Store:
    if warehouse.startswith("postgresql:"):
        from limit_postgres import Postgres

        return Postgres(warehouse)
    from limit_sqlite import Sqlite

    return Sqlite(warehouse)


async def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:  # noqa: PTH123, ASYNC230  nothing else runs yet
        config = json.load(file)
    connector = aiohttp.TCPConnector(limit=IN_FLIGHT)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
        await Load(config, store_for(config["warehouse"]), session).run()


if __name__ == "__main__":
    gc.disable()  # nothing here makes cycles that would add up
    uvloop.run(main())
