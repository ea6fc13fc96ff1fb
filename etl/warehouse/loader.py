"""How one window's rows and links get into the tables: look, decide (rows.py, links.py), write only what changed, ids
sorted; what a change ends is copied out first (history.py)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Dialect, Executable, and_, bindparam, delete, not_, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from etl.model import Campaign, Loaded, ReadOn, Rejected, Scope, Sweep, Unread
from etl.warehouse import bulk, history, links, rejects, rows
from etl.warehouse.dialect import in_values, pairs, told_pairs
from etl.warehouse.links import Link, Links
from etl.warehouse.rows import Change, Glimpse, Moment, Outcome, Withhold
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


class Stored(Struct, frozen=True):
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
    looked = rows.sort(read, unlike, moment, app_rank)
    compare, odd = _read(looked.compare, read_on, moment.scope)
    new = New(looked.new, read_on, moment)
    changes = await _changes(connection, compare, moment)
    rejected = [*odd, *(record for record in sweep.records if isinstance(record, Rejected))]
    readable = read.keys() - {one.campaign_id for one in odd}
    unmarked = await _unmarked(connection, {one.campaign_id for one in rejected} - readable, moment)
    of_links = await write(connection, new, [*changes, *unmarked], moment)
    rejected += new.rejected
    records = rejects.of_records(sweep.window.scope, rejected, looked.refused)
    fields = rejects.of_fields(sweep.window.scope, new.faulty, changes)
    await rejects.store(connection, run_id, _without(sweep, [*odd, *new.rejected]), records, fields)
    stored = _stored(looked.same, new.stored, changes, of_links, len(records))
    bad = {line.reason.removeprefix(rejects.FIELD): line.occurrences for line in fields}
    return replace(stored, loaded=replace(stored.loaded, bad_fields=bad))


def none_unread(_seen: Unread, _scope: Scope) -> Campaign | Rejected:
    """For those who have none."""
    raise TypeError("A record came unread, and this warehouse was not told how to read it.")


class New:
    """Campaigns never stored before, in id order. Each is read whole when it is its row's turn, so that no window is
    held whole; what else there is to tell of them is known once all rows were made."""

    def __init__(self, campaigns: Sequence[Campaign | Unread], read_on: ReadOn, moment: Moment) -> None:
        self._campaigns, self._read_on, self._moment = campaigns, read_on, moment
        self.stored = 0
        self.lists: list[tuple[str, tuple[str, ...]]] = []
        """Ids and the names of contact lists."""
        self.faulty: list[Campaign] = []
        """Those with fields that could not be read."""
        self.rejected: list[Rejected] = []

    def each_row(self) -> Iterator[tuple[Any, ...]]:
        """Their rows, in the order of INSERTED."""
        return rows.insertions(self._whole(), self._moment)

    def _whole(self) -> Iterator[Campaign]:
        for one in self._campaigns:
            campaign = self._read_on(one, self._moment.scope) if isinstance(one, Unread) else one
            if isinstance(campaign, Rejected):
                self.rejected.append(campaign)
                continue
            self.stored += 1
            if campaign.contact_lists:
                self.lists.append((campaign.campaign_id, campaign.contact_lists))
            if campaign.problems:
                self.faulty.append(campaign)
            yield campaign


def _moment(run_id: str, sweep: Sweep, withhold: Withhold | None, *, rewrite: bool) -> Moment:
    skew = timedelta(seconds=sweep.profile.clock_skew_seconds or 0)
    return Moment(run_id, sweep.window.scope, sweep.finished_at, sweep.finished_at + skew, rewrite, withhold)


def _campaigns(sweep: Sweep) -> dict[str, Campaign | Unread]:
    return {record.campaign_id: record for record in sweep.records if not isinstance(record, Rejected)}


def _read(
    campaigns: Iterable[Campaign | Unread], read_on: ReadOn, scope: Scope
) -> tuple[list[Campaign], list[Rejected]]:
    """The campaigns read whole, and those that cannot be."""
    whole = [read_on(one, scope) if isinstance(one, Unread) else one for one in campaigns]
    good = [one for one in whole if not isinstance(one, Rejected)]
    return good, [one for one in whole if isinstance(one, Rejected)]


def _without(sweep: Sweep, odd: Sequence[Rejected]) -> Sweep:
    """The sweep, in which these records, of which a glance had told more, cannot be read."""
    if not odd:
        return sweep
    ids = {one.campaign_id for one in odd}
    others = (one for one in sweep.records if isinstance(one, Rejected) or one.campaign_id not in ids)
    return replace(sweep, records=(*others, *odd))


async def _changes(connection: AsyncConnection, compare: Sequence[Campaign], moment: Moment) -> list[Change]:
    full = await full_rows(connection, [one.campaign_id for one in compare])
    return [rows.change(full[one.campaign_id], one, moment) for one in compare]


async def _unmarked(connection: AsyncConnection, ids: Iterable[str | None], moment: Moment) -> list[Change]:
    """What becomes of campaigns whose record came and could not be stored: those of the scope lose their marks."""
    full = await full_rows(connection, sorted(rows.usable(one for one in ids if one is not None)))
    return [rows.unmarked(row, moment) for row in full.values() if rows.is_marked(row, moment.scope)]


def _stored(same: int, new: int, changes: Sequence[Change], of_links: Links, rejected: int) -> Stored:
    count = Counter(one.outcome for one in changes)
    loaded = Loaded(
        inserted=new,
        updated=count[Outcome.UPDATED],
        unchanged=count[Outcome.UNCHANGED] + same,
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


async def write(connection: AsyncConnection, new: New, changes: Sequence[Change], moment: Moment) -> Links:
    """Write what was decided: first what it ends, then the rows, then their links. Returns what became of links."""
    account_id = moment.scope.account_id
    stored = await stored_links(connection, links.needed(changes))
    changed = links.difference(account_id, moment.run_id, changes, stored)
    changes = sorted(links.dated(changes, changed, moment.run_id), key=lambda one: one.campaign_id)
    await history.write(connection, moment, changes, changed)
    await bulk.insert_tuples(connection, campaigns, rows.INSERTED, new.each_row())
    await bulk.update(connection, campaigns, "campaign_id", [one.row for one in changes if one.row is not None])
    of_links = links.of_new(new.lists, account_id, moment.seen_at) + changed
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
