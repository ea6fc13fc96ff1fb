"""The life of one campaign: everything the tables know of it, present and past. Writes nothing; story.py tells it.

Each table's latest EVENTS rows are read; `Life.cut` says when there are more. Neither a record's raw text nor that of
a rejected one is ever read here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import ColumnElement, RowMapping, Select, Table, and_, false, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from etl.model import HINTS, Channel, Interval, Proof, Reason, Scope, State, Verdict
from etl.warehouse.dialect import in_values
from etl.warehouse.rows import is_usable
from etl.warehouse.schema import (
    ATTRIBUTES,
    STAMPS,
    campaign_contact_list_history,
    campaign_contact_lists,
    campaign_counter_history,
    campaign_history,
    campaigns,
    contact_lists,
    rejected_records,
    sync_runs,
    sync_windows,
)

EVENTS = 10_000
"""Rows read from each table of the past, latest first."""

RUNS = 50
"""Runs that are told of, the latest ones."""

REJECTS = 100
"""Rejected records that are told of, the latest ones."""


class Version(Struct, frozen=True):
    """What was seen of a campaign for a time; `valid_to`, and the run that saw the end, are None while it lasts."""

    valid_from: datetime
    valid_to: datetime | None
    run_id: str | None
    columns: Mapping[str, Any]


class Link(Struct, frozen=True):
    """A contact list of the campaign, and how long."""

    contact_list_id: int
    name: str
    valid_from: datetime
    valid_to: datetime | None
    run_id: str | None


class Reading(Struct, frozen=True):
    """A value of the message counter, as the view `campaign_counters` has it; `run_id` saw the next one."""

    observed_at: datetime
    valid_to: datetime | None
    total_messages_sent: int
    campaign_instance_id: str | None
    messages: int | None
    """Beyond the reading before, at least; None for a baseline."""
    is_reset: bool
    run_id: str | None


class Reject(Struct, frozen=True):
    """A rejected record of this id, or a field for which this campaign is the sample (`reason` is `field:<name>`)."""

    rejected_id: int
    scope: Scope
    reason: str
    detail: str | None
    occurrences: int
    run_id: str
    first_seen_at: datetime
    last_seen_at: datetime
    gone_at: datetime | None
    acknowledged_at: datetime | None


class Read(Struct, frozen=True):
    """A window that covers the campaign's creation, or that was read without dates."""

    run_id: str
    window_no: int
    interval: Interval
    state: State
    proof: Proof | None
    reason: str
    why: str | None
    error: str | None
    started_at: datetime
    finished_at: datetime


class Run(Struct, frozen=True):
    """A run that read or changed the campaign."""

    run_id: str
    verb: str
    verdict: Verdict
    exit_code: int | None
    started_at: datetime
    finished_at: datetime | None


class Life(Struct, frozen=True):
    """Everything the warehouse knows of a campaign, each part oldest first. The last version is the current state."""

    campaign_id: str
    scope: Scope
    name: str | None
    status: str | None
    created_at: datetime | None
    updated_at: datetime | None
    first_seen_at: datetime
    missing_since: datetime | None
    deleted_at: datetime | None
    last_run_id: str
    versions: tuple[Version, ...]
    links: tuple[Link, ...]
    readings: tuple[Reading, ...]
    rejects: tuple[Reject, ...]
    reads: tuple[Read, ...]
    runs: tuple[Run, ...]
    cut: bool
    """Whether there is more in a table than was read: earlier events are left out."""


# -- asking -----------------------------------------------------------------------------------------------------------


async def beginning(connection: AsyncConnection, text: str, limit: int) -> tuple[str, ...]:
    """The first ids that begin with `text`, letter for letter, in no language's order."""
    if not is_usable(text):
        return ()
    key = campaigns.c.campaign_id
    found = await connection.scalars(
        select(key).where(func.substr(key, 1, len(text)) == text).order_by(key).limit(limit)
    )
    return tuple(found)


async def life(connection: AsyncConnection, campaign_id: str) -> Life | None:
    """The life of the campaign of exactly this id; None where none is stored."""
    now = await _current(connection, campaign_id)
    if now is None:
        return None
    past = await _past(connection, campaign_history, campaign_id)
    counts = await _past(connection, campaign_counter_history, campaign_id)
    ended = await _past(connection, campaign_contact_list_history, campaign_id)
    rejects = await _rejects(connection, campaign_id)
    reads = await _reads(connection, now)
    told = Life(
        **{name: now[name] for name in _OF_LIFE},
        scope=_scope(now),
        versions=_versions(past[:EVENTS], now),
        links=await _links(connection, ended[:EVENTS], now),
        readings=_readings(counts[:EVENTS], now),
        rejects=rejects,
        reads=tuple(_read(row) for row in reversed(reads[:EVENTS])),
        runs=(),
        cut=any(len(rows) > EVENTS for rows in (past, counts, ended, reads)),
    )
    return replace(told, runs=await _runs(connection, told))


_OF_LIFE = (
    "campaign_id",
    "name",
    "status",
    "created_at",
    "updated_at",
    "first_seen_at",
    "missing_since",
    "deleted_at",
    "last_run_id",
)

_CURRENT = select(*(column for column in campaigns.c if column.name not in ("raw", "content_hash")))


async def _current(connection: AsyncConnection, campaign_id: str) -> RowMapping | None:
    if not is_usable(campaign_id):
        return None
    return (await connection.execute(_CURRENT.where(campaigns.c.campaign_id == campaign_id))).mappings().first()


async def _past(connection: AsyncConnection, table: Table, campaign_id: str) -> Sequence[RowMapping]:
    """Rows of a history, latest first; one more than is told, where there are more."""
    began = table.c.observed_at if table is campaign_counter_history else table.c.valid_from
    latest = select(table).where(table.c.campaign_id == campaign_id).order_by(began.desc()).limit(EVENTS + 1)
    return (await connection.execute(latest)).mappings().all()


