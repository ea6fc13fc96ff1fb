"""Which windows a night has, and why."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from etl import plan
from etl.intervals import merge, subtract
from etl.model import BEGINNING, HINTS, Channel, FilteredDate, Interval, Profile, Reason, Scope, ScopeState, Window

SCOPE = Scope("acc", "st-app", Channel.SMS)
START = datetime(2024, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 6, 1, 3, 0, tzinfo=UTC)
CLOSED = NOW - timedelta(minutes=10)
POLICY = plan.Policy(
    history_start=START,
    lookback=timedelta(days=30),
    settle=timedelta(minutes=10),
    full_sweep_rows=5000,
    resweep_days=28,
    page_size=100,
    max_window_rows=5000,
)

FROM_THE_BEGINNING = replace(POLICY, history_start=BEGINNING)


def day(number: int) -> datetime:
    return START + timedelta(days=number)


def state(
    *, stored: int = 0, proven: list[Interval] | None = None, unproven: list[Interval] | None = None
) -> ScopeState:
    return ScopeState(SCOPE, stored=stored, proven=merge(proven or []), unproven=merge(unproven or []))


KEEP = '{"priority": [5]}'


def reasons(windows: tuple[Window, ...]) -> list[Reason]:
    return [window.reason for window in windows]


def test_a_scope_never_read_is_read_from_the_beginning_and_then_its_tail() -> None:
    """The first night: all history as one window, then the open tail."""
    windows = plan.sync(state(), POLICY, NOW)
    assert [(w.start, w.end, w.reason) for w in windows if w.reason not in HINTS] == [
        (START, CLOSED, Reason.FIRST),
        (CLOSED, NOW, Reason.TAIL),
    ]


def test_a_small_account_is_read_whole_every_night() -> None:
    """Up to full_sweep_rows stored rows the copy is made exact each night."""
    windows = plan.sync(state(stored=5000, proven=[Interval(START, day(800))]), POLICY, NOW)
    assert reasons(windows) == [Reason.WHOLE, Reason.TAIL]


def test_a_large_account_is_read_by_gaps_unproven_windows_and_lookback() -> None:
    """Above full_sweep_rows only what is due is read, oldest first, each instant once."""
    proven = [Interval(START, day(100)), Interval(day(110), CLOSED - timedelta(days=1))]
    windows = plan.sync(state(stored=5001, proven=proven, unproven=[Interval(day(105), day(110))]), POLICY, NOW)
    assert [(w.start, w.end, w.reason) for w in windows if w.reason not in HINTS] == [
        (day(100), day(105), Reason.GAP),
        (day(105), day(110), Reason.UNPROVEN),
        (CLOSED - timedelta(days=30), CLOSED, Reason.LOOKBACK),
        (CLOSED, NOW, Reason.TAIL),
    ]


def large(**fields: Any) -> ScopeState:
    """56,000 rows in 800 days, all proven 20 days ago."""
    known = {
        "stored": 56000,
        "proven": (Interval(START, day(800)),),
        "proofs": ((Interval(START, day(800)), NOW - timedelta(days=20)),),
        "density": tuple((day(n), 70) for n in range(800)),
        "profile": Profile(largest_page=100),
    }
    return ScopeState(SCOPE, **(known | fields))


def planned(found: ScopeState, reason: Reason) -> list[tuple[datetime, datetime]]:
    return [(w.start, w.end) for w in plan.sync(found, POLICY, NOW) if w.reason is reason]


def test_a_large_account_starts_with_a_census_and_ends_with_hints_and_the_tail() -> None:
    """One request for the total; then what is due; then what changed at any age; then what is new."""
    found = reasons(plan.sync(large(unfinished=3), FROM_THE_BEGINNING, NOW))
    assert found[0] is Reason.CENSUS
    assert found[-3:] == [Reason.UNFINISHED, Reason.FEED, Reason.TAIL]


def small(**fields: Any) -> ScopeState:
    """80 rows, proven."""
    return large(**({"stored": 80, "density": ((day(3), 80),), "proven": (Interval(BEGINNING, day(800)),)} | fields))


@pytest.mark.parametrize("found", [ScopeState(SCOPE), small()])
def test_a_census_comes_first_wherever_all_is_stored(found: ScopeState) -> None:
    """Even where the whole history is read: what has no date, or none that the server filters, shows only there."""
    assert reasons(plan.sync(found, FROM_THE_BEGINNING, NOW))[0] is Reason.CENSUS


@pytest.mark.parametrize(
    "found",
    [
        small(profile=Profile(filtered_date=FilteredDate.UPDATED)),
        small(profile=Profile(filtered_date=FilteredDate.NEITHER)),
        small(density=((day(3), 79),)),
        large(stored=40000, profile=Profile(filtered_date=FilteredDate.NEITHER)),
    ],
)
def test_where_dates_show_too_little_everything_is_read_without_them(found: ScopeState) -> None:
    """One read for all there is, the tail included: the only one that can tell who is gone."""
    windows = plan.sync(found, FROM_THE_BEGINNING, NOW)
    assert [(w.start, w.end, w.reason) for w in windows] == [(BEGINNING, CLOSED, Reason.UNDATED)]
    assert plan.price(windows[0], found, POLICY).requests == 2 * -(-found.stored // 100) + 1


def test_a_read_without_dates_is_not_begun_where_it_does_not_work_or_is_too_much() -> None:
    """Then windows do what they can."""
    refused = small(profile=Profile(filtered_date=FilteredDate.UPDATED, undated_works=False))
    huge = large(profile=Profile(filtered_date=FilteredDate.NEITHER))
    for found in (refused, huge):
        assert Reason.UNDATED not in reasons(plan.sync(found, FROM_THE_BEGINNING, NOW))


@pytest.mark.parametrize(("total", "reason"), [(50_000, Reason.UNDATED), (50_001, Reason.DISAGREED)])
def test_after_a_census_that_disagrees_the_whole_history_is_read(total: int, reason: Reason) -> None:
    """Without dates, unless that would be too much at once."""
    window = plan.whole(SCOPE, FROM_THE_BEGINNING, NOW, total)
    assert window == Window(SCOPE, BEGINNING, CLOSED, reason)


def test_hints_that_do_not_work_are_not_planned() -> None:
    """An observed refusal of undated or filtered requests is remembered."""
    profile = Profile(undated_works=False, status_filter_works=False)
    assert not set(reasons(plan.sync(large(unfinished=3, profile=profile), POLICY, NOW))) & set(HINTS)


def test_the_change_feed_reaches_back_to_the_last_one() -> None:
    """Or, without one, to the oldest proof: what changed before that was read since."""
    settle = timedelta(minutes=10)
    assert planned(large(), Reason.FEED) == [(NOW - timedelta(days=20) - settle, NOW)]
    fed = large(fed_at=NOW - timedelta(days=1))
    assert planned(fed, Reason.FEED) == [(NOW - timedelta(days=1) - settle, NOW)]


def test_a_rolling_share_of_old_history_is_read_oldest_proof_first() -> None:
    """1/28 of the rows a night, cut at a midnight."""
    assert planned(large(), Reason.RESWEEP) == [(START, day(29))]
    newer = (
        (Interval(START, day(29)), NOW - timedelta(days=1)),
        (Interval(day(29), day(800)), NOW - timedelta(days=20)),
    )
    assert planned(large(proofs=newer), Reason.RESWEEP) == [(day(29), day(58))]


def test_what_was_not_read_for_resweep_days_is_read_tonight() -> None:
    """After a long outage more than a share is due."""
    proofs = (
        (Interval(START, day(400)), NOW - timedelta(days=40)),
        (Interval(day(400), day(800)), NOW - timedelta(days=2)),
    )
    assert planned(large(proofs=proofs), Reason.RESWEEP) == [(START, day(400))]


def test_everything_is_read_again_within_resweep_days() -> None:
    """Night after night the oldest proofs are renewed, until none is older than 28 days."""
    found, now = large(proofs=((Interval(START, day(800)), NOW),)), NOW
    for _ in range(28):
        now += timedelta(days=1)
        share = [w.interval for w in plan.sync(found, POLICY, now) if w.reason is Reason.RESWEEP]
        kept = [(piece, at) for whole, at in found.proofs for piece in subtract([whole], share)]
        found = replace(found, proofs=tuple(sorted([*kept, *((piece, now) for piece in share)])))
    assert min(at for piece, at in found.proofs if piece.end <= day(800)) > NOW


def test_a_missing_campaign_is_looked_for_again_on_its_day() -> None:
    """A second proven read decides whether it is deleted."""
    assert planned(large(missing=(day(3) + timedelta(hours=5),)), Reason.PENDING) == [(day(3), day(4))]


edges = st.integers(0, 880)
stretches = st.lists(st.tuples(edges, edges).map(lambda p: Interval(day(min(p)), day(max(p)))), max_size=6)


@given(stretches, stretches, st.sampled_from([0, 5000, 5001, 10**6]))
def test_a_night_never_overlaps_and_leaves_no_gap_behind(
    proven: list[Interval], unproven: list[Interval], stored: int
) -> None:
    """Windows are disjoint, sorted, inside the history, and after them nothing before the tail is unproven."""
    before = state(stored=stored, proven=proven, unproven=unproven)
    windows = plan.sync(before, POLICY, NOW)
    windows = tuple(w for w in windows if w.reason not in HINTS)
    closed = [w.interval for w in windows if w.reason is not Reason.TAIL]
    assert all(a.end <= b.start for a, b in itertools.pairwise(windows))
    assert windows[-1].reason is Reason.TAIL
    assert windows[0].start >= START
    assert subtract([Interval(START, CLOSED)], [*before.proven, *closed]) == ()


def test_a_backfill_is_the_interval_asked_for_cut_at_now() -> None:
    """Nothing outside the interval is planned; the future is not."""
    windows = plan.backfill(state(), NOW, start=day(10), end=NOW + timedelta(days=9), only_gaps=False)
    assert [(w.start, w.end, w.reason) for w in windows] == [(day(10), NOW, Reason.BACKFILL)]


def test_a_backfill_of_gaps_leaves_proven_time_alone() -> None:
    """--only-gaps reads what of the interval was never proven."""
    windows = plan.backfill(state(proven=[Interval(day(12), day(15))]), NOW, start=day(10), end=day(20), only_gaps=True)
    assert [(w.start, w.end) for w in windows] == [(day(10), day(12)), (day(15), day(20))]


def test_gaps_reach_up_to_what_the_last_run_should_have_proven() -> None:
    """A run that was killed half-way leaves a gap, although it recorded no window for it."""
    killed = replace(state(proven=[Interval(START, day(300))]), synced_at=NOW)
    found = plan.gaps(killed, POLICY, NOW + timedelta(days=3))
    assert found == (Interval(day(300), CLOSED),)


def test_time_after_the_last_run_is_no_gap() -> None:
    """Freshness is another matter than completeness."""
    synced = replace(state(proven=[Interval(START, CLOSED)]), synced_at=NOW)
    assert plan.gaps(synced, POLICY, NOW + timedelta(days=3)) == ()


def test_a_scope_that_no_sync_has_read_is_a_gap_but_for_what_was_backfilled() -> None:
    """Another account's run says nothing of it."""
    assert plan.gaps(state(proven=[Interval(START, day(9))]), POLICY, NOW) == (Interval(day(9), CLOSED),)


