"""How one window's rows and links get into the tables: look, decide (rows.py), write only what changed, ids sorted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Executable, and_, bindparam, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from etl.model import Campaign, Loaded, Rejected, Sweep
from etl.warehouse import rejects, rows
from etl.warehouse.dialect import in_values, insert_missing
from etl.warehouse.rows import Change, Glimpse, Moment, Outcome
from etl.warehouse.schema import campaign_contact_lists, campaigns, contact_lists

CHUNK = 5_000
"""Rows in one round to the database: bounds memory, not parameters (each row is sent by itself)."""

_GLIMPSE = (
    campaigns.c.campaign_id,
    campaigns.c.content_hash,
    campaigns.c.account_id,
    campaigns.c.app_id,
    campaigns.c.channel,
    or_(campaigns.c.deleted_at.is_not(None), campaigns.c.missing_since.is_not(None)).label("marked"),
    campaigns.c.older_run_id,
)

_UPDATE = (
    update(campaigns)
    .where(campaigns.c.campaign_id == bindparam("key"))
    .values({column.name: bindparam(column.name) for column in campaigns.c if not column.primary_key})
)

_UNLINK = delete(campaign_contact_lists).where(
    and_(
        campaign_contact_lists.c.campaign_id == bindparam("of_campaign"),
        campaign_contact_lists.c.contact_list_id == bindparam("to_list"),
    )
)


@dataclass(frozen=True, slots=True)
class Stored:
    """What a window's rows came to; `older` payloads are among the unchanged."""

    loaded: Loaded
    older: int


async def load(
    connection: AsyncConnection, run_id: str, sweep: Sweep, app_rank: Mapping[str, int], *, rewrite: bool
) -> Stored:
    """Store a window's records in the caller's transaction. A row stored meanwhile by another writer raises
    RowConflict: the caller looks again."""
    moment = _moment(run_id, sweep, rewrite=rewrite)
    read = rows.once(record for record in sweep.records if isinstance(record, Campaign))
    glimpses = await _glimpses(connection, [one.campaign_id for one in read if rows.is_usable(one.campaign_id)])
    looked = rows.sort(read, glimpses, moment, app_rank)
    full = await _full(connection, [one.campaign_id for one in looked.compare])
    changes = [rows.insertion(one, moment) for one in looked.new]
    changes += [rows.change(full[one.campaign_id], one, moment) for one in looked.compare]
    await _write_campaigns(connection, changes)
    links = await _write_links(connection, changes, moment)
    rejected = [record for record in sweep.records if isinstance(record, Rejected)]
    records = rejects.of_records(sweep.window.scope, rejected, looked.refused)
    await rejects.store(connection, run_id, sweep, records, rejects.of_fields(sweep.window.scope, changes))
    return _stored(changes, looked.same, links, len(records))


def _moment(run_id: str, sweep: Sweep, *, rewrite: bool) -> Moment:
    skew = timedelta(seconds=sweep.profile.clock_skew_seconds or 0)
    return Moment(run_id, sweep.window.scope, sweep.finished_at, sweep.finished_at + skew, rewrite)


def _stored(changes: Sequence[Change], same: int, links: rows.Links, rejected: int) -> Stored:
    count = Counter(one.outcome for one in changes)
    loaded = Loaded(
        inserted=count[Outcome.INSERTED],
        updated=count[Outcome.UPDATED],
        unchanged=count[Outcome.UNCHANGED] + same,
        revived=count[Outcome.REVIVED],
        links_added=len(links.added),
        links_removed=len(links.removed),
        rejected=rejected,
    )
    return Stored(loaded, sum(one.older for one in changes))


# -- looking ----------------------------------------------------------------------------------------------------------


async def _glimpses(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, Glimpse]:
    if not ids:
        return {}
    found = await connection.execute(select(*_GLIMPSE).where(in_values(_GLIMPSE[0], ids, connection.dialect)))
    return {row[0]: Glimpse(row[1], row[2], row[3], row[4], bool(row[5]), row[6]) for row in found}


async def _full(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    if not ids:
        return {}
    found = await connection.execute(
        select(campaigns).where(in_values(campaigns.c.campaign_id, ids, connection.dialect))
    )
    return {row["campaign_id"]: dict(row) for row in found.mappings()}


async def _stored_links(connection: AsyncConnection, ids: Sequence[str]) -> list[tuple[str, int]]:
    if not ids:
        return []
    link = campaign_contact_lists.c
    wanted = in_values(link.campaign_id, ids, connection.dialect)
    return [
        (row[0], row[1])
        for row in await connection.execute(select(link.campaign_id, link.contact_list_id).where(wanted))
    ]


# -- writing ----------------------------------------------------------------------------------------------------------


async def _in_chunks(connection: AsyncConnection, statement: Executable, values: Sequence[Mapping[str, Any]]) -> None:
    for start in range(0, len(values), CHUNK):
        await connection.execute(statement, values[start : start + CHUNK])


async def _write_campaigns(connection: AsyncConnection, changes: Sequence[Change]) -> None:
    written = [(one.outcome, one.row) for one in changes if one.row is not None]
    await _in_chunks(connection, insert(campaigns), [row for what, row in written if what is Outcome.INSERTED])
    updated = [_keyed(row) for what, row in written if what is not Outcome.INSERTED]
    await _in_chunks(connection, _UPDATE, updated)


def _keyed(row: rows.Row) -> dict[str, Any]:
    values = dict(row)
    values["key"] = values.pop("campaign_id")
    return values


async def _write_links(connection: AsyncConnection, changes: Sequence[Change], moment: Moment) -> rows.Links:
    account_id = moment.scope.account_id
    relinked = [
        one.row["campaign_id"]
        for one in changes
        if one.row is not None and one.links is not None and one.outcome is not Outcome.INSERTED
    ]
    links = rows.links(account_id, changes, await _stored_links(connection, relinked))
    lists = [
        {"contact_list_id": key, "account_id": account_id, "name": name, "first_seen_at": moment.seen_at}
        for key, name in sorted(links.lists.items())
    ]
    added = [
        {"campaign_id": campaign_id, "contact_list_id": list_id, "valid_from": moment.seen_at}
        for campaign_id, list_id in links.added
    ]
    removed = [{"of_campaign": campaign_id, "to_list": list_id} for campaign_id, list_id in links.removed]
    await _in_chunks(connection, insert_missing(contact_lists, connection.dialect), lists)
    await _in_chunks(connection, _UNLINK, removed)
    await _in_chunks(connection, insert(campaign_contact_lists), added)
    return links
