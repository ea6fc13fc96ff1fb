"""What must be true of a warehouse at each moment after a crash, told by the source and by nothing of our own code.

Three moments: as the crash left it, after one more run, and after a second one, which confirms deletions.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from month.oracle import ATTRIBUTES, Interval, Oracle, Reading, Scope, Wire, state
from month.told import Told, ask, attributes

SHOWN = 6
"""Differences told of one wrong outcome."""

_ROWS = (
    "SELECT campaign_id, channel, created_at, updated_at, instance_updated_at, total_messages_sent, raw, deleted_at, "
    f"missing_since, {', '.join(ATTRIBUTES)} FROM campaigns"
)
_LINKS = "SELECT k.campaign_id, l.name FROM campaign_contact_lists k JOIN contact_lists l USING (contact_list_id)"
_COVERED = (
    "SELECT channel, window_start, window_end, state FROM sync_windows "
    "WHERE state IN ('proven', 'unproven', 'open') AND started_at > '{0}'"
)
_STAMPS = ("updatedAt", "campaignInstanceUpdatedAt")


@dataclass(frozen=True, slots=True)
class Row:
    """A campaign as it is stored or should be: every column that the source decides."""

    channel: str
    created_at: datetime
    stamps: tuple[datetime | None, ...]
    sent: int | None
    record: Wire
    attributes: tuple[Any, ...]
    lists: frozenset[str]
    deleted: bool


@dataclass(frozen=True, slots=True)
class Stored:
    """The present of a warehouse."""

    rows: Mapping[str, Row]
    missing: frozenset[str]
    """Not seen by the last run that looked."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What is known beforehand: the source, the warehouse before the tortured run, and what must be told at last."""

    scopes: Mapping[str, Scope]
    source: Mapping[str, Mapping[str, Wire]]
    template: Stored
    template_ended: datetime
    nights: tuple[datetime, ...]
    """When each night before began."""
    oracle: Oracle

    def wanted(self) -> dict[str, Row]:
        """Every campaign that the source has, as it should be stored."""
        return {
            campaign_id: _row_of(self.scopes[channel], record)
            for channel, records in self.source.items()
            for campaign_id, record in records.items()
        }

    def night(self, instant: datetime) -> int:
        """Its night; all that came after the template is one."""
        if instant > self.template_ended:
            return len(self.nights) + 1
        return sum(began <= instant for began in self.nights)


def _row_of(scope: Scope, record: Wire) -> Row:
    told = state(scope, record)
    stamps = tuple(datetime.fromisoformat(record[name]) for name in _STAMPS)
    return Row(
        scope.channel, told.created_at, stamps, told.sent, record, told.attributes, told.lists or frozenset(), False
    )


def stored(url: str) -> Stored:
    """What is there now."""
    found, links = ask(url, _ROWS, _LINKS)
    lists: dict[str, set[str]] = {}
    for campaign_id, name in links:
        lists.setdefault(campaign_id, set()).add(name)
    rows = {
        row[0]: Row(
            row[1],
            row[2],
            (row[3], row[4]),
            row[5],
            json.loads(row[6]),
            attributes(row[9:]),
            frozenset(lists.get(row[0], ())),
            row[7] is not None,
        )
        for row in found
    }
    return Stored(rows, frozenset(row[0] for row in found if row[8] is not None))


# -- as the crash left it ----------------------------------------------------------------------------------------------


def left_behind(url: str, known: Knowledge) -> list[str]:
    """Progress and rows agree: a window with a line in the ledger has every row and link as the source has them, and
    what no line speaks of is as it was before."""
    wanted, now = known.wanted(), stored(url)
    windows = ask(url, _COVERED.format(_text(known.template_ended)))[0]
    problems = []
    for campaign_id in sorted(wanted.keys() | now.rows.keys()):
        row, before = now.rows.get(campaign_id), known.template.rows.get(campaign_id)
        target = wanted.get(campaign_id)
        if target is None:
            if row is None or _content(row) != _content(before):
                problems.append(f"{campaign_id}, which the source has no more, is not as it was")
        elif (window := _covering(windows, target)) is not None:
            if row != target:
                problems.append(f"{campaign_id} is in the {window} window of the ledger, {_differing(row, target)}")
        elif row != before:
            problems.append(f"{campaign_id} is in no window of the ledger, and yet {_differing(row, before)}")
    return [*problems, *_sound(url)]


