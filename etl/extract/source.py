"""How a window is read: the shell that asks what `proof` decides, and splits what is too large."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import aiohttp
from msgspec.structs import replace

from etl.errors import AccountFailed, WindowFailed
from etl.extract import hints, observe, windows
from etl.extract.answers import NotAccepted
from etl.extract.auth import TokenMint
from etl.extract.listing import Api, Listing
from etl.extract.pace import Pace
from etl.extract.places import Places
from etl.extract.probing import Probe
from etl.extract.proof import Accepted, Ask, Refused, choose, machine
from etl.extract.reading import Reading
from etl.extract.retry import Budget, RetryPolicy
from etl.extract.room import Room
from etl.extract.undated import Undated
from etl.model import (
    UNDATED_ROWS,
    Census,
    Emit,
    FailedRead,
    FilteredDate,
    Page,
    PageRequest,
    Profile,
    Proof,
    ReadPage,
    Reason,
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


class AccountSource:
    """One app's listing of one account; session, places in flight, pace, retry budget and room for rows are shared
    with others.

    `read` tells what a page's records say and never raises. One source serves one run: it remembers what is asked once
    per run. Raises ConfigError where `api` makes no address.
    """

    def __init__(
        self,
        *,
        api: Api,
        mint: TokenMint,
        pace: Pace,
        retry: RetryPolicy,
        budget: Budget,
        session: aiohttp.ClientSession,
        in_flight: Places,
        room: Room,
        read: ReadPage,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
        monotonic: Callable[[], float],
        emit: Emit,
    ) -> None:
        self._api = api
        self._clock = clock
        self._emit = emit
        self._room = room
        self._in_flight = in_flight
        self._asked_which_date: set[Scope] = set()
        self._listing = Listing(
            api=api,
            mint=mint,
            pace=pace,
            retry=retry,
            budget=budget,
            session=session,
            in_flight=in_flight,
            read=read,
            clock=clock,
            sleep=sleep,
            monotonic=monotonic,
        )
        self._undated = Undated(self._listing, page_size=api.page_size, max_rows=api.max_window_rows)

    async def observe(self, scope: Scope, profile: Profile) -> Census:
        """How many campaigns there are, and what the server does where the docs are silent: a few requests.

        Raises WindowFailed or AccountFailed.
        """
        probe = Probe(self._listing, scope, profile)
        total = await probe.run()
        skew = observe.skew(self._listing.clock_ahead or 0.0)
        known = replace(probe.profile, clock_skew_seconds=skew)
        return Census(total, self._clock() + timedelta(seconds=skew), probe.cost, known)

    async def read(self, window: Window, profile: Profile) -> Sweep | Split | Census | FailedRead:
        """Read a window and prove it, or say what to read in its place, or why it could not be read.

        Hints come back as open sweeps whose `why` says that they were not read to their end; a `Reason.CENSUS` as a
        Census.
        """
        reading = self._begin(window, profile)
        read = None
        try:
            read = await self._carried_out(reading)
        except (WindowFailed, AccountFailed) as error:
            return reading.failed(error)
        finally:
            if not isinstance(read, Sweep):
                self.done(reading.window)
        return read

    @property
    def is_full(self) -> bool:
        """Whether a window of any source waits for room: another one would only wait as well, with its first page."""
        return self._room.is_full

    def done(self, window: Window) -> None:
        """The rows of a window that was read are stored, or dropped: there is room for others."""
        self._room.leave(window)

    async def _carried_out(self, reading: Reading) -> Sweep | Split | Census:
        if reading.window.reason is Reason.CENSUS:
            return await self._undated.census(reading)
        if reading.window.reason in hints.REASONS:
            return await self._undated.hear(reading)
        if reading.window.reason is Reason.BACKFILL:
            await self._choose_dates(reading)
        return await self._read(reading)

    def _begin(self, window: Window, profile: Profile) -> Reading:
        clock_known = self._listing.clock_ahead is not None
        rank = self._in_flight.rank()
        return Reading(window, profile, self._listing, self._emit, self._clock, self._clock(), rank, clock_known)

    async def _choose_dates(self, reading: Reading) -> None:
        """A part of the history is read by creation only where that is the date that the server filters.

        Elsewhere a campaign created then and updated since is in no window of these dates: everything is read without
        dates, unless that is too much to hold. Then the part is read as well as can be, and is not proven.
        """
        scope = reading.window.scope
        try:
            if reading.profile.filtered_date is None and scope not in self._asked_which_date:
                self._asked_which_date.add(scope)
                probe = Probe(self._listing, scope, reading.profile, reading.spent)
                await probe.which_date()
                reading.profile = probe.profile
            if windows.trusts_dates(reading.profile):
                return
            total = (await self._undated.count(scope, reading.spent)).total
        except NotAccepted:
            return  # undated requests do not work: the window's own rows must tell
        if total is not None and total <= UNDATED_ROWS:
            reading.window = replace(reading.window, reason=Reason.UNDATED)

    async def _read(self, reading: Reading) -> Sweep | Split:
        if reading.window.reason is Reason.UNDATED:  # all there is, new rows too: neither closed nor to be cut
            reading.clock_known = reading.looked = True
        else:
            closed_until = self._closed_until(reading)
            if parts := windows.cut_at(reading.window, closed_until):
                return self._split(reading, parts)
            reading.closed = windows.is_closed(reading.window, closed_until)
        while (proof := _next_proof(reading)) is not None:
            reading.tried[proof] += 1
            end = await self._sweep(reading, proof)
            if isinstance(end, Accepted):
                end = await self._upheld(reading, end)
            if end is None:
                return await self._read(reading)
            if isinstance(end, Split):
                return end
            if isinstance(end, Accepted):
                return self._done(reading, end.records, end.total, proof=end.proof, why=None)
            refused = end
            if proof is Proof.L4 and reading.total is None and not end.fault:
                break  # no proof goes without a total, so another try would only cost
        return self._unproven(reading, refused)

    def _closed_until(self, reading: Reading) -> datetime:
        """Up to where nothing new can appear."""
        return reading.server_now() - timedelta(minutes=self._api.settle_minutes)

    async def _sweep(self, reading: Reading, proof: Proof) -> Accepted | Refused | Split | None:
        """One try at one proof; None where the first answer showed that the clocks differ: then judge anew."""
        reading.spent.sweeps += 1
        relied_on = reading.profile
        window = windows.request(reading.window, page_size=self._api.page_size, profile=reading.profile)
        course = machine(proof, window, page_size=self._api.page_size, profile=reading.profile)
        while isinstance(step := course.step(), Ask):  # a course ends by itself: it bounds its pages
            pages = await reading.together(step.requests)
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
            await self._room.take(reading.window, self._rows_ahead(pages[0]))
            if why := observe.withdrawn(proof, relied_on, reading.profile):
                return Refused(why, reading.rows.records, pages[-1].total, fault=False)
        return step

    def _rows_ahead(self, head: Page) -> int:
        """How many rows the window will hold, as far as its first answer tells."""
        return self._api.max_window_rows if head.total is None else max(head.total, len(head.records))

    async def _upheld(self, reading: Reading, end: Accepted) -> Accepted | Refused:
        """The proof, unless the server turns out to filter another date than it relied on."""
        if reading.closed:
            await self._ask_which_date(reading, end.records)
        why = observe.withdrawn(end.proof, reading.profile, reading.profile)
        return end if why is None else Refused(why, reading.rows.records, end.total, fault=False)

    async def _ask_which_date(self, reading: Reading, records: tuple[Record, ...]) -> None:
        """Where reads do not tell which date is filtered, a window around one date of one row does; once per run.

        A second request, around its other date, only where the first was answered without that row.
        """
        scope = reading.window.scope
        if reading.profile.filtered_date is not None or scope in self._asked_which_date:
            return
        if (dates := observe.telling_dates(records)) is None:
            return
        self._asked_which_date.add(scope)
        try:
            for instant in dates:
                await reading.page(windows.around(reading.window, instant))
                if reading.profile.filtered_date is not None:
                    return
        except (WindowFailed, AccountFailed):
            return  # the window itself was read and proven; what keeps failing will say so at the next one

    def _judges_otherwise(self, reading: Reading) -> bool:
        """Whether the server's clock, now known, makes the window another one than it was taken for."""
        closed_until = self._closed_until(reading)
        cut = windows.cut_at(reading.window, closed_until)
        return bool(cut) or windows.is_closed(reading.window, closed_until) != reading.closed

    async def _too_large(self, reading: Reading, window: PageRequest, head: Page) -> Split | None:
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
            probe = await reading.page(replace(window, limit=1, start=parts[-1].start))
            if reading.profile.filtered_date is not FilteredDate.UPDATED and (probe.total or 0) >= total:
                reading.profile = replace(reading.profile, filtered_date=FilteredDate.NEITHER)
        return None if reading.profile.filtered_date is FilteredDate.NEITHER else self._split(reading, parts)

    def _unproven(self, reading: Reading, refused: Refused) -> Sweep | Split:
        """Halves, where shorter sweeps can help; else what was read, unproven.

        They cannot where no total is told, where dates are ignored, where one page held it all, which nothing that
        moves can spoil, or where the server has no end to its list though every row was read. The rows that were read
        decide that, not the total: a server that counts wrongly must not have its history cut to the hour.
        """
        page, total = reading.profile.largest_page or self._api.page_size, refused.total
        long_enough = reading.window.end - reading.window.start > WORTH_HALVING and len(reading.rows) > page
        ends = total is not None and not (reading.overrun and len(reading.rows) >= total)
        can_help = ends and reading.profile.filtered_date is not FilteredDate.NEITHER
        if reading.closed and long_enough and can_help:
            return self._split(reading, windows.halves(reading.window))
        return self._done(reading, reading.rows.records, total, proof=None, why=refused.why)

    def _split(self, reading: Reading, parts: tuple[Window, ...]) -> Split:
        return Split(reading.window, parts, reading.spent.cost, reading.learned())

    def _done(
        self, reading: Reading, records: tuple[Record, ...], total: int | None, *, proof: Proof | None, why: str | None
    ) -> Sweep:
        if reading.window.reason is Reason.BACKFILL and not windows.trusts_dates(reading.profile):
            proof, why = None, "the server filters by another date, so rows created then may be in other windows"
        kept, beyond = windows.own(records, reading.window, reading.profile)
        judged = State.UNPROVEN if proof is None else State.PROVEN
        state = judged if reading.closed or reading.window.reason is Reason.UNDATED else State.OPEN
        return reading.swept(kept, state=state, total=total, beyond=beyond, proof=proof, why=why)


def _next_proof(reading: Reading) -> Proof | None:
    """The proof to try now, by what is known of the server by now: each once in order, then each once more."""
    proofs = choose(closed=reading.closed, profile=reading.profile)
    rounds = ((turn, proof) for turn in range(TRIES) for proof in proofs)
    return next((proof for turn, proof in rounds if reading.tried[proof] <= turn), None)
