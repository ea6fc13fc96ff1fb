"""Where SQLite and PostgreSQL differ in SQL; every other file of the room is written once for both."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import (
    ARRAY,
    JSON,
    TIMESTAMP,
    BigInteger,
    ColumnElement,
    Connection,
    Dialect,
    Float,
    FromClause,
    Interval,
    Table,
    Text,
    any_,
    bindparam,
    cast,
    event,
    func,
    select,
    type_coerce,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool
from sqlalchemy.sql import Insert

from etl.warehouse.address import Address

WRITES = "kore_etl_writes"
"""Execution option of a connection whose transaction will write."""

WAL_TRIES = 20
CONNECTIONS = 5
"""At most open at once to a PostgreSQL server, three of them for windows: each costs a process that first looks all
tables up."""

READERS_AND_WRITER = 3
"""The same of a SQLite file: each has a cache of pages of its own, and one writes at a time."""

PAGE_BYTES = 16_384
"""A row takes about 2 KB, and a page is read and written by a system call each: half as many as with the usual 4,096
make a first load a fifth faster."""

CACHE_KB = 4_000

POOL_SECONDS = 3_600.0
"""How long a transaction waits for a connection: much longer than the statements before it may take, which end by
themselves. A lock that somebody holds on a table, or a slow disk, must not end a run."""


def open_engine(address: Address) -> AsyncEngine:
    """An engine that connects on first use. Parameters never appear in its errors."""
    engine = create_async_engine(
        address.url,
        connect_args=dict(address.connect_args),
        poolclass=AsyncAdaptedQueuePool,
        pool_size=CONNECTIONS if address.file is None else READERS_AND_WRITER,
        max_overflow=0,
        pool_use_lifo=True,  # the one that was used last has the warmest caches
        pool_timeout=POOL_SECONDS,
        hide_parameters=True,
    )
    if address.file is not None:
        event.listen(engine.sync_engine, "connect", _set_up)
        event.listen(engine.sync_engine, "begin", _begin)
    else:  # never the role's search path: a table of the same name could stand before ours
        engine = engine.execution_options(schema_translate_map={None: address.schema})
    return engine


def _set_up(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver would begin late, after the first read: then a write fails at once
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous = NORMAL")  # a power cut may undo the last windows of the log, never tear one
    cursor.execute(f"PRAGMA cache_size = -{CACHE_KB}")
    cursor.close()


def _begin(connection: Connection) -> None:
    """Through the driver: SQLAlchemy's cursor would cross to the driver's thread three times instead of once."""
    writes = connection.get_execution_options().get(WRITES, False)
    adapted: Any = connection.connection.dbapi_connection
    adapted.run_async(lambda driver: driver.execute("BEGIN IMMEDIATE" if writes else "BEGIN"))


def enable_wal(file: Path, timeout: float) -> None:
    """Switch a SQLite file to its write-ahead log, unless it is. Blocks for up to `timeout` seconds a try.

    SQLite does not wait for other users of the file when it switches, but it does when it begins to write.
    """
    with closing(sqlite3.connect(file, timeout=timeout, isolation_level=None)) as connection:
        for tries_left in reversed(range(WAL_TRIES)):
            try:
                connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")  # of an empty file
                if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                    connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or not tries_left:
                    raise
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("ROLLBACK")
            else:
                return


def foreign_errors(address: Address) -> tuple[type[Exception], ...]:
    """What a driver may raise: database errors, wrapped or bare, the network's, and values that do not fit."""
    common = (SQLAlchemyError, OSError, OverflowError, UnicodeError)
    if address.file is not None:
        return (*common, sqlite3.Error)
    import asyncpg  # type: ignore[import-untyped]  # here: 84 ms that SQLite need not pay

    return (*common, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


def is_postgres(connection: AsyncConnection | Connection) -> bool:
    return connection.dialect.name == "postgresql"


async def execute_all(connection: AsyncConnection, statements: Sequence[str]) -> None:
    """One after the other, with nothing bound; on PostgreSQL in one round trip, which must not be the transaction's
    first: to the driver's transaction it would be no beginning."""
    if is_postgres(connection):
        driver: Any = (await connection.get_raw_connection()).driver_connection
        await driver.execute(";\n".join(statements))
    else:
        for statement in statements:
            await connection.exec_driver_sql(statement)


# -- expressions ------------------------------------------------------------------------------------------------------


def in_values(column: ColumnElement[Any], values: Iterable[Any], dialect: Dialect) -> ColumnElement[bool]:
    """`column` is one of `values`, whatever their number, as one parameter and one cacheable statement."""
    wanted = list(values)
    if dialect.name == "postgresql":
        kind = BigInteger() if isinstance(column.type, BigInteger) else Text()
        return column == any_(bindparam(None, wanted, type_=ARRAY(kind)))
    parts = func.json_each(as_json(wanted)).table_valued("value")
    return column.in_(select(parts.c.value))


def pairs(dialect: Dialect) -> FromClause:
    """Ids and hashes, whatever their number, as a table `incoming(campaign_id, content_hash)`; which ones, `told_pairs`
    says. As JSON, because the driver looks at each element of an array to see whether it is an array."""
    told = bindparam("pairs", type_=Text())
    if dialect.name == "postgresql":
        each = func.json_each_text(cast(told, JSON)).table_valued("key", "value")
        part: list[ColumnElement[Any]] = [type_coerce(each.c.key, Text), type_coerce(each.c.value, Text)]
    else:
        each = func.json_each(told).table_valued("value")
        part = [func.json_extract(each.c.value, place, type_=Text) for place in ("$[0]", "$[1]")]
    return select(part[0].label("campaign_id"), part[1].label("content_hash")).subquery("incoming")


def told_pairs(hashes: Mapping[str, str], dialect: Dialect) -> dict[str, str]:
    """The parameter of `pairs`."""
    return {"pairs": as_json(hashes if dialect.name == "postgresql" else list(hashes.items()))}


def not_in_values(column: ColumnElement[Any], name: str, dialect: Dialect) -> ColumnElement[bool]:
    """`column` is none of the values, whatever their number, of the parameter `name`: told `as_json`."""
    told = bindparam(name, type_=Text())
    if dialect.name == "postgresql":
        each = func.json_array_elements_text(cast(told, JSON)).table_valued("value")
        return ~select(each.c.value).where(type_coerce(each.c.value, Text) == column).exists()
    parts = func.json_each(told).table_valued("value")
    return column.not_in(select(parts.c.value))


def as_json(values: Sequence[Any] | Mapping[str, str]) -> str:
    """Any number of values as one parameter."""
    return msgspec.json.encode(values).decode()


def json_number(column: ColumnElement[Any], name: str, dialect: Dialect) -> ColumnElement[Any]:
    """The number of that name in a column that holds a JSON object as text; null where there is none."""
    if dialect.name == "postgresql":
        return cast(cast(column, JSON).op("->>")(name), Float(53))
    return func.json_extract(column, f"$.{name}")


def now(dialect: Dialect) -> ColumnElement[Any]:
    """The database's own clock, at this statement and not at the transaction's start."""
    if dialect.name == "postgresql":
        return _postgres_clock()
    return func.strftime(_SQLITE_INSTANT, "now", type_=Text)


def seconds_from_now(seconds: ColumnElement[Any], dialect: Dialect) -> ColumnElement[Any]:
    """The same clock, so many seconds on."""
    if dialect.name == "postgresql":
        shift = func.make_interval(0, 0, 0, 0, 0, 0, cast(seconds, Float(53)), type_=Interval())
        return _postgres_clock() + shift
    return func.strftime(_SQLITE_INSTANT, "now", func.printf("%+.3f seconds", seconds), type_=Text)


_SQLITE_INSTANT = "%Y-%m-%dT%H:%M:%f000Z"


def seconds_until(instant: ColumnElement[Any], dialect: Dialect) -> ColumnElement[Any]:
    """Seconds from the database's now to `instant`."""
    if dialect.name == "postgresql":
        left = type_coerce(instant, TIMESTAMP(timezone=True)) - _postgres_clock()
        return cast(func.extract("epoch", left), Float(53))
    return (func.julianday(instant) - func.julianday("now")) * 86400.0


def _postgres_clock() -> ColumnElement[Any]:
    return func.clock_timestamp(type_=TIMESTAMP(timezone=True))


def utc_day(instant: ColumnElement[Any], dialect: Dialect) -> ColumnElement[str | None]:
    """`YYYY-MM-DD` of an instant, in UTC."""
    if dialect.name == "postgresql":
        return func.to_char(func.timezone("UTC", instant), "YYYY-MM-DD")
    return func.substr(instant, 1, 10)


@lru_cache(maxsize=64)
def insert_missing(table: Table, dialect: Dialect) -> Insert:
    """An insert that leaves rows alone whose key exists."""
    if dialect.name == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()


def insert_or_replace(table: Table, dialect: Dialect, columns: Sequence[str]) -> Insert:
    """An insert that sets `columns` where the key exists."""
    statement = postgresql.insert(table) if dialect.name == "postgresql" else sqlite.insert(table)
    keys = [column.name for column in table.primary_key]
    return statement.on_conflict_do_update(
        index_elements=keys, set_={name: statement.excluded[name] for name in columns}
    )
