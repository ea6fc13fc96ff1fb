"""What becomes of stored texts that are read again, by a program that may understand more of them than the one that
stored them: rejected records that can be stored by now, and typed columns rebuilt from `raw`. No request is made.

A text is as old as it is: it never replaces what was fetched after it. And what a rebuilt row says was so all the time,
only we did not understand it: it is corrected in place, and starts no version; links that turn out wrong do end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from msgspec import Struct
from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection

from etl.model import BEGINNING, Campaign, Channel, Decode, Mended, Rejected, Scope
from etl.warehouse import history, loader, rejects, rows
from etl.warehouse.dialect import in_values
from etl.warehouse.rows import Change, Moment, Outcome, Row, Withhold
from etl.warehouse.schema import campaigns, rejected_records
from etl.warehouse.scoped import told

Wants = Callable[[Campaign], bool]

CHUNK = 1_000
"""Texts in one transaction."""

MENDED = ("not_utf8", "nul_byte")
"""Reasons of records whose stored text is not theirs: what no column holds is shown as escapes."""


class Turn(Struct, frozen=True):
    """Who reads again, what, and when."""

    run_id: str
    scope: Scope
    decode: Decode
    now: datetime
    withhold: Withhold | None = None

    @property
    def moment(self) -> Moment:
        return Moment(self.run_id, self.scope, self.now, self.now, rewrite=False, withhold=self.withhold)

    def read(self, raw: str) -> Campaign | Rejected:
        """The stored text, as the present program understands it."""
        return self.decode(raw.encode(), self.scope)


async def scopes(connection: AsyncConnection) -> tuple[Scope, ...]:
    """Every scope that has a row or a rejected record."""
    found: set[Scope] = set()
    for table in (campaigns, rejected_records):
        keys = select(table.c.account_id, table.c.app_id, table.c.channel).distinct()
        found |= {Scope(row[0], row[1], Channel(row[2])) for row in await connection.execute(keys)}
    return tuple(sorted(found))


# -- typed columns from raw -------------------------------------------------------------------------------------------


async def ids(connection: AsyncConnection, scope: Scope) -> list[str]:
    """Every campaign of a scope, deleted ones too, in id order."""
    column = campaigns.c
    mine = (column.account_id == scope.account_id, column.app_id == scope.app_id, column.channel == scope.channel.value)
    return sorted(await connection.scalars(select(column.campaign_id).where(*mine)))


async def rebuild(connection: AsyncConnection, turn: Turn, wanted: Sequence[str]) -> tuple[Mended, frozenset[str]]:
    """Make the typed columns and links of these campaigns what their raw texts say. Also returns the fields that could
    not be stored."""
    stored = await loader.full_rows(connection, wanted)
    linked: dict[str, set[int]] = defaultdict(set)
    for link in await loader.stored_links(connection, wanted):
        linked[link.campaign_id].add(link.contact_list_id)
    read = {one: turn.read(row["raw"]) for one, row in sorted(stored.items())}
    good = {one: record for one, record in read.items() if isinstance(record, Campaign) and record.campaign_id == one}
    changes = [_rebuilt(stored[one], campaign, linked[one], turn) for one, campaign in good.items()]
    mended = await _written(connection, turn, (), [one for one in changes if one is not None])
    if turn.withhold is not None:
        await history.forget_texts(connection, wanted)
    fields = frozenset(problem.field for campaign in good.values() for problem in campaign.problems)
    return mended + Mended(read=len(stored), left=len(stored) - len(good)), fields


def _rebuilt(stored: Row, campaign: Campaign, linked: set[int], turn: Turn) -> Change | None:
    """None where nothing differs. A deleted campaign's links stay as they ended."""
    row = {**stored, **rows.content(campaign, turn.scope)}
    if row["raw"] == stored["raw"]:
        row["content_hash"] = stored["content_hash"]
    lists = None if stored["deleted_at"] is not None else campaign.contact_lists
    names = {rows.contact_list_id(turn.scope.account_id, name) for name in lists or ()}
    if row == dict(stored) and (lists is None or names == linked):
        return None
    return Change(
        Outcome.UPDATED,
        row if stored["deleted_at"] is not None else row | {"last_run_id": turn.run_id},
        stored["last_changed_at"] + rows.TICK,
        stored,
        links=lists,
        problems=campaign.problems,
        raw=campaign.raw,
    )


