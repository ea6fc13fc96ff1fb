"""What history keeps of a campaign: versions, links and counters, the same on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from warehouse.samples import DAY, JANUARY, SMS, Clock, Night, campaign, query, rejected

from etl.model import Loaded
from etl.warehouse.history import Reading, Step, step
from etl.warehouse.warehouse import Warehouse

MakeNight = Callable[..., Night]

HISTORY = ("campaign_history", "campaign_contact_list_history", "campaign_counter_history")
STATES = "SELECT name, status, valid_to IS NULL FROM campaign_versions ORDER BY campaign_id, valid_from"
READINGS = "SELECT total_messages_sent, messages, is_reset FROM campaign_counters ORDER BY campaign_id, observed_at"
LINKS = "SELECT name, valid_to IS NULL FROM campaign_contact_list_versions ORDER BY name, valid_from"


async def counts(url: str) -> list[int]:
    return [(await query(url, f"SELECT count(*) FROM {table}"))[0][0] for table in HISTORY]


async def deleted(tonight: Night, *ids: str) -> None:
    """Two runs miss them."""
    for _ in range(2):
        await tonight.warehouse.settle(tonight.lease, tonight.run_id, SMS, frozenset(ids), accept=True)


async def test_a_first_load_and_an_unchanged_night_write_no_history(night: MakeNight, warehouse_url: str) -> None:
    """History costs nothing where nothing is over."""
    rows = [campaign(f"c-{n}", contact_lists=("a", "b"), total_messages_sent=n) for n in range(20)]
    async with night() as tonight:
        await tonight.store(*rows)
    async with night() as tonight:
        assert await tonight.store(*rows) == Loaded(unchanged=20)
    assert await counts(warehouse_url) == [0, 0, 0]


async def test_a_change_copies_the_state_that_it_ends(night: MakeNight, warehouse_url: str) -> None:
    """The old state ends when the new one begins; the run that saw it is named."""
    async with night() as first:
        await first.store(campaign("c-1", name="a", status="Ready"))
    async with night() as second:
        await second.store(campaign("c-1", name="b", status="Active"))
    assert [(n, s, bool(o)) for n, s, o in await query(warehouse_url, STATES)] == [
        ("a", "Ready", False),
        ("b", "Active", True),
    ]
    joined = (
        "SELECT h.run_id, h.valid_to = c.valid_from, h.valid_from = c.first_seen_at "
        "FROM campaign_history h JOIN campaigns c ON c.campaign_id = h.campaign_id"
    )
    ((run_id, meets, began),) = await query(warehouse_url, joined)
    assert (run_id, bool(meets), bool(began)) == (second.run_id, True, True)
    assert await query(warehouse_url, "SELECT old_status, new_status FROM campaign_status_changes") == [
        ("Ready", "Active")
    ]


async def test_counters_and_the_sources_stamps_start_no_version(night: MakeNight, warehouse_url: str) -> None:
    """Thirty nights of sending: one state, thirty readings."""
    async with night() as tonight:
        for sent in range(31):
            stamp = JANUARY + timedelta(hours=sent)
            await tonight.store(campaign("c-1", total_messages_sent=sent * 10, updated_at=stamp, contact_lists=("a",)))
    assert await counts(warehouse_url) == [0, 0, 30]
    assert await query(warehouse_url, "SELECT messages, readings, resets FROM campaign_daily_messages") == [
        (300, 30, 0)
    ]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ((10, "A"), (15, "A"), (5, False)),
        ((10, "A"), (10, "A"), (0, False)),
        ((10, "A"), (3, "B"), (3, True)),
        ((10, "A"), (25, "B"), (25, True)),
        ((10, "A"), (0, "A"), (0, True)),
        ((10, "A"), (4, "A"), (4, True)),
        ((0, None), (7, "A"), (7, False)),
        ((5, None), (7, "A"), (2, False)),
        (None, (7, "A"), (None, False)),
        ((7, "A"), None, (None, False)),
    ],
)
def test_a_step_is_never_negative(
    before: tuple[int, str | None] | None, after: tuple[int, str | None] | None, expected: tuple[int | None, bool]
) -> None:
    """Another run, or a fall, counts from zero and is flagged; the first reading is a baseline."""
    told = step(before and Reading(*before), after and Reading(*after))
    assert told == Step(expected[0], is_reset=expected[1])


async def test_a_rerun_is_flagged_and_counts_from_zero(night: MakeNight, warehouse_url: str) -> None:
    """The new instance's messages are new, and the instance begins a version."""
    async with night() as tonight:
        for sent, instance in ((0, None), (500, "cid-1"), (800, "cid-1"), (40, "cid-2")):
            await tonight.store(campaign("c-1", total_messages_sent=sent, campaign_instance_id=instance))
    found = [(total, messages, bool(reset)) for total, messages, reset in await query(warehouse_url, READINGS)]
    assert found == [(0, None, False), (500, 500, False), (800, 300, False), (40, 40, True)]
    assert await query(warehouse_url, "SELECT messages, readings, resets FROM campaign_daily_messages") == [(840, 3, 1)]
    instances = "SELECT campaign_instance_id FROM campaign_versions ORDER BY valid_from"
    assert await query(warehouse_url, instances) == [(None,), ("cid-1",), ("cid-2",)]


