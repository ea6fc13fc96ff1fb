"""How the views are brought up to date after a migration.

A view's columns may only be appended to, so that analysts' own views on top survive; a change comes with a migration
(an empty one if need be), so that an older database is noticed. Both dialects give the same rows.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from etl.errors import WarehouseError
from etl.warehouse import campaign_views, ledger_views
from etl.warehouse.dialect import is_postgres
from etl.warehouse.view import View


def definitions(dialect: str) -> Mapping[str, View]:
    """Every view by name, in an order in which each finds what it is built on."""
    return {**campaign_views.definitions(dialect), **ledger_views.definitions(dialect)}


async def refresh(connection: AsyncConnection) -> None:
    """Bring every view up to date in the caller's transaction, whose search path is the warehouse's schema."""
    if is_postgres(connection):
        for name, view in definitions("postgresql").items():
            await _replace(connection, name, view)
        await connection.exec_driver_sql(campaign_views.AS_OF)
        await connection.exec_driver_sql(
            f"COMMENT ON FUNCTION campaigns_as_of IS {_quoted(campaign_views.AS_OF_COMMENT)}"
        )
        return
    wanted = definitions("sqlite")
    for name in reversed(list(wanted)):
        await connection.exec_driver_sql(f"DROP VIEW IF EXISTS {name}")
    for name, view in wanted.items():
        await connection.exec_driver_sql(f"CREATE VIEW {name} AS {view.query}")


async def _replace(connection: AsyncConnection, name: str, view: View) -> None:
    try:
        await connection.exec_driver_sql(f"CREATE OR REPLACE VIEW {name} AS {view.query}")
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != "42P16":  # columns would have to change place, name or type
            raise
        raise WarehouseError(
            f"The view {name} cannot be brought up to date without dropping it. Nothing was changed. Drop it, and "
            "what is built on it, then run `kore-etl migrate` again."
        ) from error
    await connection.exec_driver_sql(f"COMMENT ON VIEW {name} IS {_quoted(view.comment)}")
    for column, comment in view.columns.items():
        await connection.exec_driver_sql(f"COMMENT ON COLUMN {name}.{column} IS {_quoted(comment)}")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