# -- rejected records -------------------------------------------------------------------------------------------------


async def waiting(connection: AsyncConnection, scope: Scope) -> list[int]:
    """Rejected records of a scope that are not gone, acknowledged ones too; the latest first, so that of two texts of a
    campaign the later one is stored."""
    column = rejected_records.c
    latest = (column.last_seen_at.desc(), column.rejected_id)
    present = select(column.rejected_id).where(rejects.PRESENT_IN_SCOPE).order_by(*latest)
    return list(await connection.scalars(present, told(scope)))


async def retry(
    connection: AsyncConnection, turn: Turn, wanted: Sequence[int], wants: Wants, app_rank: Mapping[str, int]
) -> Mended:
    """Store what can be stored by now of these records. They wait no longer, and neither do those whose campaign was
    fetched after them, or is left out by `wants`."""
    chosen = in_values(rejected_records.c.rejected_id, wanted, connection.dialect)
    lines = (await connection.execute(select(rejected_records).where(chosen))).mappings().all()
    theirs = [line for line in lines if line["reason"] not in MENDED]
    read = [(line, record) for line in theirs if isinstance(record := turn.read(line["raw"]), Campaign)]
    latest = {record.campaign_id: line for line, record in sorted(read, key=lambda one: one[0]["last_seen_at"])}
    wished = rows.once(record for line, record in read if latest[record.campaign_id] is line and wants(record))
    looked = rows.sort(wished, await loader.look(connection, wished, turn.moment), turn.moment, app_rank)
    stored = await loader.full_rows(connection, [one.campaign_id for one in looked.compare])
    changes = [
        rows.change(stored[one.campaign_id], one, turn.moment)
        for one in looked.compare
        if not _known_better(stored[one.campaign_id], one, latest[one.campaign_id], turn)
    ]
    mended = await _written(connection, turn, looked.new, changes)
    refused = {one.campaign_id for one, _ in looked.refused}
    settled = {line["rejected_id"] for line, record in read if record.campaign_id not in refused}
    await rejects.mark_gone(connection, settled, turn.now)
    left = [one for one in lines if one["rejected_id"] not in settled and one["acknowledged_at"] is None]
    return mended + Mended(read=len(lines), left=len(left))


def _known_better(stored: Row, campaign: Campaign, line: RowMapping, turn: Turn) -> bool:
    """Whether the row was changed or missed after the record came, or is read by another app: when, nothing tells."""
    known_at = max(stored["last_changed_at"], stored["missing_since"] or stored["last_changed_at"])
    of_another = stored["app_id"] != turn.scope.app_id
    return of_another or known_at > line["last_seen_at"] or rows.is_older(stored, campaign, turn.now)


async def forget_texts(connection: AsyncConnection, turn: Turn, wanted: Sequence[int]) -> None:
    """Make the raw texts of these rejected records what would be stored of them now."""
    chosen = in_values(rejected_records.c.rejected_id, wanted, connection.dialect)
    found = await connection.execute(select(rejected_records.c.rejected_id, rejected_records.c.raw).where(chosen))
    kept = {key: (raw, _text(turn.read(raw))) for key, raw in found}
    await rejects.reword(connection, {key: now for key, (before, now) in kept.items() if now != before})


def _text(record: Campaign | Rejected) -> str:
    return rows.storable(record.raw) if isinstance(record, Rejected) else rows.stored_text(record.raw)


# -- both -------------------------------------------------------------------------------------------------------------


async def _written(
    connection: AsyncConnection, turn: Turn, new: Sequence[Campaign], changes: Sequence[Change]
) -> Mended:
    whole = loader.New(new, loader.none_unread, turn.moment)
    of_links = await loader.write(connection, whole, changes, turn.moment)
    met = rejects.Met(turn.run_id, turn.scope, BEGINNING, None, turn.now)
    await rejects.write(connection, met, rejects.of_fields(turn.scope, whole.faulty, changes))
    return Mended(
        inserted=whole.stored,
        updated=sum(one.row is not None for one in changes),
        links_added=len(of_links.added),
        links_removed=len(of_links.removed),
    )
