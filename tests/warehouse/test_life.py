"""The life of one campaign: what is found of it on both databases, and the events that come of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from warehouse.samples import DAY, FEBRUARY, JANUARY, SMS, Clock, Night, campaign, query, rejected

from etl.model import Campaign, Channel, FieldProblem, Reason, Scope, State
from etl.warehouse import life, story
from etl.warehouse.life import Life, Reject
from etl.warehouse.schema import utc_text
from etl.warehouse.story import Changed, Counted, Event, Relinked, Turn, coverage, events, folded
from etl.warehouse.warehouse import Warehouse

MakeNight = Callable[..., Night]
FIRST_NIGHT = datetime.fromisoformat("2026-03-02T02:15:00Z")


@dataclass
class Nights:
    """Nights that read one campaign, a day apart; `given` is what the source says of it."""

    warehouse: Warehouse
    make: MakeNight
    clock: Clock
    given: dict[str, Any] = field(default_factory=dict)
    runs: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def night(self) -> AsyncIterator[Night]:
        self.clock.at = FIRST_NIGHT + len(self.runs) * DAY
        async with self.make() as tonight:
            self.runs.append(tonight.run_id)
            yield tonight

    async def says(self, **values: Any) -> None:
        """A night reads the campaign with these values changed."""
        self.given |= values
        async with self.night() as tonight:
            await tonight.store(campaign("c-1", **self.given), campaign("other"))

    async def misses(self, nights: int = 1) -> None:
        for _ in range(nights):
            async with self.night() as tonight:
                await tonight.store(campaign("other"))
                await tonight.warehouse.settle(tonight.lease, tonight.run_id, SMS, frozenset({"c-1"}), accept=True)

    async def life(self) -> Life:
        found = await self.warehouse.life("c-1")
        assert found is not None
        return found


@pytest.fixture
def nights(warehouse: Warehouse, night: MakeNight, clock: Clock) -> Nights:
    return Nights(warehouse, night, clock)


def told(found: Life) -> list[tuple[int, Any]]:
    """Events as (number of the night, what)."""
    return [((event.at - FIRST_NIGHT) // DAY, event.what) for event in events(found)]


def totals(what: Counted) -> tuple[int | None, int, int | None, int, int]:
    before = None if what.before is None else what.before.total_messages_sent
    return before, what.last.total_messages_sent, what.messages, what.resets, what.readings


def counts(story_of: tuple[Event, ...]) -> list[tuple[int | None, int, int | None, int, int]]:
    return [totals(event.what) for event in story_of if isinstance(event.what, Counted)]


async def test_a_campaign_that_never_changed_was_seen_once(nights: Nights) -> None:
    """One version without an end, one event, however many nights read it."""
    for _ in range(3):
        await nights.says(name="a", status="Ready")
    found = await nights.life()
    assert told(found) == [(0, Turn.FIRST_SEEN)]
    assert [(one.valid_from, one.valid_to, one.run_id) for one in found.versions] == [(found.first_seen_at, None, None)]
    assert (found.scope, found.name, found.status, found.created_at) == (SMS, "a", "Ready", JANUARY)
    assert sorted(run.run_id for run in found.runs) == sorted(nights.runs)
    assert not found.cut


async def test_an_unknown_id_has_no_life(nights: Nights) -> None:
    """Nor one that no database takes, nor the beginning of one."""
    await nights.says()
    for unknown in ("c-2", "c-", "", "\0", "\udcff", "x" * 300):
        assert await nights.warehouse.life(unknown) is None


async def test_ids_are_found_by_their_beginning_letter_for_letter(nights: Nights, warehouse: Warehouse) -> None:
    """No pattern, no other case, in order, no more than asked for."""
    async with nights.night() as tonight:
        await tonight.store(*map(campaign, ("a%1", "ab1", "A_1", "a_1", "ä1")))
    assert await warehouse.campaigns_beginning("a%") == ("a%1",)
    assert await warehouse.campaigns_beginning("a_") == ("a_1",)
    assert await warehouse.campaigns_beginning("ä") == ("ä1",)
    assert set(await warehouse.campaigns_beginning("a")) == {"a%1", "ab1", "a_1"}
    assert len(await warehouse.campaigns_beginning("a", limit=2)) == 2
    assert await warehouse.campaigns_beginning("") == ()


async def test_each_changed_attribute_is_an_event_with_both_values(nights: Nights) -> None:
    """The source's own stamps are none; the run that saw it is named."""
    await nights.says(name="a", status="Ready", is_recurring=False)
    await nights.says(name="b", status="Active", is_recurring=True, priority=3, updated_at=FEBRUARY)
    await nights.says(updated_at=FEBRUARY + DAY)
    found = await nights.life()
    assert told(found) == [
        (0, Turn.FIRST_SEEN),
        (1, Changed("name", "a", "b")),
        (1, Changed("status", "Ready", "Active")),
        (1, Changed("priority", None, 3)),
        (1, Changed("is_recurring", before=False, after=True)),
    ]
    assert [event.run_id for event in events(found)] == [nights.runs[0], *[nights.runs[1]] * 4]
    assert found.versions[-1].columns["updated_at"] == FEBRUARY + DAY


