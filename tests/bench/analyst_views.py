"""How long the analysts' views take on a big warehouse, whether filters reach an index, and what the indexes cost.

`python tests/bench/analyst_views.py [CAMPAIGNS]` fills PostgreSQL and SQLite with a year of 20 accounts and prints
medians: every column of the whole view, of one account, and of a few days. Processor seconds (Linux) stand beside the
seconds that went by: on a machine with other work, only they can be compared.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import asyncpg
import postgres
from view_questions import Question, columns, questions, read_whole, read_whole_by_sqlite
from warehouse_filled import DAY, LAST_NIGHT, Tables, copy_to_postgres, filled, insert_into_sqlite, scopes

from etl.warehouse.schema import metadata
from etl.warehouse.warehouse import Warehouse

CAMPAIGNS = 200_000
LOADED, LOADS = 50_000, 3
ENOUGH_SECONDS = 8.0
"""A question is asked five times, or until that long has gone by."""
LONGEST_SECONDS = 120

FROM, UNTIL = LAST_NIGHT - 40 * DAY, LAST_NIGHT - 37 * DAY
ACCOUNT = scopes(20, 1)[14].account_id


TITLE = "seconds, of a processor, rows, big tables read whole"


@dataclass(frozen=True, slots=True)
class Answer:
    """Median seconds, and those of a processor; rows counted; the big tables that the plan reads from end to end."""

    seconds: float
    processor: float
    rows: int
    scanned: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.seconds:7.3f} {self.processor:7.2f} {self.rows:9,}  {' '.join(self.scanned)}"


async def measured(
    ask: Callable[[], Awaitable[Any]], processor: Callable[[], float], scanned: tuple[str, ...]
) -> Answer:
    """Ask again and again. `processor` tells the processor seconds spent so far."""
    seconds, spent = [], []
    while len(seconds) < 5 and sum(seconds) < ENOUGH_SECONDS:
        before, started = processor(), time.perf_counter()
        row = await ask()
        seconds.append(time.perf_counter() - started)
        await asyncio.sleep(0.05)  # a server's workers are counted when they are gone
        spent.append(processor() - before)
    return Answer(statistics.median(seconds), statistics.median(spent), row[0], scanned)


# -- PostgreSQL -------------------------------------------------------------------------------------------------------


async def ask_postgres(connection: asyncpg.Connection, question: Question) -> Answer:
    asked = question.sql(columns(question.view))
    plan = json.loads(await connection.fetchval(f"EXPLAIN (FORMAT JSON) {asked}"))
    scanned = tuple(sorted(read_whole(plan[0]["Plan"])))
    return await measured(lambda: connection.fetchrow(asked), processor_of(connection), scanned)


def processor_of(connection: asyncpg.Connection) -> Callable[[], float]:
    """Seconds of the session, and of all that its parent, the server, has seen end: the session's parallel workers."""
    session = connection.get_server_pid()
    parent = int(_stat(session)[1])
    return lambda: sum(map(int, (*_stat(session)[11:13], *_stat(parent)[13:15]))) / os.sysconf("SC_CLK_TCK")


