"""What a hostile server says: each a function that writes to the socket; its test holds what must follow."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import zlib
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

from gateway import Request, Talk

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
LIMIT = 1_000_000
"""`max_body_mb` is 1 in these tests."""


def says(raw: bytes) -> Talk:
    """Just these bytes, then the connection closes."""

    async def talk(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)

    return talk


def answer(status: int, body: bytes | str = b"", *headers: str, kind: str = "application/json") -> Talk:
    """A whole answer of this status."""
    data = body.encode() if isinstance(body, str) else body
    told = [f"Content-Type: {kind}", f"Content-Length: {len(data)}", "Connection: close"]
    lines = [f"HTTP/1.1 {status} Whatever", *told, *headers]
    return says("\r\n".join([*lines, "", ""]).encode() + data)


def bent(change: Callable[[bytes], bytes], *headers: bytes, length: Callable[[int], int] = lambda n: n) -> Talk:
    """The sandbox's own answer, its body changed; `headers` come on top. The connection closes, which is told."""
    ending = () if any(header.startswith(b"Connection:") for header in headers) else (b"Connection: close",)

    async def talk(request: Request, writer: asyncio.StreamWriter) -> None:
        _, body = await request.relayed()
        body = change(body)
        lines = [b"HTTP/1.1 200 OK", *headers, *ending, b"Content-Length: %d" % length(len(body)), b"", b""]
        writer.write(b"\r\n".join(lines) + body)

    return talk


def page(**data: Any) -> Talk:
    """The sandbox's own page with members of `data` replaced."""

    def change(body: bytes) -> bytes:
        document = json.loads(body)
        document["data"] |= data
        return json.dumps(document).encode()

    return bent(change)


def endlessly(head: bytes, part: bytes, seconds: float = 0.0) -> Talk:
    """The head, then the same for as long as anybody listens."""

    async def talk(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while not writer.is_closing():
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(seconds)

    return talk


async def silent(_: Request, writer: asyncio.StreamWriter) -> None:
    """The connection stays open and nothing comes."""
    await asyncio.sleep(1)


async def gone(_: Request, writer: asyncio.StreamWriter) -> None:
    """The connection is reset."""
    writer.transport.abort()


async def http_1_0(request: Request, writer: asyncio.StreamWriter) -> None:
    """The sandbox's own body, ended by the end of the connection."""
    _, body = await request.relayed()
    writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + body)


def bomb(pack: Callable[[bytes], bytes], encoding: bytes) -> Talk:
    """16 MB that unpack from very little. The connection closes, which is told."""
    packed = pack(b" " * 16_000_000)
    head = b"Connection: close\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (encoding, len(packed))
    return says(OK + head + packed)


def twice(body: bytes) -> bytes:
    """The envelope says its data twice; the second time there is nothing."""
    empty = b'{"results":[],"skip":0,"limit":100,"hasMore":false,"totalPages":0,"totalResults":0}'
    return body.rstrip()[:-1] + b',"data":' + empty + b"}"


def deep(body: bytes) -> bytes:
    """A member nested 100,000 deep stands before the others."""
    return b'{"deep":' + b"[" * 100_000 + b"]" * 100_000 + b"," + body.lstrip()[1:]


# 64 MB of spaces, made with the reference encoders: nothing here can make them.
ZSTD = base64.b64decode("KLUv/aAAAACAAFQAABAgIAEA+38FAgAA")

NOT_AGAIN = '{"errors":[{"msg":"Invalid SDK credentials","code":4002}]}'
PACKED = gzip.compress(b'{"status":"success"}' * 100)
DEFLATED = zlib.compress(b'{"status":"success"}' * 100)


def http_date(seconds: float) -> str:
    """So many seconds from now, as HTTP writes it."""
    import time

    return formatdate(time.time() + seconds, usegmt=True)


def total(body: bytes, spelt: Callable[[int], Any]) -> bytes:
    """The total in another spelling."""
    document = json.loads(body)
    document["data"]["totalResults"] = spelt(document["data"]["totalResults"])
    return json.dumps(document).encode()
