"""Windows read from the sandbox over real HTTP: proven, open, split, unproven, failed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import web

from etl.errors import AccountRefused, AccountUnavailable, WindowFailed
from etl.extract.places import AT_ONCE, Places
from etl.extract.retry import RetryPolicy
from etl.model import (
    Census,
    Channel,
    FailedRead,
    FilteredDate,
    PageRead,
    Profile,
    Proof,
    Reason,
    Scope,
    Split,
    State,
    Sweep,
    Waiting,
    Window,
)
from etl.sandbox.app import Sandbox
from etl.sandbox.catalogue import Catalogue, SandboxAccount
from etl.sandbox.faults import Fault, OnPage
from etl.sandbox.switches import Switches

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SECRET = "canary-secret-0123456789-0123456789"
ACCOUNT = SandboxAccount("a1", "st-1", "cs-1", SECRET, "one")
SCOPE = Scope("a1", "st-1", Channel.SMS)
PAST = NOW - timedelta(days=100)


def catalogue(rows: int, *, start: datetime = PAST, step: timedelta = timedelta(hours=1)) -> Catalogue:
    made = Catalogue([ACCOUNT])
    for number in range(rows):
        made.insert("a1", "sms", created_at=start + step * number, now=start + step * number)
    return made


def window(
    start: datetime = PAST, end: datetime = NOW - timedelta(minutes=10), reason: Reason = Reason.FIRST
) -> Window:
    return Window(SCOPE, start, end, reason)


@pytest.fixture
def sandbox(time: Any) -> Callable[..., Sandbox]:
    return lambda rows, **switches: Sandbox(rows, switches=Switches(**switches), clock=time.clock)


async def test_a_closed_window_is_read_whole_and_proven(rig: Any, sandbox: Any) -> None:
    """Every row once, the total, the proof, what it cost, and what was learned of the server."""
    rows = catalogue(250)
    async with sandbox(rows) as served:
        built = rig(served.url)
        got = await built.source.read(window(), Profile())
        assert isinstance(got, Sweep)
        assert (got.state, got.proof, got.why, got.seen, got.source_total) == (State.PROVEN, Proof.L1, None, 250, 250)
        assert {record.key for record in got.records} == {row["id"] for row in rows.listing("a1", "sms")}
        assert got.cost.requests == len(served.requests) == 4
        assert (got.cost.retries, got.cost.sweeps) == (0, 1)
        assert (got.profile.largest_page, got.profile.order_kept, got.profile.clock_skew_seconds) == (100, True, 0.0)
        assert sum(event.rows for event in built.events if isinstance(event, PageRead)) == 350


class Ranks(Places):
    """Places that note who asked for one."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.noted: list[int] = []

    async def acquire(self, rank: int = AT_ONCE) -> None:
        self.noted.append(rank)
        await super().acquire(rank)


async def test_a_window_asks_for_places_in_the_order_in_which_windows_began(rig: Any, sandbox: Any) -> None:
    """All its pages; what the account has to be asked besides waits for no window."""
    places, middle = Ranks(8), PAST + timedelta(hours=125)
    async with sandbox(catalogue(250)) as served:
        source = rig(served.url, places=places).source
        known = Profile(filtered_date=FilteredDate.CREATED)
        await asyncio.gather(source.read(window(end=middle), known), source.read(window(start=middle), known))
    first, second = sorted(set(places.noted) - {AT_ONCE})
    assert places.noted.count(first) == places.noted.count(second) == 3
    assert places.noted.index(first) < places.noted.index(second)


async def test_an_empty_closed_window_is_proven_empty(rig: Any, sandbox: Any) -> None:
    """No campaigns is a result, by one request."""
    async with sandbox(catalogue(0)) as served:
        got = await rig(served.url).source.read(window(), Profile())
        assert isinstance(got, Sweep)
        assert (got.state, got.seen, got.source_total, got.cost.requests) == (State.PROVEN, 0, 0, 1)


