"""What one answer shows by itself, and what a sweep has gathered so far; nobody else judges a page. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise, takewhile

from etl.model import Page, PageRequest, Profile, Record


class Rows:
    """Everything a sweep has read, each row once: of two readings the one updated later, else the later answer."""

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}
        self.largest = 0
        """The most rows that one answer held."""

    def add(self, page: Page) -> bool:
        """Take a page in; whether it brought a row not seen before."""
        self.largest = max(self.largest, len(page.records))
        before = len(self._records)
        if len(page.by_key) == len(page.records) and self._records.keys().isdisjoint(page.by_key):
            self._records.update(page.by_key)
            return bool(page.by_key)
        for record in page.records:
            known = self._records.get(record.key)
            if known is None or not _updated_later(known, record):
                self._records[record.key] = record
        return len(self._records) > before

    @property
    def records(self) -> tuple[Record, ...]:
        return tuple(self._records.values())

    def __len__(self) -> int:
        return len(self._records)


def _updated_later(one: Record, other: Record) -> bool:
    return one.updated_at is not None and other.updated_at is not None and one.updated_at > other.updated_at


def says_more(request: PageRequest, page: Page) -> bool:
    """Whether the server says that rows follow: its `hasMore`, else its total; with neither, a row may be followed."""
    if page.has_more is not None:
        return page.has_more
    if page.total is not None:
        return request.skip + len(page.records) < page.total
    return bool(page.records)


def whole(request: PageRequest, page: Page, *, largest: int, profile: Profile) -> bool:
    """Whether the page evidently runs to the end of the list: it is shorter than a limit shown to be in force.

    Its own total cannot show that: a server that finds first and counts later says 2 of 2 when it cut a list of 3 at
    2 and one of them was then deleted. `largest` is the most rows that one page held in this sweep: no limit is
    smaller, except the one just asked. An echo that repeats what was asked shows nothing, one that differs is the
    server's own. Assumes that a server does not lower its limit, nor keep two at a time. A total of 0 needs no limit:
    at that instant there was no row, so none is stable.
    """
    rows = len(page.records)
    if page.total == 0 == rows:
        return True
    if (
        page.limit is not None
        and page.limit < request.limit
        and profile.limit_echoed is not False
        and rows < page.limit
    ):
        return True
    return rows < min(request.limit, max(largest, profile.largest_page or 0))


def elements(pages: Iterable[Page]) -> int:
    """How many different rows these answers show at least.

    A record without an id is known by its text, which an update changes: on two pages it may be one row, on one page
    it is not. So those are counted on the page that holds most of them.
    """
    ids: set[str] = set()
    nameless = 0
    for page in pages:
        ids.update(record.campaign_id for record in page.records if record.campaign_id)
        nameless = max(nameless, len({record.key for record in page.records if not record.campaign_id}))
    return len(ids) + nameless


def keys(pages: Iterable[Page]) -> frozenset[str]:
    return frozenset().union(*(page.by_key for page in pages))


def outside(window: PageRequest, page: Page) -> bool:
    """Whether a row was created outside the window, which a server that filters by `createdAt` would not send.

    The window's own bounds are both allowed: Kore.ai documents neither as exclusive.
    """
    if not page.created:
        return False
    early = window.start is not None and min(page.created) < window.start
    return early or (window.end is not None and max(page.created) > window.end)


def ties_at_end(records: Sequence[Record]) -> int:
    """How many of the last rows share the last date."""
    return sum(1 for _ in takewhile(lambda record: record.created_at == records[-1].created_at, reversed(records)))


def begins_before(page: Page, last: datetime | None) -> bool:
    first = page.records[0].created_at if page.records else None
    return first is not None and last is not None and first < last


# -- why a sweep is refused -------------------------------------------------------------------------------------------

Finding = tuple[str, bool]
"""What is wrong, for a person, and whether the answers contradict themselves (rather than that the list changed)."""


def empty(page: Page) -> Finding:
    """An empty page that is not the end."""
    if page.has_more:
        return "an empty page says that more rows follow", True
    return (
        "an empty page came without a total" if page.total is None else f"an empty page has a total of {page.total}"
    ), False


def disorder(page: Page) -> Finding | None:
    """What keeps a page from being read in order of `createdAt`."""
    if len(page.created) < len(page.records):
        return "a row without createdAt cannot be put in order", False
    if page.created != sorted(page.created):
        return "the server does not keep the order that was asked, createdAt ascending", False
    return None


def no_anchor(page: Page) -> Finding:
    """The page does not begin where it meets what was read before."""
    if not page.records and page.has_more:
        return empty(page)
    return "a page does not begin at rows that were read before: they left, or the server starts elsewhere", False


def stalled(page: Page, *, tied: bool) -> Finding:
    """No next page would get further. `tied`: because rows of one instant fill the page."""
    if page.has_more and (not tied or (page.total is not None and page.total <= len(page.records))):
        return "a page brought nothing new and says that more rows follow", True
    if page.has_more:
        return "rows created at one instant fill a whole page", False
    if page.total is None:
        return "the server gave no total", False
    return "the last page could not be shown to hold the end of the list", False


def run_away(request: PageRequest, page: Page, *, news: bool) -> str | None:
    """What shows that a list read by offset would never end, or begins again."""
    if page.has_more and not page.records:
        return empty(page)[0]
    if page.records and not news:
        return "a page repeats rows that were read before and brings nothing new"
    if page.has_more and page.total is not None and request.skip >= page.total:
        return f"there are more pages than the total of {page.total} allows"
    return None


def moved(totals: Sequence[int | None], rows: int) -> str | None:
    """Why these totals do not all say that the list holds just so many rows."""
    if None in totals:
        return "the server gave no total"
    for one, other in pairwise(totals):
        if one != other:
            return f"the total moved from {one} to {other} while the list was read"
    return None if totals[0] == rows else f"{rows} different rows were read where the total is {totals[0]}"


def not_strict(window: PageRequest, total: int, asked: Sequence[PageRequest], pages: Sequence[Page]) -> Finding | None:
    """Why pages asked all at once are not a list of exactly `total` rows."""
    if any(outside(window, page) for page in pages):
        return "the server sent rows that were created outside the window", False
    if any(page.has_more and not page.records for page in pages):
        return "an empty page says that more rows follow", True
    texts = [frozenset(page.by_key) for page in pages if page.records]
    if len(set(texts)) < len(texts):
        return "the server sent the same page twice", True
    why = moved([total, *(page.total for page in pages)], elements(pages))
    if why is not None:
        return why, False
    short = next((n for n, page in enumerate(pages[:-1], 1) if len(page.records) != asked[0].limit), None)
    if short is not None:
        return f"page {short} held {len(pages[short - 1].records)} rows where the first held {asked[0].limit}", False
    if any(page.has_more is False for page in pages[:-1]):
        return "a page said that it was the last one, and more followed", True
    return None
