"""One writer per account, at real processes: two at once, one that is paused, one that is killed."""

from __future__ import annotations

import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from night import Command, hours_ago, night
from process import ended, started, until
from warehouse_look import rows, source_links, source_rows, stored_links, stored_rows

from etl.sandbox.app import Sandbox
from etl.sandbox.faults import Fault, OfChannel

EVERYTHING = ("backfill", "--start", "2000-01-01", "--end", "2099-01-01")
ROUNDS = 2
MANY_ROUNDS = 50
"""`pytest -m slow -n 0 -s tests/test_leases.py` runs so many on each database, and prints how they ended."""


def changed(sandbox: Sandbox, chance: random.Random) -> None:
    """A day passes at the source: in every listing something is new, renamed, linked otherwise."""
    for account in sandbox.catalogue.accounts:
        for channel in ("sms", "voice"):
            now, created_at = hours_ago(0.3), hours_ago(chance.uniform(0.5, 40))
            records = sandbox.catalogue.listing(account.account_id, channel)
            for record in chance.sample(records, 3):
                campaign_id, lists = record.get("id") or record["_id"], chance.sample(["VIP", "EU/West", "a|b"], 2)
                name = f"Renamed {chance.randrange(10**9)}"
                sandbox.catalogue.update(account.account_id, channel, campaign_id, now=now, name=name)
                sandbox.catalogue.update(account.account_id, channel, campaign_id, now=now, contactLists=lists)
            sandbox.catalogue.insert(account.account_id, channel, created_at=created_at, now=now)


def together(sandbox: Sandbox, kore_etl: Command, url: str, *, number: int) -> tuple[int, ...]:
    """One round: `sync` and `backfill` at once. In every second round neither waits for the other."""
    changed(sandbox, random.Random(number))
    wait = ("--wait", "60") if number % 2 else ()
    processes = [started(kore_etl.config, *verb, *wait) for verb in (("sync",), EVERYTHING)]
    got = [ended(process, 60) for process in processes]
    codes = tuple(one.code for one in got)
    assert set(codes) <= ({0} if wait else {0, 4}), [one.err for one in got]
    assert stored_rows(url) == source_rows(sandbox)
    assert stored_links(url) == source_links(sandbox)
    assert rows(url, "SELECT verdict FROM sync_runs WHERE verdict NOT IN ('complete', 'held')") == []
    assert rows(url, TWICE) == []
    return codes


TWICE = "SELECT epoch, account_id FROM sync_windows GROUP BY 1, 2 HAVING count(DISTINCT run_id) > 1"
"""Turns that two runs had: the epoch is one run's alone."""


def rounds(tmp_path: Path, capsys: pytest.CaptureFixture[str], url: str, count: int) -> dict[tuple[int, ...], int]:
    seen: dict[tuple[int, ...], int] = {}
    with night(tmp_path, capsys, url, accounts=2, campaigns=30) as (sandbox, kore_etl):
        for number in range(count):
            codes = together(sandbox, kore_etl, url, number=number)
            seen[codes] = seen.get(codes, 0) + 1
    return seen


def test_sync_and_backfill_at_once_leave_a_true_copy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], empty_url: str
) -> None:
    """One waits, or exits 4; the empty database is migrated by one of them; the copy equals the source each time."""
    assert sum(rounds(tmp_path, capsys, empty_url, ROUNDS).values()) == ROUNDS


@pytest.mark.slow
def test_fifty_times_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str], warehouse_url: str) -> None:
    """The same, fifty times over, each on what the last one left."""
    seen = rounds(tmp_path, capsys, warehouse_url, MANY_ROUNDS)
    with capsys.disabled():
        kind = warehouse_url.partition(":")[0]
        sys.stdout.write(f"\n{kind}: {MANY_ROUNDS} rounds, exit codes of (sync, backfill): {seen}\n")


def test_a_paused_run_writes_nothing_once_another_has_the_account(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], warehouse_url: str
) -> None:
    """SIGSTOP in the middle, the lease runs out, another run reads everything; SIGCONT: exit 1, and it says why."""
    settings = "[sync]\nlease_seconds = 5\n"
    with night(tmp_path, capsys, warehouse_url, accounts=1, campaigns=30, settings=settings) as (sandbox, kore_etl):
        sandbox.faults = (Fault("slow", on=OfChannel("voice"), seconds=1),)
        paused = started(kore_etl.config, "sync")
        until(lambda: any(seen.channel == "voice" for seen in sandbox.requests), "the second window")
        time.sleep(0.3)  # the first one is stored
        paused.send_signal(signal.SIGSTOP)
        try:
            sandbox.faults = ()
            held = kore_etl.json("sync")
            assert (held["exit_code"], held["verdict"]) == (4, "held")
            following = kore_etl.json("sync", "--wait", "30")
            assert following["exit_code"] == 0
            before = everything(warehouse_url)
        finally:
            paused.send_signal(signal.SIGCONT)
        got = ended(paused)
        assert (got.code, got.document["verdict"], got.document["totals"]["windows"]) == (1, "incomplete", 1)
        assert "was taken over by another run" in got.err + got.out
        assert everything(warehouse_url) == before
        assert stored_rows(warehouse_url) == source_rows(sandbox)
        verdicts = rows(warehouse_url, "SELECT verdict, exit_code FROM sync_runs ORDER BY started_at")
        assert verdicts == [("incomplete", 1), ("held", 4), ("complete", 0)]


def everything(url: str) -> list[list[tuple[Any, ...]]]:
    """All that a run writes, but for its own line."""
    tables = ("campaigns", "campaign_contact_lists", "sync_windows", "source_profiles", "sync_leases")
    return [sorted(rows(url, f"SELECT * FROM {table}"), key=repr) for table in tables]


def test_a_killed_run_is_taken_over_at_once_and_its_line_is_closed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], warehouse_url: str
) -> None:
    """SIGKILL in the middle: the next run does not wait for the lease, and the ledger says what happened."""
    with night(tmp_path, capsys, warehouse_url, accounts=1, campaigns=30) as (sandbox, kore_etl):
        sandbox.faults = (Fault("slow", on=OfChannel("voice"), seconds=60),)
        process = started(kore_etl.config, "sync")
        until(lambda: any(seen.channel == "voice" for seen in sandbox.requests), "the second window")
        process.kill()
        assert ended(process).code == -9
        (line,) = kore_etl.json("runs")["runs"]
        assert (line["verdict"], line["exit_code"], line["finished_at"]) == ("running", None, None)

        sandbox.faults = ()
        assert kore_etl.json("sync")["exit_code"] == 0
        assert stored_rows(warehouse_url) == source_rows(sandbox)
        code, out, _ = kore_etl("runs", "show", line["run_id"])
        assert code == 0
        assert "failed (killed)" in out
        assert "Its process ended without a word" in out
        assert [one["exit_code"] for one in kore_etl.json("runs")["runs"]] == [0, 137]
