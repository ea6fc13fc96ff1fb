"""Where a trial's warehouse is: put back to a template in a moment, and looked at as a crash left it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import asyncpg
import postgres
from torture.gate import Watched

from etl.cli.sandbox import write_config
from etl.sandbox.catalogue import SandboxAccount

QUIET_SECONDS = 20.0
"""How long a dead client's session may take to notice."""


class Place(Protocol):
    """One warehouse that is made, tortured and thrown away many times over."""

    name: str
    url: str

    def begin(self, template: str | None) -> None:
        """Make it what the template is; None: not there at all."""

    def keep(self, template: str) -> None:
        """Remember what it is now."""

    def look(self) -> str:
        """The URL of what a crash left behind, once the dead client is gone; looking does not change it."""

    def watched(self, source_url: str) -> Watched:
        """Which calls of a run are its own and its source's."""


def configured(folder: Path, url: str, source_url: str, accounts: tuple[SandboxAccount, ...], settings: str) -> Path:
    """A configuration that syncs the source into the warehouse at `url`. Returns its path."""
    path = write_config(folder, source_url, accounts, url)
    text = path.read_text().replace("[api]", "[api]\nbackoff_seconds = 0.01", 1)
    path.write_text(text + settings)
    return path


# -- SQLite ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SqlitePlace:
    """A file; templates are files in a folder that several places share."""

    folder: Path
    templates: Path
    name: str = "sqlite"

    @property
    def url(self) -> str:
        return f"sqlite:///{self._file}"

    @property
    def _file(self) -> Path:
        return self.folder / "warehouse.db"

    def begin(self, template: str | None) -> None:
        for left in self.folder.glob("warehouse.db*"):
            left.unlink()
        if template is not None:
            shutil.copyfile(self.templates / f"{template}.db", self._file)

    def keep(self, template: str) -> None:
        """The file alone: its write-ahead log went into it when the last connection closed."""
        shutil.copyfile(self._file, self.templates / f"{template}.db")

    def look(self) -> str:
        """A copy: opening the file itself would recover it, which is what the next run has to do."""
        copied = self.folder / "looked"
        shutil.rmtree(copied, ignore_errors=True)
        copied.mkdir()
        for left in self.folder.glob("warehouse.db*"):
            if not left.name.endswith("-shm"):  # memory of connections that are gone; the next one makes its own
                shutil.copyfile(left, copied / left.name)
        return f"sqlite:///{copied / self._file.name}"

    def watched(self, source_url: str) -> Watched:
        return Watched(self._file, {urlsplit(source_url).port or 0: "http"})


# -- PostgreSQL --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PostgresPlace:
    """A database of a server; templates are databases as well."""

    server: postgres.Server
    database: str
    port: int = 0
    """Where the command connects, where that is not the server itself."""
    name: str = "postgresql"

    @property
    def url(self) -> str:
        return postgres.Server(self.port or self.server.port).url(self.database)

    def begin(self, template: str | None) -> None:
        source = f" TEMPLATE {template}" if template else ""
        self._administer(
            f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE)", f"CREATE DATABASE {self.database}{source}"
        )

    def keep(self, template: str) -> None:
        self._administer(
            f"DROP DATABASE IF EXISTS {template} WITH (FORCE)", f"CREATE DATABASE {template} TEMPLATE {self.database}"
        )

    def look(self) -> str:
        """The database itself, when no session is left: a dead client's may be committing still."""
        asyncio.run(self._quiet())
        return self.server.url(self.database)

    def watched(self, source_url: str) -> Watched:
        return Watched(None, {urlsplit(source_url).port or 0: "http", urlsplit(self.url).port or 0: "postgresql"})

    def _administer(self, *statements: str) -> None:
        asyncio.run(self._execute(statements))

    async def _execute(self, statements: tuple[str, ...]) -> None:
        connection = await asyncpg.connect(self.server.url("postgres"))
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    async def _quiet(self) -> None:
        connection = await asyncpg.connect(self.server.url("postgres"))
        deadline = time.monotonic() + QUIET_SECONDS
        sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1"
        try:
            while await connection.fetchval(sessions, self.database):
                if time.monotonic() > deadline:
                    raise TimeoutError("A session outlived its killed client.")
                await asyncio.sleep(0.005)
        finally:
            await connection.close()


class Cluster:
    """A PostgreSQL server that can lose its life and be started again on the same data. Durable, as in real use."""

    DURABLE = ("fsync=on", "synchronous_commit=on", "full_page_writes=on")

    def __init__(self, home: Path) -> None:
        self._home = home
        self._programs = postgres.prepared(home)
        self._process: subprocess.Popen[bytes] | None = None
        self.server = postgres.Server(postgres.free_port())

    def start(self) -> None:
        """Start, recover where that is needed, and wait until sessions are taken."""
        self._process = postgres.started(self._programs, self._home, self.server.port, self.DURABLE)

    def crash(self) -> None:
        """SIGKILL to the server and every process of it: nothing is flushed, nothing said to anybody."""
        if self._process is None:
            return
        os.kill(self._process.pid, signal.SIGSTOP)  # it must not start new ones meanwhile
        for pid in [*_children(self._process.pid), self._process.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def stop(self) -> None:
        if self._process is not None:
            postgres.stop(self._process)


@contextmanager
def crashable() -> Iterator[Cluster]:
    """A started cluster of its own, gone at the end."""
    home = Path(tempfile.mkdtemp(prefix="kore-etl-crash-"))
    try:
        cluster = Cluster(home)
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _children(parent: int) -> list[int]:
    found: list[Any] = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            found += [int(stat.parent.name)] if int(fields[1]) == parent else []
    return found
