"""The queries behind a report: sums by day, top lists, what the last run changed. Every answer is bounded."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from itertools import accumulate
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Float,
    FromClause,
    RowMapping,
    Table,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from etl.figures import (
    LONGEST,
    Asked,
    Change,
    DayMessages,
    DayStatus,
    Figures,
    ListUse,
    Night,
    RejectedLine,
    RunPace,
)
from etl.model import Channel, Scope, Verb, Verdict
from etl.warehouse import schema
from etl.warehouse.dialect import in_values, utc_day
from etl.warehouse.schema import ATTRIBUTES, Utc, campaigns, rejected_records, sync_runs, sync_windows

STATUSES = 7
"""Statuses with a line of their own, the most frequent ones; the others are added up."""
LISTS = 15
CANDIDATES = 6 * LISTS
CHANGES = 100
REJECTED = 200
RUNS = 60

Where = list[ColumnElement[bool]]


async def figures(connection: AsyncConnection, asked: Asked) -> Figures:
    """All of them, of one moment where the database gives one."""
    lists, lists_in_all = await _lists(connection, asked)
    rejected, rejected_in_all = await _rejected(connection, asked)
    return Figures(
        messages=await _messages(connection, asked),
        statuses=await _statuses(connection, asked),
        lists=lists,
        lists_in_all=lists_in_all,
        night=await _night(connection, asked),
        rejected=rejected,
        rejected_in_all=rejected_in_all,
        runs=await _runs(connection, asked),
    )


def _first_day(asked: Asked) -> datetime:
    today = datetime.combine(asked.now.astimezone(UTC), time(), UTC)
    return today - timedelta(days=asked.days - 1)


def _of(column: ColumnElement[Any], asked: Asked, connection: AsyncConnection) -> Where:
    """The rows of the accounts asked for."""
    return [in_values(column, asked.account_ids, connection.dialect)] if asked.account_ids else []


def _cut(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.substr(column, 1, LONGEST)


# -- messages and statuses, day by day --------------------------------------------------------------------------------


async def _messages(connection: AsyncConnection, asked: Asked) -> tuple[DayMessages, ...]:
    """Days without any are left out. Added as floats: a sum of hostile counters does not fit an integer."""
    step = schema.campaign_counter_history.c
    per_day = (
        select(step.day, func.sum(cast(step.next_messages, Float(53))))
        .where(
            step.day >= _first_day(asked).date(),
            step.next_messages.is_not(None),
            *_of(step.account_id, asked, connection),
        )
        .group_by(step.day)
        .order_by(step.day)
    )
    return tuple(DayMessages(day, int(messages)) for day, messages in await connection.execute(per_day))


async def _statuses(connection: AsyncConnection, asked: Asked) -> tuple[DayStatus, ...]:
    """How many campaigns had each status at the end of each day, from the day of the first one on."""
    top = await _top_statuses(connection, asked)
    now, then = campaigns.c, schema.campaign_history.c
    edges = union_all(
        _edges(connection, asked, campaigns, now.valid_from, 1, top),
        _edges(connection, asked, campaigns, now.deleted_at, -1, top),
        _edges(connection, asked, schema.campaign_history, then.valid_from, 1, top),
        _edges(connection, asked, schema.campaign_history, then.valid_to, -1, top),
    ).subquery()
    summed = select(edges.c.day, edges.c.status, func.sum(edges.c.difference)).group_by(edges.c.day, edges.c.status)
    steps: dict[str | None, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for day, status, difference in await connection.execute(summed):
        steps[status][day] += int(difference)
    return tuple(_levels(steps, asked))


async def _top_statuses(connection: AsyncConnection, asked: Asked) -> list[str]:
    """Those that campaigns have, or had, most often."""
    counted = union_all(
        *(
            select(func.coalesce(_cut(table.c.status), "").label("status")).where(
                *_of(table.c.account_id, asked, connection)
            )
            for table in (campaigns, schema.campaign_history)
        )
    ).subquery()
    most = (
        select(counted.c.status, func.count())
        .group_by(counted.c.status)
        .order_by(func.count().desc(), counted.c.status)
        .limit(STATUSES)
    )
    return sorted(row[0] for row in await connection.execute(most))


def _edges(
    connection: AsyncConnection,
    asked: Asked,
    table: Table,
    instant: ColumnElement[Any],
    difference: int,
    top: list[str],
) -> Any:
    """Day, status, and by how much the number of campaigns with it goes up or down; older days count as the first."""
    first = _first_day(asked)
    status = func.coalesce(_cut(table.c.status), "")
    labelled = select(
        case((instant < first, first.date().isoformat()), else_=utc_day(instant, connection.dialect)).label("day"),
        case((status.in_(top), status), else_=null()).label("status"),
    ).where(instant.is_not(None), *_of(table.c.account_id, asked, connection))
    each = labelled.subquery()
    count = func.count() * difference
    return select(each.c.day, each.c.status, count.label("difference")).group_by(each.c.day, each.c.status)


def _levels(steps: dict[str | None, dict[str, int]], asked: Asked) -> Iterable[DayStatus]:
    first = _first_day(asked).date()
    span = [first + timedelta(days=number) for number in range(asked.days)]
    begun = min((day for days in steps.values() for day in days), default=None)
    for status in sorted(steps, key=lambda one: (one is None, one or "")):
        levels = accumulate(steps[status].get(day.isoformat(), 0) for day in span)
        yield from (
            DayStatus(day, status, level)
            for day, level in zip(span, levels, strict=True)
            if begun is not None and day.isoformat() >= begun
        )


# -- lists and rejects ------------------------------------------------------------------------------------------------


async def _lists(connection: AsyncConnection, asked: Asked) -> tuple[tuple[ListUse, ...], int]:
    """Live campaigns decide, among the lists with the most links: counting links needs no look at a campaign."""
    link, known = schema.campaign_contact_lists.c, schema.contact_lists.c
    mine = _of(known.account_id, asked, connection)
    linked = select(link.contact_list_id).group_by(link.contact_list_id)
    if mine:
        linked = linked.where(link.contact_list_id.in_(select(known.contact_list_id).where(*mine)))
    linked = linked.order_by(func.count().desc(), link.contact_list_id).limit(CANDIDATES)
    candidates = list(await connection.scalars(linked))
    campaign = campaigns.c
    sent = func.sum(cast(func.coalesce(campaign.total_messages_sent, 0), Float(53)))
    active = func.sum(case((campaign.status == "Active", 1), else_=0))
    live = and_(campaign.campaign_id == link.campaign_id, campaign.deleted_at.is_(None))
    most = (
        select(_cut(known.name), known.account_id, func.count(), active, sent)
        .join(schema.campaign_contact_lists, link.contact_list_id == known.contact_list_id)
        .join(campaigns, live)
        .where(in_values(known.contact_list_id, candidates, connection.dialect))
        .group_by(known.contact_list_id, known.name, known.account_id)
        .order_by(func.count().desc(), sent.desc(), known.name)
        .limit(LISTS)
    )
    found = [ListUse(row[0], row[1], row[2], row[3], int(row[4])) for row in await connection.execute(most)]
    in_all = await connection.scalar(select(func.count()).select_from(schema.contact_lists).where(*mine))
    return tuple(found), in_all or 0


async def _rejected(connection: AsyncConnection, asked: Asked) -> tuple[tuple[RejectedLine, ...], int]:
    """What waits, latest first; the record's text stays where it is."""
    record = rejected_records.c
    waits = [record.gone_at.is_(None), record.acknowledged_at.is_(None), *_of(record.account_id, asked, connection)]
    scope = (record.account_id, record.app_id, record.channel)
    told = (record.rejected_id, _cut(record.campaign_id), record.reason, record.occurrences, record.last_seen_at)
    latest = (
        select(*scope, *told).where(*waits).order_by(record.last_seen_at.desc(), record.rejected_id).limit(REJECTED)
    )
    in_all = await connection.scalar(select(func.count()).select_from(rejected_records).where(*waits))
    lines = (
        RejectedLine(row[3], Scope(row[0], row[1], Channel(row[2])), *row[4:])
        for row in await connection.execute(latest)
    )
    return tuple(lines), in_all or 0


