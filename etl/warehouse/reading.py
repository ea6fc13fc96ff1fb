"""What the verbs show of the warehouse: the values, and the queries that fill them. Writes nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from msgspec import Struct
from sqlalchemy import Dialect, Executable, RowMapping, case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from etl.model import (
    Channel,
    FilteredDate,
    Interval,
    Profile,
    Proof,
    Scope,
    ScopeState,
    State,
    Verb,
    Verdict,
)
from etl.warehouse import absence, ledger, rejects
from etl.warehouse.dialect import json_number, utc_day
from etl.warehouse.killed import EXIT_KILLED
from etl.warehouse.ledger_views import sync_freshness, sync_gaps
from etl.warehouse.schema import UNFINISHED, campaigns, rejected_records, source_profiles, sync_runs, sync_windows
from etl.warehouse.scoped import of_scope, told


class ScopeFreshness(Struct, frozen=True):
    """One line of the view `sync_freshness`, and what waits in quarantine."""

    scope: Scope
    proven_until: datetime | None
    """Everything created before it was proven complete; None while the beginning is not proven."""
    newest_proven_end: datetime | None
    """The latest end of a proven window, gaps before it or not."""
    last_proven_at: datetime | None
    """When the last proven read ended."""
    last_run_id: str | None
    last_run_verdict: Verdict | None
    last_run_finished_at: datetime | None
    unproven_windows: int
    """Stretches whose last read was unproven or failed."""
    live_rows: int
    age_seconds: float | None
    """Seconds since `proven_until`, by the database's clock."""
    rejects_waiting: int


class Gap(Struct, frozen=True):
    """A stretch between a scope's first and last closed read that no read has proven."""

    scope: Scope
    interval: Interval


class RunLine(Struct, frozen=True):
    """One run. `verdict` is RUNNING, and `finished_at` None, while it runs, or until the next run finds it killed."""

    run_id: str
    verb: str
    verdict: Verdict
    exit_code: int | None
    started_at: datetime
    finished_at: datetime | None
    version: str
    totals: Mapping[str, Any]

    @property
    def was_killed(self) -> bool:
        """Whether it ended without a verdict of its own; `finished_at` is then its last sign of life."""
        return self.verdict is Verdict.FAILED and self.exit_code == EXIT_KILLED


class WindowLine(Struct, frozen=True):
    """One window that a run read. `why` says why it is not proven, `error` why it failed, `reason` why it was read."""

    window_no: int
    scope: Scope
    interval: Interval
    state: State
    proof: Proof | None
    why: str | None
    reason: str
    source_total: int | None
    seen: int
    beyond: int
    rejected: int
    inserted: int
    updated: int
    unchanged: int
    revived: int
    older: int
    links_added: int
    links_removed: int
    requests: int
    retries: int
    throttled_seconds: float
    attempts: int
    started_at: datetime
    finished_at: datetime
    error: str | None


class RunDetail(Struct, frozen=True):
    """A run and its windows, in the order of their numbers."""

    line: RunLine
    windows: tuple[WindowLine, ...]


class RunSums(Struct, frozen=True):
    """What all runs that ended came to."""

    runs: Mapping[tuple[str, str], int]
    """(verb, verdict) -> how many."""
    counts: Mapping[str, float]


class RejectLine(Struct, frozen=True):
    """One quarantined record, or one field that could not be stored (`reason` is then `field:<name>`).

    `raw` is the record's text: personal data, not to be shown unasked.
    """

    rejected_id: int
    scope: Scope
    campaign_id: str | None
    reason: str
    detail: str | None
    occurrences: int
    raw: str
    run_id: str
    window_start: datetime
    first_seen_at: datetime
    last_seen_at: datetime
    gone_at: datetime | None
    acknowledged_at: datetime | None


async def freshness(connection: AsyncConnection) -> tuple[ScopeFreshness, ...]:
    waiting = await _rejects_waiting(connection)
    rows = (await connection.execute(select(sync_freshness))).mappings().all()
    return tuple(sorted((_fresh(row, waiting) for row in rows), key=lambda one: one.scope))


