"""One HTTP attempt against hostile servers on real sockets: bounded in time, size and trust."""

from __future__ import annotations

import asyncio
import gzip
import traceback
import tracemalloc
import zlib
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from etl.errors import AttemptFailed
from etl.extract import attempt
from etl.extract.answers import Answer

TOKEN = "eyJcanary.eyJtoken.c2ln"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


async def post(session: aiohttp.ClientSession, url: str, *, seconds: float = 5, bound: int = 1_000_000) -> Answer:
    headers = {"auth": TOKEN, "Accept-Encoding": "gzip"}
    return await attempt.post(session, url, headers=headers, body=b"{}", timeout_seconds=seconds, max_body_bytes=bound)


async def failure(session: aiohttp.ClientSession, url: str, **bounds: Any) -> AttemptFailed:
    with pytest.raises(AttemptFailed) as caught:
        await post(session, url, **bounds)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value.__cause__)
    assert "canary" not in shown
    return caught.value


def talk(*parts: bytes, hold: bool = False) -> Any:
    async def talker(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
        if hold:
            await asyncio.sleep(30)

    return talker


async def test_an_answer_comes_back_whole(session: aiohttp.ClientSession, serve: Any) -> None:
    """Status, headers (case-insensitive) and unpacked body, whatever the status."""

    async def handle(request: web.Request) -> web.Response:
        assert (request.method, await request.read(), request.headers["auth"]) == ("POST", b"{}", TOKEN)
        return web.Response(status=503, body=gzip.compress(b"x" * 9999), headers={"Content-Encoding": "gzip"})

    got = await post(session, await serve(handle))
    assert (got.status, got.body, got.headers["content-encoding"]) == (503, b"x" * 9999, "gzip")
    assert got.server_now is not None


async def test_redirects_are_not_followed_and_cookies_not_kept(session: aiohttp.ClientSession, serve: Any) -> None:
    """The 302 itself is the answer, the other host hears nothing, and no cookie comes back next time."""
    heard: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        heard.append(request.path)
        return web.Response()

    other = await serve(elsewhere)

    async def handle(request: web.Request) -> web.Response:
        assert "Cookie" not in request.headers
        return web.Response(status=302, headers={"Location": other, "Set-Cookie": "a=b"})

    host = await serve(handle)
    assert [(await post(session, host)).status, (await post(session, host)).status] == [302, 302]
    assert heard == []


async def test_a_dripping_body_ends_at_the_wall_clock(session: aiohttp.ClientSession, serve_raw: Any) -> None:
    """A byte now and then does not keep an attempt alive: the bound is over the whole of it."""

    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"Content-Length: 100000\r\n\r\n")
        for _ in range(1000):
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)

    error = await failure(session, await serve_raw(drip), seconds=0.15)
    assert "0.15 seconds" in str(error)
    assert error.answered


async def test_a_silent_server_has_not_answered(session: aiohttp.ClientSession, serve_raw: Any) -> None:
    """Nothing came back at all, and that is told."""
    error = await failure(session, await serve_raw(talk(hold=True)), seconds=0.1)
    assert not error.answered


async def test_an_endless_body_is_not_read_beyond_the_bound(session: aiohttp.ClientSession, serve_raw: Any) -> None:
    """Reading stops soon after the bound; the server cannot fill the memory."""
    sent = 0

    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(HEAD + b"\r\n")
        while sent < 200_000_000:
            writer.write(b"x" * 65536)
            sent += 65536
            await writer.drain()

    error = await failure(session, await serve_raw(endless), bound=1_000_000)
    assert "larger than 1000000 bytes" in str(error)
    assert sent < 50_000_000


async def test_ten_gigabytes_in_a_bomb_stay_small(session: aiohttp.ClientSession, serve_raw: Any) -> None:
    """Sent as long as anybody reads: the attempt ends at the bound, after little was sent, in little memory."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    begin = packer.compress(b"\0" * 10_000_000) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(b"\0" * 10_000_000) + packer.flush(zlib.Z_FULL_FLUSH)  # stands by itself, so it repeats
    sent = 0

    async def ten_gigabytes(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(HEAD + b"Content-Encoding: gzip\r\n\r\n" + begin)
        for _ in range(1_000):
            writer.write(again)
            sent += len(again)
            await writer.drain()

    url = await serve_raw(ten_gigabytes)
    tracemalloc.start()
    try:
        error = await failure(session, url, bound=32 * 1024 * 1024, seconds=30)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "larger than 33554432 bytes" in str(error)
    assert peak < 100_000_000
    assert sent < 5_000_000


async def test_a_body_of_exactly_the_bound_is_read(session: aiohttp.ClientSession, serve_raw: Any) -> None:
    """The bound itself is allowed, packed or not; one byte more is not."""
    plain, packed = b"y" * 5000, gzip.compress(b"y" * 5000)
    first = await serve_raw(talk(HEAD + b"Content-Length: 5000\r\n\r\n" + plain))
    second = await serve_raw(
        talk(HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed)
    )
    for url in (first, second):
        assert (await post(session, url, bound=5000)).body == plain
        await failure(session, url, bound=4999)


PACKED = gzip.compress(b'{"status": "success"}' * 100)
BROKEN = {
    "cut off by length": HEAD + b"Content-Length: 100\r\n\r\n{",
    "cut off in a chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\nff\r\nabc",
    "bad chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",
    "gzip cut off": HEAD + b"Content-Encoding: gzip\r\n\r\n" + PACKED[:-6],
    "gzip that is none": HEAD + b"Content-Encoding: gzip\r\n\r\n{}",
    "gzip and more": HEAD + b"Content-Encoding: gzip\r\n\r\n" + PACKED + b"more",
    "another packing": HEAD + b"Content-Encoding: br\r\n\r\nxxxx",
    "no HTTP": b"SSH-2.0-canary\r\n\r\n",
    "endless header": b"HTTP/1.1 200 OK\r\nX: " + b"canary" * 100_000,
    "nothing": b"",
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_answer_is_a_failed_attempt(session: aiohttp.ClientSession, serve_raw: Any, name: str) -> None:
    """Truncated, mislabelled and malformed answers fail the attempt and quote nothing."""
    await failure(session, await serve_raw(talk(BROKEN[name])))


async def test_no_connection_is_no_answer(session: aiohttp.ClientSession, unused_port: int) -> None:
    """Refused connections and unknown hosts are told apart from answers; the cause is kept."""
    refused = await failure(session, f"http://127.0.0.1:{unused_port}/x")
    assert isinstance(refused.__cause__, aiohttp.ClientConnectorError)
    assert not refused.answered
    assert "127.0.0.1" in str(refused)
    assert not (await failure(session, "http://no-such-host.invalid/x")).answered


@pytest.fixture
async def unused_port() -> int:
    server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return port


async def test_cancellation_passes_through(session: aiohttp.ClientSession, serve_raw: Any) -> None:
    """A cancelled attempt is cancelled, not failed."""
    task = asyncio.create_task(post(session, await serve_raw(talk(hold=True)), seconds=30))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
