"""History against a plain model of it: whatever is read, in whatever order, by whatever clock, intervals hold.

Random nights of reads, rewrites, deletions, revivals, unreadable records and clocks that jump are stored for real; then
every view of the past must tell what the model remembers.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from warehouse.samples import SMS, Clock, Night, campaign, query, rejected

from etl.warehouse.warehouse import Warehouse

IDS = ("a", "b", "c")
TABLES = (
    "campaigns, contact_lists, campaign_contact_lists, campaign_history, campaign_contact_list_history, "
    "campaign_counter_history, rejected_records, sync_runs, sync_windows, sync_leases"
)


@dataclass(frozen=True)
class State:
    """What a record says."""

    name: str
    instance: str | None
    sent: int | None
    lists: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """One thing that happens to some campaigns, after the clock has gone on (or back) by so many seconds."""

    kind: str
    ids: frozenset[str]
    state: State
    seconds: int


states = st.builds(
    State,
    name=st.sampled_from("xy"),
    instance=st.sampled_from([None, "i1", "i2"]),
    sent=st.sampled_from([None, 0, 5, 9]),
    lists=st.sampled_from([(), ("L",), ("M",), ("L", "M"), ("M", "L")]),
)
steps = st.builds(
    Step,
    kind=st.sampled_from(["read", "read", "read", "rewrite", "delete", "unreadable", "new run"]),
    ids=st.frozensets(st.sampled_from(IDS), min_size=1),
    state=states,
    seconds=st.sampled_from([0, 1, 86_400, 86_400, -86_400, -3]),
)


@dataclass
class Life:
    """What the model remembers of one campaign."""

    now: State | None = None
    alive: bool = False
    versions: list[tuple[str, str | None]] = field(default_factory=list)
    gaps: list[bool] = field(default_factory=list)
    """Whether it was deleted before each version but the first."""
    readings: list[tuple[int, int | None, bool]] = field(default_factory=list)
    moments: list[tuple[Any, tuple[str, str | None] | None, frozenset[str]]] = field(default_factory=list)
    """(instant, attributes, contact lists) as they were then; None = deleted."""
    known: tuple[int, str | None] | None = None

    def read(self, state: State) -> None:
        was, revived = self.now, self.now is not None and not self.alive
        self.now, self.alive = state, True
        if was is None or revived or (was.name, was.instance) != (state.name, state.instance):
            self.gaps += [revived] if was is not None else []
            self.versions.append((state.name, state.instance))
        if was is None or (was.sent, was.instance) != (state.sent, state.instance):
            self._count(state)

    def _count(self, state: State) -> None:
        if state.sent is None:
            return
        messages, reset = None, False
        if self.known is not None:
            sent, instance = self.known
            reset = state.sent < sent or (None not in (instance, state.instance) and instance != state.instance)
            messages = state.sent if reset else state.sent - sent
        self.readings.append((state.sent, messages, reset))
        self.known = (state.sent, state.instance or (self.known[1] if self.known else None))

    def come_back(self) -> None:
        if self.now is not None and not self.alive:
            self.read(self.now)


async def play(url: str, happening: Sequence[Step]) -> dict[str, Life]:
    """Store it for real, remember it in the model."""
    lives, clock = {one: Life() for one in IDS}, Clock()
    async with Warehouse.connect(url, clock=clock) as opened:
        tonight = await Night(opened, clock).__aenter__()
        for step in happening:
            clock.at += timedelta(seconds=step.seconds)
            if step.kind == "new run":
                await tonight.__aexit__(None, None, None)
                tonight = await Night(opened, clock).__aenter__()
            await act(tonight, step, lives)
            await remember(url, lives)
        await tonight.__aexit__(None, None, None)
    return lives


async def act(tonight: Night, step: Step, lives: dict[str, Life]) -> None:
    chosen = {one: lives[one] for one in sorted(step.ids)}
    if step.kind in ("read", "rewrite"):
        state = step.state
        values = {"name": state.name, "campaign_instance_id": state.instance, "total_messages_sent": state.sent}
        rows = [campaign(one, **values, contact_lists=state.lists) for one in chosen]
        await tonight.store(*rows, rewrite=step.kind == "rewrite")
        for life in chosen.values():
            life.read(step.state)
    elif step.kind == "unreadable":
        await tonight.store(*(rejected(f"r-{one}", campaign_id=one) for one in chosen))
        for life in chosen.values():
            life.come_back()
    elif step.kind == "delete":
        for _ in range(2):
            await tonight.warehouse.settle(tonight.lease, tonight.run_id, SMS, frozenset(chosen), accept=True)
        for life in chosen.values():
            life.alive = False


async def remember(url: str, lives: dict[str, Life]) -> None:
    """Each campaign's state, at the instant of its last change."""
    for one, at in await query(url, "SELECT campaign_id, last_changed_at FROM campaigns"):
        life = lives[one]
        assert life.now is not None
        attributes = (life.now.name, life.now.instance) if life.alive else None
        life.moments.append((at, attributes, frozenset(life.now.lists) if life.alive else frozenset()))


