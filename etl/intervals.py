"""Arithmetic of half-open stretches of time; the ledger's coverage and the planner's gaps are both made of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from etl.model import Interval


def merge(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """The same instants as disjoint, sorted intervals; touching ones become one, empty ones vanish."""
    merged: list[Interval] = []
    for one in sorted(i for i in intervals if i.start < i.end):
        if merged and one.start <= merged[-1].end:
            merged[-1] = Interval(merged[-1].start, max(merged[-1].end, one.end))
        else:
            merged.append(one)
    return tuple(merged)


def subtract(whole: Iterable[Interval], taken: Iterable[Interval]) -> tuple[Interval, ...]:
    """The instants of `whole` that are not in `taken`."""
    holes = merge(taken)
    left: list[Interval] = []
    for one in merge(whole):
        start = one.start
        for hole in holes:
            if hole.end <= start or hole.start >= one.end:
                continue
            if hole.start > start:
                left.append(Interval(start, hole.start))
            start = max(start, hole.end)
        if start < one.end:
            left.append(Interval(start, one.end))
    return tuple(left)


def intersect(first: Iterable[Interval], second: Iterable[Interval]) -> tuple[Interval, ...]:
    """The instants that are in both."""
    second = merge(second)
    return merge(
        Interval(max(a.start, b.start), min(a.end, b.end))
        for a in merge(first)
        for b in second
        if a.start < b.end and b.start < a.end
    )