def _covering(windows: Iterable[tuple[Any, ...]], row: Row) -> str | None:
    """The state of the window that shows the row."""
    for channel, start, end, its_state in windows:
        if channel == row.channel and start <= row.created_at and (its_state == "open" or row.created_at < end):
            return str(its_state)
    return None


def _content(row: Row | None) -> tuple[Any, ...] | None:
    """All but the marks, which the end of a run sets."""
    return None if row is None else (row.record, row.attributes, row.lists, row.sent, row.stamps)


def _differing(row: Row | None, target: Row | None) -> str:
    if row is None or target is None:
        return "it is not stored" if row is None else "it is stored"
    return "these differ: " + ", ".join(
        name for name in Row.__dataclass_fields__ if getattr(row, name) != getattr(target, name)
    )


def _sound(url: str) -> list[str]:
    """SQLite's own opinion of the file."""
    if not url.startswith("sqlite"):
        return []
    said = ask(url, "PRAGMA integrity_check")[0]
    return [] if said == [("ok",)] else [f"integrity_check says {said}"]


# -- after one more run ------------------------------------------------------------------------------------------------


def mended(url: str, known: Knowledge) -> list[str]:
    """Live rows, typed columns and links are the source's. What was gone once before is deleted; what is gone since
    the tortured run is missing, or deleted where the killed run had marked it already."""
    wanted, now = known.wanted(), stored(url)
    problems = [
        f"{campaign_id} is not as the source has it: {_differing(now.rows.get(campaign_id), target)}"
        for campaign_id, target in wanted.items()
        if now.rows.get(campaign_id) != target
    ]
    for campaign_id in sorted(now.rows.keys() - wanted.keys()):
        row = now.rows[campaign_id]
        if campaign_id not in known.template.rows:
            problems.append(f"{campaign_id} was never at the source")
        elif not row.deleted and (campaign_id not in now.missing or campaign_id in known.template.missing):
            problems.append(f"{campaign_id} is gone from the source and lives on")
    return [*problems, *_sound(url)]


def leases(url: str) -> list[str]:
    """A run that ended well gives its leases back."""
    held = ask(url, f"SELECT account_id FROM sync_leases WHERE expires_at > '{_text(datetime.now(UTC))}'")[0]
    return [f"the lease of {account_id} is not free" for (account_id,) in held]


# -- after two more runs -----------------------------------------------------------------------------------------------


class _Nights(Mapping[datetime, float]):
    """Every instant has a night."""

    def __init__(self, known: Knowledge) -> None:
        self._known = known

    def __getitem__(self, instant: datetime) -> float:
        return self._known.night(instant)

    def __iter__(self) -> Any:
        return iter(())

    def __len__(self) -> int:
        return 0


def settled(url: str, known: Knowledge) -> list[str]:
    """All that is gone is deleted, and the past is what an unbroken run would have kept: versions, links and counters
    in every interval, none lost, none twice, none that overlaps."""
    told, last = Told(url, _Nights(known)), len(known.nights) + 1
    oracle = known.oracle
    live = {campaign_id for campaign_id, row in stored(url).rows.items() if not row.deleted}
    pairs: list[tuple[str, Any, Any]] = [
        ("live campaigns", live, known.wanted().keys()),
        ("versions", told.versions(), _until(oracle.versions(), last)),
        ("link versions", told.links(), _until(oracle.links(), last)),
        ("counter readings", told.readings(), _until(oracle.readings(), last)),
    ]
    problems = [f"{what} differ: {_first(found, wanted)}" for what, found, wanted in pairs if found != wanted]
    return [*problems, *_sound(url), *leases(url)]


def _until(told: Mapping[Any, list[Any]], last: int) -> dict[Any, list[Any]]:
    """Nights from the tortured one on are one night."""
    return {key: [_capped(one, last) for one in line] for key, line in told.items()}


def _capped(one: Interval | Reading, last: int) -> Interval | Reading:
    until = None if one.until is None else min(one.until, last)
    values = {name: getattr(one, name) for name in type(one).__dataclass_fields__}
    return type(one)(**(values | {"since": min(one.since, last), "until": until}))


def _first(found: Any, wanted: Any) -> str:
    if isinstance(found, set):
        return f"{sorted(found ^ set(wanted))}"
    key = next(key for key in [*wanted, *found] if found.get(key) != wanted.get(key))
    return f"{key}: found {found.get(key)}, wanted {wanted.get(key)}"


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
