"""How many rows at once are written: COPY and arrays on PostgreSQL, one prepared statement on SQLite.

SQLAlchemy words the statements and holds the transaction; the rows go to the driver beneath it as tuples, because
handling every value of every row in Python costs more than all the rest of a load (`tests/bench/run.py`). Something
must have been executed on the connection before, as the fence is: to the driver's transaction COPY is no beginning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain, islice, repeat
from typing import Any

from sqlalchemy import ARRAY, TIMESTAMP, Dialect, Executable, FromClause, Table, bindparam, column, func, select
from sqlalchemy import insert as insert_into
from sqlalchemy import update as update_of
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine

from etl.warehouse import dialect
from etl.warehouse.schema import Utc

CHUNK = 5_000
"""Rows in one round to the database: bounds memory, not parameters."""
TUPLES = 1_000
"""Rows in one round to SQLite, whose driver wants them made: each with all its texts, and again as it binds them."""

KEY = "key_of_row"
ARRAY_OF = "array_of_"
"""How parameters are called that are not a column's one new value, for which its own name stands."""

Row = Mapping[str, Any]
Tuples = Sequence[tuple[Any, ...]]


async def insert(connection: AsyncConnection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows that all name the same columns in the same order. A key that exists already is an error."""
    if rows:
        await insert_tuples(connection, table, tuple(rows[0]), [tuple(row.values()) for row in rows])


async def insert_tuples(
    connection: AsyncConnection, table: Table, columns: tuple[str, ...], rows: Iterable[tuple[Any, ...]]
) -> None:
    """The same, of values in the order of `columns`; each row may be made when it is its turn."""
    left, at_once = iter(rows), CHUNK if dialect.is_postgres(connection) else TUPLES
    while (first := next(left, None)) is not None:
        chunk = chain((first,), islice(left, at_once - 1))
        if dialect.is_postgres(connection):
            schema = connection.engine.get_execution_options()["schema_translate_map"][None]
            driver: Any = (await connection.get_raw_connection()).driver_connection
            await driver.copy_records_to_table(table.name, schema_name=schema, columns=columns, records=chunk)
        else:
            await _executemany(connection, _insert(table), table, columns, list(chunk))


async def insert_missing(connection: AsyncConnection, table: Table, rows: Sequence[Row]) -> None:
    """Insert those whose key does not exist; the others are left alone."""
    for chunk in _chunks(_tuples(rows)):
        columns, statement = tuple(rows[0]), dialect.insert_missing(table, connection.dialect)
        if dialect.is_postgres(connection):
            incoming = _incoming(table, columns)
            await connection.execute(statement.from_select(columns, select(incoming)), _arrays(columns, chunk))
        else:
            await _executemany(connection, statement, table, columns, chunk)


async def update(connection: AsyncConnection, table: Table, key: str, rows: Sequence[Row]) -> None:
    """Set every other column of the rows that `key` names; all name the same columns in the same order."""
    for chunk in _chunks(_tuples(rows)):
        columns = tuple(rows[0])
        if dialect.is_postgres(connection):
            await connection.execute(_update_from_arrays(table, key, columns), _arrays(columns, chunk))
        else:
            named = tuple(KEY if name == key else name for name in columns)
            await _executemany(connection, _update_one(table, key, columns), table, named, chunk)


async def each(connection: AsyncConnection, statement: Executable, values: Sequence[Row]) -> None:
    """Execute `statement` for each of `values`, as SQLAlchemy does it: for what is rare."""
    for start in range(0, len(values), CHUNK):
        await connection.execute(statement, values[start : start + CHUNK])


def _tuples(rows: Sequence[Row]) -> Tuples:
    return [tuple(row.values()) for row in rows]


def _chunks(rows: Tuples) -> Iterator[Tuples]:
    return (rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK))


# -- PostgreSQL: one array per column ---------------------------------------------------------------------------------


def _arrays(columns: Sequence[str], rows: Tuples) -> dict[str, list[Any]]:
    return {ARRAY_OF + name: list(values) for name, values in zip(columns, zip(*rows, strict=True), strict=True)}


def _incoming(table: Table, columns: Sequence[str]) -> FromClause:
    """The rows that the arrays hold, as a table."""
    kinds = {name: _native(table.c[name].type) for name in columns}
    arrays = (bindparam(ARRAY_OF + name, type_=ARRAY(kind)) for name, kind in kinds.items())
    told = func.unnest(*arrays).table_valued(*(column(name, kind) for name, kind in kinds.items()))
    return told.render_derived(name="incoming")


def _native(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    """The driver takes instants as they are: nothing is done to each of them."""
    return TIMESTAMP(timezone=True) if isinstance(kind, Utc) else kind


@lru_cache(maxsize=64)
def _update_from_arrays(table: Table, key: str, columns: tuple[str, ...]) -> Executable:
    incoming = _incoming(table, columns)
    values = {name: incoming.c[name] for name in columns if name != key}
    return update_of(table).where(table.c[key] == incoming.c[key]).values(values)


# -- SQLite: one statement, many tuples -------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def _insert(table: Table) -> Executable:
    """The same object each time, so that it is worded once."""
    return insert_into(table)


@lru_cache(maxsize=64)
def _update_one(table: Table, key: str, columns: tuple[str, ...]) -> Executable:
    values: dict[str, Any] = {name: bindparam(name) for name in columns if name != key}
    return update_of(table).where(table.c[key] == bindparam(KEY)).values(values)


async def _executemany(
    connection: AsyncConnection, statement: Executable, table: Table, names: tuple[str, ...], rows: Tuples
) -> None:
    """The driver's own, of values as SQLAlchemy would have bound them."""
    worded, order = _worded(statement, names, connection.dialect)
    transposed: Iterator[tuple[Any, ...]] = zip(*rows, strict=True)
    values = dict(zip(names, transposed, strict=True))
    bound = (_bound(values[name], table, name, connection.dialect) for name in order)
    driver: Any = (await connection.get_raw_connection()).driver_connection
    async with driver.executemany(worded, list(zip(*bound, strict=True))):
        pass


@lru_cache(maxsize=64)
def _worded(statement: Any, names: tuple[str, ...], dialect: Dialect) -> tuple[str, Sequence[str]]:
    """A statement's text, and its parameters in order."""
    compiled = statement.compile(dialect=dialect, column_keys=list(names))
    return str(compiled), compiled.positiontup or ()


def _bound(values: Sequence[Any], table: Table, name: str, dialect: Dialect) -> Iterable[Any]:
    """A column's values as the driver takes them: one that all rows have is worded once."""
    kind = table.c[name].type if name in table.c else None
    process: Callable[[Any], Any] | None = kind.dialect_impl(dialect).bind_processor(dialect) if kind else None
    if process is None:
        return values
    return repeat(process(values[0]), len(values)) if len(set(map(id, values))) == 1 else map(process, values)
