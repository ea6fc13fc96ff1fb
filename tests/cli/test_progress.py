"""What the displays of a run say."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import pytest
from rich.console import Console
from rich.spinner import Spinner

from etl.cli.output import Output
from etl.cli.progress import Seen, picture, progress
from etl.model import Channel, Event, PageRead, Planned, Reason, RetriesSpent, Scope, State, Waiting, Window, WindowDone

SCOPE = Scope("a1", "st-1", Channel.SMS)
OTHER = Scope("a2", "st-2", Channel.VOICE)
NAMES = {SCOPE: "EMEA retail", OTHER: "LATAM\x1b[31m"}
WINDOW = Window(SCOPE, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC), Reason.LOOKBACK)


def seen(*events: Event, now: float = 0.0) -> Seen:
    """The sums after these events, which all happened at `now`."""
    sums = Seen(NAMES)
    for event in events:
        sums.add(event, now)
    return sums


def drawn(sums: Seen, now: float = 0.0, width: int = 80) -> list[str]:
    """The display's lines on a terminal of this width."""
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None, _environ={})
    console.print(picture(sums, Spinner("dots"), 0.0, now))
    printed = console.file
    assert isinstance(printed, io.StringIO)
    return printed.getvalue().splitlines()


def test_before_anything_is_planned_the_display_says_so() -> None:
    """No total is known yet: nothing divides by it or formats it."""
    assert "0/0 windows" in drawn(seen())[0]
    assert "planning" in drawn(seen())[1]
    assert "waiting for the first answer" in drawn(seen(Planned(SCOPE, 2)))[1]


def test_rows_and_pages_move_while_a_window_is_read() -> None:
    """A single large window is no standstill."""
    sums = seen(Planned(SCOPE, 2), PageRead(SCOPE, 100), PageRead(SCOPE, 1100))
    line, note = drawn(sums)
    assert "0/2 windows" in line
    assert "1,200 rows" in line
    assert "2 pages" in line
    assert note.strip() == "EMEA retail sms"


def test_the_display_keeps_its_width_and_its_two_lines() -> None:
    """A first page and a million rows take the same room, on 80 columns and on 40."""
    early = seen(Planned(SCOPE, 1))
    late = seen(Planned(SCOPE, 1500), *[WindowDone(WINDOW, State.PROVEN, 1)] * 999, PageRead(SCOPE, 9_999_999))
    for width in (80, 40):
        assert [len(drawn(sums, 3599.0, width)) for sums in (early, late)] == [2, 2]
        assert max(len(line) for sums in (early, late) for line in drawn(sums, 3599.0, width)) <= width
    assert len(drawn(early, 1.0)[0].rstrip()) == len(drawn(late, 1.0)[0].rstrip())


def test_a_wait_names_account_seconds_and_cause_and_counts_down() -> None:
    """Also while no event comes; when its time is over it is gone."""
    sums = seen(Planned(SCOPE, 1), Waiting("a1", 30.0, "the rate limit"), now=100.0)
    assert sums.note(100.0) == "EMEA retail waits 30 s (the rate limit)"
    assert sums.note(118.0) == "EMEA retail waits 12 s (the rate limit)"
    assert "waits" not in sums.note(131.0)


def test_the_longest_wait_is_told_and_the_others_are_counted() -> None:
    """A name from outside cannot steer the terminal."""
    sums = seen(Waiting("a1", 5.0, "No connection to kore.example."), Waiting("a2", 60.0, "Kore.ai asked to wait"))
    assert sums.note(0.0) == "LATAM\\x1b[31m waits 60 s (Kore.ai asked to wait), 1 more waiting"


def test_a_page_ends_its_accounts_wait() -> None:
    """Who reads does not wait."""
    assert seen(Waiting("a1", 30.0, "the rate limit"), PageRead(SCOPE, 1)).wait(1.0) == ""


def test_windows_without_proof_are_counted() -> None:
    """Trouble shows while the run still goes on."""
    sums = seen(
        Planned(SCOPE, 3),
        PageRead(SCOPE, 5),
        WindowDone(WINDOW, State.FAILED, 0, "x"),
        WindowDone(WINDOW, State.PROVEN, 5),
    )
    assert sums.note(0.0) == "EMEA retail sms, 1 not proven"


def test_without_a_terminal_long_waits_are_logged(capsys: pytest.CaptureFixture[str]) -> None:
    """A log line with account, seconds and cause; short waits only under --verbose."""
    with progress(Output(log_format="json"), NAMES) as emit:
        emit(Waiting("a1", 2.0, "the rate limit"))
        emit(Waiting("a1", 30.0, "the rate limit"))
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["event"], line["account_id"], line["seconds"], line["why"]) for line in lines] == [
        ("waiting", "a1", 30.0, "the rate limit")
    ]


def test_a_run_without_retries_left_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """In the moving display, and as a warning. --quiet logs nothing: what failed for it says so in the run's text."""
    assert drawn(seen(Planned(SCOPE, 2), PageRead(SCOPE, 1), RetriesSpent(250, 50)))[1].endswith("sms, retries spent")
    for quiet in (True, False):
        with progress(Output(quiet=quiet), NAMES) as emit:
            emit(RetriesSpent(250, 50))
        if quiet:
            assert capsys.readouterr().err == ""
    told = capsys.readouterr().err
    assert "what fails now is left for the next run" in told
    assert "retries=50" in told
