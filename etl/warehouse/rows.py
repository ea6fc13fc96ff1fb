"""What changed: a read's records against the stored rows, decided without a database. Pure.

Two looks: a glimpse of every stored row of the window (hash, owner, marks) settles the unchanged ones; only rows that
may differ are fetched in full and compared. Counts come from here, never from the driver.

Every campaign has a time of its own that never goes back, whatever clocks do (`later`): each change of a row is dated
after the one before it, so that the intervals of its history cannot bend.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from enum import Enum
from functools import lru_cache
from hashlib import blake2b
from operator import attrgetter
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from etl.model import Campaign, FieldProblem, Scope, Unread
from etl.warehouse.same import is_equal, same_json
from etl.warehouse.schema import ATTRIBUTES, COUNTERS

LONGEST_ID = 255
"""Characters of a campaign id: a key must fit an index."""

TICK = timedelta(microseconds=1)
"""The least that two instants differ by in both databases."""

Row = Mapping[str, Any]
"""Column name -> value of one row of `campaigns`."""

Withhold = Callable[[str], tuple[str, str]]
"""Where message texts are not to be stored: a raw text -> what is kept of it, and its digest."""

_TYPED = tuple(
    name
    for name in (*ATTRIBUTES, "total_messages_sent", "created_at", "updated_at", "instance_updated_at")
    if name not in ("account_id", "app_id", "channel")
)
_typed = attrgetter(*_TYPED)

INSERTED = (
    "campaign_id",
    "account_id",
    "app_id",
    "channel",
    *_TYPED,
    "raw",
    "content_hash",
    "contact_list_names",
    "first_seen_at",
    "valid_from",
    "counted_at",
    "last_changed_at",
    "last_run_id",
)
"""The columns of a campaign stored for the first time; the others are null."""


C = TypeVar("C", Campaign, Campaign | Unread)


class Refusal(Enum):
    """Why a campaign is not stored; the reason in `rejected_records`."""

    FOREIGN = "foreign_campaign_id"
    OTHER_CHANNEL = "other_channel_campaign_id"
    UNUSABLE_ID = "unusable_campaign_id"


class Outcome(Enum):
    """What became of one campaign; the names of Loaded's counts."""

    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REVIVED = "revived"


class Glimpse(Struct, frozen=True):
    """What the first look shows of a stored row that is not plainly as the record that came."""

    account_id: str
    app_id: str
    channel: str
    marked: bool
    """Missing or deleted."""


class Moment(Struct, frozen=True):
    """Who stores, where and when. `server_now` judges the source's stamps."""

    run_id: str
    scope: Scope
    seen_at: datetime
    server_now: datetime
    rewrite: bool
    withhold: Withhold | None = None


class Sorted(Struct, Generic[C], frozen=True):
    """A window's campaigns after the first look."""

    new: tuple[C, ...]
    compare: tuple[C, ...]
    """To be compared with the full stored row."""
    same: int
    refused: tuple[tuple[C, Refusal], ...]


class Change(Struct, frozen=True):
    """What to do with one stored row: `row` is written where it is not None, `links` are then its exact lists."""

    outcome: Outcome
    row: Row | None
    at: datetime
    """When it changes, in the campaign's own time."""
    before: Row
    """The stored row that `row` replaces."""
    links: tuple[str, ...] | None = None
    """None: they stay as they are."""
    problems: tuple[FieldProblem, ...] = ()
    raw: bytes = b""
    older: bool = False

    @property
    def campaign_id(self) -> str:
        return str(self.before["campaign_id"])

    @property
    def deleted_at(self) -> datetime | None:
        """Since when the campaign was taken as deleted until now, when it came back."""
        came_back = self.row is not None and self.row["deleted_at"] is None
        return self.before["deleted_at"] if came_back else None


def digest63(*parts: str) -> int:
    """A positive 63-bit digest of texts of any length; ("ab", "c") and ("a", "bc") differ."""
    text = json.dumps(parts).encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big") >> 1


@lru_cache(maxsize=65_536)
def contact_list_id(account_id: str, name: str) -> int:
    """The key of `contact_lists`. Remembered: campaigns share lists."""
    return digest63(account_id, name)


