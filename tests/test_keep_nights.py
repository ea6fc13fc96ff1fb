"""`keep` night after night: what is stored, what a change opens, who leaves and comes back, what `verify` says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from night import Command, hours_ago, night
from warehouse_look import CHANNELS, rows, source_rows, stored_rows

from etl.sandbox.app import Sandbox

LARGE = "[sync]\nfull_sweep_rows = 0\nlookback_days = 30\n"
"""Every account counts as large: only what is due is read."""

COMPLETED = 'keep = { status = ["Completed"] }'
OTHERS = 'keep = { status = ["Ready", "Stopped"] }'


def say(kore_etl: Command, keep: str) -> None:
    """Write this line into every account's block, in place of the last one; "" takes it out."""
    lines = [line for line in kore_etl.config.read_text().splitlines() if not line.startswith("keep = ")]
    with_keep = [f"{line}\n{keep}" if line.startswith("channels = ") else line for line in lines]
    kore_etl.config.write_text("\n".join(with_keep) + "\n")


def wanted(sandbox: Sandbox, is_wanted: Callable[[dict[str, Any]], bool]) -> set[tuple[str, str, str, str]]:
    """The source's rows, less those that are not wanted."""
    ids = {
        record.get("id") or record["_id"]
        for account in sandbox.catalogue.accounts
        for channel in CHANNELS
        for record in sandbox.catalogue.listing(account.account_id, channel)
        if is_wanted(record)
    }
    return {row for row in source_rows(sandbox) if row[2] in ids}


def completed(record: dict[str, Any]) -> bool:
    return record["status"] == "Completed"


def ready_or_stopped(record: dict[str, Any]) -> bool:
    return record["status"] in ("Ready", "Stopped")


def test_only_what_is_kept_is_stored_and_everything_is_proven(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], warehouse_url: str
) -> None:
    """Counts are of what was read; the ledger has the filter; `gaps` and `verify` find nothing."""
    with night(tmp_path, capsys, warehouse_url) as (sandbox, kore_etl):
        say(kore_etl, COMPLETED)
        first = kore_etl.json("sync")
        assert (first["exit_code"], first["totals"]["seen"], first["totals"]["source_total"]) == (0, 920, 920)
        expected = wanted(sandbox, completed)
        assert 0 < len(expected) < 920
        assert first["totals"]["inserted"] == len(expected)
        assert stored_rows(warehouse_url) == expected
        assert rows(warehouse_url, "SELECT DISTINCT keep FROM sync_windows") == [('{"status": ["Completed"]}',)]
        assert kore_etl("gaps")[0] == 0
        assert kore_etl.json("verify")["differences"] == []
        again = kore_etl.json("sync")["totals"]
        assert (again["unchanged"], again["missing"], again["deleted"]) == (len(expected), 0, 0)


def test_a_changed_keep_opens_gaps_that_the_next_sync_fills(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], warehouse_url: str
) -> None:
    """Nearly every row goes without putting the brake on, in two runs; without keep they all live again."""
    with night(tmp_path, capsys, warehouse_url, accounts=1) as (sandbox, kore_etl):
        kore_etl.json("sync")
        assert kore_etl("gaps")[0] == 0
        say(kore_etl, OTHERS)
        assert len(kore_etl.json("gaps")["gaps"]) == 2
        leaving = len(source_rows(sandbox) - wanted(sandbox, ready_or_stopped))
        found = kore_etl.json("verify")
        assert Counter(one["kind"] for one in found["differences"]) == {"not wanted": leaving}
        assert found["exit_code"] == 1

        first = kore_etl.json("sync")
        assert (first["exit_code"], first["totals"]["missing"], first["totals"]["deleted"]) == (0, leaving, 0)
        assert leaving > 230
        assert kore_etl("gaps")[0] == 0
        assert kore_etl.json("verify")["exit_code"] == 0
        second = kore_etl.json("sync")
        assert (second["exit_code"], second["totals"]["missing"], second["totals"]["deleted"]) == (0, 0, leaving)
        assert stored_rows(warehouse_url) == wanted(sandbox, ready_or_stopped)

        say(kore_etl, "")
        assert kore_etl("gaps")[0] == 1
        last = kore_etl.json("sync")
        assert (last["exit_code"], last["totals"]["revived"]) == (0, leaving)
        assert stored_rows(warehouse_url) == source_rows(sandbox)
        assert kore_etl("gaps")[0] == 0


def test_a_keep_written_another_way_opens_no_gap(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str
) -> None:
    """The order of a list is not the filter; an interval read under another keep proves nothing of this one."""
    with night(tmp_path, capsys, sqlite_url, accounts=1) as (_, kore_etl):
        say(kore_etl, OTHERS)
        kore_etl.json("sync")
        say(kore_etl, 'keep = { status = ["Stopped", "Ready", "Ready"] }')
        assert kore_etl("gaps")[0] == 0
        say(kore_etl, COMPLETED)
        assert kore_etl.json("backfill", "--start", "2020-01-01", "--end", "2024-01-01")["exit_code"] == 0
        assert kore_etl("gaps")[0] == 1
        untold = rows(sqlite_url, "SELECT proven_until FROM sync_freshness")
        assert untold == [(None,), (None,)]
        say(kore_etl, OTHERS)
        assert kore_etl("gaps")[0] == 0