async def test_the_border_row_belongs_to_the_later_window(rig: Any, sandbox: Any) -> None:
    """Neighbours share the border instant on the wire, and each row ends up in exactly one of them."""
    for bounds in ("inclusive", "exclusive-end", "exclusive"):
        async with sandbox(catalogue(10), bounds=bounds) as served:
            source = rig(served.url).source
            border = PAST + timedelta(hours=5)
            first = await source.read(window(end=border), Profile())
            second = await source.read(window(start=border), Profile())
            assert isinstance(first, Sweep)
            assert isinstance(second, Sweep)
            assert (len(first.records), len(second.records)) == (5, 5)
            assert first.seen - first.beyond == 5
            assert first.state is second.state is State.PROVEN


async def test_a_backfill_keeps_to_its_interval(rig: Any, sandbox: Any) -> None:
    """No row before the start or at the end, and those are counted as beyond."""
    async with sandbox(catalogue(10)) as served:
        asked = window(PAST + timedelta(hours=2), PAST + timedelta(hours=4), Reason.BACKFILL)
        got = await rig(served.url).source.read(asked, Profile())
        assert isinstance(got, Sweep)
        assert [record.created_at for record in got.records] == [PAST + timedelta(hours=hours) for hours in (2, 3)]
        assert (got.seen, got.beyond) == (3, 1)


async def test_the_open_tail_is_read_ahead_and_recorded_as_open(rig: Any, sandbox: Any) -> None:
    """What was created after the window was planned is stored with it; the state stays open whatever the proof."""
    rows = catalogue(3, start=NOW - timedelta(minutes=5), step=timedelta(minutes=4))
    async with sandbox(rows) as served:
        tail = window(NOW - timedelta(minutes=10), NOW, Reason.TAIL)
        got = await rig(served.url).source.read(tail, Profile())
        assert isinstance(got, Sweep)
        assert (got.state, len(got.records), got.beyond) == (State.OPEN, 3, 0)


async def test_a_window_across_the_closed_time_is_split_there(rig: Any, sandbox: Any) -> None:
    """The provable part is not held back by the tail, and no request is spent on finding out."""
    async with sandbox(catalogue(5)) as served:
        whole = window(end=NOW)
        got = await rig(served.url).source.read(whole, Profile())
        assert isinstance(got, Split)
        assert [part.end for part in got.parts] == [NOW - timedelta(minutes=10), NOW]
        assert got.cost.requests == 0


async def test_the_servers_clock_decides_what_is_closed(rig: Any, sandbox: Any) -> None:
    """An hour behind ours: the first answer shows it, and nothing is proven that may still grow."""
    async with sandbox(catalogue(150), clock_skew_seconds=-3600.0) as served:
        source = rig(served.url).source
        got = await source.read(window(), Profile())
        assert isinstance(got, Split)
        assert got.parts[0].end == NOW - timedelta(hours=1, minutes=10)
        assert got.profile.clock_skew_seconds == -3600
        assert got.cost.requests == len(served.requests) == 1


async def test_a_known_skew_is_used_before_the_first_answer(rig: Any, sandbox: Any) -> None:
    """What an earlier run learned saves the request."""
    async with sandbox(catalogue(5)) as served:
        got = await rig(served.url).source.read(window(), Profile(clock_skew_seconds=-3600.0))
        assert isinstance(got, Split)
        assert served.requests == []


async def test_a_large_window_is_split_by_its_rows(rig: Any, sandbox: Any) -> None:
    """Parts tile the window, and read one by one they hold every row once, none above the bound."""
    rows = catalogue(600, step=timedelta(hours=3))
    async with sandbox(rows) as served:
        source = rig(served.url, max_window_rows=200).source
        waiting, sweeps = [window(start=NOW - timedelta(days=5000))], []
        for _ in range(40):
            if not waiting:
                break
            got = await source.read(waiting.pop(0), Profile())
            if isinstance(got, Split):
                assert all(before.end == after.start for before, after in pairwise(got.parts))
                assert (got.parts[0].start, got.parts[-1].end) == (got.window.start, got.window.end)
                waiting = [*got.parts, *waiting]
            else:
                assert isinstance(got, Sweep)
                sweeps.append(got)
        assert {sweep.state for sweep in sweeps} == {State.PROVEN}
        assert max(sweep.seen for sweep in sweeps) <= 200
        assert sum(len(sweep.records) for sweep in sweeps) == 600
        assert len({record.key for sweep in sweeps for record in sweep.records}) == 600
        assert len(served.requests) < 40


