"""How the room gets a connection: one transaction to read, one to write, and what is undone when something fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from etl.warehouse import dialect, failures
from etl.warehouse.address import Address

WINDOWS = 3
"""Windows stored in PostgreSQL at once: each is held whole, and more would only take turns. What is short, such as a
lease's renewal, does not queue behind them."""


class Database:
    """The warehouse's engine. Nothing is opened before the first transaction.

    Both transactions raise WarehouseError for whatever the driver raises; any exception rolls back.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self._engine = dialect.open_engine(address)
        self._writing = self._engine.execution_options(**{dialect.WRITES: True})
        self._foreign = dialect.foreign_errors(address)
        # SQLite has one writer at a time and its own waiting is unfair: our tasks queue here, in order
        self._turn: AbstractAsyncContextManager[object] = nullcontext() if address.file is None else asyncio.Lock()
        self._window_turn = asyncio.Semaphore(WINDOWS) if address.file is None else self._turn

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that writes nothing."""
        with failures.translated(self._foreign, self.address.shown):
            async with self._engine.begin() as connection:
                yield connection

    @asynccontextmanager
    async def write(self, *, window: bool = False) -> AsyncIterator[AsyncConnection]:
        """A transaction that may write: committed when the body ends, rolled back when it raises. `window`: it stores
        one."""
        with failures.translated(self._foreign, self.address.shown):
            async with self._window_turn if window else self._turn, self._writing.begin() as connection:
                yield connection

    def exists(self) -> bool:
        """Whether there is anything to open; a server counts as there."""
        with failures.translated(self._foreign, self.address.shown):
            try:
                return self.address.file is None or bool(self.address.file.stat())
            except (FileNotFoundError, NotADirectoryError):
                return False

    async def create_file(self, file: Path) -> None:
        """SQLite only: create the file unless it is there, and let readers and the writer work side by side (kept in
        the file)."""
        with failures.translated(self._foreign, self.address.shown):
            # A file that is there is not even opened: closing it would drop the locks of this process's connections.
            with suppress(FileExistsError):
                file.open("xb").close()
            async with self._turn:
                await asyncio.to_thread(dialect.enable_wal, file, self.address.connect_args["timeout"])

    async def close(self) -> None:
        with failures.translated(self._foreign, self.address.shown):
            await self._engine.dispose()