def test_a_campaign_that_leaves_keep_is_missing_then_deleted_then_revived(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], warehouse_url: str
) -> None:
    """By its status alone, while the source goes on listing it."""
    with night(tmp_path, capsys, warehouse_url, accounts=1) as (sandbox, kore_etl):
        say(kore_etl, COMPLETED)
        kore_etl.json("sync")
        account_id = sandbox.catalogue.accounts[0].account_id
        moving = next(r["id"] for r in sandbox.catalogue.listing(account_id, "sms")[40:] if completed(r))
        sandbox.catalogue.update(account_id, "sms", moving, now=hours_ago(0), status="Ready")

        assert [one["kind"] for one in kore_etl.json("verify")["differences"]] == ["not wanted"]
        first = kore_etl.json("sync")["totals"]
        assert (first["missing"], first["deleted"], first["updated"]) == (1, 0, 0)
        assert kore_etl.json("verify")["differences"] == []
        second = kore_etl.json("sync")["totals"]
        assert (second["missing"], second["deleted"]) == (0, 1)
        assert stored_rows(warehouse_url) == wanted(sandbox, completed)
        third = kore_etl.json("sync")["totals"]
        assert (third["missing"], third["deleted"], third["revived"]) == (0, 0, 0)

        sandbox.catalogue.update(account_id, "sms", moving, now=hours_ago(0), status="Completed")
        assert [one["kind"] for one in kore_etl.json("verify")["differences"]] == ["marked deleted"]
        assert kore_etl.json("sync")["totals"]["revived"] == 1
        assert stored_rows(warehouse_url) == wanted(sandbox, completed)


def test_a_large_account_learns_the_same_night_who_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], warehouse_url: str
) -> None:
    """The change feed shows an old campaign with another status; no census, which would count what is not stored."""
    with night(tmp_path, capsys, warehouse_url, accounts=1, campaigns=1500, settings=LARGE) as (sandbox, kore_etl):
        say(kore_etl, COMPLETED)
        full = kore_etl.json("sync")["totals"]["requests"]
        account_id = sandbox.catalogue.accounts[0].account_id
        old = [r["id"] for r in sandbox.catalogue.listing(account_id, "sms")[:300] if completed(r)][:30]
        for campaign_id in old:
            sandbox.catalogue.update(account_id, "sms", campaign_id, now=hours_ago(0), status="Ready")
        plan = kore_etl.json("plan")
        assert "census" not in {window["reason"] for window in plan["windows"]}
        first = kore_etl.json("sync")
        assert (first["exit_code"], first["totals"]["missing"]) == (0, 30)
        assert first["totals"]["requests"] <= full / 2
        assert abs(plan["totals"]["requests"] - first["totals"]["requests"]) <= 3
        assert kore_etl.json("sync")["totals"]["deleted"] == 30
        assert stored_rows(warehouse_url) == wanted(sandbox, completed)


def test_a_source_that_lost_campaigns_is_doubted_under_keep_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], warehouse_url: str
) -> None:
    """Rows that the source no longer shows at all put the brake on."""
    with night(tmp_path, capsys, warehouse_url, accounts=1) as (sandbox, kore_etl):
        say(kore_etl, COMPLETED)
        kore_etl.json("sync")
        account_id = sandbox.catalogue.accounts[0].account_id
        for record in list(filter(completed, sandbox.catalogue.listing(account_id, "voice")))[:40]:
            sandbox.catalogue.delete(account_id, "voice", record["_id"])
        code, _, err = kore_etl("sync")
        assert code == 1
        assert "--accept-deletions" in err
        assert rows(warehouse_url, "SELECT count(*) FROM campaigns WHERE missing_since IS NOT NULL") == [(0,)]


@pytest.mark.parametrize(
    ("keep", "is_wanted"),
    [
        ("keep = { priority = [4, 5] }", lambda record: record["priority"] in ("4", "5")),
        ('keep = { dialing_mode = ["Preview"] }', lambda record: record.get("dialingMode") in (None, "Preview")),
        (
            'keep = { status = ["Completed"], priority = [5], dialing_mode = ["Preview", "Agentless"] }',
            lambda record: (
                completed(record)
                and record["priority"] == "5"
                and record.get("dialingMode") in (None, "Preview", "Agentless")
            ),
        ),
    ],
)
def test_keep_by_priority_and_dialing_mode(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    warehouse_url: str,
    keep: str,
    is_wanted: Callable[[dict[str, Any]], bool],
) -> None:
    """Of both channels; SMS campaigns have no dialing mode, so that list leaves none of them out."""
    with night(tmp_path, capsys, warehouse_url, accounts=1) as (sandbox, kore_etl):
        say(kore_etl, keep)
        assert kore_etl.json("sync")["exit_code"] == 0
        expected = wanted(sandbox, is_wanted)
        assert {channel: 0 < n < 230 or channel == "sms" for channel, n in Counter(r[1] for r in expected).items()} == {
            "sms": True,
            "voice": True,
        }
        assert stored_rows(warehouse_url) == expected
        assert kore_etl.json("verify")["exit_code"] == 0