async def test_deleted_and_back_twice_is_four_turns(nights: Nights) -> None:
    """Links that came back with it never left; those that did not are gone from its return on. Runs are named."""
    await nights.says(status="Ready", contact_lists=("a", "b"), total_messages_sent=5)
    await nights.misses(2)
    await nights.says()
    await nights.misses(2)
    await nights.says(status="Paused", contact_lists=("b", "c"))
    found = await nights.life()
    turns = [(night, what) for night, what in told(found) if not isinstance(what, Counted)]
    assert turns == [
        (0, Turn.FIRST_SEEN),
        (0, Relinked(added=("a", "b"), removed=())),
        (2, Turn.DELETED),
        (3, Turn.BACK),
        (5, Turn.DELETED),
        (6, Turn.BACK),
        (6, Changed("status", "Ready", "Paused")),
        (6, Relinked(added=("c",), removed=("a",))),
    ]
    assert counts(events(found)) == [(None, 5, None, 0, 1)]
    named = {event.what: event.run_id for event in events(found) if event.what is Turn.DELETED}
    assert named == {Turn.DELETED: nights.runs[5]}
    assert len(story.absences(found.versions)) == 2


async def test_what_is_gone_now_is_missing_then_deleted(nights: Nights) -> None:
    """Its links end with it and are no events of their own."""
    await nights.says(contact_lists=("a",))
    await nights.misses()
    assert told(await nights.life())[-1] == (1, Turn.MISSING)
    await nights.misses()
    found = await nights.life()
    assert told(found)[2:] == [(1, Turn.MISSING), (2, Turn.DELETED)]
    assert events(found)[-1].run_id == nights.runs[2]
    assert found.versions[-1].valid_to == found.deleted_at == found.links[0].valid_to
    assert found.deleted_at is not None


async def test_contact_lists_of_one_night_are_one_event(nights: Nights) -> None:
    """Names in order, whatever separator they hold; a list may leave and come back."""
    for lists in (("b", "a, b"), ("b",), ("b", "a, b", "c")):
        await nights.says(contact_lists=lists)
    assert told(await nights.life())[1:] == [
        (0, Relinked(added=("a, b", "b"), removed=())),
        (1, Relinked(added=(), removed=("a, b",))),
        (2, Relinked(added=("a, b", "c"), removed=())),
    ]


