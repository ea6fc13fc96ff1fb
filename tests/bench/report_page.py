"""How long `kore-etl report` takes on a big warehouse, and how big its page is.

`python tests/bench/report_page.py [CAMPAIGNS] [--accounts N] [--nights N] [--keep DIR]` fills SQLite and PostgreSQL up
to this morning and prints whole processes, and the seconds of our own processor beside them. `--keep` keeps the pages:
`python tests/browser/run.py --page FILE` tells how soon a browser has one ready.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import asyncpg
import postgres
import warehouse_filled
from warehouse_filled import Tables, copy_to_postgres, insert_into_sqlite

from etl.warehouse.warehouse import Warehouse

RUNS = 3
DAYS = (90, 365)


async def migrated(url: str) -> None:
    async with Warehouse.connect(url, clock=lambda: datetime.now(UTC)) as warehouse:
        await warehouse.migrate()


async def filled_postgres(server: postgres.Server, tables: Tables) -> str:
    connection = await asyncpg.connect(server.url("postgres"))
    await connection.execute("CREATE DATABASE report")
    await connection.close()
    url = server.url("report")
    await migrated(url)
    await copy_to_postgres(url, tables)
    connection = await asyncpg.connect(url)
    await connection.execute("VACUUM ANALYZE")
    await connection.close()
    return url


def filled_sqlite(folder: Path, tables: Tables) -> str:
    url = f"sqlite:///{folder / 'warehouse.db'}"
    asyncio.run(migrated(url))
    insert_into_sqlite(url, tables)
    return url


def report(url: str, page: Path, days: int) -> tuple[float, float]:
    """Seconds that went by, and of the processor, of one process."""
    config = page.parent / "config.toml"
    config.write_text(f'[warehouse]\nurl = "{url}"\n')
    command = [sys.executable, "-m", "etl", "--quiet", "--config", config, "report", "--out", page]
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([*command, "--days", str(days)], check=True)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(name: str, url: Callable[[], str], folder: Path) -> None:
    started = time.perf_counter()
    place = url()
    print(f"\n{name}, filled in {time.perf_counter() - started:.0f} s: days, seconds, of our processor, kB")
    for days in DAYS:
        page = folder / f"{name.lower()}-{days}.html"
        wall, processor = sorted(report(place, page, days) for _ in range(RUNS))[RUNS // 2]
        print(f"{days:4} {wall:7.2f} {processor:7.2f} {page.stat().st_size / 1000:7,.0f}", flush=True)


def main() -> None:
    """Measure with 200,000 campaigns of 20 accounts, unless told otherwise."""
    parser = argparse.ArgumentParser(description="Measure `kore-etl report`.")
    parser.add_argument("campaigns", type=int, nargs="?", default=200_000)
    parser.add_argument("--accounts", type=int, default=20)
    parser.add_argument("--nights", type=int, default=365)
    parser.add_argument("--keep", type=Path)
    chosen = parser.parse_args()
    warehouse_filled.LAST_NIGHT = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    lists = max(1, 4_000 // chosen.accounts)
    tables = warehouse_filled.filled(chosen.campaigns, accounts=chosen.accounts, nights=chosen.nights, lists=lists)
    print(", ".join(f"{len(rows):,} {name}" for name, rows in tables.items()), flush=True)
    with tempfile.TemporaryDirectory() as passing:
        folder = chosen.keep or Path(passing)
        folder.mkdir(parents=True, exist_ok=True)
        measure("SQLite", lambda: filled_sqlite(Path(passing), tables), folder)
        with postgres.running() as server:
            measure("PostgreSQL", lambda: asyncio.run(filled_postgres(server, tables)), folder)


if __name__ == "__main__":
    main()
