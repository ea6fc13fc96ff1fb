"""A warehouse of any size, full of invented rows: written straight into the tables, so that years take seconds.

Rows are as our own code would have left them, in the order in which the nights wrote them: histories are chains, with
deletions, returns, counters that start again, unknown values and names that hold any sign.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import asyncpg

from etl.warehouse.schema import ATTRIBUTES, metadata, utc_text

DAY = timedelta(days=1)
LAST_NIGHT = datetime(2026, 6, 30, 2, 15, tzinfo=UTC)
BACKLOG_DAYS = 365
"""How many days of campaigns the first night found."""
RESWEEP_DAYS = 28

Row = tuple[Any, ...]
Tables = Mapping[str, Sequence[Row]]
"""Table name -> rows, in the order of the table's columns."""

_STATUSES = ("Ready", "Active", "Paused", "Active", "Completed", None, "Stopped")
_STATUS, _PRIORITY = ATTRIBUTES.index("status"), ATTRIBUTES.index("priority")
_WORDS = ("spring", "renewal", "reminder", "delivery", "survey", "welcome", "offer", "invoice", "follow-up", "callback")
_SIGNS = ("", "", "", " / EMEA", ' "gold"', " it's", " back\\slash", " \U0001f4e8", " ä|ö, ü;", "\ttab")


@dataclass(frozen=True, slots=True)
class Scope:
    """One listing, and its place in every night."""

    account_id: str
    app_id: str
    channel: str
    number: int
    nights: int

    def at(self, night: int) -> datetime:
        """When a night read it: one instant for all that it brought."""
        return LAST_NIGHT - (self.nights - 1 - night) * DAY + self.number * timedelta(minutes=1, seconds=7)

    def run_id(self, night: int) -> str:
        return run_id(night, self.nights)


def run_id(night: int, nights: int) -> str:
    return f"{LAST_NIGHT - (nights - 1 - night) * DAY:%Y%m%dT%H%M%SZ}-{night:06x}"


def scopes(accounts: int, nights: int) -> list[Scope]:
    """Both channels of every account, each with one app."""
    return [
        Scope(f"acc-{number // 2:024x}", f"st-{number // 2:08x}", ("sms", "voice")[number % 2], number, nights)
        for number in range(2 * accounts)
    ]


def filled(campaigns: int, *, accounts: int = 20, lists: int = 200, nights: int = 365, seed: int = 1) -> Tables:
    """Every table's rows; `lists` is each account's number of contact lists.

    Per campaign, on average: 1 KB of raw JSON, 3 links, 3 superseded readings (all of them of sms), 1 superseded
    version, half an ended link; 1 % are deleted.
    """
    random, everywhere = Random(seed), scopes(accounts, nights)
    named = {scope.account_id: _lists(random, scope.account_id, lists) for scope in everywhere[::2]}
    lives = [_live(random, random.choice(everywhere), named) for _ in range(campaigns)]
    lives.sort(key=lambda life: (life.first, life.scope.number, life.campaign_id))
    return {
        "contact_lists": [
            (key, account, name, LAST_NIGHT - nights * DAY) for account, known in named.items() for key, name in known
        ],
        "campaigns": [life.row for life in lives],
        "campaign_contact_lists": [row for life in lives for row in life.links],
        "campaign_history": sorted((row for life in lives for row in life.versions), key=lambda row: row[2]),
        "campaign_counter_history": sorted((row for life in lives for row in life.readings), key=lambda row: row[5]),
        "campaign_contact_list_history": sorted((row for life in lives for row in life.ended), key=lambda row: row[3]),
        "sync_runs": [_run(night, nights) for night in range(nights)],
        "sync_windows": list(_ledger(random, everywhere)),
    }


def _lists(random: Random, account_id: str, count: int) -> list[tuple[int, str]]:
    return [
        (random.getrandbits(63), f"{random.choice(_WORDS).title()} {account_id[-3:]}-{number}{random.choice(_SIGNS)}")
        for number in range(count)
    ]


# -- campaigns --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Life:
    """One campaign: the night that saw it first, the one that took it as deleted, and what it left in the tables."""

    campaign_id: str
    scope: Scope
    first: int
    gone: int | None
    row: Row = ()
    links: list[Row] = field(default_factory=list)
    versions: list[Row] = field(default_factory=list)
    readings: list[Row] = field(default_factory=list)
    ended: list[Row] = field(default_factory=list)

    def later(self, random: Random, night: int, spread: float) -> int | None:
        """A later night of its life: days after it was made; any time for what the first night found."""
        night += 1 + int(random.expovariate(1 / spread) if self.first else random.random() * self.scope.nights / 2)
        return night if night < (self.scope.nights if self.gone is None else self.gone) else None

    def changes(self, random: Random, share: float) -> Iterator[int]:
        """Nights in which something changed; `share`: how probably there is one more."""
        night: int | None = self.first
        while random.random() < share:
            night = self.later(random, night, 4)
            if night is None:
                break
            yield night


