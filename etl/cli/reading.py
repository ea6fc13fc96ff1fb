"""How the verbs that only look read the warehouse: it must be there and current, or is empty, and they say which."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from etl import bootstrap
from etl.cli import signals
from etl.errors import ConfigError
from etl.model import Scope
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


def chosen_scopes(settings: Settings, account_ids: Sequence[str], channel: str | None) -> list[Scope] | None:
    """Those listings, configured or stored, that the options choose; None without options. Raises ConfigError."""
    from etl.cli.config import names, unknown

    if not account_ids and channel is None:
        return None
    stored = read(settings, lambda store: store.stored_scopes(), empty=())
    scopes = [*dict.fromkeys((*names(settings), *stored))]
    known = sorted({scope.account_id for scope in scopes})
    if problems := [unknown(one, known) for one in account_ids if one not in known]:
        raise ConfigError(tuple(problems))
    return [
        scope
        for scope in scopes
        if (not account_ids or scope.account_id in account_ids) and channel in (None, scope.channel.value)
    ]


def where(settings: Settings) -> str:
    """The warehouse's address without a password."""
    return bootstrap.address(settings).shown


def nothing_read(settings: Settings) -> str:
    """The sentence for a warehouse that holds no run."""
    place = bootstrap.address(settings)
    missing = f": the file {place.file} does not exist" if place.file is not None and not place.file.exists() else ""
    return f"Nothing was ever read into {place.shown}{missing}."
