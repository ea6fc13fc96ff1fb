"""What an on-call engineer is told first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from etl.cli import morning
from etl.cli.morning import Listing
from etl.cli.output import BAD, GOOD, ODD
from etl.health import Health
from etl.model import Channel, Scope, Verdict
from etl.warehouse.reading import RunLine, ScopeFreshness
from etl.warehouse.recent import Changes

NOW = datetime(2026, 3, 7, 8, 0, tzinfo=UTC)
HOUR = 3600.0


def listing(hours: float = 6.0, account: str = "a1", missing: int = 0, **values: object) -> Listing:
    """A listing proven until so many hours ago."""
    fresh = ScopeFreshness(
        scope=Scope(account, "st-1", Channel.SMS),
        proven_until=NOW - timedelta(hours=hours),
        newest_proven_end=NOW - timedelta(hours=hours),
        last_proven_at=None,
        last_run_id="r1",
        last_run_verdict=Verdict.COMPLETE,
        last_run_finished_at=None,
        unproven_windows=0,
        live_rows=5,
        age_seconds=hours * HOUR,
        rejects_waiting=0,
    )
    return Listing(account, replace(fresh, **values), Changes(new=2, missing=missing))


def run(hours: float, verdict: Verdict = Verdict.COMPLETE) -> RunLine:
    began = NOW - timedelta(hours=hours)
    done = None if verdict is Verdict.RUNNING else began + timedelta(minutes=3)
    return RunLine("r1", "sync", verdict, 0, began, done, "0.1.0", {"requests": 1200})


@pytest.mark.parametrize(
    ("one", "state"),
    [
        (listing(), Health.GOOD),
        (listing(25), Health.GOOD),
        (listing(27), Health.STALE),
        (listing(27, rejects_waiting=1), Health.STALE),
        (listing(rejects_waiting=1), Health.REJECTED),
        (listing(unproven_windows=1), Health.UNPROVEN),
        (listing(proven_until=None, age_seconds=None), Health.UNPROVEN),
        (listing(newest_proven_end=NOW - timedelta(minutes=5)), Health.UNPROVEN),  # a gap before it
        (listing(proven_until=None, newest_proven_end=None, age_seconds=None, last_run_id=None), Health.NEVER),
    ],
)
def test_a_listing_has_the_worst_of_its_states(one: Listing, state: Health) -> None:
    """Never read, not proven, stale, rejected, good: in this order."""
    assert one.state is state


def test_the_verdict_counts_what_is_wrong_and_the_worst_come_first() -> None:
    """One line, and the oldest of a kind before the others."""
    fine, old, older = listing(), listing(30, "a2"), listing(40, "a3")
    unproven = listing(account="a4", unproven_windows=2)
    assert morning.worst_first([fine, old, older, unproven]) == [unproven, older, old, fine]
    assert morning.verdict([fine, old, older, unproven]) == (
        BAD,
        "Not fresh and complete: 1 not proven, 2 stale, of 4 listings.",
    )
    assert morning.verdict([fine])[0] is GOOD
    assert morning.verdict([fine])[1].startswith("Fresh and complete: every campaign created before 2026-03-07 ")
    assert morning.verdict([fine, listing(rejects_waiting=3)])[0] is ODD


def test_a_run_that_failed_is_told_though_the_copy_is_still_fresh() -> None:
    """It will not be tomorrow; what to do is said."""
    runs = [run(1, Verdict.UNREADABLE), run(25)]
    mark, said = morning.verdict([listing()], runs)
    assert mark is ODD
    assert said.endswith(", but the last run was unreadable.")
    assert next(morning.to_do([listing()], runs, NOW)).startswith("`kore-etl check` says why")


def test_what_waits_and_what_changed_is_summed() -> None:
    """Over all listings."""
    some = [listing(), listing(rejects_waiting=3), listing(missing=2)]
    assert morning.changed(some) == "6 new, 0 changed, 0 deleted"
    assert morning.waiting(some).startswith("3 rejected records; 2 campaigns missing")
    assert morning.waiting([listing()]) == "nothing"


def test_what_to_do_follows_from_what_is_wrong() -> None:
    """A schedule that stopped is told from an account that stays behind; where all is well there is nothing to do."""
    assert list(morning.to_do([listing()], [run(6)], NOW)) == []
    assert "is the schedule still there?" in next(morning.to_do([listing(60)], [run(60)], NOW))
    assert "Runs go on" in next(morning.to_do([listing(60)], [run(6)], NOW))
    assert "under way" in next(morning.to_do([listing()], [run(0.1, Verdict.RUNNING)], NOW))
    assert morning.last_run([run(6)], NOW) == "sync, complete, 6 h ago, took 3 min, 1,200 requests (r1)"
