"""What one answer tells about the server: the profile is learned from normal reads, page by page. Pure.

Only evidence that tells two behaviours apart counts; whatever contradicts an observation withdraws it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

from etl.model import FilteredDate, Page, PageRequest, Profile, Record

_SLACK = timedelta(seconds=1)
"""A bound may be rounded to a second, and Kore's `updatedAt` can be 0.4 s before `createdAt` (facts, 5.2)."""

_SAME_CLOCK_SECONDS = 2.0
"""The `Date` header knows whole seconds, and an answer travels."""

_ASCENDING = (("createdAt", "asc"),)


def learn(profile: Profile, request: PageRequest, page: Page) -> Profile:
    """The profile after this answer."""
    profile = replace(
        profile,
        filtered_date=_filtered_date(profile.filtered_date, request, page),
        order_kept=_order_kept(profile.order_kept, request, page),
        limit_echoed=_limit_echoed(profile.limit_echoed, page),
    )
    if page.records:
        profile = replace(profile, largest_page=max(profile.largest_page or 0, len(page.records)))
    return _bounds(profile, request, page)


def skew(seconds: float) -> float:
    """Server clock minus ours, 0 where the difference says nothing."""
    return seconds if abs(seconds) > _SAME_CLOCK_SECONDS else 0.0


def _filtered_date(known: FilteredDate | None, request: PageRequest, page: Page) -> FilteredDate | None:
    """Evidence of one date contradicts a filter on the other: both together mean that neither is filtered."""
    seen = {found for record in page.records if (found := _evidence(request, record)) is not None}
    if known is not None:
        seen.add(known)
    if not seen:
        return None
    return seen.pop() if len(seen) == 1 else FilteredDate.NEITHER


def _evidence(request: PageRequest, record: Record) -> FilteredDate | None:
    """What a row says: one that a filter on `updatedAt` would hold back, or one that a filter on `createdAt` would."""
    if record.created_at is None:
        return None
    updated_inside = record.updated_at is not None and _inside(request, record.updated_at)
    if not _inside(request, record.created_at):
        return FilteredDate.UPDATED if updated_inside else FilteredDate.NEITHER
    updated_later = (
        record.updated_at is not None and request.end is not None and record.updated_at > request.end + _SLACK
    )
    return FilteredDate.CREATED if updated_later else None


def _inside(request: PageRequest, moment: datetime) -> bool:
    return (request.start is None or moment >= request.start - _SLACK) and (
        request.end is None or moment <= request.end + _SLACK
    )


def _order_kept(known: bool | None, request: PageRequest, page: Page) -> bool | None:
    """A page out of order settles it; a page in order shows it where two of its dates differ."""
    if known is False or request.sort[:1] != _ASCENDING:
        return known
    dates = [record.created_at for record in page.records if record.created_at is not None]
    if any(later < earlier for earlier, later in pairwise(dates)):
        return False
    return True if dates and dates[0] != dates[-1] else known


def _limit_echoed(known: bool | None, page: Page) -> bool | None:
    if page.limit is None or not page.records or page.has_more is not True:
        return known
    return known is not False and len(page.records) >= page.limit


def _bounds(profile: Profile, request: PageRequest, page: Page) -> Profile:
    """A row at the very instant of a bound shows that it is included."""
    if profile.filtered_date in (FilteredDate.UPDATED, FilteredDate.NEITHER):
        return profile
    dates = {record.created_at for record in page.records if record.created_at is not None}
    return replace(
        profile,
        start_inclusive=True if request.start in dates else profile.start_inclusive,
        end_inclusive=True if request.end in dates else profile.end_inclusive,
    )
