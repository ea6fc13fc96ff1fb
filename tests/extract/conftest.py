"""A clock that only moves when somebody sleeps, servers on real sockets, and a source that reads from them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from etl import transform
from etl.extract.attempt import open_session
from etl.extract.auth import TokenMint
from etl.extract.pace import Pace
from etl.extract.places import Places
from etl.extract.retry import Budget, RetryPolicy
from etl.extract.room import Room
from etl.extract.source import AccountSource, Api
from etl.model import Campaign, Event, Record, Rejected, Scope

SECRET = "canary-secret-0123456789-0123456789"
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@dataclass
class Time:
    """Monotonic seconds and UTC; `sleep` moves both at once and lets others run."""

    seconds: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.seconds

    def clock(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds - 1000.0)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += max(0.0, seconds)
        await asyncio.sleep(0)


@pytest.fixture
def time() -> Time:
    return Time()


def decode(raw: bytes, scope: Scope) -> Record:
    """A stand-in for the transform: judges one record's bytes and never raises."""
    try:
        fields = json.loads(raw)
        key = fields.get("id") or fields["_id"]
    except (ValueError, KeyError, AttributeError, RecursionError):
        return Rejected(key=f"rejected-{len(raw)}", raw=repr(raw[:100]), reason="unreadable")
    return Campaign(
        campaign_id=key,
        raw=raw.decode(),
        content_hash="",
        status=fields.get("status"),
        created_at=_stamp(fields.get("createdAt")),
        updated_at=_stamp(fields.get("updatedAt")),
    )


def _stamp(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def envelope(records: list[Any], **data: Any) -> dict[str, Any]:
    """A page as Kore.ai documents it, all rows on it."""
    inside = {
        "results": records,
        "skip": 0,
        "limit": 100,
        "hasMore": False,
        "totalPages": 1,
        "totalResults": len(records),
    }
    return {"status": "success", "message": "Campaign  retrieved successfully", "data": inside | data}


@pytest.fixture
def page_of() -> Callable[..., dict[str, Any]]:
    return envelope


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Handler], Awaitable[str]]]:
    """Starts an HTTP server on loopback whose every request goes to the handler; gives its address."""
    runners: list[web.AppRunner] = []

    async def start(handler: Handler) -> str:
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", handler)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        runners.append(runner)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    yield start
    for runner in runners:
        await runner.cleanup()


Raw = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
async def serve_raw() -> AsyncIterator[Callable[[Raw], Awaitable[str]]]:
    """Starts a bare TCP server: the talker gets the streams once the request's head has come."""
    async with AsyncExitStack() as servers:

        async def start(talk: Raw) -> str:
            @asynccontextmanager
            async def running() -> AsyncIterator[int]:
                async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                    try:
                        await reader.readuntil(b"\r\n\r\n")
                        await talk(reader, writer)
                    except (ConnectionError, asyncio.IncompleteReadError):
                        return  # the client has gone, as it should
                    finally:
                        writer.close()

                server = await asyncio.start_server(connected, "127.0.0.1", 0)
                try:
                    yield server.sockets[0].getsockname()[1]
                finally:
                    server.close()

            return f"http://127.0.0.1:{await servers.enter_async_context(running())}"

        yield start


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with open_session(max_in_flight=8, trust_env=False) as opened:
        yield opened


@dataclass
class Rig:
    """A source and what it told."""

    source: AccountSource
    events: list[Event]
    mint: TokenMint


@pytest.fixture
def rig(time: Time, session: aiohttp.ClientSession) -> Callable[..., Rig]:
    """Builds a source for a host; keyword arguments go to `Api`."""

    def build(
        host: str,
        *,
        account_id: str = "a1",
        app_id: str = "st-1",
        client_id: str = "cs-1",
        secret: str = SECRET,
        single_use: bool = False,
        retry: RetryPolicy | None = None,
        clock: Callable[[], datetime] | None = None,
        places: Places | None = None,
        **api: Any,
    ) -> Rig:
        events: list[Event] = []
        clock = clock or time.clock
        mint = TokenMint(client_id, secret, 300, single_use, clock)
        policy = retry or RetryPolicy(max_attempts=3, backoff_seconds=0.01)
        pace = Pace(account_id, 0, monotonic=time.monotonic, sleep=time.sleep, emit=events.append)
        source = AccountSource(
            api=Api(host=host, account_id=account_id, app_id=app_id, **api),
            mint=mint,
            pace=pace,
            retry=policy,
            budget=Budget(events.append),
            session=session,
            in_flight=places or Places(8),
            room=Room(10_000),
            read=transform.each(decode),
            clock=clock,
            sleep=time.sleep,
            monotonic=time.monotonic,
            emit=events.append,
        )
        return Rig(source, events, mint)

    return build