def storable(text: str) -> str:
    """The text with NUL and lone surrogates, which no database takes, shown as JSON escapes."""
    if "\x00" not in text and (text.isascii() or _encodes(text)):
        return text
    shown = text.replace("\x00", "\\u0000")
    return shown.encode("utf-8", "backslashreplace").decode()


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def stored_text(raw: bytes) -> str:
    """A record's text as `raw` holds it."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return storable(raw.decode("utf-8", "surrogatepass"))
    return text if "\x00" not in text else storable(text)


def is_usable(campaign_id: str) -> bool:
    """Whether both databases take it as a key."""
    return 0 < len(campaign_id) <= LONGEST_ID and storable(campaign_id) == campaign_id


def usable(campaign_ids: Iterable[str]) -> list[str]:
    """Those of the ids that are."""
    ids = list(campaign_ids)
    plain = all(ids) and "".join(ids).isascii() and "\x00" not in "".join(ids)
    return ids if plain and max(map(len, ids), default=0) <= LONGEST_ID else [one for one in ids if is_usable(one)]


# -- first look -------------------------------------------------------------------------------------------------------


def once(campaigns: Iterable[C]) -> dict[str, C]:
    """Each id once, with the last one read of it."""
    return {campaign.campaign_id: campaign for campaign in campaigns}


def sort(
    campaigns: Mapping[str, C], looked: Mapping[str, Glimpse | None], moment: Moment, app_rank: Mapping[str, int]
) -> Sorted[C]:
    """What the first look settles, in id order. `campaigns` as `once` gives them; those that `looked` does not name are
    plainly stored as they came, of those that it knows no row of none is stored."""
    new: list[C] = []
    compare: list[C] = []
    unusable = sorted(campaigns.keys() - usable(campaigns))
    refused = [(campaigns[one], Refusal.UNUSABLE_ID) for one in unusable]
    for campaign_id in sorted(looked):
        campaign, glimpse = campaigns[campaign_id], looked[campaign_id]
        if glimpse is None:
            new.append(campaign)
        elif (refusal := _refusal(glimpse, moment.scope)) is not None:
            refused.append((campaign, refusal))
        elif glimpse.app_id == moment.scope.app_id or _takes_over(glimpse, moment.scope.app_id, app_rank):
            compare.append(campaign)
    same = len(campaigns) - len(new) - len(compare) - len(refused)
    return Sorted(tuple(new), tuple(compare), same, tuple(refused))


def _refusal(glimpse: Glimpse, scope: Scope) -> Refusal | None:
    if glimpse.account_id != scope.account_id:
        return Refusal.FOREIGN
    return Refusal.OTHER_CHANNEL if glimpse.channel != scope.channel.value else None


def _takes_over(glimpse: Glimpse, app_id: str, app_rank: Mapping[str, int]) -> bool:
    """Whether this app's listing now owns the row: it was configured first, or the owner no longer lists it."""
    last = len(app_rank)
    return glimpse.marked or app_rank.get(app_id, last) < app_rank.get(glimpse.app_id, last)


def is_marked(stored: Row, scope: Scope) -> bool:
    """Whether the row is one of the scope's that are missing or deleted."""
    own = (scope.account_id, scope.app_id, scope.channel.value)
    marked = stored["deleted_at"] is not None or stored["missing_since"] is not None
    return marked and (stored["account_id"], stored["app_id"], stored["channel"]) == own


# -- second look ------------------------------------------------------------------------------------------------------


def _names(contact_lists: Iterable[str]) -> str:
    """Names hold any separator: a JSON array is the only safe list. Ordered by code point, as both databases' bytes."""
    return msgspec.json.encode(sorted(contact_lists)).decode()


def later(seen_at: datetime, known: datetime) -> datetime:
    """`seen_at`, or just after `known` where that is not later: a clock went back, or two reads met one tick."""
    return max(seen_at, known + TICK)


def insertions(new: Iterable[Campaign], moment: Moment) -> Iterator[tuple[Any, ...]]:
    """The rows of campaigns never stored before, their values in the order of INSERTED."""
    owner = (moment.scope.account_id, moment.scope.app_id, moment.scope.channel.value)
    stamps = (*[moment.seen_at] * 4, moment.run_id)
    for one in new:
        names = _names(one.contact_lists or ())
        yield (one.campaign_id, *owner, *_typed(one), stored_text(one.raw), one.content_hash, names, *stamps)


