"""What becomes of records and fields that could not be stored."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace
from warehouse.samples import DAY, FEBRUARY, JANUARY, SMS, Night, campaign, query, rejected

from etl.model import FieldProblem, FilteredDate, Loaded, Profile, State
from etl.warehouse.warehouse import Warehouse

MakeNight = Callable[..., Night]


async def test_a_record_is_held_once_however_often_it_comes(night: MakeNight, warehouse: Warehouse) -> None:
    """Three nights, one line: the count goes up, the first sight stays."""
    for _ in range(3):
        async with night() as tonight:
            assert await tonight.store(rejected("k", raw="NUL \x00 here")) == Loaded(rejected=1)
    (line,) = await warehouse.rejects()
    assert (line.occurrences, line.run_id, line.raw) == (3, tonight.run_id, "NUL \\u0000 here")
    assert line.first_seen_at < line.last_seen_at
    assert await warehouse.rejects_waiting(SMS) == 1
    assert (await warehouse.freshness())[0].rejects_waiting == 1


async def test_a_record_is_gone_when_a_proven_read_no_longer_has_it(night: MakeNight, warehouse: Warehouse) -> None:
    """Its own date decides, else the whole window it came in last; unproven reads, other windows and reads of a server
    that filters another date decide nothing."""
    dated = rejected("dated", created_at=JANUARY + 5 * DAY)
    async with night() as tonight:
        await tonight.store(dated, rejected("undated"))
        assert await warehouse.rejects_waiting(SMS) == 2
        await tonight.store(state=State.UNPROVEN)
        await tonight.store(start=FEBRUARY, end=FEBRUARY + DAY)
        await tonight.store(start=JANUARY + 6 * DAY, end=FEBRUARY)
        await tonight.store(start=JANUARY + 4 * DAY, end=JANUARY + 5 * DAY)
        assert await warehouse.rejects_waiting(SMS) == 2
        await tonight.store(start=JANUARY + 5 * DAY, end=JANUARY + 6 * DAY)
        assert await warehouse.rejects_waiting(SMS) == 1
        await tonight.store(start=JANUARY, end=JANUARY + DAY)
        await tonight.store(profile=Profile(filtered_date=FilteredDate.UPDATED))
        assert await warehouse.rejects_waiting(SMS) == 1
        await tonight.store()
        assert await warehouse.rejects_waiting(SMS) == 0
        await tonight.store(dated)
        assert await warehouse.rejects_waiting(SMS) == 1


async def test_an_acknowledged_record_stays_silent(night: MakeNight, warehouse: Warehouse) -> None:
    """Also when it comes again; acknowledging twice counts once."""
    async with night() as tonight:
        await tonight.store(rejected("a"), rejected("b"))
        ids = [line.rejected_id for line in await warehouse.rejects()]
        assert await warehouse.acknowledge_rejects(ids[:1]) == 1
        assert await warehouse.acknowledge_rejects(ids) == 1
        await tonight.store(rejected("a"), rejected("b"))
    assert await warehouse.rejects_waiting(SMS) == 0
    assert await warehouse.rejects() == ()


async def test_bad_fields_are_one_line_per_field(night: MakeNight, warehouse: Warehouse, warehouse_url: str) -> None:
    """A field renamed in a thousand records is one line with a count, a sample, and no exit code."""
    problem = FieldProblem("priority", "no number")
    rows = [campaign(f"c-{n:04}", problems=(problem,)) for n in range(1_000)]
    other = replace(rows[0], problems=(problem, FieldProblem("createdAt", "year 9999")), content_hash="x", raw=b"{}")
    async with night() as tonight:
        assert await tonight.store(*rows) == Loaded(inserted=1_000, bad_fields={"priority": 1_000})
        before = await query(warehouse_url, "SELECT * FROM rejected_records")
        assert await tonight.store(*rows) == Loaded(unchanged=1_000)
        assert await query(warehouse_url, "SELECT * FROM rejected_records") == before
        await tonight.store(other, *rows[1:])
    lines = {line.reason: line for line in await warehouse.rejects()}
    assert {reason: line.occurrences for reason, line in lines.items()} == {
        "field:priority": 1_001,
        "field:createdAt": 1,
    }
    assert lines["field:createdAt"].campaign_id == "c-0000"
    assert lines["field:createdAt"].detail == "year 9999"
    assert await warehouse.rejects_waiting(SMS) == 0


async def test_the_same_record_of_two_scopes_is_two_lines(night: MakeNight, warehouse: Warehouse) -> None:
    """Each scope answers for its own."""
    async with night() as tonight:
        await tonight.store(rejected("k"))
        await tonight.store(rejected("k"), scope=replace(SMS, app_id="st-2"))
    assert len(await warehouse.rejects()) == 2
    assert await warehouse.rejects_waiting(SMS) == 1
