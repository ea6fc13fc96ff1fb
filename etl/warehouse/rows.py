"""What changed: a read's records against the stored rows, decided without a database. Pure.

Two looks: a glimpse of every stored row of the window (hash, owner, marks) settles the unchanged ones; only rows that
may differ are fetched in full and compared. Counts come from here, never from the driver.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from hashlib import blake2b
from typing import Any

from etl.model import Campaign, FieldProblem, Scope
from etl.warehouse.schema import ATTRIBUTES, COUNTERS

LONGEST_ID = 255
"""Characters of a campaign id: a key must fit an index."""

Row = Mapping[str, Any]
"""Column name -> value of one row of `campaigns`."""

_TYPED = tuple(
    name
    for name in (*ATTRIBUTES, "total_messages_sent", "created_at", "updated_at", "instance_updated_at")
    if name not in ("account_id", "app_id", "channel")
)


class Refusal(Enum):
    """Why a campaign is not stored; the reason in `rejected_records`."""

    FOREIGN = "foreign_campaign_id"
    OTHER_CHANNEL = "other_channel_campaign_id"
    UNUSABLE_ID = "unusable_campaign_id"


class Outcome(Enum):
    """What became of one campaign; the names of Loaded's counts."""

    INSERTED = "inserted"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REVIVED = "revived"


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What the first look shows of a stored row."""

    content_hash: str
    account_id: str
    app_id: str
    channel: str
    marked: bool
    """Missing or deleted."""
    older_run_id: str | None


@dataclass(frozen=True, slots=True)
class Moment:
    """Who stores, where and when. `server_now` judges the source's stamps."""

    run_id: str
    scope: Scope
    seen_at: datetime
    server_now: datetime
    rewrite: bool


@dataclass(frozen=True, slots=True)
class Sorted:
    """A window's campaigns after the first look."""

    new: tuple[Campaign, ...]
    compare: tuple[Campaign, ...]
    """To be compared with the full stored row."""
    same: int
    refused: tuple[tuple[Campaign, Refusal], ...]


@dataclass(frozen=True, slots=True)
class Change:
    """What to do with one stored row: `row` is written where it is not None, `links` are then its exact lists."""

    outcome: Outcome
    row: Row | None
    links: tuple[str, ...] | None
    problems: tuple[FieldProblem, ...]
    raw: str
    older: bool = False


def digest63(*parts: str) -> int:
    """A positive 63-bit digest of texts of any length; ("ab", "c") and ("a", "bc") differ."""
    text = json.dumps(parts).encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big") >> 1


def contact_list_id(account_id: str, name: str) -> int:
    """The key of `contact_lists`."""
    return digest63(account_id, name)


def storable(text: str) -> str:
    """The text with NUL and lone surrogates, which no database takes, shown as JSON escapes."""
    if "\x00" not in text and text.isascii():
        return text
    shown = text.replace("\x00", "\\u0000")
    return shown.encode("utf-8", "backslashreplace").decode()


def is_usable(campaign_id: str) -> bool:
    return 0 < len(campaign_id) <= LONGEST_ID and storable(campaign_id) == campaign_id


# -- first look -------------------------------------------------------------------------------------------------------


def once(campaigns: Iterable[Campaign]) -> tuple[Campaign, ...]:
    """Each id once, the last one read, in id order."""
    by_id = {campaign.campaign_id: campaign for campaign in campaigns}
    return tuple(by_id[campaign_id] for campaign_id in sorted(by_id))


def sort(
    campaigns: Sequence[Campaign], glimpses: Mapping[str, Glimpse], moment: Moment, app_rank: Mapping[str, int]
) -> Sorted:
    """What the first look settles. `campaigns` as `once` gives them."""
    new: list[Campaign] = []
    compare: list[Campaign] = []
    refused: list[tuple[Campaign, Refusal]] = []
    same = 0
    for campaign in campaigns:
        glimpse = glimpses.get(campaign.campaign_id)
        if (refusal := _refusal(campaign, glimpse, moment.scope)) is not None:
            refused.append((campaign, refusal))
        elif glimpse is None:
            new.append(campaign)
        elif _is_same(campaign, glimpse, moment, app_rank):
            same += 1
        else:
            compare.append(campaign)
    return Sorted(tuple(new), tuple(compare), same, tuple(refused))


def _refusal(campaign: Campaign, glimpse: Glimpse | None, scope: Scope) -> Refusal | None:
    if not is_usable(campaign.campaign_id):
        return Refusal.UNUSABLE_ID
    if glimpse is None:
        return None
    if glimpse.account_id != scope.account_id:
        return Refusal.FOREIGN
    return Refusal.OTHER_CHANNEL if glimpse.channel != scope.channel.value else None


def _is_same(campaign: Campaign, glimpse: Glimpse, moment: Moment, app_rank: Mapping[str, int]) -> bool:
    if glimpse.app_id != moment.scope.app_id:
        return not _takes_over(glimpse, moment.scope.app_id, app_rank)
    untouched = not glimpse.marked and glimpse.older_run_id is None
    return untouched and glimpse.content_hash == campaign.content_hash and not moment.rewrite


def _takes_over(glimpse: Glimpse, app_id: str, app_rank: Mapping[str, int]) -> bool:
    """Whether this app's listing now owns the row: it was configured first, or the owner no longer lists it."""
    last = len(app_rank)
    return glimpse.marked or app_rank.get(app_id, last) < app_rank.get(glimpse.app_id, last)


# -- second look ------------------------------------------------------------------------------------------------------


