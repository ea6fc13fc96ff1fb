"""Where the programs of a bench write: new databases and copies of filled ones, on PostgreSQL and on SQLite.

PostgreSQL is one server for all, on loopback, as the tests start it (fsync off, so that nobody waits for this
machine's disk), with memory as a small server would have it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import asyncpg
import postgres


class Warehouses(Protocol):
    """Databases of one dialect. An address is what the hand-made programs are told: a PostgreSQL URL or a path."""

    dialect: str

    def fresh(self, source: str | None = None) -> str:
        """A database nobody used yet: empty, or a copy of another one."""

    def fetch(self, address: str, query: str) -> Sequence[Sequence[Any]]:
        """What a query says."""

    def drop(self, address: str) -> None:
        """Remove a database."""


class _Postgres:
    dialect = "postgresql"

    def __init__(self, server: postgres.Server) -> None:
        self._server = server
        self._numbers = itertools.count(1)

    def fresh(self, source: str | None = None) -> str:
        name = f"bench_{next(self._numbers)}"
        template = f" TEMPLATE {source.rpartition('/')[2]}" if source else ""
        self.fetch(self._server.url("postgres"), f"CREATE DATABASE {name}{template}")
        self.fetch(self._server.url("postgres"), "CHECKPOINT")  # what was written before is not this one's business
        return self._server.url(name)

    def fetch(self, address: str, query: str) -> Sequence[Sequence[Any]]:
        async def run() -> Sequence[Sequence[Any]]:
            connection = await asyncpg.connect(address)
            try:
                return await connection.fetch(query)
            finally:
                await connection.close()

        return asyncio.run(run())

    def drop(self, address: str) -> None:
        self.fetch(self._server.url("postgres"), f"DROP DATABASE {address.rpartition('/')[2]} WITH (FORCE)")


class _Sqlite:
    dialect = "sqlite"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count(1)

    def fresh(self, source: str | None = None) -> str:
        path = self._folder / f"bench_{next(self._numbers)}.db"
        if source:
            shutil.copyfile(source, path)
        return str(path)

    def fetch(self, address: str, query: str) -> Sequence[Sequence[Any]]:
        with contextlib.closing(sqlite3.connect(address)) as connection:
            return connection.execute(query).fetchall()

    def drop(self, address: str) -> None:
        for path in self._folder.glob(f"{Path(address).name}*"):
            path.unlink()


@contextmanager
def opened(dialect: str) -> Iterator[Warehouses]:
    """The databases of a dialect; gone at the end."""
    if dialect == "postgresql":
        with postgres.running() as server:
            yield _Postgres(server)
        return
    folder = Path(tempfile.mkdtemp(prefix="kore-etl-bench-"))
    try:
        yield _Sqlite(folder)
    finally:
        shutil.rmtree(folder)