def _live(random: Random, scope: Scope, lists: Mapping[str, list[tuple[int, str]]]) -> _Life:
    ago = random.random() * (scope.nights + BACKLOG_DAYS)
    life = _Life(_id(random, "cd"), scope, max(0, scope.nights - 1 - int(ago)), None)
    if random.random() < 0.011:
        life.gone = life.later(random, life.first + 1, 60)
    attributes = _attributes(random, scope)
    stamps = _stamps(random, None if random.random() < 0.001 else LAST_NIGHT - ago * DAY)
    valid_from = _versions(random, life, attributes, stamps)
    counted_at, total, attributes[ATTRIBUTES.index("campaign_instance_id")] = _readings(random, life)
    _links(random, life, lists[scope.account_id])
    names = dict(lists[scope.account_id])
    life.row = (
        life.campaign_id,
        *attributes,
        total,
        *stamps,
        _raw(life.campaign_id, attributes, stamps),
        f"{random.getrandbits(128):032x}",
        scope.at(life.first),
        valid_from,
        counted_at,
        max(valid_from, counted_at),
        scope.run_id(scope.nights - 1),
        None if life.gone is None else scope.at(life.gone - 1),
        None if life.gone is None else scope.at(life.gone),
        None,
        json.dumps(sorted(names[key] for _, key, _ in life.links), ensure_ascii=False, separators=(",", ":")),
    )
    return life


def _id(random: Random, prefix: str) -> str:
    digits = f"{random.getrandbits(128):032x}"
    return f"{prefix}-{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _attributes(random: Random, scope: Scope) -> list[Any]:
    """What a campaign says of itself, in the order of ATTRIBUTES."""
    one, two, three = random.choices(_WORDS, k=3)
    sms = scope.channel == "sms"
    return [
        scope.account_id,
        scope.app_id,
        scope.channel,
        f"{one} {two} {random.randrange(1000)}{random.choice(_SIGNS)}".capitalize(),
        f"{one.title()} and {two}, for everybody who asked for a {three} in the last {random.randrange(90)} days",
        _STATUSES[0],
        random.randint(1, 5),
        random.choice(("simple", "advanced")) if sms else None,
        "NORMAL" if sms else None,
        None if sms else random.choice(("Progressive", "Preview", "Agentless")),
        None if sms else f"Queue {random.randrange(30)}",
        _id(random, "cf") if random.random() < 0.4 else None,
        f"Hello, your {one} is due. Answer STOP to hear no more of the {two} and the {three}." if sms else None,
        f"Do not call {random.randrange(20)}" if random.random() < 0.7 else None,
        None,
        random.random() < 0.5,
        random.random() < 0.1,
        '{"isSchedulingEnabled": true, "startDate": "2026-01-01T09:00:00.000Z", "timezone": "America/New_York"}',
    ]


def _stamps(random: Random, created_at: datetime | None) -> list[datetime | None]:
    """created_at, updated_at, instance_updated_at."""
    if created_at is None:
        return [None, None, None]
    return [created_at, created_at + random.random() * 9 * DAY, created_at + random.random() * 9 * DAY]


def _raw(campaign_id: str, attributes: Sequence[Any], stamps: Sequence[Any]) -> str:
    """About 1 KB that looks like a record."""
    shown = zip(ATTRIBUTES, attributes, strict=True)
    return json.dumps({"id": campaign_id, **dict(shown), "createdAt": str(stamps[0]), "message": _MESSAGE})


_MESSAGE = "SGVsbG8sIHlvdXIgYXBwb2ludG1lbnQgaXMgZHVlLg==" * 6


def _versions(random: Random, life: _Life, attributes: list[Any], stamps: list[datetime | None]) -> datetime:
    """The versions that ended. Gives the start of the last one, which `attributes` then tell. One in forty ended with
    a deletion."""
    scope, since, number = life.scope, life.scope.at(life.first), 0
    for night in life.changes(random, 0.55):
        at = scope.at(night)
        until = at - DAY / 2 if random.random() < 0.025 else at
        life.versions.append((life.campaign_id, since, until, *attributes, *stamps, scope.run_id(night)))
        if random.random() < 0.8:
            number += 1
            attributes[_STATUS] = _STATUSES[number % len(_STATUSES)]
        else:
            attributes[_PRIORITY] = random.randint(1, 5)
        since = at
    return since


def _readings(random: Random, life: _Life) -> tuple[datetime, int | None, str | None]:
    """The readings that ended. Gives since when the last one holds, its value and its instance; voice has no values.
    One in fifty is unknown; the next one then counts from the last known value."""
    scope, since, instance = life.scope, life.scope.at(life.first), _id(random, "cid")
    if scope.channel == "voice":
        return since, None, instance if random.random() < 0.7 else None
    total: int | None = random.randrange(5000)
    known = total or 0
    for night in life.changes(random, 0.92):
        at, is_rerun = scope.at(night), random.random() < 0.05
        now, then, told = random.randrange(500) if is_rerun else known + random.randrange(900), instance, True
        if is_rerun:
            instance = _id(random, "cid")
        elif total is not None and random.random() < 0.02:
            told = False
        sent = (now if is_rerun else now - known) if told else None
        life.readings.append(
            (
                *(life.campaign_id, since, total, then, scope.run_id(night), at, at.date(), sent, told and is_rerun),
                scope.account_id,
            )
        )
        since, total, known = at, now if told else None, now if told else known
    return since, total, instance


