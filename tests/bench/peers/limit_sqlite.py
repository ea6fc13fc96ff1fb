"""How the limit program writes to SQLite: one transaction that waits for no disk, links without a rowid.

sqlite3 binds each value by itself, so records are decoded to Python values here; times stay the fixed-width UTC text
that came. Statements run in the loop's own thread: in another one both would wait for the interpreter's lock.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Any

import msgspec
from tables import CREATE, UPSERT, list_id


class Message(msgspec.Struct, gc=False):
    message: str | None = None


class Record(msgspec.Struct, gc=False, rename="camel"):
    """What is a column as it comes, in the order of PLAIN; then the rest."""

    id: str
    name: str
    status: str
    created_at: str
    updated_at: str | None = None
    description: str | None = None
    format: str | None = None
    campaign_execution_type: str | None = None
    experience_flow: str | None = None
    campaign_instance_id: str | None = None
    total_messages_sent: int | None = None
    campaign_instance_updated_at: str | None = None
    priority: str | None = None
    message: Message | None = None
    schedule: msgspec.Raw = msgspec.Raw(b"null")
    contact_lists: list[str] = []


class Schedule(msgspec.Struct, gc=False, rename="camel"):
    is_scheduling_enabled: bool | None = None
    is_recurrence_enabled: bool | None = None


PLAIN = (
    "campaign_id",
    "name",
    "status",
    "created_at",
    "updated_at",
    "description",
    "format",
    "execution_type",
    "experience_flow_id",
    "campaign_instance_id",
    "total_messages_sent",
    "instance_updated_at",
)
REST = (
    "priority",
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
INSERT = f"INSERT INTO campaigns ({', '.join((*PLAIN, *REST))}) VALUES ({', '.join('?' * len((*PLAIN, *REST)))})"
SETTINGS = "PRAGMA page_size = 32768; PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF; PRAGMA cache_size = -65536;"

typed = msgspec.json.Decoder(Record).decode
scheduled = msgspec.json.Decoder(Schedule | None).decode
fields = msgspec.structs.astuple


class Sqlite:
    """Rows as tuples."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._campaigns: list[tuple[Any, ...]] = []
        self._links: list[tuple[str, int]] = []
        self._lists: dict[str, dict[str, int]] = {}
        self._schedules: dict[bytes, tuple[Any, ...]] = {}

    async def open(self) -> None:
        self._connection = sqlite3.connect(self._path, isolation_level=None)
        self._connection.executescript(f"{SETTINGS} {CREATE} WITHOUT ROWID; BEGIN")
        self._filled = bool(self._connection.execute("SELECT 1 FROM campaigns LIMIT 1").fetchone())

    async def known(self) -> set[bytes]:
        return {row[0] for row in self._connection.execute("SELECT content_hash FROM campaigns")}

    async def newest(self) -> dict[str, datetime]:
        rows = self._connection.execute("SELECT account_id, max(updated_at) FROM campaigns GROUP BY account_id")
        return {account_id: datetime.fromisoformat(text) for account_id, text in rows}

    def add(self, account: tuple[str, str], raw: bytes, digest: bytes) -> None:
        account_id, app_id = account
        record = typed(raw)
        self._campaigns.append(
            (
                *fields(record)[: len(PLAIN)],
                None if record.priority is None else int(record.priority),
                None if record.message is None else record.message.message,
                *self._schedule(bytes(record.schedule)),
                account_id,
                app_id,
                "sms",
                raw.decode(),
                digest,
            )
        )
        lists = self._lists.setdefault(account_id, {})
        for name in record.contact_lists:
            if name not in lists:
                lists[name] = list_id(account_id, name)
            self._links.append((record.id, lists[name]))

    def _schedule(self, json: bytes) -> tuple[Any, ...]:
        """Three columns."""
        if json not in self._schedules:
            schedule = scheduled(json)
            flags = (None, None) if schedule is None else fields(schedule)
            self._schedules[json] = (*flags, None if schedule is None else json.decode())
        return self._schedules[json]

    async def write(self) -> None:
        run = self._connection.executemany
        if self._filled:
            run("DELETE FROM campaign_contact_lists WHERE campaign_id = ?", [row[:1] for row in self._campaigns])
        run(f"{INSERT} {UPSERT if self._filled else ''}", self._campaigns)
        run("INSERT INTO campaign_contact_lists VALUES (?, ?)", self._links)
        self._campaigns, self._links = [], []

    async def close(self) -> None:
        rows = [
            (number, account_id, name) for account_id, names in self._lists.items() for name, number in names.items()
        ]
        self._connection.executemany("INSERT OR IGNORE INTO contact_lists VALUES (?, ?, ?)", rows)
        self._connection.execute("COMMIT")
        self._connection.close()