async def test_a_night_without_a_counter_is_skipped_over(night: MakeNight, warehouse_url: str) -> None:
    """A field that was unreadable once hides no messages and invents none."""
    async with night() as tonight:
        for sent in (100, None, None, 150):
            await tonight.store(campaign("c-1", total_messages_sent=sent, description=str(sent)))
    found = [(total, messages, bool(reset)) for total, messages, reset in await query(warehouse_url, READINGS)]
    assert found == [(100, None, False), (150, 50, False)]


async def test_a_night_without_an_instance_hides_no_rerun(night: MakeNight, warehouse_url: str) -> None:
    """The last known instance is compared."""
    async with night() as tonight:
        for sent, instance in ((10, "cid-1"), (10, None), (12, "cid-2")):
            await tonight.store(campaign("c-1", total_messages_sent=sent, campaign_instance_id=instance))
    assert await query(warehouse_url, "SELECT messages, readings, resets FROM campaign_daily_messages") == [(12, 2, 1)]


async def test_voice_campaigns_have_no_readings(night: MakeNight, warehouse_url: str) -> None:
    """A new instance of a campaign without a counter is a version and nothing else."""
    async with night() as tonight:
        for instance in (None, "cid-1", "cid-2"):
            await tonight.store(campaign("c-1", campaign_instance_id=instance))
    assert await counts(warehouse_url) == [2, 0, 0]


async def test_a_link_that_ends_is_kept_and_may_come_back(night: MakeNight, warehouse_url: str) -> None:
    """What else changes copies no link."""
    async with night() as tonight:
        for lists in (("a", "b"), ("b",), ("b", "a")):
            await tonight.store(campaign("c-1", contact_lists=lists, description=str(lists)))
        await tonight.store(campaign("c-1", contact_lists=("a", "b"), name="renamed"))
    assert [(name, bool(now)) for name, now in await query(warehouse_url, LINKS)] == [
        ("a", False),
        ("a", True),
        ("b", True),
    ]
    assert (await counts(warehouse_url))[1] == 1


async def test_a_deletion_closes_and_a_revival_opens(night: MakeNight, warehouse_url: str) -> None:
    """Nothing is copied until it comes back; the time between belongs to no version and no link."""
    rows = [campaign("c-1", status="Ready", contact_lists=("a",)), campaign("c-2")]
    async with night() as tonight:
        await tonight.store(*rows)
        await deleted(tonight, "c-1")
        assert await counts(warehouse_url) == [0, 0, 0]
        is_open = "SELECT campaign_id FROM campaign_versions WHERE valid_to IS NULL"
        assert await query(warehouse_url, is_open) == [("c-2",)]
        assert [bool(now) for _, now in await query(warehouse_url, LINKS)] == [False]
    async with night() as tonight:
        assert await tonight.store(*rows) == Loaded(revived=1, unchanged=1)
    assert await counts(warehouse_url) == [1, 1, 0]
    gap = "SELECT count(*) FROM {0} h JOIN {1} c USING (campaign_id) WHERE h.valid_to < c.valid_from"
    assert await query(warehouse_url, gap.format("campaign_history", "campaigns")) == [(1,)]
    assert await query(warehouse_url, gap.format("campaign_contact_list_history", "campaign_contact_lists")) == [(1,)]
    assert await query(warehouse_url, "SELECT count(*) FROM campaign_status_changes") == [(0,)]


