"""SIGTERM and SIGINT at real processes: whatever a run does, it ends within ten seconds, with a document."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from night import Command, night
from process import ended, started, until
from warehouse_look import rows, source_rows, stored_rows

from etl.sandbox.app import Sandbox
from etl.sandbox.faults import Fault, OfChannel
from etl.warehouse import holder

TEN = 10.0
RUNS = "SELECT verdict, exit_code FROM sync_runs ORDER BY started_at"


def goes_on(kore_etl: Command, sandbox: Sandbox, url: str) -> None:
    """The next run completes what the stopped one left."""
    sandbox.faults = ()
    assert kore_etl.json("sync")["exit_code"] == 0
    assert stored_rows(url) == source_rows(sandbox)


def is_running(url: str) -> bool:
    return rows(url, "SELECT 1 FROM sync_runs WHERE verdict = 'running'") != []


def test_a_run_that_waits_for_the_rate_limit_ends_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str
) -> None:
    """130 for SIGINT; the verdict is in the ledger and in the document."""
    with night(tmp_path, capsys, sqlite_url, accounts=1, campaigns=5) as (sandbox, kore_etl):
        text = kore_etl.config.read_text()
        kore_etl.config.write_text(text.replace("requests_per_minute = 0", "requests_per_minute = 2"))
        process = started(kore_etl.config, "sync")
        until(lambda: len(sandbox.requests) == 2, "two requests")
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        got = ended(process, TEN)
        assert (got.code, got.document["verdict"]) == (130, "stopped")
        assert rows(sqlite_url, RUNS) == [("stopped", 130)]
        kore_etl.config.write_text(text)
        goes_on(kore_etl, sandbox, sqlite_url)


def test_a_run_that_waits_for_a_lease_ends_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str
) -> None:
    """The other holder keeps it, and no window was read."""
    with night(tmp_path, capsys, sqlite_url, accounts=1, campaigns=5) as (sandbox, kore_etl):
        account_id, me = sandbox.catalogue.accounts[0].account_id, str(holder.myself())
        execute(sqlite_url, f"INSERT INTO sync_leases VALUES ('{account_id}', '{me}', 7, '2100-01-01T00:00:00Z')")
        process = started(kore_etl.config, "sync", "--wait", "600")
        until(lambda: is_running(sqlite_url), "the run's line")
        process.send_signal(signal.SIGTERM)
        got = ended(process, TEN)
        assert (got.code, got.document["verdict"]) == (143, "stopped")
        assert sandbox.requests == []
        assert rows(sqlite_url, "SELECT holder, epoch FROM sync_leases") == [(me, 7)]
        execute(sqlite_url, "DELETE FROM sync_leases")
        goes_on(kore_etl, sandbox, sqlite_url)


def test_a_run_with_accounts_done_under_way_and_to_come_ends_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str
) -> None:
    """Forty accounts, of which thirty-two take turns at a time: what is stored is whole windows."""
    with night(tmp_path, capsys, sqlite_url, accounts=40, campaigns=2) as (sandbox, kore_etl):
        sandbox.faults = (Fault("slow", seconds=0.1),)
        process = started(kore_etl.config, "sync")
        until(lambda: len({seen.account_id for seen in sandbox.requests}) > 32, "a thirty-third account")
        process.send_signal(signal.SIGTERM)
        got = ended(process, TEN)
        assert got.code == 143
        assert len(got.document["scopes"]) == 80
        stored = rows(sqlite_url, "SELECT account_id, channel, count(*) FROM campaigns GROUP BY 1, 2")
        assert {count for _, _, count in stored} == {2}
        goes_on(kore_etl, sandbox, sqlite_url)


def execute(url: str, sql: str) -> None:
    if url.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database, database:
            database.execute(sql.replace("00:00Z", "00:00.000000Z"))
        return

    async def ask() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(sql)
        await connection.close()

    asyncio.run(ask())


@contextlib.contextmanager
def locked(url: str) -> Iterator[None]:
    """Nobody else writes a campaign."""
    if url.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            yield
            database.execute("ROLLBACK")
        return
    with asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(url))
        runner.run(connection.execute("BEGIN; LOCK TABLE campaigns IN EXCLUSIVE MODE"))
        yield
        runner.run(connection.close())


def test_a_window_that_is_being_stored_is_finished_if_it_can_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], warehouse_url: str
) -> None:
    """The database is busy for a second after the signal: the window in hand is kept."""
    with night(tmp_path, capsys, warehouse_url, accounts=1, campaigns=5) as (sandbox, kore_etl):
        sandbox.faults = (Fault("slow", on=OfChannel("voice"), seconds=60),)
        with locked_store(sandbox, kore_etl, warehouse_url) as process:
            process.send_signal(signal.SIGTERM)
            time.sleep(1)
        got = ended(process, TEN)
        assert (got.code, got.document["verdict"], got.document["totals"]["windows"]) == (143, "stopped", 1)
        assert rows(warehouse_url, "SELECT channel, count(*) FROM campaigns GROUP BY 1") == [("sms", 5)]
        goes_on(kore_etl, sandbox, warehouse_url)


def test_a_second_signal_ends_the_process_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str
) -> None:
    """Even while the database holds everything up; the document is printed, and the next run closes the line."""
    with night(tmp_path, capsys, sqlite_url, accounts=1, campaigns=5) as (sandbox, kore_etl):
        with locked_store(sandbox, kore_etl, sqlite_url) as process:
            process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
            process.send_signal(signal.SIGINT)
            got = ended(process, 1)
        assert (got.code, got.document["exit_code"]) == (130, 130)
        assert "without a clean end" in got.err
        goes_on(kore_etl, sandbox, sqlite_url)
        assert rows(sqlite_url, RUNS) == [("failed", 137), ("complete", 0)]


@pytest.mark.slow
def test_a_run_that_cannot_end_is_ended_after_ten_seconds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], warehouse_url: str
) -> None:
    """The database stays locked: no clean end is possible on SQLite, and none is waited for."""
    with night(tmp_path, capsys, warehouse_url, accounts=1, campaigns=5) as (sandbox, kore_etl):
        with locked_store(sandbox, kore_etl, warehouse_url) as process:
            process.send_signal(signal.SIGTERM)
            got = ended(process, TEN)
        assert (got.code, got.document["exit_code"]) == (143, 143)
        assert rows(warehouse_url, "SELECT count(*) FROM campaigns") == [(0,)]
        goes_on(kore_etl, sandbox, warehouse_url)


@contextlib.contextmanager
def locked_store(sandbox: Sandbox, kore_etl: Command, url: str) -> Iterator[object]:
    """A sync that stores its first window, and cannot while this lasts."""
    sandbox.faults = (Fault("slow", on=OfChannel("sms"), seconds=0.3), *sandbox.faults)
    process = started(kore_etl.config, "sync")
    until(lambda: sandbox.requests, "the first request")
    with locked(url):
        until(lambda: sum(seen.channel == "sms" for seen in sandbox.requests) > 1, "the window after the census")
        time.sleep(1.5)  # which date is filtered is asked as well
        yield process


INSTANTS = (0.1, 0.3, 0.5, 0.7, 0.9, 1.2)


def test_a_signal_at_any_time_is_one_document_and_its_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], empty_sqlite_url: str
) -> None:
    """While the program is loaded, the schema is made, the run begins, a window is read: there is always a document."""
    with night(tmp_path, capsys, empty_sqlite_url, accounts=1, campaigns=5) as (sandbox, kore_etl):
        sandbox.faults = (Fault("slow", seconds=60),)
        for instant, number in zip(INSTANTS, itertools.cycle((signal.SIGTERM, signal.SIGINT)), strict=False):
            process = started(kore_etl.config, "sync")
            time.sleep(instant)
            process.send_signal(number)
            got = ended(process, TEN)
            assert (got.code, got.document["exit_code"]) == (128 + number, 128 + number), (instant, got)
            assert "Traceback" not in got.err
        goes_on(kore_etl, sandbox, empty_sqlite_url)
        assert not is_running(empty_sqlite_url)
