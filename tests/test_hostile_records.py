"""Hostile records among good ones, through the real command into both databases: nothing stops a page, nothing is
silently altered."""

from __future__ import annotations

import time
import unicodedata
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hostile import CREATED, REJECTED, STORED, TEXTS, WIRE, Case, record, spelt
from night import Command, hours_ago, night
from test_transform import SMS
from warehouse_look import rows, source_rows, stored_rows

from etl import transform, withheld
from etl.model import Campaign, Rejected
from etl.sandbox.app import Sandbox

COLUMNS = ("campaign_id", *sorted({"raw"}.union(*(case.columns for case in STORED))))
DATA = ("campaigns", "campaign_contact_lists", "contact_lists", "campaign_history", "campaign_counter_history")


@dataclass(frozen=True)
class Told:
    """What the nights of one database came to: the first account has what is stored, the second what is rejected."""

    codes: list[list[int]]
    """Exit codes of the two nights, account by account."""
    wrote_again: bool
    good_rows: bool
    rows: dict[str, dict[str, Any]]
    links: dict[str, set[str]]
    rejected: dict[str, str]
    fields: dict[str, int]
    looked: list[int]
    """Exit codes of verify and replay over what is stored."""
    mended: list[int]
    equal: bool


def plant(sandbox: Sandbox, account: str, cases: list[Case]) -> list[str]:
    """The cases as they are, among the others of the same date."""
    ids = [{"id": one.campaign_id} if one.campaign_id else {} for one in cases]
    return [
        sandbox.catalogue.insert_raw(account, "sms", one.raw, created_at=CREATED, now=hours_ago(9), **known)
        for one, known in zip(cases, ids, strict=True)
    ]


def contents(url: str) -> list[list[tuple[Any, ...]]]:
    told = [sorted(rows(url, f"SELECT * FROM {table}"), key=repr) for table in DATA]
    return [*told, sorted(rows(url, "SELECT rejected_id, reason, raw FROM rejected_records"))]


