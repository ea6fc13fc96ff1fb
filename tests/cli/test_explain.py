"""`kore-etl explain`: what a person reads of a campaign's life, and what a script gets."""

from __future__ import annotations

import asyncio
import json
import re
import unicodedata
from collections.abc import Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from cli_terminal import each_on_terminal, on_terminal
from hypothesis import given
from hypothesis import strategies as st
from night import Command, night
from rich.cells import cell_len
from warehouse.samples import DAY, JANUARY, SMS, Clock, Night, campaign, query, rejected

from etl.cli.output import clean
from etl.cli.telling import cut, folded
from etl.model import FieldProblem, Reason, State
from etl.warehouse.warehouse import Warehouse

HOSTILE = "Spring \x1b[31msale\x1b]0;owned\x07 \u202egnp.exe\u2028\r\nnext \x9b2J"
TEXT = "Hello canary"
KEYS = [
    "campaign_id",
    "account_id",
    "app_id",
    "channel",
    "name",
    "status",
    "first_seen_at",
    "created_at",
    "deleted_at",
    "missing_since",
    "versions",
    "contact_lists",
    "counters",
    "windows",
    "runs",
    "rejects",
    "coverage",
    "truncated",
    "exit_code",
]

Story = Callable[["Nights"], Coroutine[Any, Any, None]]


class Nights:
    """Nights at a quarter past two, a day apart; each reads the campaigns it is given."""

    def __init__(self, store: Warehouse, clock: Clock) -> None:
        self.store, self.clock, self.count = store, clock, 0

    async def read(self, *given: Any, gone: str | None = None, **sweep: Any) -> None:
        self.clock.at = datetime.fromisoformat("2026-03-01T02:15:00Z") + self.count * DAY
        self.count += 1
        async with Night(self.store, self.clock) as tonight:
            await tonight.store(*given, **sweep)
            if gone is not None:
                absent = frozenset({gone})
                await self.store.settle(tonight.lease, tonight.run_id, SMS, absent, accept=True)


def explained(url: str, folder: Path, story: Story) -> Path:
    """The configuration of a warehouse in which these nights happened."""

    async def happen() -> None:
        async with Warehouse.connect(url, clock=(clock := Clock())) as store:
            await story(Nights(store, clock))

    asyncio.run(happen())
    config = folder / "config.toml"
    account = '[[accounts]]\naccount_id = "acc-1"\napp_id = "st-1"\nname = "EMEA retail"\n'
    config.write_text(f"[warehouse]\nurl = {json.dumps(url)}\n\n{account}")
    return config


async def a_busy_life(nights: Nights) -> None:
    """Sent, run again, changed, deleted and back, doubted."""
    values: dict[str, Any] = {"name": "Spring sale", "status": "Ready", "message_text": TEXT, "total_messages_sent": 0}
    lists = tuple(f"List {number}" for number in range(8))

    def now(**changed: Any) -> Any:
        values.update(changed)
        return campaign("c-1", **values)

    await nights.read(now(contact_lists=("Gold, US", "新規顧客")), campaign("c-2"))
    await nights.read(now(status="Active", total_messages_sent=120, campaign_instance_id="i-1"))
    for sent in (450, 800, 1000, 1500, 30):
        await nights.read(now(total_messages_sent=sent, campaign_instance_id="i-1" if sent > 30 else "i-2"))
    await nights.read(now(message_text="Goodbye canary", is_recurring=True, contact_lists=lists))
    await nights.read(gone="c-1")
    await nights.read(gone="c-1")
    await nights.read(now(total_messages_sent=40, problems=(FieldProblem("dialingMode", "not a text"),)))
    await nights.read(rejected("r", campaign_id="c-1", reason="broken characters"))
    await nights.read(now())
    why = "The total moved from 812 to 811."
    await nights.read(now(), gone="c-1", state=State.UNPROVEN, why=why)


