"""What must be in a warehouse after a run, told by the source itself; nothing of `etl` is used.

Every typed column that the program stores, and every link from a campaign to a contact list's name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bench.source_process import SourceProcess
from bench.warehouses import Warehouses

INSTANTS = ("created_at", "updated_at", "instance_updated_at")
FLAGS = ("is_scheduled", "is_recurring")
FIELDS: Mapping[str, Callable[[dict[str, Any]], Any]] = {
    "campaign_id": lambda record: record["id"],
    "name": lambda record: record["name"],
    "description": lambda record: record["description"],
    "status": lambda record: record["status"],
    "priority": lambda record: int(record["priority"]),
    "format": lambda record: record["format"],
    "execution_type": lambda record: record["campaignExecutionType"],
    "experience_flow_id": lambda record: record.get("experienceFlow"),
    "message_text": lambda record: record.get("message", {}).get("message"),
    "campaign_instance_id": lambda record: record["campaignInstanceId"],
    "is_scheduled": lambda record: record["schedule"]["isSchedulingEnabled"],
    "is_recurring": lambda record: record["schedule"]["isRecurrenceEnabled"],
    "total_messages_sent": lambda record: record["totalMessagesSent"],
    "created_at": lambda record: record["createdAt"],
    "updated_at": lambda record: record["updatedAt"],
    "instance_updated_at": lambda record: record["campaignInstanceUpdatedAt"],
}
OURS = ("account_id", "app_id", "channel", "schedule", "raw")
"""Columns that the API does not send as such: stored by us and by the hand-made programs."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How a program's tables are read: what is stored, and the links."""

    columns: tuple[str, ...]
    campaigns: str
    links: str


_ALL = (*FIELDS, *OURS)
_LINKS = "SELECT campaign_id, name FROM campaign_contact_lists JOIN contact_lists USING (contact_list_id)"
_DLT = {
    "campaign_id": "id",
    "priority": "priority::int",
    "execution_type": "campaign_execution_type",
    "experience_flow_id": "experience_flow",
    "message_text": "message__message",
    "is_scheduled": "schedule__is_scheduling_enabled",
    "is_recurring": "schedule__is_recurrence_enabled",
    "instance_updated_at": "campaign_instance_updated_at",
}
HAND_MADE = Shape(_ALL, f"SELECT {', '.join(_ALL)} FROM campaigns", _LINKS)
LIVE = Shape(_ALL, f"SELECT {', '.join(_ALL)} FROM campaigns WHERE deleted_at IS NULL", f"{_LINKS} WHERE 1 = 1")
"""Ours."""
BY_DLT = Shape(
    tuple(FIELDS),
    f"SELECT {', '.join(_DLT.get(name, name) for name in FIELDS)} FROM bench.campaigns",
    "SELECT id, value FROM bench.campaigns__contact_lists l JOIN bench.campaigns c ON c._dlt_id = l._dlt_parent_id",
)

Row = tuple[Any, ...]
SHOWN = 100
"""Characters of a value that an error shows."""


class Expected:
    """The rows of these accounts as the source has them now."""

    def __init__(
        self, source: SourceProcess, names: Sequence[tuple[str, str]], places: Sequence[int] | None = None
    ) -> None:
        """All rows of each account, or those at these places."""
        self._rows: dict[str, Row] = {}
        self._links: set[tuple[str, str]] = set()
        for account_id, app_id in names:
            for record in source.records(account_id, places):
                own = (account_id, app_id, "sms", record["schedule"], record)
                row = (*(take(record) for take in FIELDS.values()), *own)
                self._rows[record["id"]] = _spelt((*FIELDS, *OURS), row)
                self._links.update((record["id"], name) for name in record["contactLists"])

    @property
    def only_these(self) -> str:
        """The condition that only these campaigns' rows and links fulfil."""
        return f" AND campaign_id IN ({', '.join(map(repr, self._rows))})"

    def wrong(self, shape: Shape, warehouses: Warehouses, address: str, where: str = "") -> str | None:
        """What differs first; None where every row and link is there, once, and nothing else. `where` is a condition
        that only these accounts' rows and links fulfil."""
        found = [_spelt(shape.columns, row) for row in warehouses.fetch(address, shape.campaigns + where)]
        if len(found) != len(self._rows):
            return f"{len(found)} campaigns of {len(self._rows)}"
        for row in found:
            expected = self._rows.get(row[0])
            if expected is None or expected[: len(row)] != row:
                return _difference(shape.columns, expected, row)
        linked = [tuple(link) for link in warehouses.fetch(address, shape.links + where)]
        if len(linked) != len(self._links) or set(linked) != self._links:
            return f"{len(linked)} links of {len(self._links)}, or others"
        return None


def _difference(columns: Sequence[str], expected: Row | None, row: Row) -> str:
    if expected is None:
        return f"unknown campaign {row[0]}"
    name, wanted, found = next(
        (name, one, other) for name, one, other in zip(columns, expected, row, strict=False) if one != other
    )
    return f"campaign {row[0]}: {name} is {str(found)[:SHOWN]!r} rather than {str(wanted)[:SHOWN]!r}"


def _spelt(columns: Sequence[str], row: Sequence[Any]) -> Row:
    """One spelling for what databases and JSON spell differently."""
    return tuple(_SPELLINGS.get(name, _same)(value) for name, value in zip(columns, row, strict=True))


def _same(value: Any) -> Any:
    return value


def _instant(value: Any) -> datetime:
    instant = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def _flag(value: Any) -> bool | None:
    return None if value is None else bool(value)


def _json(value: Any) -> Any:
    """Members in the order sent, whatever the spaces; what is no JSON stays as it is, and differs."""
    try:
        return json.dumps(json.loads(value) if isinstance(value, str) else value)
    except ValueError:
        return value


_SPELLINGS: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(INSTANTS, _instant),
    **dict.fromkeys(FLAGS, _flag),
    "schedule": _json,
    "raw": _json,
}