def insertion(campaign: Campaign, moment: Moment) -> Change:
    """The row of a campaign never stored before."""
    stamps = ("first_seen_at", "valid_from", "counted_at", "last_changed_at")
    row = {
        "campaign_id": campaign.campaign_id,
        **content(campaign, moment.scope),
        **dict.fromkeys(stamps, moment.seen_at),
        "last_run_id": moment.run_id,
        "missing_since": None,
        "deleted_at": None,
        "older_run_id": None,
    }
    return Change(Outcome.INSERTED, row, campaign.contact_lists or (), campaign.problems, campaign.raw)


def change(stored: Row, campaign: Campaign, moment: Moment) -> Change:
    """What a campaign read again changes in its stored row."""
    moved = stored["app_id"] != moment.scope.app_id
    equal = stored["content_hash"] == campaign.content_hash or _same_json(stored["raw"], campaign.raw)
    if not equal and _refuse_as_older(stored, campaign, moment):
        return _keep(stored, campaign, moment, moved=moved)
    row = {**stored, "missing_since": None, "deleted_at": None, "older_run_id": None, "app_id": moment.scope.app_id}
    if moment.rewrite or not equal:
        row |= content(campaign, moment.scope)
    if not equal or moved or stored["deleted_at"] is not None:
        row |= _dated(stored, row, moment)
    links = campaign.contact_lists if moment.rewrite or not equal else None
    written = row if moment.rewrite or row != dict(stored) else None
    problems = campaign.problems if written is not None else ()
    return Change(_outcome(stored, changed=not equal or moved), written, links, problems, campaign.raw)


def _outcome(stored: Row, *, changed: bool) -> Outcome:
    if stored["deleted_at"] is not None:
        return Outcome.REVIVED
    return Outcome.UPDATED if changed else Outcome.UNCHANGED


def _keep(stored: Row, campaign: Campaign, moment: Moment, *, moved: bool) -> Change:
    """An older payload: the row keeps its content, but it is there, and a later run may take such a payload."""
    row = {**stored, "missing_since": None, "deleted_at": None, "app_id": moment.scope.app_id}
    row["older_run_id"] = stored["older_run_id"] or moment.run_id
    if moved or stored["deleted_at"] is not None:
        row |= _dated(stored, row, moment)
    written = row if row != dict(stored) else None
    return Change(_outcome(stored, changed=moved), written, None, (), campaign.raw, older=True)


def content(campaign: Campaign, scope: Scope) -> dict[str, Any]:
    """The columns of `campaigns` that a record decides."""
    return {
        "account_id": scope.account_id,
        "app_id": scope.app_id,
        "channel": scope.channel.value,
        **{name: getattr(campaign, name) for name in _TYPED},
        "raw": storable(campaign.raw),
        "content_hash": campaign.content_hash,
    }


def _dated(stored: Row, row: Row, moment: Moment) -> dict[str, Any]:
    """A change's stamps: a new version where attributes differ or it came back, a new reading where counters do."""
    dated: dict[str, Any] = {"last_changed_at": moment.seen_at, "last_run_id": moment.run_id}
    if stored["deleted_at"] is not None or any(stored[name] != row[name] for name in ATTRIBUTES):
        dated["valid_from"] = moment.seen_at
    if any(stored[name] != row[name] for name in COUNTERS):
        dated["counted_at"] = moment.seen_at
    return dated


def _refuse_as_older(stored: Row, campaign: Campaign, moment: Moment) -> bool:
    """Once: a later run that sees an older payload again means that the source was restored."""
    seen_before = stored["older_run_id"] not in (None, moment.run_id)
    return not seen_before and is_older(stored, campaign, moment.server_now)


def is_older(stored: Row, campaign: Campaign, server_now: datetime) -> bool:
    """Neither stamp later than the stored one, and one earlier; stamps beyond the server's now say nothing."""
    pairs = (
        (stored["updated_at"], campaign.updated_at),
        (stored["instance_updated_at"], campaign.instance_updated_at),
    )
    told = [(before, after) for before, after in pairs if _tells(before, server_now) and _tells(after, server_now)]
    return any(after < before for before, after in told) and not any(after > before for before, after in told)


def _tells(stamp: datetime | None, server_now: datetime) -> bool:
    return stamp is not None and stamp <= server_now


def is_equal(column: str, stored: Any, read: Any) -> bool:
    """Whether a column holds what the record says; JSON texts are compared as values, and the digest follows them."""
    if column == "content_hash":
        return True
    if column in ("raw", "schedule") and stored is not None and read is not None:
        return stored == read or _same_json(stored, read)
    return bool(stored == read)


def _same_json(one: str, other: str) -> bool:
    """Equal JSON values: key order and white space aside. 1, 1.0 and true are three values."""
    try:
        return bool(_parsed(one) == _parsed(other))
    except (ValueError, RecursionError):  # not JSON, or deeper than can be parsed: then only equal texts are equal
        return False


def _parsed(text: str) -> Any:
    return json.loads(text, parse_int=_Number, parse_float=_Number, parse_constant=_Number)


@dataclass(frozen=True, slots=True)
class _Number:
    written: str


# -- links ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Links:
    """Link rows to add and to take away, and the contact lists they need by id; all in key order."""

    added: tuple[tuple[str, int], ...]
    removed: tuple[tuple[str, int], ...]
    lists: Mapping[int, str]


def links(account_id: str, changes: Iterable[Change], stored: Iterable[tuple[str, int]]) -> Links:
    """The difference that makes every changed campaign's links exactly those of its record."""
    wanted: dict[tuple[str, int], str] = {}
    for one in changes:
        if one.row is not None and one.links is not None:
            for name in one.links:
                wanted[one.row["campaign_id"], contact_list_id(account_id, name)] = name
    known = set(stored)
    added = sorted(wanted.keys() - known)
    return Links(tuple(added), tuple(sorted(known - wanted.keys())), {key[1]: wanted[key] for key in added})
