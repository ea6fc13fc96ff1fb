"""What `check` learns of a server by asking outright."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from etl.model import Channel, FilteredDate, Profile, Scope
from etl.sandbox.app import Sandbox
from etl.sandbox.catalogue import Catalogue, SandboxAccount
from etl.sandbox.switches import Switches

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ACCOUNT = SandboxAccount("a1", "st-1", "cs-1", "canary-secret-0123456789-0123456789", "one")
SCOPE = Scope("a1", "st-1", Channel.SMS)


async def observed(rig: Any, time: Any, rows: int = 50, **switches: Any) -> tuple[Profile, int | None, int]:
    made = Catalogue([ACCOUNT])
    for number in range(rows):
        at = NOW - timedelta(days=100) + timedelta(hours=number)
        made.insert("a1", "sms", created_at=at, now=at + timedelta(days=1))
    async with Sandbox(made, switches=Switches(**switches), clock=time.clock) as served:
        found = await rig(served.url).source.observe(SCOPE, Profile())
        return found.profile, found.total, len(served.requests)


async def test_the_documented_server_is_known_after_a_few_requests(rig: Any, time: Any) -> None:
    """The total, the date that is filtered, both bounds, the order, and who wins of `skip` and `page`."""
    profile, total, requests = await observed(rig, time)
    assert (total, requests) == (50, 5)
    assert profile.filtered_date is FilteredDate.CREATED
    assert (profile.start_inclusive, profile.end_inclusive) == (True, True)
    assert (profile.order_kept, profile.offset_by, profile.undated_works) == (True, "skip", True)


@pytest.mark.parametrize(
    ("switch", "value", "field", "expected"),
    [
        ("offset_wins", "page", "offset_by", "page"),
        ("bounds", "exclusive", "start_inclusive", False),
        ("bounds", "exclusive", "end_inclusive", False),
        ("bounds", "exclusive-end", "start_inclusive", True),
        ("bounds", "exclusive-end", "end_inclusive", False),
        ("filtered_date", "updatedAt", "filtered_date", FilteredDate.UPDATED),
        ("filtered_date", "none", "filtered_date", FilteredDate.NEITHER),
        ("order_kept", False, "order_kept", False),
    ],
)
async def test_each_open_question_has_its_answer(
    rig: Any, time: Any, switch: str, value: Any, field: str, expected: Any
) -> None:
    """What the docs leave open is asked in a way that can mean only one thing."""
    profile, _, requests = await observed(rig, time, **{switch: value})
    assert getattr(profile, field) == expected
    assert requests <= 7


@pytest.mark.parametrize("rows", [0, 1])
async def test_too_few_rows_teach_nothing_wrong(rig: Any, time: Any, rows: int) -> None:
    """What cannot be told stays unknown."""
    profile, total, _ = await observed(rig, time, rows=rows, offset_wins="page")
    assert (total, profile.offset_by) == (rows, None)
