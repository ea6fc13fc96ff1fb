"""A list that changes while it is read, and a server that pages it: pure, small enough to try every history."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from itertools import groupby, permutations, product
from typing import NamedTuple

from etl.model import Campaign, Channel, Page, PageRequest, Profile, Record, Rejected

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)

Row = tuple[int, str, int]
"""Minute of `createdAt`, id, version. An id that begins with `?` is a record without an id: only its text is seen."""

Answer = tuple[tuple[Row, ...], int, bool, int | None]
"""Rows, total, hasMore, echoed limit."""

Event = tuple[str, int]
"""`find` or `count`, and which request of the batch."""


@cache
def at(minute: int) -> datetime:
    return EPOCH + timedelta(minutes=minute)


WINDOW = PageRequest(Channel.SMS, 1, start=at(0), end=at(10_000))
"""What every strategy reads: all that the list ever holds."""


@cache
def record(row: Row) -> Record:
    minute, name, version = row
    if name.startswith("?"):
        return Rejected(key=f"{name}/{version}", raw="", reason="no id", created_at=at(minute))
    return Campaign(name, "", "", created_at=at(minute), updated_at=at(1_000 + version))


def name_of(one: Record) -> str:
    """The row behind a record, which for a record without an id only this model knows."""
    return one.campaign_id or one.key.partition("/")[0]


class Moment(NamedTuple):
    """The list at one instant, what left it, which rows were there all the time, and what may still happen."""

    rows: tuple[Row, ...]
    gone: frozenset[Row]
    stable: frozenset[str]
    left: int
    """How many mutations may follow in this sweep."""
    again: int = 0
    """How many may follow in a second one."""

    def second(self) -> Moment:
        return self._replace(left=self.again, again=0) if self.again else self


@dataclass(frozen=True)
class World:
    """How the server behaves, what the list holds at first, and what may happen to it."""

    name: str
    minutes: tuple[int, ...] = (10, 20, 30)
    page_size: int = 2
    cap: int = 2
    echo: str | None = "cap"
    """The echoed limit: the one in force (`cap`), the one asked (`asked`), or none."""
    page_wins: bool = False
    instants: str = "find first"
    """Of one request: `find first`, `count first`, or `either` (each request its own way)."""
    more_by: str = "count"
    """`hasMore` follows from the instant of the `count` or of the `find`."""
    dates: str = "inclusive"
    """Which rows `startDate` selects: `inclusive`, `exclusive`, or it is `ignored`."""
    shuffled: bool = False
    empties: bool = False
    """The last page may come falsely empty."""
    inserts: tuple[int, ...] = ()
    """Minutes of `createdAt` at which a row may come in; none for a closed window."""
    returns: bool = False
    """A row that left may come back."""
    nameless: int = 0
    """How many of the first rows carry no id."""
    profile: Profile = field(default_factory=Profile)

    def beginning(self, mutations: int, again: int = 0) -> Moment:
        rows = tuple((m, f"{'?' if n < self.nameless else ''}{chr(97 + n)}", 0) for n, m in enumerate(self.minutes))
        return Moment(rows, frozenset(), frozenset(name for _, name, _ in rows), mutations, again)


@cache
def mutations(inserts: tuple[int, ...], returns: bool, now: Moment) -> tuple[tuple[str, Moment], ...]:
    """Everything that one mutation can do, each with a name for it."""
    return tuple(_mutations(inserts, returns, now._replace(left=now.left - 1)))


def _mutations(inserts: tuple[int, ...], returns: bool, now: Moment) -> Iterator[tuple[str, Moment]]:
    for n, row in enumerate(now.rows):
        rest = now.rows[:n] + now.rows[n + 1 :]
        yield f"delete {row[1]}", now._replace(rows=rest, gone=now.gone | {row}, stable=now.stable - {row[1]})
        # An update moves updatedAt, which neither filters nor sorts here: it shows only in a text that has no id.
        changed = (row[0], row[1], row[2] + 1) if row[1].startswith("?") else row
        yield f"update {row[1]}", now._replace(rows=(*now.rows[:n], changed, *now.rows[n + 1 :]))
    for minute in inserts:
        name = f"n{now.left + now.again}"
        yield f"insert {name} at {minute}", now._replace(rows=_placed(now.rows, (minute, name, 0)))
    for row in sorted(now.gone) if returns else ():
        yield f"return {row[1]}", now._replace(rows=_placed(now.rows, row), gone=now.gone - {row})


def _placed(rows: tuple[Row, ...], row: Row) -> tuple[Row, ...]:
    return tuple(sorted((*rows, row), key=lambda one: one[0]))


def listed(world: World, request: PageRequest, rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """What the request's start selects (its end selects all here), in its order, ties as they are stored."""
    return _listed(world.dates, request.start, request.sort, rows)