def links(url: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    named = "SELECT k.campaign_id, l.name FROM campaign_contact_lists k JOIN contact_lists l USING (contact_list_id)"
    for campaign_id, name in rows(url, named):
        found.setdefault(campaign_id, set()).add(name)
    return found


def spend(url: str, sandbox: Sandbox, kore_etl: Command) -> Told:
    """Two nights with everything hostile there is, and two more after the source was mended."""
    accounts = [account.account_id for account in sandbox.catalogue.accounts]
    planted = [plant(sandbox, one, cases) for one, cases in zip(accounts, (STORED, REJECTED), strict=True)]

    def nightly() -> list[int]:
        return [kore_etl.json("sync", "--account", one)["exit_code"] for one in accounts]

    first, before = nightly(), contents(url)
    second, after = nightly(), contents(url)
    looked = [kore_etl.json(verb, "--account", accounts[0])["exit_code"] for verb in ("verify", "replay")]
    after += contents(url)
    columns = ", ".join(COLUMNS)
    found = rows(url, f"SELECT {columns} FROM campaigns WHERE account_id = '{accounts[0]}'")
    lines = rows(url, "SELECT account_id, reason, raw, occurrences FROM rejected_records")
    good = source_rows(sandbox) <= stored_rows(url)
    linked = links(url)
    for account, ids in zip(accounts, planted, strict=True):
        for campaign_id in ids:
            sandbox.catalogue.of(account, "sms").rows[campaign_id].raw = None
    return Told(
        codes=[first, second],
        wrote_again=before * 2 != after,
        good_rows=good,
        rows={row[0]: dict(zip(COLUMNS, row, strict=True)) for row in found},
        links=linked,
        rejected={raw: reason for account, reason, raw, _ in lines if account == accounts[1]},
        fields={reason: count for account, reason, _, count in lines if account == accounts[0]},
        looked=looked,
        mended=[kore_etl.json("sync")["exit_code"] for _ in range(2)],
        equal=stored_rows(url) == source_rows(sandbox),
    )


@pytest.fixture(scope="module")
def spent() -> dict[str, Told]:
    """By database; filled by the first test that asks."""
    return {}


@pytest.fixture(params=["sqlite", "postgresql"])
def told(
    request: pytest.FixtureRequest, spent: dict[str, Told], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Told:
    if request.param not in spent:
        url = request.getfixturevalue(f"{request.param.replace('gresql', 'gres')}_url")
        with night(tmp_path, capsys, url, campaigns=200) as (sandbox, kore_etl):
            spent[request.param] = spend(url, sandbox, kore_etl)
    return spent[request.param]


def as_stored(value: Any) -> Any:
    """SQLite keeps times as text."""
    is_time = isinstance(value, str) and value[10:11] == "T" and value.endswith("Z")
    return datetime.fromisoformat(value) if is_time else value


@pytest.mark.parametrize("case", STORED, ids=str)
def test_stored_exactly_or_with_the_bad_field_null(told: Told, case: Case) -> None:
    """The raw text byte for byte, every other column as it came, and the links; a bad field has its line."""
    row = told.rows[case.campaign_id]
    assert row["raw"].encode() == case.raw
    assert {name: as_stored(row[name]) for name in case.columns} == dict(case.columns)
    assert told.links.get(case.campaign_id, set()) == set(case.links)
    assert {f"field:{name}" for name in case.fields} <= set(told.fields)


@pytest.mark.parametrize("case", REJECTED, ids=str)
def test_rejected_with_reason_and_text(told: Told, case: Case) -> None:
    """What no database text holds is shown as an escape; nothing else of it changes."""
    text = case.raw.decode(errors="backslashreplace").replace("\0", "\\x00")
    assert told.rejected[text] == case.reason


@pytest.mark.parametrize("case", [*STORED, *REJECTED], ids=str)
def test_the_verdict_of_the_parser(case: Case) -> None:
    """Which fields are bad and why, or the reason; both decoders agree wherever the fast one dares, and the
    verdict does not hang on whether message texts are stored."""
    found = transform.decode(case.raw, SMS)
    assert isinstance(found, Rejected) == (case.reason is not None)
    if isinstance(found, Rejected):
        assert found.reason == case.reason
    else:
        assert {one.field: one.problem for one in found.problems} == dict(case.fields)
        assert transform._plain(case.raw, SMS) in (None, found)
    bare = withheld.decode(case.raw, SMS)
    assert (type(bare), bare.campaign_id) == (type(found), found.campaign_id)


def test_good_neighbours_and_exit_codes(told: Told) -> None:
    """Every good row is stored; bad fields are exit 0, rejected records 1; the second night writes nothing, and
    neither do verify and replay, which find no difference; mended at the source, one run is clean and equal."""
    assert told.codes == [[0, 1], [0, 1]]
    assert told.looked == [0, 0]
    assert told.good_rows
    assert not told.wrote_again
    assert (len(told.rejected), told.mended, told.equal) == (len(REJECTED), [0, 0], True)


def test_each_bad_field_has_one_line(told: Told) -> None:
    """With how many campaigns have it."""
    expected = Counter(f"field:{name}" for case in STORED for name in case.fields)
    assert told.fields == dict(expected)


# -- what takes more than one record ----------------------------------------------------------------------------------


def add(sandbox: Sandbox, account: str, raw: bytes, *, created: datetime = CREATED, channel: str = "sms") -> str:
    return sandbox.catalogue.insert_raw(account, channel, raw, created_at=created, now=hours_ago(9))


@pytest.mark.parametrize("far", [False, True], ids=["one page", "two pages"])
def test_the_same_record_twice_is_one_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str, far: bool
) -> None:
    """Side by side or pages apart: nothing is invented, no neighbour lost, and the second night writes nothing."""
    with night(tmp_path, capsys, sqlite_url, accounts=1, campaigns=200) as (sandbox, kore_etl):
        account = sandbox.catalogue.accounts[0].account_id
        for created in (CREATED, CREATED.replace(year=2024) if far else CREATED):
            add(sandbox, account, record("cd-twice"), created=created)
        first, second = (kore_etl.json("sync") for _ in range(2))
        assert (first["totals"]["inserted"], second["totals"]["inserted"], second["totals"]["updated"]) == (401, 0, 0)
        assert [first["exit_code"], second["exit_code"]] == [int(far)] * 2  # out of the order asked for: not proven
        assert source_rows(sandbox) <= stored_rows(sqlite_url)


def test_of_two_records_with_one_id_the_one_updated_later_is_stored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str
) -> None:
    """An id is one campaign: nothing tells two of them from two readings of one. Both nights agree on which."""
    with night(tmp_path, capsys, sqlite_url, accounts=1, campaigns=200) as (sandbox, kore_etl):
        account = sandbox.catalogue.accounts[0].account_id
        later = record("cd-twice", name="later", updatedAt="2025-06-28T00:00:00.000Z")
        early = CREATED.replace(year=2024)
        add(sandbox, account, record("cd-twice", name="earlier"))
        add(sandbox, account, later.replace(WIRE.encode(), b"2024-06-27T09:25:53.320Z"), created=early)
        first, second = (kore_etl.json("sync") for _ in range(2))
        assert (first["totals"]["inserted"], second["totals"]["inserted"], second["totals"]["updated"]) == (401, 0, 0)
        assert rows(sqlite_url, "SELECT name FROM campaigns WHERE campaign_id = 'cd-twice'") == [("later",)]
        assert source_rows(sandbox) <= stored_rows(sqlite_url)


