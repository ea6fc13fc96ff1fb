"""Filters on account and date reach an index through every view: no big table is read from end to end."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path

import asyncpg
import pytest
from view_questions import Question, columns, questions, read_whole, read_whole_by_sqlite
from warehouse.samples import DAY
from warehouse_filled import LAST_NIGHT, Tables, copy_to_postgres, filled, insert_into_sqlite, scopes

from etl.warehouse.views import definitions

ACCOUNTS, NIGHTS = 80, 120
ACCOUNT = scopes(ACCOUNTS, NIGHTS)[40].account_id
DAYS = (LAST_NIGHT - 40 * DAY, LAST_NIGHT - 38 * DAY)


def filtered(dialect: str) -> list[Question]:
    return [one for one in questions(dialect, ACCOUNT, *DAYS) if one.where]


def named(question: Question) -> str:
    return f"{question.view}-{question.kind}"


@pytest.fixture(scope="module")
def tables() -> Tables:
    """So many accounts that one is a small share, as a few days are."""
    return filled(8_000, accounts=ACCOUNTS, lists=60, nights=NIGHTS)


@pytest.fixture(scope="module")
async def on_postgres(
    migrated_database: Callable[[], Awaitable[str]], tables: Tables
) -> AsyncIterator[asyncpg.Connection]:
    url = await migrated_database()
    await copy_to_postgres(url, tables)
    connection = await asyncpg.connect(url)
    await connection.execute("VACUUM ANALYZE")
    await connection.execute("SET random_page_cost = 1.1")  # as is usual for disks without moving parts
    yield connection
    await connection.close()


@pytest.fixture(scope="module")
def on_sqlite(
    migrated_file: Path, tmp_path_factory: pytest.TempPathFactory, tables: Tables
) -> Iterator[sqlite3.Connection]:
    file = shutil.copy(migrated_file, tmp_path_factory.mktemp("plans"))
    insert_into_sqlite(f"sqlite:///{file}", tables)
    with closing(sqlite3.connect(file)) as connection:
        yield connection


def steps(connection: sqlite3.Connection, question: Question) -> Iterator[str]:
    for row in connection.execute(f"EXPLAIN QUERY PLAN {question.sql(columns(question.view))}"):
        yield row[3]


@pytest.mark.parametrize("question", filtered("postgresql"), ids=named)
async def test_a_filter_reaches_an_index_on_postgres(on_postgres: asyncpg.Connection, question: Question) -> None:
    """The planner, free to choose, reads no big table whole; and there are rows to be found."""
    asked = question.sql(columns(question.view))
    plan = json.loads(await on_postgres.fetchval(f"EXPLAIN (FORMAT JSON) {asked}"))
    assert list(read_whole(plan[0]["Plan"])) == []
    if question.view != "sync_gaps":
        assert (await on_postgres.fetchrow(asked))[0] > 0


@pytest.mark.parametrize("question", [one for one in filtered("sqlite") if one.view != "sync_freshness"], ids=named)
async def test_a_filter_reaches_an_index_on_sqlite(on_sqlite: sqlite3.Connection, question: Question) -> None:
    """Without ANALYZE, as our files are. `sync_freshness` reads the ledger whole there: SQLite works out once what is
    used twice, and takes no filter through an outer join."""
    assert list(read_whole_by_sqlite(list(steps(on_sqlite, question)), question.view)) == []


async def test_whole_views_are_seen_to_read_whole_tables(
    on_postgres: asyncpg.Connection, on_sqlite: sqlite3.Connection
) -> None:
    """The two looks at plans are not blind: without a filter each view reads some table from end to end."""
    for dialect in ("postgresql", "sqlite"):
        for question in questions(dialect, ACCOUNT, *DAYS):
            if question.where:
                continue
            if dialect == "sqlite":
                found = list(read_whole_by_sqlite(list(steps(on_sqlite, question)), question.view))
            else:
                plan = await on_postgres.fetchval(f"EXPLAIN (FORMAT JSON) {question.sql(columns(question.view))}")
                found = list(read_whole(json.loads(plan)[0]["Plan"]))
            assert found, named(question)


async def test_what_is_not_asked_for_costs_nothing(on_postgres: asyncpg.Connection) -> None:
    """Without their columns, the overview does not look at contact lists."""
    asked = "SELECT status, count(*) FROM campaign_overview GROUP BY status"
    plan = await on_postgres.fetchval(f"EXPLAIN (FORMAT JSON) {asked}")
    assert "campaigns" in plan
    assert "contact_lists" not in plan


def test_every_view_is_asked() -> None:
    """A new view needs a line in the questions."""
    assert {one.view for one in filtered("sqlite")} == set(definitions("sqlite"))
