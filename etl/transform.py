"""How Kore.ai spells a campaign record; nobody else knows. Pure: bytes in, `Campaign` or `Rejected` out.

A record of the documented shape is decoded in one go (`_plain`). One with anything odd about it is read again field by
field (`_tolerant`), so that a bad field costs that field and no more. Where the first succeeds, both agree.
Spellings are from the API page "Get All SMS Campaigns API" and its sibling pages (voice list, v2).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from etl.model import Campaign, FieldProblem, ReadPage, Record, Rejected, Scope, Unread
from etl.values import (
    COUNTER,
    SMALLINT,
    FieldError,
    are_usable_ids,
    as_documented,
    as_flag,
    as_instant,
    as_instants,
    as_names,
    as_only_name,
    as_text,
    as_text_or_id,
    as_whole,
    is_usable_id,
    is_withheld,
    loads,
    readable,
    within,
)

_REQUIRED = ("name", "status", "createdAt")
"""Sent with every documented record. Any other field may be absent: on one channel, or until the campaign has run."""

_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
_LONE_ESCAPE = re.compile(rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F]..)|.)", re.DOTALL)

UNREADABLE = frozenset({"not_utf8", "nul_byte", "not_json", "too_deep", "not_an_object"})
"""Reasons of records in which no field can be told from another."""

T = TypeVar("T")


def decode(raw: bytes, scope: Scope) -> Campaign | Rejected:
    """One record of a page, its JSON exactly as it came -> the campaign, or why it cannot be one. Never raises.

    `Rejected.reason` is `not_utf8`, `nul_byte`, `not_json`, `too_deep`, `not_an_object`, `no_id`, `bad_id` or
    `foreign_account`.
    """
    if not _is_utf8(raw):
        return _rejected(raw, "not_utf8", _salvaged(raw))
    if b"\0" in raw:
        return _rejected(raw, "nul_byte", _salvaged(raw))
    return _plain(raw, scope) or _tolerant(raw, scope)


def each(decode: Callable[[bytes, Scope], Record]) -> ReadPage:
    """Reads every record of a page whole."""
    return lambda _, raws, scope: tuple(decode(raw, scope) for raw in raws)


def glance(page: bytes, raws: Sequence[bytes], scope: Scope) -> tuple[Record, ...]:
    """The records of a page: as `decode`, but of one whose identity and dates are as documented no more is read than
    proofs need. `raws` are the elements of the list `page`, which is decoded in one go where nothing in it is odd."""
    if len(opened := _opened(page, scope)) == len(raws):
        return tuple(
            [
                decode(raw, scope) if known[0] is None else Unread(known[0], raw, digest(raw), *known[1:])
                for raw, known in zip(raws, opened, strict=True)
            ]
        )
    if len(raws) == 1:
        return (decode(raws[0], scope),)
    return tuple(record for raw in raws for record in glance(b"[%b]" % raw, (raw,), scope))


def read_on(seen: Unread, scope: Scope) -> Campaign | Rejected:
    """As `decode`, of a record that was glanced at."""
    try:
        record = _shape(seen.raw)
        return _campaign(record, seen) if record.priority in _PRIORITIES else _tolerant(seen.raw, scope)
    except _ODD:
        return _tolerant(seen.raw, scope)


def _is_utf8(raw: bytes) -> bool:
    if raw.isascii():
        return True
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


# -- the documented shape ---------------------------------------------------------------------------------------------


class _Message(msgspec.Struct, gc=False):
    message: str | None = None


class _Named(msgspec.Struct, gc=False):
    name: str | None = None


class _Schedule(msgspec.Struct, gc=False):
    scheduled: bool | None = msgspec.field(default=None, name="isSchedulingEnabled")
    recurring: bool | None = msgspec.field(default=None, name="isRecurrenceEnabled")


class _Shape(msgspec.Struct, gc=False, rename="camel"):
    """A record as the samples show it, SMS and voice in one."""

    name: str
    status: str
    created_at: str
    id: str | None = None
    other_id: str | None = msgspec.field(default=None, name="_id")  # voice
    account_id: str | None = None
    description: str | None = None
    priority: str | None = None
    format: str | None = None
    campaign_execution_type: str | None = None
    execution_type: str | None = None
    dialing_mode: str | None = None
    connection: str | None = None
    experience_flow: str | None = None
    message: _Message | None = None
    dnc_lists: _Named | None = None  # v2; an object despite its name
    campaign_instance_id: str | None = None
    schedule: msgspec.Raw | UnsetType = UNSET
    total_messages_sent: int | None = None
    updated_at: str | None = None
    campaign_instance_updated_at: str | None = None
    contact_lists: list[str] | UnsetType | None = UNSET


class _Opening(msgspec.Struct, gc=False, rename="camel"):
    """What of a record proofs need."""

    created_at: str
    id: str | None = None
    other_id: str | None = msgspec.field(default=None, name="_id")
    account_id: str | None = None
    status: str | None = None
    updated_at: str | None = None


_shape = msgspec.json.Decoder(_Shape).decode
_openings = msgspec.json.Decoder(list[_Opening]).decode
_schedule = msgspec.json.Decoder(_Schedule | None).decode
_ODD = (msgspec.MsgspecError, ValueError, FieldError, RecursionError)
_PRIORITIES = {None: None} | {str(number): number for number in range(1, 6)}


def _plain(raw: bytes, scope: Scope) -> Campaign | None:
    """The campaign, if nothing at all is odd about the record. (An escaped NUL is; msgspec refuses lone surrogates.)"""
    if b"\\u0000" in raw:
        return None
    try:
        record = _shape(raw)
        if (campaign_id := _identified(record, scope)) is None or record.priority not in _PRIORITIES:
            return None
        created_at, updated_at = as_documented(record.created_at), as_documented(record.updated_at)
        return _campaign(record, Unread(campaign_id, raw, digest(raw), record.status, created_at, updated_at))
    except _ODD:
        return None


def _opened(page: bytes, scope: Scope) -> list[tuple[str | None, str | None, datetime | None, datetime | None]]:
    """Id, status and dates of a page's records, if nothing keeps the page from being read at once. No id: that record
    is to be read whole."""
    if b"\0" in page or b"\\u0000" in page or not _is_utf8(page):
        return []
    try:
        openings = _openings(page)
        created = as_instants([one.created_at for one in openings])
        updated = as_instants([one.updated_at for one in openings])
    except _ODD:
        return []
    return list(zip(_ids(openings, scope), [one.status for one in openings], created, updated, strict=True))


def _ids(openings: Sequence[_Opening], scope: Scope) -> list[str | None]:
    """As `_identified`, of all records of a page: at once where nothing about them is odd."""
    named = [one.id for one in openings]
    also = [one.other_id for one in openings]
    ids = also if named.count(None) == len(named) else named
    one_name = ids is also or also.count(None) == len(also)
    of_account = {one.account_id for one in openings} <= {scope.account_id, None, ""}
    if one_name and of_account and None not in ids and are_usable_ids([one for one in ids if one is not None]):
        return ids
    return [_identified(one, scope) for one in openings]


def _identified(record: _Shape | _Opening, scope: Scope) -> str | None:
    """The record's id; None where it is none, or where the record names another one or another account."""
    campaign_id = record.other_id if record.id is None else record.id
    if campaign_id is None or not is_usable_id(campaign_id):
        return None
    if record.other_id is not None and record.other_id != campaign_id:
        return None
    return None if record.account_id and record.account_id != scope.account_id else campaign_id


