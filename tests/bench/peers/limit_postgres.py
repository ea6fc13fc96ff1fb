"""How the limit program writes to PostgreSQL: COPY in text format, on two connections, straight into empty
tables, whose primary keys are built when all is in.

The fields of a record go as the slices of JSON that came: COPY undoes backslashes just as JSON means them, `\\u` aside,
so nothing is decoded to a Python value and encoded again; the server parses numbers and times.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime

import asyncpg
import msgspec
from tables import CREATE_BARE, KEYS, UPSERT, list_id

CONNECTIONS = 2
NULL = rb"\N"
MISSING = msgspec.Raw(b"null")


class Message(msgspec.Struct, gc=False):
    message: msgspec.Raw = MISSING


class Record(msgspec.Struct, gc=False, rename="camel"):
    """In the order of COLUMNS; what is no plain text or number comes last."""

    id: msgspec.Raw
    name: msgspec.Raw
    status: msgspec.Raw
    created_at: msgspec.Raw
    updated_at: msgspec.Raw = MISSING
    description: msgspec.Raw = MISSING
    priority: msgspec.Raw = MISSING
    format: msgspec.Raw = MISSING
    campaign_execution_type: msgspec.Raw = MISSING
    experience_flow: msgspec.Raw = MISSING
    campaign_instance_id: msgspec.Raw = MISSING
    total_messages_sent: msgspec.Raw = MISSING
    campaign_instance_updated_at: msgspec.Raw = MISSING
    message: Message | None = None
    schedule: msgspec.Raw = MISSING
    contact_lists: list[str] = []


class Schedule(msgspec.Struct, gc=False, rename="camel"):
    is_scheduling_enabled: bool | None = None
    is_recurrence_enabled: bool | None = None


PLAIN = 13
"""So many fields of Record are texts and numbers."""
COLUMNS = (
    "campaign_id",
    "name",
    "status",
    "created_at",
    "updated_at",
    "description",
    "priority",
    "format",
    "execution_type",
    "experience_flow_id",
    "campaign_instance_id",
    "total_messages_sent",
    "instance_updated_at",
    "message_text",
    "is_scheduled",
    "is_recurring",
    "schedule",
    "account_id",
    "app_id",
    "channel",
    "raw",
    "content_hash",
)

shaped = msgspec.json.Decoder(Record).decode
scheduled = msgspec.json.Decoder(Schedule | None).decode
fields = msgspec.structs.astuple
FLAGS = {None: NULL, True: b"t", False: b"f"}


class Postgres:
    """Rows as lines of COPY's text format."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._campaigns: list[bytes] = []
        self._links: list[bytes] = []
        self._lists: dict[str, dict[str, bytes]] = {}
        self._schedules: dict[bytes, bytes] = {}

    async def open(self) -> None:
        self._pool = await asyncpg.create_pool(self._url, min_size=1, max_size=CONNECTIONS)
        self._keyed = await self._pool.fetchval("SELECT to_regclass('campaigns') IS NOT NULL")
        await self._pool.execute(CREATE_BARE)

    async def known(self) -> set[bytes]:
        return {row[0] for row in await self._pool.fetch("SELECT content_hash FROM campaigns")}

    async def newest(self) -> dict[str, datetime]:
        return dict(await self._pool.fetch("SELECT account_id, max(updated_at) FROM campaigns GROUP BY account_id"))

    def add(self, account: tuple[str, str], raw: bytes, digest: bytes) -> None:
        record = shaped(raw if b"\\u" not in raw else msgspec.json.encode(msgspec.json.decode(raw)))
        slices = [*map(bytes, fields(record)[:PLAIN])]
        message = NULL if record.message is None else plain(bytes(record.message.message))
        schedule = self._schedule(bytes(record.schedule))
        texts = [one[1:-1] if one[0] == 34 else NULL if one == b"null" else one for one in slices]
        escaped = raw.replace(b"\\", b"\\\\") if b"\\" in raw else raw
        owner = f"{account[0]}\t{account[1]}\tsms".encode()
        tail = b"%b\t%b\t\\\\x%b\n" % (owner, escaped, digest.hex().encode())
        self._campaigns.append(b"\t".join((*texts, message, schedule, tail)))
        lists = self._lists.setdefault(account[0], {})
        for name in record.contact_lists:
            if name not in lists:
                lists[name] = b"\t%d\n" % list_id(account[0], name)
            self._links.append(texts[0] + lists[name])

    def _schedule(self, json: bytes) -> bytes:
        """Three columns."""
        if json not in self._schedules:
            schedule = scheduled(json)
            text = NULL if schedule is None else json.replace(b"\\", b"\\\\")
            flags = (None, None) if schedule is None else fields(schedule)
            self._schedules[json] = b"\t".join((*(FLAGS[flag] for flag in flags), text))
        return self._schedules[json]

    async def write(self) -> None:
        campaigns, self._campaigns = self._campaigns, []
        links, self._links = self._links, []
        async with self._pool.acquire() as connection, connection.transaction():
            if not self._keyed:
                await connection.copy_to_table("campaigns", source=stream(campaigns), columns=COLUMNS)
            else:
                await connection.execute("CREATE TEMP TABLE came (LIKE campaigns) ON COMMIT DROP")
                await connection.copy_to_table("came", source=stream(campaigns), columns=COLUMNS)
                await connection.execute(f"INSERT INTO campaigns SELECT * FROM came {UPSERT}")
                await connection.execute(
                    "DELETE FROM campaign_contact_lists l USING came c WHERE l.campaign_id = c.campaign_id"
                )
            await connection.copy_to_table("campaign_contact_lists", source=stream(links))

    async def close(self) -> None:
        rows = [
            (list_id(account_id, name), account_id, name) for account_id, names in self._lists.items() for name in names
        ]
        if self._keyed:
            await self._pool.executemany("INSERT INTO contact_lists VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", rows)
        else:
            await self._pool.copy_records_to_table("contact_lists", records=rows)
            await asyncio.gather(*map(self._pool.execute, KEYS))
        await self._pool.close()


def plain(json: bytes) -> bytes:
    """A field for COPY: the inside of a JSON string, a number as it is."""
    return json[1:-1] if json[0] == 34 else NULL if json == b"null" else json


async def stream(lines: list[bytes]) -> AsyncIterator[bytes]:
    yield b"".join(lines)
