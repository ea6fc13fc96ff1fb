"""What pages tell about a server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from etl.extract import observe
from etl.model import Campaign, Channel, FilteredDate, Page, PageRequest, Profile, Proof

START = datetime(2026, 1, 1, tzinfo=UTC)
END = START + timedelta(days=10)
ASKED = PageRequest(Channel.SMS, 100, 0, START, END)
DAY = timedelta(days=1)
CREATED, UPDATED, NEITHER = FilteredDate.CREATED, FilteredDate.UPDATED, FilteredDate.NEITHER


def row(created_at: datetime | None, updated_at: datetime | None = None) -> Campaign:
    return Campaign(campaign_id="x", raw="", content_hash="", created_at=created_at, updated_at=updated_at)


def learned(
    *rows: Campaign, known: Profile | None = None, limit: int | None = 100, more: bool | None = False
) -> Profile:
    return observe.learn(known or Profile(), ASKED, Page(rows, len(rows), more, limit))


@pytest.mark.parametrize(
    ("created", "updated", "found"),
    [
        (START + DAY, START + DAY, None),
        (START + DAY, END + timedelta(seconds=0.5), None),
        (START + DAY, END + timedelta(seconds=2), CREATED),
        (START - DAY, START + DAY, UPDATED),
        (START - DAY, START - DAY, NEITHER),
        (END + DAY, None, NEITHER),
        (END + timedelta(seconds=0.9), END + timedelta(seconds=0.9), None),
        (None, START - DAY, None),
        (START + DAY, START - DAY, CREATED),
        (START, START - timedelta(seconds=0.5), None),
    ],
)
def test_only_telling_rows_say_which_date_is_filtered(
    created: datetime | None, updated: datetime | None, found: FilteredDate | None
) -> None:
    """A row inside by both dates says nothing; within a second of a bound nothing is concluded."""
    assert learned(row(created, updated)).filtered_date is found


@pytest.mark.parametrize(
    ("known", "created", "found"),
    [(CREATED, START - DAY, NEITHER), (UPDATED, START - DAY, UPDATED), (NEITHER, START - DAY, NEITHER)],
)
def test_contradicting_evidence_means_neither(known: FilteredDate, created: datetime, found: FilteredDate) -> None:
    """What held before is not believed against a row that speaks against it, and is not forgotten either."""
    assert learned(row(created, START + DAY), known=Profile(filtered_date=known)).filtered_date is found


def test_order_is_believed_until_one_page_breaks_it() -> None:
    """Equal dates show nothing; a broken order is not mended by a good page."""
    kept = learned(row(START), row(START + DAY))
    assert kept.order_kept
    assert learned(row(START), row(START)).order_kept is None
    broken = learned(row(START + DAY), row(START), known=kept)
    assert broken.order_kept is False
    assert learned(row(START), row(START + DAY), known=broken).order_kept is False


def test_the_limit_in_force_is_told_from_its_echo() -> None:
    """A page shorter than its echo with more to come shows that the echo is not the limit."""
    assert learned(row(START), limit=1, more=True).limit_echoed is True
    assert learned(row(START), limit=100, more=False).limit_echoed is None
    short = learned(row(START), limit=100, more=True)
    assert (short.limit_echoed, short.largest_page) == (False, 1)
    assert learned(row(START), limit=1, more=True, known=short).limit_echoed is False


def test_a_row_on_the_bound_shows_that_it_is_included() -> None:
    """Only positive evidence counts, and only where it is known that `createdAt` is compared with the bounds."""
    got = learned(row(START), row(END), known=Profile(filtered_date=CREATED))
    assert (got.start_inclusive, got.end_inclusive) == (True, True)
    for known in (None, UPDATED, NEITHER):
        got = learned(row(START), row(END), known=Profile(filtered_date=known))
        assert (got.start_inclusive, got.end_inclusive) == (None, None)


def test_a_total_shows_that_undated_requests_work() -> None:
    """A census without one shows nothing, and a dated page says nothing of undated ones."""
    assert observe.learn_census(Profile(), Page((), 5, True, 1)).undated_works
    assert observe.learn_census(Profile(), Page((), None, True, 1)).undated_works is None
    assert observe.learn(Profile(), PageRequest(Channel.SMS, 1), Page((), 5, True, 1)).undated_works
    assert learned().undated_works is None


def test_the_row_with_the_widest_gap_tells_the_dates_apart() -> None:
    """More than two seconds, in either direction; none where no row has that."""
    assert observe.telling_dates([row(START, START + timedelta(seconds=2)), row(START), row(None, START)]) is None
    assert observe.telling_dates([row(START, START + DAY), row(START, START - 2 * DAY)]) == (START, START - 2 * DAY)


def test_a_proof_is_withdrawn_with_what_it_relied_on() -> None:
    """A filter on other dates withdraws all but L4, a limit that is not in force the proofs that end by it."""
    for found in (UPDATED, NEITHER):
        now = Profile(filtered_date=found)
        assert [bool(observe.withdrawn(proof, Profile(), now)) for proof in Proof] == [True, True, True, False]
    cut = Profile(limit_echoed=False)
    assert [bool(observe.withdrawn(proof, Profile(), cut)) for proof in Proof] == [False, True, True, False]
    assert [observe.withdrawn(proof, cut, cut) for proof in Proof] == [None] * 4


def test_small_clock_differences_say_nothing() -> None:
    """The Date header knows whole seconds."""
    assert (observe.skew(1.9), observe.skew(-2.0), observe.skew(-61.0)) == (0.0, 0.0, -61.0)
