"""How one window's rows and links get into the tables: look, decide (rows.py, links.py), write only what changed, ids
sorted; what a change ends is copied out first (history.py)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Dialect, Executable, and_, bindparam, delete, not_, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from etl.model import Campaign, Loaded, ReadOn, Rejected, Sweep, Unread
from etl.warehouse import bulk, history, links, rejects, rows
from etl.warehouse.dialect import in_values, pairs, told_pairs
from etl.warehouse.links import Link, Links
from etl.warehouse.rows import Change, Glimpse, Moment, Outcome, Sorted, Withhold
from etl.warehouse.schema import campaign_contact_lists, campaigns, contact_lists
from etl.warehouse.scoped import of_scope, told

_MARKED = or_(campaigns.c.deleted_at.is_not(None), campaigns.c.missing_since.is_not(None))
_GLIMPSE = (campaigns.c.account_id, campaigns.c.app_id, campaigns.c.channel, _MARKED.label("marked"))

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
    read_on: ReadOn,
    withhold: Withhold | None = None,
    is_empty: bool = False,
) -> Stored:
    """Store a window's records in the caller's transaction; of those that are new or changed `read_on` reads what was
    left unread. A row stored meanwhile by another writer raises RowConflict, as does one that is stored elsewhere while
    the window is taken to be empty: the caller looks again."""
    moment = _moment(run_id, sweep, withhold, rewrite=rewrite)
    read = _campaigns(sweep)
    unlike = dict.fromkeys(rows.usable(read)) if is_empty else await look(connection, read, moment)
    if unlike:
        read = _campaigns(sweep := _read(sweep, unlike, read_on))
    rejected = [record for record in sweep.records if isinstance(record, Rejected)]
    looked = rows.sort(read, unlike, moment, app_rank)
    changes = await _changes(connection, looked, moment)
    unmarked = await _unmarked(connection, {one.campaign_id for one in rejected} - read.keys(), moment)
    of_links = await write(connection, looked.new, [*changes, *unmarked], moment)
    records = rejects.of_records(sweep.window.scope, rejected, looked.refused)
    fields = rejects.of_fields(sweep.window.scope, looked.new, changes)
    await rejects.store(connection, run_id, sweep, records, fields)
    stored = _stored(looked, changes, of_links, len(records))
    bad = {line.reason.removeprefix(rejects.FIELD): line.occurrences for line in fields}
    return replace(stored, loaded=replace(stored.loaded, bad_fields=bad))


def _moment(run_id: str, sweep: Sweep, withhold: Withhold | None, *, rewrite: bool) -> Moment:
    skew = timedelta(seconds=sweep.profile.clock_skew_seconds or 0)
    return Moment(run_id, sweep.window.scope, sweep.finished_at, sweep.finished_at + skew, rewrite, withhold)


def _campaigns(sweep: Sweep) -> dict[str, Campaign | Unread]:
    return {record.campaign_id: record for record in sweep.records if not isinstance(record, Rejected)}


def _read(sweep: Sweep, unlike: Mapping[str, Glimpse | None], read_on: ReadOn) -> Sweep:
    """The sweep, those of its records that are not plainly stored as they came read whole."""
    records = [
        read_on(one, sweep.window.scope) if type(one) is Unread and one.campaign_id in unlike else one
        for one in sweep.records
    ]
    return replace(sweep, records=tuple(records))


async def _changes(connection: AsyncConnection, looked: Sorted, moment: Moment) -> list[Change]:
    full = await full_rows(connection, [one.campaign_id for one in looked.compare])
    return [rows.change(full[one.campaign_id], one, moment) for one in looked.compare]


async def _unmarked(connection: AsyncConnection, ids: Iterable[str | None], moment: Moment) -> list[Change]:
    """What becomes of campaigns whose record came and could not be stored: those of the scope lose their marks."""
    full = await full_rows(connection, sorted(rows.usable(one for one in ids if one is not None)))
    return [rows.unmarked(row, moment) for row in full.values() if rows.is_marked(row, moment.scope)]


def _stored(looked: Sorted, changes: Sequence[Change], of_links: Links, rejected: int) -> Stored:
    count = Counter(one.outcome for one in changes)
    loaded = Loaded(
        inserted=len(looked.new),
        updated=count[Outcome.UPDATED],
        unchanged=count[Outcome.UNCHANGED] + looked.same,
        revived=count[Outcome.REVIVED],
        links_added=len(of_links.added),
        links_removed=len(of_links.removed),
        rejected=rejected,
    )
    return Stored(loaded, sum(one.older for one in changes))


# -- looking ----------------------------------------------------------------------------------------------------------


async def look(
    connection: AsyncConnection, read: Mapping[str, Campaign] | Mapping[str, Campaign | Unread], moment: Moment
) -> dict[str, Glimpse | None]:
    """The first look, done by the database: of these campaigns all that are not plainly stored as they came, with what
    is stored of them; None = nothing. Ids that no database takes are left out."""
    asked = {one: read[one].content_hash for one in rows.usable(read)}
    if not asked:
        return {}
    unlike = _unlike(connection.dialect, rewrite=moment.rewrite)
    found = await connection.execute(unlike, told(moment.scope) | told_pairs(asked, connection.dialect))
    return {
        campaign_id: None if account_id is None else Glimpse(account_id, app_id, channel, bool(marked))
        for campaign_id, account_id, app_id, channel, marked in found.all()
    }


@lru_cache(maxsize=16)
def _unlike(dialect: Dialect, *, rewrite: bool) -> Executable:
    incoming, stored = pairs(dialect), campaigns.c
    same_hash = stored.content_hash == incoming.c.content_hash
    as_it_came = and_(same_hash, of_scope(campaigns), not_(_MARKED), stored.older_run_id.is_(None))
    unlike = true() if rewrite else or_(stored.campaign_id.is_(None), not_(as_it_came))
    both = incoming.outerjoin(campaigns, stored.campaign_id == incoming.c.campaign_id)
    return select(incoming.c.campaign_id, *_GLIMPSE).select_from(both).where(unlike)


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


async def write(
    connection: AsyncConnection, new: Sequence[Campaign], changes: Sequence[Change], moment: Moment
) -> Links:
    """Write what was decided: first what it ends, then the rows, then their links. Returns what became of links. `new`
    in id order."""
    account_id = moment.scope.account_id
    stored = await stored_links(connection, links.needed(changes))
    changed = links.difference(account_id, moment.run_id, changes, stored)
    changes = sorted(links.dated(changes, changed, moment.run_id), key=lambda one: one.campaign_id)
    await history.write(connection, moment, changes, changed)
    of_links = links.of_new(new, account_id, moment.seen_at) + changed
    await bulk.insert_tuples(connection, campaigns, rows.INSERTED, rows.insertions(new, moment))
    await bulk.update(connection, campaigns, "campaign_id", [one.row for one in changes if one.row is not None])
    await _write_links(connection, of_links, moment)
    return of_links


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
    await bulk.insert_missing(connection, contact_lists, lists)
    await bulk.each(connection, _UNLINK, [_this(one.link) for one in of_links.removed])
    await bulk.each(connection, _RESTART, [_this(one.link) | {"again_at": one.again_at} for one in of_links.restarted])
    await bulk.insert_tuples(connection, campaign_contact_lists, Link._fields, of_links.added)


def _this(link: Link) -> dict[str, Any]:
    return {"of_campaign": link.campaign_id, "to_list": link.contact_list_id}
