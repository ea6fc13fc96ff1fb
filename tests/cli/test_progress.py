"""What the displays of a run say."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console
from rich.spinner import Spinner

from etl.cli.output import Output
from etl.cli.progress import picture, progress
from etl.cli.underway import Underway
from etl.model import (
    AccountDone,
    Channel,
    Event,
    PageRead,
    Planned,
    Reason,
    RetriesSpent,
    Scope,
    State,
    Waiting,
    Window,
    WindowDone,
)
from etl.settings import Settings, load

SCOPE = Scope("a1", "st-1", Channel.SMS)
OTHER = Scope("a2", "st-2", Channel.VOICE)
NAMES = {SCOPE: "EMEA retail", OTHER: "LATAM\x1b[31m"}
WINDOW = Window(SCOPE, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC), Reason.LOOKBACK)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(None, {}, needs="warehouse")


def underway(*events: Event, now: float = 0.0, names: dict[Scope, str] | None = None, limit: int = 0) -> Underway:
    """The sums after these events, which all happened at `now`."""
    run = Underway(NAMES if names is None else names, {"a1": limit, "a2": limit})
    for event in events:
        run.add(event, now)
    return run


def drawn(run: Underway, now: float = 0.0, width: int = 80) -> list[str]:
    """The display's lines on a terminal of this width."""
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None, _environ={})
    console.print(picture(run, Spinner("dots"), now, width))
    printed = console.file
    assert isinstance(printed, io.StringIO)
    return printed.getvalue().splitlines()


def test_before_anything_is_known_the_display_says_so() -> None:
    """No total is known yet: nothing divides by it or formats it."""
    assert "0 requests" in drawn(underway())[0]
    assert "planning" in drawn(underway())[1]
    assert "waiting for the first answer" in drawn(underway(Planned(SCOPE, 2)))[1]


def test_the_plans_price_is_the_length_of_the_bar() -> None:
    """Known scopes are counted in the requests that the plan said; unknown ones are taken to be like them."""
    run = underway(Planned(SCOPE, 2, 40), *[PageRead(SCOPE, 100, 3_900)] * 10)
    assert run.expected() == 80, "the other listing, not begun yet, is taken to be as long"
    assert "10/80 requests" in drawn(run)[0]
    run.add(Planned(OTHER, 1, 2), 0.0)
    assert run.expected() == 42


def test_a_scope_never_read_is_measured_by_the_first_total_told() -> None:
    """2,500 rows, 100 a page: 25 pages, a census and a head."""
    run = underway(Planned(SCOPE, 2), PageRead(SCOPE, 1, 2_500), names={SCOPE: "EMEA retail"})
    assert run.expected() == 27


def test_the_time_left_knows_the_rate_and_the_limit() -> None:
    """Fast so far, yet 50 a minute are allowed and 350 are left: the first minute's worth is free, the rest is not."""
    events = (Planned(SCOPE, 2, 400), *[PageRead(SCOPE, 100, 40_000)] * 50)
    free, limited = (underway(*events, now=5.0, names={SCOPE: "EMEA"}, limit=limit) for limit in (0, 50))
    assert free.left(10.0) == pytest.approx(60 * 350 / free.rate(10.0))
    assert limited.left(10.0) == pytest.approx(60 * 350 / 50)
    assert "7 min left" in drawn(limited, 10.0)[0]
    assert "left" not in drawn(limited, 1.0)[0], "after a second nobody can know"


def test_an_account_whose_turn_is_over_has_nothing_left() -> None:
    """Also where it was refused, and read nothing: the bar does not wait for it."""
    run = underway(Planned(SCOPE, 2, 40), PageRead(SCOPE, 100, 10), AccountDone("a1"), AccountDone("a2"))
    assert (run.requests, run.expected(), run.ended) == (1, 1, 2)