async def test_an_unreadable_record_revives_too(night: MakeNight, warehouse_url: str) -> None:
    """A deleted campaign whose record comes and cannot be stored is there, as it was."""
    async with night() as tonight:
        await tonight.store(campaign("c-1", contact_lists=("a",)))
        await deleted(tonight, "c-1")
        await tonight.store(rejected("r", campaign_id="c-1"))
    states = [bool(now) for _, _, now in await query(warehouse_url, STATES)]
    assert (states, [bool(now) for _, now in await query(warehouse_url, LINKS)]) == ([False, True], [False, True])


async def test_a_clock_that_goes_back_bends_nothing(night: MakeNight, warehouse_url: str, clock: Clock) -> None:
    """States keep their order; the late one lasts a microsecond at least."""
    async with night() as tonight:
        await tonight.store(campaign("c-1", name="a", total_messages_sent=1, contact_lists=("x",)))
        clock.at -= 9 * DAY
        await tonight.store(campaign("c-1", name="b", total_messages_sent=2, contact_lists=("y",)))
        await deleted(tonight, "c-1")
        clock.at -= 9 * DAY
        await tonight.store(campaign("c-1", name="c", total_messages_sent=3, contact_lists=("x",)))
    assert [name for name, _, _ in await query(warehouse_url, STATES)] == ["a", "b", "c"]
    for view in ("campaign_versions", "campaign_contact_list_versions"):
        assert await query(warehouse_url, f"SELECT count(*) FROM {view} WHERE valid_to <= valid_from") == [(0,)]
    assert await query(warehouse_url, "SELECT sum(messages) FROM campaign_counters") == [(2,)]


async def test_the_order_of_contact_lists_is_no_change(night: MakeNight) -> None:
    """The page gives it no meaning, and none is stored."""
    async with night() as tonight:
        await tonight.store(campaign("c-1", raw='{"id": "c-1", "contactLists": ["a", "b"]}', contact_lists=("a", "b")))
        swapped = campaign("c-1", raw='{"id": "c-1", "contactLists": ["b", "a"]}', contact_lists=("b", "a"))
        assert await tonight.store(swapped) == Loaded(unchanged=1)


async def test_links_mended_by_a_rewrite_keep_their_order(night: MakeNight, warehouse_url: str, clock: Clock) -> None:
    """A link lost by hand and written again begins after everything that was known of the campaign."""
    stored = campaign("c-1", contact_lists=("a",))
    async with night() as tonight:
        await tonight.store(stored)
        clock.at -= DAY
        await query(warehouse_url, "DELETE FROM campaign_contact_lists")
        assert await tonight.store(stored, rewrite=True) == Loaded(unchanged=1, links_added=1)
        await tonight.store(campaign("c-1", contact_lists=()))
    assert await query(
        warehouse_url, "SELECT count(*) FROM campaign_contact_list_history WHERE valid_to <= valid_from"
    ) == [(0,)]


async def test_the_past_can_be_asked_for(
    night: MakeNight, warehouse: Warehouse, warehouse_url: str, clock: Clock
) -> None:
    """As of an instant: the attributes of that day, and only campaigns that were there."""
    async with night() as tonight:
        await tonight.store(campaign("c-1", name="then"))
        noon = clock() + timedelta(hours=1)
        clock.at += DAY
        await tonight.store(campaign("c-1", name="now"), campaign("c-2"))
    if warehouse_url.startswith("sqlite"):
        asked = noon.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        then = f"campaign_versions WHERE valid_from <= '{asked}' AND (valid_to > '{asked}' OR valid_to IS NULL)"
    else:
        then = f"campaigns_as_of('{noon.isoformat()}')"
    assert await query(warehouse_url, f"SELECT campaign_id, name FROM {then}") == [("c-1", "then")]
