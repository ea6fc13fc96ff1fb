"""Fresh? Complete? As of when? In the words that a reader gets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from etl.figures import ScopeLine
from etl.health import Health, health, verdict, worst_first
from etl.model import Channel, Scope

NOW = datetime(2026, 3, 10, 8, 0, tzinfo=UTC)
PROVEN = datetime(2026, 3, 10, 2, 5, tzinfo=UTC)
GOOD = ScopeLine(Scope("a1", "st-1", Channel.SMS), "EMEA", PROVEN, PROVEN, live_rows=10)
VOICE = replace(GOOD, scope=Scope("a1", "st-1", Channel.VOICE))
OLD = replace(GOOD, proven_until=PROVEN - timedelta(days=2), newest_proven_end=PROVEN - timedelta(days=2))


@pytest.mark.parametrize(
    ("line", "ails"),
    [
        (GOOD, Health.GOOD),
        (replace(GOOD, rejects_waiting=1), Health.REJECTED),
        (OLD, Health.STALE),
        (replace(GOOD, unproven_windows=1), Health.UNPROVEN),
        (replace(GOOD, proven_until=None), Health.UNPROVEN),
        (replace(GOOD, proven_until=PROVEN - timedelta(hours=1)), Health.UNPROVEN),
        (ScopeLine(GOOD.scope, "EMEA", unproven_windows=1), Health.UNPROVEN),
        (ScopeLine(GOOD.scope, "EMEA"), Health.NEVER),
    ],
)
def test_the_worst_is_said(line: ScopeLine, ails: Health) -> None:
    """A gap before the newest proven read counts as not proven; of a copy that is not proven its age is no matter."""
    age = None if line.proven_until is None else NOW - line.proven_until
    assert health(line, age) is ails
    assert health(replace(line, rejects_waiting=5), age) is (Health.REJECTED if ails is Health.GOOD else ails)


@pytest.mark.parametrize(
    ("lines", "headline", "sentence"),
    [
        ([], "Nothing to show", "No account is configured, and none was ever read."),
        ([ScopeLine(GOOD.scope, "EMEA")], "Nothing was read yet", "The first sync fills this page."),
        ([GOOD], "Complete and fresh", "EMEA sms is proven complete up to 2026-03-10 02:05 UTC, 5 h ago."),
        (
            [GOOD, VOICE],
            "Complete and fresh",
            "All 2 channels of 1 account are proven complete up to 2026-03-10 02:05 UTC, 5 h ago.",
        ),
        (
            [GOOD, replace(OLD, scope=VOICE.scope)],
            "Complete, but not fresh",
            "All 2 channels of 1 account are proven complete up to 2026-03-08 02:05 UTC, 2 d ago. Behind: EMEA voice.",
        ),
        (
            [GOOD, replace(VOICE, unproven_windows=3)],
            "Not complete",
            (
                "1 of 2 channels is not proven complete: EMEA voice; the other 1 channel is proven up to "
                "2026-03-10 02:05 UTC."
            ),
        ),
        (
            [replace(GOOD, rejects_waiting=2)],
            "Complete and fresh, with rejected records",
            (
                "EMEA sms is proven complete up to 2026-03-10 02:05 UTC; 2 records could not be stored and wait in "
                "quarantine."
            ),
        ),
    ],
)
def test_the_verdict_in_words(lines: list[ScopeLine], headline: str, sentence: str) -> None:
    """The oldest proof of all is what the whole is worth; who is behind is named."""
    found = verdict(lines, NOW)
    assert (found.headline, found.sentence) == (headline, sentence)
    assert (found.proven_until is None) == (not found.is_complete)


def test_the_worst_comes_first() -> None:
    """Never read, not proven, stale, rejected, good; among equals the longest unproven."""
    lines = [GOOD, replace(VOICE, rejects_waiting=1), OLD, replace(OLD, proven_until=PROVEN - timedelta(days=9))]
    lines += [replace(GOOD, unproven_windows=1), ScopeLine(GOOD.scope, "EMEA")]
    assert [one for one, _ in worst_first(lines, NOW)] == [lines[5], lines[3], lines[4], lines[2], lines[1], lines[0]]
