"""Arithmetic of stretches of time."""

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from etl.intervals import intersect, merge, subtract
from etl.model import Interval

ZERO = datetime(2026, 1, 1, tzinfo=UTC)


def hours(start: int, end: int) -> Interval:
    return Interval(ZERO + timedelta(hours=start), ZERO + timedelta(hours=end))


def covered(intervals: tuple[Interval, ...] | list[Interval]) -> set[int]:
    """The hours that some interval covers."""
    return {h for h in range(24) for i in intervals if i.start <= ZERO + timedelta(hours=h) < i.end}


some = st.lists(st.builds(hours, st.integers(0, 24), st.integers(0, 24)), max_size=6)


@given(some)
def test_merge_keeps_the_instants_and_leaves_no_touching_neighbours(intervals: list[Interval]) -> None:
    """Merging changes how time is cut, never which time it is."""
    merged = merge(intervals)
    assert covered(merged) == covered(intervals)
    assert all(a.end < b.start for a, b in itertools.pairwise(merged))


@given(some, some)
def test_subtract_and_intersect_are_set_operations(first: list[Interval], second: list[Interval]) -> None:
    """Hour by hour they do what sets do."""
    assert covered(subtract(first, second)) == covered(first) - covered(second)
    assert covered(intersect(first, second)) == covered(first) & covered(second)