def _campaign(record: _Shape, seen: Unread) -> Campaign:
    kind = record.campaign_execution_type
    message = record.message.message if record.message else None
    sent = record.total_messages_sent
    lists = record.contact_lists
    schedule, slice_ = None, None
    if record.schedule is not UNSET and (schedule := _schedule(record.schedule)):
        slice_ = bytes(record.schedule).decode()
    return Campaign(  # in the order of its fields: by name costs as much as decoding does
        seen.campaign_id,
        seen.raw,
        seen.content_hash,
        record.name,
        record.description,
        record.status,
        _PRIORITIES[record.priority],
        record.format,
        record.execution_type if kind is None else kind,
        record.dialing_mode,
        record.connection,
        record.experience_flow,
        _message_text(message),
        record.dnc_lists.name if record.dnc_lists else None,
        record.campaign_instance_id,
        schedule.scheduled if schedule else None,
        schedule.recurring if schedule else None,
        slice_,
        None if sent is None else within(COUNTER, sent),
        seen.created_at,
        seen.updated_at,
        as_documented(record.campaign_instance_updated_at),
        None if lists is UNSET else tuple(dict.fromkeys(lists or ())),
    )


def _message_text(message: str | None) -> str | None:
    return None if message is None or is_withheld(message) else readable(message)


# -- anything else, field by field ------------------------------------------------------------------------------------


