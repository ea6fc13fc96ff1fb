"""What the proofs have in common, and L1: what is asked, accepted, and refused with which words."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from proof_model.quiet import DAY, WINDOW, Server, at, campaign, proven, refusal, rows, run, served, shape

from etl.extract.proof import Accepted, Ask, Refused, StrictTotals, choose, machine
from etl.model import Channel, FilteredDate, Filters, Page, PageRequest, Profile, Proof, Rejected

# -- L1 ---------------------------------------------------------------------------------------------------------------


def test_l1_accepts_one_page_that_is_shorter_than_any_limit_ever_in_force() -> None:
    """One request is enough where a page once held more rows than this one."""
    end, asked = proven(Proof.L1, served(rows(40)), profile=Profile(largest_page=41))
    assert isinstance(end, Accepted)
    assert (len(end.records), end.total, shape(asked)) == (40, 40, [[(100, 0)]])


def test_l1_accepts_one_page_shorter_than_a_limit_the_server_names_as_its_own() -> None:
    """An echo that is not what was asked is the limit in force, unless it was seen to be untrue."""
    end, asked = proven(Proof.L1, served(rows(4), cap=5))
    assert isinstance(end, Accepted)
    assert len(asked) == 1
    _, asked = proven(Proof.L1, served(rows(4), cap=5), profile=Profile(limit_echoed=False))
    assert len(asked) == 2


def test_l1_asks_again_where_the_only_page_may_have_been_cut() -> None:
    """An echo that repeats what was asked shows nothing: the first answer is the head, page 1 is asked after it."""
    end, asked = proven(Proof.L1, served(rows(40)), profile=Profile(limit_echoed=True))
    assert isinstance(end, Accepted)
    assert shape(asked) == [[(100, 0)], [(40, 0)]]


def test_l1_accepts_an_empty_window_at_once() -> None:
    """A total of nothing needs no head."""
    end, asked = proven(Proof.L1, served([]))
    assert end == Accepted(Proof.L1, (), 0)
    assert len(asked) == 1


def test_l1_asks_all_pages_at_once_after_the_head_in_strides_of_the_first_page() -> None:
    """The rows of the first answer, never the limit asked, are the stride: ceil(rows / stride) + 1 requests."""
    end, asked = proven(Proof.L1, served(rows(101), cap=30))
    assert isinstance(end, Accepted)
    assert shape(asked) == [[(100, 0)], [(30, 0), (30, 30), (30, 60), (30, 90)]]
    assert (len(end.records), end.total) == (101, 101)


@settings(max_examples=40, deadline=None)
@given(number=st.integers(0, 400), cap=st.integers(1, 120), page_size=st.integers(1, 100))
def test_every_proof_reads_a_quiet_list_whole(number: int, cap: int, page_size: int) -> None:
    """Whatever the limits, what is accepted is the list, and L1 and L4 always accept."""
    everything = {one.key for one in rows(number)}
    for proof in Proof:
        end, asked = proven(proof, served(rows(number), cap=cap), page_size=page_size)
        stride = max(1, min(cap, page_size, number))
        if isinstance(end, Accepted):
            assert {one.key for one in end.records} == everything
            assert len(end.records) == end.total == number
        else:
            assert proof in (Proof.L2, Proof.L3)
            assert stride <= 2
            assert not end.fault
        if proof is Proof.L1:
            assert sum(len(batch) for batch in asked) <= -(-number // stride) + 1


def test_l1_refuses_a_total_that_moved() -> None:
    """A deletion while the list is read is told in words, with all rows that were read, and is no fault."""
    whole, after = served(rows(90), cap=30), served(rows(89), cap=30)
    end = refusal(Proof.L1, lambda request: after(request) if request.skip == 60 else whole(request))
    assert end.why == "the total moved from 90 to 89 while the list was read"
    assert (len(end.records), end.fault) == (89, False)


def test_l1_refuses_a_server_without_totals_after_one_request() -> None:
    """It needs a total, and says so."""
    end = refusal(Proof.L1, lambda _: Page(tuple(rows(3)), None, True, None))
    assert end == Refused("the server gave no total", tuple(rows(3)), None, fault=False)


def test_l1_refuses_rows_from_outside_the_window() -> None:
    """Such a server does not filter by createdAt, so the window is not closed to it."""
    late = campaign(1, minute=31 * 24 * 60)
    assert "outside the window" in refusal(Proof.L1, served([late])).why
    hidden = served([*rows(40), late], cap=20)
    assert "outside the window" in refusal(Proof.L1, hidden).why


def test_l1_asks_nothing_under_a_filter() -> None:
    """A filter on a column that can change lets rows enter a closed window."""
    window = PageRequest(Channel.SMS, 1, start=DAY, end=at(9), filters=Filters(status=("Active",)))
    end, asked = run(StrictTotals(window, page_size=100, profile=Profile()), served(rows(3)))
    assert isinstance(end, Refused)
    assert asked == []


def test_l1_is_voided_by_a_short_page() -> None:
    """Where a page before the last holds fewer rows than the first did, even an agreeing count is void."""
    full = served(rows(9), cap=3)

    def server(request: PageRequest) -> Page:
        page = full(request)
        held = {0: page.records, 3: tuple(rows(5)[3:]), 6: (campaign(5), *page.records)}[request.skip]
        return Page(held, 9, request.skip < 6, 3)

    assert refusal(Proof.L1, server).why == "page 2 held 2 rows where the first held 3"


def test_l1_goes_on_while_more_is_promised_and_accepts_an_empty_end() -> None:
    """A server that promises more after each full page: one request more, and what it says then decides."""

    def server(request: PageRequest) -> Page:
        part = tuple(rows(6)[request.skip : request.skip + 3])
        return Page(part, 6, len(part) == 3, 3)

    end, asked = proven(Proof.L1, server)
    assert isinstance(end, Accepted)
    assert shape(asked)[-1] == [(3, 6)]


def test_l1_counts_a_record_without_an_id_that_changed_on_the_way_once() -> None:
    """Its two texts on two pages may be one row: they do not make up for a row that was lost."""
    texts = [Rejected(f"text {n}", "", "no id", created_at=at(1)) for n in range(2)]
    answers = iter([texts[0], texts[0], texts[1]])
    end = refusal(Proof.L1, lambda request: Page((next(answers),), 2, request.skip == 0, 1))
    assert end.why == "1 different rows were read where the total is 2"


def test_l1_does_not_plan_more_pages_than_it_may_ask() -> None:
    """A total beyond all bounds is refused before anything is asked for it."""
    end, asked = proven(Proof.L1, served(rows(3), cap=2, total=10**9))
    assert isinstance(end, Refused)
    assert len(asked) == 1


# -- what contradicts itself ------------------------------------------------------------------------------------------


def endless(request: PageRequest) -> Page:
    page = served(rows(6), cap=3)(request)
    return Page(page.records, page.total, True, page.limit)


def first_page_always(request: PageRequest) -> Page:
    return Page(tuple(rows(3)), 9, True, 3)


def empty_in_the_middle(request: PageRequest) -> Page:
    page = served(rows(9), cap=3)(request)
    emptied = request.skip == 3 or request.start == at(2)
    return Page((), 9, True, 3) if emptied else page


def never_done(request: PageRequest) -> Page:
    """New rows on every page, however far."""
    return Page(tuple(campaign(request.skip + n) for n in range(3)), 6, True, 3)


@pytest.mark.parametrize("proof", Proof)
@pytest.mark.parametrize("server", [endless, first_page_always, empty_in_the_middle])
def test_answers_that_contradict_themselves_are_a_fault(proof: Proof, server: Server) -> None:
    """Endless hasMore, a repeated page, an empty page with hasMore: refused as a fault."""
    end = refusal(proof, server, page_size=3)
    assert end.fault or (proof in (Proof.L2, Proof.L3) and server is first_page_always), end
    assert end.records


@pytest.mark.parametrize("proof", [Proof.L1, Proof.L4])
def test_more_pages_than_the_total_allows_are_a_fault(proof: Proof) -> None:
    """The total bounds how far a list is followed."""
    end, asked = proven(proof, never_done, page_size=3)
    assert isinstance(end, Refused)
    assert end.fault
    assert sum(len(batch) for batch in asked) <= 4


@settings(max_examples=60, deadline=None)
@given(data=st.data(), proof=st.sampled_from(Proof))
def test_no_server_keeps_a_machine_asking(data: st.DataObject, proof: Proof) -> None:
    """Arbitrary answers: every machine comes to its end, and asks nothing twice in one batch."""
    pages = data.draw(
        st.lists(
            st.builds(
                Page,
                records=st.lists(st.integers(0, 30).map(campaign), max_size=4).map(tuple),
                total=st.one_of(st.none(), st.integers(0, 12)),
                has_more=st.sampled_from((None, False, True, True)),
                limit=st.one_of(st.none(), st.integers(0, 5)),
            ),
            min_size=1,
            max_size=12,
        )
    )
    turn = iter(range(10**6))
    end, asked = proven(proof, lambda _: pages[next(turn) % len(pages)], page_size=4)
    assert len(asked) < 50
    assert all(len(set(batch)) == len(batch) for batch in asked)
    assert len({one.key for one in end.records}) == len(end.records)


# -- all --------------------------------------------------------------------------------------------------------------


def test_of_two_readings_the_one_updated_later_is_kept() -> None:
    """A row read twice is stored once, as its latest update has it; of equal ones the later answer."""
    pages = iter((campaign(0, updated=9), campaign(0, updated=5), campaign(0, updated=9)))
    end, _ = proven(Proof.L4, lambda _: Page((next(pages),), 1, False, None))
    assert isinstance(end, Accepted)
    assert end.records == (campaign(0, updated=9),)


def test_a_machine_insists_on_its_order_of_work() -> None:
    """No step before all answers, no answer to what was not asked; the end stays the end."""
    sweep = machine(Proof.L1, WINDOW, page_size=10, profile=Profile())
    step = sweep.step()
    assert isinstance(step, Ask)
    with pytest.raises(ValueError, match="answer every request first"):
        sweep.step()
    with pytest.raises(ValueError, match="has not asked"):
        sweep.answer(WINDOW, Page((), 0, False, None))
    sweep.answer(step.requests[0], Page((), 0, False, None))
    assert sweep.step() is sweep.step()


C, U, N = FilteredDate.CREATED, FilteredDate.UPDATED, FilteredDate.NEITHER
CHOICES = [
    (True, Profile(), "L1 L4"),
    (False, Profile(), "L4"),
    (True, Profile(filtered_date=C, order_kept=True), "L1 L2 L4"),
    (False, Profile(filtered_date=C, order_kept=True, start_inclusive=True), "L2 L4"),
    (False, Profile(filtered_date=C, order_kept=True, start_inclusive=False), "L3 L4"),
    (False, Profile(order_kept=True, offset_by="skip"), "L3 L4"),
    (True, Profile(order_kept=True, offset_by="page"), "L1 L4"),
    (False, Profile(filtered_date=C, order_kept=False), "L4"),
    (True, Profile(filtered_date=U, order_kept=True), "L4"),
    (True, Profile(filtered_date=N, order_kept=True), "L4"),
]


@pytest.mark.parametrize(("closed", "profile", "order"), CHOICES)
def test_the_proofs_to_try_follow_from_what_was_observed(closed: bool, profile: Profile, order: str) -> None:
    """L1 needs a closed window, L2 the filter and the order, L3 the order and offsets, L4 nothing."""
    assert choose(closed=closed, profile=profile) == tuple(Proof(one) for one in order.split())