BUSY = """\
Spring sale
sms campaign c-1 of EMEA retail
Status Active, missing since 2026-03-14 02:15.
Created 2026-01-01 00:00, says the source (UTC).

When (UTC)        What                                                          Run
2026-03-01 02:15  first seen: Ready                                             RUN
2026-03-01 02:15  contact lists: + Gold, US, + 新規顧客                         RUN
2026-03-01 02:15  messages: 0                                                   RUN
2026-03-02 02:15  status: Ready -> Active                                       RUN
2026-03-02 02:15  messages: 0 -> 120 (+120)                                     RUN
2026-03-03 02:15  messages: 120 -> 30 (5 readings to 2026-03-07 02:15, +1,410 messages, run again)
2026-03-08 02:15  message text changed                                          RUN
2026-03-08 02:15  is_recurring: (none) -> yes                                   RUN
2026-03-08 02:15  contact lists: + List 0, + List 1, + List 2, + List 3, + List 4, + List 5 and 4 more  RUN
2026-03-10 02:15  deleted: a second run missed it as well                       RUN
2026-03-11 02:15  came back                                                     RUN
2026-03-11 02:15  messages: 30 -> 40 (+10)                                      RUN
2026-03-11 02:15  field dialingMode could not be stored: not a text (1 time in this listing)  RUN
2026-03-12 02:15  rejected: broken characters (1 time), gone since 2026-03-13 02:15  RUN
2026-03-14 02:15  missing: gone from the source, or left out by `keep`          RUN

14 reads covered it since 2026-03-01 02:15: 13 proven, 1 not.
Last read and proven 2026-03-13 02:15 UTC (L1, run RUN).
Read since then and not proven: 1 unproven; the last 2026-03-14 02:15 UTC, run RUN: The total moved from 812 to 811.
"""


def test_a_life_reads_as_a_timeline(tmp_path: Path, capsys: pytest.CaptureFixture[str], warehouse_url: str) -> None:
    """Oldest first, a line an event, each with its time and the run that saw it; --quiet answers as well."""
    kore_etl = Command(explained(warehouse_url, tmp_path, a_busy_life), capsys)
    code, out, err = kore_etl("explain", "c-1")
    assert re.sub(r"\d{8}T\d{6}Z-[0-9a-f]{6}", "RUN", out) == BUSY
    assert (code, err) == (0, "")
    assert kore_etl("--quiet", "explain", "c-1")[1] == out


def test_nothing_is_folded_where_all_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str
) -> None:
    """--all shows each reading and names each list; a rerun is told."""
    kore_etl = Command(explained(sqlite_url, tmp_path, a_busy_life), capsys)
    out = kore_etl("explain", "c-1", "--all")[1]
    assert "messages: 120 -> 450 (+330)" in out
    assert "messages: 1,500 -> 30 (+30, run again, counts from zero)" in out
    assert "+ List 7, - Gold, US, - 新規顧客" in out
    assert "readings to" not in out


def test_message_texts_are_shown_only_when_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str
) -> None:
    """They are personal data: neither in the timeline nor in the document."""
    kore_etl = Command(explained(sqlite_url, tmp_path, a_busy_life), capsys)
    assert "canary" not in "".join(kore_etl("explain", "c-1")[1] + kore_etl("--json", "explain", "c-1")[1])
    assert "message text: Hello canary -> Goodbye canary" in kore_etl("explain", "c-1", "--show-text")[1]
    versions = kore_etl.json("explain", "c-1", "--show-text")["versions"]
    assert [version["message_text"] for version in versions][::3] == [TEXT, "Goodbye canary"]


def test_the_document_has_every_state_in_full(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], warehouse_url: str
) -> None:
    """Its keys are a contract; the last version is the current one."""
    found = Command(explained(warehouse_url, tmp_path, a_busy_life), capsys).json("explain", "c-1")
    assert list(found) == KEYS
    assert (found["account_id"], found["app_id"], found["channel"]) == ("acc-1", "st-1", "sms")
    assert (found["name"], found["status"], found["deleted_at"]) == ("Spring sale", "Active", None)
    assert [version["status"] for version in found["versions"]] == ["Ready", "Active", "Active", "Active", "Active"]
    assert [version["valid_to"] is None for version in found["versions"]] == [False, False, False, False, True]
    assert found["versions"][-1]["created_at"] == JANUARY.isoformat()
    assert [one["total_messages_sent"] for one in found["counters"]] == [0, 120, 450, 800, 1000, 1500, 30, 40]
    assert [one["messages"] for one in found["counters"]] == [None, 120, 330, 350, 200, 500, 30, 10]
    assert [one["is_reset"] for one in found["counters"]].index(True) == 6
    assert {one["name"] for one in found["contact_lists"]} > {"Gold, US", "新規顧客", "List 7"}
    assert [one["reason"] for one in found["rejects"]] == ["field:dialingMode", "broken characters"]
    assert [one["state"] for one in found["windows"]] == ["proven"] * 13 + ["unproven"]
    assert {one["run_id"] for one in found["windows"]} == {one["run_id"] for one in found["runs"]}
    assert found["coverage"]["last_proof"] == "L1"
    assert found["coverage"]["not_proven_since"] == 1
    assert not found["truncated"]


