"""SQLite's locks are the process's: closing any other handle of the file would drop them all."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from warehouse.samples import Clock, query

from etl.warehouse.warehouse import Warehouse

PASSES_BY = (
    "import sqlite3, sys\n"
    "database = sqlite3.connect(sys.argv[1])\n"
    "database.execute('CREATE TABLE passed_by (at)')\n"
    "database.close()\n"
)


async def test_migrating_a_file_that_is_there_keeps_the_locks_on_it(empty_sqlite_url: str, clock: Clock) -> None:
    """Two runs on a new database: else the one that ends first removes the log that the other still writes to, and
    what that one stores from then on is lost."""
    file = Path(empty_sqlite_url.removeprefix("sqlite:///"))
    async with Warehouse.connect(empty_sqlite_url, clock=clock) as warehouse:
        await warehouse.migrate()
        await warehouse.migrate()  # its first connection is open all the time
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", PASSES_BY, str(file))
        assert await process.wait() == 0
        assert file.with_name(f"{file.name}-wal").exists(), "another process took itself for the last one"
    assert await query(empty_sqlite_url, "SELECT * FROM passed_by") == []
