"""What is asked of the analysts' views, and which big tables a database reads from end to end to answer it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from etl.warehouse.schema import metadata, utc_text
from etl.warehouse.views import definitions

DATES = {
    "live_campaigns": "created_at",
    "campaign_overview": "created_at",
    "campaign_versions": "valid_from",
    "campaign_contact_list_versions": "valid_from",
    "campaign_counters": "observed_at",
    "campaign_daily_messages": "day",
    "campaign_status_changes": "changed_at",
}
"""The column that a question about a few days filters."""

BIG = frozenset(metadata.tables) - {"sync_runs", "sync_leases", "source_profiles", "rejected_records"}
SMALL_INDEXES = frozenset({"campaigns_deleted"})
"""Indexes of a few rows, which may be read whole."""


@dataclass(frozen=True, slots=True)
class Question:
    """A view, or PostgreSQL's function, and a filter on it."""

    view: str
    kind: str
    """whole, account or days."""
    source: str
    where: str = ""

    def sql(self, columns: Sequence[str]) -> str:
        """One row out of every column of every row, so that each is worked out."""
        counted = ", ".join(f"count({name})" for name in columns)
        return f"SELECT count(*), {counted} FROM {self.source}{self.where}"


def questions(dialect: str, account_id: str, first: datetime, last: datetime) -> Iterator[Question]:
    """Every view whole, of one account, and from `first` until before `last`."""
    sources = {name: name for name in definitions(dialect)}
    if dialect == "postgresql":
        sources["campaigns_as_of"] = f"campaigns_as_of('{last.isoformat()}')"
    for view, source in sources.items():
        yield Question(view, "whole", source)
        yield Question(view, "account", source, f" WHERE account_id = '{account_id}'")
        if view in DATES:
            yield Question(view, "days", source, _between(DATES[view], dialect, first, last))


def _between(column: str, dialect: str, first: datetime, last: datetime) -> str:
    if column == "day":
        return f" WHERE day >= '{first.date()}' AND day < '{last.date()}'"
    shown = [utc_text(one) if dialect == "sqlite" else one.isoformat() for one in (first, last)]
    return f" WHERE {column} >= '{shown[0]}' AND {column} < '{shown[1]}'"


def columns(view: str) -> list[str]:
    """The columns of a view or of the function."""
    return list(definitions("postgresql")["campaign_versions" if view == "campaigns_as_of" else view].columns)


LEADING = {
    **{f"{table.name}_pkey": (table.name, next(iter(table.primary_key)).name) for table in metadata.tables.values()},
    **{
        str(index.name): (table.name, index.columns[0].name)
        for table in metadata.tables.values()
        for index in table.indexes
    },
}
"""Index name -> its table and its first column: without that, an index is read from end to end."""


def read_whole(plan: dict[str, Any]) -> Iterator[str]:
    """Big tables that a plan of PostgreSQL (EXPLAIN's JSON) reads from end to end, the table or an index of it."""
    table, index = plan.get("Relation Name"), plan.get("Index Name")
    if index is not None:
        table, leading = LEADING[index]
        is_whole = index not in SMALL_INDEXES and not re.search(rf"\b{leading}\b", plan.get("Index Cond", ""))
    else:
        is_whole = plan["Node Type"] == "Seq Scan"
    if is_whole and table in BIG:
        yield table
    for part in plan.get("Plans", ()):
        yield from read_whole(part)


def read_whole_by_sqlite(steps: Sequence[str], view: str) -> Iterator[str]:
    """The same of SQLite's EXPLAIN QUERY PLAN, whose steps name a table by its alias in the view."""
    queries = " ".join(one.query for name, one in definitions("sqlite").items() if name in (view, "sync_gaps"))
    aliases = {alias: table for table, alias in re.findall(r"(?:FROM|JOIN)\s+(\w+)\s+([a-z]\w*)", queries)}
    for step in steps:
        scanned = re.match(r"SCAN (?:TABLE )?(\w+)", step)
        if scanned and (table := aliases.get(scanned[1], scanned[1])) in BIG:
            yield table