@pytest.mark.parametrize(("rows", "requests"), [(0, 1), (99, 1), (100, 2), (101, 3), (1000, 11)])
def test_a_window_costs_its_pages_and_a_head_unless_one_short_page_holds_it(rows: int, requests: int) -> None:
    """ceil(rows / page_size) + 1; one where the rows are fewer than a page is known to hold."""
    known = ScopeState(
        SCOPE,
        stored=rows,
        proven=(Interval(START, CLOSED),),
        density=((day(3), rows),),
        profile=Profile(largest_page=100),
    )
    window = Window(SCOPE, day(0), day(10), Reason.WHOLE)
    assert plan.price(window, known, POLICY).requests == requests


def test_what_was_never_read_has_no_price_and_the_night_no_length() -> None:
    """None rather than a guess."""
    priced = [plan.price(window, state(), POLICY) for window in plan.sync(state(), POLICY, NOW)]
    assert [one.requests for one in priced] == [None, None]
    assert plan.minutes(priced, {"acc": 50}) is None


def test_a_night_is_as_long_as_its_busiest_account() -> None:
    """Accounts have budgets of their own and run side by side; 0 means no limit."""
    other = Scope("other", "st-b", Channel.SMS)
    priced = [
        plan.Priced(Window(SCOPE, day(0), day(1), Reason.WHOLE), 100),
        plan.Priced(Window(other, day(0), day(1), Reason.WHOLE), 300),
    ]
    assert plan.minutes(priced, {"acc": 50, "other": 50}) == 6.0
    assert plan.minutes(priced, {"acc": 50, "other": 0}) == 2.0


