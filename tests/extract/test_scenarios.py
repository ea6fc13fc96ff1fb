"""Whole histories and their tails, read from every kind of odd server: nothing proven misses a row, and it ends."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from extract.scenes import ACCOUNT, NOW, PAST, insert, window

from etl.extract.source import AccountSource
from etl.model import FailedRead, Profile, Proof, Split, State, Sweep, Window
from etl.sandbox.app import Sandbox
from etl.sandbox.catalogue import Catalogue
from etl.sandbox.faults import Call, Every, Fault, OnPage
from etl.sandbox.switches import Switches

PAGE_SIZE = 20
MOST_REQUESTS = 800
"""For 135 rows, 20 a page, while the list moves all the time; half of it for a quiet list."""

Dates = dict[str, tuple[datetime, datetime]]


L1, L2, L3, L4 = Proof


@dataclass(frozen=True)
class Server:
    """One kind of odd server, and the proofs that its quiet history may end with; None: some of it is unproven."""

    proofs: frozenset[Proof | None]
    switches: dict[str, Any] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    silent: tuple[str, ...] = ()
    """Fields that it leaves out of `data`."""
    whole: bool = True
    """Whether its quiet history is read whole."""


def proven_by(*proofs: Proof, faults: tuple[Fault, ...] = (), silent: tuple[str, ...] = (), **switches: Any) -> Server:
    return Server(frozenset(proofs), switches, faults, silent)


def unproven(*faults: Fault, silent: tuple[str, ...] = (), **switches: Any) -> Server:
    return Server(frozenset({None}), switches, faults, silent)


def now_and_then(kind: str) -> Server:
    return proven_by(*Proof, faults=(Fault(kind, on=Every(7)),))


SERVERS = {
    "as documented": proven_by(L1),
    "no totals": unproven(total="absent"),
    "neither totals nor hasMore": unproven(total="absent", silent=("hasMore",)),
    "totals without hasMore": proven_by(L1, silent=("hasMore",)),
    "page wins": proven_by(L1, offset_wins="page"),
    "page wins, capped": proven_by(L1, offset_wins="page", max_limit=7, limit_echo="asked"),
    "exclusive end": proven_by(L1, bounds="exclusive-end"),
    "exclusive bounds": proven_by(L1, bounds="exclusive"),
    "capped, echoed": proven_by(L1, max_limit=7),
    "capped, not echoed": proven_by(L1, max_limit=7, limit_echo="asked"),
    "capped, no echo": proven_by(L1, max_limit=7, limit_echo="absent"),
    "ties shuffled": proven_by(L1, L2, L3, ties="shuffled"),
    "order ignored": proven_by(L1, order_kept=False),
    "order ignored, ties shuffled": proven_by(L1, L4, order_kept=False, ties="shuffled"),
    "filter on updatedAt": proven_by(L4, filtered_date="updatedAt"),
    "filter on updatedAt, exclusive": proven_by(L4, filtered_date="updatedAt", bounds="exclusive"),
    "dates ignored": proven_by(L4, filtered_date="none"),
    "counts first": proven_by(L1, find_and_count="count-first"),
    "finds first": proven_by(L1, find_and_count="find-first"),
    "undated refused": proven_by(L1, undated="refused"),
    "clock an hour behind": proven_by(L1, clock_skew_seconds=-3600.0),
    "empty third page with hasMore": proven_by(L1, L2, faults=(Fault("empty_page", on=OnPage(3)),)),
    "empty page with hasMore, now and then": now_and_then("empty_page"),
    "repeated third page": proven_by(L1, L2, faults=(Fault("repeat_page", on=OnPage(3)),)),
    "repeated page, now and then": now_and_then("repeat_page"),
    "endless hasMore": unproven(Fault("endless_has_more")),
    "endless hasMore, now and then": now_and_then("endless_has_more"),
    "error envelope, now and then": proven_by(L1, faults=(Fault("error_envelope", on=Every(3)),)),
    "short pages": proven_by(L4, faults=(Fault("short_page"),)),
    "short page, now and then": now_and_then("short_page"),
    "last page falsely empty": Server(frozenset({None, L1}), faults=(Fault("falsely_empty_last_page"),), whole=False),
    "last page falsely empty, twice": proven_by(*Proof, faults=(Fault("falsely_empty_last_page", times=2),)),
}


def history() -> Catalogue:
    """130 campaigns three at an instant, every seventh updated days later, and five in the open tail."""
    made = Catalogue([ACCOUNT])
    for number in range(130):
        created = PAST + timedelta(hours=12) * (number // 3)
        insert(made, created, created + timedelta(days=5) if number % 7 == 0 else None)
    for minute in range(5):
        insert(made, NOW - timedelta(minutes=minute, seconds=30))
    return made


def dates(rows: Catalogue) -> Dates:
    return {
        row["id"]: (datetime.fromisoformat(row["createdAt"]), datetime.fromisoformat(row["updatedAt"]))
        for row in rows.listing("a1", "sms")
    }


@asynccontextmanager
async def serving(
    server: Server, rows: Catalogue, time: Any, serve: Any, session: aiohttp.ClientSession
) -> AsyncIterator[tuple[Sandbox, str]]:
    """The odd server and its address; one that is silent about something speaks through a relay."""
    async with Sandbox(rows, switches=Switches(**server.switches), faults=server.faults, clock=time.clock) as served:
        yield served, (await serve(relay(served.url, server.silent, session)) if server.silent else served.url)


def relay(
    url: str, silent: tuple[str, ...], session: aiohttp.ClientSession
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        headers = {name: request.headers[name] for name in ("auth", "iid", "accountId", "Content-Type")}
        async with session.post(url + request.path_qs, data=await request.read(), headers=headers) as answer:
            body = await answer.json()
            body["data"] = {name: value for name, value in body["data"].items() if name not in silent}
            return web.json_response(body, headers={"Date": answer.headers["Date"]})

    return handle


Seen = list[tuple[Sweep, Dates, Dates]]


async def read_everything(source: AccountSource, rows: Catalogue, start: datetime) -> Seen:
    """History and tail, in whatever pieces; with each sweep, what there was before and after it."""
    waiting, profile, seen = [window(start, NOW)], Profile(), []
    for _ in range(400):
        if not waiting:
            return seen
        before = dates(rows)
        got = await source.read(waiting.pop(0), profile)
        assert isinstance(got, Sweep | Split | FailedRead)
        if isinstance(got, FailedRead):
            continue
        profile = got.profile
        if isinstance(got, Split):
            waiting = [*got.parts, *waiting]
        else:
            seen.append((got, before, dates(rows)))
    raise AssertionError("reading does not end")


def stable(asked: Window, filtered: str, before: Dates, after: Dates) -> set[str]:
    """What this server's listing of a closed window held all the time."""

    def inside(known: tuple[datetime, datetime]) -> bool:
        instant = known[1] if filtered == "updatedAt" else known[0]
        return filtered == "none" or asked.start <= instant < asked.end

    return {key for key in before.keys() & after.keys() if inside(before[key]) and inside(after[key])}


