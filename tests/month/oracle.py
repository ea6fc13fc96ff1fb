"""What a warehouse must tell, from what each read met: plain lists of nights, nothing of our own code.

Time is counted in nights (see story.py). A campaign is a line of sightings, one per read that looked where it is:
(night, its state, or None where the source did not show it).
"""

from __future__ import annotations

import base64
import binascii
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from typing import Any, TypeVar

Wire = Mapping[str, Any]
T = TypeVar("T")

ATTRIBUTES = (
    "account_id",
    "app_id",
    "channel",
    "name",
    "description",
    "status",
    "priority",
    "format",
    "execution_type",
    "dialing_mode",
    "connection",
    "experience_flow_id",
    "message_text",
    "dnc_list_name",
    "campaign_instance_id",
    "is_scheduled",
    "is_recurring",
    "schedule",
)


@dataclass(frozen=True, slots=True)
class Scope:
    """What one listing of the source holds."""

    account_id: str
    app_id: str
    channel: str


@dataclass(frozen=True, slots=True)
class State:
    """A campaign as one read met it."""

    scope: Scope
    created_at: datetime
    attributes: tuple[Any, ...]
    """In the order of ATTRIBUTES."""
    lists: frozenset[str] | None
    """None: the record does not say."""
    sent: int | None

    def __getattr__(self, name: str) -> Any:
        if name not in ATTRIBUTES:
            raise AttributeError(name)
        return self.attributes[ATTRIBUTES.index(name)]


@dataclass(frozen=True, slots=True)
class Interval:
    """A value from the night that first saw it until, exclusive, the one that saw it no more."""

    since: float
    until: float | None
    value: Any


@dataclass(frozen=True, slots=True)
class Reading:
    """A counter's value: since when, until when, of which run, and how many messages it shows beyond the one before."""

    since: float
    until: float | None
    sent: int
    instance: str | None
    messages: int | None
    is_reset: bool


def state(scope: Scope, record: Wire) -> State:
    """A record of the wire as it should be understood."""
    schedule = record.get("schedule") or {}
    priority, message = record.get("priority"), record.get("message")
    values = {
        "account_id": scope.account_id,
        "app_id": scope.app_id,
        "channel": scope.channel,
        "name": record["name"],
        "description": record.get("description"),
        "status": record["status"],
        "priority": None if priority is None else int(priority),
        "format": record.get("format"),
        "execution_type": record.get("campaignExecutionType"),
        "dialing_mode": record.get("dialingMode"),
        "connection": record.get("connection"),
        "experience_flow_id": record.get("experienceFlow"),
        "message_text": None if message is None else _readable(message["message"]),
        "dnc_list_name": None,  # the first generation of the API does not send it
        "campaign_instance_id": record.get("campaignInstanceId"),
        "is_scheduled": schedule.get("isSchedulingEnabled"),
        "is_recurring": schedule.get("isRecurrenceEnabled"),
        "schedule": schedule,
    }
    lists = frozenset(record["contactLists"] or ()) if "contactLists" in record else None
    created_at = datetime.fromisoformat(record["createdAt"])
    attributes = tuple(values[name] for name in ATTRIBUTES)
    return State(scope, created_at, attributes, lists, record.get("totalMessagesSent"))


def _readable(text: str) -> str:
    try:
        return base64.b64decode(text.replace("%3D", "="), validate=True).decode()
    except (binascii.Error, ValueError):
        return text


# -- lines of nights --------------------------------------------------------------------------------------------------


def believed(sightings: Iterable[tuple[float, State | None]]) -> list[tuple[float, State | None]]:
    """What a copy should say after each read: one miss says nothing, the second in a row that the campaign is deleted.

    A record that does not say its contact lists has those it had.
    """
    line: list[tuple[float, State | None]] = []
    known: State | None = None
    misses = 0
    for night, seen in sightings:
        misses = 0 if seen else misses + 1
        if seen is not None:
            known = replace(seen, lists=known.lists if known else frozenset()) if seen.lists is None else seen
        line.append((night, known if misses < 2 else None))
    return line


def at(line: Iterable[tuple[float, T]], night: float) -> T | None:
    """The value of the last point up to that night."""
    return next((value for when, value in reversed(list(line)) if when <= night), None)


def intervals(line: Iterable[tuple[float, Any]]) -> list[Interval]:
    """Neighbours of one value drawn together; nights of None belong to nobody."""
    drawn: list[Interval] = []
    before: Any = None
    for night, value in line:
        if value == before:
            continue
        if before is not None:
            drawn[-1] = replace(drawn[-1], until=night)
        if value is not None:
            drawn.append(Interval(night, None, value))
        before = value
    return drawn


