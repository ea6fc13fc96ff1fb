"""A bare TCP server in front of a sandbox: it relays requests, and says whatever a test wants in place of an answer."""

from __future__ import annotations

import asyncio
import re
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from etl.sandbox.app import Sandbox

Talk = Callable[["Request", asyncio.StreamWriter], Awaitable[None]]
Strikes = Callable[["Request"], bool]


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came, and a way to have it answered by the sandbox. `number` counts from 1."""

    number: int
    head: bytes
    body: bytes
    sandbox: str

    @property
    def account_id(self) -> str:
        """As its header says."""
        return re.search(rb"(?i)\r\naccountId: (\S+)", self.head)[1].decode()  # type: ignore[index]

    async def relayed(self) -> tuple[bytes, bytes]:
        """The sandbox's own answer: head without its blank line, body."""
        place = urlsplit(self.sandbox)
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        writer.write(self.head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1) + self.body)
        try:
            answer = await reader.read()
        finally:
            writer.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        return head, body


@dataclass
class Gateway:
    """`strikes` says of a request whether `talk` answers it; the sandbox answers the others."""

    sandbox: Sandbox
    talk: Talk | None = None
    strikes: Strikes = lambda _: False
    url: str = ""
    requests: list[Request] = field(default_factory=list)
    under_way: set[object] = field(default_factory=set)

    def struck(self, talk: Talk | None, strikes: Strikes = lambda _: True) -> None:
        """From now on; requests are counted from 1 again."""
        self.talk, self.strikes = talk, strikes
        self.requests.clear()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self.under_way.add(task)  # the event loop alone would let it be collected
        try:
            await self._answered(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass  # the client has gone, as it should
        finally:
            self.under_way.discard(task)
            writer.close()

    async def _answered(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        lengths = [int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        length = lengths[0] if lengths else 0  # a proxy's CONNECT has none
        request = Request(len(self.requests) + 1, head, await reader.readexactly(length), self.sandbox.url)
        self.requests.append(request)
        if self.talk is not None and self.strikes(request):
            await self.talk(request, writer)
        else:
            head, body = await request.relayed()
            writer.write(head + b"\r\n\r\n" + body)
        await writer.drain()


@contextmanager
def gateway(sandbox: Sandbox, tls: ssl.SSLContext | None = None) -> Iterator[Gateway]:
    """It listens in a thread of its own while this lasts; `url` leads there."""
    made, ready, done = Gateway(sandbox), threading.Event(), threading.Event()

    async def serve() -> None:
        server = await asyncio.start_server(made.connected, "127.0.0.1", 0, ssl=tls)
        made.url = f"http{'s' if tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ready.set()
        await asyncio.to_thread(done.wait)
        server.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert ready.wait(10), "the gateway did not start"
        yield made
    finally:
        done.set()
        thread.join(10)
