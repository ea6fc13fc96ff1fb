"""Which windows are read abreast, and what is learned of a server when several are."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from etl import learned
from etl.abreast import AT_ONCE, STORED_AT_ONCE, may_begin, may_store
from etl.model import BEGINNING, Channel, FilteredDate, Profile, Reason, Scope, Window

SMS = Scope("acc-1", "st-1", Channel.SMS)
VOICE = replace(SMS, channel=Channel.VOICE)
CREATED = FilteredDate.CREATED


def window(reason: Reason, number: int = 0, scope: Scope = SMS) -> Window:
    start = BEGINNING + timedelta(days=number)
    return Window(scope, start, start + timedelta(days=1), reason)


def begins(new: Window, *under_way: Window, answered: bool = True, filters: FilteredDate | None = CREATED) -> bool:
    return may_begin(new, under_way, answered=answered, filters=filters)


def test_windows_of_a_known_listing_go_abreast() -> None:
    """By dates, up to a bound."""
    others = [window(Reason.RESWEEP, number) for number in range(1, AT_ONCE)]
    assert begins(window(Reason.LOOKBACK), *others)
    assert not begins(window(Reason.LOOKBACK), *others, window(Reason.GAP, 9))


def test_until_the_filtered_date_is_known_one_is_read_at_a_time() -> None:
    """What the first one learns of it decides what the others prove. Another listing is another matter."""
    assert begins(window(Reason.FIRST), filters=None)
    assert not begins(window(Reason.FIRST), window(Reason.FIRST, 1), filters=None)
    assert begins(window(Reason.FIRST), window(Reason.FIRST, 1, VOICE), filters=None)
    assert begins(window(Reason.FIRST), window(Reason.CENSUS), filters=None)


def test_nothing_goes_beside_the_first_request_of_an_account() -> None:
    """A secret that is refused is refused once."""
    assert not begins(window(Reason.FIRST), window(Reason.CENSUS), answered=False)


@pytest.mark.parametrize("later", [Reason.FEED, Reason.UNFINISHED, Reason.TAIL])
def test_hints_wait_for_windows_and_tails_for_both(later: Reason) -> None:
    """A row that moves while the others are read is met there."""
    assert not begins(window(later), window(Reason.LOOKBACK, 1))
    assert not begins(window(Reason.TAIL), window(Reason.FEED))
    assert not begins(window(Reason.LOOKBACK), window(later))


def test_a_read_without_dates_is_alone_in_its_listing() -> None:
    """It holds every row of it."""
    assert not begins(window(Reason.UNDATED), window(Reason.LOOKBACK, 1))
    assert not begins(window(Reason.LOOKBACK), window(Reason.UNDATED, 1))


def test_parts_of_one_listing_are_stored_abreast() -> None:
    """By the date that never moves, no campaign can be in two of them; up to a bound."""
    others = [window(Reason.FIRST, number) for number in range(1, STORED_AT_ONCE)]
    assert may_store(window(Reason.FIRST), others, filters=CREATED)
    assert not may_store(window(Reason.FIRST), [*others, window(Reason.FIRST, 9)], filters=CREATED)


@pytest.mark.parametrize(
    ("new", "other", "filters"),
    [
        (window(Reason.FIRST), window(Reason.FIRST, 1), FilteredDate.UPDATED),
        (window(Reason.FIRST), window(Reason.FIRST, 1), None),
        (window(Reason.LOOKBACK), window(Reason.GAP), CREATED),
        (window(Reason.FIRST), window(Reason.FIRST, 1, VOICE), CREATED),
        (window(Reason.TAIL), window(Reason.FIRST, 1), CREATED),
        (window(Reason.LOOKBACK), window(Reason.UNDATED, 1), CREATED),
        (window(Reason.FEED), window(Reason.LOOKBACK, 1), CREATED),
    ],
)
def test_windows_that_may_hold_the_same_campaign_are_stored_one_by_one(
    new: Window, other: Window, filters: FilteredDate | None
) -> None:
    """One that is updated meanwhile, one that both listings have, one that a hint shows: the second looks at what the
    first has stored."""
    assert may_store(new, [], filters=filters)
    assert not may_store(new, [other], filters=filters)
    assert not may_store(other, [new], filters=filters)


def test_what_several_reads_learned_is_put_together() -> None:
    """Each adds what it saw; what it saw not at all stays."""
    before = Profile(largest_page=50)
    first = learned.together(before, before, replace(before, filtered_date=CREATED, largest_page=100))
    both = learned.together(first, before, replace(before, order_kept=True, largest_page=80))
    assert both == Profile(filtered_date=CREATED, order_kept=True, largest_page=100)


def test_contradicting_evidence_leaves_neither_date() -> None:
    """As it does within one read."""
    first = learned.together(Profile(), Profile(), Profile(filtered_date=CREATED))
    both = learned.together(first, Profile(), Profile(filtered_date=FilteredDate.UPDATED))
    assert both.filtered_date is FilteredDate.NEITHER
    assert learned.together(both, Profile(), Profile(filtered_date=CREATED)).filtered_date is FilteredDate.NEITHER


@pytest.mark.parametrize("name", ["order_kept", "limit_echoed"])
def test_what_was_seen_broken_once_stays_so(name: str) -> None:
    """Another read of the same moments, which saw nothing wrong, does not mend it."""
    broken = learned.together(Profile(), Profile(), Profile(**{name: False}))
    assert getattr(learned.together(broken, Profile(), Profile(**{name: True})), name) is False