def readings(line: Iterable[tuple[float, State | None]]) -> list[Reading]:
    """A counter's readings: each lasts until the next one, whatever becomes of the campaign. What is not counted is
    no reading, and is skipped over."""
    met = [(night, (seen.sent, seen.campaign_instance_id)) for night, seen in line if seen is not None]
    drawn = intervals(met)
    told: list[Reading] = []
    for one in drawn:
        sent, instance = one.value
        if sent is None:
            continue
        known = told[-1] if told else None
        if known is not None and known.instance is None:  # what it was last known to be
            last = next((before.instance for before in reversed(told) if before.instance is not None), None)
            known = replace(known, instance=last)
        messages, is_reset = _beyond(known, sent, instance)
        told.append(Reading(one.since, one.until, sent, instance, messages, is_reset))
    return told


def _beyond(known: Reading | None, sent: int, instance: str | None) -> tuple[int | None, bool]:
    """Messages that a reading shows beyond the one before, and whether it counts from zero."""
    if known is None:
        return None, False
    another = None not in (known.instance, instance) and known.instance != instance
    return (sent, True) if another or sent < known.sent else (sent - known.sent, False)


# -- the whole copy ---------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Oracle:
    """Everything that a warehouse must tell, by campaign id."""

    sightings: dict[str, list[tuple[float, State | None]]] = field(default_factory=lambda: defaultdict(list))

    def met(
        self, night: float, scope: Scope, records: Mapping[str, Wire], created: tuple[datetime, datetime] | None
    ) -> None:
        """A read of the scope met these records; `created`: it read only what was created in [start, end)."""
        shown = {campaign_id: state(scope, record) for campaign_id, record in records.items()}
        for campaign_id in shown.keys() | self._known(scope):
            seen = shown.get(campaign_id)
            where = seen or self._last(campaign_id)
            if created is None or created[0] <= where.created_at < created[1]:
                self.sightings[campaign_id].append((night, seen))

    def _known(self, scope: Scope) -> Collection[str]:
        return {campaign_id for campaign_id in self.sightings if self._last(campaign_id).scope == scope}

    def _last(self, campaign_id: str) -> State:
        return next(seen for _, seen in reversed(self.sightings[campaign_id]) if seen is not None)

    def lines(self) -> dict[str, list[tuple[float, State | None]]]:
        return {campaign_id: believed(sightings) for campaign_id, sightings in self.sightings.items()}

    def as_of(self, night: float) -> dict[str, State]:
        """Every campaign that lived as the copy had it after that night."""
        found = {campaign_id: at(line, night) for campaign_id, line in self.lines().items()}
        return {campaign_id: seen for campaign_id, seen in found.items() if seen is not None}

    def versions(self) -> dict[str, list[Interval]]:
        """Attributes by interval."""
        return {
            campaign_id: intervals((night, seen and seen.attributes) for night, seen in line)
            for campaign_id, line in self.lines().items()
        }

    def links(self) -> dict[tuple[str, str], list[Interval]]:
        """(campaign, name of the list) -> when it had it."""
        drawn = {}
        for campaign_id, line in self.lines().items():
            for name in {name for _, seen in line if seen for name in seen.lists or ()}:
                had = ((night, name if seen and name in (seen.lists or ()) else None) for night, seen in line)
                drawn[campaign_id, name] = intervals(had)
        return drawn

    def readings(self) -> dict[str, list[Reading]]:
        found = {campaign_id: readings(line) for campaign_id, line in self.lines().items()}
        return {campaign_id: told for campaign_id, told in found.items() if told}

    def daily(self) -> dict[tuple[str, int], tuple[int, int, int]]:
        """(campaign, day of the month) -> messages, readings that tell some, resets."""
        days: dict[tuple[str, int], list[Reading]] = defaultdict(list)
        for campaign_id, told in self.readings().items():
            for one in told:
                if one.messages is not None:
                    days[campaign_id, int(one.since)].append(one)
        return {
            key: (sum(one.messages or 0 for one in told), len(told), sum(one.is_reset for one in told))
            for key, told in days.items()
        }

    def status_changes(self) -> set[tuple[str, float, str, str, str]]:
        """(campaign, night, name then, status before, status after), over a deletion too."""
        status, name = ATTRIBUTES.index("status"), ATTRIBUTES.index("name")
        return {
            (campaign_id, after.since, after.value[name], before.value[status], after.value[status])
            for campaign_id, drawn in self.versions().items()
            for before, after in pairwise(drawn)
            if before.value[status] != after.value[status]
        }