async def test_a_server_that_ignores_dates_is_read_whole(rig: Any, sandbox: Any) -> None:
    """Its parts would be as large as the whole: no split, nothing clipped, and only two equal sweeps prove it."""
    async with sandbox(catalogue(300), filtered_date="none") as served:
        source = rig(served.url, max_window_rows=100).source
        for asked in (window(), window(start=NOW - timedelta(days=1))):
            got = await source.read(asked, Profile())
            assert isinstance(got, Sweep)
            assert got.profile.filtered_date is FilteredDate.NEITHER
            assert (got.state, got.proof, len(got.records)) == (State.PROVEN, Proof.L4, 300)


async def test_a_total_that_ignores_dates_does_not_cut_history_to_pieces(rig: Any, serve: Any, page_of: Any) -> None:
    """Rows are filtered, the total counts everything: one look at a part shows it, and nothing is split."""
    asked = []

    async def handle(request: web.Request) -> web.Response:
        body = await request.json()
        asked.append(body)
        early = body["startDate"] < "2025-12"
        rows = [{"id": f"cd-{n}", "createdAt": "2025-12-01T00:00:00.000Z"} for n in range(40 if early else 0)]
        return web.json_response(page_of(rows[body["skip"] :][: body["limit"]], totalResults=100_000))

    got = await rig(await serve(handle)).source.read(window(), Profile())
    assert isinstance(got, Sweep)
    assert (got.state, len(got.records)) == (State.UNPROVEN, 40)
    assert got.why
    assert len(asked) < 10


async def test_a_filter_on_the_update_date_is_noticed(rig: Any, sandbox: Any) -> None:
    """An old row updated in the window shows it: not proven by dates, and the row is kept."""
    rows = catalogue(150)
    old = rows.insert("a1", "sms", created_at=PAST - timedelta(days=50), now=NOW - timedelta(days=1))
    async with sandbox(rows, filtered_date="updatedAt") as served:
        got = await rig(served.url).source.read(window(), Profile())
        assert isinstance(got, Sweep)
        assert got.profile.filtered_date is FilteredDate.UPDATED
        assert (got.state, got.proof) == (State.PROVEN, Proof.L4)
        assert old in {record.key for record in got.records}


async def test_without_totals_nothing_is_proven(rig: Any, sandbox: Any) -> None:
    """All rows are read and kept, the window is said to be unproven and why; nothing is tried again in vain."""
    async with sandbox(catalogue(250), total="absent") as served:
        got = await rig(served.url).source.read(window(), Profile())
        assert isinstance(got, Sweep)
        assert (got.state, got.proof, len(got.records)) == (State.UNPROVEN, None, 250)
        assert (got.why, got.cost.sweeps) == ("the server gave no total", 3)


async def test_a_list_that_never_holds_still_is_halved(rig: Any, sandbox: Any) -> None:
    """Every proof refused twice: shorter windows have a better chance. What dates or order would prove is not there."""
    async with sandbox(catalogue(500), order_kept=False) as served:
        served.faults = (Fault("mutate", act=insert_one),)
        got = await rig(served.url).source.read(window(), Profile())
        assert isinstance(got, Split)
        assert len(got.parts) == 2
        assert got.cost.sweeps == 4


def insert_one(rows: Catalogue, _: Any) -> None:
    rows.insert("a1", "sms", created_at=PAST + timedelta(minutes=1), now=NOW - timedelta(hours=1))


