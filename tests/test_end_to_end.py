"""The real command against the sandbox over a real socket, into real databases."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from night import hours_ago, night
from warehouse_look import rows, source_links, source_rows, stored_links, stored_rows

from etl.sandbox.faults import Call, Fault, parse_faults

FAST = "[api]\nbackoff_seconds = 0.01\nmax_attempts = 3\n"


def test_the_first_night_loads_everything_and_the_second_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], empty_url: str
) -> None:
    """Counts equal the source's; an unchanged night inserts, updates and links nothing."""
    with night(tmp_path, capsys, empty_url) as (sandbox, kore_etl):
        first = kore_etl.json("sync")
        assert (first["exit_code"], first["verdict"]) == (0, "complete")
        assert first["totals"]["seen"] == first["totals"]["inserted"] == first["totals"]["source_total"] == 2 * 2 * 230
        assert first["totals"]["links_added"] == len(source_links(sandbox))
        assert stored_rows(empty_url) == source_rows(sandbox)
        assert stored_links(empty_url) == source_links(sandbox)

        second = kore_etl.json("sync")
        assert second["exit_code"] == 0
        counts = ("inserted", "updated", "links_added", "links_removed")
        assert [second["totals"][name] for name in counts] == [0, 0, 0, 0]
        assert second["totals"]["unchanged"] == second["totals"]["seen"] == 920
        assert rows(empty_url, f"SELECT count(*) FROM campaigns WHERE last_run_id <> '{first['run_id']}'") == [(0,)]


def test_a_night_finds_exactly_what_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], warehouse_url: str
) -> None:
    """One renamed, one without its lists, one new: nothing else is written."""
    with night(tmp_path, capsys, warehouse_url) as (sandbox, kore_etl):
        kore_etl.json("sync")
        account_id, now = sandbox.catalogue.accounts[0].account_id, hours_ago(1)
        renamed, unlinked = [r for r in sandbox.catalogue.listing(account_id, "sms") if r["contactLists"]][:2]
        sandbox.catalogue.update(account_id, "sms", renamed["id"], now=now, name="Renamed")
        sandbox.catalogue.update(account_id, "sms", unlinked["id"], now=now, contactLists=[])
        sandbox.catalogue.insert(account_id, "voice", created_at=now, now=now, contactLists=["VIP | EU/West"])

        totals = kore_etl.json("sync")["totals"]
        assert (totals["inserted"], totals["updated"]) == (1, 2)
        assert (totals["links_added"], totals["links_removed"]) == (1, len(unlinked["contactLists"]))
        assert stored_rows(warehouse_url) == source_rows(sandbox)
        assert stored_links(warehouse_url) == source_links(sandbox)


def test_both_databases_hold_the_same_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], postgres_url: str
) -> None:
    """Column by column, SQLite and PostgreSQL tell the same story."""
    columns = (
        "campaign_id, account_id, app_id, channel, name, description, status, priority, format, execution_type, "
        "dialing_mode, connection, experience_flow_id, message_text, dnc_list_name, campaign_instance_id, schedule, "
        "total_messages_sent, raw, content_hash"
    )
    sqlite_url = f"sqlite:///{tmp_path}/same.db"
    for url, folder in ((sqlite_url, "one"), (postgres_url, "two")):
        with night(tmp_path / folder, capsys, url) as (_, kore_etl):
            assert kore_etl.json("sync")["exit_code"] == 0
    query = f"SELECT {columns} FROM campaigns ORDER BY campaign_id"
    assert rows(sqlite_url, query) == rows(postgres_url, query)
    assert stored_links(sqlite_url) == stored_links(postgres_url)


def test_a_backfill_touches_its_interval_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], warehouse_url: str
) -> None:
    """Only rows created in [start, end) are stored."""
    with night(tmp_path, capsys, warehouse_url, accounts=1) as (sandbox, kore_etl):
        account_id = sandbox.catalogue.accounts[0].account_id
        border = sorted(record["createdAt"] for record in sandbox.catalogue.listing(account_id, "sms"))
        start, end = border[60], border[150]
        document = kore_etl.json("backfill", "--start", start, "--end", end, "--channel", "sms")
        expected = {
            record["id"]
            for record in sandbox.catalogue.listing(account_id, "sms")
            if start <= record["createdAt"] < end
        }
        assert document["exit_code"] == 0
        assert {row[0] for row in rows(warehouse_url, "SELECT campaign_id FROM campaigns")} == expected
        assert document["totals"]["seen"] == document["totals"]["inserted"] == len(expected)


def test_a_window_that_failed_is_a_gap_and_the_next_sync_fills_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], warehouse_url: str
) -> None:
    """The source is cut off in the middle: exit 1, `gaps` shows it, one more run mends it."""
    with night(tmp_path, capsys, warehouse_url, accounts=1, settings=FAST) as (sandbox, kore_etl):
        sandbox.faults = (Fault("drop", on=3, times=37),)
        cut = kore_etl.json("sync")
        assert cut["exit_code"] == 1
        assert cut["totals"]["failed"] >= 1
        gaps = kore_etl.json("gaps")
        assert gaps["exit_code"] == 1
        assert gaps["gaps"]

        sandbox.faults = ()
        assert kore_etl.json("sync")["exit_code"] == 0
        assert kore_etl.json("gaps") == {"exit_code": 0, "gaps": []}
        assert stored_rows(warehouse_url) == source_rows(sandbox)


