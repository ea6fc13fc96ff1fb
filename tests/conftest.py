"""Fixtures that every room shares: a real PostgreSQL, and a new warehouse on either database.

`warehouse_url` and the two behind it are copies of a warehouse that was migrated once: a migration costs more than most
tests. What is about an empty database takes `empty_url` and the two behind that.
"""

from __future__ import annotations

import gc
import itertools
import shutil
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from postgres import Server, running

from etl.warehouse.warehouse import Warehouse

MakeDatabase = Callable[..., Awaitable[str]]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server for the whole test run; `postgres.url(database)` names a database on it."""
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def empty_database(postgres: Server) -> MakeDatabase:
    """`await empty_database()`: the URL of a new PostgreSQL database, a copy of `template` if that is named."""
    names = (f"test_{number}" for number in itertools.count(1))

    async def make(template: str = "template1") -> str:
        name = next(names)
        connection = await asyncpg.connect(postgres.url("postgres"))
        try:
            await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        finally:
            await connection.close()
        return postgres.url(name)

    return make


@pytest.fixture(scope="session")
def migrated_database(empty_database: MakeDatabase) -> MakeDatabase:
    """`await migrated_database()`: the URL of a new PostgreSQL database as `kore-etl migrate` leaves it."""
    templates: list[str] = []

    async def make() -> str:
        if not templates:
            url = await empty_database()
            await migrate(url)
            templates.append(url.rpartition("/")[2])
        return await empty_database(templates[0])

    return make


@pytest.fixture(scope="session")
async def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file as `kore-etl migrate` leaves it: to be copied, never opened."""
    file = tmp_path_factory.mktemp("migrated") / "warehouse.db"
    await migrate(f"sqlite:///{file}")
    return file


async def migrate(url: str) -> None:
    async with Warehouse.connect(url, clock=lambda: datetime.now(UTC)) as warehouse:
        await warehouse.migrate()


@pytest.fixture
async def empty_postgres_url(empty_database: MakeDatabase) -> str:
    """The URL of a new PostgreSQL database with nothing in it."""
    return await empty_database()


@pytest.fixture
def empty_sqlite_url(tmp_path: Path) -> str:
    """The URL of a SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'warehouse.db'}"


@pytest.fixture
async def postgres_url(migrated_database: MakeDatabase) -> str:
    """The URL of a new warehouse on PostgreSQL."""
    return await migrated_database()


@pytest.fixture
def sqlite_url(empty_sqlite_url: str, migrated_file: Path) -> str:
    """The URL of a new warehouse in a SQLite file."""
    shutil.copyfile(migrated_file, empty_sqlite_url.removeprefix("sqlite:///"))
    return empty_sqlite_url


@pytest.fixture(params=["sqlite", "postgres"], ids=["sqlite", "postgresql"])
def warehouse_url(request: pytest.FixtureRequest) -> str:
    """The URL of a new warehouse: every test that takes it runs on both databases."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture(params=["sqlite", "postgres"], ids=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest) -> str:
    """The URL of a database that was not migrated yet: every test that takes it runs on both databases."""
    return request.getfixturevalue(f"empty_{request.param}_url")


def pytest_collection_finish() -> None:
    """What is loaded by now stays to the end: the garbage collector need not look at it again and again."""
    gc.collect()
    gc.freeze()
