"""How the views are brought up to date after a migration.

A view's columns may only be appended to, so that analysts' own views on top survive; a change comes with a migration
(an empty one if need be), so that an older database is noticed. Both dialects give the same rows.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncConnection

from etl.errors import WarehouseError
from etl.warehouse import campaign_views, ledger_views
from etl.warehouse.dialect import execute_all, is_postgres
from etl.warehouse.view import View


def definitions(dialect: str) -> Mapping[str, View]:
    """Every view by name, in an order in which each finds what it is built on."""
    return {**campaign_views.definitions(dialect), **ledger_views.definitions(dialect)}


async def refresh(connection: AsyncConnection) -> None:
    """Bring every view up to date in the caller's transaction, whose search path is the warehouse's schema."""
    if is_postgres(connection):
        for name, view in definitions("postgresql").items():
            await _replace(connection, name, view)
        comment = f"COMMENT ON FUNCTION campaigns_as_of IS {_quoted(campaign_views.AS_OF_COMMENT)}"
        await execute_all(connection, [campaign_views.AS_OF, comment])
        return
    wanted = definitions("sqlite")
    await execute_all(connection, [f"DROP VIEW IF EXISTS {name}" for name in reversed(list(wanted))])
    await execute_all(connection, [f"CREATE VIEW {name} AS {view.query}" for name, view in wanted.items()])


async def _replace(connection: AsyncConnection, name: str, view: View) -> None:
    """A round trip for each view, so that an error is about this one."""
    from asyncpg import InvalidTableDefinitionError  # type: ignore[import-untyped]  # here: SQLite need not pay for it

    columns = [f"COMMENT ON COLUMN {name}.{column} IS {_quoted(comment)}" for column, comment in view.columns.items()]
    made = f"CREATE OR REPLACE VIEW {name} AS {view.query}"
    try:
        await execute_all(connection, [made, f"COMMENT ON VIEW {name} IS {_quoted(view.comment)}", *columns])
    except InvalidTableDefinitionError as error:  # columns would have to change place, name or type
        raise WarehouseError(
            f"The view {name} cannot be brought up to date without dropping it. Nothing was changed. Drop it, and "
            "what is built on it, then run `kore-etl migrate` again."
        ) from error


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
