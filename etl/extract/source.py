"""How a window is read: the shell that asks what `proof` decides and splits what is too large."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import aiohttp

from etl.errors import AccountFailed, SourceError, WindowFailed
from etl.extract import observe, windows
from etl.extract.auth import TokenMint
from etl.extract.listing import Api, Listing, Spent
from etl.extract.pace import Pace
from etl.extract.proof import Accepted, Ask, Refused, choose, machine
from etl.extract.retry import RetryPolicy
from etl.extract.sweep import Rows
from etl.model import (
    Emit,
    FailedRead,
    FilteredDate,
    Page,
    PageRead,
    PageRequest,
    Profile,
    Proof,
    Record,
    Scope,
    Split,
    State,
    Sweep,
    Window,
)

__all__ = ["AccountSource", "Api"]

TRIES = 2
"""How often each proof is tried before a window counts as unproven."""

WORTH_HALVING = timedelta(hours=1)
"""A window that no proof accepted is halved down to this; shorter ones are stored unproven."""


@dataclass
class _Reading:
    """A window while it is read."""

    window: Window
    profile: Profile
    started_at: datetime
    clock_known: bool
    closed: bool = False
    looked: bool = False
    """Whether the first answer was looked at: the window's size, and the server's clock."""
    tried: Counter[Proof] = field(default_factory=Counter)
    rows: Rows = field(default_factory=Rows)
    spent: Spent = field(default_factory=Spent)

    def learn(self, request: PageRequest, page: Page) -> None:
        self.profile = observe.learn(self.profile, request, page)


class AccountSource:
    """One app's listing of one account; session, places in flight and pace are shared with others.

    `decode` turns a record's bytes into a Campaign or a Rejected and never raises. Raises ConfigError where `api`
    makes no address.
    """

    def __init__(
        self,
        *,
        api: Api,
        mint: TokenMint,
        pace: Pace,
        retry: RetryPolicy,
        session: aiohttp.ClientSession,
        in_flight: asyncio.Semaphore,
        decode: Callable[[bytes, Scope], Record],
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
        monotonic: Callable[[], float],
        emit: Emit,
    ) -> None:
        self._api = api
        self._clock = clock
        self._emit = emit
        self._listing = Listing(
            api=api,
            mint=mint,
            pace=pace,
            retry=retry,
            session=session,
            in_flight=in_flight,
            decode=decode,
            clock=clock,
            sleep=sleep,
            monotonic=monotonic,
        )

    async def census(self, scope: Scope) -> Page:
        """One undated request for one row: how many there are. Raises WindowFailed or AccountFailed."""
        return await self._listing.page(PageRequest(scope.channel, limit=1), scope, Spent())

    async def read(self, window: Window, profile: Profile) -> Sweep | Split | FailedRead:
        """Read a window and prove it, or say what to read in its place, or why it could not be read."""
        reading = _Reading(window, profile, self._clock(), clock_known=self._listing.clock_ahead is not None)
        try:
            return await self._read(reading)
        except (WindowFailed, AccountFailed) as error:
            return FailedRead(
                window, error, reading.spent.cost, reading.started_at, self._clock(), self._listing.answered
            )

    async def _read(self, reading: _Reading) -> Sweep | Split:
        closed_until = self._closed_until(reading.profile)
        if parts := windows.cut_at(reading.window, closed_until):
            return self._split(reading, parts)
        reading.closed = windows.is_closed(reading.window, closed_until)
        while (proof := _next_proof(reading)) is not None:
            reading.tried[proof] += 1
            end = await self._sweep(reading, proof)
            if end is None:
                return await self._read(reading)
            if isinstance(end, Split):
                return end
            if isinstance(end, Accepted):
                return self._done(reading, end.records, end.total, proof=end.proof, why=None)
            refused = end
        return self._unproven(reading, refused)

    def _closed_until(self, profile: Profile) -> datetime:
        """Up to where nothing new can appear, by the server's clock as far as it is known."""
        known = self._listing.clock_ahead
        ahead = (profile.clock_skew_seconds or 0.0) if known is None else observe.skew(known)
        return self._clock() + timedelta(seconds=ahead) - timedelta(minutes=self._api.settle_minutes)

    async def _sweep(self, reading: _Reading, proof: Proof) -> Accepted | Refused | Split | None:
        """One try at one proof; None where the first answer showed that the clocks differ: then judge anew."""
        reading.spent.sweeps += 1
        window = windows.request(
            reading.window, closed=reading.closed, page_size=self._api.page_size, profile=reading.profile
        )
        course = machine(proof, window, page_size=self._api.page_size, profile=reading.profile)
        while isinstance(step := course.step(), Ask):  # a course ends by itself: it bounds its pages
            pages = await self._ask(step, reading)
            for request, page in zip(step.requests, pages, strict=True):
                course.answer(request, page)
            if not reading.clock_known:
                reading.clock_known = True
                if self._judges_otherwise(reading):
                    return None
            if not reading.looked:
                reading.looked = True
                if split := await self._too_large(reading, window, pages[0]):
                    return split
            if proof is not Proof.L4 and not windows.trusts_dates(reading.profile):
                why = "the server does not filter by createdAt, so a count by dates proves nothing"
                return Refused(why, reading.rows.records, pages[-1].total, fault=False)
        return step

    def _judges_otherwise(self, reading: _Reading) -> bool:
        """Whether the server's clock, now known, makes the window another one than it was taken for."""
        closed_until = self._closed_until(reading.profile)
        cut = windows.cut_at(reading.window, closed_until)
        return bool(cut) or windows.is_closed(reading.window, closed_until) != reading.closed

    async def _ask(self, ask: Ask, reading: _Reading) -> tuple[Page, ...]:
        """All answers, in the order of the requests; when one fails the others are dropped."""
        failure: BaseException
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._page(request, reading)) for request in ask.requests]
            return tuple(task.result() for task in tasks)
        except BaseExceptionGroup as several:
            failure = _gravest(several.exceptions)
        raise failure

    async def _page(self, request: PageRequest, reading: _Reading) -> Page:
        page = await self._listing.page(request, reading.window.scope, reading.spent)
        self._emit(PageRead(reading.window.scope, len(page.records)))
        reading.rows.add(page)
        reading.learn(request, page)
        return page

    async def _too_large(self, reading: _Reading, window: PageRequest, head: Page) -> Split | None:
        """The parts to read instead where the window holds more than may be held at once.

        None also where the server evidently ignores dates: its parts would be as large as the whole. One more request,
        for the last part, makes sure of that; without it each part would read everything again.
        """
        total = head.total
        if total is None or total <= self._api.max_window_rows or reading.profile.filtered_date is FilteredDate.NEITHER:
            return None
        first = next((row.created_at for row in head.records if row.created_at is not None), None)
        parts = windows.by_total(reading.window, total, self._api.max_window_rows, first)
        if not parts:
            return None
        if first is not None and first < parts[-1].start:
            probe = await self._page(replace(window, limit=1, start=parts[-1].start), reading)
            if reading.profile.filtered_date is not FilteredDate.UPDATED and (probe.total or 0) >= total:
                reading.profile = replace(reading.profile, filtered_date=FilteredDate.NEITHER)
        return None if reading.profile.filtered_date is FilteredDate.NEITHER else self._split(reading, parts)

    def _unproven(self, reading: _Reading, refused: Refused) -> Sweep | Split:
        """Halves, where shorter sweeps can help; else what was read, unproven.

        They cannot where no total is told, where dates are ignored, or where two pages held it all. The rows that were
        read decide that, not the total: a server that counts wrongly must not have its history cut to the hour.
        """
        page = reading.profile.largest_page or self._api.page_size
        long_enough = reading.window.end - reading.window.start > WORTH_HALVING and len(reading.rows) > 2 * page
        can_help = refused.total is not None and reading.profile.filtered_date is not FilteredDate.NEITHER
        if reading.closed and long_enough and can_help:
            return self._split(reading, windows.halves(reading.window))
        return self._done(reading, reading.rows.records, refused.total, proof=None, why=refused.why)

    def _split(self, reading: _Reading, parts: tuple[Window, ...]) -> Split:
        return Split(reading.window, parts, reading.spent.cost, self._with_skew(reading.profile))

    def _done(
        self, reading: _Reading, records: tuple[Record, ...], total: int | None, *, proof: Proof | None, why: str | None
    ) -> Sweep:
        kept, beyond = windows.own(records, reading.window, closed=reading.closed, profile=reading.profile)
        read_state = State.UNPROVEN if proof is None else State.PROVEN
        return Sweep(
            window=reading.window,
            state=read_state if reading.closed else State.OPEN,
            proof=proof,
            why=why,
            records=kept,
            seen=len(records),
            beyond=beyond,
            source_total=total,
            cost=reading.spent.cost,
            started_at=reading.started_at,
            finished_at=self._clock(),
            profile=self._with_skew(reading.profile),
        )

    def _with_skew(self, profile: Profile) -> Profile:
        ahead = self._listing.clock_ahead
        return profile if ahead is None else replace(profile, clock_skew_seconds=observe.skew(ahead))


def _next_proof(reading: _Reading) -> Proof | None:
    """The proof to try now, by what is known of the server by now: each once in order, then each once more."""
    proofs = choose(closed=reading.closed, profile=reading.profile)
    rounds = ((turn, proof) for turn in range(TRIES) for proof in proofs)
    return next((proof for turn, proof in rounds if reading.tried[proof] <= turn), None)


def _gravest(errors: tuple[BaseException, ...]) -> BaseException:
    """Of errors that came together: a bug before an account's end before a window's."""
    return min(errors, key=lambda error: (isinstance(error, SourceError), not isinstance(error, AccountFailed)))
