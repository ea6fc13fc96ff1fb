"""The fastest honest program we know for this work on these libraries: `python limit.py CONFIG.json`.

aiohttp with 32 requests in flight, the pages of one listing at the same time from the first page's total; msgspec
decodes typed and keeps each record's bytes; a digest per record, so that unchanged ones are neither decoded nor
written; COPY by asyncpg while the next pages come in, or one sqlite3 transaction without waiting for the disk.

What it leaves out: any proof or check of what came (a page that shifts under it loses rows), retries, rate limits,
deletions, history, a ledger, rejected records, crash safety, secondary indexes, locks, configuration, messages.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import aiohttp
import msgspec
import uvloop
from tables import COLUMNS, CREATE, LINKS, LISTS, UPSERT

IN_FLIGHT = 32
PAGE = 100
BATCH = 2500
CONNECTIONS = 2
NEWEST = {"updatedAt": "desc"}


class Message(msgspec.Struct, gc=False):
    message: str | None = None


class Record(msgspec.Struct, gc=False, rename="camel"):
    id: str
    name: str
    status: str
    created_at: datetime
    updated_at: datetime
    description: str | None = None
    priority: str | None = None
    format: str | None = None
    campaign_execution_type: str | None = None
    experience_flow: str | None = None
    message: Message | None = None
    campaign_instance_id: str | None = None
    schedule: msgspec.Raw = msgspec.Raw(b"null")
    total_messages_sent: int | None = None
    campaign_instance_updated_at: datetime | None = None
    contact_lists: list[str] = []


class Schedule(msgspec.Struct, gc=False, rename="camel"):
    is_scheduling_enabled: bool | None = None
    is_recurrence_enabled: bool | None = None


class Data(msgspec.Struct, gc=False, rename="camel"):
    results: list[msgspec.Raw]
    total_results: int


class Envelope(msgspec.Struct, gc=False):
    data: Data


envelope = msgspec.json.Decoder(Envelope).decode
typed = msgspec.json.Decoder(Record).decode
scheduled = msgspec.json.Decoder(Schedule | None).decode


class Rows:
    """What a batch of records becomes."""

    def __init__(self) -> None:
        self.campaigns: list[tuple[Any, ...]] = []
        self.links: list[tuple[str, int]] = []

    def add(self, account: tuple[str, str], raw: bytes, digest: bytes, lists: dict[tuple[str, str], int]) -> None:
        account_id, app_id = account
        record = typed(raw)
        schedule = scheduled(record.schedule)
        self.campaigns.append(
            (
                record.id,
                account_id,
                app_id,
                "sms",
                record.name,
                record.description,
                record.status,
                None if record.priority is None else int(record.priority),
                record.format,
                record.campaign_execution_type,
                None,
                None,
                record.experience_flow,
                None if record.message is None else record.message.message,
                None,
                record.campaign_instance_id,
                None if schedule is None else schedule.is_scheduling_enabled,
                None if schedule is None else schedule.is_recurrence_enabled,
                None if schedule is None else bytes(record.schedule).decode(),
                record.total_messages_sent,
                record.created_at,
                record.updated_at,
                record.campaign_instance_updated_at,
                raw.decode(),
                digest,
            )
        )
        for name in record.contact_lists:
            key = (account_id, name)
            if key not in lists:
                lists[key] = list_id(account_id, name)
            self.links.append((record.id, lists[key]))


def list_id(account_id: str, name: str) -> int:
    digest = blake2b(f"{account_id}\0{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


class Postgres:
    """COPY on a few connections at once; straight into the tables as long as they were empty at the start."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def open(self) -> None:
        import asyncpg

        self._pool = await asyncpg.create_pool(self._url, min_size=1, max_size=CONNECTIONS)
        await self._pool.execute(CREATE)
        self.known = {row[0] for row in await self._pool.fetch("SELECT content_hash FROM campaigns")}

    async def newest(self) -> dict[str, datetime]:
        return dict(await self._pool.fetch("SELECT account_id, max(updated_at) FROM campaigns GROUP BY account_id"))

    async def write(self, rows: Rows) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            if not self.known:
                await connection.copy_records_to_table("campaigns", records=rows.campaigns, columns=COLUMNS)
                await connection.copy_records_to_table("campaign_contact_lists", records=rows.links, columns=LINKS)
                return
            await connection.execute("CREATE TEMP TABLE came (LIKE campaigns) ON COMMIT DROP")
            await connection.copy_records_to_table("came", records=rows.campaigns, columns=COLUMNS)
            await connection.execute(f"INSERT INTO campaigns SELECT * FROM came {UPSERT}")
            await connection.execute(
                "DELETE FROM campaign_contact_lists l USING came c WHERE l.campaign_id = c.campaign_id"
            )
            await connection.copy_records_to_table("campaign_contact_lists", records=rows.links, columns=LINKS)

    async def close(self, lists: dict[tuple[str, str], int]) -> None:
        rows = [(number, *key) for key, number in lists.items()]
        if not self.known:
            await self._pool.copy_records_to_table("contact_lists", records=rows, columns=LISTS)
        else:
            await self._pool.executemany("INSERT INTO contact_lists VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", rows)
        await self._pool.close()


