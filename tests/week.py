"""The week that the README's six questions are asked about: seven nights of one small account, always the same."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from month.nights import Clock, nights

from etl.sandbox.catalogue import Catalogue, build_catalogue

FIRST = datetime(2026, 3, 1, 2, 15, tzinfo=UTC)
"""When the first night's run begins."""


def live(warehouse_url: str, folder: Path) -> None:
    """Seven nights; what happens on the day before each is in `_days`."""
    clock = Clock(FIRST)
    catalogue = build_catalogue(accounts=1, campaigns=6, now=FIRST.replace(hour=0, minute=0))
    days = _days(catalogue)
    with nights(catalogue, warehouse_url, folder, clock) as running:
        for night in range(7):
            clock.now = FIRST + timedelta(days=night)
            for campaign_id, fields in next(days, ()):
                _update(catalogue, campaign_id, clock.now - timedelta(hours=9), fields)
            assert running.kore_etl("sync")["exit_code"] == 0


def _days(catalogue: Catalogue) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """What changes on each day: one campaign starts and sends, one is run again, one changes its contact lists."""
    account_id = catalogue.accounts[0].account_id
    first, second, third = (record["id"] for record in catalogue.listing(account_id, "sms")[:3])
    catalogue.update(
        account_id,
        "sms",
        first,
        now=None,
        status="Ready",
        totalMessagesSent=0,
        contactLists=["VIP"],
        campaignInstanceId=...,
    )
    catalogue.update(
        account_id,
        "sms",
        second,
        now=None,
        status="Completed",
        totalMessagesSent=4_000,
        campaignInstanceId="cid-1",
        contactLists=["Newsletter", "Gold members"],
    )
    yield []
    yield [(first, {"status": "Active", "totalMessagesSent": 1_200, "campaignInstanceId": "cid-7"})]
    yield [(first, {"totalMessagesSent": 2_950}), (third, {"name": "Spring sale, renamed"})]
    yield [(second, {"status": "Active", "totalMessagesSent": 600, "campaignInstanceId": "cid-2"})]
    yield [(first, {"status": "Completed", "totalMessagesSent": 3_000}), (second, {"totalMessagesSent": 2_100})]
    yield [(second, {"contactLists": ["Newsletter", "VIP"], "totalMessagesSent": 4_100, "status": "Completed"})]


def _update(catalogue: Catalogue, campaign_id: str, now: datetime, fields: dict[str, Any]) -> None:
    catalogue.update(catalogue.accounts[0].account_id, "sms", campaign_id, now=now, **fields)