@lru_cache(maxsize=100_000)
def _listed(
    dates: str, start: datetime | None, sort: tuple[tuple[str, str], ...], rows: tuple[Row, ...]
) -> tuple[Row, ...]:
    if dates != "ignored" and start is not None:
        border = 0 if dates == "inclusive" else 1
        rows = tuple(row for row in rows if at(row[0] - border) >= start)
    descending = dict(sort).get("createdAt") == "desc"
    return tuple(sorted(rows, key=lambda row: -row[0] if descending else row[0]))


@cache
def shuffles(rows: tuple[Row, ...]) -> tuple[tuple[Row, ...], ...]:
    """Every order that keeps the dates."""
    ties = [tuple(permutations(tuple(group))) for _, group in groupby(rows, key=lambda row: row[0])]
    return tuple(sum(parts, ()) for parts in product(*ties))


def cut(world: World, request: PageRequest, rows: tuple[Row, ...]) -> tuple[tuple[Row, ...], bool]:
    """One page of an ordered list, and whether rows follow at this instant."""
    limit = min(request.limit, world.cap)
    skip = request.skip // request.limit * limit if world.page_wins else request.skip
    return rows[skip : skip + limit], skip + limit < len(rows)


def finds(world: World, request: PageRequest, now: Moment) -> set[tuple[tuple[Row, ...], bool]]:
    """Every page that the server may find for the request at this instant."""
    rows = listed(world, request, now.rows)
    pages = {cut(world, request, order) for order in (shuffles(rows) if world.shuffled else (rows,))}
    if world.empties:
        pages |= {((), False) for _, more in pages if not more}
    return pages


def answer(world: World, request: PageRequest, found: tuple[tuple[Row, ...], bool], total: int) -> Answer:
    rows, followed = found
    limit = min(request.limit, world.cap)
    skip = request.skip // request.limit * limit if world.page_wins else request.skip
    more = followed if world.more_by == "find" else bool(rows) and skip + len(rows) < total
    return rows, total, more, {"cap": limit, "asked": request.limit, None: None}[world.echo]


@cache
def page(one: Answer) -> Page:
    rows, total, more, limit = one
    return Page(tuple(record(row) for row in rows), total, more, limit)


@cache
def courses(instants: str, requests: int) -> tuple[tuple[Event, ...], ...]:
    """The orders in which a batch is served: one by one from either end, and interleaved."""
    pairs = {"find first": (("find", "count"),), "count first": (("count", "find"),)}
    ways = pairs.get(instants, (("find", "count"), ("count", "find")))
    orders = []
    for choice in product(ways, repeat=requests):
        one_by_one = [tuple((kind, n) for kind in way) for n, way in enumerate(choice)]
        orders += [one_by_one, one_by_one[::-1]]
    orders += [[tuple((kind, n) for n in range(requests)) for kind in way] for way in ways]
    return tuple(dict.fromkeys(tuple(event for part in order for event in part) for order in orders))
