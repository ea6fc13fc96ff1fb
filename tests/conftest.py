"""Fixtures that every room shares: a real PostgreSQL, and a fresh, empty warehouse on either database."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
from postgres import Server, running


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server for the whole test run; `postgres.url(database)` names a database on it."""
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def database_names() -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: f"test_{next(numbers)}"


@pytest.fixture
async def postgres_url(postgres: Server, database_names: Callable[[], str]) -> str:
    """The URL of a new, empty PostgreSQL database."""
    name = database_names()
    connection = await asyncpg.connect(postgres.url("postgres"))
    try:
        await connection.execute(f"CREATE DATABASE {name}")
    finally:
        await connection.close()
    return postgres.url(name)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'warehouse.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def warehouse_url(request: pytest.FixtureRequest) -> str:
    """The URL of a new, empty warehouse: every test that takes it runs on both databases."""
    return request.getfixturevalue(f"{request.param.replace('gresql', 'gres')}_url")
