"""What a server does where the docs are silent, asked outright: the few requests of `kore-etl check`. Nights ask none.

Each question is one small request whose answer can only mean one thing; where it could mean two, nothing is learned.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace

from etl.extract import observe
from etl.extract.listing import Listing, Spent
from etl.model import Cost, FilteredDate, Page, PageRequest, Profile, Record, Scope

_MILLISECOND = timedelta(milliseconds=1)
_FEW = 20


class Probe:
    """One scope's questions. At most 7 requests."""

    def __init__(self, listing: Listing, scope: Scope, profile: Profile, spent: Spent | None = None) -> None:
        self._listing = listing
        self._scope = scope
        self._spent = spent or Spent()
        self.profile = profile

    @property
    def cost(self) -> Cost:
        return self._spent.cost

    async def run(self) -> int | None:
        """Ask everything; `profile` then holds what is known. Returns the source's total, None where it tells none.

        Raises WindowFailed or AccountFailed.
        """
        first = await self.which_date()
        if len({record.key for record in first.records}) > 1:
            await self._offset(first)
        if observe.telling_dates(first.records) is not None and self.profile.filtered_date is FilteredDate.CREATED:
            await self._bounds(first)
        return first.total

    async def which_date(self) -> Page:
        """Ask only which date is filtered: a page without dates, and a window around a date of one of its rows, or two.

        Returns that page. Raises as `run`.
        """
        first = await self._ask(PageRequest(self._scope.channel, limit=_FEW))
        self.profile = observe.learn_census(self.profile, first)
        for instant in observe.telling_dates(first.records) or ():
            if self.profile.filtered_date is None:
                await self._ask(self._between(instant - _MILLISECOND, instant + _MILLISECOND))
        return first

    async def _ask(self, request: PageRequest) -> Page:
        page = await self._listing.page(request, self._scope, self._spent)
        self.profile = observe.learn(self.profile, request, page)
        return page

    async def _offset(self, first: Page) -> None:
        """One row, where `skip` says the second and `page` the first."""
        asked = PageRequest(self._scope.channel, limit=1, skip=1, page=1)
        page = await self._listing.page(asked, self._scope, self._spent)
        shown = [record.key for record in page.records]
        for winner, meant in (("skip", first.records[1].key), ("page", first.records[0].key)):
            if shown == [meant]:
                self.profile = replace(self.profile, offset_by=winner)

    async def _bounds(self, first: Page) -> None:
        """A window that begins, and one that ends, at the very instant of a row."""
        row = next((record for record in first.records if record.created_at is not None), None)
        if row is None or row.created_at is None:
            return
        starts = await self._ask(self._between(row.created_at, row.created_at + _MILLISECOND))
        ends = await self._ask(self._between(row.created_at - _MILLISECOND, row.created_at))
        self.profile = replace(self.profile, start_inclusive=_shows(starts, row), end_inclusive=_shows(ends, row))

    def _between(self, start: datetime, end: datetime) -> PageRequest:
        return PageRequest(self._scope.channel, limit=_FEW, start=start, end=end)


def _shows(page: Page, row: Record) -> bool:
    return row.key in {record.key for record in page.records}
