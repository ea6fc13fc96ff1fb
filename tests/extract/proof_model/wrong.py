"""Strategies that lose rows, as loaders in the field have them: the model must be seen to catch each."""

from __future__ import annotations

from collections.abc import Callable, Generator

from msgspec.structs import replace
from proof_model.world import WINDOW, World

from etl.extract.proof import Accepted, Ask, Machine, Refused
from etl.model import Page, PageRequest, Proof, Record

Course = Generator[tuple[PageRequest, ...], tuple[Page, ...], bool]


class Guess:
    """Runs a wrong course: it returns whether it believes that it is done."""

    def __init__(self, course: Course) -> None:
        self._course, self._asked = course, ()
        self._pages: dict[PageRequest, Page] = {}
        self._records: dict[str, Record] = {}

    def step(self) -> Ask | Accepted | Refused:
        try:
            sent = tuple(self._pages[one] for one in self._asked)
            self._asked = self._course.send(sent) if self._asked else next(self._course)
        except StopIteration as end:
            records = tuple(self._records.values())
            return Accepted(Proof.L1, records, None) if end.value else Refused("no", records, None, fault=False)
        return Ask(self._asked)

    def answer(self, request: PageRequest, page: Page) -> None:
        self._pages[request] = page
        self._records.update((one.key, one) for one in page.records)


def _read(window: PageRequest, limit: int, *, by_limit: bool = False) -> Generator:
    """Page by page until `hasMore` is false."""
    pages: list[Page] = []
    skip = 0
    for _ in range(20):
        (page,) = yield (replace(window, limit=limit, skip=skip),)
        pages.append(page)
        skip += limit if by_limit else len(page.records)
        if not page.has_more or not page.records:
            break
    return pages


def _ids(pages: list[Page]) -> set[str]:
    return {one.key for page in pages for one in page.records}


def count_only(window: PageRequest, limit: int) -> Course:
    """Done when as many different rows were seen as the last total says."""
    pages = yield from _read(window, limit)
    return len(_ids(pages)) == pages[-1].total


def last_total(window: PageRequest, limit: int) -> Course:
    """Done when the last page ends where its total says."""
    pages = yield from _read(window, limit)
    return sum(len(page.records) for page in pages) == pages[-1].total


def by_limit(window: PageRequest, limit: int) -> Course:
    """Advance by the limit asked, until `hasMore` is false."""
    yield from _read(window, limit, by_limit=True)
    return True


def newest_first(window: PageRequest, limit: int) -> Course:
    """Newest first, until `hasMore` is false."""
    yield from _read(replace(window, sort=(("createdAt", "desc"),)), limit)
    return True


def no_head(window: PageRequest, limit: int) -> Course:
    """L1 without the head: the same total on every page, and as many different rows."""
    pages = yield from _read(window, limit)
    return {page.total for page in pages} == {len(_ids(pages))}


def one_page(window: PageRequest, limit: int) -> Course:
    """One page that holds as many rows as its total and says that it is the last, whatever limit is in force."""
    (page,) = yield (replace(window, limit=limit),)
    return not page.has_more and page.total == len(page.records)


def two_sweeps_no_count(window: PageRequest, limit: int) -> Course:
    """L4 without a count between its sweeps: the same ids and the same total, twice."""
    first = yield from _read(window, limit)
    second = yield from _read(window, limit)
    totals = {page.total for page in first + second}
    return _ids(first) == _ids(second) and totals == {len(_ids(first))}


def wrong(course: Callable[[PageRequest, int], Course]) -> Callable[[World], Machine]:
    def strategy(world: World) -> Machine:
        return Guess(course(WINDOW, world.page_size))

    return strategy
