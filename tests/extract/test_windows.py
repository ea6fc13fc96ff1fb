"""Closed or open, which rows are whose, and splits that tile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from etl.extract import windows
from etl.model import Campaign, Channel, FilteredDate, Profile, Reason, Rejected, Scope, Window

T0 = datetime(2026, 1, 1, tzinfo=UTC)
SCOPE = Scope("a", "st", Channel.SMS)
instants = st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1)).map(  # noqa: DTZ001
    lambda naive: naive.replace(tzinfo=UTC, microsecond=naive.microsecond // 1000 * 1000)
)


def window(start: datetime, end: datetime, reason: Reason = Reason.LOOKBACK) -> Window:
    return Window(SCOPE, start, end, reason)


def tiles(whole: Window, parts: tuple[Window, ...]) -> bool:
    borders = all(before.end == after.start for before, after in pairwise(parts))
    sizes = all(part.start < part.end and part.reason is whole.reason for part in parts)
    aligned = all(part.start.microsecond % 1000 == 0 for part in parts)
    return borders and sizes and aligned and parts[0].start == whole.start and parts[-1].end == whole.end


@settings(max_examples=200, deadline=None)
@given(
    instants,
    st.timedeltas(timedelta(milliseconds=1), timedelta(days=9000)),
    st.integers(1, 10**9),
    instants | st.none(),
)
def test_every_split_tiles_its_window_and_gets_smaller(
    start: datetime, length: timedelta, total: int, first: datetime | None
) -> None:
    """Parts share borders, lose no instant, keep the reason; a window of a minute is not split; parts are bounded."""
    whole = window(
        start, start + length - timedelta(microseconds=length.microseconds % 1000) + timedelta(milliseconds=1)
    )
    for parts in (windows.by_total(whole, total, 5000, first), windows.halves(whole)):
        if whole.end - whole.start <= windows.SHORTEST:
            assert len(parts) < 2 or parts == windows.by_total(whole, total, 5000, first)
        if parts:
            assert tiles(whole, parts)
            assert 2 <= len(parts) <= windows.MAX_PARTS


def test_parts_follow_what_is_known_of_the_distribution() -> None:
    """20,000 rows of which the first is from 2022 make 5 parts from then on; the years before go with the first."""
    start, first = datetime(2000, 1, 1, tzinfo=UTC), datetime(2022, 1, 1, tzinfo=UTC)
    whole = window(start, datetime(2026, 1, 1, tzinfo=UTC))
    parts = windows.by_total(whole, 20_000, 5_000, first)
    assert len(parts) == 5
    assert parts[0].start == start
    assert {part.end - part.start for part in parts[1:]} == {(whole.end - first) / 5}


def test_without_a_hint_a_window_is_halved() -> None:
    """Nothing known of the rows: two equal parts."""
    whole = window(T0, T0 + timedelta(days=2))
    assert [part.start for part in windows.by_total(whole, 20_000, 5_000, None)] == [T0, T0 + timedelta(days=1)]


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 400_000), st.integers(0, 400_000))
def test_a_window_is_closed_open_or_cut_at_the_clock(length: int, until: int) -> None:
    """Cut where it is both and a minute of it is closed; the cut is where the closed time ends."""
    whole = window(T0, T0 + timedelta(milliseconds=length + 1))
    closed_until = T0 + timedelta(milliseconds=until)
    parts = windows.cut_at(whole, closed_until)
    if windows.is_closed(whole, closed_until) or until < 60_000:
        assert parts == ()
    else:
        assert tiles(whole, parts)
        assert parts[0].end == closed_until


def test_years_stay_provable_when_the_clock_is_a_second_off() -> None:
    """A closed window that ends a moment after the server's closed time is cut, however short the open rest."""
    whole = window(T0 - timedelta(days=900), T0)
    parts = windows.cut_at(whole, T0 - timedelta(seconds=3))
    assert [windows.is_closed(part, T0 - timedelta(seconds=3)) for part in parts] == [True, False]


def row(key: str, created_at: datetime | None) -> Campaign:
    return Campaign(campaign_id=key, raw="", content_hash="", created_at=created_at)


def test_border_rows_are_told_apart() -> None:
    """A window keeps [start, end) and rows without a date; the tail keeps what is new, an undated read everything."""
    whole = window(T0, T0 + timedelta(days=1))
    rows = [row("before", T0 - timedelta(milliseconds=1)), row("start", T0), row("undated", None),
            Rejected("r", "", "bad"), row("end", whole.end)]  # fmt: skip
    kept, beyond = windows.own(rows, whole, Profile())
    assert ([one.key for one in kept], beyond) == (["start", "undated", "r"], 2)
    kept, beyond = windows.own(rows, replace(whole, reason=Reason.TAIL), Profile())
    assert ([one.key for one in kept], beyond) == (["start", "undated", "r", "end"], 1)
    assert windows.own(rows, replace(whole, reason=Reason.UNDATED), Profile()) == (tuple(rows), 0)


def test_nothing_is_dropped_by_dates_that_the_server_does_not_filter() -> None:
    """Where another date is filtered, or none, all that came is kept."""
    whole = window(T0, T0 + timedelta(days=1))
    for date in (FilteredDate.UPDATED, FilteredDate.NEITHER):
        profile = Profile(filtered_date=date)
        assert windows.own([row("x", T0 + timedelta(days=9))], whole, profile)[1] == 0


def test_the_start_is_asked_a_millisecond_early_until_it_is_known_to_be_included() -> None:
    """Bounds may be exclusive: a row on the border must be in one of the two neighbours."""
    whole = window(T0, T0 + timedelta(days=1))
    unsure = windows.request(whole, page_size=100, profile=Profile())
    sure = windows.request(whole, page_size=100, profile=Profile(start_inclusive=True))
    assert (T0 - unsure.start, sure.start, sure.end) == (timedelta(milliseconds=1), T0, whole.end)  # type: ignore[operator]
    tail = windows.request(replace(whole, reason=Reason.TAIL), page_size=100, profile=Profile())
    assert tail.end == whole.end + timedelta(days=1)
    undated = windows.request(replace(whole, reason=Reason.UNDATED), page_size=100, profile=Profile())
    assert (undated.start, undated.end) == (None, None)
