"""Stored campaigns that `keep` leaves out: which they are, how they are marked, and that the brake does not mind."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace
from warehouse.samples import DAY, FEBRUARY, JANUARY, SMS, Night, campaign, query

from etl.model import FilteredDate, Loaded, Profile, Reason, RunOutcome, Settled, State, Verb, Verdict
from etl.warehouse.comparing import Comparing
from etl.warehouse.warehouse import Warehouse

MakeNight = Callable[..., Night]
BY_CREATION = Profile(filtered_date=FilteredDate.CREATED)
MARKS = "SELECT campaign_id, missing_since IS NULL, deleted_at IS NULL FROM campaigns ORDER BY 1"


async def settle(tonight: Night, loaded: Loaded, *, accept: bool = False) -> Settled:
    assert tonight.lease is not None
    return await tonight.warehouse.settle(
        tonight.lease, tonight.run_id, SMS, loaded.absent, unwanted=loaded.unwanted, accept=accept
    )


async def test_what_is_left_out_is_told_apart_from_what_is_gone(night: MakeNight) -> None:
    """Only stored rows of the scope that still live; ids that no row can have do no harm."""
    async with night() as tonight:
        await tonight.store(campaign("in"), campaign("out"), campaign("gone"))
        await tonight.store(campaign("other"), scope=replace(SMS, app_id="st-2"))
        seen = frozenset({"out", "other", "never stored", "nul\x00", "\ud800"})
        loaded = await tonight.store(campaign("in"), unwanted=seen, profile=BY_CREATION)
    assert (loaded.absent, loaded.unwanted) == ({"gone"}, {"out"})


@pytest.mark.parametrize(("state", "reason"), [(State.OPEN, Reason.FEED), (State.UNPROVEN, Reason.WHOLE)])
async def test_what_was_seen_needs_no_proof(night: MakeNight, state: State, reason: Reason) -> None:
    """A hint that shows a campaign with other values is as good as a proven window; nothing is absent from it."""
    async with night() as tonight:
        await tonight.store(campaign("out"), campaign("gone"))
        loaded = await tonight.store(state=state, reason=reason, unwanted=frozenset({"out"}))
    assert (loaded.absent, loaded.unwanted) == (frozenset(), {"out"})


async def test_unwanted_rows_go_in_two_runs_and_come_back(night: MakeNight, warehouse_url: str) -> None:
    """Missing, then deleted; stored again they are revived."""
    unwanted = frozenset({"out"})
    async with night() as first:
        await first.store(campaign("in"), campaign("out"))
        loaded = await first.store(campaign("in"), unwanted=unwanted)
        assert await settle(first, loaded) == Settled(missing=1)
    assert await query(warehouse_url, MARKS) == [("in", True, True), ("out", False, True)]
    async with night() as second:
        loaded = await second.store(campaign("in"), unwanted=unwanted)
        assert await settle(second, loaded) == Settled(deleted=1)
        assert (await second.store(campaign("in"), unwanted=unwanted)).unwanted == frozenset()
    async with night() as third:
        assert (await third.store(campaign("in"), campaign("out"))).revived == 1
    assert await query(warehouse_url, MARKS) == [("in", True, True), ("out", True, True)]


async def test_the_brake_counts_only_what_is_gone(night: MakeNight) -> None:
    """Every row unwanted: marked. As many gone: not believed, and then nothing is marked, unless vouched for."""
    rows = [campaign(f"c-{number:02}") for number in range(60)]
    ids = [row.campaign_id for row in rows]
    async with night() as first:
        await first.store(*rows)
        few_gone = Loaded(absent=frozenset(ids[:20]), unwanted=frozenset(ids[20:]))
        many_gone = Loaded(absent=frozenset(ids[:21]), unwanted=frozenset(ids[21:]))
        braked = await settle(first, many_gone)
        assert (braked.missing, braked.deleted) == (0, 0)
        assert braked.brake is not None
        assert braked.brake.startswith("21 of 60 stored campaigns are gone")
        assert await settle(first, few_gone) == Settled(missing=60)
    async with night() as second:
        assert await settle(second, many_gone, accept=True) == Settled(deleted=60)


async def test_the_line_has_the_filter(night: MakeNight, warehouse_url: str) -> None:
    """As it was given; null where there was none."""
    async with night() as tonight:
        await tonight.store(keep='{"status": ["Active"]}')
        await tonight.store()
    assert await query(warehouse_url, "SELECT window_no, keep FROM sync_windows ORDER BY 1") == [
        (1, '{"status": ["Active"]}'),
        (2, None),
    ]


async def test_comparing_tells_what_is_stored_and_not_wanted(night: MakeNight, warehouse: Warehouse) -> None:
    """Not where it is marked already, nor where a later window shows it wanted; proof or not."""
    rows = [campaign(one) for one in ("back", "deleted", "in", "missing", "out")]
    async with night() as tonight:
        await tonight.store(*rows)
        await settle(tonight, Loaded(unwanted=frozenset({"deleted", "missing"})))
        await settle(tonight, Loaded(unwanted=frozenset({"deleted"})))
        comparing = Comparing(warehouse)
        await comparing.scope_state(SMS, "{}")
        unwanted = frozenset({"back", "deleted", "missing", "out", "never stored"})
        early = tonight.sweep(rows[2], unwanted=unwanted, end=JANUARY + DAY, state=State.UNPROVEN)
        late = tonight.sweep(rows[0], start=JANUARY + DAY, end=FEBRUARY)
        assert tonight.lease is not None
        for sweep in (early, late):
            await comparing.store(tonight.lease, "verify", sweep, app_rank={}, keep="{}")
    ended = RunOutcome("verify", Verb.VERIFY, Verdict.INCOMPLETE, 1, JANUARY, JANUARY, ())
    assert [(one.campaign_id, one.kind) for one in await comparing.differences(ended)] == [("out", "not wanted")]
