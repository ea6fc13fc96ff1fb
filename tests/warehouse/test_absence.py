"""Who counts as missing, as deleted, and what a census may have counted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from warehouse.samples import DAY, FEBRUARY, JANUARY, SMS, Night, campaign, query, rejected

from etl.model import FilteredDate, Profile, Reason, State, Stock
from etl.warehouse.warehouse import Warehouse

MakeNight = Callable[..., Night]
CREATED = Profile(filtered_date=FilteredDate.CREATED)


async def test_only_a_proven_read_of_their_own_dates_makes_candidates(night: MakeNight) -> None:
    """Unproven, wrongly dated or other windows say nothing of a row that they do not show."""
    async with night() as tonight:
        await tonight.store(campaign("a"), campaign("b"), campaign("c", created_at=JANUARY + 9 * DAY))
        assert (await tonight.store(profile=CREATED)).absent == {"a", "b", "c"}
        assert (await tonight.store(campaign("a"), profile=CREATED, end=JANUARY + DAY)).absent == {"b"}
        assert (await tonight.store(profile=CREATED, state=State.UNPROVEN)).absent == set()
        for date in (None, FilteredDate.UPDATED, FilteredDate.NEITHER):
            assert (await tonight.store(profile=Profile(filtered_date=date))).absent == set()


async def test_a_proven_read_without_dates_speaks_for_everybody(night: MakeNight) -> None:
    """Whatever the server filters, and rows without a date as well."""
    async with night() as tonight:
        await tonight.store(campaign("a"), campaign("b", created_at=None), campaign("c"))
        updated = Profile(filtered_date=FilteredDate.UPDATED)
        assert (await tonight.store(campaign("c"), profile=updated, reason=Reason.UNDATED)).absent == {"a", "b"}


async def test_a_record_without_a_readable_id_may_be_any_of_them(night: MakeNight) -> None:
    """A living campaign whose record became unreadable is not taken for gone."""
    async with night() as tonight:
        await tonight.store(campaign("a"), campaign("b"))
        assert (await tonight.store(campaign("a"), rejected("unreadable"), profile=CREATED)).absent == set()


async def test_a_rejected_record_with_its_id_is_there(night: MakeNight, warehouse_url: str) -> None:
    """It is no candidate, and loses the marks of earlier nights."""
    async with night() as tonight:
        await tonight.store(campaign("a"), campaign("b"))
        gone = await tonight.store(campaign("a"), profile=CREATED)
        settled = await tonight.warehouse.settle(tonight.lease, tonight.run_id, SMS, gone.absent, accept=True)
        assert settled.missing == 1
        met = rejected("r", campaign_id="b", created_at=JANUARY)
        assert (await tonight.store(campaign("a"), met, profile=CREATED)).absent == set()
    assert await query(warehouse_url, "SELECT count(*) FROM campaigns WHERE missing_since IS NOT NULL") == [(0,)]


async def test_the_second_run_that_misses_it_deletes_it(night: MakeNight) -> None:
    """Two runs, two marks; nothing is counted twice."""
    ids = frozenset({"a"})
    counts = []
    for _ in range(3):
        async with night() as tonight:
            if not counts:
                await tonight.store(*(campaign(name) for name in "abcdef"))
            settled = await tonight.warehouse.settle(tonight.lease, tonight.run_id, SMS, ids, accept=False)
            counts.append((settled.missing, settled.deleted))
    assert counts == [(1, 0), (0, 1), (0, 0)]


@pytest.mark.parametrize(("gone", "braked"), [(20, False), (21, True)])
async def test_the_brake_holds_above_twenty_and_five_percent(night: MakeNight, gone: int, braked: bool) -> None:
    """Of 100 rows 21 at once are not believed."""
    names = [f"c{number:03}" for number in range(100)]
    async with night() as tonight:
        await tonight.store(*map(campaign, names))
        absent = frozenset(names[:gone])
        settled = await tonight.warehouse.settle(tonight.lease, tonight.run_id, SMS, absent, accept=False)
        assert (settled.brake is not None) == braked
        assert settled.missing == (0 if braked else gone)


async def test_an_empty_source_is_not_believed_however_small(night: MakeNight) -> None:
    """All of three rows: the whole scope came back empty."""
    async with night() as tonight:
        await tonight.store(*map(campaign, "abc"))
        settled = await tonight.warehouse.settle(tonight.lease, tonight.run_id, SMS, frozenset("abc"), accept=False)
        assert settled.brake is not None
        assert "--accept-deletions" in settled.brake


async def test_a_census_may_have_counted_what_is_in_doubt(night: MakeNight, warehouse: Warehouse) -> None:
    """Missing rows, tonight's absent ones and those as old as the count may be in it or not; rejected records too."""
    async with night() as tonight:
        await tonight.store(*map(campaign, "abcd"), campaign("new", created_at=FEBRUARY - timedelta(seconds=1)))
        await tonight.store(campaign("undated", created_at=None), rejected("r"), end=FEBRUARY + DAY)
        await tonight.warehouse.settle(tonight.lease, tonight.run_id, SMS, frozenset("a"), accept=True)
    stock = await warehouse.stock(SMS, FEBRUARY, frozenset({"a", "b"}))
    assert stock == Stock(live=7, sure=3)
    assert await warehouse.stock(SMS, FEBRUARY, frozenset()) == Stock(live=7, sure=4)
    assert await warehouse.stock(SMS, JANUARY - DAY, frozenset()) == Stock(live=2, sure=1)
