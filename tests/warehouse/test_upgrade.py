"""Databases that earlier versions made, as they recorded themselves: they migrate with all that is in and on them.

`recorded/` holds a dump of each schema version after a first sync of four campaigns a channel.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import asyncpg
import pytest
from warehouse.samples import Clock, query
from warehouse.test_history import counts
from warehouse.test_schema import differences

from etl.warehouse import views
from etl.warehouse.dialect import is_postgres
from etl.warehouse.migrate import REVISIONS, SchemaState
from etl.warehouse.warehouse import Warehouse

RECORDED = Path(__file__).parent / "recorded"
ANALYSTS = {
    "mine": "SELECT campaign_id, name FROM live_campaigns WHERE raw IS NOT NULL",
    "ours": "SELECT o.name, f.live_rows FROM campaign_overview o JOIN sync_freshness f USING (account_id, channel)",
    "counted": "SELECT count(*) AS readings FROM campaign_counter_history",
}


@pytest.fixture(params=REVISIONS[:-1])
async def old_url(request: pytest.FixtureRequest, empty_url: str) -> str:
    """A database as that version left it, with an analyst's views on top of ours."""
    kind = empty_url.partition(":")[0]
    script = (RECORDED / f"{request.param}.{kind}.sql").read_text()
    if kind == "sqlite":
        with closing(sqlite3.connect(empty_url.removeprefix("sqlite:///"))) as connection:
            connection.executescript(script)
    else:
        connection = await asyncpg.connect(empty_url)
        await connection.execute(script)
        await connection.close()
    for name, sql in ANALYSTS.items():
        await query(empty_url, f"CREATE VIEW {name} AS {sql}")
    return empty_url


def test_every_version_recorded_itself() -> None:
    """A new revision comes with a dump of the one before it, on both databases."""
    recorded = {path.name for path in RECORDED.iterdir()}
    assert recorded == {f"{one}.{kind}.sql" for one in REVISIONS[:-1] for kind in ("sqlite", "postgresql")}


async def test_an_older_database_migrates_with_what_is_in_it_and_on_top_of_it(old_url: str, clock: Clock) -> None:
    """Rows stay, analysts' views answer as before, ours are there, and the schema is exactly the new one."""
    tables = ("campaigns", "campaign_contact_lists", "contact_lists", "sync_windows")
    asked = [f"SELECT * FROM {view} ORDER BY 1" for view in ("mine", "counted")]
    before = [await query(old_url, f"SELECT count(*) FROM {table}") for table in tables]
    answers = [await query(old_url, sql) for sql in asked]
    async with Warehouse.connect(old_url, clock=clock) as opened:
        assert await opened.schema_state() is SchemaState.OLDER
        await opened.migrate()
        assert await opened.schema_state() is SchemaState.CURRENT
        async with opened._database.read() as connection:
            assert await connection.run_sync(differences) == []
            dialect = "postgresql" if is_postgres(connection) else "sqlite"
    assert [await query(old_url, f"SELECT count(*) FROM {table}") for table in tables] == before
    assert [await query(old_url, sql) for sql in asked] == answers
    assert len(answers[0]) == 8
    assert len(await query(old_url, "SELECT * FROM ours")) == 8
    for view in views.definitions(dialect):
        await query(old_url, f"SELECT * FROM {view}")
    assert await query(old_url, "SELECT count(*) FROM campaign_versions WHERE valid_to IS NULL") == [(8,)]
    assert await counts(old_url) == [0, 0, 0]


async def test_an_older_database_is_refused_until_it_is_migrated(old_url: str, clock: Clock) -> None:
    """`sync` does not migrate what is not empty: the remedy is named."""
    async with Warehouse.connect(old_url, clock=clock) as opened:
        with pytest.raises(Exception, match="run `kore-etl migrate`"):
            await opened.ready()


async def test_views_take_another_column_at_their_end(
    postgres_url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a later version appends reaches analysts' views, and the function on top, without dropping either."""
    async with Warehouse.connect(postgres_url, clock=clock) as opened:
        await query(postgres_url, "CREATE VIEW mine AS SELECT name FROM campaign_versions")
        await query(postgres_url, "CREATE VIEW that_day AS SELECT name FROM campaigns_as_of('2026-01-01')")
        wider = views.campaign_views._VERSIONS.replace(
            ", instance_updated_at FROM", ", instance_updated_at, 1 AS more FROM"
        )
        assert wider != views.campaign_views._VERSIONS
        monkeypatch.setattr(views.campaign_views, "_VERSIONS", wider)
        await opened.migrate()
        for view in ("mine", "that_day"):
            assert await query(postgres_url, f"SELECT * FROM {view}") == []
        assert await query(postgres_url, "SELECT more FROM campaigns_as_of(now())") == []
