"""What the warehouse's views tell of the month, asked by the database's own driver and said in nights."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import asyncpg
from month.oracle import ATTRIBUTES, Interval, Reading

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_FLAGS = ("is_scheduled", "is_recurring")
_SEEN = "valid_from <= '{0}' AND (valid_to > '{0}' OR valid_to IS NULL)"

AS_OF = {
    "versions": f"SELECT campaign_id, {', '.join(ATTRIBUTES)} FROM campaign_versions WHERE {_SEEN}",
    "links": f"SELECT campaign_id, name FROM campaign_contact_list_versions WHERE {_SEEN}",
    "counters": "SELECT campaign_id, total_messages_sent, campaign_instance_id FROM campaign_counters WHERE "
    + _SEEN.replace("valid_from", "observed_at"),
    "function": f"SELECT campaign_id, {', '.join(ATTRIBUTES)} FROM campaigns_as_of('{{0}}')",
}
"""What was so at an instant; `function` is PostgreSQL's own."""


def ask(url: str, *queries: str) -> list[list[tuple[Any, ...]]]:
    """Every query's rows; instants and days as Python has them, whichever database tells."""
    if url.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database:
            found = [database.execute(query).fetchall() for query in queries]
    else:
        found = asyncio.run(_fetched(url, queries))
    return [[tuple(map(_plain, row)) for row in rows] for rows in found]


async def _fetched(url: str, queries: Sequence[str]) -> list[list[Any]]:
    connection = await asyncpg.connect(url)
    try:
        return [await connection.fetch(query) for query in queries]
    finally:
        await connection.close()


def _plain(value: Any) -> Any:
    if isinstance(value, str) and _INSTANT.fullmatch(value):
        return datetime.fromisoformat(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    return value


def text(instant: datetime) -> str:
    """An instant as both databases take it."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def attributes(values: Sequence[Any]) -> tuple[Any, ...]:
    """ATTRIBUTES as Python has them: SQLite has no flags, and the schedule is JSON."""
    named = dict(zip(ATTRIBUTES, values, strict=True))
    flags = {name: None if named[name] is None else bool(named[name]) for name in _FLAGS}
    return tuple((named | flags | {"schedule": json.loads(named["schedule"])}).values())


class Told:
    """The views of one warehouse. `nights`: the instant of each read -> its number; any other instant is an error."""

    def __init__(self, url: str, nights: Mapping[datetime, float]) -> None:
        self.url = url
        self._nights = nights

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return ask(self.url, query)[0]

    def night(self, instant: datetime | None) -> Any:
        return None if instant is None else self._nights[instant]

    def versions(self) -> dict[str, list[Interval]]:
        query = (
            f"SELECT campaign_id, valid_from, valid_to, {', '.join(ATTRIBUTES)} FROM campaign_versions ORDER BY 1, 2"
        )
        told = defaultdict(list)
        for campaign_id, since, until, *values in self.rows(query):
            told[campaign_id].append(Interval(self.night(since), self.night(until), attributes(values)))
        return dict(told)

    def links(self) -> dict[tuple[str, str], list[Interval]]:
        query = "SELECT campaign_id, name, valid_from, valid_to FROM campaign_contact_list_versions ORDER BY 1, 2, 3"
        told = defaultdict(list)
        for campaign_id, name, since, until in self.rows(query):
            told[campaign_id, name].append(Interval(self.night(since), self.night(until), name))
        return dict(told)

    def readings(self) -> dict[str, list[Reading]]:
        query = (
            "SELECT campaign_id, observed_at, valid_to, total_messages_sent, campaign_instance_id, messages, is_reset "
            "FROM campaign_counters ORDER BY 1, 2"
        )
        told = defaultdict(list)
        for campaign_id, since, until, sent, instance, messages, is_reset in self.rows(query):
            reading = Reading(self.night(since), self.night(until), sent, instance, messages, bool(is_reset))
            told[campaign_id].append(reading)
        return dict(told)

    def daily(self) -> dict[tuple[str, str], tuple[int, int, int]]:
        query = "SELECT campaign_id, day, messages, readings, resets FROM campaign_daily_messages"
        return {(campaign_id, day): (*counts,) for campaign_id, day, *counts in self.rows(query)}

    def status_changes(self) -> list[tuple[str, float, str, str, str]]:
        query = "SELECT campaign_id, changed_at, name, old_status, new_status FROM campaign_status_changes"
        return [(row[0], self.night(row[1]), *row[2:]) for row in self.rows(query)]
