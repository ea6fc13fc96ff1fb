"""What a database's schema is, to the last comment, and all that is in it: two of these are equal or they are not."""

from __future__ import annotations

import asyncio
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from month.told import ask
from sqlalchemy import Connection, create_engine
from sqlalchemy.ext.asyncio import create_async_engine

from etl.warehouse import schema
from etl.warehouse.migrate import VERSION_TABLE

_SQLITE = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY 1, 2"
_POSTGRES = """
SELECT table_name, ordinal_position, column_name, data_type, is_nullable, column_default
FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2;
SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2;
SELECT viewname, definition FROM pg_views WHERE schemaname = 'public' ORDER BY 1;
SELECT c.relname, d.objsubid, d.description FROM pg_description d JOIN pg_class c ON c.oid = d.objoid
WHERE c.relnamespace = 'public'::regnamespace ORDER BY 1, 2;
SELECT proname, pg_get_functiondef(oid), obj_description(oid) FROM pg_proc
WHERE pronamespace = 'public'::regnamespace ORDER BY 1
"""
_TABLES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1",
    "postgresql": "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1",
}

Look = dict[str, Any]


def look(url: str) -> Look:
    """Everything, by what it is."""
    kind = url.partition(":")[0]
    shape = ask(url, *(_SQLITE if kind == "sqlite" else _POSTGRES).split(";"))
    tables = [name for (name,) in ask(url, _TABLES[kind])[0]]
    order = {VERSION_TABLE: "1"}  # the only table with a single column
    rows = ask(url, *(f"SELECT * FROM {table} ORDER BY {order.get(table, '1, 2')}" for table in tables))
    return {f"schema {number}": part for number, part in enumerate(shape)} | dict(zip(tables, rows, strict=True))


def differences(url: str) -> list[str]:
    """Where tables, columns, types, comments and indexes are not those of etl.warehouse.schema."""
    if url.startswith("sqlite"):
        engine = create_engine(url)
        with engine.connect() as connection:
            found = _compared(connection)
        engine.dispose()
        return found
    return asyncio.run(_differences(url))


async def _differences(url: str) -> list[str]:
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"))
    async with engine.connect() as connection:
        found = await connection.run_sync(_compared)
    await engine.dispose()
    return found


def _compared(connection: Connection) -> list[str]:
    options = {"version_table": VERSION_TABLE, "compare_type": True, "compare_server_default": True}
    return [str(one) for one in compare_metadata(MigrationContext.configure(connection, opts=options), schema.metadata)]
