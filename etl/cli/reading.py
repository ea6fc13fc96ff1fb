"""How the verbs that only look read the warehouse: it must be there and current, or is empty, and they say which."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from etl import bootstrap
from etl.cli import signals
from etl.settings import Settings
from etl.warehouse.migrate import SchemaState
from etl.warehouse.warehouse import Warehouse

T = TypeVar("T")
E = TypeVar("E")


def read(settings: Settings, query: Callable[[Warehouse], Coroutine[Any, Any, T]], *, empty: E) -> T | E:
    """The answer of one query; `empty` where there is no schema yet. Raises SchemaMismatch, WarehouseError."""

    async def ask(_: object) -> T | E:
        async with bootstrap.warehouse(settings) as store:
            if await store.schema_state() is SchemaState.EMPTY:
                return empty
            await store.ready()
            return await query(store)

    return signals.run(ask)


def where(settings: Settings) -> str:
    """The warehouse's address without a password."""
    return bootstrap.address(settings).shown


def nothing_read(settings: Settings) -> str:
    """The sentence for a warehouse that holds no run."""
    place = bootstrap.address(settings)
    missing = f": the file {place.file} does not exist" if place.file is not None and not place.file.exists() else ""
    return f"Nothing was ever read into {place.shown}{missing}."
