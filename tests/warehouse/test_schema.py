"""The schema: migrations equal the tables, states are told apart, several may migrate at once."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from conftest import MakeDatabase
from sqlalchemy import Connection, create_engine
from sqlalchemy.ext.asyncio import create_async_engine
from warehouse.samples import SMS, Clock, Night, campaign, query

from etl.errors import SchemaMismatch, WarehouseError
from etl.model import Profile
from etl.warehouse import migrate, schema, views
from etl.warehouse.database import Database
from etl.warehouse.migrate import REVISIONS, VERSION_TABLE, SchemaState, classify
from etl.warehouse.warehouse import Warehouse


def listed(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def differences(connection: Connection) -> list[object]:
    options = {"version_table": VERSION_TABLE, "compare_type": True, "compare_server_default": True}
    return compare_metadata(MigrationContext.configure(connection, opts=options), schema.metadata)


async def test_the_migrations_build_the_schema(warehouse: Warehouse, warehouse_url: str) -> None:
    """Tables, columns, types, comments and indexes: no difference to etl.warehouse.schema."""
    if warehouse_url.startswith("sqlite"):
        engine = create_engine(warehouse_url)
        with engine.connect() as connection:
            assert differences(connection) == []
        engine.dispose()
        return
    opened = create_async_engine(warehouse_url.replace("postgresql://", "postgresql+asyncpg://"))
    async with opened.connect() as connection:
        assert await connection.run_sync(differences) == []
    await opened.dispose()


_MADE = {
    "sqlite": {
        "tables": "SELECT * FROM pragma_table_list ORDER BY name",
        "columns": "SELECT l.name, c.* FROM pragma_table_list l, pragma_table_xinfo(l.name) c ORDER BY l.name, c.cid",
        "indexes": "SELECT l.name, i.name, i.'unique', i.origin, i.partial, c.* FROM pragma_table_list l, "
        "pragma_index_list(l.name) i, pragma_index_xinfo(i.name) c ORDER BY l.name, i.name, c.seqno",
        "sql": "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE type <> 'table' ORDER BY 1, 2",
    },
    "postgresql": {
        "tables": "SELECT relname, relkind::text, relpersistence::text, reloptions FROM pg_class "
        "WHERE relnamespace = 'public'::regnamespace ORDER BY 1",
        "columns": "SELECT attrelid::regclass::text, attnum, attname, format_type(atttypid, atttypmod), attnotnull, "
        "attidentity::text, attgenerated::text, attcollation, attstorage::text, pg_get_expr(adbin, adrelid) "
        "FROM pg_attribute a LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum JOIN pg_class c "
        "ON c.oid = attrelid WHERE relnamespace = 'public'::regnamespace AND attnum > 0 ORDER BY 1, 2",
        "constraints": "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2",
        "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2",
        "views": "SELECT viewname, definition FROM pg_views WHERE schemaname = 'public' ORDER BY 1",
        "comments": "SELECT relname, objsubid, description FROM pg_description JOIN pg_class c ON c.oid = objoid "
        "WHERE relnamespace = 'public'::regnamespace ORDER BY 1, 2",
        "functions": "SELECT proname, pg_get_functiondef(oid), obj_description(oid) FROM pg_proc "
        "WHERE pronamespace = 'public'::regnamespace ORDER BY 1",
    },
}


async def made(url: str) -> dict[str, object]:
    """All that there is in a database without campaigns, to the last comment and default."""
    questions = _MADE[url.partition(":")[0]] | {"version": f"SELECT * FROM {VERSION_TABLE}"}
    answers = {what: await query(url, sql) for what, sql in questions.items()}
    assert all(answers.values())
    return answers


async def test_what_is_made_at_once_is_what_the_migrations_lead_to(
    empty_url: str, empty_database: MakeDatabase, tmp_path: Path, clock: Clock
) -> None:
    """Migrated from nothing, step by step, it is the same; and where it was made at once, alembic has nothing to do."""
    other_url = f"sqlite:///{tmp_path / 'steps.db'}" if empty_url.startswith("sqlite") else await empty_database()
    async with Warehouse.connect(other_url, clock=clock) as opened:
        await migrated_step_by_step(opened._database)
    async with Warehouse.connect(empty_url, clock=clock) as opened:
        assert await opened.migrate() == migrate.MigrationResult(None, REVISIONS[-1])
        at_once = await made(empty_url)
        await migrated_step_by_step(opened._database)
    assert at_once == await made(other_url) == await made(empty_url)


async def migrated_step_by_step(database: Database) -> None:
    if database.address.file is not None:
        await database.create_file(database.address.file)
    async with database.write() as connection:
        await connection.run_sync(migrate.upgrade)
        await views.refresh(connection)


def test_the_revisions_are_the_migration_files() -> None:
    """REVISIONS saves importing alembic; it must not be forgotten."""
    config = Config()
    config.set_main_option("script_location", str(migrate.scripts()))
    found = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(found)) == REVISIONS


def test_profiles_have_a_column_per_field() -> None:
    """What the source learns is kept whole."""
    columns = {column.name for column in schema.source_profiles.c}
    assert columns - {"account_id", "app_id", "channel", "observed_at"} == {*Profile.__struct_fields__}


@pytest.mark.parametrize(
    ("revision", "ours", "state"),
    [
        (None, False, SchemaState.EMPTY),
        (None, True, SchemaState.FOREIGN),
        ("2", True, SchemaState.CURRENT),
        ("1", True, SchemaState.OLDER),
        ("3", True, SchemaState.NEWER),
    ],
)
def test_states_are_told_apart(revision: str | None, ours: bool, state: SchemaState) -> None:
    """By the revision, and by tables of our names."""
    assert classify(revision, ours=ours, known=("1", "2")) is state


async def test_looking_creates_nothing(empty_sqlite_url: str, tmp_path: Path, clock: Clock) -> None:
    """`plan` and `status` must not leave a database behind."""
    async with Warehouse.connect(empty_sqlite_url, clock=clock) as opened:
        assert await opened.schema_state() is SchemaState.EMPTY
        with pytest.raises(WarehouseError):
            await opened.runs()
    assert listed(tmp_path) == []


async def test_an_empty_database_is_migrated_when_it_is_needed(empty_url: str, clock: Clock) -> None:
    """`ready` builds it; migrating again changes nothing."""
    async with Warehouse.connect(empty_url, clock=clock) as opened:
        await opened.ready()
        assert await opened.schema_state() is SchemaState.CURRENT
        result = await opened.migrate()
    assert (result.before, result.after) == (REVISIONS[-1], REVISIONS[-1])


async def test_a_database_whose_tables_were_dropped_is_made_anew(empty_url: str, clock: Clock) -> None:
    """Even where the table of the version stayed, without its row."""
    await query(empty_url, f"CREATE TABLE {VERSION_TABLE} (version_num varchar(32) NOT NULL)")
    async with Warehouse.connect(empty_url, clock=clock) as opened:
        await opened.ready()
        assert await opened.schema_state() is SchemaState.CURRENT


async def test_reading_an_empty_database_says_what_to_do(empty_url: str, clock: Clock) -> None:
    """Not a driver's message about a missing table."""
    if empty_url.startswith("sqlite"):
        await query(empty_url, "SELECT 1")  # makes the file
    async with Warehouse.connect(empty_url, clock=clock) as opened:
        with pytest.raises(SchemaMismatch, match="run `kore-etl migrate`"):
            await opened.freshness()