def test_ids_of_others_are_rejected(tmp_path: Path, capsys: pytest.CaptureFixture[str], warehouse_url: str) -> None:
    """Of another account, and of the account's other channel: neither moved nor stored; with them gone, exit 0."""
    with night(tmp_path, capsys, warehouse_url, campaigns=20) as (sandbox, kore_etl):
        first, second = (account.account_id for account in sandbox.catalogue.accounts)
        assert kore_etl.json("sync")["exit_code"] == 0
        taken = sandbox.catalogue.listing(first, "sms")[0]["id"]
        intruders = [add(sandbox, second, record(taken)), add(sandbox, first, record(taken), channel="voice")]
        assert [kore_etl.json("sync")["exit_code"] for _ in range(2)] == [1, 1]
        found = rows(warehouse_url, "SELECT account_id, channel, reason, campaign_id, raw FROM rejected_records")
        raw = record(taken).decode()
        assert sorted(found) == sorted(
            [
                (second, "sms", "foreign_campaign_id", taken, raw),
                (first, "voice", "other_channel_campaign_id", taken, raw),
            ]
        )
        assert stored_rows(warehouse_url) == source_rows(sandbox)
        sandbox.catalogue.delete(second, "sms", intruders[0])
        sandbox.catalogue.delete(first, "voice", intruders[1])
        assert kore_etl.json("sync")["exit_code"] == 0


def test_a_record_of_30_megabytes(tmp_path: Path, capsys: pytest.CaptureFixture[str], warehouse_url: str) -> None:
    """It is stored exactly, and so are its neighbours; a second night writes nothing."""
    raw = record("cd-large", description="d" * 15_000_000, x="x" * 15_000_000)
    with night(tmp_path, capsys, warehouse_url, accounts=1, campaigns=50) as (sandbox, kore_etl):
        add(sandbox, sandbox.catalogue.accounts[0].account_id, raw)
        assert kore_etl.json("sync")["totals"]["inserted"] == 101
        assert kore_etl.json("sync")["totals"]["updated"] == 0
        ((stored,),) = rows(warehouse_url, "SELECT raw FROM campaigns WHERE campaign_id = 'cd-large'")
        assert stored.encode() == raw
        assert source_rows(sandbox) <= stored_rows(warehouse_url)


def test_a_field_renamed_in_thousands_of_records_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str
) -> None:
    """In rejected_records, in `rejects` and in the run's output; every record is stored, exit 0, and the next night is
    silent. Several windows bring them."""
    settings = "[sync]\nmax_window_rows = 1000\n"
    with night(tmp_path, capsys, sqlite_url, accounts=1, campaigns=3_000, settings=settings) as (sandbox, kore_etl):
        account = sandbox.catalogue.accounts[0]
        sandbox.catalogue.fill(account, "voice", [])
        renamed = [
            {"state" if name == "status" else name: value for name, value in row.record.items()}
            for row in sandbox.catalogue.of(account.account_id, "sms").rows.values()
        ]
        sandbox.catalogue.fill(account, "sms", renamed)
        began = time.monotonic()
        code, out, err = kore_etl("sync")
        assert time.monotonic() - began < 60
        assert (code, err.count("status"), out.count("status (3,000)")) == (0, 0, 1)
        lines = rows(sqlite_url, "SELECT reason, detail, occurrences FROM rejected_records")
        assert lines == [("field:status", "missing", 3_000)]
        assert rows(sqlite_url, "SELECT count(*), count(status) FROM live_campaigns") == [(3_000, 0)]
        assert kore_etl("rejects")[1].count("field:status") == 1
        assert "status" not in kore_etl("sync")[1]


def test_hundreds_of_thousands_of_unknown_keys_are_read_in_time() -> None:
    """On the tolerant path, after the fast one gave up."""
    keys = ",".join(f'"k{n}":{n}' for n in range(300_000))
    raw = spelt("keys", f'{keys},"priority":"x"')
    began = time.process_time()
    assert isinstance(transform.decode(raw, SMS), Campaign)
    assert time.process_time() - began < 6


def test_what_is_printed_cannot_steer_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str
) -> None:
    """Names, ids and lists full of escapes and bidi marks: every verb shows them as escapes."""
    odd, marked = TEXTS["escapes"], "cd-\u202etxt.exe"
    with night(tmp_path, capsys, sqlite_url, accounts=1, campaigns=5) as (sandbox, kore_etl):
        account = sandbox.catalogue.accounts[0].account_id
        add(sandbox, account, record("cd-odd", name=odd, status=odd, description=odd, contactLists=[odd], priority=odd))
        add(sandbox, account, record(marked, accountId=odd))
        verbs = (
            ["sync"],
            ["rejects", "--show-raw"],
            ["explain", "cd-odd"],
            ["explain", marked],
            ["verify"],
            ["status"],
        )
        for verb in verbs:
            _, out, err = kore_etl("--verbose", *verb)
            steering = [char for char in (out + err).replace("\n", "") if unicodedata.category(char) in ("Cc", "Cf")]
            assert (verb, steering) == (verb, [])
