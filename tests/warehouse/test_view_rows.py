"""Every view gives the same rows on both databases, and the rows that plain Python works out from the tables."""

from __future__ import annotations

import json
import shutil
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from view_questions import columns
from warehouse.samples import DAY, query
from warehouse_filled import LAST_NIGHT, Tables, copy_to_postgres, filled, insert_into_sqlite

from etl.intervals import subtract
from etl.model import HINTS, Interval, Reason, State
from etl.warehouse import ledger
from etl.warehouse.schema import ATTRIBUTES, STAMPS, metadata
from etl.warehouse.views import definitions

Record = Mapping[str, Any]
Rows = Counter[tuple[Any, ...]]

SCOPE = ("account_id", "app_id", "channel")
BY_THE_CLOCK = ("age_seconds",)
"""Columns that say another thing at each look."""
INSTANT = LAST_NIGHT - 9 * DAY


@pytest.fixture(scope="module")
def tables() -> Tables:
    """A few hundred campaigns in a few accounts, over a season."""
    return filled(500, accounts=3, lists=25, nights=60, seed=4)


@pytest.fixture(scope="module")
async def urls(
    migrated_database: Callable[[], Awaitable[str]],
    migrated_file: Path,
    tmp_path_factory: pytest.TempPathFactory,
    tables: Tables,
) -> Mapping[str, str]:
    """Both databases with the same rows in their tables."""
    file = shutil.copy(migrated_file, tmp_path_factory.mktemp("rows"))
    found = {"postgresql": await migrated_database(), "sqlite": f"sqlite:///{file}"}
    await copy_to_postgres(found["postgresql"], tables)
    insert_into_sqlite(found["sqlite"], tables)
    return found


async def look(url: str, view: str, source: str = "") -> Rows:
    """A view's rows, in values that do not depend on the database."""
    shown = [name for name in columns(view) if name not in BY_THE_CLOCK]
    found = await query(url, f"SELECT {', '.join(shown)} FROM {source or view}")
    return Counter(tuple(map(_plain, shown, row)) for row in found)


def _plain(name: str, value: Any) -> Any:
    if name == "day":
        return value.isoformat() if isinstance(value, date) else value
    is_instant = isinstance(value, str) and name.endswith(("_at", "_from", "_to", "_until", "_since", "_end", "_start"))
    return datetime.fromisoformat(value) if is_instant else value


def records(tables: Tables, name: str) -> Iterator[dict[str, Any]]:
    names = [column.name for column in metadata.tables[name].c]
    for row in tables[name]:
        yield dict(zip(names, row, strict=True))


def chains(tables: Tables, name: str, start: str) -> Iterator[tuple[Record, list[Record]]]:
    """Each campaign with its rows of a history table, oldest first."""
    found: dict[str, list[Record]] = defaultdict(list)
    for row in records(tables, name):
        found[row["campaign_id"]].append(row)
    for campaign in records(tables, "campaigns"):
        yield campaign, sorted(found[campaign["campaign_id"]], key=lambda row: row[start])


# -- what plain Python works out --------------------------------------------------------------------------------------


def live_campaigns(tables: Tables) -> Iterator[Record]:
    return (one for one in records(tables, "campaigns") if one["deleted_at"] is None)


def campaign_overview(tables: Tables) -> Iterator[Record]:
    names = {one["contact_list_id"]: one["name"] for one in records(tables, "contact_lists")}
    lists: dict[str, list[str]] = defaultdict(list)
    for link in records(tables, "campaign_contact_lists"):
        lists[link["campaign_id"]].append(names[link["contact_list_id"]])
    for campaign in records(tables, "campaigns"):
        ordered = sorted(lists[campaign["campaign_id"]], key=str.encode)
        text = json.dumps(ordered, ensure_ascii=False, separators=(",", ":"))
        yield {**campaign, "contact_lists": text, "contact_list_count": len(ordered)}


def campaign_versions(tables: Tables) -> Iterator[Record]:
    for campaign, past in chains(tables, "campaign_history", "valid_from"):
        yield from past
        yield {**campaign, "valid_to": campaign["deleted_at"]}


