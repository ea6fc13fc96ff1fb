"""Reads without dates: how many campaigns there are, and hints at those of any age that changed. They prove nothing.

The shell that asks what `hints` decides. A server that does not accept such a request fails no window: it has answered,
and that answer is kept in the profile.
"""

from __future__ import annotations

from etl.extract import hints, observe
from etl.extract.answers import NotAccepted
from etl.extract.listing import Listing, Spent
from etl.extract.reading import Reading
from etl.model import Census, Page, PageRequest, Reason, Scope, State, Sweep


class Undated:
    """One app's undated reads in one run; remembers what they counted."""

    def __init__(self, listing: Listing, *, page_size: int, max_rows: int) -> None:
        self._listing = listing
        self._page_size = page_size
        self._max_rows = max_rows
        self._totals: dict[Scope, int] = {}
        """How many rows there are, all dates and statuses together, where the server said so."""

    async def count(self, scope: Scope, spent: Spent) -> Page:
        """One row at most, and the total. Raises WindowFailed or AccountFailed."""
        page = await self._listing.page(PageRequest(scope.channel, limit=1), scope, spent)
        if page.total is not None:
            self._totals[scope] = page.total
        return page

    async def census(self, reading: Reading) -> Census:
        """Raises WindowFailed or AccountFailed."""
        total = None
        try:
            page = await self.count(reading.window.scope, reading.spent)
            total, reading.profile = page.total, observe.learn_census(reading.profile, page)
        except NotAccepted:  # an answer too: no total, and the profile says why there is none
            self._learn_refusal(reading)
        return Census(total, reading.server_now(), reading.spent.cost, reading.learned())

    async def hear(self, reading: Reading) -> Sweep:
        """A hint, and why it was not read to its end. Raises WindowFailed or AccountFailed."""
        course = hints.course(reading.window, page_size=self._page_size, max_rows=self._max_rows)
        why: str | None
        try:
            request = next(course)
            while True:  # a course ends by itself: it bounds its rows
                request = course.send(await reading.page(request))
        except StopIteration as stop:
            why = stop.value
        except NotAccepted as error:
            why = str(error)
            if not reading.pages:
                self._learn_refusal(reading)
        self._learn(reading)
        records = hints.told(reading.window, reading.rows.records)
        return reading.swept(records, state=State.OPEN, total=reading.total, why=why)

    def _learn_refusal(self, reading: Reading) -> None:
        """Only where the account answers at all: a wrong path refuses everything, and says nothing of undated reads."""
        if self._listing.answered:
            reading.profile = observe.learn_refusal(reading.profile, reading.window.reason)

    def _learn(self, reading: Reading) -> None:
        scope = reading.window.scope
        if reading.window.reason is Reason.UNFINISHED:
            reading.profile = observe.learn_status_filter(
                reading.profile, reading.rows.records, reading.total, self._totals.get(scope)
            )
        elif reading.total is not None:
            self._totals[scope] = reading.total
