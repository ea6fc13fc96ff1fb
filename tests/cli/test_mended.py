"""`replay` and `rejects retry` as commands: what they print, their exit codes, and that they ask the source nothing."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest
from night import hours_ago, night
from warehouse_look import rows

from etl.cli.main import run


def by_hand(url: str, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()


def test_replay_mends_what_verify_complains_of_without_a_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str
) -> None:
    """Every damaged column is what the record says again; the run stands in the ledger."""
    with night(tmp_path, capsys, sqlite_url, accounts=1) as (sandbox, kore_etl):
        kore_etl.json("sync")
        by_hand(sqlite_url, "UPDATE campaigns SET name = 'damaged' WHERE rowid % 7 = 0")
        asked = len(sandbox.requests)
        document = kore_etl.json("replay")
        assert (document["exit_code"], document["verdict"], document["totals"]["read"]) == (0, "complete", 460)
        assert document["totals"]["updated"] == 65
        assert len(sandbox.requests) == asked
        assert kore_etl.json("verify")["exit_code"] == 0
        assert kore_etl.json("runs")["runs"][0]["verb"] == "replay"
        code, out, _ = kore_etl("replay", "--channel", "voice")
        assert (code, "Every column says what its record says." in out) == (0, True)
        assert kore_etl("--quiet", "replay")[1] == ""


def test_replay_says_what_it_could_not_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str
) -> None:
    """Exit 1, also under --quiet; an unknown account is exit 2."""
    with night(tmp_path, capsys, sqlite_url, accounts=1, campaigns=5) as (_, kore_etl):
        kore_etl.json("sync")
        by_hand(sqlite_url, "UPDATE campaigns SET raw = 'odd' WHERE rowid = 3")
        code, out, err = kore_etl("--quiet", "replay")
        assert (code, out) == (1, "")
        assert err == "1 stored record could not be read; columns stay as they are.\n"
        assert kore_etl.json("replay")["totals"]["left"] == 1
        assert kore_etl("replay", "--account", "nobody")[0] == 2


def test_a_held_account_is_exit_4(tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str) -> None:
    """The others go on; the sentence names the account."""
    with night(tmp_path, capsys, sqlite_url, campaigns=5) as (_, kore_etl):
        kore_etl.json("sync")
        by_hand(
            sqlite_url,
            "UPDATE sync_leases SET holder = 'someone', expires_at = '2999-01-01T00:00:00.000000Z' "
            "WHERE account_id = (SELECT min(account_id) FROM sync_leases)",
        )
        document = kore_etl.json("replay")
        assert (document["exit_code"], document["verdict"], document["totals"]["read"]) == (4, "held", 10)
        assert "is held by" in document["errors"][0]


def test_a_rejected_record_is_stored_once_nothing_stands_in_its_way(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str
) -> None:
    """An id that another account has waits (exit 1); with that row gone it is stored, and the night is complete."""
    with night(tmp_path, capsys, sqlite_url, campaigns=5) as (sandbox, kore_etl):
        kore_etl.json("sync")
        first, second = sorted(account.account_id for account in sandbox.catalogue.accounts)
        taken = sandbox.catalogue.listing(first, "sms")[0]["id"]
        sandbox.catalogue.insert(second, "sms", id=taken, name="Theirs", now=hours_ago(1), created_at=hours_ago(2))
        assert kore_etl.json("sync")["exit_code"] == 1
        code, _, err = kore_etl("rejects", "retry")
        assert (code, "could not be stored this time either" in err) == (1, True)
        sandbox.catalogue.delete(first, "sms", taken)
        by_hand(sqlite_url, f"DELETE FROM campaigns WHERE campaign_id = '{taken}'")
        document = kore_etl.json("rejects", "retry")
        assert (document["exit_code"], document["totals"]["inserted"], document["totals"]["left"]) == (0, 1, 0)
        assert rows(sqlite_url, f"SELECT account_id, name FROM campaigns WHERE campaign_id = '{taken}'") == [
            (second, "Theirs")
        ]
        assert kore_etl("rejects", "retry")[1].startswith("Nothing rejected waits.")
        assert kore_etl.json("sync")["exit_code"] == 0


@pytest.mark.parametrize("verb", [["replay"], ["rejects", "retry"]])
def test_an_empty_warehouse_has_nothing_to_read_again(
    verb: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 6 with what to do, and no database is made."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KORE_ETL_WAREHOUSE__URL", "sqlite:///none.db")
    assert run(verb) == 6
    assert "Run `kore-etl sync` first" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
