"""Which date a server filters: found out by one narrow request, and what was proven by dates is withdrawn with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from extract.scenes import NOW, PAST, catalogue, insert, window

from etl.model import FilteredDate, Profile, Proof, Reason, State, Sweep
from etl.sandbox.app import Sandbox
from etl.sandbox.catalogue import Catalogue
from etl.sandbox.faults import Call, Fault
from etl.sandbox.switches import Switches

CREATED, UPDATED, NEITHER = FilteredDate.CREATED, FilteredDate.UPDATED, FilteredDate.NEITHER


@pytest.fixture
def sandbox(time: Any) -> Callable[..., Sandbox]:
    return lambda rows, **switches: Sandbox(rows, switches=Switches(**switches), clock=time.clock)


def with_an_update(count: int = 30) -> Catalogue:
    """So many rows, one of them updated ten days later: nothing that a wide window tells apart."""
    rows = catalogue(count - 1)
    insert(rows, PAST + timedelta(hours=5, minutes=30), PAST + timedelta(days=10))
    return rows


def narrow(call: Call) -> bool:
    """Whether a request is the question of which date is filtered."""
    if call.asked.start is None or call.asked.end is None:
        return False
    return datetime.fromisoformat(call.asked.end) - datetime.fromisoformat(call.asked.start) < timedelta(seconds=1)


@pytest.mark.parametrize("bounds", ["inclusive", "exclusive-end", "exclusive"])
async def test_one_narrow_request_tells_that_creation_dates_are_filtered(rig: Any, sandbox: Any, bounds: str) -> None:
    """After the proof, once per scope and run; the proof stands."""
    async with sandbox(with_an_update(), bounds=bounds) as served:
        source = rig(served.url).source
        got = await source.read(window(), Profile())
        assert isinstance(got, Sweep)
        assert (got.state, got.proof, got.profile.filtered_date) == (State.PROVEN, Proof.L1, CREATED)
        plain = got.cost.requests
        again = await source.read(window(), Profile())
        assert isinstance(again, Sweep)
        assert (again.cost.requests, again.profile.filtered_date) == (plain - 1, None)
        assert len(served.requests) == 2 * plain - 1


async def test_a_filter_on_updates_withdraws_the_proof_by_dates(rig: Any, sandbox: Any) -> None:
    """A second request, around the other date, shows it; the window is then proven by two equal sweeps."""
    async with sandbox(with_an_update(), filtered_date="updatedAt") as served:
        got = await rig(served.url).source.read(window(), Profile())
        assert isinstance(got, Sweep)
        assert (got.state, got.proof, got.profile.filtered_date) == (State.PROVEN, Proof.L4, UPDATED)
        assert len(got.records) == 30
        assert sum(narrow_body(one.body) for one in served.requests) == 2
        assert got.cost.requests == len(served.requests)


def narrow_body(body: Any) -> bool:
    return datetime.fromisoformat(body["endDate"]) - datetime.fromisoformat(body["startDate"]) < timedelta(seconds=1)


async def test_a_server_that_ignores_dates_is_found_out(rig: Any, sandbox: Any) -> None:
    """Rows from outside the narrow window show it, and only two equal sweeps prove anything."""
    async with sandbox(with_an_update(), filtered_date="none") as served:
        got = await rig(served.url).source.read(window(), Profile())
        assert isinstance(got, Sweep)
        assert (got.state, got.proof, got.profile.filtered_date) == (State.PROVEN, Proof.L4, NEITHER)


async def test_nothing_is_asked_where_nothing_could_tell(rig: Any, sandbox: Any) -> None:
    """No row with two dates, no closed window, or a date that is known: no extra request."""
    async with sandbox(catalogue(30)) as served:
        got = await rig(served.url).source.read(window(), Profile())
        assert isinstance(got, Sweep)
        assert got.profile.filtered_date is None
    rows = with_an_update()
    insert(rows, NOW - timedelta(minutes=4), NOW - timedelta(minutes=1))
    async with sandbox(rows) as served:
        source = rig(served.url).source
        tail = await source.read(window(NOW - timedelta(minutes=5), NOW, Reason.TAIL), Profile())
        assert isinstance(tail, Sweep)
        known = await source.read(window(), Profile(filtered_date=CREATED))
        assert isinstance(known, Sweep)
        assert not any(narrow_body(one.body) for one in served.requests)


async def test_reads_that_tell_by_themselves_cost_nothing(rig: Any, sandbox: Any) -> None:
    """A row in the window that was updated after it: a filter on updates would have held it back."""
    async with sandbox(with_an_update()) as served:
        got = await rig(served.url).source.read(window(end=PAST + timedelta(days=3)), Profile())
        assert isinstance(got, Sweep)
        assert got.profile.filtered_date is CREATED
        assert not any(narrow_body(one.body) for one in served.requests)


async def test_a_question_that_fails_leaves_the_proof_alone(rig: Any, sandbox: Any) -> None:
    """The window was read and proven before; its requests and retries are counted."""
    async with sandbox(with_an_update()) as served:
        served.faults = (Fault("status", on=narrow),)
        got = await rig(served.url).source.read(window(), Profile())
        assert isinstance(got, Sweep)
        assert (got.state, got.proof, got.profile.filtered_date) == (State.PROVEN, Proof.L1, None)
        assert got.cost.requests == len(served.requests)
        assert got.cost.retries == 2


async def test_a_row_that_leaves_meanwhile_proves_nothing(rig: Any, sandbox: Any) -> None:
    """Absent around both dates: it is gone, which says nothing of filters."""
    rows = with_an_update()
    gone = next(row["id"] for row in rows.listing("a1", "sms") if row["createdAt"] != row["updatedAt"])
    async with sandbox(rows) as served:
        served.faults = (Fault("mutate", on=narrow, times=1, act=lambda found, _: found.delete("a1", "sms", gone)),)
        got = await rig(served.url).source.read(window(), Profile())
        assert isinstance(got, Sweep)
        assert (got.state, got.profile.filtered_date) == (State.PROVEN, None)


@pytest.mark.parametrize(("filtered", "found"), [("none", NEITHER), ("updatedAt", NEITHER)])
async def test_what_an_earlier_run_believed_is_withdrawn_by_one_row(
    rig: Any, sandbox: Any, filtered: str, found: FilteredDate
) -> None:
    """A profile that says createdAt, and a row from outside the dates: from that read on only L4 counts."""
    rows = catalogue(150)
    old = insert(rows, PAST - timedelta(days=50), NOW - timedelta(days=1))
    believed = Profile(filtered_date=CREATED, start_inclusive=True, order_kept=True)
    async with sandbox(rows, filtered_date=filtered) as served:
        got = await rig(served.url).source.read(window(), believed)
        assert isinstance(got, Sweep)
        assert (got.state, got.proof, got.profile.filtered_date) == (State.PROVEN, Proof.L4, found)
        assert old in {row.key for row in got.records}


async def test_an_order_that_is_no_longer_kept_is_not_relied_on(rig: Any, sandbox: Any) -> None:
    """An open window by date cursor, as the profile says; the first page shows otherwise."""
    rows = Catalogue(catalogue(0).accounts)
    for number in range(50):
        insert(rows, NOW - timedelta(seconds=500 - number), NOW - timedelta(seconds=300 - number))
    believed = Profile(filtered_date=CREATED, start_inclusive=True, order_kept=True)
    async with sandbox(rows, order_kept=False) as served:
        tail = window(NOW - timedelta(minutes=9), NOW, Reason.TAIL)
        got = await rig(served.url, page_size=20).source.read(tail, believed)
        assert isinstance(got, Sweep)
        assert (got.state, got.proof, got.profile.order_kept) == (State.OPEN, Proof.L4, False)
        assert len(got.records) == 50
