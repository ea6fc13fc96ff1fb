"""What a broken database sounds like: a sentence, the place, what to do; never a password or a value."""

from __future__ import annotations

import asyncio
import os
import socket
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from postgres import Server
from warehouse.samples import Clock, Night, campaign, query

from etl.errors import WarehouseError
from etl.warehouse.warehouse import Warehouse


async def refusal(url: str, password: str | None = None) -> str:
    """The message of a warehouse that cannot get ready."""
    async with Warehouse.connect(url, password=password, clock=Clock()) as opened:
        with pytest.raises(WarehouseError) as caught:
            await opened.ready()
    return str(caught.value)


async def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    """And nothing is created on the way."""
    message = await refusal(f"sqlite:///{tmp_path}/nowhere/x.db")
    assert "nowhere/x.db cannot be opened" in message
    assert "check that the directory exists" in message
    assert not os.listdir(tmp_path)  # noqa: PTH208


async def test_a_directory_in_place_of_the_file_is_an_error(tmp_path: Path) -> None:
    """A path that names a folder cannot be a warehouse."""
    assert "cannot be opened" in await refusal(f"sqlite:///{tmp_path}")


async def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    """Somebody's text file survives."""
    file = tmp_path / "notes.db"
    file.write_text("Dear diary, " * 100)
    assert "is not a SQLite database" in await refusal(f"sqlite:///{file}")
    assert file.read_text().startswith("Dear diary")


@pytest.fixture
def closed_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that this test may not write to; as nobody in particular, since root may write anywhere."""
    tmp_path.chmod(0o555)
    me = os.geteuid()
    if me == 0:
        os.seteuid(65534)
    yield tmp_path
    os.seteuid(me)
    tmp_path.chmod(0o755)


async def test_an_unwritable_directory_is_an_error(closed_folder: Path) -> None:
    """The message says who may not write, and where."""
    message = await refusal(f"sqlite:///{closed_folder}/x.db")
    assert "cannot be opened (Permission denied)" in message
    assert "this user may write there" in message


async def test_a_file_locked_by_another_program_is_an_error_after_a_while(sqlite_url: str) -> None:
    """The wait is bounded; reading goes on, and writing works when the other is done."""
    async with Warehouse.connect(f"{sqlite_url}?timeout=0.2", clock=Clock()) as opened:
        await opened.ready()
        with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(WarehouseError, match="is locked by another process"):
                await opened.begin_run("sync", version="1.0", started_at=datetime.now(UTC))
            assert await opened.runs() == ()
            other.execute("ROLLBACK")
        assert await opened.begin_run("sync", version="1.0", started_at=datetime.now(UTC))


async def test_a_server_that_is_down_is_named_with_its_place() -> None:
    """Host and port, not a stack of causes."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    message = await refusal(f"postgresql://ann@127.0.0.1:{port}/d", "s3cret")
    assert f"postgresql://ann@127.0.0.1:{port}/d cannot be reached" in message
    assert "s3cret" not in message


async def test_a_database_that_does_not_exist_is_named(postgres: Server) -> None:
    """Creating databases is the administrator's."""
    assert "has no such database" in await refusal(postgres.url("nowhere"))


@pytest.fixture
async def locked_down(postgres_url: str) -> AsyncIterator[str]:
    """A role that must give a password; afterwards the server trusts everybody again."""
    connection = await asyncpg.connect(postgres_url)
    rules = await connection.fetchval("SHOW hba_file")
    before = await connection.fetchval("SELECT pg_read_file($1)", rules)

    async def rule_with(text: str) -> None:
        Path(rules).write_text(text)  # noqa: ASYNC240
        await connection.execute("SELECT pg_reload_conf()")

    try:
        await connection.execute("CREATE ROLE shy LOGIN PASSWORD 'right'")
        await rule_with("host all shy all scram-sha-256\n" + before)
        yield postgres_url.replace("kore@", "shy@")
    finally:
        await rule_with(before)
        await connection.execute("DROP ROLE shy")
        await connection.close()


async def test_a_wrong_password_is_refused_without_repeating_it(locked_down: str) -> None:
    """Nor the right one. A right password without rights on the schema says which rights."""
    deadline = asyncio.get_running_loop().time() + 10
    while asyncio.get_running_loop().time() < deadline:  # the server takes a moment to read its rules again
        message = await refusal(locked_down, "wr0ng")
        if "password" in message:
            break
    assert "refuses the password" in message
    assert "wr0ng" not in message
    assert "does not allow this role" in await refusal(locked_down, "right")


async def test_a_connection_cut_in_the_middle_is_an_error(postgres_url: str) -> None:
    """The server went away between two statements; afterwards a new connection works."""
    async with Warehouse.connect(postgres_url, clock=Clock()) as opened:
        await opened.ready()
        await query(
            postgres_url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'kore-etl'",
        )
        with pytest.raises(WarehouseError, match="run again"):
            await opened.begin_run("sync", version="1.0", started_at=datetime.now(UTC))
        assert await opened.begin_run("sync", version="1.0", started_at=datetime.now(UTC))


async def test_errors_never_quote_what_was_stored(warehouse_url: str) -> None:
    """Neither the message nor its cause: a unique violation quotes the key, a bad value itself."""
    async with Warehouse.connect(warehouse_url, clock=Clock()) as opened:
        await opened.ready()
        clock = Clock()
        async with Night(opened, clock) as tonight:
            await query(warehouse_url, "CREATE UNIQUE INDEX one_name ON campaigns (name)")
            with pytest.raises(WarehouseError) as caught:
                await tonight.store(campaign("c-1", name="hush"), campaign("c-2", name="hush"))
    assert "hush" not in str(caught.value)
    assert caught.value.__suppress_context__
    assert caught.value.__cause__ is None or "hush" not in str(caught.value.__cause__)
