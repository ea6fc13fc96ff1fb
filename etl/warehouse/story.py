"""How the life of one campaign becomes events in time order: what changed, beside what was there before. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import groupby, pairwise
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from etl.model import State
from etl.warehouse.life import Life, Link, Read, Reading, Reject, Version
from etl.warehouse.schema import ATTRIBUTES

FOLDED = 4
"""So many readings in a row, with nothing else between, become one event."""


class Turn(StrEnum):
    """What can happen to a campaign as a whole."""

    FIRST_SEEN = "first seen"
    MISSING = "missing"
    DELETED = "deleted"
    BACK = "came back"
    UNKEPT = "changed before"
    """It had changed since it was first seen, and what it was before was not kept."""


class Changed(Struct, frozen=True):
    """One attribute."""

    column: str
    before: Any
    after: Any


class Relinked(Struct, frozen=True):
    """Contact lists by name, in order."""

    added: tuple[str, ...]
    removed: tuple[str, ...]


class Counted(Struct, frozen=True):
    """A reading, or several in a row. `before` is None for a baseline, `messages` where nobody can tell."""

    before: Reading | None
    last: Reading
    messages: int | None
    resets: int = 0
    readings: int = 1


class Event(Struct, frozen=True):
    """Something that a run saw at an instant; the run is None where nothing tells it."""

    at: datetime
    what: Turn | Changed | Relinked | Counted | Reject
    run_id: str | None = None


class Away(Struct, frozen=True):
    """A stretch in which the campaign was taken as deleted; `back_at` is None while it lasts."""

    deleted_at: datetime
    back_at: datetime | None


class Coverage(Struct, frozen=True):
    """How surely the campaign was read: the latest read that is proven, and what was read since and is not."""

    reads: int
    proven: int
    first: Read | None
    last_proven: Read | None
    since: tuple[Read, ...]
    before: int
    """Of the proven ones, those that ended before the campaign was first seen: they did not show it."""


def coverage(told: Life) -> Coverage:
    """What the reads that cover the campaign amount to."""
    places = [place for place, read in enumerate(told.reads) if read.state is State.PROVEN]
    return Coverage(
        reads=len(told.reads),
        proven=len(places),
        first=told.reads[0] if told.reads else None,
        last_proven=told.reads[places[-1]] if places else None,
        since=told.reads[places[-1] + 1 :] if places else told.reads,
        before=sum(told.reads[place].finished_at < told.first_seen_at for place in places),
    )


def absences(versions: Sequence[Version]) -> tuple[Away, ...]:
    """The stretches between versions, and after the last one where it ended."""
    gaps = [
        Away(one.valid_to, following.valid_from)
        for one, following in pairwise(versions)
        if one.valid_to is not None and one.valid_to < following.valid_from
    ]
    ended = versions[-1].valid_to
    return (*gaps, Away(ended, None)) if ended is not None else tuple(gaps)


def events(told: Life) -> tuple[Event, ...]:
    """Everything that was seen of the campaign, oldest first; at one instant, in the order of `_RANKS`."""
    away = absences(told.versions)
    counted = list(_counted(told.readings))
    found = [
        *_turns(told, away),
        *_changes(told.versions, {event.at for event in counted}),
        *_relinked(told.links, away),
        *counted,
        *(Event(one.last_seen_at, one, one.run_id) for one in told.rejects),
    ]
    runs = _runs_by_instant(told)
    named = (event if event.run_id else replace(event, run_id=runs.get(event.at)) for event in found)
    return tuple(sorted(named, key=lambda event: (event.at, _RANKS.index(_kind(event)))))


_RANKS = (Turn.FIRST_SEEN, Turn.BACK, Turn.UNKEPT, Changed, Relinked, Counted, Turn.MISSING, Turn.DELETED, Reject)


def _kind(event: Event) -> Turn | type:
    return event.what if isinstance(event.what, Turn) else type(event.what)


def _runs_by_instant(told: Life) -> Mapping[datetime, str]:
    """What is stored bears the instant at which its read ended; the marks bear their own."""
    runs = {read.finished_at: read.run_id for read in told.reads}
    runs |= {one.valid_to: one.run_id for one in told.readings if one.valid_to and one.run_id}
    runs |= {one.valid_to: one.run_id for one in told.links if one.valid_to and one.run_id}
    runs |= {one.valid_to: one.run_id for one in told.versions if one.valid_to and one.run_id}
    if told.missing_since is not None and told.deleted_at is None:
        runs[told.missing_since] = told.last_run_id
    return runs


def _turns(told: Life, away: Iterable[Away]) -> Iterator[Event]:
    yield Event(told.first_seen_at, Turn.FIRST_SEEN)
    if not told.cut and told.versions[0].valid_from > told.first_seen_at:
        yield Event(told.versions[0].valid_from, Turn.UNKEPT)
    if told.missing_since is not None:
        yield Event(told.missing_since, Turn.MISSING)
    for one in away:
        yield Event(one.deleted_at, Turn.DELETED)
        if one.back_at is not None:
            yield Event(one.back_at, Turn.BACK)


def _changes(versions: Sequence[Version], counted: set[datetime]) -> Iterator[Event]:
    """The instance is told with the counter, where there is a reading of that instant."""
    for one, following in pairwise(versions):
        at = following.valid_from
        for name in ATTRIBUTES:
            before, after = one.columns[name], following.columns[name]
            if before != after and not (name == "campaign_instance_id" and at in counted):
                yield Event(at, Changed(name, before, after))


def _relinked(links: Iterable[Link], away: Sequence[Away]) -> Iterator[Event]:
    """What was added and removed, per instant."""
    added: dict[datetime, list[str]] = defaultdict(list)
    removed: dict[datetime, list[str]] = defaultdict(list)
    for link in _through_deletions(links, away):
        added[link.valid_from].append(link.name)
        if link.valid_to is not None:
            removed[link.valid_to].append(link.name)
    for at in added.keys() | removed.keys():
        yield Event(at, Relinked(tuple(sorted(added[at])), tuple(sorted(removed[at]))))


def _through_deletions(links: Iterable[Link], away: Sequence[Away]) -> Iterator[Link]:
    """A link that a deletion ended and a return began anew is one; what a return did not bring was removed then."""
    back_at = {one.deleted_at: one.back_at for one in away}
    in_order = sorted(links, key=lambda one: (one.contact_list_id, one.valid_from))
    for _, listing in groupby(in_order, key=lambda one: one.contact_list_id):
        spans: list[Link] = []
        for link in listing:
            valid_to = link.valid_to if link.valid_to is None else back_at.get(link.valid_to, link.valid_to)
            if spans and spans[-1].valid_to == link.valid_from:
                spans[-1] = replace(spans[-1], valid_to=valid_to)
            else:
                spans.append(replace(link, valid_to=valid_to))
        yield from spans


def _counted(readings: Sequence[Reading]) -> Iterator[Event]:
    if readings:
        yield Event(readings[0].observed_at, Counted(None, readings[0], None))
    for before, one in pairwise(readings):
        same = (before.total_messages_sent, before.campaign_instance_id) == (
            one.total_messages_sent,
            one.campaign_instance_id,
        )
        if not same:
            yield Event(one.observed_at, Counted(before, one, one.messages, resets=int(one.is_reset)))


def folded(story: Sequence[Event]) -> tuple[Event, ...]:
    """The events with every FOLDED or more readings in a row, at instants of their own, put together."""
    instants = Counter(event.at for event in story)
    found: list[Event] = []
    for foldable, group in groupby(story, key=lambda event: _stands_alone(event, instants)):
        row = list(group)
        found += [_together(row)] if foldable and len(row) >= FOLDED else row
    return tuple(found)


def _stands_alone(event: Event, instants: Mapping[datetime, int]) -> bool:
    return isinstance(event.what, Counted) and event.what.before is not None and instants[event.at] == 1


def _together(row: Sequence[Event]) -> Event:
    counts = [event.what for event in row if isinstance(event.what, Counted)]
    known = [one.messages for one in counts if one.messages is not None]
    return Event(
        row[0].at,
        Counted(
            before=counts[0].before,
            last=counts[-1].last,
            messages=sum(known) if known else None,
            resets=sum(one.resets for one in counts),
            readings=len(counts),
        ),
    )