async def test_four_hundred_readings_fold_into_one(nights: Nights, warehouse_url: str) -> None:
    """The baseline stays, the rest is one event with their sum; unfolded there are all of them."""
    await nights.says(total_messages_sent=1197)
    last = (await nights.life()).first_seen_at
    hours = [utc_text(last - timedelta(hours=399 - number)) for number in range(400)]
    rows = (
        f"('c-1', '{hours[number]}', {number * 3}, 'run', '{hours[number + 1]}', '2026-02-01', 3, false)"
        for number in range(399)
    )
    columns = "campaign_id, observed_at, total_messages_sent, run_id, superseded_at, day, next_messages, next_is_reset"
    await query(warehouse_url, f"INSERT INTO campaign_counter_history ({columns}) VALUES {', '.join(rows)}")
    began = f"first_seen_at = '{hours[0]}', valid_from = '{hours[0]}'"
    await query(warehouse_url, f"UPDATE campaigns SET {began} WHERE campaign_id = 'c-1'")
    found = await nights.life()
    assert len(found.readings) == 400
    assert counts(events(found))[1:3] == [(0, 3, 3, 0, 1), (3, 6, 3, 0, 1)]
    assert len(counts(events(found))) == 400
    assert counts(folded(events(found))) == [(None, 0, None, 0, 1), (0, 1197, 1197, 0, 399)]


async def test_only_readings_with_nothing_beside_them_are_folded(nights: Nights) -> None:
    """Another change of the same night, or of a night between, is not hidden; three in a row stay as they are."""
    await nights.says(total_messages_sent=0, status="Ready")
    for sent in (1, 2, 3, 4):
        await nights.says(total_messages_sent=sent)
    await nights.says(total_messages_sent=5, status="Active")
    for sent in (6, 7, 8):
        await nights.says(total_messages_sent=sent)
    await nights.says(status="Completed")
    found = await nights.life()
    assert [night for night, what in told(found) if isinstance(what, Counted)] == list(range(9))
    rows = [one[::2] for one in counts(folded(events(found)))]
    assert rows == [(None, None, 1), (0, 4, 4), (4, 1, 1), (5, 1, 1), (6, 1, 1), (7, 1, 1)]


async def test_a_rerun_counts_from_zero_and_its_instance_is_told_with_it(nights: Nights) -> None:
    """A fold says how often; a reading without a value is skipped over."""
    for sent, instance in ((100, "i-1"), (None, "i-1"), (150, "i-1"), (40, "i-2"), (7, "i-3")):
        await nights.says(total_messages_sent=sent, campaign_instance_id=instance)
    found = await nights.life()
    assert counts(events(found))[1:] == [(100, 150, 50, 0, 1), (150, 40, 40, 1, 1), (40, 7, 7, 1, 1)]
    assert not [what for _, what in told(found) if isinstance(what, Changed)]
    await nights.says(total_messages_sent=9)
    assert counts(folded(events(await nights.life())))[1:] == [(100, 9, 99, 2, 4)]


async def test_the_instance_of_a_voice_campaign_is_a_change(nights: Nights) -> None:
    """It has no counter that could tell."""
    for instance in (None, "i-1"):
        await nights.says(campaign_instance_id=instance)
    assert told(await nights.life())[1:] == [(1, Changed("campaign_instance_id", None, "i-1"))]


async def test_what_was_not_kept_is_said(nights: Nights, warehouse_url: str) -> None:
    """A warehouse of before the history: the campaign changed, and nobody knows from what."""
    await nights.says()
    earlier = "'2026-02-01T00:00:00.000000Z'"
    await query(warehouse_url, f"UPDATE campaigns SET first_seen_at = {earlier} WHERE campaign_id = 'c-1'")
    assert [what for _, what in told(await nights.life())] == [Turn.FIRST_SEEN, Turn.UNKEPT]