# -- the last night ---------------------------------------------------------------------------------------------------

_STORES = (Verb.SYNC.value, Verb.BACKFILL.value)
_TOLD_NOTHING = (Verdict.RUNNING.value, Verdict.HELD.value)


async def _night(connection: AsyncConnection, asked: Asked) -> Night | None:
    run = sync_runs.c
    latest = (
        select(sync_runs)
        .where(run.verb.in_(_STORES), run.verdict.not_in(_TOLD_NOTHING))
        .order_by(run.started_at.desc(), run.run_id.desc())
        .limit(1)
    )
    found = (await connection.execute(latest)).mappings().first()
    if found is None:
        return None
    return Night(
        run_id=found["run_id"],
        verb=found["verb"],
        verdict=Verdict(found["verdict"]),
        started_at=found["started_at"],
        finished_at=found["finished_at"],
        totals={} if found["totals"] is None else json.loads(found["totals"]),
        changes=await _changes(connection, asked, found["run_id"], found["started_at"]),
    )


_WHATS = ("deleted", "missing", "changed", "other", "new", "messages")
"""The gravest first."""


async def _changes(connection: AsyncConnection, asked: Asked, run_id: str, since: datetime) -> tuple[Change, ...]:
    """Campaigns that the run was the last to change. Which attributes differ is found out in the database: their
    values stay there."""
    row, old = campaigns.c, schema.campaign_history.c
    marks = (row.deleted_at, row.missing_since, row.first_seen_at, row.valid_from, row.counted_at)
    whats = (0, 1, 4, 2, 5)
    rank = case(*((mark >= since, what) for mark, what in zip(marks, whats, strict=True)), else_=3).label("rank")
    chosen = (
        select(row.campaign_id, rank)
        .where(row.last_run_id == run_id, *_of(row.account_id, asked, connection))
        .order_by(rank, row.campaign_id)
        .limit(CHANGES)
        .subquery()
    )
    before = and_(old.campaign_id == row.campaign_id, old.valid_to == row.valid_from, chosen.c.rank == literal(2))
    differs = [old[name].is_distinct_from(row[name]).label(f"differs_{name}") for name in ATTRIBUTES]
    scope = (row.account_id, row.app_id, row.channel)
    statuses = (_cut(old.status).label("old_status"), _cut(row.status).label("status"))
    described = (row.campaign_id, _cut(row.name).label("name"), old.campaign_id.is_not(None).label("has_old"))
    found = await connection.execute(
        select(*scope, *described, *statuses, *differs, chosen.c.rank, _relinked(since).label("relinked"))
        .select_from(chosen.join(campaigns, row.campaign_id == chosen.c.campaign_id))
        .outerjoin(schema.campaign_history, before)
        .order_by(chosen.c.rank, row.campaign_id)
    )
    return tuple(map(_change, found.mappings()))