class Sqlite:
    """One transaction, committed without waiting for the disk; times as the fixed-width UTC text that came."""

    def __init__(self, path: str) -> None:
        self._path = path

    async def open(self) -> None:
        import sqlite3

        sqlite3.register_adapter(datetime, lambda instant: instant.isoformat(timespec="milliseconds"))
        self._connection = sqlite3.connect(self._path, isolation_level=None)
        self._connection.executescript(f"PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF; {CREATE} BEGIN")
        self.known = {row[0] for row in self._connection.execute("SELECT content_hash FROM campaigns")}

    async def newest(self) -> dict[str, datetime]:
        rows = self._connection.execute("SELECT account_id, max(updated_at) FROM campaigns GROUP BY account_id")
        return {account_id: datetime.fromisoformat(text).astimezone(UTC) for account_id, text in rows}

    async def write(self, rows: Rows) -> None:
        run = self._connection.executemany
        if self.known:
            run("DELETE FROM campaign_contact_lists WHERE campaign_id = ?", [row[:1] for row in rows.campaigns])
        conflict = UPSERT if self.known else ""
        run(f"INSERT INTO campaigns VALUES ({', '.join('?' * len(COLUMNS))}) {conflict}", rows.campaigns)
        run("INSERT INTO campaign_contact_lists VALUES (?, ?)", rows.links)

    async def close(self, lists: dict[tuple[str, str], int]) -> None:
        rows = [(number, *key) for key, number in lists.items()]
        self._connection.executemany("INSERT OR IGNORE INTO contact_lists VALUES (?, ?, ?)", rows)
        self._connection.execute("COMMIT")
        self._connection.close()


class Load:
    """One run: pages come in, batches go out while more come."""

    def __init__(self, config: dict[str, Any], store: Postgres | Sqlite, session: aiohttp.ClientSession) -> None:
        self._config = config
        self._store = store
        self._session = session
        self._places = asyncio.Semaphore(IN_FLIGHT)
        self._lists: dict[tuple[str, str], int] = {}
        self._rows = Rows()
        self._writes: list[asyncio.Task[None]] = []

    async def run(self, *, only_changed: bool) -> None:
        accounts = [tuple(account) for account in self._config["accounts"]]
        if only_changed:
            newest = await self._store.newest()
            await asyncio.gather(*(self._changed(account, newest[account[0]]) for account in accounts))
        else:
            await asyncio.gather(*(self._whole(account) for account in accounts))
        self._flush()
        await asyncio.gather(*self._writes)
        await self._store.close(self._lists)

    async def _page(self, account: tuple[str, str], skip: int, sort: dict[str, str]) -> Data:
        account_id, app_id = account
        async with self._places:
            answer = await self._session.post(
                self._config["url"].replace("{app_id}", app_id),
                data=msgspec.json.encode({"type": "sms", "limit": PAGE, "skip": skip, "sortBy": sort}),
                headers={"auth": self._config["token"], "iid": app_id, "accountId": account_id},
            )
            body = await answer.read()
        answer.raise_for_status()
        return envelope(body).data

    async def _whole(self, account: tuple[str, str]) -> None:
        oldest_first = {"createdAt": "asc"}
        first = await self._page(account, 0, oldest_first)
        self._take(account, first.results)
        skips = range(PAGE, first.total_results, PAGE)
        await asyncio.gather(*(self._take_page(account, skip, oldest_first) for skip in skips))

    async def _take_page(self, account: tuple[str, str], skip: int, sort: dict[str, str]) -> None:
        self._take(account, (await self._page(account, skip, sort)).results)

    async def _changed(self, account: tuple[str, str], newest: datetime) -> None:
        """Latest first, down to what was stored."""
        for skip in range(0, sys.maxsize, PAGE):
            records = (await self._page(account, skip, NEWEST)).results
            self._take(account, records)
            if len(records) < PAGE or typed(records[-1]).updated_at <= newest:
                return

    def _take(self, account: tuple[str, str], records: list[msgspec.Raw]) -> None:
        known, rows = self._store.known, self._rows
        for raw, digest in digested(records):
            if digest not in known:
                rows.add(account, raw, digest, self._lists)
        if len(rows.campaigns) >= BATCH:
            self._flush()

    def _flush(self) -> None:
        if self._rows.campaigns:
            self._writes.append(asyncio.create_task(self._store.write(self._rows)))
            self._rows = Rows()


def digested(records: list[msgspec.Raw]) -> Iterator[tuple[bytes, bytes]]:
    for record in records:
        raw = bytes(record)
        yield raw, blake2b(raw, digest_size=16).digest()


async def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:  # noqa: PTH123, ASYNC230  nothing else runs yet
        config = json.load(file)
    warehouse = config["warehouse"]
    store = Postgres(warehouse) if warehouse.startswith("postgresql:") else Sqlite(warehouse)
    await store.open()
    connector = aiohttp.TCPConnector(limit=IN_FLIGHT)
    async with aiohttp.ClientSession(connector=connector) as session:
        await Load(config, store, session).run(only_changed=config["only_changed"])


if __name__ == "__main__":
    uvloop.run(main())
