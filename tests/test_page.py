"""The page: whatever is put in is text, nothing is loaded, every section is there however little there is to show."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from msgspec.structs import replace

from etl.figures import (
    Asked,
    Calendar,
    Change,
    DayMessages,
    DayState,
    DayStatus,
    Doubt,
    Figures,
    ListUse,
    Night,
    RejectedLine,
    Report,
    RunPace,
    ScopeLine,
)
from etl.model import Channel, Interval, Scope, Verdict
from etl.page import FOLDER, render

NOW = datetime(2026, 3, 10, 8, 0, tzinfo=UTC)
NASTY = "\u202e\x00\ud800</script><script>alert(1)</script><!--<b onclick='x'>\"&amp; עברית 🎉"
"""What a source may call a campaign, and a lone surrogate that it may not."""


def full(name: str = NASTY) -> Report:
    """Every section filled, every text the same."""
    scope, at = Scope(f"id {name}", "st-1", Channel.SMS), NOW - timedelta(hours=6)
    change = Change(scope, name, name, "changed", ("name", "status", "contact_lists"), name, name)
    return Report(
        asked=Asked(NOW, 4),
        warehouse=name,
        version="1.0",
        scopes=(ScopeLine(scope, name, at, at, unproven_windows=1, live_rows=1234, rejects_waiting=1),),
        calendars=(
            Calendar(
                scope,
                (DayState.NEVER, DayState.FAILED, DayState.PROVEN, DayState.OPEN),
                (Doubt(Interval(at - timedelta(days=2), at - timedelta(days=1)), name),),
            ),
        ),
        figures=Figures(
            messages=(DayMessages(date(2026, 3, 9), 40),),
            statuses=(DayStatus(date(2026, 3, 9), name, 1), DayStatus(date(2026, 3, 9), None, 2)),
            lists=(ListUse(name, name, 3, 1, 2**63 - 1),),
            lists_in_all=1,
            night=Night(name, "sync", Verdict.COMPLETE, at, NOW, {"inserted": 1, "updated": 2}, (change,)),
            rejected=(RejectedLine(17, scope, name, name, 1, at),),
            rejected_in_all=1,
            runs=(RunPace("r1", "sync", Verdict.COMPLETE, at, at + timedelta(minutes=9), 300, 1, 2.0, name, 270, 540),),
        ),
        limits={name: 50},
        limit=50,
    )


EMPTY = Report(Asked(NOW, 4), "sqlite:///x.db", "1.0", (), (), Figures())


class Tree(HTMLParser):
    """What a page consists of: its tags with attributes, and the text of its scripts and everything else."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text = ""
        self._inside = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside != "style":
            self.text += data


def test_hostile_names_are_text() -> None:
    """The page has the same elements whatever the names are; none of them comes from a name, nor a control sign."""
    hostile, tame = Tree(render(full())), Tree(render(full("tame")))
    assert [tag for tag, _ in hostile.tags] == [tag for tag, _ in tame.tags]
    assert not any(name.startswith("on") for _, attributes in hostile.tags for name in attributes)
    shown = "\\u202e\\x00\\ud800</script><script>alert(1)</script><!--<b onclick='x'>\"&amp; עברית 🎉"
    assert hostile.text.count(shown) >= 10
    drawn = json.dumps(json.loads(hostile.scripts[0]), ensure_ascii=False)
    assert not re.search("[\u202e\x00\ud800]", drawn + hostile.text)


def test_the_policy_lets_our_scripts_run_and_nothing_else() -> None:
    """Every script is named by its digest; nothing may be requested; no element asks for anything."""
    tree = Tree(render(full()))
    policy = next(a["content"] for tag, a in tree.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    data, *scripts = tree.scripts
    digests = [f"'sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}'" for one in scripts]
    assert rules["script-src"].split() == digests
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert set(rules) == {"default-src", "script-src", "style-src", "base-uri", "form-action"}
    assert json.loads(data)["lists"][0][2] == 3
    assert not [tag for tag, attributes in tree.tags if {"src", "srcset", "action"} & set(attributes)]
    assert all(a["href"].startswith("#") for _, a in tree.tags if "href" in a)
    assert "url(" not in (FOLDER / "style.css").read_text()


SECTIONS = ["coverage", "messages", "statuses", "lists", "night", "rejected", "runs"]


@pytest.mark.parametrize("report", [EMPTY, full(), replace(EMPTY, scopes=full().scopes)])
def test_every_section_is_there(report: Report) -> None:
    """However little there is to show, each says so; ids are unique and every label names one."""
    tree = Tree(render(report))
    ids = [attributes["id"] for _, attributes in tree.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert [a["aria-labelledby"] for tag, a in tree.tags if tag == "section"] == SECTIONS
    assert set(SECTIONS) <= set(ids)
    assert sum(tag == "h1" for tag, _ in tree.tags) == 1


def test_every_chart_has_a_table_with_its_numbers() -> None:
    """What the pictures show stands in tables too: also without a script, for a reader and for a screen reader."""
    tree = Tree(render(full("tame")))
    charts = [a for _, a in tree.tags if "chart" in (a.get("class") or "").split()]
    regions = {a["aria-label"] for _, a in tree.tags if a.get("role") == "region"}
    assert len(charts) == 6  # two of them of runs
    assert regions >= {
        "Calendars, table",
        "Messages per day, table",
        "Campaigns by status, table",
        "Most-used contact lists, table",
        "Runs, table",
    }
    for said in ("1,234", "2026-03-08", "failed", "all others", "9,223,372,036,854,775,807", "270"):
        assert said in tree.text


def test_a_run_shorter_than_a_minute_counts_as_one() -> None:
    """Fifty requests in a second are within fifty a minute."""
    report = full("tame")
    quick = replace(report.figures.runs[0], busiest_requests=50, busiest_seconds=1.0)
    shown = _data(replace(report, figures=replace(report.figures, runs=(quick,))))
    assert shown["runs"] == [["2026-03-10T02:00:00Z", 540, 50.0, 50, "complete", "sync"]]


def _data(report: Report) -> Any:
    return json.loads(Tree(render(report)).scripts[0])


def test_many_accounts_fit_in_one_page() -> None:
    """2,000 accounts with two channels each: all are in the table, and the page stays small."""
    line = full("tame").scopes[0]
    scopes = [
        replace(line, scope=Scope(f"{number:024x}", "st-1", channel), name=f"Account number {number}")
        for number in range(2_000)
        for channel in Channel
    ]
    page = render(replace(EMPTY, scopes=tuple(scopes)))
    assert page.count("Account number ") >= 4_000
    assert len(page.encode()) < 1_500_000


def test_the_vendored_scripts_are_what_their_table_says() -> None:
    """Byte for byte; and no license is missing."""
    folder = FOLDER / "vendor"
    told = dict(re.findall(r"^\| `(\S+)` .*`([0-9a-f]{64})` \|$", (folder / "README.md").read_text(), re.MULTILINE))
    assert told == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.js")}
    assert all((folder / name.replace(".min.js", ".LICENSE.txt")).is_file() for name in told)