def test_the_document_lists_the_last_fifty_windows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str
) -> None:
    """And says how many there are."""

    async def sixty_nights(nights: Nights) -> None:
        for _ in range(60):
            await nights.read(campaign("c-1"))

    found = Command(explained(sqlite_url, tmp_path, sixty_nights), capsys).json("explain", "c-1")
    assert (len(found["windows"]), len(found["runs"]), found["coverage"]["reads"]) == (50, 50, 60)
    assert found["windows"][-1]["finished_at"] == found["coverage"]["last_proven_at"]


def test_a_hostile_name_steers_no_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str) -> None:
    """Escapes, bidi marks and newlines of any text are shown, not obeyed; each line keeps its time."""

    async def hostile(nights: Nights) -> None:
        texts: dict[str, Any] = dict.fromkeys(("name", "status", "description", "schedule"), HOSTILE)
        await nights.read(campaign("c-1", name="a"))
        await nights.read(campaign("c-1", contact_lists=(HOSTILE,), **texts))
        await nights.read(campaign("c-1", **texts), state=State.UNPROVEN, why=HOSTILE)

    config = explained(sqlite_url, tmp_path, hostile)
    for arguments in (["explain", "c-1"], ["explain", "c-1", "--all", "--show-text"]):
        _, out, _ = Command(config, capsys)(*arguments)
        assert {c for c in out if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")} == {"\n"}
        assert r"\x1b[31msale\x1b]0;owned\x07 \u202egnp" in out
        timeline = out.split("When (UTC)")[1].split("\n\n")[0].splitlines()[1:]
        assert all(re.match(r"2026-03-0\d 02:15  \S", line) for line in timeline)
    _, drawn = on_terminal(["--config", str(config), "explain", "c-1"], tmp_path, environment={"NO_COLOR": "1"})
    assert set(re.findall(r"\x1b[^m]*m", drawn)) <= {"\x1b[0m", "\x1b[1m", "\x1b[2m"}


@pytest.mark.parametrize("columns", [80, 120])
def test_it_fits_a_terminal(columns: int, tmp_path: Path, sqlite_url: str) -> None:
    """No line is wider, no name is parted, what differs in a long text is seen, runs stand where there is room."""

    async def long_texts(nights: Nights) -> None:
        await a_busy_life(nights)
        for words in ("A reminder. " * 40, "A reminder. " * 40 + "With a map.", "W" * 300):
            await nights.read(campaign("c-2", name=words, description=words, schedule=words * 3))

    config = explained(sqlite_url, tmp_path, long_texts)
    ids = ("c-1", "c-2")
    commands = [["--config", str(config), "explain", campaign_id] for campaign_id in ids]
    looked = each_on_terminal(commands, tmp_path, columns=columns)
    for campaign_id, (code, drawn) in zip(ids, looked, strict=True):
        assert code == 0, drawn
        lines = re.sub(r"\x1b\[[0-9;]*m", "", drawn).replace("\r", "").splitlines()
        assert max(map(cell_len, lines)) <= columns
        assert any(line.endswith("Run") for line in lines) == (columns == 120)
        assert not any(line.endswith(("List", "+", "-", "->")) for line in lines)
        differing = 3 if campaign_id == "c-2" else 0
        assert sum("With a map." in line for line in lines) == differing


def test_a_campaign_is_found_by_its_beginning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], warehouse_url: str
) -> None:
    """An ambiguous or unknown one is exit 1 and says so, as a sentence and as JSON."""

    async def four(nights: Nights) -> None:
        await nights.read(*map(campaign, ("c-1", "c-2", "c-3", "d-4", "c-10")))

    kore_etl = Command(explained(warehouse_url, tmp_path, four), capsys)
    assert kore_etl.json("explain", "d")["campaign_id"] == "d-4"
    assert kore_etl.json("explain", "c-1")["campaign_id"] == "c-1"
    code, out, err = kore_etl("explain", "c-")
    assert (code, out) == (1, "")
    assert re.fullmatch(r"kore-etl: c- begins several campaigns: (c-\d+, ){2}c-\d+ \.\.\.; give more of it\.\n", err)
    assert "there is no campaign 'C-1'" in kore_etl("explain", "C-1")[2]
    assert kore_etl.json("explain", "")["exit_code"] == 1
    assert "no campaign '%'" in kore_etl.json("explain", "%")["errors"][0]
    assert r"'\x07\u202e'" in kore_etl("explain", "\a\u202e")[2]


def test_an_empty_warehouse_says_that_nothing_was_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], empty_sqlite_url: str
) -> None:
    """Exit 1, and no file is made."""
    config = tmp_path / "config.toml"
    config.write_text(f'[warehouse]\nurl = "{empty_sqlite_url}"\n')
    code, _, err = Command(config, capsys)("explain", "c-1")
    assert code == 1
    assert "Nothing was ever read into" in err
    assert not (tmp_path / "warehouse.db").exists()


