"""The report's figures: the same on both databases, and what plain Python works out from the tables."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from warehouse.samples import DAY, JANUARY, Clock, Night, campaign, rejected
from warehouse_filled import LAST_NIGHT, Tables, copy_to_postgres, filled, insert_into_sqlite

from etl.figures import Asked, Figures
from etl.model import State, Verdict
from etl.warehouse.figures import STATUSES
from etl.warehouse.schema import metadata
from etl.warehouse.warehouse import Warehouse

NOW = LAST_NIGHT + timedelta(hours=4)
ASKED = Asked(NOW, 20)


@pytest.fixture(scope="module")
def tables() -> Tables:
    """Two accounts; the first was asked less than the second."""
    made = dict(filled(300, accounts=2, lists=12, nights=40, seed=10))
    asked = [column.name for column in metadata.tables["sync_windows"].c].index("requests")
    more = max(row[3] for row in made["sync_windows"])
    made["sync_windows"] = [
        (*row[:asked], 3 if row[3] == more else 2, *row[asked + 1 :]) for row in made["sync_windows"]
    ]
    return made


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
async def found(
    request: pytest.FixtureRequest,
    empty_database: Callable[[], Awaitable[str]],
    tmp_path_factory: pytest.TempPathFactory,
    tables: Tables,
) -> Figures:
    """What each database says of those rows; of one account it says less."""
    url = f"sqlite:///{tmp_path_factory.mktemp('figures') / 'warehouse.db'}"
    if request.param == "postgresql":
        url = await empty_database()
    async with Warehouse.connect(url, clock=Clock()) as opened:
        await opened.migrate()
        if request.param == "sqlite":
            insert_into_sqlite(url, tables)
        else:
            await copy_to_postgres(url, tables)
        account_id = rows(tables, "campaigns")[0]["account_id"]
        every, one = await opened.figures(ASKED), await opened.figures(Asked(NOW, 20, (account_id,)))
    assert 0 < sum(day.messages for day in one.messages) < sum(day.messages for day in every.messages)
    assert {use.account_id for use in one.lists} == {account_id}
    return every


def rows(tables: Tables, name: str) -> list[Mapping[str, Any]]:
    columns = [column.name for column in metadata.tables[name].c]
    return [dict(zip(columns, row, strict=True)) for row in tables[name]]


def test_messages_and_statuses_day_by_day(found: Figures, tables: Tables) -> None:
    """Messages by the day that saw them; statuses by who had which at the end of each day, deleted ones left out."""
    first = NOW.date() - timedelta(days=19)
    sent: Counter[Any] = Counter()
    for step in rows(tables, "campaign_counter_history"):
        if step["next_messages"] is not None and step["day"] >= first:
            sent[step["day"]] += step["next_messages"]
    assert {one.day: one.messages for one in found.messages} == sent
    versions = [(v["valid_from"], v["valid_to"], v["status"] or "") for v in rows(tables, "campaign_history")]
    versions += [(c["valid_from"], c["deleted_at"], c["status"] or "") for c in rows(tables, "campaigns")]
    by_day: dict[Any, Counter[str]] = defaultdict(Counter)
    for number in range(20):
        day = first + timedelta(days=number)
        end = datetime(day.year, day.month, day.day, tzinfo=UTC) + DAY
        by_day[day].update(status for start, until, status in versions if start < end and not (until and until < end))
    assert any(first < until.date() for until in (c["deleted_at"] for c in rows(tables, "campaigns")) if until)
    assert len({one.status for one in found.statuses}) <= STATUSES + 1
    for day, counts in by_day.items():
        told = {one.status: one.campaigns for one in found.statuses if one.day == day}
        assert {status: count for status, count in told.items() if count} == dict(counts)


def test_lists_are_ranked_by_live_campaigns(found: Figures, tables: Tables) -> None:
    """The first fifteen of all, with the messages of their campaigns."""
    live = {one["campaign_id"] for one in rows(tables, "campaigns") if one["deleted_at"] is None}
    links = rows(tables, "campaign_contact_lists")
    uses = Counter(link["contact_list_id"] for link in links if link["campaign_id"] in live)
    assert [use.campaigns for use in found.lists] == sorted(uses.values(), reverse=True)[:15]
    assert found.lists_in_all == len(tables["contact_lists"])
    totals = {one["campaign_id"]: one["total_messages_sent"] or 0 for one in rows(tables, "campaigns")}
    named = {one["contact_list_id"]: (one["name"], one["account_id"]) for one in rows(tables, "contact_lists")}
    sent: Counter[Any] = Counter()
    for link in links:
        sent[named[link["contact_list_id"]]] += totals[link["campaign_id"]] if link["campaign_id"] in live else 0
    assert all(sent[use.name, use.account_id] == use.messages for use in found.lists)


def test_runs_are_told_with_the_account_they_asked_most(found: Figures, tables: Tables) -> None:
    """Oldest first, of the days asked for; requests and repeats are sums of the windows'."""
    windows = rows(tables, "sync_windows")
    assert len(found.runs) == 20
    assert all(a.started_at < b.started_at for a, b in pairwise(found.runs))
    for run in found.runs:
        per_account: Counter[str] = Counter()
        for window in windows:
            per_account[window["account_id"]] += window["requests"] if window["run_id"] == run.run_id else 0
        busiest = per_account.most_common(1)
        assert (run.requests, [(run.busiest_account_id, run.busiest_requests)]) == (per_account.total(), busiest)
    assert found.night is not None
    assert found.night.run_id == found.runs[-1].run_id


