"""How accounts are read from a table that somebody else keeps: every column of it, ordered by account and app."""

from __future__ import annotations

from typing import Any

from sqlalchemy import column, select, table, text
from sqlalchemy.ext.asyncio import AsyncConnection

from etl.errors import WarehouseError
from etl.warehouse.address import Address
from etl.warehouse.database import Database

MOST = 100_000
"""Rows; more are refused rather than cut off."""


async def read(address: Address, name: str) -> list[dict[str, Any]]:
    """The rows of `name`, which may have its schema before a dot. Writes nothing. Raises WarehouseError."""
    database = Database(address)
    try:
        if not database.exists():
            raise WarehouseError(f"{address.shown} does not exist.")
        async with database.read() as connection:
            return await _rows(connection, name)
    finally:
        await database.close()


async def _rows(connection: AsyncConnection, name: str) -> list[dict[str, Any]]:
    schema, _, plain = name.rpartition(".")
    source = table(plain, schema=schema or None)
    everything = select(text("*")).select_from(source).order_by(column("account_id"), column("app_id"))
    found = await connection.execute(everything.limit(MOST + 1))
    rows = [dict(row) for row in found.mappings()]
    if len(rows) > MOST:
        raise WarehouseError(f"{name} has more than {MOST:,} rows.")
    return rows