def test_what_no_read_proves_is_not_called_proven(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str
) -> None:
    """Seen by a hint alone; without a date; read, but never proven; and read before it was there."""

    async def doubtful(nights: Nights) -> None:
        await nights.read(campaign("hinted"), reason=Reason.FEED)
        await nights.read(campaign("undated", created_at=None), reason=Reason.FEED)
        await nights.read(campaign("moved"), state=State.UNPROVEN, why="The total moved.")

    kore_etl = Command(explained(sqlite_url, tmp_path, doubtful), capsys)
    assert "Never proven: 1 unproven; the last 2026-03-03 02:15 UTC" in kore_etl("explain", "moved")[1]
    assert "nothing was read without dates: no read proves it." in kore_etl("explain", "undated")[1]
    assert kore_etl.json("explain", "hinted")["coverage"]["last_proven_at"] is None
    asyncio.run(query(sqlite_url, "DELETE FROM sync_windows WHERE state = 'unproven'"))
    assert "hints prove nothing." in kore_etl("explain", "hinted")[1]


def test_a_read_of_before_it_was_there_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str
) -> None:
    """A campaign that came into a window that was proven without it; and one whose life is longer than is read."""

    async def late(nights: Nights) -> None:
        await nights.read(campaign("other"))
        await nights.read(campaign("late", description="a"))
        await nights.read(campaign("late", description="b"))

    kore_etl = Command(explained(sqlite_url, tmp_path, late), capsys)
    out = kore_etl("explain", "late")[1]
    assert "1 of these, proven before it was first seen, did not have it." in out
    assert "3 reads covered it since 2026-03-01 02:15, all proven." in out


def test_what_is_left_out_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A life longer than what is read of it."""
    kore_etl = Command(explained(sqlite_url, tmp_path, a_busy_life), capsys)
    monkeypatch.setattr("etl.warehouse.life.EVENTS", 2)
    assert "There is more than the latest 2 of a kind: earlier events are left out." in kore_etl("explain", "c-1")[1]
    assert kore_etl.json("explain", "c-1")["truncated"]


def test_a_synced_campaign_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str], warehouse_url: str) -> None:
    """From the sandbox to the last line: renamed between two nights, read and proven by both."""
    with night(tmp_path, capsys, warehouse_url, accounts=1, campaigns=3) as (sandbox, kore_etl):
        account = sandbox.catalogue.accounts[0]
        kore_etl.json("sync")
        record = sandbox.catalogue.listing(account.account_id, "sms")[0]
        sandbox.catalogue.update(account.account_id, "sms", record["id"], now=datetime.now(JANUARY.tzinfo), name="New")
        run_id = kore_etl.json("sync")["run_id"]
        out = kore_etl("explain", record["id"])[1]
    assert out.startswith(f"New\nsms campaign {record['id']} of {account.name}\n")
    assert f"name: {record['name']} -> New" in out
    assert "2 reads covered it" in out
    assert re.search(rf"Last read and proven .* UTC \(L\d, run {run_id}\)\.", out)


def test_the_help_has_examples(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Lines to paste."""
    out = Command(tmp_path / "none", capsys)("explain", "--help")[1]
    assert "Examples" in out
    assert "kore-etl --json explain" in out


@given(text=st.text(max_size=300), differs=st.integers(0, 300), room=st.integers(8, 80))
def test_a_cut_text_fits_and_is_harmless(text: str, differs: int, room: int) -> None:
    """Whatever it holds; a text that fits is whole, and what is cut is said to be."""
    shown = cut(text, room, differs)
    assert cell_len(shown) <= room
    assert not {c for c in shown if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")}
    assert shown == clean(text) or "…" in shown
    assert shown == clean(text) or cell_len(clean(text)) > room


@given(before=st.text("ab新\u0301", min_size=60, max_size=200), room=st.integers(20, 40))
def test_a_cut_text_shows_where_it_differs(before: str, room: int) -> None:
    """The place is not cut away, wherever it is."""
    for place in range(0, len(before), 7):
        assert "X" in cut(before[:place] + "X" + before[place + 1 :], room, place)


@given(words=st.lists(st.text("abc ", min_size=1, max_size=30), min_size=1, max_size=8), room=st.integers(20, 60))
def test_folded_lines_fit_and_lose_no_word(words: list[str], room: int) -> None:
    """Parted between pieces first, then between words, then within."""
    lines = folded("\n".join(words), room)
    assert max(map(cell_len, lines)) <= room
    assert "".join("".join(lines).split()) == "".join("".join(words).split())