def _versions(past: Sequence[RowMapping], now: RowMapping) -> tuple[Version, ...]:
    ended = (_version(row, row["valid_to"], row["run_id"]) for row in reversed(past))
    deleted_at = now["deleted_at"]
    return (*ended, _version(now, deleted_at, None if deleted_at is None else now["last_run_id"]))


def _version(row: RowMapping, valid_to: datetime | None, run_id: str | None) -> Version:
    return Version(row["valid_from"], valid_to, run_id, {name: row[name] for name in (*ATTRIBUTES, *STAMPS)})


async def _links(connection: AsyncConnection, ended: Sequence[RowMapping], now: RowMapping) -> tuple[Link, ...]:
    """Those that ended and those there are, which end with a deleted campaign. The names are few: asked at once."""
    link = campaign_contact_lists.c
    current = await connection.execute(
        select(link.contact_list_id, link.valid_from).where(link.campaign_id == now["campaign_id"]).limit(EVENTS)
    )
    keys = [(row["contact_list_id"], row["valid_from"], row["valid_to"], row["run_id"]) for row in ended]
    run_id = None if now["deleted_at"] is None else now["last_run_id"]
    keys += [(row[0], row[1], now["deleted_at"], run_id) for row in current]
    names = await _names(connection, {key[0] for key in keys})
    links = (Link(key[0], names.get(key[0], str(key[0])), *key[1:]) for key in keys)
    return tuple(sorted(links, key=lambda one: (one.valid_from, one.name)))


async def _names(connection: AsyncConnection, ids: Iterable[int]) -> dict[int, str]:
    one = contact_lists.c
    wanted = in_values(one.contact_list_id, sorted(ids), connection.dialect)
    return {row[0]: row[1] for row in await connection.execute(select(one.contact_list_id, one.name).where(wanted))}


def _readings(past: Sequence[RowMapping], now: RowMapping) -> tuple[Reading, ...]:
    """What a reading shows beyond the one before stands beside that one; nights without a counter are skipped over."""
    steps = {row["superseded_at"]: (row["next_messages"], bool(row["next_is_reset"])) for row in past}
    spans = [(row, row["observed_at"], row["superseded_at"], row["run_id"]) for row in reversed(past)]
    spans.append((now, now["counted_at"], None, None))
    return tuple(
        Reading(at, to, row["total_messages_sent"], row["campaign_instance_id"], *steps.get(at, (None, False)), run_id)
        for row, at, to, run_id in spans
        if row["total_messages_sent"] is not None
    )


async def _rejects(connection: AsyncConnection, campaign_id: str) -> tuple[Reject, ...]:
    record = rejected_records.c
    names = ("account_id", "app_id", "channel", *Reject.__struct_fields__)
    found = await connection.execute(
        select(*(record[name] for name in names if name != "scope"))
        .where(record.campaign_id == campaign_id)
        .order_by(record.last_seen_at.desc(), record.rejected_id)
        .limit(REJECTS)
    )
    return tuple(_reject(row) for row in reversed(found.mappings().all()))


def _reject(row: RowMapping) -> Reject:
    return Reject(scope=_scope(row), **{name: row[name] for name in Reject.__struct_fields__ if name != "scope"})


async def _reads(connection: AsyncConnection, now: RowMapping) -> Sequence[RowMapping]:
    """Windows that cover the campaign, latest first; hints are none, they prove nothing."""
    rows: Sequence[RowMapping] = (await connection.execute(_covering(now))).mappings().all()
    return rows


def _covering(now: RowMapping) -> Select[Any]:
    window = sync_windows.c
    names = (name for name in Read.__struct_fields__ if name != "interval")
    of_scope = and_(*(window[name] == now[name] for name in ("account_id", "app_id", "channel")))
    no_hint = window.reason.not_in([hint.value for hint in HINTS])
    return (
        select(*(window[name] for name in names), window.window_start, window.window_end)
        .where(of_scope, no_hint, or_(window.reason == Reason.UNDATED.value, _holds(now["created_at"])))
        .order_by(window.epoch.desc(), window.window_no.desc())
        .limit(EVENTS + 1)
    )


def _holds(created_at: datetime | None) -> ColumnElement[bool]:
    window = sync_windows.c
    if created_at is None:
        return false()
    return and_(window.window_start <= created_at, window.window_end > created_at)


_AS_IT_IS = tuple(name for name in Read.__struct_fields__ if name not in ("interval", "state", "proof"))


def _read(row: RowMapping) -> Read:
    return Read(
        interval=Interval(row["window_start"], row["window_end"]),
        state=State(row["state"]),
        proof=None if row["proof"] is None else Proof(row["proof"]),
        **{name: row[name] for name in _AS_IT_IS},
    )


async def _runs(connection: AsyncConnection, told: Life) -> tuple[Run, ...]:
    """The latest runs that read or changed it: ids sort by start."""
    parts: Iterable[Iterable[Any]] = (told.versions, told.links, told.readings, told.rejects, told.reads)
    ids = {told.last_run_id, *(one.run_id for part in parts for one in part if one.run_id is not None)}
    run = sync_runs.c
    wanted = in_values(run.run_id, sorted(ids)[-RUNS:], connection.dialect)
    found = await connection.execute(
        select(*(run[name] for name in Run.__struct_fields__)).where(wanted).order_by(run.started_at, run.run_id)
    )
    return tuple(Run(**{**row, "verdict": Verdict(row["verdict"])}) for row in found.mappings())


def _scope(row: RowMapping) -> Scope:
    return Scope(row["account_id"], row["app_id"], Channel(row["channel"]))