def campaign_contact_list_versions(tables: Tables) -> Iterator[Record]:
    lists = {one["contact_list_id"]: one for one in records(tables, "contact_lists")}
    deleted = {one["campaign_id"]: one["deleted_at"] for one in records(tables, "campaigns")}
    current = [{**link, "valid_to": deleted[link["campaign_id"]]} for link in records(tables, "campaign_contact_lists")]
    for link in (*records(tables, "campaign_contact_list_history"), *current):
        yield {**lists[link["contact_list_id"]], **link}


def campaign_counters(tables: Tables) -> Iterator[Record]:
    first = {"next_messages": None, "next_is_reset": False}
    for campaign, past in chains(tables, "campaign_counter_history", "observed_at"):
        latest = {**campaign, "observed_at": campaign["counted_at"], "superseded_at": None}
        for before, reading in pairwise([first, *past, latest]):
            if reading["total_messages_sent"] is not None:
                step = {"messages": before["next_messages"], "is_reset": before["next_is_reset"]}
                yield {**campaign, **reading, "valid_to": reading["superseded_at"], **step}


def campaign_daily_messages(tables: Tables) -> Iterator[Record]:
    for campaign, past in chains(tables, "campaign_counter_history", "observed_at"):
        days: dict[date, list[Record]] = defaultdict(list)
        for reading in past:
            if reading["next_messages"] is not None:
                days[reading["day"]].append(reading)
        for day, read in days.items():
            sums = {"messages": sum(one["next_messages"] for one in read), "readings": len(read)}
            yield {**campaign, "day": day.isoformat(), **sums, "resets": sum(one["next_is_reset"] for one in read)}


def campaign_status_changes(tables: Tables) -> Iterator[Record]:
    for campaign, past in chains(tables, "campaign_history", "valid_from"):
        for before, after in pairwise([*past, campaign]):
            if before["status"] != after["status"]:
                statuses = {"old_status": before["status"], "new_status": after["status"]}
                yield {**after, **statuses, "changed_at": after["valid_from"]}


def contact_list_usage(tables: Tables) -> Iterator[Record]:
    live = {one["campaign_id"]: one for one in live_campaigns(tables)}
    users: dict[int, list[Record]] = defaultdict(list)
    for link in records(tables, "campaign_contact_lists"):
        if link["campaign_id"] in live:
            users[link["contact_list_id"]].append(live[link["campaign_id"]])
    for one in records(tables, "contact_lists"):
        using = users[one["contact_list_id"]]
        yield {
            **one,
            "campaigns": len(using),
            "active_campaigns": sum(user["status"] == "Active" for user in using),
            "messages_sent": sum(user["total_messages_sent"] or 0 for user in using),
            "last_campaign_created_at": max((user["created_at"] for user in using if user["created_at"]), default=None),
        }


def sync_gaps(tables: Tables) -> Iterator[Record]:
    for scope, (lines, closed) in _ledger(tables).items():
        whole = Interval(min(one.start for one in closed), max(one.end for one in closed))
        for gap in subtract([whole], ledger.proven(lines)):
            yield {**dict(zip(SCOPE, scope, strict=True)), "gap_start": gap.start, "gap_end": gap.end}


def _ledger(tables: Tables) -> dict[tuple[str, ...], tuple[list[ledger.Line], list[Interval]]]:
    """Per scope: its lines, and the stretches of those that say something of a closed window."""
    found: dict[tuple[str, ...], tuple[list[ledger.Line], list[Interval]]] = defaultdict(lambda: ([], []))
    for row in records(tables, "sync_windows"):
        state, interval = State(row["state"]), Interval(row["window_start"], row["window_end"])
        lines, closed = found[tuple(row[name] for name in SCOPE)]
        lines.append(ledger.Line(row["epoch"], row["window_no"], state, interval, row["started_at"]))
        if state is not State.OPEN and Reason(row["reason"]) not in (Reason.TAIL, *HINTS):
            closed.append(interval)
    return found