def test_the_display_keeps_to_the_terminal_and_collapses_what_is_many() -> None:
    """Two thousand accounts, sixteen at work: a bar, a summary, four listings, a count; at any width."""
    scopes = [Scope(f"a{number}", "st-1", Channel.SMS) for number in range(2_000)]
    run = underway(names={scope: f"An account with quite a long name {scope.account_id}" for scope in scopes})
    for scope in scopes[:16]:
        run.add(Planned(scope, 2, 1_000), 0.0)
        run.add(PageRead(scope, 100, 99_000), 0.0)
    run.add(Waiting("a3", 12.0, "the rate limit"), 0.0)
    for width in (40, 80, 140):
        lines = drawn(run, 3599.0 if width == 40 else 5.0, width)
        assert len(lines) == 7
        assert max(map(len, lines)) <= width
    lines = drawn(run, 5.0)
    assert "16/2,000,000 requests" in lines[0]
    assert "0/2,000 listings, 1,600 rows" in lines[1]
    assert lines[-1].strip() == "and 12 more under way"
    assert "waits 7 s (the rate limit)" in "".join(lines)


def test_one_listing_has_no_line_of_its_own() -> None:
    """Its wait stands in the summary."""
    run = underway(PageRead(SCOPE, 5), Waiting("a1", 30.0, "the rate limit"), names={SCOPE: "EMEA retail"})
    assert len(drawn(run)) == 2
    assert "EMEA retail waits 30 s (the rate limit)" in drawn(run)[1]


def test_a_wait_names_account_seconds_and_cause_and_counts_down() -> None:
    """Also while no event comes; when its time is over it is gone."""
    run = underway(Planned(SCOPE, 1), Waiting("a1", 30.0, "the rate limit"), now=100.0)
    assert run.wait(100.0) == "EMEA retail waits 30 s (the rate limit)"
    assert run.summary(118.0) == "EMEA retail waits 12 s (the rate limit)"
    assert "waits" not in run.summary(131.0)


def test_the_longest_wait_is_told_and_the_others_are_counted() -> None:
    """A name from outside cannot steer the terminal."""
    run = underway(Waiting("a1", 5.0, "No connection to kore.example."), Waiting("a2", 60.0, "Kore.ai asked to wait"))
    assert run.summary(0.0) == "LATAM\\x1b[31m waits 60 s (Kore.ai asked to wait), 1 more waiting"
    assert "\x1b[31m" not in "".join(drawn(underway(PageRead(OTHER, 1))))


def test_a_page_ends_its_accounts_wait() -> None:
    """Who reads does not wait."""
    assert underway(Waiting("a1", 30.0, "the rate limit"), PageRead(SCOPE, 1)).wait(1.0) == ""


def test_windows_without_proof_are_counted() -> None:
    """Trouble shows while the run still goes on."""
    run = underway(
        Planned(SCOPE, 3),
        PageRead(SCOPE, 5),
        WindowDone(WINDOW, State.FAILED, 0, "x"),
        WindowDone(WINDOW, State.PROVEN, 5),
    )
    assert run.summary(0.0) == "0/2 listings, 5 rows, 1 not proven"


def test_without_a_terminal_long_waits_are_logged(capsys: pytest.CaptureFixture[str], settings: Settings) -> None:
    """A log line with account, seconds and cause; short waits only under --verbose."""
    with progress(Output(log_format="json"), NAMES, settings) as emit:
        emit(Waiting("a1", 2.0, "the rate limit"))
        emit(Waiting("a1", 30.0, "the rate limit"))
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["event"], line["account_id"], line["seconds"], line["why"]) for line in lines] == [
        ("waiting", "a1", 30.0, "the rate limit")
    ]


def test_a_run_without_retries_left_says_so(capsys: pytest.CaptureFixture[str], settings: Settings) -> None:
    """In the moving display, and as a warning. --quiet logs nothing: what failed for it says so in the run's text."""
    assert "retries spent" in drawn(underway(Planned(SCOPE, 2), PageRead(SCOPE, 1), RetriesSpent(250, 50)))[1]
    for quiet in (True, False):
        with progress(Output(quiet=quiet), NAMES, settings) as emit:
            emit(RetriesSpent(250, 50))
        if quiet:
            assert capsys.readouterr().err == ""
    told = capsys.readouterr().err
    assert "what fails now is left for the next run" in told
    assert "retries=50" in told
