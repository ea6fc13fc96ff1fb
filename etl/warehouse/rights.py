"""What the database role may do, against what a run needs. PostgreSQL only: SQLite's rights are the file's."""

from __future__ import annotations

from sqlalchemy import bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from etl.errors import WarehouseError
from etl.warehouse.schema import metadata

_NEEDED = ("SELECT", "INSERT", "UPDATE", "DELETE")

_ROLE = text("SELECT current_user, current_setting('transaction_read_only') = 'on' OR pg_is_in_recovery()")

_MAY_CREATE = text("""
SELECT CASE WHEN to_regnamespace(quote_ident(:schema)) IS NULL THEN has_database_privilege(current_database(), 'CREATE')
ELSE has_schema_privilege(:schema, 'USAGE') AND has_schema_privilege(:schema, 'CREATE') END""")

_LACKING = text("""
SELECT DISTINCT privilege FROM unnest(CAST(:privileges AS text[])) privilege, pg_class c
WHERE c.relnamespace = to_regnamespace(quote_ident(:schema)) AND c.relname IN :tables AND c.relkind IN ('r', 'p')
AND NOT has_table_privilege(c.oid, privilege) ORDER BY privilege""").bindparams(bindparam("tables", expanding=True))


async def require(connection: AsyncConnection, schema: str, shown: str, *, is_empty: bool) -> None:
    """Raise WarehouseError where the role could not do what the next run does: create the tables, or write to them."""
    role, read_only = (await connection.execute(_ROLE)).one()
    quoted = connection.dialect.identifier_preparer.quote
    if read_only:
        remedy = "Name the primary server in [warehouse] url, or take default_transaction_read_only off the role."
        raise WarehouseError(f"The warehouse {shown} is read-only. {remedy}", remedy=remedy)
    if is_empty:
        if not await connection.scalar(_MAY_CREATE, {"schema": schema}):
            remedy = f"GRANT USAGE, CREATE ON SCHEMA {quoted(schema)} TO {quoted(role)};"
            what = f"The role {role} may not create tables in the schema {schema} of the warehouse {shown}."
            raise WarehouseError(f"{what} {remedy}", remedy=remedy)
        return
    values = {"privileges": list(_NEEDED), "schema": schema, "tables": sorted(metadata.tables)}
    if lacking := (await connection.execute(_LACKING, values)).scalars().all():
        rights = ", ".join(lacking)
        remedy = f"GRANT {rights} ON ALL TABLES IN SCHEMA {quoted(schema)} TO {quoted(role)};"
        raise WarehouseError(
            f"The role {role} lacks {rights} on tables of the warehouse {shown}. {remedy}", remedy=remedy
        )
