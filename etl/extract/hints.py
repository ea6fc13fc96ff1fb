"""Which undated reads tell of changes to campaigns of any age, and when such a hint was not read to its end. Pure.

A hint proves nothing: the list is read by offset while it moves. Sort and filter as documented (API page, `sortBy` and
`filters.status`); that a server keeps to them is watched, not believed.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from datetime import datetime
from itertools import pairwise

from msgspec.structs import replace

from etl.extract import observe, sweep
from etl.model import UNFINISHED_STATUSES, Filters, Page, PageRequest, Reason, Record, Window

REASONS = (Reason.FEED, Reason.UNFINISHED)
"""Windows that are read here rather than proven."""

Course = Generator[PageRequest, Page, str | None]
"""Yields what to ask, is sent the answer, returns why it ended early; None where it was read to its end."""


def course(window: Window, *, page_size: int, max_rows: int) -> Course:
    """One hint, page after page by the rows received; it stops once `max_rows` were read.

    From page 2 on the limit is what page 1 held, so that `page` fits `skip`.
    """
    first = request = _first(window, page_size)
    judge = _Feed(window.start) if window.reason is Reason.FEED else _Unfinished()
    rows = sweep.Rows()
    while len(rows) < max_rows:  # and every turn brings a row, or is the last
        page = yield request
        if why := sweep.run_away(request, page, news=rows.add(page)) or judge.wrong(page):
            return why
        if judge.enough(page) or not sweep.says_more(request, page):
            return None
        if not page.records:
            return sweep.empty(page)[0]
        limit = len(page.records) if request is first else request.limit
        request = replace(request, limit=limit, skip=request.skip + len(page.records))
    return f"there are more than the {max_rows} rows that may be held at once (max_window_rows)"


def _first(window: Window, page_size: int) -> PageRequest:
    if window.reason is Reason.FEED:
        return PageRequest(window.scope.channel, page_size, sort=(("updatedAt", "desc"),))
    return PageRequest(window.scope.channel, page_size, filters=Filters(status=UNFINISHED_STATUSES))


def told(window: Window, records: Iterable[Record]) -> tuple[Record, ...]:
    """The rows that the hint is about. A feed's page reaches back beyond `window.start`; an undated row is kept."""
    if window.reason is not Reason.FEED:
        return tuple(records)
    return tuple(row for row in records if row.updated_at is None or row.updated_at >= window.start)


class _Feed:
    """Whatever was updated since `start`, the latest first: a page that holds an older row is the last one needed."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._seen: set[str] = set()
        self._last: datetime | None = None
        self._total: int | None = None

    def wrong(self, page: Page) -> str | None:
        why = self._disorder(page) or self._gap(page)
        self._seen |= {row.key for row in page.records}
        return why

    def enough(self, page: Page) -> bool:
        return any(row.updated_at is not None and row.updated_at < self._start for row in page.records)

    def _disorder(self, page: Page) -> str | None:
        """A row that was seen before is out of order by right: what is updated moves to the front and shifts it."""
        dates = [row.updated_at for row in page.records if row.updated_at is not None]
        news = [row.updated_at for row in page.records if row.updated_at is not None and row.key not in self._seen]
        begins_late = self._last is not None and bool(news) and news[0] > self._last
        if begins_late or any(one < other for one, other in pairwise(dates)):
            return "the server does not keep the order that was asked, updatedAt descending"
        self._last = dates[-1] if dates else self._last
        return None

    def _gap(self, page: Page) -> str | None:
        """What comes shifts rows back and they are met again; what leaves shifts them forward, past the next page."""
        before, self._total = self._total, page.total
        if before is not None and page.total is not None and page.total < before:
            return f"the total fell from {before} to {page.total} while the list was read, which may have hidden a row"
        return None


class _Unfinished:
    """Whatever has a status in which counters move or a run is ahead."""

    def wrong(self, page: Page) -> str | None:
        if any(observe.finished(row) for row in page.records):
            return "the server sent campaigns of a status that was not asked: it does not filter by status"
        return None

    def enough(self, page: Page) -> bool:
        return False
