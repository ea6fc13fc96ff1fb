"""The copy stays true: deletions, revivals, old campaigns that change, a census that disagrees, and `verify`."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest
from night import hours_ago, night
from warehouse_look import rows, source_rows, stored_rows

from etl.sandbox.catalogue import Catalogue
from etl.sandbox.faults import Call, Fault
from etl.sandbox.switches import Switches

LARGE = "[sync]\nfull_sweep_rows = 0\nlookback_days = 30\n"
"""Every account counts as large: only what is due is read."""


def test_a_campaign_gone_from_the_source_is_missing_then_deleted_then_revived(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], warehouse_url: str
) -> None:
    """Two runs have to miss it; seen again it lives again."""
    with night(tmp_path, capsys, warehouse_url, accounts=1) as (sandbox, kore_etl):
        kore_etl.json("sync")
        account_id = sandbox.catalogue.accounts[0].account_id
        gone = sandbox.catalogue.listing(account_id, "sms")[100]
        sandbox.catalogue.delete(account_id, "sms", gone["id"])

        first = kore_etl.json("sync")
        assert (first["exit_code"], first["totals"]["missing"], first["totals"]["deleted"]) == (0, 1, 0)
        assert len(stored_rows(warehouse_url)) == 460

        second = kore_etl.json("sync")
        assert (second["totals"]["missing"], second["totals"]["deleted"]) == (0, 1)
        assert stored_rows(warehouse_url) == source_rows(sandbox)
        assert kore_etl.json("sync")["totals"]["deleted"] == 0

        fields = {name: value for name, value in gone.items() if name != "createdAt"}
        created = sandbox.catalogue.get(account_id, "sms", sandbox.catalogue.listing(account_id, "sms")[0]["id"])
        assert created
        sandbox.catalogue.insert(account_id, "sms", now=hours_ago(1), created_at=hours_ago(300), **fields)
        assert kore_etl.json("sync")["totals"]["revived"] == 1
        assert stored_rows(warehouse_url) == source_rows(sandbox)


def test_a_source_that_lost_a_third_is_not_believed_by_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], warehouse_url: str
) -> None:
    """Nothing is marked, exit 1, the way on is said; --accept-deletions goes it."""
    with night(tmp_path, capsys, warehouse_url, accounts=1) as (sandbox, kore_etl):
        kore_etl.json("sync")
        account_id = sandbox.catalogue.accounts[0].account_id
        for record in sandbox.catalogue.listing(account_id, "voice")[::3]:
            sandbox.catalogue.delete(account_id, "voice", record["_id"])
        code, _, err = kore_etl("sync")
        assert code == 1
        assert "--accept-deletions" in err
        assert rows(warehouse_url, "SELECT count(*) FROM campaigns WHERE missing_since IS NOT NULL") == [(0,)]

        accepted = kore_etl.json("sync", "--accept-deletions")
        assert (accepted["exit_code"], accepted["totals"]["missing"]) == (0, 77)
        assert kore_etl.json("sync")["totals"]["deleted"] == 77
        assert stored_rows(warehouse_url) == source_rows(sandbox)


def test_a_large_account_learns_of_old_campaigns_that_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], warehouse_url: str
) -> None:
    """The change feed brings what no lookback would, for a fraction of a full read."""
    with night(tmp_path, capsys, warehouse_url, accounts=1, campaigns=1500, settings=LARGE) as (sandbox, kore_etl):
        full = kore_etl.json("sync")["totals"]["requests"]
        account_id, now = sandbox.catalogue.accounts[0].account_id, hours_ago(0)
        for record in sandbox.catalogue.listing(account_id, "sms")[::100]:
            sandbox.catalogue.update(account_id, "sms", record["id"], now=now, name="Changed at any age")
        plan = kore_etl.json("plan")
        found = kore_etl.json("sync")
        assert found["exit_code"] == 0
        assert found["totals"]["updated"] == 15
        assert stored_rows(warehouse_url) == source_rows(sandbox)
        assert found["totals"]["requests"] <= full / 2
        assert abs(plan["totals"]["requests"] - found["totals"]["requests"]) <= 2


def test_a_census_that_disagrees_finds_what_no_window_shows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], warehouse_url: str
) -> None:
    """A campaign slipped into old history without a trace: the total gives it away, the next night is quiet again."""
    with night(tmp_path, capsys, warehouse_url, accounts=1, settings=LARGE) as (sandbox, kore_etl):
        kore_etl.json("sync")
        account_id = sandbox.catalogue.accounts[0].account_id
        sandbox.catalogue.insert(account_id, "sms", created_at=hours_ago(9000), now=hours_ago(9000))
        code, out, _ = kore_etl("sync")
        assert code == 0
        assert "its whole history was read again" in " ".join(out.split())
        assert stored_rows(warehouse_url) == source_rows(sandbox)
        code, out, _ = kore_etl("sync")
        assert "whole history" not in out


def test_verify_finds_a_row_changed_by_hand_and_names_the_fields(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str
) -> None:
    """Nothing is written, the values are not shown, and `backfill --rewrite` mends it."""
    with night(tmp_path, capsys, sqlite_url, accounts=1) as (_, kore_etl):
        kore_etl.json("sync")
        assert kore_etl.json("verify")["exit_code"] == 0
        with contextlib.closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as database:
            victim = database.execute("SELECT campaign_id FROM campaigns ORDER BY 1 LIMIT 1 OFFSET 77").fetchone()[0]
            database.execute("UPDATE campaigns SET name = 'hand-canary', priority = 9 WHERE campaign_id = ?", [victim])
            database.execute("DELETE FROM campaign_contact_lists WHERE campaign_id = ?", [victim])
            database.commit()
        before = rows(sqlite_url, "SELECT * FROM campaigns ORDER BY 1")
        found = kore_etl.json("verify")
        assert found["exit_code"] == 1
        (difference,) = found["differences"]
        assert (difference["campaign_id"], difference["kind"]) == (victim, "differs")
        assert set(difference["fields"]) == {"name", "priority", "contact_lists"}
        assert "hand-canary" not in str(found)
        assert rows(sqlite_url, "SELECT * FROM campaigns ORDER BY 1") == before
        assert kore_etl("backfill", "--start", "2000-01-01", "--end", "2999-01-01", "--rewrite")[0] == 0
        assert kore_etl.json("verify")["exit_code"] == 0


def test_verify_finds_what_only_one_side_has(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], warehouse_url: str
) -> None:
    """A campaign not yet stored, and one that is gone."""
    with night(tmp_path, capsys, warehouse_url, accounts=1) as (sandbox, kore_etl):
        kore_etl.json("sync")
        account_id = sandbox.catalogue.accounts[0].account_id
        gone = sandbox.catalogue.listing(account_id, "sms")[5]["id"]
        sandbox.catalogue.delete(account_id, "sms", gone)
        new = sandbox.catalogue.insert(account_id, "voice", created_at=hours_ago(2), now=hours_ago(2))
        found = {d["campaign_id"]: d["kind"] for d in kore_etl.json("verify")["differences"]}
        assert found == {gone: "not in the source", new: "not stored"}


@pytest.mark.parametrize("filtered_date", ["createdAt", "updatedAt", "none"])
def test_a_backfill_brings_what_was_created_then_whatever_the_server_filters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str, filtered_date: str
) -> None:
    """Campaigns created in the interval and updated long after it are in the interval all the same."""
    switches = Switches(filtered_date=filtered_date)
    with night(tmp_path, capsys, sqlite_url, accounts=1, switches=switches) as (sandbox, kore_etl):
        account_id = sandbox.catalogue.accounts[0].account_id
        for hour in range(5):
            created = hours_ago(9000 + hour)
            sandbox.catalogue.insert(account_id, "sms", created_at=created, now=hours_ago(4000), name="Created then")
        start, end = hours_ago(9010).isoformat(), hours_ago(8990).isoformat()
        document = kore_etl.json("backfill", "--channel", "sms", "--start", start, "--end", end)
        assert (document["exit_code"], document["totals"]["proven"]) == (0, 1)
        assert rows(sqlite_url, "SELECT count(*) FROM campaigns WHERE name = 'Created then'") == [(5,)]


def test_a_doubt_of_one_night_is_not_said_for_ever(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str
) -> None:
    """Rows vanish while the first night reads; once everything was read without dates nothing is left to doubt."""
    settings = "[api]\npage_size = 10\n\n[sync]\nmax_window_rows = 20\n"
    switches = Switches(filtered_date="updatedAt")
    with night(tmp_path, capsys, sqlite_url, accounts=1, campaigns=60, settings=settings, switches=switches) as (
        sandbox,
        kore_etl,
    ):
        account_id = sandbox.catalogue.accounts[0].account_id

        def vanish(catalogue: Catalogue, call: Call) -> None:
            if call.channel == "sms" and len(records := catalogue.listing(account_id, "sms")) > 10:
                catalogue.delete(account_id, "sms", records[0]["id"])

        sandbox.faults = (Fault("mutate", act=vanish),)
        doubtful = kore_etl.json("sync")
        assert "no read of its whole history shows which" in str(doubtful["scopes"][0]["error"])
        sandbox.faults = ()
        kore_etl.json("sync", "--accept-deletions")
        assert kore_etl.json("sync", "--accept-deletions")["exit_code"] == 0
        assert stored_rows(sqlite_url) == source_rows(sandbox)