def test_a_wrong_secret_is_exit_3_with_the_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], warehouse_url: str
) -> None:
    """What Kore.ai answered and where the secret is to be had is said; the secret is not."""
    with night(tmp_path, capsys, warehouse_url, accounts=1) as (_, kore_etl):
        (kore_etl.config.parent / "account-1.secret").write_text("wrong-canary-secret")
        code, out, err = kore_etl("sync")
        assert code == 3
        assert "wrong Client Secret" in err
        assert "wrong-canary-secret" not in out + err


def test_a_source_that_is_down_is_exit_5_and_leaves_only_the_run_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], warehouse_url: str
) -> None:
    """No window, no campaign, no profile: the run's line is all."""
    with night(tmp_path, capsys, warehouse_url, accounts=1, settings=FAST) as (_, kore_etl):
        pass
    document = kore_etl.json("sync")
    assert (document["exit_code"], document["verdict"]) == (5, "unreadable")
    for table in ("sync_windows", "campaigns", "source_profiles", "rejected_records"):
        assert rows(warehouse_url, f"SELECT count(*) FROM {table}") == [(0,)]
    assert rows(warehouse_url, "SELECT verdict, exit_code FROM sync_runs") == [("unreadable", 5)]


def test_a_bad_record_stops_nothing_and_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], warehouse_url: str
) -> None:
    """The page goes on; the record is kept with its reason, counted, and makes exit 1 until it is gone."""
    with night(tmp_path, capsys, warehouse_url, accounts=1) as (sandbox, kore_etl):
        account_id = sandbox.catalogue.accounts[0].account_id
        bad = sandbox.catalogue.insert_raw(
            account_id, "sms", '{"name": "no id", "createdAt": "2026-01-01T00:00:00.000Z"}', now=hours_ago(9)
        )
        document = kore_etl.json("sync")
        assert (document["exit_code"], document["totals"]["rejected"]) == (1, 1)
        assert document["totals"]["inserted"] == 460
        assert document["totals"]["failed"] == document["totals"]["unproven"] == 0
        assert rows(warehouse_url, "SELECT reason, occurrences FROM rejected_records") == [("no_id", 1)]

        sandbox.catalogue.delete(account_id, "sms", bad)
        assert kore_etl.json("sync")["exit_code"] == 0


def test_the_night_reads_status_runs_and_plan_afterwards(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], warehouse_url: str
) -> None:
    """What ran can be looked at, and the plan prices the next night as it will cost."""
    with night(tmp_path, capsys, warehouse_url) as (sandbox, kore_etl):
        before = kore_etl.json("plan")
        assert before["totals"]["requests"] == "unknown"
        first = kore_etl.json("sync")
        status = kore_etl.json("status")
        assert {scope["live_rows"] for scope in status["scopes"]} == {230}
        assert [line["run_id"] for line in kore_etl.json("runs")["runs"]] == [first["run_id"]]
        shown = kore_etl.json("runs", "show", first["run_id"])
        assert len(shown["windows"]) == first["totals"]["windows"]

        plan = kore_etl.json("plan")
        second = kore_etl.json("sync")
        assert plan["totals"]["requests"] == second["totals"]["requests"]
        assert second["totals"]["requests"] <= len(sandbox.requests)


def test_check_says_that_all_is_well_and_writes_no_campaign(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], warehouse_url: str
) -> None:
    """A few requests per account and channel tell how the server behaves."""
    with night(tmp_path, capsys, warehouse_url) as (sandbox, kore_etl):
        document = kore_etl.json("check")
        assert document["exit_code"] == 0
        assert "filters by createdAt" in document["steps"][1]["result"]
        assert len(sandbox.requests) <= 4 * 6
        assert kore_etl.json("runs")["runs"] == []


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("429@3", 0),
        ("drop@7", 0),
        ("truncate@4", 0),
        ("500@2x3", 0),
        ("expired@5", 0),
        ("html-200@3", 0),
        ("slow:5@2", 0),
    ],
)
def test_passing_trouble_is_retried(tmp_path: Path, capsys: pytest.CaptureFixture[str], script: str, code: int) -> None:
    """Each fault that passes costs retries and loses nothing."""
    url = f"sqlite:///{tmp_path}/trouble.db"
    settings = "[api]\nbackoff_seconds = 0.01\nattempt_timeout_seconds = 2\n"
    with night(tmp_path, capsys, url, accounts=1, settings=settings, faults=parse_faults(script)) as (
        sandbox,
        kore_etl,
    ):
        document = kore_etl.json("sync")
        assert document["exit_code"] == code
        assert document["totals"]["retries"] >= 1
        assert stored_rows(url) == source_rows(sandbox)


def test_sigterm_ends_the_run_cleanly_and_the_next_one_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], warehouse_url: str
) -> None:
    """The real process: exit 143, the verdict is written, what was stored stays, the next run completes."""
    voice_asked = threading.Event()

    def is_voice(call: Call) -> bool:
        if call.channel == "voice":
            voice_asked.set()
        return call.channel == "voice"

    with night(tmp_path, capsys, warehouse_url, accounts=1) as (sandbox, kore_etl):
        sandbox.faults = (Fault("slow", on=is_voice, seconds=60),)
        process = subprocess.Popen(
            [sys.executable, "-m", "etl", "--config", str(kore_etl.config), "--json", "sync"],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert voice_asked.wait(30)
        while rows(warehouse_url, "SELECT count(*) FROM campaigns") != [(230,)]:
            time.sleep(0.05)  # sms is read and stored beside it
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=10)
        assert process.returncode == 143
        assert json.loads(out)["verdict"] == "stopped"
        assert rows(warehouse_url, "SELECT verdict, exit_code FROM sync_runs") == [("stopped", 143)]

        sandbox.faults = ()
        assert kore_etl.json("sync")["exit_code"] == 0
        assert stored_rows(warehouse_url) == source_rows(sandbox)
