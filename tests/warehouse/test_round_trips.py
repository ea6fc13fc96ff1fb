"""What a statement costs in round trips, and that none relies on what a server was told before: behind a transaction
pooler it is another server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from sqlalchemy import text
from warehouse.samples import SMS, Clock, Night, campaign

from etl.warehouse.address import parse
from etl.warehouse.database import Database
from etl.warehouse.warehouse import Warehouse

SERVERS = 2
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Pooler:
    """A transaction pooler in front of a PostgreSQL: each of its clients has servers of its own, and takes turns."""

    host: str
    port: int
    transactions: int = 0
    trips: int = 0
    """How often a client waited for an answer: it sent Query, Sync or Flush."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = await reader.readexactly(4)
        startup = length + await reader.readexactly(int.from_bytes(length) - 4)
        servers = [await asyncio.open_connection(self.host, self.port) for _ in range(SERVERS)]
        for _, to_server in servers:
            to_server.write(startup)
        greetings = [await greeting(from_server) for from_server, _ in servers]
        writer.write(greetings[0])
        turn = 0
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                turn = (turn + 1) % SERVERS
                await self.transaction((reader, writer), servers[turn])
                self.transactions += 1
        for _, to_server in servers:
            to_server.close()
        writer.close()

    async def transaction(self, client: Stream, server: Stream) -> None:
        """Relay until the server has no transaction open."""
        sending = asyncio.create_task(self.relay(client[0], server[1]))
        try:
            while True:
                receiving = asyncio.create_task(message(server[0]))
                await asyncio.wait((sending, receiving), return_when=asyncio.FIRST_COMPLETED)
                if sending.done():
                    receiving.cancel()
                    sending.result()
                answer = await receiving
                client[1].write(answer)
                if answer == b"Z\0\0\0\x05I":
                    return
        finally:
            sending.cancel()
            await asyncio.wait((sending,))

    async def relay(self, client: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        while True:
            said = await message(client)
            self.trips += said[:1] in b"QSH"
            server.write(said)


async def message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(5)
    return head + await reader.readexactly(int.from_bytes(head[1:]) - 4)


async def greeting(reader: asyncio.StreamReader) -> bytes:
    """What a server says until it is ready, under a process id that is none of its own."""
    said = b""
    while not said.endswith(b"Z\0\0\0\x05I"):
        one = await message(reader)
        said += one if one[:1] != b"K" else one[:5] + b"\0\0\0\x07" + one[9:]
    return said


@contextlib.asynccontextmanager
async def pooled(url: str) -> AsyncIterator[tuple[str, Pooler]]:
    """The same database behind a pooler."""
    place = urlsplit(url)
    assert place.hostname is not None
    assert place.port is not None
    pooler = Pooler(place.hostname, place.port)
    async with await asyncio.start_server(pooler.serve, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        yield urlunsplit(place._replace(netloc=f"{place.username}@127.0.0.1:{port}")) + "?sslmode=disable", pooler


async def named(url: str) -> int:
    """How many statements the servers of our connections know by a name."""
    database = Database(parse(url, schema="public", password=None))
    known = text("SELECT count(*) FROM pg_prepared_statements")
    try:
        counts = []
        for _ in range(2 * SERVERS):
            async with database.read() as connection:
                await connection.execute(text("SELECT 1"))
                counts.append(await connection.scalar(known))
        return sum(counts)
    finally:
        await database.close()


async def test_a_night_behind_a_pooler(postgres_url: str, clock: Clock) -> None:
    """Every transaction meets another server, and none knows what another one was told."""
    async with pooled(postgres_url) as (url, pooler):
        async with Warehouse.connect(url, clock=clock) as warehouse:
            for count in (1, 2):
                async with Night(warehouse, clock) as night:
                    loaded = await night.store(campaign("c-1", total_messages_sent=count), campaign("c-2"))
                    assert loaded.inserted + loaded.updated == 3 - count
            assert (await warehouse.scope_state(SMS)).stored == 2
        assert pooler.transactions >= 9
        assert await named(url) == 0


async def test_a_statement_is_asked_about_once(postgres_url: str) -> None:
    """Its second execution costs one round trip."""
    async with pooled(postgres_url) as (url, pooler):
        database = Database(parse(url, schema="public", password=None))
        try:
            for _ in range(2):
                before = pooler.trips
                async with database.read() as connection:
                    await connection.execute(text("SELECT 1"))
                trips = pooler.trips - before
            assert trips == len(("BEGIN", "SELECT 1", "COMMIT"))
        finally:
            await database.close()
