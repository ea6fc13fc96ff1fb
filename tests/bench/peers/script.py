"""What a good engineer writes in an hour: `python script.py CONFIG.json`.

aiohttp, accounts side by side within 32 requests in flight, the pages of an account one after the other until
`hasMore` is false; each account's rows go into the tables by executemany with an upsert, in one transaction. A small
night reads the latest updated first, down to the last stamp known. No check of what came, no retries.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
from tables import COLUMNS, CREATE, UPSERT, list_id

IN_FLIGHT = 32
PAGE = 100


def campaign_row(record: dict[str, Any], account_id: str, app_id: str) -> tuple[Any, ...]:
    raw = json.dumps(record, ensure_ascii=False)
    schedule = record.get("schedule") or {}
    stamps = [record.get(name) for name in ("createdAt", "updatedAt", "campaignInstanceUpdatedAt")]
    return (
        record["id"],
        account_id,
        app_id,
        "sms",
        record["name"],
        record.get("description"),
        record["status"],
        int(record["priority"]) if record.get("priority") else None,
        record.get("format"),
        record.get("campaignExecutionType"),
        record.get("dialingMode"),
        record.get("connection"),
        record.get("experienceFlow"),
        (record.get("message") or {}).get("message"),
        (record.get("dncLists") or {}).get("name"),
        record.get("campaignInstanceId"),
        schedule.get("isSchedulingEnabled"),
        schedule.get("isRecurrenceEnabled"),
        json.dumps(schedule),
        record.get("totalMessagesSent"),
        *[datetime.fromisoformat(stamp) if stamp else None for stamp in stamps],
        raw,
        hashlib.sha256(raw.encode()).digest(),
    )


def list_rows(records: list[dict[str, Any]], account_id: str) -> list[tuple[int, str, str]]:
    names = {name for record in records for name in record.get("contactLists") or ()}
    return [(list_id(account_id, name), account_id, name) for name in sorted(names)]


def link_rows(records: list[dict[str, Any]], account_id: str) -> list[tuple[str, int]]:
    return [(record["id"], list_id(account_id, name)) for record in records for name in record["contactLists"]]


STATEMENTS = (
    f"INSERT INTO campaigns VALUES ({', '.join(f'${n}' for n in range(1, len(COLUMNS) + 1))}) {UPSERT}",
    "INSERT INTO contact_lists VALUES ($1, $2, $3) ON CONFLICT (contact_list_id) DO NOTHING",
    "DELETE FROM campaign_contact_lists WHERE campaign_id = $1",
    "INSERT INTO campaign_contact_lists VALUES ($1, $2)",
)
NEWEST = "SELECT account_id, max(updated_at) FROM campaigns GROUP BY account_id"


class Postgres:
    def __init__(self, url: str) -> None:
        self._url = url

    async def open(self) -> dict[str, datetime]:
        self._pool = await asyncpg.create_pool(self._url, min_size=1, max_size=4)
        await self._pool.execute(CREATE)
        return dict(await self._pool.fetch(NEWEST))

    async def write(self, batches: list[list[tuple[Any, ...]]]) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            for statement, rows in zip(STATEMENTS, batches, strict=True):
                await connection.executemany(statement, rows)

    async def close(self) -> None:
        await self._pool.close()


class Sqlite:
    def __init__(self, path: str) -> None:
        sqlite3.register_adapter(datetime, lambda instant: instant.isoformat(timespec="milliseconds"))
        self._connection = sqlite3.connect(path)

    async def open(self) -> dict[str, datetime]:
        self._connection.executescript(f"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; {CREATE}")
        return {account_id: datetime.fromisoformat(text) for account_id, text in self._connection.execute(NEWEST)}

    async def write(self, batches: list[list[tuple[Any, ...]]]) -> None:
        with self._connection:
            for statement, rows in zip(STATEMENTS, batches, strict=True):
                self._connection.executemany(statement.replace("$", "?"), rows)

    async def close(self) -> None:
        self._connection.close()


async def account_records(
    session: aiohttp.ClientSession, config: dict[str, Any], account: list[str], newest: datetime | None
) -> list[dict[str, Any]]:
    """All of them; with `newest`, those updated since."""
    account_id, app_id = account
    url = config["url"].replace("{app_id}", app_id)
    headers = {"auth": config["token"], "iid": app_id, "accountId": account_id}
    sort = {"updatedAt": "desc"} if newest else {"createdAt": "asc"}
    records: list[dict[str, Any]] = []
    more = True
    while more:
        asked = {"type": "sms", "limit": PAGE, "skip": len(records), "sortBy": sort}
        async with session.post(url, json=asked, headers=headers) as answer:
            answer.raise_for_status()
            data = (await answer.json())["data"]
        records += data["results"]
        more = data["hasMore"]
        if newest and datetime.fromisoformat(records[-1]["updatedAt"]) <= newest:
            return [record for record in records if datetime.fromisoformat(record["updatedAt"]) > newest]
    return records


async def main() -> None:
    config = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))  # noqa: ASYNC240  nothing else runs yet
    warehouse = config["warehouse"]
    store = Postgres(warehouse) if warehouse.startswith("postgresql:") else Sqlite(warehouse)
    newest = await store.open()

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=IN_FLIGHT)) as session:

        async def copy(account: list[str]) -> None:
            since = newest.get(account[0]) if config["only_changed"] else None
            records = await account_records(session, config, account, since)
            await store.write(
                [
                    [campaign_row(record, *account) for record in records],
                    list_rows(records, account[0]),
                    [(record["id"],) for record in records],
                    link_rows(records, account[0]),
                ]
            )

        await asyncio.gather(*(copy(account) for account in config["accounts"]))
    await store.close()


if __name__ == "__main__":
    asyncio.run(main())