async def test_only_windows_that_cover_its_creation_read_it(nights: Nights) -> None:
    """Not the neighbour, not a hint, not another listing; a read without dates does, whatever its dates."""
    await nights.says()
    async with nights.night() as tonight:
        await tonight.store(start=JANUARY - DAY, end=JANUARY)
        await tonight.store(start=JANUARY, end=JANUARY + DAY, state=State.OPEN, reason=Reason.TAIL)
        await tonight.store(start=JANUARY + DAY, end=FEBRUARY)
        for hint in (Reason.FEED, Reason.CENSUS, Reason.UNFINISHED):
            await tonight.store(reason=hint, state=State.UNPROVEN)
        await tonight.store(scope=Scope("acc-1", "st-2", Channel.SMS))
        await tonight.store(start=FEBRUARY, end=FEBRUARY + DAY, reason=Reason.UNDATED)
    found = await nights.life()
    states = [(read.state, read.reason) for read in found.reads]
    assert states == [
        (State.PROVEN, Reason.WHOLE),
        (State.OPEN, Reason.TAIL),
        (State.PROVEN, Reason.UNDATED),
    ]
    assert (coverage(found).reads, coverage(found).proven, coverage(found).since) == (3, 2, ())


async def test_without_a_date_only_undated_reads_cover_it(nights: Nights) -> None:
    """Nothing else can tell where it stands."""
    nights.given["created_at"] = None
    await nights.says()
    assert (await nights.life()).reads == ()
    async with nights.night() as tonight:
        await tonight.store(reason=Reason.UNDATED)
    assert [read.run_id for read in (await nights.life()).reads] == nights.runs[1:]


async def test_coverage_names_the_last_proof_and_what_came_after(nights: Nights) -> None:
    """Also how many proven reads did not have it before it was first seen."""
    async with nights.night() as tonight:
        await tonight.store(campaign("other"))
    await nights.says()
    async with nights.night() as tonight:
        await tonight.store(campaign("c-1"), state=State.UNPROVEN, why="The total moved.")
    covered = coverage(await nights.life())
    assert (covered.reads, covered.proven, covered.before) == (3, 2, 1)
    assert covered.first is not None
    assert covered.last_proven is not None
    assert (covered.first.run_id, covered.last_proven.run_id) == tuple(nights.runs[:2])
    assert [(read.run_id, read.why) for read in covered.since] == [(nights.runs[2], "The total moved.")]


async def test_rejected_records_of_its_id_are_told_without_their_text(nights: Nights) -> None:
    """Also those of another account, and the fields for which it is the sample."""
    await nights.says(problems=(FieldProblem("dialingMode", "not a text"),), raw="canary")
    async with nights.night() as tonight:
        await tonight.store(rejected("r", campaign_id="c-1", raw="canary", reason="broken characters"))
    async with Night(nights.warehouse, nights.clock, Scope("acc-2", "st-9", Channel.SMS)) as other:
        stranger: Campaign = campaign("c-1")
        await other.store(stranger)
    found = await nights.life()
    met = [(one.scope.account_id, one.reason, one.detail) for one in found.rejects]
    assert met == [
        ("acc-1", "field:dialingMode", "not a text"),
        ("acc-1", "broken characters", None),
        ("acc-2", "foreign_campaign_id", None),
    ]
    assert [type(what) for _, what in told(found) if not isinstance(what, Turn)] == [Reject] * 3
    assert "canary" not in repr(found)


async def test_no_table_is_read_without_a_bound(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    """The latest rows are kept, in order, and more is said to be there; so with runs."""
    for number in range(8):
        await nights.says(total_messages_sent=number, description=str(number), contact_lists=(str(number),))
    whole = await nights.life()
    monkeypatch.setattr(life, "EVENTS", 3)
    monkeypatch.setattr(life, "RUNS", 2)
    found = await nights.life()
    assert found.cut
    assert not whole.cut
    assert (found.versions, found.readings[1:]) == (whole.versions[-4:], whole.readings[-3:])
    assert found.reads == whole.reads[-3:]
    assert (len(found.runs), len(whole.runs)) == (2, 8)
    assert len(found.links) == 4
    assert events(found)[0].what is Turn.FIRST_SEEN
    assert Turn.UNKEPT not in [event.what for event in events(found)]
