"""The change feed, the unfinished campaigns, the census: what they ask and bring, and when they ended early."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from extract.scenes import NOW, PAST, catalogue, insert, window

from etl.errors import WindowFailed
from etl.extract import hints
from etl.model import (
    UNFINISHED_STATUSES,
    Campaign,
    Census,
    FailedRead,
    Page,
    Profile,
    Reason,
    State,
    Sweep,
    Window,
)
from etl.sandbox.app import Sandbox
from etl.sandbox.catalogue import Catalogue
from etl.sandbox.faults import Fault, OnPage
from etl.sandbox.switches import Switches

SINCE = NOW - timedelta(days=2)
MINUTE = timedelta(minutes=1)


def feed(start: Any = SINCE) -> Window:
    return window(start, NOW, Reason.FEED)


def unfinished() -> Window:
    return window(PAST, NOW, Reason.UNFINISHED)


@pytest.fixture
def sandbox(time: Any) -> Callable[..., Sandbox]:
    return lambda rows, **switches: Sandbox(rows, switches=Switches(**switches), clock=time.clock)


def changed(count: int, changes: int) -> tuple[Catalogue, set[str]]:
    """A list in which the first `changes` campaigns, the oldest ones, were updated since `SINCE`."""
    rows = catalogue(count)
    ids = [row["id"] for row in sorted(rows.listing("a1", "sms"), key=lambda row: row["createdAt"])][:changes]
    for number, one in enumerate(ids):
        rows.update("a1", "sms", one, now=SINCE + MINUTE * number)
    return rows, set(ids)


# -- the feed ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("changes", "requests"), [(0, 1), (5, 1), (20, 2), (47, 3)])
async def test_the_feed_brings_what_changed_and_no_more(rig: Any, sandbox: Any, changes: int, requests: int) -> None:
    """Old campaigns that changed, by as many pages as they fill and the one that shows an older row."""
    rows, ids = changed(300, changes)
    async with sandbox(rows) as served:
        got = await rig(served.url, page_size=20).source.read(feed(), Profile())
        assert isinstance(got, Sweep)
        assert (got.state, got.proof, got.why, got.beyond) == (State.OPEN, None, None, 0)
        assert {row.key for row in got.records} == ids
        assert (got.seen, got.source_total) == (changes, 300)
        assert got.cost.requests == len(served.requests) == requests
        assert (got.cost.sweeps, got.profile.undated_works) == (0, True)
        body = served.requests[0].body
        assert body["sortBy"] == {"updatedAt": "desc"}
        assert "startDate" not in body
        assert "endDate" not in body


@pytest.mark.parametrize("wins", ["skip", "page"])
async def test_a_capped_page_size_loses_nothing_of_the_feed(rig: Any, sandbox: Any, wins: str) -> None:
    """The stride is what page 1 held, so that `page` and `skip` name the same rows whoever wins."""
    rows, ids = changed(300, 230)
    async with sandbox(rows, max_limit=40, limit_echo="asked", offset_wins=wins) as served:
        got = await rig(served.url).source.read(feed(), Profile())
        assert isinstance(got, Sweep)
        assert got.why is None
        assert {row.key for row in got.records} == ids
        assert [one.body["skip"] for one in served.requests] == [0, 40, 80, 120, 160, 200]


async def test_a_feed_that_reaches_back_to_the_beginning_ends_there(rig: Any, sandbox: Any) -> None:
    """Everything is news: the list's end is the feed's end."""
    async with sandbox(catalogue(50)) as served:
        got = await rig(served.url, page_size=20).source.read(feed(PAST), Profile())
        assert isinstance(got, Sweep)
        assert (len(got.records), got.why) == (50, None)


async def test_updates_while_the_feed_is_read_disturb_nothing(rig: Any, sandbox: Any) -> None:
    """What moves to the front shifts the rest back: rows are met again, and none of the others is lost."""
    rows, ids = changed(300, 60)

    def update_the_oldest(found: Catalogue, _: Any) -> None:
        oldest = min(found.listing("a1", "sms"), key=lambda row: str(row["updatedAt"]))
        found.update("a1", "sms", oldest["id"], now=NOW)

    async with sandbox(rows) as served:
        served.faults = (Fault("mutate", act=update_the_oldest),)
        got = await rig(served.url, page_size=20).source.read(feed(), Profile())
        assert isinstance(got, Sweep)
        assert got.why is None
        assert {row.key for row in got.records} >= ids


async def test_a_row_that_leaves_ends_the_feed(rig: Any, sandbox: Any) -> None:
    """It shifts a row past the page that is asked next: the falling total gives it away."""
    rows, ids = changed(300, 60)
    latest = max(rows.listing("a1", "sms"), key=lambda row: str(row["updatedAt"]))["id"]
    async with sandbox(rows) as served:
        served.faults = (Fault("mutate", on=2, act=lambda found, _: found.delete("a1", "sms", latest)),)
        got = await rig(served.url, page_size=20).source.read(feed(), Profile())
        assert isinstance(got, Sweep)
        assert got.why is not None
        assert "the total fell from 300 to 299" in got.why
        assert {row.key for row in got.records} < ids


@pytest.mark.parametrize(
    ("switches", "fault", "says"),
    [
        ({"order_kept": False, "default_order": (("createdAt", "asc"),)}, None, "does not keep the order"),
        ({}, "repeat_page", "brings nothing new"),
        ({}, "empty_page", "an empty page says that more rows follow"),
    ],
)
async def test_a_feed_that_cannot_be_trusted_says_so(
    rig: Any, sandbox: Any, switches: dict[str, Any], fault: str | None, says: str
) -> None:
    """What was read is kept, the read is open as ever, and `why` says that there may be more."""
    rows, _ = changed(100, 60)
    async with sandbox(rows, **switches) as served:
        served.faults = () if fault is None else (Fault(fault, on=OnPage(2)),)
        got = await rig(served.url, page_size=20).source.read(feed(), Profile())
        assert isinstance(got, Sweep)
        assert (got.state, got.proof) == (State.OPEN, None)
        assert got.why is not None
        assert says in got.why
        assert got.records
        assert len(served.requests) <= 3


async def test_a_feed_is_bounded_by_the_rows_that_may_be_held(rig: Any, sandbox: Any) -> None:
    """More news than max_window_rows: no further, and said."""
    rows, _ = changed(300, 200)
    async with sandbox(rows) as served:
        got = await rig(served.url, page_size=20, max_window_rows=60).source.read(feed(), Profile())
        assert isinstance(got, Sweep)
        assert got.why is not None
        assert "max_window_rows" in got.why
        assert len(got.records) == 60
        assert len(served.requests) == 3


def test_order_between_pages_counts_as_well() -> None:
    """Each page in order, yet the second begins with a later row that is new: the order is not kept."""
    assert "order" in str(heard([stamped("a", 9), stamped("b", 8)], [stamped("c", 10), stamped("d", 7)]))
    assert heard([stamped("a", 9), stamped("b", 8)], [stamped("b", 8), stamped("c", 8)]) is None
    assert heard([stamped("a", 9), stamped("b", 8)], [stamped("a", 9), stamped("c", 7)]) is None


def stamped(key: str, hours: int) -> Campaign:
    return Campaign(campaign_id=key, raw="", content_hash="", updated_at=SINCE + timedelta(hours=hours))


def heard(*pages: Iterable[Campaign]) -> str | None:
    """Why a feed of these pages ended early."""
    told = [Page(tuple(rows), 10, number < len(pages), 2) for number, rows in enumerate(pages, 1)]
    course = hints.course(feed(), page_size=2, max_rows=100)
    next(course)
    try:
        for page in told:
            course.send(page)
    except StopIteration as stop:
        return str(stop.value) if stop.value is not None else None
    raise AssertionError("the feed asks on after its last page")


# -- unfinished campaigns ---------------------------------------------------------------------------------------------


def busy(count: int, active: int) -> tuple[Catalogue, set[str]]:
    rows = catalogue(count)
    ids = {
        insert(rows, PAST + MINUTE * number, status=UNFINISHED_STATUSES[number % len(UNFINISHED_STATUSES)])
        for number in range(active)
    }
    return rows, ids


async def test_unfinished_campaigns_are_read_whatever_their_age(rig: Any, sandbox: Any) -> None:
    """All of them, page after page, and nothing else; without a total to compare, the filter is not judged."""
    rows, ids = busy(100, 45)
    async with sandbox(rows) as served:
        got = await rig(served.url, page_size=20).source.read(unfinished(), Profile())
        assert isinstance(got, Sweep)
        assert (got.state, got.why, got.source_total, got.seen) == (State.OPEN, None, 45, 45)
        assert {row.key for row in got.records} == ids
        assert got.cost.requests == 3
        assert got.profile.status_filter_works is None
        body = served.requests[0].body
        assert body["filters"] == {"status": list(UNFINISHED_STATUSES)}
        assert body["sortBy"] == {"createdAt": "asc"}
        assert "startDate" not in body


async def test_a_filter_that_counts_fewer_than_the_census_works(rig: Any, sandbox: Any) -> None:
    """At least one row, and the two totals differ."""
    rows, _ = busy(30, 4)
    async with sandbox(rows) as served:
        source = rig(served.url).source
        census = await source.read(window(reason=Reason.CENSUS), Profile())
        assert isinstance(census, Census)
        got = await source.read(unfinished(), census.profile)
        assert isinstance(got, Sweep)
        assert (got.profile.status_filter_works, got.why) == (True, None)


@pytest.mark.parametrize(("count", "active"), [(0, 5), (5, 0)])
async def test_rows_that_show_nothing_leave_the_filter_unjudged(
    rig: Any, sandbox: Any, count: int, active: int
) -> None:
    """Every campaign is unfinished, or none is: an ignored filter and one that works would look alike, or show none."""
    rows, _ = busy(count, active)
    async with sandbox(rows) as served:
        source = rig(served.url).source
        await source.read(window(reason=Reason.CENSUS), Profile())
        got = await source.read(unfinished(), Profile())
        assert isinstance(got, Sweep)
        assert (got.profile.status_filter_works, len(got.records)) == (None, active)


async def test_a_filter_that_is_ignored_is_noticed_on_the_first_page(rig: Any, sandbox: Any) -> None:
    """A row of another status: no further, and the planner is told."""
    rows, _ = busy(100, 45)
    async with sandbox(rows, status_filter_works=False) as served:
        got = await rig(served.url, page_size=60).source.read(unfinished(), Profile(status_filter_works=True))
        assert isinstance(got, Sweep)
        assert got.profile.status_filter_works is False
        assert got.why is not None
        assert "does not filter by status" in got.why
        assert len(served.requests) == 1


async def test_unfinished_campaigns_are_bounded_too(rig: Any, sandbox: Any) -> None:
    """More than max_window_rows: no further, and said."""
    rows, _ = busy(0, 90)
    async with sandbox(rows) as served:
        got = await rig(served.url, page_size=20, max_window_rows=40).source.read(unfinished(), Profile())
        assert isinstance(got, Sweep)
        assert got.why is not None
        assert len(got.records) == 40


# -- servers that refuse ----------------------------------------------------------------------------------------------


async def test_a_server_that_refuses_undated_requests_is_asked_once(rig: Any, sandbox: Any) -> None:
    """Not a failed window: the hint says why it brought nothing, and the profile keeps it from being planned again."""
    async with sandbox(catalogue(5), undated="refused") as served:
        source = rig(served.url).source
        first = await source.read(window(), Profile())
        assert isinstance(first, Sweep)
        got = await source.read(feed(), first.profile)
        assert isinstance(got, Sweep)
        assert (got.state, got.records, got.profile.undated_works) == (State.OPEN, (), False)
        assert got.why is not None
        assert "HTTP 412" in got.why
        other = await source.read(unfinished(), first.profile)
        assert isinstance(other, Sweep)
        assert other.profile.status_filter_works is False
        census = await source.read(window(reason=Reason.CENSUS), first.profile)
        assert isinstance(census, Census)
        assert (census.total, census.profile.undated_works, census.cost.requests) == (None, False, 1)


async def test_a_refusal_says_nothing_before_anything_was_accepted(rig: Any, sandbox: Any) -> None:
    """A wrong path refuses every request: undated ones are not given up for it, as nobody would try them again."""
    async with sandbox(catalogue(5), undated="refused") as served:
        for reason in (Reason.FEED, Reason.UNFINISHED, Reason.CENSUS):
            got = await rig(served.url).source.read(window(reason=reason), Profile())
            assert isinstance(got, Sweep | Census)
            assert (got.profile.undated_works, got.profile.status_filter_works) == (None, None)


async def test_a_refused_order_does_not_disprove_the_census(rig: Any, serve: Any, page_of: Any) -> None:
    """Undated requests were answered with a total: it is the order that is not accepted."""

    async def handle(request: web.Request) -> web.Response:
        if "updatedAt" in (await request.json())["sortBy"]:
            return web.json_response({"errors": [{"msg": "no", "code": 412}]}, status=412)
        return web.json_response(page_of([{"id": "cd-1"}], totalResults=1))

    source = rig(await serve(handle)).source
    census = await source.read(window(reason=Reason.CENSUS), Profile(undated_works=False))
    assert isinstance(census, Census)
    assert (census.total, census.profile.undated_works) == (1, True)
    got = await source.read(feed(), census.profile)
    assert isinstance(got, Sweep)
    assert got.why
    assert got.profile.undated_works is True


@pytest.mark.parametrize("reason", [Reason.FEED, Reason.UNFINISHED])
async def test_a_refused_second_page_keeps_the_first(rig: Any, serve: Any, page_of: Any, reason: Reason) -> None:
    """A server that stops at an offset: what came before is news all the same, and the request itself does work."""

    async def handle(request: web.Request) -> web.Response:
        skip = (await request.json())["skip"]
        if skip:
            return web.json_response({"errors": [{"msg": "skip is too large", "code": 412}]}, status=412)
        row = {"id": "cd-1", "status": "Active", "updatedAt": "2026-03-02T11:00:00.000Z"}
        return web.json_response(page_of([row], totalResults=5, hasMore=True))

    got = await rig(await serve(handle)).source.read(window(reason=reason), Profile())
    assert isinstance(got, Sweep)
    assert (len(got.records), got.profile.undated_works, got.profile.status_filter_works) == (1, True, None)
    assert got.why is not None
    assert "skip is too large" in got.why


async def test_a_census_is_dated_by_the_servers_clock(rig: Any, sandbox: Any) -> None:
    """The total, when it was taken, what it cost, and that undated requests work."""
    async with sandbox(catalogue(30), clock_skew_seconds=120.0) as served:
        got = await rig(served.url).source.read(window(reason=Reason.CENSUS), Profile())
        assert isinstance(got, Census)
        assert (got.total, got.taken_at, got.cost.requests) == (30, NOW + timedelta(minutes=2), 1)
        assert (got.profile.undated_works, got.profile.clock_skew_seconds) == (True, 120.0)


@pytest.mark.parametrize("reason", [Reason.FEED, Reason.UNFINISHED, Reason.CENSUS])
async def test_a_hint_fails_as_any_window_does(rig: Any, sandbox: Any, reason: Reason) -> None:
    """A source that is down is no refusal."""
    async with sandbox(catalogue(20)) as served:
        served.faults = (Fault("status"),)
        got = await rig(served.url).source.read(window(reason=reason), Profile())
        assert isinstance(got, FailedRead)
        assert isinstance(got.error, WindowFailed)
        assert got.cost.requests == 3