def _relinked(since: datetime) -> ColumnElement[bool]:
    """Whether a contact list came to the campaign or left it."""
    came, left = schema.campaign_contact_lists.c, schema.campaign_contact_list_history.c
    mine = campaigns.c.campaign_id
    return or_(
        exists(select(true()).where(came.campaign_id == mine, came.valid_from >= since).correlate(campaigns)),
        exists(select(true()).where(left.campaign_id == mine, left.valid_to >= since).correlate(campaigns)),
    )


def _change(row: RowMapping) -> Change:
    what = _WHATS[row["rank"]]
    if what == "changed" and not row["has_old"]:
        what = "came back"
    fields = [name for name in ATTRIBUTES if what == "changed" and row[f"differs_{name}"]]
    if row["relinked"] and what in ("changed", "other"):
        fields.append("contact_lists")
    return Change(
        scope=Scope(row["account_id"], row["app_id"], Channel(row["channel"])),
        campaign_id=row["campaign_id"][:LONGEST],
        name=row["name"] or "",
        what="contact lists" if what == "other" and fields else what,
        fields=tuple(fields),
        old_status=row["old_status"],
        status=row["status"],
    )


# -- runs -------------------------------------------------------------------------------------------------------------


async def _runs(connection: AsyncConnection, asked: Asked) -> tuple[RunPace, ...]:
    """The latest runs within the days asked for, oldest first."""
    run = sync_runs.c
    columns = (run.run_id, run.verb, run.verdict, run.started_at, run.finished_at)
    latest = (
        select(*columns)
        .where(run.started_at >= _first_day(asked))
        .order_by(run.started_at.desc(), run.run_id.desc())
        .limit(RUNS)
    )
    lines = (await connection.execute(latest)).mappings().all()
    busiest = await _busiest(connection, asked, [line["run_id"] for line in lines])
    return tuple(
        RunPace(**{**line, "verdict": Verdict(line["verdict"])}, **busiest.get(line["run_id"], {}))
        for line in reversed(lines)
    )


async def _busiest(connection: AsyncConnection, asked: Asked, run_ids: list[str]) -> dict[str, dict[str, Any]]:
    """What each run asked, and of which account it asked most."""
    accounts = _per_account(connection, asked, run_ids)
    own = func.row_number().over(
        partition_by=accounts.c.run_id, order_by=(accounts.c.requests.desc(), accounts.c.account_id)
    )
    whole = {
        name: func.sum(accounts.c[name]).over(partition_by=accounts.c.run_id).label(f"all_{name}")
        for name in ("requests", "retries", "throttled_seconds")
    }
    ranked = select(accounts, own.label("place"), *whole.values()).subquery()
    first = (await connection.execute(select(ranked).where(ranked.c.place == 1))).mappings()
    return {
        row["run_id"]: {
            "requests": int(row["all_requests"]),
            "retries": int(row["all_retries"]),
            "throttled_seconds": float(row["all_throttled_seconds"]),
            "busiest_account_id": row["account_id"],
            "busiest_requests": int(row["requests"]),
            "busiest_seconds": (row["finished_at"] - row["started_at"]).total_seconds(),
        }
        for row in first
    }


def _per_account(connection: AsyncConnection, asked: Asked, run_ids: list[str]) -> FromClause:
    line = sync_windows.c
    return (
        select(
            line.run_id,
            line.account_id,
            func.sum(line.requests).label("requests"),
            func.sum(line.retries).label("retries"),
            func.sum(line.throttled_seconds).label("throttled_seconds"),
            func.min(line.started_at, type_=Utc).label("started_at"),
            func.max(line.finished_at, type_=Utc).label("finished_at"),
        )
        .where(in_values(line.run_id, run_ids, connection.dialect), *_of(line.account_id, asked, connection))
        .group_by(line.run_id, line.account_id)
        .subquery()
    )
