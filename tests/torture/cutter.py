"""A proxy before PostgreSQL that cuts the connection at a COMMIT: forwarded and not answered, or never forwarded."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection

COMMIT = b"COMMIT;\0"
"""How asyncpg says it: a simple query."""

UNANSWERED, SWALLOWED = "unanswered", "swallowed"


@dataclass(slots=True)
class Cutter:
    """Tells the proxy's process what to cut next."""

    port: int
    _orders: Connection

    def arm(self, commit: int, how: str) -> None:
        """Cut at that commit from now, counted from 1; 0 cuts none."""
        self._orders.send((commit, how))
        self._orders.recv()

    def counted(self) -> int:
        """Commits since it was armed."""
        self._orders.send(None)
        return int(self._orders.recv())


@contextmanager
def cutting(server_port: int) -> Iterator[Cutter]:
    """The proxy, in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, server_port), daemon=True)
    process.start()
    try:
        yield Cutter(ours.recv(), ours)
    finally:
        process.terminate()
        process.join()


def _serve(orders: Connection, server_port: int) -> None:
    asyncio.run(_Proxy(server_port).serve(orders))


class _Proxy:
    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._seen, self._cut_at, self._how = 0, 0, UNANSWERED
        self._connections: set[asyncio.Task[None] | None] = set()
        """The event loop itself keeps no hold of them."""

    async def serve(self, orders: Connection) -> None:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        orders.send(server.sockets[0].getsockname()[1])
        while True:
            order = await asyncio.to_thread(orders.recv)
            if order is not None:
                self._seen, (self._cut_at, self._how) = 0, order
            orders.send(self._seen)

    async def _connected(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._connections.add(task)
        server, to_server = await asyncio.open_connection("127.0.0.1", self._server_port)
        answers = asyncio.create_task(_pump(server, to_client))
        try:
            await self._forward(client, server, to_server, answers)
        except ConnectionError:
            pass
        finally:
            answers.cancel()
            to_client.transport.abort()
            to_server.transport.abort()
            self._connections.discard(task)

    async def _forward(
        self,
        client: asyncio.StreamReader,
        server: asyncio.StreamReader,
        to_server: asyncio.StreamWriter,
        answers: asyncio.Task[None],
    ) -> None:
        """Until the client ends, or its commit is to be cut."""
        while words := await client.read(65536):
            self._seen += COMMIT in words
            if COMMIT in words and self._seen == self._cut_at:
                answers.cancel()
                await asyncio.gather(answers, return_exceptions=True)
                if self._how == UNANSWERED:
                    to_server.write(words)
                    await server.read(65536)  # it is committed when this comes
                return
            to_server.write(words)
            await to_server.drain()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while words := await reader.read(65536):
            writer.write(words)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()