async def test_what_the_last_night_changed(warehouse: Warehouse, night: Callable[..., Night], clock: Clock) -> None:
    """Every kind once, the gravest first; which columns differ is told, of values only the status."""
    async with night() as first:
        clock.at = datetime.now(UTC) - DAY
        named = {"status": "Ready", "message_text": "before", "contact_lists": ("A",)}
        kept = [campaign(f"c{number}", **named) for number in range(1, 6)]
        await first.store(*kept, campaign("c6", total_messages_sent=5))
        await warehouse.finish_run(first.run_id, verdict=Verdict.COMPLETE, exit_code=0, totals={"inserted": 6})
    async with night() as second:
        clock.at = datetime.now(UTC) + timedelta(seconds=1)
        await second.store(
            campaign("c2", **{**named, "status": "Active", "message_text": "after"}),
            campaign("c3", **{**named, "contact_lists": ("B",)}),
            campaign("c4", **named, updated_at=JANUARY),
            campaign("c6", total_messages_sent=9),
            campaign("c7", name="New"),
            rejected("r1", campaign_id="cd-odd"),
            state=State.UNPROVEN,
        )
        assert second.lease is not None
        await warehouse.settle(second.lease, second.run_id, second.scope, frozenset({"c1"}), accept=True)
        await warehouse.finish_run(second.run_id, verdict=Verdict.COMPLETE, exit_code=0, totals={"inserted": 1})
    found = await warehouse.figures(Asked(datetime.now(UTC), 1))
    assert found.night is not None
    assert found.night.totals == {"inserted": 1}
    told = [(one.campaign_id, one.what, one.fields, one.old_status, one.status) for one in found.night.changes]
    assert told == [
        ("c1", "missing", (), None, "Ready"),
        ("c2", "changed", ("status", "message_text"), "Ready", "Active"),
        ("c3", "contact lists", ("contact_lists",), None, "Ready"),
        ("c4", "other", (), None, "Ready"),
        ("c7", "new", (), None, None),
        ("c6", "messages", (), None, None),
    ]
    assert [(one.campaign_id, one.reason) for one in found.rejected] == [("cd-odd", "no usable id")]
    assert found.rejected_in_all == 1
    assert "raw of r1" not in str(found)


async def test_sums_and_statuses_without_measure(
    warehouse: Warehouse, night: Callable[..., Night], clock: Clock
) -> None:
    """Counters near the largest number are added up all the same; however many statuses, the page has a few."""
    for total in (0, 2**63 - 1):
        async with night() as tonight:
            clock.at += DAY
            await tonight.store(*(campaign(f"c{n}", status=f"S{n}", total_messages_sent=total) for n in range(9)))
    found = await warehouse.figures(Asked(clock.at, 3))
    assert [one.messages for one in found.messages] == [9 * 2**63]
    assert found.lists == ()
    last = {one.status: one.campaigns for one in found.statuses if one.day == clock.at.date()}
    assert last == {**{f"S{number}": 1 for number in range(7)}, None: 2}
