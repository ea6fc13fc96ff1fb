"""When a read of a paged list that changes meanwhile is complete, and by which argument; nobody else decides that.

Pure: no I/O, no clock. A machine says what to ask (`step`), is told the answers (`answer`), and ends accepted or
refused. The promise: **an accepted sweep contains every stable row**, a row that the listing holds during the whole
sweep; one that came or went meanwhile may be in it or not.

In the arguments below S(t) is what the listing holds at the instant t. One answer shows its rows as of one instant (the
find) and its total as of another (the count), in either order, both between asking and answering. Where a page itself
ends the list is judged in `etl.extract.sweep`. `tests/extract/test_proof_model.py` tries every short history against
each proof.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Sequence
from typing import ClassVar, Protocol

from msgspec import Struct
from msgspec.structs import replace

from etl.extract import sweep
from etl.model import FilteredDate, Filters, Page, PageRequest, Profile, Proof, Record

MAX_PAGES = 10_000
"""The most requests of one sweep, whatever the server says; at 50 a minute that is 3 hours."""

SLACK = 20
"""An anchored page starts one row in so many further back than it must: as many may vanish between two pages."""

ASCENDING = ("createdAt", "asc")


class Ask(Struct, frozen=True):
    """To be asked now, all at once if wished; `step` again when all are answered."""

    requests: tuple[PageRequest, ...]


class Accepted(Struct, frozen=True):
    """Proven: `records` holds every stable row, each once. `total` is the one that the proof established."""

    proof: Proof
    records: tuple[Record, ...]
    total: int | None


class Refused(Struct, frozen=True):
    """Not proven: `why` for a person, `records` all that was read, each once, `total` the last one given."""

    why: str
    records: tuple[Record, ...]
    total: int | None
    fault: bool
    """The answers contradict themselves, rather than that the list merely changed."""


class Machine(Protocol):
    """One try at one proof of one window."""

    def step(self) -> Ask | Accepted | Refused:
        """What to ask next, once all that was asked before is answered; or the end, which stays the end."""

    def answer(self, request: PageRequest, page: Page) -> None:
        """Take in the answer to one request of the last `Ask`, in the order in which they came."""


Course = Generator[tuple[PageRequest, ...], tuple[Page, ...], Accepted | Refused]


class _Sweep(ABC):
    """Drives a course: a generator that yields what to ask, is sent the answers in the same order, returns the end."""

    proof: ClassVar[Proof]

    def __init__(self, window: PageRequest, *, page_size: int, profile: Profile) -> None:
        self._window = window
        self._page_size = page_size
        self._profile = profile
        self._rows = sweep.Rows()
        self._total: int | None = None
        self._course = self._prove()
        self._asked: tuple[PageRequest, ...] = ()
        self._pages: dict[PageRequest, Page] = {}
        self._end: Accepted | Refused | None = None

    @abstractmethod
    def _prove(self) -> Course: ...

    def step(self) -> Ask | Accepted | Refused:
        if self._end is not None:
            return self._end
        if len(self._pages) < len(self._asked):
            raise ValueError(
                "The next step of a sweep depends on answers that have not come: answer every request first."
            )
        pages = tuple(self._pages[request] for request in self._asked)
        self._pages = {}
        try:
            self._asked = self._course.send(pages) if self._asked else next(self._course)
        except StopIteration as stop:
            end: Accepted | Refused = stop.value
            self._end = end
            return end
        return Ask(self._asked)

    def answer(self, request: PageRequest, page: Page) -> None:
        if request not in self._asked:
            raise ValueError(
                "This page answers a request that the sweep has not asked: hand back the request as it was."
            )
        self._pages[request] = page
        self._rows.add(page)
        self._total = self._total if page.total is None else page.total

    def _page(self, limit: int, skip: int) -> PageRequest:
        return replace(self._window, limit=limit, skip=skip)

    def _whole(self, request: PageRequest, page: Page) -> bool:
        """Whether nothing can follow this page: the server says so, and the page is evidently not cut."""
        return not sweep.says_more(request, page) and sweep.whole(
            request, page, largest=self._rows.largest, profile=self._profile
        )

    def _accepted(self, total: int, proven: Iterable[Page] | None = None) -> Accepted:
        """Accept the rows of the `proven` pages, None: all that was read."""
        records = self._rows.records
        if proven is not None:
            keys = sweep.keys(proven)
            records = tuple(record for record in records if record.key in keys)
        return Accepted(self.proof, records, total)

    def _refused(self, why: str, fault: bool = False) -> Refused:
        return Refused(why, self._rows.records, self._total, fault)


class StrictTotals(_Sweep):
    """L1. A closed window, and a total that was counted before any of the pages was found.

    Needs: nothing enters the window any more. So S only shrinks. The head's total T counts S(c), and every page was
    asked after the head was answered, so all that the pages show was in S(c): a set of T rows. If they show T
    different rows, that is S(c), and every stable row is among them. Neither order nor offsets are used, so the pages
    may be asked at once and in any order. Unmoving totals on every page are asked for besides.
    The first answer is the head. Where it runs to the end of the list by itself it shows all of S at one instant.
    Otherwise its rows do not count, as they may have been found before its total was counted; their number is the
    stride. Cost: ceil(rows / stride) + 1 requests, or 1; two round trips.
    """

    proof = Proof.L1

    def _prove(self) -> Course:
        if self._window.filters != Filters():
            return self._refused("a filtered list can gain rows even in a closed window")
        first = self._page(self._page_size, 0)
        (head,) = yield (first,)
        total, stride = head.total, len(head.records)
        if total is None:
            return self._refused("the server gave no total")
        if sweep.outside(self._window, head):
            return self._refused("the server sent rows that were created outside the window")
        if sweep.elements((head,)) == total and self._whole(first, head):
            return self._accepted(total)
        if not stride:
            return self._refused(*sweep.empty(head))
        if total > stride * MAX_PAGES:
            return self._refused(f"a total of {total} at {stride} rows a page needs more than {MAX_PAGES} pages")
        asked = tuple(self._page(stride, skip) for skip in range(0, max(total, 1), stride))
        pages = yield asked
        if found := sweep.not_strict(self._window, total, asked, pages):
            return self._refused(*found)
        if sweep.says_more(asked[-1], pages[-1]):
            beyond = self._page(stride, len(asked) * stride)
            (after,) = yield (beyond,)
            if after.records or after.total != total or sweep.says_more(beyond, after):
                return self._refused(f"the server says that rows follow when all {total} are read", fault=True)
        return self._accepted(total, pages)


class DateCursor(_Sweep):
    """L2. The next page starts at the last date seen, never at an offset.

    Needs: the server filters by `createdAt`, includes the start, sorts ascending; a row keeps its `createdAt`.
    Invariant: every stable row created before the cursor is collected. A page is a beginning of what S holds from the
    cursor on, in order, so it holds every stable row from the cursor to before its last date: that date is the next
    cursor. No offset is used, so whatever comes and goes shifts nothing. The last page must evidently run to the end
    of the list and its own total equal its rows.
    Watched on every page: no row before the cursor or beyond the end (the filter), dates ascending (the order), the
    row of the cursor present again (the start is included). Where one instant fills a page the cursor stalls: refused.
    """

    proof = Proof.L2

    def _prove(self) -> Course:
        if self._window.sort[:1] != (ASCENDING,):
            return self._refused("a date cursor needs the list sorted by createdAt, ascending")
        cursor, first = self._window.start, True
        for _ in range(MAX_PAGES):
            request = replace(self._page(self._page_size, 0), start=cursor)
            (page,) = yield (request,)
            if found := sweep.disorder(page):
                return self._refused(*found)
            if sweep.outside(request, page):
                return self._refused(
                    "the server does not filter by createdAt: it sent rows from outside the dates asked"
                )
            if not first and (not page.records or page.records[0].created_at != cursor):
                return self._refused(*sweep.no_anchor(page))
            if sweep.elements((page,)) == page.total and self._whole(request, page):
                return self._accepted(len(self._rows))
            if not page.records:
                return self._refused(*sweep.empty(page))
            if page.records[-1].created_at == cursor:
                return self._refused(*sweep.stalled(page, tied=len(page.records) >= self._rows.largest))
            cursor, first = page.records[-1].created_at, False
        return self._refused(f"the list did not end within {MAX_PAGES} pages", fault=True)


class AnchoredOverlap(_Sweep):
    """L3. The next page starts some rows back, at a row that is evidently behind what is complete.

    Needs: ascending order by `createdAt`, a page is an unbroken piece of the list; a row keeps its `createdAt`.
    Invariant: every stable row created before g, the last date seen, is collected. The next page must begin strictly
    before g: then every stable row up to its first date is collected already, and all from there to before its last
    date are on it, however far the list has shifted. That last date is the next g. A page that begins at g or later
    has lost its anchor: refused. The last page must evidently run to the end of the list and its own total agree.
    """

    proof = Proof.L3

    def _prove(self) -> Course:
        if self._window.sort[:1] != (ASCENDING,):
            return self._refused("an anchored overlap needs the list sorted by createdAt, ascending")
        skip, last, seen = 0, None, 0
        for _ in range(MAX_PAGES):
            request = self._page(self._page_size, skip)
            (page,) = yield (request,)
            if found := sweep.disorder(page):
                return self._refused(*found)
            if page.skip is not None and page.skip != skip:
                return self._refused("the server did not start the page at the offset asked")
            if skip and not sweep.begins_before(page, last):
                return self._refused(*sweep.no_anchor(page))
            if page.total == skip + sweep.elements((page,)) and self._whole(request, page):
                return self._accepted(page.total)
            if not page.records:
                return self._refused(*sweep.empty(page))
            back = sweep.ties_at_end(page.records) + 1
            if back >= len(page.records) or len(self._rows) == seen:
                return self._refused(*sweep.stalled(page, tied=len(self._rows) > seen))
            skip += len(page.records) - min(back + len(page.records) // SLACK, len(page.records) - 1)
            last, seen = page.records[-1].created_at, len(self._rows)
        return self._refused(f"the list did not end within {MAX_PAGES} pages", fault=True)


class TwoEqualSweeps(_Sweep):
    """L4. The same list twice, and between the two a total that counts just that.

    Needs: no id leaves and returns between its two readings. Nothing about order, dates or filters.
    A row that both sweeps show was there from its first reading to its second, so at every instant between the two
    sweeps. A head asked when the first sweep is answered, and answered before the second is asked, counts S at such
    an instant: if its total is the number of ids that both sweeps show, those are S, with every stable row in it.
    Unmoving totals on every page are asked for besides. (Without the head, a server that counts now before and now
    after it finds may have no count between the sweeps, and three mutations lose a row.)
    The first sweep advances by the rows received; it is read to its end even where it can prove nothing any more, as
    nobody will read after it. The second asks the same pages again, all at once. Cost: two sweeps and 1; a list that
    was counted empty has no stable row, and costs 1.
    """

    proof = Proof.L4

    def _prove(self) -> Course:
        asked: list[PageRequest] = []
        pages: list[Page] = []
        request: PageRequest | None = self._page(self._page_size, 0)
        while request is not None:
            seen = len(self._rows)
            (page,) = yield (request,)
            if fault := sweep.run_away(request, page, news=len(self._rows) > seen):
                return self._refused(fault, fault=True)
            asked.append(request)
            pages.append(page)
            request = self._following(asked, page, news=len(self._rows) > seen)
        keys = sweep.keys(pages)
        if why := sweep.moved([page.total for page in pages], len(keys)):
            return self._refused(why)
        if not keys:
            return self._accepted(0)
        (head,) = yield (self._page(1, 0),)
        if why := sweep.moved([pages[0].total, head.total], len(keys)):
            return self._refused(why)
        again = yield tuple(asked)
        if why := sweep.moved([head.total, *(page.total for page in again)], len(keys)):
            return self._refused(why)
        if sweep.keys(again) != keys:
            return self._refused("two readings of the list did not show the same rows")
        if sweep.says_more(asked[-1], again[-1]):
            return self._refused("the second reading did not end where the first did")
        return self._accepted(len(keys), pages)

    def _following(self, asked: Sequence[PageRequest], page: Page, *, news: bool) -> PageRequest | None:
        """The page after this one, None at the end. Its limit is what page 1 held, so that `page` fits `skip`."""
        last = asked[-1]
        if not sweep.says_more(last, page) or not news or len(asked) >= MAX_PAGES:
            return None
        limit = last.limit if len(asked) > 1 else len(page.records)
        return self._page(limit, last.skip + len(page.records))


def choose(*, closed: bool, profile: Profile) -> tuple[Proof, ...]:
    """The proofs to try, in this order. `closed`: the window's end is past, by the server's clock and a settle time."""
    if profile.filtered_date in (FilteredDate.UPDATED, FilteredDate.NEITHER):
        return (Proof.L4,)
    by_date = profile.filtered_date is FilteredDate.CREATED and profile.start_inclusive is not False
    if profile.order_kept and by_date:
        ordered: tuple[Proof, ...] = (Proof.L2,)
    elif profile.order_kept and profile.offset_by != "page":
        ordered = (Proof.L3,)
    else:
        ordered = ()
    return ((Proof.L1,) if closed else ()) + ordered + (Proof.L4,)


def machine(proof: Proof, window: PageRequest, *, page_size: int, profile: Profile) -> Machine:
    """One try at this proof. Of `window`, the limit and skip do not matter; `page_size` is in rows."""
    machines = {one.proof: one for one in (StrictTotals, DateCursor, AnchoredOverlap, TwoEqualSweeps)}
    return machines[proof](window, page_size=page_size, profile=profile)
