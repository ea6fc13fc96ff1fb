"""What an account's turn asks of the database, in statements: they are the fixed cost of a night without work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine
from warehouse.samples import SMS, Clock, Night, campaign

from etl.model import FilteredDate, Profile, Reason, State, Stock
from etl.warehouse.dialect import is_postgres
from etl.warehouse.warehouse import Warehouse

MakeNight = Callable[..., Night]


@contextmanager
def asked() -> Iterator[list[tuple[str, Any]]]:
    """The statements that are executed meanwhile and their parameters, without those that only begin a transaction."""
    seen: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: object) -> None:
        if not statement.startswith("BEGIN"):
            seen.append((statement, parameters))

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
    copied = 0 if any("INSERT INTO campaigns" in one for one, _ in statements) else 1  # COPY goes beneath SQLAlchemy
    assert not [one for one, _ in statements if "json_each" in one]
    assert len(statements) + copied == 5


async def test_what_a_night_counts_of_a_listing_is_in_indexes(warehouse: Warehouse, clock: Clock) -> None:
    """Its days, what is missing, what is unfinished: no row is read for that, with all its raw text."""
    async with Night(warehouse, clock) as first:
        await first.store(campaign("c-1"), campaign("c-2", status="Active"))
    with asked() as statements:
        assert (await warehouse.scope_state(SMS)).unfinished == 1
        assert await warehouse.stock(SMS, datetime.now(UTC), frozenset()) == Stock(live=2, sure=2)
    counting = [one for one in statements if "campaigns" in one[0]]
    assert len(counting) == 3
    async with warehouse._database.read() as connection:
        on_postgres = is_postgres(connection)
        if on_postgres:  # of two rows any other plan is as good
            for plan in ("seqscan", "bitmapscan"):
                await connection.exec_driver_sql(f"SET LOCAL enable_{plan} = off")
        for statement, parameters in counting:
            explain = f"EXPLAIN {'' if on_postgres else 'QUERY PLAN '}{statement}"
            plan = str((await connection.exec_driver_sql(explain, parameters)).all())
            wanted = "Index Only Scan using campaigns" if on_postgres else "campaigns USING COVERING INDEX"
            # SQLite 3.40 looks at each unfinished row, although the index alone tells that it is one.
            assert wanted in plan or "campaigns USING INDEX campaigns_unfinished" in plan, plan
