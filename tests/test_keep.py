"""Which campaigns `keep` stores, and how the ledger spells it."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from etl.keep import kept, text, wants
from etl.model import (
    Campaign,
    Census,
    Channel,
    Cost,
    Keep,
    Loaded,
    Profile,
    Proof,
    Reason,
    Record,
    Rejected,
    Scope,
    State,
    Sweep,
    Window,
)
from etl.shown import Shown
from etl.tally import Tally

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SMS = Scope("a", "b", Channel.SMS)
ACTIVE = Keep(status=("Active", "Paused"))

keeps = st.builds(
    Keep,
    status=st.lists(st.sampled_from(["Active", "Ready", "Rückruf", '"\\'])).map(tuple),
    priority=st.lists(st.integers(1, 5)).map(tuple),
    dialing_mode=st.lists(st.sampled_from(["Preview", "Agentless"])).map(tuple),
)


def campaign(campaign_id: str = "c", **fields: object) -> Campaign:
    return Campaign(campaign_id, "{}", "h", **fields)


def sweep(*records: Record) -> Sweep:
    window = Window(SMS, NOW, NOW, Reason.WHOLE)
    cost = Cost(requests=2, sweeps=1)
    return Sweep(window, State.PROVEN, Proof.L1, None, records, 7, 1, 6, cost, NOW, NOW, Profile())


@pytest.mark.parametrize(
    ("keep", "fields", "wanted"),
    [
        (Keep(), {"status": "Ready", "priority": 1}, True),
        (ACTIVE, {"status": "Active"}, True),
        (ACTIVE, {"status": "Paused", "priority": 1}, True),
        (ACTIVE, {"status": "Ready"}, False),
        (ACTIVE, {"status": "active"}, False),
        (ACTIVE, {"status": None}, True),
        (Keep(priority=(4, 5)), {"priority": 5}, True),
        (Keep(priority=(4, 5)), {"priority": 3}, False),
        (Keep(priority=(4, 5)), {"priority": None}, True),
        (Keep(dialing_mode=("Preview",)), {"dialing_mode": "Preview"}, True),
        (Keep(dialing_mode=("Preview",)), {"dialing_mode": "Agentless"}, False),
        (Keep(dialing_mode=("Preview",)), {"dialing_mode": None}, True),
        (Keep(("Active",), (5,)), {"status": "Active", "priority": 5}, True),
        (Keep(("Active",), (5,)), {"status": "Active", "priority": 4}, False),
        (Keep(("Active",), (5,)), {"status": "Ready", "priority": 5}, False),
    ],
)
def test_every_list_given_must_name_the_value(keep: Keep, fields: dict[str, object], wanted: bool) -> None:
    """As spelt, case included; a value that a campaign does not have leaves it in."""
    assert wants(keep, campaign(**fields)) is wanted


def test_a_sweep_keeps_its_counts_and_rejected_records() -> None:
    """What was counted and proven is what the source has; a record that could not be read might be wanted."""
    wanted, unwanted = campaign("in", status="Active"), campaign("out", status="Ready")
    rejected = Rejected("k", "raw", "no_id")
    found = kept(ACTIVE, sweep(wanted, unwanted, rejected))
    assert found.records == (wanted, rejected)
    assert found.unwanted == {"out"}
    assert (found.seen, found.beyond, found.source_total, found.state) == (7, 1, 6, State.PROVEN)
    assert kept(Keep(), sweep(wanted, unwanted, rejected)) == sweep(wanted, unwanted, rejected)


@given(keeps, st.randoms())
def test_one_filter_has_one_spelling(keep: Keep, random: object) -> None:
    """Order and repetition make no difference, any value does; nothing left out is null."""
    again = Keep(
        *(tuple(random.sample(accepted * 2, len(accepted) * 2)) for accepted in vars_of(keep)),
    )
    assert text(again) == text(keep)
    assert (text(keep) is None) == (keep == Keep())
    assert {name: set(accepted) for name, accepted in json.loads(text(keep) or "{}").items()} == {
        name: set(accepted)
        for name, accepted in zip(("status", "priority", "dialing_mode"), vars_of(keep), strict=True)
        if accepted
    }


def vars_of(keep: Keep) -> tuple[tuple[object, ...], ...]:
    return keep.status, keep.priority, keep.dialing_mode


def test_other_filters_have_other_spellings() -> None:
    """The same word in another list is another filter."""
    filters = [Keep(), Keep(("a",)), Keep(("a", "b")), Keep((), (1,)), Keep((), (), ("a",)), Keep(("a",), (1,))]
    assert all(text(one) != text(other) for one, other in itertools.combinations(filters, 2))
    assert text(Keep(("b", "a"), (5, 4))) == '{"priority": [4, 5], "status": ["a", "b"]}'


def test_what_is_left_out_counts_as_seen_once() -> None:
    """A hint that shows it again, and once more, adds nothing."""
    tally = Tally(SMS, ACTIVE, shown=Shown())
    first = kept(ACTIVE, sweep(campaign("in", status="Active"), campaign("out", status="Ready")))
    for _ in range(3):
        tally.stored(replace(first, seen=2, beyond=0), Loaded(unchanged=1))
    assert (tally.seen, tally.loaded.unchanged) == (2, 1)


def test_a_difference_of_an_earlier_census_is_not_said_under_keep() -> None:
    """Nothing would ever take it back: the next census comes without a filter."""
    for keep, disagrees in ((Keep(), True), (ACTIVE, False)):
        tally = Tally(SMS, keep, profile=Profile(census_difference=3, census_explained=False))
        tally.census = Census(100, datetime(2026, 1, 1, tzinfo=UTC), Cost(), tally.profile)
        tally.doubt()
        assert (tally.disagrees, bool(tally.errors)) == (disagrees, disagrees)