async def test_a_small_list_that_never_holds_still_is_stored_unproven(rig: Any, sandbox: Any) -> None:
    """One page cannot be read any faster: what was read is kept, and said to be unproven, and why."""
    async with sandbox(catalogue(90), order_kept=False) as served:
        served.faults = (Fault("mutate", act=insert_one),)
        got = await rig(served.url).source.read(window(), Profile())
        assert isinstance(got, Sweep)
        assert (got.state, got.proof) == (State.UNPROVEN, None)
        assert got.why
        assert len(got.records) >= 90


ONCE = [
    "status", "drop", "truncate", "expired", "error_envelope", "html_200", "no_results", "empty_page", "repeat_page",
    "short_page", "endless_has_more", "falsely_empty_last_page", "raw_record",
]  # fmt: skip


@pytest.mark.parametrize("call", [1, 2, 3])
@pytest.mark.parametrize("kind", ONCE)
async def test_trouble_that_passes_costs_requests_not_rows(rig: Any, sandbox: Any, kind: str, call: int) -> None:
    """Each fault once, on each early call: in the end the window is proven and holds every row."""
    rows = catalogue(250)
    async with sandbox(rows) as served:
        served.faults = (
            Fault(kind, on=call, times=1, record='{"name": NaN, "depth": ' + "[" * 9000 + "]" * 9000 + "}"),
        )
        got = await rig(served.url).source.read(window(), Profile())
        assert isinstance(got, Sweep)
        assert got.state is State.PROVEN
        stored = {record.key for record in got.records}
        lost = {row["id"] for row in rows.listing("a1", "sms")} - stored
        assert len(lost) <= (1 if kind == "raw_record" else 0)
        assert got.cost.requests == len(served.requests) < 25


LASTING = ["status", "drop", "truncate", "error_envelope", "html_200", "no_results"]


@pytest.mark.parametrize("kind", LASTING)
async def test_trouble_that_lasts_fails_the_window(rig: Any, sandbox: Any, kind: str) -> None:
    """Never an empty window: three attempts, then it failed."""
    async with sandbox(catalogue(20)) as served:
        served.faults = (Fault(kind),)
        got = await rig(served.url).source.read(window(), Profile())
        assert isinstance(got, FailedRead)
        assert isinstance(got.error, AccountUnavailable if kind == "drop" else WindowFailed)
        assert (got.cost.requests, got.cost.retries, got.answered) == (3, 2, False)


@pytest.mark.parametrize("kind", ["empty_page", "endless_has_more", "repeat_page"])
async def test_a_server_that_contradicts_itself_for_ever_is_not_believed(rig: Any, sandbox: Any, kind: str) -> None:
    """The read ends, proves nothing that is not so, and never takes a fault for the end of the list."""
    rows = catalogue(150)
    async with sandbox(rows) as served:
        served.faults = (Fault(kind, on=OnPage(2) if kind != "endless_has_more" else None),)
        got = await rig(served.url).source.read(window(), Profile())
        assert isinstance(got, Sweep)
        assert len(got.records) == 150 or got.state is State.UNPROVEN
        assert len(served.requests) < 60


async def test_a_redirect_ends_the_accounts_turn(rig: Any, sandbox: Any) -> None:
    """The token stays here: nothing is asked of the other place."""
    async with sandbox(catalogue(5)) as served:
        served.faults = (Fault("redirect"),)
        got = await rig(served.url).source.read(window(), Profile())
        assert isinstance(got, FailedRead)
        assert isinstance(got.error, AccountUnavailable)
        assert len(served.requests) == 1


async def test_a_refused_account_is_reported_with_a_way_out(rig: Any, sandbox: Any) -> None:
    """A wrong secret: one renewed token, then the account's turn is over; no secret in the message."""
    async with sandbox(catalogue(5)) as served:
        got = await rig(served.url, secret="canary-wrong").source.read(window(), Profile())
        assert isinstance(got, FailedRead)
        assert isinstance(got.error, AccountRefused)
        assert got.error.remedy.startswith("Kore.ai says the same of a wrong Client Secret")
        assert str(got.error).endswith(got.error.remedy)
        assert "canary" not in str(got.error) + repr(got.error)
        assert (got.cost.requests, got.cost.retries, got.answered) == (2, 1, False)