def _stat(process: int) -> list[str]:
    """The fields after the name: state, parent, ...; from the twelfth on the ticks, own and of ended children."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()


@contextmanager
def server() -> Iterator[postgres.Server]:
    """The tests' server with the memory that an analyst's has."""
    postgres.SETTINGS = (*postgres.SETTINGS, "shared_buffers=256MB", "max_wal_size=8GB", "autovacuum=off")
    with postgres.running() as running:
        yield running


async def new_database(server: postgres.Server, name: str) -> str:
    connection = await asyncpg.connect(server.url("postgres"))
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    return await migrated(server.url(name))


async def migrated(url: str) -> str:
    async with Warehouse.connect(url, clock=lambda: datetime.now(UTC)) as warehouse:
        await warehouse.migrate()
    return url


async def index_use(connection: asyncpg.Connection) -> list[asyncpg.Record]:
    return await connection.fetch(
        "SELECT indexrelname, pg_relation_size(indexrelid) / 1e6, idx_scan FROM pg_stat_user_indexes "
        "WHERE indexrelname NOT LIKE '%pkey' AND indexrelname NOT LIKE 'kore%' ORDER BY 1"
    )


# -- SQLite -----------------------------------------------------------------------------------------------------------


async def ask_sqlite(connection: sqlite3.Connection, question: Question) -> Answer:
    asked = question.sql(columns(question.view))
    steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {asked}")]

    async def ask() -> Any:
        deadline = time.monotonic() + LONGEST_SECONDS
        connection.set_progress_handler(lambda: time.monotonic() > deadline, 1_000_000)
        return connection.execute(asked).fetchone()

    return await measured(ask, time.process_time, tuple(sorted(read_whole_by_sqlite(steps, question.view))))


# -- the price of indexes ---------------------------------------------------------------------------------------------

PRICED = ("campaigns", "campaign_contact_lists")


def _drops() -> list[str]:
    return [f"DROP INDEX {index.name}" for name in PRICED for index in metadata.tables[name].indexes]


async def print_prices(server: postgres.Server, folder: Path, tables: Tables) -> None:
    """What loading campaigns and links takes with our secondary indexes and without them: medians, in turns."""
    times: dict[tuple[bool, str], list[float]] = defaultdict(list)
    for number in range(LOADS):
        for bare in (False, True):
            name = f"load_{number}_{'bare' if bare else 'indexed'}"
            url = await new_database(server, name)
            times[bare, "PostgreSQL"].append(await _postgres_load(url, tables, bare=bare))
            url = await migrated(f"sqlite:///{folder / name}.db")
            times[bare, "SQLite"].append(_sqlite_load(url, tables, bare=bare))
    for dialect in ("PostgreSQL", "SQLite"):
        indexed, bare_ones = (statistics.median(times[bare, dialect]) for bare in (False, True))
        print(f"{dialect:11} {indexed:6.2f} s with secondary indexes, {bare_ones:6.2f} s without")


async def _postgres_load(url: str, tables: Tables, *, bare: bool) -> float:
    connection = await asyncpg.connect(url)
    for statement in _drops() if bare else ():
        await connection.execute(statement)
    await connection.close()
    started = time.perf_counter()
    await copy_to_postgres(url, tables)
    return time.perf_counter() - started


def _sqlite_load(url: str, tables: Tables, *, bare: bool) -> float:
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        for statement in _drops() if bare else ():
            connection.execute(statement)
    started = time.perf_counter()
    insert_into_sqlite(url, tables)
    return time.perf_counter() - started


# -- the whole --------------------------------------------------------------------------------------------------------


async def print_postgres(server: postgres.Server, tables: Tables) -> None:
    url = await new_database(server, "analysts")
    started = time.perf_counter()
    await copy_to_postgres(url, tables)
    print(f"\nPostgreSQL, filled in {time.perf_counter() - started:.0f} s: {TITLE}")
    connection = await asyncpg.connect(url, command_timeout=LONGEST_SECONDS)
    await connection.execute("VACUUM ANALYZE")
    for question in questions("postgresql", ACCOUNT, FROM, UNTIL):
        print(f"{question.view:31} {question.kind:8} {await ask_postgres(connection, question)}", flush=True)
    print("\nIndexes: MB, times used above")
    for name, size, used in await index_use(connection):
        print(f"{name:41} {size:7.1f} {used:9,}")
    await connection.close()


async def print_sqlite(file: Path, tables: Tables) -> None:
    url = await migrated(f"sqlite:///{file}")
    started = time.perf_counter()
    insert_into_sqlite(url, tables)
    print(f"\nSQLite, filled in {time.perf_counter() - started:.0f} s: {TITLE}")
    with closing(sqlite3.connect(file)) as connection:
        for question in questions("sqlite", ACCOUNT, FROM, UNTIL):
            print(f"{question.view:31} {question.kind:8} {await ask_sqlite(connection, question)}", flush=True)


async def measure(campaigns: int, folder: Path) -> None:
    """The views on both databases, then the price of the indexes."""
    started = time.perf_counter()
    tables = filled(campaigns)
    print(", ".join(f"{len(rows):,} {name}" for name, rows in tables.items()))
    print(f"made in {time.perf_counter() - started:.0f} s", flush=True)
    with server() as running:
        await print_postgres(running, tables)
        await print_sqlite(folder / "analysts.db", tables)
        loaded = {name: rows for name, rows in filled(LOADED).items() if name in PRICED}
        print(f"\nLoading {len(loaded['campaigns']):,} campaigns, {len(loaded['campaign_contact_lists']):,} links")
        await print_prices(running, folder, loaded)


def main() -> None:
    """Measure with 200,000 campaigns, unless the argument says otherwise."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else CAMPAIGNS, Path(folder)))


if __name__ == "__main__":
    main()
