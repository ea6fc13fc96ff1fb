"""`store_message_text = false`: message texts are nowhere in the warehouse, and nothing else changes."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest
from night import Command, hours_ago, night
from warehouse_look import everything, rows

from etl.sandbox.app import Sandbox

SECRET = "Kanarienvogel sings of <First Name>"
FORMS = (SECRET, base64.b64encode(SECRET.encode()).decode())
DATA = ("campaigns", "campaign_history", "campaign_contact_lists", "campaign_counter_history", "rejected_records")


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Switches the setting."""
    return lambda on: monkeypatch.setenv("KORE_ETL_WAREHOUSE__STORE_MESSAGE_TEXT", "true" if on else "false")


def plant(sandbox: Sandbox) -> str:
    """Every kind of record with the text in it; returns the id of a good one."""
    catalogue, when = sandbox.catalogue, {"created_at": hours_ago(50), "now": hours_ago(40)}
    account = catalogue.accounts[0].account_id
    good = catalogue.insert(account, "sms", message={"message": SECRET}, name="good", **when)
    catalogue.insert(account, "sms", message={"message": FORMS[1]}, name="encoded", **when)
    catalogue.insert(account, "sms", message={"message": SECRET}, priority="many", **when)
    catalogue.insert(account, "voice", message=SECRET, **when)
    catalogue.insert_raw(account, "sms", f'{{"id":"x","message":{{"message":"{SECRET}"}},"odd":NaN}}', **when)
    catalogue.insert_raw(account, "sms", f'{{"id":17,"message":{{"message":"{SECRET}"}}}}', **when)
    return good


def holding(url: str) -> set[str]:
    """Tables in which a text is."""
    return {table for table, lines in everything(url).items() if any(form in line for line in lines for form in FORMS)}


def data(url: str) -> dict[str, list[str]]:
    return {table: sorted(lines) for table, lines in everything(url).items() if table in DATA[:4]}


def differences(kore_etl: Command) -> list[object]:
    return list(kore_etl.json("verify")["differences"])


def test_off_from_the_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], warehouse_url: str, texts: Callable[[bool], None]
) -> None:
    """No column, no raw text, no rejected record holds one; both channels, fast and tolerant path; verify agrees, a
    second night writes nothing."""
    texts(False)
    with night(tmp_path, capsys, warehouse_url, accounts=1, campaigns=30) as (sandbox, kore_etl):
        good = plant(sandbox)
        assert kore_etl.json("sync")["exit_code"] == 1  # two records are wholly rejected
        assert holding(warehouse_url) == set()
        assert rows(warehouse_url, "SELECT count(*) FROM campaigns WHERE message_text IS NOT NULL") == [(0,)]
        assert rows(warehouse_url, "SELECT count(*) FROM campaigns") == [(64,)]
        assert len(rows(warehouse_url, "SELECT raw FROM campaigns WHERE raw LIKE '% bytes, not stored]%'")) >= 4
        before = data(warehouse_url)
        assert kore_etl.json("sync")["totals"]["updated"] == 0
        assert data(warehouse_url) == before
        assert differences(kore_etl) == []
        shown = kore_etl("rejects", "--show-raw")[1] + kore_etl("explain", good, "--show-text")[1]
        assert "not stored" in shown
        assert not any(form in shown for form in FORMS)
        now = hours_ago(0)
        sandbox.catalogue.update(
            sandbox.catalogue.accounts[0].account_id, "sms", good, now=now, message={"message": SECRET + "!"}
        )
        assert kore_etl.json("sync")["totals"]["updated"] == 1
        assert holding(warehouse_url) == set()


def test_switched_off_later(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], warehouse_url: str, texts: Callable[[bool], None]
) -> None:
    """A night takes texts out of the rows it meets, in place and without a version; replay takes out all others:
    history, rejected records, deleted campaigns. Switched on again, the next night brings them back."""
    texts(True)
    with night(tmp_path, capsys, warehouse_url, accounts=1, campaigns=30) as (sandbox, kore_etl):
        good = plant(sandbox)
        account = sandbox.catalogue.accounts[0].account_id
        kore_etl.json("sync")
        sandbox.catalogue.update(account, "sms", good, now=hours_ago(30), name="renamed", priority="many")
        kore_etl.json("sync")
        assert holding(warehouse_url) == {"campaigns", "campaign_history", "rejected_records"}
        versions = "SELECT count(*), count(DISTINCT valid_from) FROM campaign_versions"
        before = rows(warehouse_url, versions)
        texts(False)
        assert differences(kore_etl) == []
        totals = kore_etl.json("sync")["totals"]
        assert (totals["inserted"], totals["updated"]) == (0, 0)
        assert rows(warehouse_url, versions) == before
        assert holding(warehouse_url) == {"campaign_history", "rejected_records"}
        assert kore_etl.json("replay")["exit_code"] == 0
        assert holding(warehouse_url) == set()
        assert rows(warehouse_url, versions) == before
        settled = data(warehouse_url)
        assert kore_etl.json("replay")["totals"]["updated"] == 0
        assert kore_etl.json("sync")["totals"]["updated"] == 0
        assert data(warehouse_url) == settled
        assert differences(kore_etl) == []
        texts(True)
        kore_etl.json("sync")
        assert "campaigns" in holding(warehouse_url)
        assert differences(kore_etl) == []


def test_replay_alone_takes_them_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str, texts: Callable[[bool], None]
) -> None:
    """Without a request; the night after it finds nothing changed."""
    texts(True)
    with night(tmp_path, capsys, sqlite_url, accounts=1, campaigns=30) as (sandbox, kore_etl):
        plant(sandbox)
        kore_etl.json("sync")
        texts(False)
        kore_etl.json("replay")
        assert holding(sqlite_url) == set()
        before = data(sqlite_url)
        assert kore_etl.json("sync")["totals"]["updated"] == 0
        assert data(sqlite_url) == before