class _Fields:
    """A record's values by their spelling (`message.message` is inside `message`), and what was wrong with them."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self.problems: list[FieldProblem] = []

    def value(self, name: str) -> Any:
        """None if it is null or missing."""
        value: Any = self._values
        for key in name.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        return value

    def has(self, name: str) -> bool:
        return name in self._values

    def note(self, name: str, problem: str) -> None:
        self.problems.append(FieldProblem(name, problem))

    def read(self, name: str, convert: Callable[[Any], T]) -> T | None:
        """The value converted; None where it is null, missing, or (noted) not convertible."""
        value = self.value(name)
        try:
            return None if value is None else convert(value)
        except FieldError as odd:
            self.note(name, str(odd))
            return None

    def text(self, name: str, convert: Callable[[Any], str | None] | None = None) -> str | None:
        value = self.read(name, convert or as_text)
        return None if value is None else self.storable(name, value)

    def storable(self, name: str, text: str) -> str:
        """Databases hold neither NUL nor lone surrogates: U+FFFD stands in for them."""
        mended = _UNSTORABLE.sub("\ufffd", text)
        if mended != text:
            self.note(name, "NUL character" if "\0" in text else "lone surrogate")
        return mended


def _tolerant(raw: bytes, scope: Scope) -> Campaign | Rejected:
    try:
        values = loads(raw.decode())
    except RecursionError:
        return _rejected(raw, "too_deep", {})
    except ValueError:
        return _rejected(raw, "not_json", {})
    if not isinstance(values, dict):
        return _rejected(raw, "not_an_object", {})
    fields = _Fields(values)
    campaign_id = _identity(fields)
    if campaign_id is None:
        has_none = fields.value("id") is None and fields.value("_id") is None
        return _rejected(raw, "no_id" if has_none else "bad_id", values)
    if fields.read("accountId", as_text) not in {None, "", scope.account_id}:
        return _rejected(raw, "foreign_account", values)
    return _campaign_of(fields, campaign_id, raw)


def _campaign_of(fields: _Fields, campaign_id: str, raw: bytes) -> Campaign:
    for name in _REQUIRED:
        if fields.value(name) is None:
            fields.note(name, "missing")
    kind = fields.text("campaignExecutionType")
    message = fields.text("message.message" if isinstance(fields.value("message"), dict) else "message")
    schedule = _schedule_text(fields, raw)
    return Campaign(
        campaign_id=campaign_id,
        raw=raw,
        content_hash=digest(raw),
        name=fields.text("name"),
        description=fields.text("description"),
        status=fields.text("status"),
        priority=fields.read("priority", lambda value: as_whole(SMALLINT, value)),
        format=fields.text("format"),
        execution_type=fields.text("executionType") if kind is None else kind,
        dialing_mode=fields.text("dialingMode"),
        connection=fields.text("connection"),
        experience_flow_id=fields.text("experienceFlow", as_text_or_id),
        message_text=_message_text(message),
        dnc_list_name=fields.text("dncLists", as_only_name),
        campaign_instance_id=fields.text("campaignInstanceId"),
        is_scheduled=fields.read("schedule.isSchedulingEnabled", as_flag),
        is_recurring=fields.read("schedule.isRecurrenceEnabled", as_flag),
        schedule=schedule,
        total_messages_sent=fields.read("totalMessagesSent", lambda value: as_whole(COUNTER, value)),
        created_at=fields.read("createdAt", as_instant),
        updated_at=fields.read("updatedAt", as_instant),
        instance_updated_at=fields.read("campaignInstanceUpdatedAt", as_instant),
        contact_lists=_contact_lists(fields),
        problems=tuple(fields.problems),
    )


def _identity(fields: _Fields) -> str | None:
    """`id` (SMS) or `_id` (voice), the first that is usable; notes the other one where it says something else."""
    given = [(name, fields.value(name)) for name in ("id", "_id") if fields.value(name) is not None]
    chosen = next((value for _, value in given if is_usable_id(value)), None)
    for name, value in given:
        if value != chosen:
            fields.note(name, "another id" if is_usable_id(value) else "not a usable id")
    return chosen


def _schedule_text(fields: _Fields, raw: bytes) -> str | None:
    """The slice of the record as it came: no published sample shows a schedule in use, so its keys are unknown."""
    schedule = fields.value("schedule")
    if schedule is None:
        return None
    if not isinstance(schedule, dict):
        fields.note("schedule", "not an object")
        return None
    try:
        found = bytes(msgspec.json.decode(_without_lone_escapes(raw), type=dict[str, msgspec.Raw])["schedule"])
    except (msgspec.MsgspecError, RecursionError, KeyError):
        fields.note("schedule", "unreadable")
        return None
    if found not in raw:
        fields.note("schedule", "lone surrogate")
    return found.decode()


def _contact_lists(fields: _Fields) -> tuple[str, ...] | None:
    """() for null or an empty list; None, which keeps stored links, where it is missing or an element is unreadable."""
    if not fields.has("contactLists"):
        return None
    if fields.value("contactLists") is None:
        return ()
    names = fields.read("contactLists", as_names)
    if names is None:
        return None
    return tuple(dict.fromkeys(fields.storable("contactLists", name) for name in names))


# -- records that cannot be stored ------------------------------------------------------------------------------------


def _rejected(raw: bytes, reason: str, values: Mapping[str, Any]) -> Rejected:
    fields = _Fields(values)
    return Rejected(
        key=digest(raw),
        raw=raw.decode(errors="backslashreplace").replace("\0", "\\x00"),
        reason=reason,
        campaign_id=_identity(fields),
        created_at=fields.read("createdAt", as_instant),
        updated_at=fields.read("updatedAt", as_instant),
    )


def _salvaged(raw: bytes) -> Mapping[str, Any]:
    """What can still be read of a record with broken characters: its id tells that the campaign is not gone."""
    text = raw.decode(errors="replace").replace("\0", "\ufffd")
    try:
        values = loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(values, dict):
        return {}
    return {name: value for name, value in values.items() if "\ufffd" not in str(value)}


def _without_lone_escapes(raw: bytes) -> bytes:
    """The same text, length and all, with U+FFFD for escaped lone surrogates, which msgspec refuses."""
    return _LONE_ESCAPE.sub(lambda found: b"\\ufffd" if found[1] else found[0], raw)


def digest(raw: bytes) -> str:
    """What tells two texts of a record apart."""
    return blake2b(raw, digest_size=16).hexdigest()
