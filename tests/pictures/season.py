"""Weeks of three invented accounts, night after night by the real command: what the report's picture shows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import chdir
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from month.nights import Clock, Nights, nights

from etl.sandbox.catalogue import Catalogue, build_catalogue
from etl.sandbox.faults import Fault, OfAccount
from etl.sandbox.invent import wire_id

LAST = datetime(2026, 6, 30, 2, 15, tzinfo=UTC)
"""When the last night's run begins."""

LOOK = timedelta(seconds=4)
"""How far the clock moves on whenever the program looks at it: runs take minutes."""

OUTAGES = {9: 0, 10: 0, 21: 2, 33: 1}
"""Night -> the account whose source answers nothing but errors."""
MISSED = (16,)
"""Nights on which nothing ran."""


def report(folder: Path, count: int) -> Path:
    """Live through so many nights; the report on the morning after the last."""
    first = LAST - (count - 1) * timedelta(days=1)
    catalogue = build_catalogue(accounts=3, campaigns=120, now=first.replace(hour=0, minute=0), years=1.5)
    clock, page = Clock(first, LOOK), folder / "report.html"
    folder.mkdir()
    with chdir(folder), nights(catalogue, "sqlite:///campaigns.db", folder, clock) as running:
        _the_nights(running, catalogue, first, count)
        clock.now = LAST + timedelta(hours=6)
        assert running.kore_etl("report", "--out", str(page))["complete"]
    return page


def _the_nights(running: Nights, catalogue: Catalogue, first: datetime, count: int) -> None:
    random = Random(8)
    for night in range(count):
        running.clock.now = first + night * timedelta(days=1)
        _a_day(random, catalogue, running.clock.now - timedelta(hours=9))
        if night in MISSED:
            continue
        running.sandbox.faults = tuple(_outage(catalogue, night))
        code = running.kore_etl("sync")["exit_code"]
        assert code == (1 if night in OUTAGES else 0), (night, code)


def _outage(catalogue: Catalogue, night: int) -> Iterator[Fault]:
    if night in OUTAGES:
        yield Fault("status", OfAccount(catalogue.accounts[OUTAGES[night]].account_id), status=500)


def _a_day(random: Random, catalogue: Catalogue, now: datetime) -> None:
    """On working days campaigns are made and started; what runs sends, and some of it ends."""
    is_working_day = now.weekday() < 5
    for account in catalogue.accounts:
        for channel in ("sms", "voice"):
            if is_working_day and random.random() < 0.6:
                catalogue.insert(account.account_id, channel, created_at=now - timedelta(hours=1), now=now)
            for record in catalogue.listing(account.account_id, channel):
                if fields := _moved_on(random, record, is_working_day):
                    identity = record.get("id", record.get("_id"))
                    catalogue.update(account.account_id, channel, identity, now=now, **fields)


def _moved_on(random: Random, record: dict[str, Any], is_working_day: bool) -> dict[str, Any]:
    """What a day changes about a campaign; nothing, mostly."""
    sends = "totalMessagesSent" in record
    if record["status"] == "Active":
        fields: dict[str, Any] = {"status": "Completed"} if random.random() < 0.3 else {}
        if sends:
            fields["totalMessagesSent"] = record["totalMessagesSent"] + random.randrange(
                *((400, 900) if is_working_day else (40, 200))
            )
        return fields
    if record["status"] in ("Ready", "Scheduled", "Rescheduled") and is_working_day and random.random() < 0.15:
        started = {"status": "Active", "campaignInstanceId": wire_id(random, "cid", short=not sends)}
        return started | ({"totalMessagesSent": 0} if sends else {})
    return {}