async def test_a_newer_database_is_refused(warehouse: Warehouse, warehouse_url: str) -> None:
    """By `ready` and by `migrate`; the program is to be upgraded, not the database."""
    await query(warehouse_url, f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    assert await warehouse.schema_state() is SchemaState.NEWER
    for refused in (warehouse.ready, warehouse.migrate):
        with pytest.raises(SchemaMismatch, match="upgrade kore-campaign-etl"):
            await refused()


async def test_a_foreign_table_of_our_name_is_left_alone(empty_url: str, clock: Clock) -> None:
    """Somebody else's `campaigns` is neither used nor migrated."""
    await query(empty_url, "CREATE TABLE campaigns (mine integer)")
    async with Warehouse.connect(empty_url, clock=clock) as opened:
        assert await opened.schema_state() is SchemaState.FOREIGN
        for refused in (opened.ready, opened.migrate):
            with pytest.raises(SchemaMismatch, match="did not make"):
                await refused()
    assert await query(empty_url, "SELECT * FROM campaigns") == []


def test_an_older_database_is_refused_by_name() -> None:
    """The sentence has both versions and the command."""
    error = migrate.mismatch(SchemaState.OLDER, "0000", "sqlite:///x.db")
    assert "0000" in str(error)
    assert "`kore-etl migrate`" in str(error)


async def test_several_may_migrate_at_once(empty_url: str, clock: Clock) -> None:
    """One does the work, the others find it done."""
    opened = [Warehouse.connect(empty_url, clock=clock) for _ in range(4)]
    try:
        results = await asyncio.gather(*(one.migrate() for one in opened))
    finally:
        await asyncio.gather(*(one.close() for one in opened))
    assert sorted(str(result.before) for result in results) == [REVISIONS[-1]] * 3 + ["None"]


async def test_postgres_takes_another_schema(empty_postgres_url: str, clock: Clock) -> None:
    """It is made when missing, and two warehouses live side by side in one database."""
    for name in ("Night Shift", "other"):
        async with Warehouse.connect(empty_postgres_url, schema=name, clock=clock) as opened:
            await opened.ready()
            async with Night(opened, clock) as tonight:
                assert (await tonight.store(campaign("c-1", contact_lists=("a",)))).inserted == 1
            assert (await opened.freshness())[0].live_rows == 1
            assert (await opened.scope_state(SMS)).stored == 1
    assert await query(empty_postgres_url, 'SELECT count(*) FROM "Night Shift".campaign_overview') == [(1,)]
    assert await query(empty_postgres_url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]


async def test_views_survive_a_migration_and_what_analysts_built_on_them(postgres_url: str, clock: Clock) -> None:
    """CREATE OR REPLACE keeps an analyst's view on top of ours."""
    async with Warehouse.connect(postgres_url, clock=clock) as opened:
        await query(postgres_url, "CREATE VIEW mine AS SELECT name FROM live_campaigns")
        await opened.migrate()
        assert await query(postgres_url, "SELECT * FROM mine") == []


async def test_a_view_that_would_have_to_be_dropped_is_named(empty_postgres_url: str, clock: Clock) -> None:
    """Nothing is changed; the message says which view."""
    await query(empty_postgres_url, "CREATE VIEW sync_gaps AS SELECT 1 AS something_else")
    async with Warehouse.connect(empty_postgres_url, clock=clock) as opened:
        with pytest.raises(WarehouseError, match="view sync_gaps cannot be brought up to date"):
            await opened.migrate()
        assert await opened.schema_state() is SchemaState.EMPTY


async def test_views_are_rebuilt_on_sqlite(sqlite_url: str, clock: Clock) -> None:
    """A stale view is replaced by the next migration."""
    async with Warehouse.connect(sqlite_url, clock=clock) as opened:
        await query(sqlite_url, "DROP VIEW live_campaigns")
        await query(sqlite_url, "CREATE VIEW live_campaigns AS SELECT 1 AS stale")
        await opened.migrate()
        assert await query(sqlite_url, "SELECT campaign_id FROM live_campaigns") == []


async def test_readers_do_not_stop_the_writer_on_sqlite(sqlite_url: str, clock: Clock) -> None:
    """An analyst's open query and a night go side by side."""
    async with Warehouse.connect(sqlite_url, clock=clock) as opened:
        with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as analyst:
            analyst.execute("BEGIN")
            assert analyst.execute("SELECT count(*) FROM campaigns").fetchall() == [(0,)]
            async with Night(opened, clock) as tonight:
                assert (await tonight.store(campaign("c-1"))).inserted == 1
            assert analyst.execute("SELECT count(*) FROM campaigns").fetchall() == [(0,)]


async def test_postgres_carries_the_comments(postgres_url: str) -> None:
    """Every table, column and view says what it is."""
    silent = (
        "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
        "WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 "
        f"AND c.relname <> '{VERSION_TABLE}' AND col_description(c.oid, a.attnum) IS NULL"
    )
    assert await query(postgres_url, silent) == []
    assert await query(postgres_url, silent.replace("relkind = 'r'", "relkind = 'v'")) == []
    views_silent = "SELECT relname FROM pg_class WHERE relkind = 'v' AND relnamespace = 'public'::regnamespace "
    assert await query(postgres_url, views_silent + "AND obj_description(oid) IS NULL") == []
    daily = "SELECT obj_description('campaign_daily_messages'::regclass)"
    ((said,),) = await query(postgres_url, daily)
    for word in ("lower bound", "baseline", "rerun is invisible", "voice campaigns have no counter"):
        assert word in said


async def test_both_dialects_have_the_same_views_with_the_columns_that_are_described(
    warehouse: Warehouse, warehouse_url: str
) -> None:
    """Name by name and in order: what the comments describe is what a query shows."""
    described = views.definitions("sqlite")
    assert {name: list(view.columns) for name, view in described.items()} == {
        name: list(view.columns) for name, view in views.definitions("postgresql").items()
    }
    async with warehouse._database.read() as connection:
        for name, view in described.items():
            shown = await connection.exec_driver_sql(f"SELECT * FROM {name}")
            assert list(shown.keys()) == list(view.columns)
            assert all(view.columns.values())


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
async def test_the_sessions_time_zone_changes_nothing(postgres_url: str, clock: Clock, zone: str) -> None:
    """Days are UTC days."""
    url = f"{postgres_url}?options=-c%20TimeZone%3D{zone}"
    async with Warehouse.connect(url, clock=clock) as opened:
        async with Night(opened, clock) as tonight:
            await tonight.store(campaign("c-1"))
        state = await opened.scope_state(SMS)
    assert [day.isoformat() for day, _ in state.density] == ["2026-01-01T00:00:00+00:00"]


def test_instants_without_a_zone_are_refused() -> None:
    """A naive datetime would be stored as whatever the machine thinks."""
    with pytest.raises(ValueError, match="without a timezone"):
        schema.Utc().process_bind_param(datetime(2026, 1, 1), create_engine("sqlite://").dialect)  # noqa: DTZ001
