"""What an account's turn asks of the database, in statements: they are the fixed cost of a night without work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine
from warehouse.samples import SMS, Clock, Night, campaign

from etl.model import FilteredDate, Profile, Reason, State
from etl.warehouse.warehouse import Warehouse

MakeNight = Callable[..., Night]


@contextmanager
def asked() -> Iterator[list[str]]:
    """The statements that are executed meanwhile, without those that only begin a transaction."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: object) -> None:
        if not statement.startswith("BEGIN"):
            seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


async def test_an_account_with_nothing_to_do_asks_little(warehouse: Warehouse, clock: Clock) -> None:
    """Its lease takes one statement and gives it back with one; what the planner needs takes three."""
    async with Night(warehouse, clock) as first:
        await first.store(campaign("c-1"))
    again = Night(warehouse, clock, run_id=first.run_id)
    known = Profile(filtered_date=FilteredDate.CREATED)
    with asked() as statements:
        async with warehouse.lease(SMS.account_id, seconds=90) as again.lease:
            assert len(statements) == 1
            await warehouse.scope_state(SMS)
            assert len(statements) == 1 + 3
            await again.store(campaign("c-1"), profile=known)  # fence, look, rejected, absent, line
            assert len(statements) == 4 + 5
            await again.store(reason=Reason.FEED, state=State.UNPROVEN)  # fence, line
            assert len(statements) == 9 + 2
            await warehouse.stock(SMS, datetime.now(UTC), frozenset())
            assert len(statements) == 11 + 1
    assert len(statements) == 12 + 1


async def test_a_window_never_read_is_stored_without_a_look_at_each_campaign(night: MakeNight) -> None:
    """Whether anything is there is asked once: fence, anything there, row, rejected, line."""
    known = Profile(filtered_date=FilteredDate.CREATED)
    async with night() as tonight:
        with asked() as statements:
            await tonight.store(campaign("c-1"), reason=Reason.FIRST, profile=known)
    copied = 0 if any("INSERT INTO campaigns" in one for one in statements) else 1  # COPY goes beneath SQLAlchemy
    assert not [one for one in statements if "json_each" in one]
    assert len(statements) + copied == 5