def without_text(stored: Row, withhold: Withhold | None) -> Row:
    """The row as it would have been stored with its message text withheld: a text that is not to be stored any more
    leaves in place, and reaches no history."""
    if withhold is None:
        return stored
    raw, digest = withhold(stored["raw"])
    return {**stored, "message_text": None} | ({} if raw == stored["raw"] else {"raw": raw, "content_hash": digest})


def change(found: Row, campaign: Campaign, moment: Moment) -> Change:
    """What a campaign read again changes in its stored row."""
    stored = without_text(found, moment.withhold)
    moved = stored["app_id"] != moment.scope.app_id
    equal = stored["content_hash"] == campaign.content_hash or same_json(stored["raw"], stored_text(campaign.raw))
    if not equal and _refuse_as_older(stored, campaign, moment):
        return _keep(found, campaign, moment, moved=moved)
    row = {**stored, "missing_since": None, "deleted_at": None, "older_run_id": None, "app_id": moment.scope.app_id}
    if moment.rewrite or not equal:
        row |= content(campaign, moment.scope)
    at = later(moment.seen_at, stored["last_changed_at"])
    if not equal or moved or stored["deleted_at"] is not None:
        row |= _dated(stored, row, at, moment.run_id)
    written = row if moment.rewrite or row != dict(found) else None
    return Change(
        _outcome(stored, changed=not equal or moved),
        written,
        at,
        stored,
        links=campaign.contact_lists if moment.rewrite or not equal or stored["deleted_at"] is not None else None,
        problems=campaign.problems if written is not None else (),
        raw=campaign.raw,
    )


def _outcome(stored: Row, *, changed: bool) -> Outcome:
    if stored["deleted_at"] is not None:
        return Outcome.REVIVED
    return Outcome.UPDATED if changed else Outcome.UNCHANGED


def _keep(stored: Row, campaign: Campaign, moment: Moment, *, moved: bool) -> Change:
    """An older payload: the row keeps its content, but it is there, and a later run may take such a payload."""
    owner = {"app_id": moment.scope.app_id, "older_run_id": stored["older_run_id"] or moment.run_id}
    kept = _there(stored, moment, owner)
    return replace(kept, outcome=_outcome(stored, changed=moved), raw=campaign.raw, older=True)


def unmarked(stored: Row, moment: Moment) -> Change:
    """A record of this campaign came that could not be stored: unreadable is not gone, so its marks are taken off."""
    return _there(stored, moment, {})


def _there(found: Row, moment: Moment, owner: Row) -> Change:
    """The row as it is, but neither missing nor deleted."""
    stored = without_text(found, moment.withhold)
    row = {**stored, "missing_since": None, "deleted_at": None, **owner}
    at = later(moment.seen_at, stored["last_changed_at"])
    if row["app_id"] != stored["app_id"] or stored["deleted_at"] is not None:
        row |= _dated(stored, row, at, moment.run_id)
    return Change(Outcome.UNCHANGED, row if row != dict(found) else None, at, stored)


def content(campaign: Campaign, scope: Scope) -> dict[str, Any]:
    """The columns of `campaigns` that a record decides; a record that does not tell its contact lists keeps them."""
    names = {} if campaign.contact_lists is None else {"contact_list_names": _names(campaign.contact_lists)}
    return {
        **names,
        "account_id": scope.account_id,
        "app_id": scope.app_id,
        "channel": scope.channel.value,
        **{name: getattr(campaign, name) for name in _TYPED},
        "raw": stored_text(campaign.raw),
        "content_hash": campaign.content_hash,
    }


def _dated(stored: Row, row: Row, at: datetime, run_id: str) -> dict[str, Any]:
    """A change's stamps: a new version where attributes differ or it came back, a new reading where counters do."""
    dated: dict[str, Any] = {"last_changed_at": at, "last_run_id": run_id}
    if stored["deleted_at"] is not None or _differs(stored, row, ATTRIBUTES):
        dated["valid_from"] = at
    if _differs(stored, row, COUNTERS):
        dated["counted_at"] = at
    return dated


def _differs(stored: Row, row: Row, columns: Iterable[str]) -> bool:
    return any(not is_equal(name, stored[name], row[name]) for name in columns)


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