def _fresh(row: RowMapping, waiting: Mapping[Scope, int]) -> ScopeFreshness:
    verdict = row["last_run_verdict"]
    scope = _scope(row)
    return ScopeFreshness(
        scope=scope,
        proven_until=row["proven_until"],
        newest_proven_end=row["newest_proven_end"],
        last_proven_at=row["last_proven_at"],
        last_run_id=row["last_run_id"],
        last_run_verdict=None if verdict is None else Verdict(verdict),
        last_run_finished_at=row["last_run_finished_at"],
        unproven_windows=row["unproven_windows"],
        live_rows=row["live_rows"],
        age_seconds=row["age_seconds"],
        rejects_waiting=waiting.get(scope, 0),
    )


async def _rejects_waiting(connection: AsyncConnection) -> dict[Scope, int]:
    record = rejected_records.c
    keys = (record.account_id, record.app_id, record.channel)
    found = await connection.execute(
        select(*keys, func.count()).where(rejects.PRESENT, record.acknowledged_at.is_(None)).group_by(*keys)
    )
    return {Scope(row[0], row[1], Channel(row[2])): row[3] for row in found}


async def gaps(connection: AsyncConnection) -> tuple[Gap, ...]:
    rows = (await connection.execute(select(sync_gaps))).mappings().all()
    found = (Gap(_scope(row), Interval(row["gap_start"], row["gap_end"])) for row in rows)
    return tuple(sorted(found, key=lambda gap: (gap.scope, gap.interval)))


async def runs(connection: AsyncConnection, limit: int) -> tuple[RunLine, ...]:
    """The latest runs, newest first."""
    latest = select(sync_runs).order_by(sync_runs.c.started_at.desc(), sync_runs.c.run_id.desc()).limit(limit)
    return tuple(map(_run, (await connection.execute(latest)).mappings().all()))


async def run(connection: AsyncConnection, run_id: str) -> RunDetail | None:
    found = (await connection.execute(select(sync_runs).where(sync_runs.c.run_id == run_id))).mappings().first()
    if found is None:
        return None
    windows = select(sync_windows).where(sync_windows.c.run_id == run_id).order_by(sync_windows.c.window_no)
    return RunDetail(_run(found), tuple(map(_window, (await connection.execute(windows)).mappings().all())))


async def run_sums(connection: AsyncConnection, names: Sequence[str]) -> RunSums:
    """What the runs that ended came to; `names` are those of the counts wanted, summed over what reads the source."""
    ended, line = sync_runs.c.finished_at.is_not(None), sync_runs.c
    by_end = select(line.verb, line.verdict, func.count()).where(ended).group_by(line.verb, line.verdict)
    runs = {(row[0], row[1]): row[2] for row in await connection.execute(by_end)}
    numbers = [func.coalesce(func.sum(json_number(line.totals, name, connection.dialect)), 0) for name in names]
    of_reads = select(*numbers).where(ended, line.verb.in_([Verb.SYNC.value, Verb.BACKFILL.value]))
    row = (await connection.execute(of_reads)).one()
    return RunSums(runs, dict(zip(names, map(float, row), strict=True)))


def _run(row: RowMapping) -> RunLine:
    totals = {} if row["totals"] is None else json.loads(row["totals"])
    return RunLine(**{name: row[name] for name in _RUN}, verdict=Verdict(row["verdict"]), totals=totals)


_RUN = tuple(name for name in RunLine.__struct_fields__ if name not in ("verdict", "totals"))


_SAME = tuple(name for name in WindowLine.__struct_fields__ if name not in ("scope", "interval", "state", "proof"))


def _window(row: RowMapping) -> WindowLine:
    return WindowLine(
        scope=_scope(row),
        interval=Interval(row["window_start"], row["window_end"]),
        state=State(row["state"]),
        proof=None if row["proof"] is None else Proof(row["proof"]),
        **{name: row[name] for name in _SAME},
    )


