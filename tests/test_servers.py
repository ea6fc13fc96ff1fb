"""Whatever the server is like: after one quiet run the copy equals the source, after two what is gone is deleted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from night import hours_ago, night
from warehouse_look import rows, source_rows, stored_rows

from etl.sandbox.faults import Every, Fault, OnPage
from etl.sandbox.switches import Switches

SETTINGS = "[api]\nbackoff_seconds = 0.01\npage_size = 20\n"

SERVERS: dict[str, dict[str, Any]] = {
    "as documented": {},
    "capped, echoed": {"switches": Switches(max_limit=7)},
    "capped, not echoed": {"switches": Switches(max_limit=7, limit_echo="asked")},
    "capped, no echo": {"switches": Switches(max_limit=7, limit_echo="absent")},
    "page wins": {"switches": Switches(offset_wins="page")},
    "page wins, capped": {"switches": Switches(offset_wins="page", max_limit=7, limit_echo="asked")},
    "ties shuffled": {"switches": Switches(ties="shuffled")},
    "order not kept": {"switches": Switches(order_kept=False)},
    "filters updatedAt": {"switches": Switches(filtered_date="updatedAt")},
    "ignores dates": {"switches": Switches(filtered_date="none")},
    "exclusive bounds": {"switches": Switches(bounds="exclusive")},
    "finds first, counts later": {"switches": Switches(find_and_count="find-first")},
    "an hour behind": {"switches": Switches(clock_skew_seconds=-3600)},
    "an hour ahead": {"switches": Switches(clock_skew_seconds=3600)},
    "wants a sort by name": {"switches": Switches(sort_needs_name=True)},
    "refuses undated requests": {"switches": Switches(undated="refused")},
    "an empty page that says more": {"faults": (Fault("empty_page", on=3),)},
    "a repeated page": {"faults": (Fault("repeat_page", on=3),)},
    "endless hasMore, for a while": {"faults": (Fault("endless_has_more", on=2, times=6),)},
    "a falsely empty last page": {"faults": (Fault("falsely_empty_last_page", on=4),)},
    "an error envelope now and then": {"faults": (Fault("error_envelope", on=Every(3)),)},
    "a short second page": {"faults": (Fault("short_page", on=OnPage(2), times=2),)},
}


@pytest.mark.parametrize("server", SERVERS)
def test_a_quiet_run_makes_the_copy_true(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str, server: str
) -> None:
    """One run for what is there, two for what is gone: proven, or exit 1."""
    options = SERVERS[server]
    with night(tmp_path, capsys, sqlite_url, accounts=1, campaigns=70, settings=SETTINGS, **options) as (
        sandbox,
        kore_etl,
    ):
        first = kore_etl.json("sync")
        assert stored_rows(sqlite_url) == source_rows(sandbox)
        assert first["exit_code"] == 0
        assert first["totals"]["seen"] == 140

        account_id = sandbox.catalogue.accounts[0].account_id
        for record in sandbox.catalogue.listing(account_id, "sms")[10:13]:
            sandbox.catalogue.delete(account_id, "sms", record["id"])
        sandbox.catalogue.insert(account_id, "voice", created_at=hours_ago(2), now=hours_ago(2))
        for _ in range(2):
            assert kore_etl.json("sync")["exit_code"] == 0
        assert stored_rows(sqlite_url) == source_rows(sandbox)


@pytest.mark.parametrize("server", [name for name, options in SERVERS.items() if "switches" in options])
def test_a_list_that_changes_while_it_is_read_loses_nothing_that_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str, server: str
) -> None:
    """Rows come, go and change at every third call: what a window proves holds every row that was there throughout."""
    options = SERVERS[server]
    faults = (Fault("mutate", on=Every(3), times=30),)
    with night(tmp_path, capsys, sqlite_url, accounts=1, campaigns=70, settings=SETTINGS, faults=faults, **options) as (
        sandbox,
        kore_etl,
    ):
        before = {row[2] for row in source_rows(sandbox)}
        churned = kore_etl.json("sync")
        stable = before & {row[2] for row in source_rows(sandbox)}
        if churned["exit_code"] == 0:
            assert stable <= {row[0] for row in rows(sqlite_url, "SELECT campaign_id FROM live_campaigns")}
        sandbox.faults = ()
        for _ in range(2):
            assert kore_etl.json("sync")["exit_code"] == 0
        assert stored_rows(sqlite_url) == source_rows(sandbox)