async def test_an_expired_clock_heals_by_the_servers_date(rig: Any, sandbox: Any, time: Any) -> None:
    """Our clock is two hours slow: the token is refused once, dated by the server's Date, and accepted."""
    async with sandbox(catalogue(5)) as served:
        built = rig(served.url, clock=lambda: time.clock() - timedelta(hours=2))
        got = await built.source.read(window(end=NOW - timedelta(hours=3)), Profile())
        assert isinstance(got, Sweep)
        assert (got.state, got.cost.retries, got.profile.clock_skew_seconds) == (State.PROVEN, 1, 7200.0)


async def test_a_wrong_clock_is_named_when_the_account_is_refused(rig: Any, sandbox: Any, time: Any) -> None:
    """Off by more than 30 seconds: the message says by how much and in which direction."""
    async with sandbox(catalogue(5)) as served:
        built = rig(served.url, secret="canary-wrong", clock=lambda: time.clock() - timedelta(hours=2))
        got = await built.source.read(window(end=NOW - timedelta(hours=3)), Profile())
        assert isinstance(got, FailedRead)
        assert "clock is 7200 seconds behind" in str(got.error)


async def test_single_use_tokens_are_fresh_on_every_attempt(rig: Any, sandbox: Any) -> None:
    """An app that enforces a jti is read page by page without a refusal."""
    async with sandbox(catalogue(250), require_jti=True) as served:
        got = await rig(served.url, single_use=True).source.read(window(), Profile())
        assert isinstance(got, Sweep)
        assert (got.state, got.cost.retries) == (State.PROVEN, 0)


async def test_encrypted_tokens_are_named(rig: Any, sandbox: Any) -> None:
    """An app that enforces JWE cannot be read: the message says so or says where the JWT app is set."""
    async with sandbox(catalogue(5), enforce_jwe=True) as served:
        got = await rig(served.url).source.read(window(), Profile())
        assert isinstance(got, FailedRead)
        assert isinstance(got.error, AccountRefused)


@pytest.mark.parametrize("form", ["429", "200"])
async def test_throttling_pauses_and_the_read_goes_on(rig: Any, sandbox: Any, form: str) -> None:
    """Either spelling of "too many requests" is waited out, counted and told."""
    async with sandbox(catalogue(450), throttle=form, requests_per_minute=3, retry_after="seconds") as served:
        built = rig(served.url, retry=RetryPolicy())
        got = await built.source.read(window(), Profile())
        assert isinstance(got, Sweep)
        assert got.state is State.PROVEN
        assert got.cost.throttled_seconds > 30
        assert got.cost.retries > 0
        assert [event for event in built.events if isinstance(event, Waiting)]


async def test_the_census_is_one_undated_request(rig: Any, sandbox: Any) -> None:
    """One row at most, the total of everything."""
    async with sandbox(catalogue(30)) as served:
        counted = await rig(served.url).source.read(window(reason=Reason.CENSUS), Profile())
        assert isinstance(counted, Census)
        assert counted.total == 30
        assert len(served.requests) == counted.cost.requests == 1
        assert served.requests[0].rows == 1


async def test_nothing_there_is_an_unavailable_account(rig: Any, unused: str) -> None:
    """Nothing answered, ever: the account's turn is over, and the message says what to check."""
    got = await rig(unused).source.read(window(), Profile())
    assert isinstance(got, FailedRead)
    assert isinstance(got.error, AccountUnavailable)
    assert "Check host" in str(got.error)
    assert (got.cost.requests, got.answered) == (3, False)


@pytest.fixture
async def unused() -> str:
    server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return f"http://127.0.0.1:{port}"