def sync_freshness(tables: Tables) -> Iterator[Record]:
    gaps = {tuple(gap[name] for name in SCOPE): gap for gap in reversed(list(sync_gaps(tables)))}
    runs = {one["run_id"]: one for one in records(tables, "sync_runs")}
    rows = {tuple(row[name] for name in SCOPE): row for row in records(tables, "sync_windows")}
    live = Counter(tuple(one[name] for name in SCOPE) for one in live_campaigns(tables))
    for scope, (lines, closed) in _ledger(tables).items():
        proven = ledger.proven(lines)
        reached = gaps[scope]["gap_start"] if scope in gaps else proven[-1].end
        run = runs[rows[scope]["run_id"]]
        yield {
            **dict(zip(SCOPE, scope, strict=True)),
            "proven_until": reached if reached > min(one.start for one in closed) else None,
            "newest_proven_end": proven[-1].end,
            "last_proven_at": max(line.started_at for line in lines if line.state is State.PROVEN),
            "last_run_id": run["run_id"],
            "last_run_verdict": run["verdict"],
            "last_run_finished_at": run["finished_at"],
            "unproven_windows": len(ledger.unproven(lines)),
            "live_rows": live[scope],
        }


ORACLES = (
    live_campaigns,
    campaign_overview,
    campaign_versions,
    campaign_contact_list_versions,
    campaign_counters,
    campaign_daily_messages,
    campaign_status_changes,
    contact_list_usage,
    sync_gaps,
    sync_freshness,
)


# -- tests ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("oracle", ORACLES, ids=lambda oracle: oracle.__name__)
async def test_a_view_gives_the_rows_that_the_tables_hold(
    urls: Mapping[str, str], tables: Tables, oracle: Callable[[Tables], Iterator[Record]]
) -> None:
    """On both databases, row for row and column for column."""
    view = oracle.__name__
    shown = [name for name in columns(view) if name not in BY_THE_CLOCK]
    expected = Counter(tuple(row[name] for name in shown) for row in oracle(tables))
    assert expected
    for url in urls.values():
        assert await look(url, view) == expected


async def test_the_past_is_what_the_versions_say(urls: Mapping[str, str], tables: Tables) -> None:
    """`campaigns_as_of`, on PostgreSQL: at most one version of a campaign, the one that held at the instant."""
    held = [
        one
        for one in campaign_versions(tables)
        if one["valid_from"] <= INSTANT and (one["valid_to"] is None or one["valid_to"] > INSTANT)
    ]
    found = await look(urls["postgresql"], "campaigns_as_of", f"campaigns_as_of('{INSTANT.isoformat()}')")
    assert found == Counter(tuple(one[name] for name in columns("campaigns_as_of")) for one in held)
    assert len(held) == len({one["campaign_id"] for one in held})


def test_every_view_has_an_oracle() -> None:
    """A new view needs one."""
    assert {oracle.__name__ for oracle in ORACLES} == set(definitions("sqlite"))


def test_the_tables_hold_what_is_hard(tables: Tables) -> None:
    """Deletions, returns, reruns, values nobody knows, campaigns without lists, names of any sign."""
    campaigns, versions = list(records(tables, "campaigns")), list(records(tables, "campaign_history"))
    readings = list(records(tables, "campaign_counter_history"))
    starts = {(one["campaign_id"], one["valid_from"]) for one in (*versions, *campaigns)}
    assert any(one["deleted_at"] for one in campaigns)
    assert any((one["campaign_id"], one["valid_to"]) not in starts for one in versions)
    assert any(one["next_is_reset"] for one in readings)
    assert any(one["next_messages"] is None for one in readings)
    assert any(one["total_messages_sent"] is None for one in readings)
    assert any(one["status"] is None for one in (*versions, *campaigns))
    assert any(one["created_at"] is None for one in campaigns)
    assert {one["campaign_id"] for one in campaigns} > {row[0] for row in tables["campaign_contact_lists"]}
    names = "".join(one["name"] for one in (*campaigns, *records(tables, "contact_lists")))
    assert set("\"'\\/\t|,;ä\U0001f4e8") <= set(names)
    assert set(ATTRIBUTES) | set(STAMPS) < set(columns("campaign_versions"))
