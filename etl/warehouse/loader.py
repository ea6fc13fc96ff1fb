"""How one window's rows and links get into the tables: look, decide (rows.py, links.py), write only what changed, ids
sorted; what a change ends is copied out first (history.py)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import and_, bindparam, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from etl.model import Campaign, Loaded, Rejected, Sweep
from etl.warehouse import history, links, rejects, rows
from etl.warehouse.database import in_chunks
from etl.warehouse.dialect import in_values, insert_missing
from etl.warehouse.links import Link, Links
from etl.warehouse.rows import Change, Glimpse, Moment, Outcome, Sorted, Withhold
from etl.warehouse.schema import campaign_contact_lists, campaigns, contact_lists

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

_THIS_LINK = and_(
    campaign_contact_lists.c.campaign_id == bindparam("of_campaign"),
    campaign_contact_lists.c.contact_list_id == bindparam("to_list"),
)
_UNLINK = delete(campaign_contact_lists).where(_THIS_LINK)
_RESTART = update(campaign_contact_lists).where(_THIS_LINK).values(valid_from=bindparam("again_at"))


@dataclass(frozen=True, slots=True)
class Stored:
    """What a window's rows came to; `older` payloads are among the unchanged."""

    loaded: Loaded
    older: int


async def load(
    connection: AsyncConnection,
    run_id: str,
    sweep: Sweep,
    app_rank: Mapping[str, int],
    *,
    rewrite: bool,
    withhold: Withhold | None = None,
) -> Stored:
    """Store a window's records in the caller's transaction. A row stored meanwhile by another writer raises
    RowConflict: the caller looks again."""
    moment = _moment(run_id, sweep, withhold, rewrite=rewrite)
    read = rows.once(record for record in sweep.records if isinstance(record, Campaign))
    rejected = [record for record in sweep.records if isinstance(record, Rejected)]
    glimpses = await glimpses_of(connection, sorted(_ids(read) | _ids(rejected)))
    looked = rows.sort(read, glimpses, moment, app_rank)
    back = rows.seen_again(_ids(rejected) - _ids(read), glimpses, moment.scope)
    changes, unmarked = await _decided(connection, looked, back, moment)
    of_links = await write(connection, [*changes, *unmarked], moment)
    records = rejects.of_records(sweep.window.scope, rejected, looked.refused)
    fields = rejects.of_fields(sweep.window.scope, changes)
    await rejects.store(connection, run_id, sweep, records, fields)
    stored = _stored(changes, looked.same, of_links, len(records))
    bad = {line.reason.removeprefix(rejects.FIELD): line.occurrences for line in fields}
    return replace(stored, loaded=replace(stored.loaded, bad_fields=bad))


def _moment(run_id: str, sweep: Sweep, withhold: Withhold | None, *, rewrite: bool) -> Moment:
    skew = timedelta(seconds=sweep.profile.clock_skew_seconds or 0)
    return Moment(run_id, sweep.window.scope, sweep.finished_at, sweep.finished_at + skew, rewrite, withhold)


def _ids(records: Sequence[Campaign] | Sequence[Rejected]) -> set[str]:
    ids = (record.campaign_id for record in records)
    return {one for one in ids if one is not None and rows.is_usable(one)}


async def _decided(
    connection: AsyncConnection, looked: Sorted, back: Sequence[str], moment: Moment
) -> tuple[list[Change], list[Change]]:
    """The changes that count, and those of rows that only lose their marks."""
    full = await full_rows(connection, [*(one.campaign_id for one in looked.compare), *back])
    changes = [rows.insertion(one, moment) for one in looked.new]
    changes += [rows.change(full[one.campaign_id], one, moment) for one in looked.compare]
    return changes, [rows.unmarked(full[campaign_id], moment) for campaign_id in back]


def _stored(changes: Sequence[Change], same: int, of_links: Links, rejected: int) -> Stored:
    count = Counter(one.outcome for one in changes)
    loaded = Loaded(
        inserted=count[Outcome.INSERTED],
        updated=count[Outcome.UPDATED],
        unchanged=count[Outcome.UNCHANGED] + same,
        revived=count[Outcome.REVIVED],
        links_added=len(of_links.added),
        links_removed=len(of_links.removed),
        rejected=rejected,
    )
    return Stored(loaded, sum(one.older for one in changes))


# -- looking ----------------------------------------------------------------------------------------------------------


async def glimpses_of(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, Glimpse]:
    """What the first look shows of those that are stored."""
    if not ids:
        return {}
    found = await connection.execute(select(*_GLIMPSE).where(in_values(_GLIMPSE[0], ids, connection.dialect)))
    return {row[0]: Glimpse(row[1], row[2], row[3], row[4], bool(row[5]), row[6]) for row in found}


async def full_rows(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The rows of those that are stored, by id."""
    if not ids:
        return {}
    found = await connection.execute(
        select(campaigns).where(in_values(campaigns.c.campaign_id, ids, connection.dialect))
    )
    return {row["campaign_id"]: dict(row) for row in found.mappings()}


async def stored_links(connection: AsyncConnection, ids: Sequence[str]) -> list[Link]:
    """The current links of these campaigns."""
    if not ids:
        return []
    link = campaign_contact_lists.c
    wanted = in_values(link.campaign_id, ids, connection.dialect)
    found = await connection.execute(select(link.campaign_id, link.contact_list_id, link.valid_from).where(wanted))
    return [Link(row[0], row[1], row[2]) for row in found]


# -- writing ----------------------------------------------------------------------------------------------------------


async def write(connection: AsyncConnection, changes: Sequence[Change], moment: Moment) -> Links:
    """Write what was decided: first what it ends, then the rows, then their links. Returns what became of links."""
    account_id = moment.scope.account_id
    stored = await stored_links(connection, links.needed(changes))
    of_links = links.difference(account_id, moment.run_id, changes, stored)
    changes = sorted(links.dated(changes, of_links, moment.run_id), key=lambda one: one.campaign_id)
    await history.write(connection, moment, changes, of_links)
    await _write_campaigns(connection, changes)
    await _write_links(connection, of_links, moment)
    return of_links


async def _write_campaigns(connection: AsyncConnection, changes: Sequence[Change]) -> None:
    written = [(one.before, one.row) for one in changes if one.row is not None]
    await in_chunks(connection, insert(campaigns), [row for before, row in written if before is None])
    await in_chunks(connection, _UPDATE, [_keyed(row) for before, row in written if before is not None])


def _keyed(row: rows.Row) -> dict[str, Any]:
    values = dict(row)
    values["key"] = values.pop("campaign_id")
    return values


async def _write_links(connection: AsyncConnection, of_links: Links, moment: Moment) -> None:
    lists = [
        {
            "contact_list_id": key,
            "account_id": moment.scope.account_id,
            "name": name,
            "first_seen_at": moment.seen_at,
        }
        for key, name in sorted(of_links.lists.items())
    ]
    added = [
        {"campaign_id": one.campaign_id, "contact_list_id": one.contact_list_id, "valid_from": one.valid_from}
        for one in of_links.added
    ]
    await in_chunks(connection, insert_missing(contact_lists, connection.dialect), lists)
    await in_chunks(connection, _UNLINK, [_this(one.link) for one in of_links.removed])
    await in_chunks(connection, _RESTART, [_this(one.link) | {"again_at": one.again_at} for one in of_links.restarted])
    await in_chunks(connection, insert(campaign_contact_lists), added)


def _this(link: Link) -> dict[str, Any]:
    return {"of_campaign": link.campaign_id, "to_list": link.contact_list_id}