# -- what the views must say -----------------------------------------------------------------------------------------


async def check(url: str, lives: dict[str, Life]) -> None:
    versions = await grouped(url, "valid_from, valid_to, name, campaign_instance_id", "campaign_versions", "valid_from")
    links = await grouped(url, "valid_from, valid_to, name", "campaign_contact_list_versions", "name, valid_from")
    readings = await grouped(url, "total_messages_sent, messages, is_reset", "campaign_counters", "observed_at")
    for one, life in lives.items():
        check_versions(versions.get(one, []), life)
        check_links(links.get(one, []))
        assert [(a, b, bool(c)) for a, b, c in readings.get(one, [])] == life.readings
        for at, attributes, lists in life.moments:
            assert [row[2:] for row in versions[one] if covers(row, at)] == ([attributes] if attributes else [])
            assert {row[2] for row in links.get(one, []) if covers(row, at)} == lists
    sums = await query(url, "SELECT campaign_id, sum(messages) FROM campaign_daily_messages GROUP BY campaign_id")
    assert dict(sums) == {
        one: sum(told) for one, life in lives.items() if (told := [m for _, m, _ in life.readings if m is not None])
    }


def check_versions(rows: list[tuple[Any, ...]], life: Life) -> None:
    """In order, none empty, none overlapping; a gap exactly where it was deleted; open exactly while it lives."""
    assert [row[2:] for row in rows] == life.versions
    assert all(end is None or start < end for start, end, *_ in rows)
    assert [row[1] < after[0] for row, after in pairwise(rows)] == life.gaps
    assert all(row[1] <= after[0] for row, after in pairwise(rows))
    assert [row[1] is None for row in rows] == [False] * (len(rows) - 1) + ([life.alive] if rows else [])


def check_links(rows: list[tuple[Any, ...]]) -> None:
    assert all(end is None or start < end for start, end, _ in rows)
    for (_, end, name), (start, _, other) in pairwise(rows):
        assert name != other or (end is not None and end <= start)


def covers(row: tuple[Any, ...], at: Any) -> bool:
    return bool(row[0] <= at and (row[1] is None or at < row[1]))


async def grouped(url: str, columns: str, view: str, order: str) -> dict[str, list[tuple[Any, ...]]]:
    found: dict[str, list[tuple[Any, ...]]] = {}
    for one, *rest in await query(url, f"SELECT campaign_id, {columns} FROM {view} ORDER BY campaign_id, {order}"):
        found.setdefault(one, []).append(tuple(rest))
    return found


ANY_SLOW = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]}


@settings(max_examples=60, **ANY_SLOW)
@given(happening=st.lists(steps, min_size=1, max_size=10))
def test_history_tells_what_happened_on_sqlite(happening: list[Step], migrated_file: Path) -> None:
    """Exactly one open version per living campaign, no overlap, no empty interval, every past instant as it was."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{shutil.copy(migrated_file, Path(folder) / 'w.db')}"
        lives = asyncio.run(play(url, happening))
        asyncio.run(check(url, lives))


@settings(max_examples=15, **ANY_SLOW)
@given(happening=st.lists(steps, min_size=3, max_size=8))
def test_history_tells_what_happened_on_postgres(happening: list[Step], postgres_url: str) -> None:
    """The same on PostgreSQL."""
    asyncio.run(query(postgres_url, f"TRUNCATE {TABLES}"))
    lives = asyncio.run(play(postgres_url, happening))
    asyncio.run(check(postgres_url, lives))


@pytest.mark.slow
@settings(max_examples=3_000, **ANY_SLOW)
@given(happening=st.lists(steps, min_size=5, max_size=25))
def test_long_histories_tell_what_happened(happening: list[Step], migrated_file: Path) -> None:
    """Thousands of longer ones."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{shutil.copy(migrated_file, Path(folder) / 'w.db')}"
        lives = asyncio.run(play(url, happening))
        asyncio.run(check(url, lives))
