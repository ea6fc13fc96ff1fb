"""What one answer tells about the server: the profile is learned from normal reads, page by page. Pure.

Only evidence that tells two behaviours apart counts; whatever contradicts an observation withdraws it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from msgspec.structs import replace

from etl.extract import windows
from etl.model import (
    UNFINISHED_STATUSES,
    FilteredDate,
    Page,
    PageRequest,
    Profile,
    Proof,
    Reason,
    Record,
    Rejected,
)

_SLACK = timedelta(seconds=1)
"""A bound may be rounded to a second, and Kore's `updatedAt` can be 0.4 s before `createdAt` (facts, 5.2)."""

_SAME_CLOCK_SECONDS = 2.0
"""The `Date` header knows whole seconds, and an answer travels."""

_TELLING_GAP = timedelta(seconds=2)
"""How far apart a row's dates must be for one narrow window to hold one of them only: twice the slack."""

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
    if request.start is None and request.end is None:
        profile = learn_census(profile, page)
    return _bounds(profile, request, page)


def learn_census(profile: Profile, page: Page) -> Profile:
    """The profile after an undated request: those work where one is answered with a total."""
    return profile if page.total is None else replace(profile, undated_works=True)


def learn_refusal(profile: Profile, reason: Reason) -> Profile:
    """The profile after a server that accepts dated requests did not accept the one of a census or a hint.

    Where undated requests are known to work it was the order or the filter that was not accepted.
    """
    if reason is Reason.UNFINISHED:
        return replace(profile, status_filter_works=False)
    return profile if profile.undated_works else replace(profile, undated_works=False)


def learn_status_filter(
    profile: Profile, records: Iterable[Record], total: int | None, undated_total: int | None
) -> Profile:
    """The profile after a read filtered by `UNFINISHED_STATUSES`; totals of that read, and of one without filter.

    A row of another status shows that the filter is ignored. Rows that all fit show that it works only where it counts
    fewer than there are.
    """
    rows = tuple(records)
    if any(finished(row) for row in rows):
        return replace(profile, status_filter_works=False)
    told_apart = total is not None and undated_total is not None and total < undated_total
    return replace(profile, status_filter_works=True) if rows and told_apart else profile


def finished(record: Record) -> bool:
    """Whether a filter on `UNFINISHED_STATUSES` would have held this row back; False where it says no status."""
    status = None if isinstance(record, Rejected) else record.status
    return status is not None and status not in UNFINISHED_STATUSES


def telling_dates(records: Iterable[Record]) -> tuple[datetime, datetime] | None:
    """`createdAt` and `updatedAt` of the row in which they are farthest apart; None where none shows a difference."""
    dates = [
        (row.created_at, row.updated_at) for row in records if row.created_at is not None and row.updated_at is not None
    ]
    widest = max(dates, key=_gap, default=None)
    return widest if widest is not None and _gap(widest) > _TELLING_GAP else None


def _gap(dates: tuple[datetime, datetime]) -> timedelta:
    return abs(dates[1] - dates[0])


def withdrawn(proof: Proof, relied_on: Profile, now: Profile) -> str | None:
    """Why this proof no longer holds by what is known now; None where nothing that it relied on was contradicted.

    `relied_on` is what was known when the sweep began. L4 relies on nothing; the order is watched by the proofs
    themselves, page by page.
    """
    if proof is Proof.L4:
        return None
    if not windows.trusts_dates(now):
        return "the server does not filter by createdAt, so a count by dates proves nothing"
    ended_by_echo = proof in (Proof.L2, Proof.L3) and relied_on.limit_echoed is not False
    if ended_by_echo and now.limit_echoed is False:
        return "the server's pages are shorter than the limit that it names, so its last page may have been cut"
    return None


def skew(seconds: float) -> float:
    """Server clock minus ours, 0 where the difference says nothing."""
    return seconds if abs(seconds) > _SAME_CLOCK_SECONDS else 0.0


def _filtered_date(known: FilteredDate | None, request: PageRequest, page: Page) -> FilteredDate | None:
    """Evidence of one date contradicts a filter on the other: both together mean that neither is filtered."""
    if _all_inside(request, page):
        return known
    seen = {found for record in page.records if (found := _evidence(request, record)) is not None}
    if known is not None:
        seen.add(known)
    if not seen:
        return None
    return seen.pop() if len(seen) == 1 else FilteredDate.NEITHER


def _all_inside(request: PageRequest, page: Page) -> bool:
    """Whether every date of every row is inside, so that no row says anything."""
    dates = page.created + [at for row in page.records if (at := row.updated_at) is not None]
    return not dates or (_inside(request, min(dates)) and _inside(request, max(dates)))


def _evidence(request: PageRequest, record: Record) -> FilteredDate | None:
    """What a row says: one that a filter on `updatedAt` would hold back, or one that a filter on `createdAt` would."""
    if record.created_at is None:
        return None
    updated_inside = record.updated_at is not None and _inside(request, record.updated_at)
    if not _inside(request, record.created_at):
        return FilteredDate.UPDATED if updated_inside else FilteredDate.NEITHER
    return FilteredDate.CREATED if record.updated_at is not None and not updated_inside else None


def _inside(request: PageRequest, moment: datetime) -> bool:
    return (request.start is None or moment >= request.start - _SLACK) and (
        request.end is None or moment <= request.end + _SLACK
    )


def _order_kept(known: bool | None, request: PageRequest, page: Page) -> bool | None:
    """A page out of order settles it; a page in order shows it where two of its dates differ."""
    if known is False or request.sort[:1] != _ASCENDING:
        return known
    if page.created != sorted(page.created):
        return False
    return True if page.created and page.created[0] != page.created[-1] else known


def _limit_echoed(known: bool | None, page: Page) -> bool | None:
    if page.limit is None or not page.records or page.has_more is not True:
        return known
    return known is not False and len(page.records) >= page.limit


def _bounds(profile: Profile, request: PageRequest, page: Page) -> Profile:
    """A row at the very instant of a bound shows that it is included, once it is known which instant is compared."""
    if profile.filtered_date is not FilteredDate.CREATED:
        return profile
    return replace(
        profile,
        start_inclusive=True if request.start in page.created else profile.start_inclusive,
        end_inclusive=True if request.end in page.created else profile.end_inclusive,
    )