def test_no_census_where_only_some_campaigns_are_stored() -> None:
    """Its total would count what is not stored; hints come all the same."""
    found = reasons(plan.sync(large(keep=KEEP, listed=60000), FROM_THE_BEGINNING, NOW))
    assert Reason.CENSUS not in found
    assert Reason.FEED in found
    assert Reason.CENSUS in reasons(plan.sync(large(), FROM_THE_BEGINNING, NOW))
    assert Reason.CENSUS not in reasons(plan.sync(large(), POLICY, NOW)), "older campaigns are not wanted"


def test_a_scope_is_as_large_as_its_source_has_it() -> None:
    """What `keep` leaves out is read and paid for all the same."""
    few = {"stored": 800, "density": tuple((day(n), 1) for n in range(800)), "keep": KEEP}
    assert reasons(plan.sync(large(**few), POLICY, NOW)) == [Reason.WHOLE, Reason.TAIL]
    listed = large(**few, listed=56000)
    assert plan.sync(listed, POLICY, NOW) == tuple(
        window for window in plan.sync(large(), POLICY, NOW) if window.reason is not Reason.CENSUS
    )
    for window in plan.sync(large(), POLICY, NOW):
        assert plan.price(window, listed, POLICY) == plan.price(window, large(), POLICY)


def test_a_scope_with_nothing_stored_has_no_price_where_the_source_has_campaigns() -> None:
    """Nobody knows when they were created."""
    (window, *_) = plan.sync(large(stored=0, density=(), keep=KEEP, listed=900), POLICY, NOW)
    assert plan.price(window, large(stored=0, density=(), keep=KEEP, listed=900), POLICY).requests is None
    assert plan.price(window, large(stored=0, density=(), keep=KEEP), POLICY).requests == 1


