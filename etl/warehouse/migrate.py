"""Which schema version a database is on, and how it is brought to ours; safe when several start at once."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Any

from msgspec import Struct
from sqlalchemy import (
    Column,
    Connection,
    Dialect,
    Inspector,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    inspect,
    select,
)
from sqlalchemy.engine.mock import MockConnection
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.schema import CreateTable

from etl.errors import SchemaMismatch, WarehouseError
from etl.warehouse import views
from etl.warehouse.database import Database
from etl.warehouse.dialect import execute_all
from etl.warehouse.rows import digest63
from etl.warehouse.schema import metadata

VERSION_TABLE = "kore_etl_version"
"""Not alembic's own name: another program's migrations may live in the same schema."""

REVISIONS = ("0001", "0002", "0003")
"""Every revision, oldest first; a test holds this equal to the migration files. Saves importing alembic to ask."""

_VERSIONS = Table(
    VERSION_TABLE,
    MetaData(),
    Column("version_num", String(32)),
    PrimaryKeyConstraint("version_num", name=f"{VERSION_TABLE}_pkc"),
)
"""As alembic makes it."""

LOCK_SECONDS = 60


class SchemaState(Enum):
    """How a database's schema relates to this program's."""

    EMPTY = "empty"
    CURRENT = "current"
    OLDER = "older"
    NEWER = "newer"
    FOREIGN = "foreign"
    """It has tables of our names that no migration of ours made."""


class MigrationResult(Struct, frozen=True):
    """The revisions before (None: empty) and after."""

    before: str | None
    after: str


def classify(revision: str | None, *, ours: bool, known: Sequence[str] = REVISIONS) -> SchemaState:
    """The state of a database with this revision; `ours`: it has tables of our names."""
    if revision is None:
        return SchemaState.FOREIGN if ours else SchemaState.EMPTY
    if revision not in known:
        return SchemaState.NEWER
    return SchemaState.CURRENT if revision == known[-1] else SchemaState.OLDER


async def look(database: Database) -> tuple[SchemaState, str | None]:
    """The state and the revision. Creates nothing, not even the file."""
    if not database.exists():
        return SchemaState.EMPTY, None
    async with database.read() as connection:
        return await _look(connection, database.address.schema)


async def _look(connection: AsyncConnection, schema: str | None) -> tuple[SchemaState, str | None]:
    revision, ours = await connection.run_sync(_revision, schema)
    return classify(revision, ours=ours), revision


def _revision(connection: Connection, schema: str | None) -> tuple[str | None, bool]:
    inspector: Inspector = inspect(connection)
    tables = set(inspector.get_table_names(schema=schema))
    ours = not tables.isdisjoint(metadata.tables)
    if VERSION_TABLE not in tables:
        return None, ours
    return connection.scalar(select(_VERSIONS.c.version_num)), ours


def mismatch(state: SchemaState, revision: str | None, shown: str) -> SchemaMismatch:
    """Why a database that is not CURRENT cannot be used, and what to do."""
    what, remedy = _mismatch(state, revision)
    return SchemaMismatch(f"The warehouse {shown} {what}; {remedy}", remedy=remedy)


def _mismatch(state: SchemaState, revision: str | None) -> tuple[str, str]:
    if state is SchemaState.OLDER:
        return f"is on schema {revision}, this program on {REVISIONS[-1]}", "run `kore-etl migrate`."
    if state is SchemaState.NEWER:
        newer = f"is on schema {revision}, which this program (on {REVISIONS[-1]}) does not know"
        return newer, "upgrade kore-campaign-etl."
    if state is SchemaState.EMPTY:
        return "has no kore-etl tables yet", "run `kore-etl migrate`."
    foreign = "has tables of our names that kore-etl did not make"
    return foreign, "name another database, or on PostgreSQL another schema, in [warehouse]."


async def migrate(database: Database) -> MigrationResult:
    """Bring the schema and the views up to date in one transaction, behind a lock that ends with it.

    Raises SchemaMismatch for a NEWER or FOREIGN database, WarehouseError when it cannot be written.
    """
    file = database.address.file
    if file is not None:
        await database.create_file(file)
    schema = database.address.schema
    async with database.write() as connection:
        if schema is not None:
            await _lock(connection, schema)
        state, before = await _look(connection, schema)
        if state in (SchemaState.NEWER, SchemaState.FOREIGN):
            raise mismatch(state, before, database.address.shown)
        if state is SchemaState.EMPTY:
            await execute_all(connection, creation(connection.dialect))
        elif state is SchemaState.OLDER:
            await connection.run_sync(upgrade)
        await views.refresh(connection)
    return MigrationResult(before, REVISIONS[-1])


async def _lock(connection: AsyncConnection, schema: str) -> None:
    """A transaction's advisory lock: it cannot be stranded behind a pooler. Ours is also the search path."""
    quoted = connection.dialect.identifier_preparer.quote(schema)
    await connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
    await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({digest63('kore-etl migrate', schema)})")
    if schema not in await connection.run_sync(lambda sync: inspect(sync).get_schema_names()):
        await connection.exec_driver_sql(f"CREATE SCHEMA {quoted}")
    await connection.exec_driver_sql(f"SET LOCAL search_path TO {quoted}")


def creation(dialect: Dialect) -> list[str]:
    """What makes the newest schema in an empty database: the same, a test holds, as all migrations one by one."""
    said: list[str] = []

    def say(statement: Any, *_: object, **__: object) -> None:
        said.append(str(statement.compile(dialect=dialect)))

    listening = MockConnection(dialect, say)
    metadata.create_all(listening, checkfirst=False)
    say(CreateTable(_VERSIONS, if_not_exists=True))  # somebody may have emptied it
    return [*said, f"INSERT INTO {VERSION_TABLE} VALUES ('{REVISIONS[-1]}')"]  # noqa: S608  our own names


def upgrade(connection: Connection) -> None:
    """Carry out every migration that the database has not seen yet."""
    from alembic import command  # here: 440 ms that only an older database pays
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(scripts()).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def scripts() -> Path:
    """Where the migrations are: beside the package in a wheel, else in the checkout."""
    package = Path(__file__).parents[1]
    for place in (package / "_migrations", package.parent / "migrations"):
        if (place / "env.py").is_file():
            return place
    raise WarehouseError("The migrations are not where this program was installed; install kore-campaign-etl again.")
