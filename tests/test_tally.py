"""What a run counts once, however often it reads it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from etl.model import Channel, Cost, FilteredDate, Keep, Loaded, Profile, Reason, Scope, State, Sweep, Unread, Window
from etl.shown import Shown
from etl.tally import Tally

SMS = Scope("a", "b", Channel.SMS)
MAY, JUNE, JULY = (datetime(2026, month, 1, tzinfo=UTC) for month in (5, 6, 7))
BY_CREATION = Profile(filtered_date=FilteredDate.CREATED)


def row(key: str, created_at: datetime | None = MAY) -> Unread:
    return Unread(key, b"{}", "", None, created_at, None)


def read(*rows: Unread, reason: Reason = Reason.FIRST, profile: Profile = BY_CREATION, month: datetime = MAY) -> Sweep:
    window = Window(SMS, month, month + timedelta(days=30), reason)
    return Sweep(window, State.PROVEN, None, None, rows, len(rows), 0, len(rows), Cost(), JULY, JULY, profile)


TWICE = {
    "a hint after its window": (read(row("x"), row("y")), read(row("x"), reason=Reason.FEED)),
    "a window after a hint": (read(row("x"), row("y"), reason=Reason.UNFINISHED), read(row("x"))),
    "two hints": (read(row("x"), row("y"), reason=Reason.UNFINISHED), read(row("x"), reason=Reason.FEED)),
    "no dates": (read(row("x"), row("y")), read(row("x"), reason=Reason.UNDATED)),
    "by another date": tuple(
        read(row("x"), *rows, profile=Profile(filtered_date=FilteredDate.UPDATED), month=month)
        for month, rows in ((MAY, [row("y")]), (JUNE, []))
    ),
    "no date of its own": (read(row("y"), row("x", None)), read(row("x", None), month=JUNE)),
}


@pytest.mark.parametrize(("first", "again"), TWICE.values(), ids=TWICE)
def test_what_is_read_twice_counts_once(first: Sweep, again: Sweep) -> None:
    """Whatever shows it the second time."""
    tally = Tally(SMS, Keep(), shown=Shown())
    tally.stored(first, Loaded(inserted=2))
    tally.stored(again, Loaded(unchanged=1))
    assert (tally.seen, tally.loaded.inserted, tally.loaded.unchanged) == (2, 2, 0)


def test_the_whole_history_read_again_counts_once() -> None:
    """A census disagreed, and every window comes a second time, with one campaign more."""
    tally = Tally(SMS, Keep(), shown=Shown())
    may, june = read(row("x")), read(row("y", JUNE), month=JUNE)
    for sweep in (may, june):
        tally.stored(sweep, Loaded(unchanged=1))
    tally.read_again(Window(SMS, MAY, JULY, Reason.DISAGREED), "It disagrees")
    tally.stored(may, Loaded(unchanged=1))
    tally.stored(read(row("y", JUNE), row("z", JUNE), month=JUNE), Loaded(inserted=1, unchanged=1))
    assert (tally.seen, tally.loaded.inserted, tally.loaded.unchanged) == (3, 1, 2)
