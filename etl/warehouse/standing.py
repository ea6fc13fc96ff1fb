"""What each scope's copy rests on, for `status`: which proofs, how old the oldest of them is, and what is in doubt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from msgspec import Struct
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from etl.intervals import intersect, merge, subtract
from etl.model import HINTS, Channel, Interval, Reason, Scope, State
from etl.warehouse.schema import campaigns, sync_windows


class Doubt(Struct, frozen=True):
    """A stretch that no read has proven since, and why the last one did not."""

    interval: Interval
    why: str


class Standing(Struct, frozen=True):
    """`proofs`: those that the proven time rests on; `oldest_read_at`: when the oldest part of it was last read."""

    proofs: tuple[str, ...] = ()
    oldest_read_at: datetime | None = None
    doubts: tuple[Doubt, ...] = ()
    pending_deletions: int = 0


class _Read(Struct, frozen=True):
    epoch: int
    window_no: int
    state: State
    proof: str | None
    why: str
    interval: Interval
    started_at: datetime
    keep: str | None


async def standings(connection: AsyncConnection, account_ids: Sequence[str] | None = None) -> Mapping[Scope, Standing]:
    """Every scope that was ever read, of these accounts if any are named: a ledger of years is long."""
    missing = await _missing(connection)
    reads = await _reads(connection, account_ids)
    return {scope: _standing(lines, missing.get(scope, 0)) for scope, lines in reads.items()}


def _standing(reads: Iterable[_Read], pending_deletions: int) -> Standing:
    """The latest read of an instant decides; only reads under the latest one's `keep` count. Newest first."""
    newest_first = sorted(reads, key=lambda read: (read.epoch, read.window_no), reverse=True)
    taken: tuple[Interval, ...] = ()
    proofs: set[str] = set()
    oldest: datetime | None = None
    doubts: list[Doubt] = []
    for read in newest_first:
        if read.keep != newest_first[0].keep:
            continue
        left = subtract([read.interval], taken)
        if read.state is State.PROVEN:
            if left:
                proofs.add(read.proof or "")
                oldest = read.started_at if oldest is None else min(oldest, read.started_at)
            taken = merge((*taken, read.interval))
        elif read.state is not State.OPEN:
            known = [doubt.interval for doubt in doubts]
            doubts += [Doubt(piece, read.why) for piece in subtract(intersect([read.interval], left), known)]
    return Standing(tuple(sorted(proofs)), oldest, tuple(sorted(doubts, key=_start)), pending_deletions)


def _start(doubt: Doubt) -> datetime:
    return doubt.interval.start


async def _reads(connection: AsyncConnection, account_ids: Sequence[str] | None) -> dict[Scope, list[_Read]]:
    line = sync_windows.c
    not_closed = [reason.value for reason in (Reason.TAIL, *HINTS)]
    columns = (line.account_id, line.app_id, line.channel, line.epoch, line.window_no, line.state, line.proof, line.why)
    more = (line.error, line.window_start, line.window_end, line.started_at, line.keep)
    found: dict[Scope, list[_Read]] = defaultdict(list)
    asked = select(*columns, *more).where(line.reason.not_in(not_closed))
    if account_ids is not None:
        asked = asked.where(line.account_id.in_(account_ids))
    for row in await connection.execute(asked):
        scope, why, interval = Scope(row[0], row[1], Channel(row[2])), row[7] or row[8] or "", Interval(row[9], row[10])
        found[scope].append(_Read(row[3], row[4], State(row[5]), row[6], why, interval, row[11], row[12]))
    return found


async def _missing(connection: AsyncConnection) -> dict[Scope, int]:
    keys = (campaigns.c.account_id, campaigns.c.app_id, campaigns.c.channel)
    pending = campaigns.c.missing_since.is_not(None) & campaigns.c.deleted_at.is_(None)
    found = await connection.execute(select(*keys, func.count()).where(pending).group_by(*keys))
    return {Scope(row[0], row[1], Channel(row[2])): row[3] for row in found}