async def test_a_source_that_breaks_midway_fails_the_window_only(rig: Any, sandbox: Any) -> None:
    """It answered before: the window failed, the account did not."""
    rows = catalogue(250)
    async with sandbox(rows) as served:
        built = rig(served.url)
        assert isinstance(await built.source.read(window(), Profile()), Sweep)
    got = await built.source.read(window(), Profile())
    assert isinstance(got, FailedRead)
    assert isinstance(got.error, WindowFailed)
    assert got.answered


async def test_one_failing_page_ends_its_siblings(rig: Any, serve: Any, page_of: Any) -> None:
    """Concurrent pages: the first that fails for good drops the others, and its own error comes out."""
    finished = []

    async def handle(request: web.Request) -> web.Response:
        asked = await request.json()
        if asked["skip"] == 100:
            return web.json_response({"errors": [{"msg": "no", "code": 412}]}, status=412)
        if asked["skip"] > 100:
            await asyncio.sleep(5)
            finished.append(asked["skip"])
        rows = [{"id": f"cd-{asked['skip'] + number}"} for number in range(100)]
        return web.json_response(page_of(rows, hasMore=True, totalResults=500, skip=asked["skip"]))

    got = await rig(await serve(handle)).source.read(window(), Profile())
    assert isinstance(got, FailedRead)
    assert isinstance(got.error, WindowFailed)
    assert finished == []


async def test_cancellation_passes_through(rig: Any, serve: Any) -> None:
    """A cancelled read is cancelled, never a failed window."""
    began = asyncio.Event()

    async def handle(_: web.Request) -> web.Response:
        began.set()
        await asyncio.sleep(5)
        return web.Response()

    task = asyncio.create_task(rig(await serve(handle)).source.read(window(), Profile()))
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_server_that_insists_on_a_sort_by_name_gets_one(rig: Any, sandbox: Any) -> None:
    """The page asks for it, its sample leaves it out: it is the last sort key from the first refusal on."""
    async with sandbox(catalogue(250), sort_needs_name=True) as served:
        built = rig(served.url)
        got = await built.source.read(window(), Profile())
        assert isinstance(got, Sweep)
        assert (got.state, got.proof, got.seen) == (State.PROVEN, Proof.L1, 250)
        refused = [seen for seen in served.requests if seen.status != 200]
        assert len(refused) == 1
        assert list(served.requests[-1].body["sortBy"]) == ["createdAt", "name"]


@pytest.mark.parametrize("filtered_date", ["createdAt", "updatedAt", "none"])
async def test_a_read_without_dates_shows_everything_whatever_is_filtered(
    rig: Any, sandbox: Any, filtered_date: str
) -> None:
    """The proof needs no dates; rows outside of the window belong to it as well."""
    rows = catalogue(250)
    rows.insert("a1", "sms", created_at=datetime(1999, 1, 1, tzinfo=UTC), now=PAST)
    rows.insert("a1", "sms", created_at=NOW - timedelta(minutes=1), now=NOW)
    async with sandbox(rows, filtered_date=filtered_date) as served:
        built = rig(served.url)
        profile = Profile(filtered_date=None if filtered_date == "createdAt" else FilteredDate.UPDATED)
        got = await built.source.read(window(reason=Reason.UNDATED), profile)
        assert isinstance(got, Sweep)
        assert (got.state, got.proof, got.seen, got.beyond) == (State.PROVEN, Proof.L4, 252, 0)
        assert all("startDate" not in seen.body for seen in served.requests)


async def test_a_backfill_that_ends_within_the_settle_time_keeps_to_its_end(rig: Any, sandbox: Any) -> None:
    """Only the tail is open-ended: a row created at or after --end is another window's."""
    rows = catalogue(0)
    for minutes in (8, 4):
        rows.insert("a1", "sms", created_at=NOW - timedelta(minutes=minutes), now=NOW - timedelta(minutes=minutes))
    async with sandbox(rows) as served:
        asked = window(NOW - timedelta(minutes=9), NOW - timedelta(minutes=5), Reason.BACKFILL)
        got = await rig(served.url).source.read(asked, Profile())
        assert isinstance(got, Sweep)
        assert (got.state, len(got.records)) == (State.OPEN, 1)