async def waiting_rejects(connection: AsyncConnection, limit: int) -> tuple[RejectLine, ...]:
    """Quarantined records that are neither gone nor acknowledged, and bad fields, latest first."""
    record = rejected_records.c
    lines = (
        select(rejected_records)
        .where(record.gone_at.is_(None), record.acknowledged_at.is_(None))
        .order_by(record.last_seen_at.desc(), record.rejected_id)
        .limit(limit)
    )
    return tuple(map(_reject, (await connection.execute(lines)).mappings().all()))


def _reject(row: RowMapping) -> RejectLine:
    names = (name for name in RejectLine.__struct_fields__ if name != "scope")
    return RejectLine(scope=_scope(row), **{name: row[name] for name in names})


async def scope_state(connection: AsyncConnection, scope: Scope, keep: str | None) -> ScopeState:
    """What the planner needs to know of a scope."""
    lines = await ledger.lines(connection, scope, keep)
    rows = _rows((await connection.execute(_groups(connection.dialect), told(scope))).all())
    row = (await connection.execute(_BESIDES, told(scope) | {"keep": keep})).mappings().one()
    return ScopeState(
        scope=scope,
        stored=rows.live,
        proven=ledger.proven(lines),
        unproven=ledger.unproven(lines),
        profile=_profile(row),
        density=tuple(sorted(rows.per_day.items())),
        proofs=ledger.proofs(lines),
        missing=tuple(sorted(rows.missing)),
        unfinished=row["unfinished"],
        fed_at=row["fed_at"],
        synced_at=row["synced_at"],
        keep=keep,
        listed=0 if keep is None else ledger.listed(lines),
    )


@lru_cache(maxsize=8)
def _groups(dialect: Dialect) -> Executable:
    """Live rows by UTC day of creation, null where the source gave no usable date; missing ones by their instant. An
    index answers (`campaigns_by_creation`). In order, so that Python has nothing left to sort."""
    row = campaigns.c
    day = utc_day(row.created_at, dialect).label("day")
    missed = case((row.missing_since.is_not(None), row.created_at)).label("missed")
    groups = select(day, missed, func.count().label("rows")).where(absence.LIVE).group_by(day, missed)
    return groups.order_by(day)


class _Rows(Struct, frozen=True):
    """What the groups amount to."""

    live: int
    per_day: Mapping[datetime, int]
    missing: Sequence[datetime]


def _rows(groups: Sequence[Sequence[Any]]) -> _Rows:
    per_day = Counter({_midnight(day): live for day, missed, live in groups if day and not missed})
    marked = [(day, missed, live) for day, missed, live in groups if missed]
    for day, _, live in marked:
        per_day[_midnight(day)] += live
    return _Rows(
        live=sum(live for _, _, live in groups),
        per_day=per_day,
        missing=[missed for _, missed, live in marked for _ in range(live)],
    )


@lru_cache(maxsize=16384)
def _midnight(day: str) -> datetime:
    """Every account has the same days, years of them."""
    return datetime.fromisoformat(day).replace(tzinfo=UTC)


_TIMES = select(ledger.FED_AT.label("fed_at"), ledger.SYNCED_AT.label("synced_at")).subquery("times")
_UNFINISHED = select(func.count()).select_from(campaigns).where(of_scope(campaigns), UNFINISHED).scalar_subquery()
_BESIDES = select(_TIMES, _UNFINISHED.label("unfinished"), source_profiles).select_from(
    _TIMES.outerjoin(source_profiles, of_scope(source_profiles))
)
"""What the ledger's times are, how much is unfinished, and the profile, where there is one."""


def _profile(row: RowMapping) -> Profile:
    if row["account_id"] is None:
        return Profile()
    known = {name: row[name] for name in Profile.__struct_fields__}
    if known["filtered_date"] is not None:
        known["filtered_date"] = FilteredDate(known["filtered_date"])
    return Profile(**known)


def _scope(row: RowMapping) -> Scope:
    return Scope(row["account_id"], row["app_id"], Channel(row["channel"]))
