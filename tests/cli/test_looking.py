"""The verbs that only look: without a configuration, at an empty warehouse, at one that holds something."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from night import hours_ago, night

from etl.cli.main import run

ACCOUNT = '[[accounts]]\naccount_id = "a1"\napp_id = "st-1"\nname = "EMEA retail"\n'


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with nothing in it, and no setting in the environment."""
    for name in list(os.environ):
        if name.startswith("KORE_ETL_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("verb", ["gaps", "status", "runs", "rejects", "migrate", "check", "sync", "plan"])
def test_without_any_configuration_nothing_is_said_to_be_well(
    verb: str, empty_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2 with one sentence for the one cause, and no database is made."""
    assert run([verb]) == 2
    printed = capsys.readouterr()
    assert printed.err == (
        "kore-etl: There is no configuration: looked for --config, KORE_ETL_CONFIG, ./config.toml; "
        "`kore-etl init` writes one, `kore-etl demo` needs none.\n"
    )
    assert printed.out == ""
    assert list(empty_folder.iterdir()) == []


def test_a_misspelt_variable_is_named_rather_than_called_no_configuration(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who set something is told what is wrong with it."""
    monkeypatch.setenv("KORE_ETL_WAREHOUSE_URL", "sqlite:///x.db")
    assert run(["status"]) == 2
    assert "did you mean KORE_ETL_WAREHOUSE__URL?" in capsys.readouterr().err


def test_a_variable_that_names_no_warehouse_is_no_configuration(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A page size alone does not say where to look."""
    monkeypatch.setenv("KORE_ETL_API__PAGE_SIZE", "50")
    assert run(["gaps"]) == 2
    assert "There is no configuration" in capsys.readouterr().err


def test_an_empty_warehouse_without_accounts_has_every_gap(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`gaps` exits 1 and names the warehouse that nothing was read into."""
    monkeypatch.setenv("KORE_ETL_WAREHOUSE__URL", "sqlite:///none.db")
    assert run(["gaps"]) == 1
    assert (
        f"Nothing was ever read into sqlite:///none.db: the file {empty_folder}/none.db does not exist."
        in capsys.readouterr().err
    )
    assert run(["--json", "gaps"]) == 1
    assert json.loads(capsys.readouterr().out)["gaps"] == []


def test_gaps_of_accounts_never_read_are_listed(empty_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Configured, never read: the whole history is a gap of each channel. --quiet does not hide it."""
    (empty_folder / "config.toml").write_text(ACCOUNT)
    assert run(["--quiet", "gaps"]) == 1
    assert capsys.readouterr().out.count("EMEA retail") == 2


@pytest.mark.parametrize("verb", ["runs", "rejects"])
def test_a_missing_file_is_told(verb: str, empty_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No run and no reject in a file that is not there are no good news."""
    (empty_folder / "config.toml").write_text(ACCOUNT)
    assert run([verb]) == 0
    assert f"the file {empty_folder}/campaigns.db does not exist" in capsys.readouterr().out


def test_status_shows_the_warehouse_and_accounts_never_read(
    empty_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The verdict first, a row per configured channel that says never; the address, the missing file, what to do."""
    (empty_folder / "config.toml").write_text(ACCOUNT)
    assert run(["--quiet", "status"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("✗ Not fresh and complete: 2 never read, of 2 listings.\n")
    assert "  Warehouse   sqlite:///campaigns.db\n" in out
    assert out.count("never read  never") == 2
    assert "→ `kore-etl sync` reads what was never read" in out
    assert "does not exist" in out


def test_status_hides_the_password(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The address is shown, its secret is not, even where the server is not there."""
    monkeypatch.setenv("KORE_ETL_WAREHOUSE__URL", "postgresql://me:canary@127.0.0.1:9/db")
    assert run(["status"]) == 6
    assert "canary" not in "".join(capsys.readouterr())


def test_status_chooses_accounts(tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str) -> None:
    """--account and --channel narrow it; an unknown account is exit 2."""
    with night(tmp_path, capsys, sqlite_url, campaigns=3) as (sandbox, kore_etl):
        assert kore_etl.json("sync")["exit_code"] == 0
        account_id = sandbox.catalogue.accounts[1].account_id
        scopes = kore_etl.json("status", "--account", account_id, "--channel", "sms")["scopes"]
        assert [(scope["account_id"], scope["channel"]) for scope in scopes] == [(account_id, "sms")]
        assert kore_etl("status", "--account", "nobody")[0] == 2


def test_status_says_what_changed_lately(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], warehouse_url: str
) -> None:
    """New, missing after one run, deleted after two; the verdict is good all the while, and `runs` says what came."""
    with night(tmp_path, capsys, warehouse_url, accounts=1, campaigns=3) as (sandbox, kore_etl):
        kore_etl.json("sync")
        account_id = sandbox.catalogue.accounts[0].account_id
        gone = sandbox.catalogue.listing(account_id, "sms")[0]["id"]
        sandbox.catalogue.delete(account_id, "sms", gone)
        kore_etl.json("sync")
        out = kore_etl("status")[1]
        assert out.startswith("✓ Fresh and complete")
        assert "  24 hours    6 new, 0 changed, 0 deleted\n  Waiting     1 campaign missing" in out
        kore_etl.json("sync")
        assert "6 new, 0 changed, 1 deleted\n  Waiting     nothing" in kore_etl("status")[1]
        (sms, voice) = kore_etl.json("status")["scopes"]
        assert (sms["state"], sms["new_24h"], sms["deleted_24h"], voice["deleted_24h"]) == ("good", 3, 1, 0)
        assert [line.split()[8] for line in kore_etl("runs")[1].splitlines()[2:]] == ["0", "0", "6"]


def test_a_run_is_found_by_its_beginning_and_as_the_latest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str
) -> None:
    """An ambiguous or unknown id is exit 1 and says so; names and the reason of each read are shown."""
    with night(tmp_path, capsys, sqlite_url, accounts=1, campaigns=3) as (sandbox, kore_etl):
        first, second = (kore_etl.json("sync")["run_id"] for _ in range(2))
        assert kore_etl.json("runs", "show", first[:-2])["run"]["run_id"] == first
        assert kore_etl.json("runs", "show", "latest")["run"]["run_id"] == second
        assert kore_etl("runs", "show", "2")[::2] == (1, kore_etl("runs", "show", "2")[2])
        assert "begins 2 runs" in kore_etl("runs", "show", "2")[2]
        assert "there is no run nope" in kore_etl("runs", "show", "nope")[2]
        out = kore_etl("runs", "show", first)[1]
        assert f"{sandbox.catalogue.accounts[0].name} sms" in out
        assert "first read" in out


def test_only_rejects_that_wait_can_be_acknowledged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str
) -> None:
    """An id that does not wait is exit 1; the list shows the account's name."""
    with night(tmp_path, capsys, sqlite_url, accounts=1, campaigns=3) as (sandbox, kore_etl):
        account = sandbox.catalogue.accounts[0]
        record = '{"name": "no id", "createdAt": "2026-01-01T00:00:00.000Z"}'
        sandbox.catalogue.insert_raw(account.account_id, "sms", record, now=hours_ago(9))
        kore_etl.json("sync")
        assert account.name in kore_etl("rejects")[1]
        waiting = kore_etl.json("rejects")["rejects"][0]["rejected_id"]
        code, out, err = kore_etl("rejects", "ack", str(waiting), "999")
        assert (code, out) == (1, "1 acknowledged.\n")
        assert "No rejected record 999 waits" in err
        assert kore_etl("rejects", "ack", str(waiting))[0] == 1


def test_only_gaps_without_a_gap_says_that_nothing_was_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str
) -> None:
    """No table of zeros, no "every window read is proven" where none was."""
    with night(tmp_path, capsys, sqlite_url, accounts=1, campaigns=3) as (_, kore_etl):
        kore_etl.json("sync")
        code, out, _ = kore_etl("backfill", "--start", "2025-01-01", "--end", "2025-02-01", "--only-gaps")
        assert code == 0
        assert out.startswith("No gaps in that interval; nothing was read.")