SINCE = NOW - timedelta(hours=1)


def rest(found: ScopeState, windows: tuple[Window, ...] | None = None) -> list[tuple[Reason, datetime, datetime]]:
    """What a run that resumes the one begun at SINCE reads, the census and the tail aside."""
    asked = plan.sync(found, POLICY, NOW) if windows is None else windows
    kept = plan.left(asked, found, POLICY, SINCE)
    return [(w.reason, w.start, w.end) for w in kept if w.reason not in (Reason.CENSUS, Reason.TAIL)]


def test_a_resumed_run_reads_what_was_not_proven_since_and_what_has_closed_meanwhile() -> None:
    """Proven before counts for nothing, proven since is left out, the census and the tail are asked all the same."""
    half, until = START + (CLOSED - START) / 2, SINCE - timedelta(minutes=10)
    old = (Interval(START, half), SINCE - timedelta(days=1))
    found = replace(state(stored=10, proven=[Interval(START, until)]), proofs=(old, (Interval(half, until), SINCE)))
    assert rest(found) == [(Reason.WHOLE, START, half), (Reason.WHOLE, until, CLOSED)]
    kept = plan.left(plan.sync(found, POLICY, NOW), found, POLICY, SINCE)
    assert reasons(kept)[-1] is Reason.TAIL


def test_a_resumed_run_of_a_server_without_dates_reads_all_or_nothing() -> None:
    """A window without dates cannot be cut; once it was proven since, it is not read again."""
    window = (Window(SCOPE, START, CLOSED, Reason.UNDATED),)
    before = replace(state(stored=10), proofs=((Interval(START, SINCE), SINCE - timedelta(minutes=1)),))
    assert rest(before, window) == [(Reason.UNDATED, START, CLOSED)]
    part = replace(before, proofs=((Interval(START, SINCE - timedelta(days=1)), SINCE),))
    assert rest(part, window) == [(Reason.UNDATED, START, CLOSED)]
    since = replace(before, proofs=((Interval(START, SINCE - timedelta(minutes=10)), SINCE),))
    assert rest(since, window) == []


def test_a_resumed_run_does_not_ask_a_feed_again_that_was_read_since() -> None:
    """The feed is asked unless it was read to its end since the first try began."""
    assert Reason.FEED in [reason for reason, *_ in rest(large(fed_at=SINCE - timedelta(seconds=1)))]
    assert Reason.FEED not in [reason for reason, *_ in rest(large(fed_at=SINCE))]


def test_gaps_of_an_interval_are_told_whether_it_was_due_or_not() -> None:
    """Without an interval what came after the last sync is not late; asked for, it is not proven."""
    found = replace(state(proven=[Interval(START, day(10)), Interval(day(11), day(20))]), synced_at=day(20))
    assert plan.gaps(found, POLICY, NOW) == (Interval(day(10), day(11)),)
    assert plan.gaps(found, POLICY, NOW, Interval(day(12), day(20))) == ()
    assert plan.gaps(found, POLICY, NOW, Interval(day(12), day(21))) == (Interval(day(20), day(21)),)
    assert plan.gaps(found, POLICY, NOW, Interval(day(-9), day(1))) == ()
    assert plan.gaps(found, POLICY, NOW, Interval(day(-9), day(-1))) == ()
