"""What costs no history: first loads, unchanged nights, counters. And which instant a border is when time goes on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from month.nights import Clock, nights
from month.told import ask

from etl.sandbox.catalogue import Catalogue, build_catalogue

FIRST_NIGHT = datetime(2025, 3, 1, 2, 15, 7, 123456, UTC)
NIGHT = timedelta(days=1)
HISTORY = ("campaign_history", "campaign_contact_list_history", "campaign_counter_history")


def catalogue(campaigns: int) -> Catalogue:
    """One account with so many campaigns per channel; every SMS campaign has a counter."""
    return build_catalogue(accounts=1, campaigns=campaigns, now=FIRST_NIGHT)


def history(url: str) -> dict[str, int]:
    """Rows of each history table."""
    counts = ask(url, *(f"SELECT count(*) FROM {table}" for table in HISTORY))
    return {table: rows[0][0] for table, rows in zip(HISTORY, counts, strict=True)}


def test_a_first_load_and_an_unchanged_night_write_no_history(tmp_path: Path, warehouse_url: str) -> None:
    """Nor does a backfill that writes every row again."""
    with nights(catalogue(40), warehouse_url, tmp_path / "config", Clock(FIRST_NIGHT)) as run:
        assert run.kore_etl("sync")["totals"]["inserted"] == 80
        assert history(warehouse_url) == dict.fromkeys(HISTORY, 0)
        run.clock.now += NIGHT
        assert run.kore_etl("sync")["totals"]["unchanged"] == 80
        assert history(warehouse_url) == dict.fromkeys(HISTORY, 0)
        run.clock.now += NIGHT
        run.kore_etl("backfill", "--start", "2000-01-01", "--end", "2026-01-01", "--rewrite")
        assert history(warehouse_url) == dict.fromkeys(HISTORY, 0)


def test_thirty_nights_of_counters_start_no_version(tmp_path: Path, warehouse_url: str) -> None:
    """Only counters and `updatedAt` move: the counters' history has exactly the moved ones, the other two nothing."""
    source = catalogue(12)
    account_id, rng = source.accounts[0].account_id, Random(30)
    values = {record["id"]: record["totalMessagesSent"] for record in source.listing(account_id, "sms")}
    since = dict.fromkeys(values, FIRST_NIGHT)
    moved = set()
    with nights(source, warehouse_url, tmp_path / "config", Clock(FIRST_NIGHT)) as run:
        run.kore_etl("sync")
        for number in range(1, 30):
            read_at = run.clock.now = FIRST_NIGHT + number * NIGHT
            for record in source.listing(account_id, "voice"):
                source.update(account_id, "voice", record["_id"], now=read_at - timedelta(hours=1))
            for campaign_id in sorted(values):
                more = rng.choice((0, 0, 1, 250))
                before, after = values[campaign_id], values[campaign_id] + more
                source.update(account_id, "sms", campaign_id, now=read_at - timedelta(hours=1), totalMessagesSent=after)
                if more:
                    day = read_at.date().isoformat()
                    moved.add((campaign_id, since[campaign_id], before, read_at, day, more, False))
                    values[campaign_id], since[campaign_id] = after, read_at
            assert run.kore_etl("sync")["totals"]["updated"] == 24
    (rows,) = ask(
        warehouse_url,
        "SELECT campaign_id, observed_at, total_messages_sent, superseded_at, day, next_messages, next_is_reset "
        "FROM campaign_counter_history",
    )
    assert set(rows) == moved
    assert history(warehouse_url) == dict.fromkeys(HISTORY, 0) | {"campaign_counter_history": len(moved)}


def test_a_border_is_when_the_read_was_finished(tmp_path: Path, warehouse_url: str) -> None:
    """Not when the run began, which is the day before: versions, links, counters and their day say what the ledger
    says; a deletion is of the run's end."""
    source = catalogue(12)
    account_id = source.accounts[0].account_id
    changed, gone = (record["id"] for record in source.listing(account_id, "sms")[:2])
    with nights(source, warehouse_url, tmp_path / "config", Clock(FIRST_NIGHT, timedelta(seconds=1))) as run:
        run.kore_etl("sync")
        source.delete(account_id, "sms", gone)
        run.clock.now = FIRST_NIGHT + NIGHT
        run.kore_etl("sync")
        began = run.clock.now = datetime(2025, 3, 3, 23, 59, 58, 500000, UTC)
        sent = source.get(account_id, "sms", changed)["totalMessagesSent"] + 5
        source.update(
            account_id,
            "sms",
            changed,
            now=began - timedelta(hours=1),
            name="Changed",
            contactLists=["Another"],
            totalMessagesSent=sent,
        )
        run_id = run.kore_etl("sync")["run_id"]
    read, ended, versions, links, counters, days, deleted = ask(
        warehouse_url,
        f"SELECT finished_at FROM sync_windows WHERE run_id = '{run_id}' AND channel = 'sms' AND state = 'proven'",
        f"SELECT started_at, finished_at FROM sync_runs WHERE run_id = '{run_id}'",
        f"SELECT valid_from FROM campaign_versions WHERE campaign_id = '{changed}' AND valid_to IS NULL",
        f"SELECT valid_from FROM campaign_contact_list_versions WHERE campaign_id = '{changed}' AND valid_to IS NULL",
        f"SELECT observed_at FROM campaign_counters WHERE campaign_id = '{changed}' AND valid_to IS NULL",
        f"SELECT day, messages FROM campaign_daily_messages WHERE campaign_id = '{changed}'",
        f"SELECT valid_to FROM campaign_versions WHERE campaign_id = '{gone}'",
    )
    assert versions == links == counters == read
    assert days == [("2025-03-04", 5)]
    assert began <= ended[0][0] < datetime(2025, 3, 4, tzinfo=UTC) < read[0][0] < deleted[0][0] < ended[0][1]