def _links(random: Random, life: _Life, lists: list[tuple[int, str]]) -> None:
    """One to five links, a few campaigns without; every other one had another list before."""
    scope, since = life.scope, life.scope.at(life.first)
    if random.random() < 0.03:
        return
    chosen = [key for key, _ in random.sample(lists, 1 + random.choice((1, 2, 2, 3, 3, 3, 4, 4, 5)))]
    life.links = [(life.campaign_id, key, since) for key in chosen[1:]]
    night = life.later(random, life.first, 8) if random.random() < 0.6 else None
    if night is not None:
        at = scope.at(night)
        life.links[-1] = (life.campaign_id, chosen[-1], at)
        life.ended.append((life.campaign_id, chosen[0], since, at, scope.run_id(night), scope.account_id))


# -- the ledger -------------------------------------------------------------------------------------------------------


def _run(night: int, nights: int) -> Row:
    at = LAST_NIGHT - (nights - 1 - night) * DAY
    return (run_id(night, nights), "sync", "complete", 0, at, at + DAY / 24, "1.0", "{}", None)


def _ledger(random: Random, everywhere: Sequence[Scope]) -> Iterator[Row]:
    """Three windows a night and scope: the lookback, a share of old history, the open tail. One scope in twenty is
    sick: a third of its reads is not proven, and of its oldest time none; of the others' reads, one in fifty."""
    for night in range(everywhere[0].nights):
        number = 0
        for scope in everywhere:
            for start, end, reason in _windows(scope, night):
                number += 1
                is_sick = scope.number % 20 == 3
                is_proven = random.random() > (0.35 if is_sick else 0.02) and not (is_sick and start == _first(scope))
                state = "proven" if is_proven else "unproven"
                yield _line(scope, night, number, (start, end), "open" if reason == "open tail" else state, reason)


def _windows(scope: Scope, night: int) -> Iterator[tuple[datetime, datetime, str]]:
    now, beginning = scope.at(night), _first(scope)
    closed = now - DAY / 100
    if night == 0:
        yield beginning, closed, "first read"
    else:
        yield closed - 30 * DAY, closed, "lookback"
        share = (closed - beginning) / RESWEEP_DAYS
        yield beginning + night % RESWEEP_DAYS * share, beginning + (night % RESWEEP_DAYS + 1) * share, "rolling share"
    yield closed, now, "open tail"


def _first(scope: Scope) -> datetime:
    return scope.at(0) - BACKLOG_DAYS * DAY


def _line(scope: Scope, night: int, number: int, window: tuple[datetime, datetime], state: str, reason: str) -> Row:
    told = {
        "run_id": scope.run_id(night),
        "window_no": number,
        "epoch": night + 1,
        "account_id": scope.account_id,
        "app_id": scope.app_id,
        "channel": scope.channel,
        "window_start": window[0],
        "window_end": window[1],
        "state": state,
        "proof": "L1" if state == "proven" else None,
        "why": "the total moved" if state == "unproven" else None,
        "reason": reason,
        "keep": None,
        "source_total": 100,
        "throttled_seconds": 0.0,
        "started_at": scope.at(night),
        "finished_at": scope.at(night),
        "error": None,
    }
    return tuple(told.get(column.name, 1) for column in metadata.tables["sync_windows"].c)


# -- writing ----------------------------------------------------------------------------------------------------------


async def copy_to_postgres(url: str, tables: Tables) -> None:
    """Into a migrated PostgreSQL, by COPY. Autovacuum would come later: `VACUUM ANALYZE` is the caller's."""
    connection = await asyncpg.connect(url)
    try:
        for name, rows in tables.items():
            columns = [column.name for column in metadata.tables[name].c]
            await connection.copy_records_to_table(name, records=rows, columns=columns)
    finally:
        await connection.close()


def insert_into_sqlite(url: str, tables: Tables) -> None:
    """Into a migrated SQLite file; without ANALYZE, which our program never runs."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -200000")
        connection.execute("BEGIN")
        for name, rows in tables.items():
            places = ", ".join("?" for _ in metadata.tables[name].c)
            connection.executemany(f"INSERT INTO {name} VALUES ({places})", map(_as_text, rows))
        connection.execute("COMMIT")


def _as_text(row: Row) -> Row:
    return tuple(
        utc_text(value) if isinstance(value, datetime) else value.isoformat() if isinstance(value, date) else value
        for value in row
    )
