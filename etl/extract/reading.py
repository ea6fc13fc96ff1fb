"""One read while it runs: its pages are asked, counted, kept and learned from, and it is told what became of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

from msgspec import Struct, field
from msgspec.structs import replace

from etl.errors import AccountFailed, SourceError, WindowFailed
from etl.extract import observe
from etl.extract.listing import Listing, Spent
from etl.extract.sweep import Rows
from etl.model import (
    Emit,
    FailedRead,
    Page,
    PageRead,
    PageRequest,
    Profile,
    Proof,
    Record,
    State,
    Sweep,
    Window,
)


class Reading(Struct):
    """A window while it is read."""

    window: Window
    profile: Profile
    listing: Listing
    emit: Emit
    clock: Callable[[], datetime]
    started_at: datetime
    rank: int
    """Which of the windows under way it is, in the order in which they began."""
    clock_known: bool
    """Whether the server's clock was known when the window was taken for closed or open."""
    closed: bool = False
    looked: bool = False
    """Whether the first answer was looked at: the window's size, and the server's clock."""
    pages: int = 0
    total: int | None = None
    """The last total that any page gave."""
    overrun: bool = False
    """Whether the server ever said that rows follow the last one of its own total."""
    tried: Counter[Proof] = field(default_factory=Counter)
    rows: Rows = field(default_factory=Rows)
    spent: Spent = field(default_factory=Spent)

    async def page(self, request: PageRequest) -> Page:
        """One page. Raises WindowFailed or AccountFailed."""
        page = await self.listing.page(request, self.window.scope, self.spent, self.rank)
        self.emit(PageRead(self.window.scope, len(page.records), page.total))
        self.pages += 1
        self.total = self.total if page.total is None else page.total
        self.overrun |= bool(page.has_more and page.total and request.skip + len(page.records) >= page.total)
        self.rows.add(page)
        self.profile = observe.learn(self.profile, request, page)
        return page

    async def together(self, requests: tuple[PageRequest, ...]) -> tuple[Page, ...]:
        """All answers, in the order of the requests; when one fails the others are dropped. Raises as `page`."""
        failure: BaseException
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self.page(request)) for request in requests]
            return tuple(task.result() for task in tasks)
        except BaseExceptionGroup as several:
            failure = _gravest(several.exceptions)
        raise failure

    def server_now(self) -> datetime:
        """By the server's clock, as far as it is known."""
        known = self.listing.clock_ahead
        ahead = (self.profile.clock_skew_seconds or 0.0) if known is None else observe.skew(known)
        return self.clock() + timedelta(seconds=ahead)

    def learned(self) -> Profile:
        """What is known of the server by now, its clock included."""
        ahead = self.listing.clock_ahead
        return self.profile if ahead is None else replace(self.profile, clock_skew_seconds=observe.skew(ahead))

    def swept(
        self,
        records: tuple[Record, ...],
        *,
        state: State,
        total: int | None,
        beyond: int = 0,
        proof: Proof | None = None,
        why: str | None = None,
    ) -> Sweep:
        """The window was read: `records` are its own rows, `beyond` counts its neighbours' that came along."""
        return Sweep(
            window=self.window,
            state=state,
            proof=proof,
            why=why,
            records=records,
            seen=len(records) + beyond,
            beyond=beyond,
            source_total=total,
            cost=self.spent.cost,
            started_at=self.started_at,
            finished_at=self.clock(),
            profile=self.learned(),
        )

    def failed(self, error: WindowFailed | AccountFailed) -> FailedRead:
        return FailedRead(self.window, error, self.spent.cost, self.started_at, self.clock(), self.listing.answered)


def _gravest(errors: tuple[BaseException, ...]) -> BaseException:
    """Of errors that came together: a bug before an account's end before a window's."""
    return min(errors, key=lambda error: (isinstance(error, SourceError), not isinstance(error, AccountFailed)))
