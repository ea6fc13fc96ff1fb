"""L2 to L4, the proofs of an open window: what is asked, accepted, and refused with which words."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from proof_model.quiet import DAY, at, campaign, proven, refusal, rows, run, served, shape

from etl.extract.proof import Accepted, Refused, machine
from etl.model import Channel, Page, PageRequest, Profile, Proof, Rejected

# -- L2, L3 -----------------------------------------------------------------------------------------------------------


def test_l2_moves_the_start_to_the_last_date_and_uses_no_offset() -> None:
    """Each page starts at the largest createdAt seen, which it must show again."""
    end, asked = proven(Proof.L2, served(rows(7), cap=3))
    assert isinstance(end, Accepted)
    assert [(batch[0].start, batch[0].skip, batch[0].limit) for batch in asked] == [
        (DAY, 0, 100),
        (at(2), 0, 100),
        (at(4), 0, 100),
        (at(6), 0, 100),
    ]


def test_l2_stalls_where_one_instant_fills_a_page() -> None:
    """The cursor cannot pass it: refused, not a fault, for L4 to try."""
    end = refusal(Proof.L2, served([campaign(n, minute=5) for n in range(4)], cap=3))
    assert (end.why, end.fault) == ("rows created at one instant fill a whole page", False)


def test_l2_refuses_a_start_that_excludes() -> None:
    """The row of the cursor is not there again: rows of the same instant may be missing."""
    listed = served(rows(7), cap=3)

    def server(request: PageRequest) -> Page:
        page = listed(request)
        return Page(tuple(r for r in page.records if r.created_at != request.start or request.start == DAY), 7, True, 3)

    assert "does not begin at rows that were read before" in refusal(Proof.L2, server).why


def test_l2_refuses_a_server_that_ignores_dates() -> None:
    """A row from before the cursor contradicts the filter."""
    listed = served(rows(7), cap=3)
    end = refusal(Proof.L2, lambda _: listed(PageRequest(Channel.SMS, 3)))
    assert "does not filter by createdAt" in end.why


@pytest.mark.parametrize("proof", [Proof.L2, Proof.L3])
def test_ordered_proofs_refuse_what_cannot_be_ordered(proof: Proof) -> None:
    """A page out of order, a row without createdAt, a list sorted otherwise."""
    disorder = Page((campaign(2), campaign(1)), 2, False, 100)
    assert "order" in refusal(proof, lambda _: disorder).why
    dateless = Page((campaign(1), Rejected("text", "", "no id")), 2, False, 100)
    assert "without createdAt" in refusal(proof, lambda _: dateless).why
    window = PageRequest(Channel.SMS, 1, sort=(("name", "asc"),))
    end, asked = run(machine(proof, window, page_size=9, profile=Profile()), served(rows(3)))
    assert isinstance(end, Refused)
    assert asked == []


def test_l3_starts_each_page_behind_the_last_date_seen() -> None:
    """One row back and one for each row of the last date; a large page some more, for rows that leave meanwhile."""
    _, asked = proven(Proof.L3, served(rows(7), cap=4))
    assert [batch[0].skip for batch in asked] == [0, 2, 4]
    _, asked = proven(Proof.L3, served(rows(250)))
    assert [batch[0].skip for batch in asked] == [0, 93, 186]


def test_l3_refuses_a_page_that_lost_its_anchor() -> None:
    """So many rows left that the page begins at or after the last date seen: something between may be unread."""
    before, after = served(rows(9), cap=4), served(rows(9)[3:], cap=4)
    end = refusal(Proof.L3, lambda request: after(request) if request.skip else before(request))
    assert "does not begin at rows that were read before" in end.why


def test_l3_refuses_a_server_that_names_another_offset() -> None:
    """Where `page` wins the answer starts elsewhere."""
    listed = served(rows(9), cap=4)
    end = refusal(Proof.L3, lambda request: Page(listed(request).records, 9, True, 4, 0))
    assert end.why == "the server did not start the page at the offset asked"


# -- L4 ---------------------------------------------------------------------------------------------------------------


def test_l4_reads_twice_with_a_count_between() -> None:
    """By rows received; the limit is then what page 1 held; the second sweep asks the same pages at once."""
    end, asked = proven(Proof.L4, served(rows(7), cap=3))
    sweep = [(100, 0), (3, 3), (3, 6)]
    assert isinstance(end, Accepted)
    assert shape(asked) == [[one] for one in sweep] + [[(1, 0)], sweep]


def test_l4_refuses_two_readings_that_differ() -> None:
    """The same total with other rows is not the same list."""
    one, other = served(rows(5)), served(rows(6)[1:])
    turn = iter((one, one, other))
    assert "did not show the same rows" in refusal(Proof.L4, lambda request: next(turn)(request)).why


def test_l4_reads_to_the_end_what_it_cannot_prove() -> None:
    """Neither total nor hasMore: on until a page is empty, then refused with everything that was read."""
    listed = served(rows(7), cap=3)
    end = refusal(Proof.L4, lambda request: Page(listed(request).records, None, None, None))
    assert (end.why, len(end.records), end.fault) == ("the server gave no total", 7, False)