def assert_nothing_proven_misses_a_row(server: Server, seen: Seen) -> None:
    for got, before, after in seen:
        if got.state is State.PROVEN:
            filtered = str(server.switches.get("filtered_date", "createdAt"))
            assert stable(got.window, filtered, before, after) <= {row.key for row in got.records}


@pytest.mark.parametrize("max_window_rows", [5000, 50])
@pytest.mark.parametrize("name", SERVERS)
async def test_a_quiet_history_is_read_whole(
    rig: Any, serve: Any, session: aiohttp.ClientSession, time: Any, name: str, max_window_rows: int
) -> None:
    """Every row, by the proof that this server allows; in one window, and split into many."""
    server, rows = SERVERS[name], history()
    async with serving(server, rows, time, serve, session) as (served, url):
        source = rig(url, page_size=PAGE_SIZE, max_window_rows=max_window_rows).source
        seen = await read_everything(source, rows, PAST - timedelta(days=1))
        assert_nothing_proven_misses_a_row(server, seen)
        assert len(served.requests) < MOST_REQUESTS / 2
        if server.whole:
            assert {row.key for got, _, _ in seen for row in got.records} == dates(rows).keys()
        proofs = {got.proof for got, _, _ in seen if got.state is not State.OPEN}
        assert proofs <= server.proofs or (max_window_rows == 50 and None not in proofs)


def churn(seed: int) -> Callable[[Catalogue, Call], None]:
    """At random: a row goes, a row is updated, a row is added."""
    chance = random.Random(seed)

    def act(rows: Catalogue, call: Call) -> None:
        one = chance.choice(sorted(rows.of("a1", "sms").rows))
        match chance.randrange(3):
            case 0:
                rows.delete("a1", "sms", one)
            case 1:
                rows.update("a1", "sms", one, now=call.at)
            case _:
                insert(rows, call.at)

    return act


@pytest.mark.parametrize("every", [1, 5])
@pytest.mark.parametrize("name", SERVERS)
async def test_nothing_is_proven_that_misses_a_row_while_the_list_moves(
    rig: Any, serve: Any, session: aiohttp.ClientSession, time: Any, name: str, every: int
) -> None:
    """Rows come, go and change at every so many requests: a window is proven with all its stable rows, or is not."""
    server, rows = SERVERS[name], history()
    async with serving(server, rows, time, serve, session) as (served, url):
        served.faults = (*server.faults, Fault("mutate", on=Every(every), act=churn(every)))
        source = rig(url, page_size=PAGE_SIZE).source
        seen = await read_everything(source, rows, PAST - timedelta(days=1))
        assert_nothing_proven_misses_a_row(server, seen)
        assert len(served.requests) < MOST_REQUESTS
