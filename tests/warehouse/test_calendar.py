"""What each day amounts to: at every instant the latest read decides, and the worst of a day is shown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from warehouse.samples import DAY, SMS, Night

from etl.figures import Asked, DayState
from etl.model import Interval, Reason, State
from etl.warehouse.calendar import Read, days, deciding
from etl.warehouse.warehouse import Warehouse

TODAY = datetime(2026, 3, 10, tzinfo=UTC)
ASKED = Asked(TODAY + timedelta(hours=18), 5)
"""Five days: the 6th to the 10th."""


def read(state: State, first: float, last: float, keep: str | None = None) -> Read:
    """A read from day `first` of March to day `last`."""
    start = TODAY - 10 * DAY
    return Read(state, Interval(start + first * DAY, start + last * DAY), "", keep)


PROVEN, UNPROVEN, OPEN, FAILED = State.PROVEN, State.UNPROVEN, State.OPEN, State.FAILED


@pytest.mark.parametrize(
    ("newest_first", "shown"),
    [
        ([], "nnnnn"),
        ([read(PROVEN, 1, 11)], "ppppp"),
        ([read(OPEN, 10.2, 10.3), read(PROVEN, 1, 10.2)], "ppppo"),
        ([read(PROVEN, 1, 8)], "ppnnn"),
        ([read(PROVEN, 7.5, 9.5)], "npppn"),
        ([read(PROVEN, 9, 11), read(PROVEN, 1, 7.5)], "pnnpp"),
        ([read(PROVEN, 6, 8), read(UNPROVEN, 1, 11)], "ppuuu"),
        ([read(UNPROVEN, 7.9, 8), read(PROVEN, 1, 11)], "puppp"),
        ([read(UNPROVEN, 7, 8), read(FAILED, 7, 9), read(PROVEN, 1, 11)], "pufpp"),
        ([read(PROVEN, 9, 11), read(PROVEN, 1, 11, keep="Active only")], "nnnpp"),
    ],
)
def test_days(newest_first: list[Read], shown: str) -> None:
    """A hole between reads makes its day `never read`; the time after the last read makes today no worse."""
    letters = {"n": DayState.NEVER, "p": PROVEN, "u": UNPROVEN, "o": OPEN, "f": FAILED}
    assert [state.value for state in days(list(deciding(newest_first)), ASKED)] == [letters[one].value for one in shown]


async def test_a_calendar_from_the_ledger(warehouse: Warehouse, night: Callable[..., Night]) -> None:
    """Hints and unproven tails say nothing; what is in doubt is told with its reason, neighbours as one."""
    start = TODAY - 40 * DAY
    async with night() as tonight:
        await tonight.store(start=start, end=TODAY)
        doubtful = {"state": State.UNPROVEN, "why": "the total moved"}
        await tonight.store(start=start, end=start + DAY, **doubtful)
        await tonight.store(start=start + DAY, end=start + 2 * DAY, **doubtful)
        await tonight.store(start=TODAY, end=ASKED.now, state=State.OPEN, reason=Reason.TAIL)
        await tonight.store(start=start, end=ASKED.now, state=State.UNPROVEN, reason=Reason.FEED, why="a hint")
    (found,) = await warehouse.calendars([SMS], ASKED)
    assert [day.value for day in found.days] == ["proven"] * 4 + ["open"]
    assert [(doubt.interval, doubt.why) for doubt in found.doubts] == [
        (Interval(start, start + 2 * DAY), "the total moved")
    ]
