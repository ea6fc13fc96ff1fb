"""Records that no documentation promises, each with its verdict: stored exactly, or rejected with its text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

CREATED = datetime(2025, 6, 27, 9, 25, 53, 320_000, tzinfo=UTC)
WIRE = "2025-06-27T09:25:53.320Z"
MEGABYTE = 1_000_000
GIANT = "1" * 5_000


@dataclass(frozen=True, slots=True)
class Case:
    """One record and its verdict."""

    name: str
    raw: bytes
    reason: str | None = None
    """Why it is wholly rejected; None where it is stored."""
    campaign_id: str = ""
    columns: Mapping[str, Any] = field(default_factory=dict)
    """What the stored row says."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """Fields that could not be stored, and why."""
    links: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name


def record(campaign_id: Any, **wire: Any) -> bytes:
    """A good record but for these fields; `...` leaves one out."""
    whole = {"id": campaign_id, "name": "n", "status": "Ready", "createdAt": WIRE, "updatedAt": WIRE} | wire
    return json.dumps({key: value for key, value in whole.items() if value is not ...}).encode()


def spelt(name: str, fragment: str) -> bytes:
    """A good record with more members, spelt as they are."""
    return record(f"cd-{name}")[:-1] + f", {fragment}}}".encode()


def wired(**wire: Any) -> str:
    """Members as JSON."""
    return json.dumps(wire)[1:-1]


def exact(name: str, fragment: str, /, links: tuple[str, ...] = (), **columns: Any) -> Case:
    """Stored as it came."""
    return Case(name, spelt(name, fragment), None, f"cd-{name}", columns, {}, links)


def named(name: str, campaign_id: str) -> Case:
    """Stored under an odd id."""
    return Case(name, record(campaign_id), None, campaign_id)


def mended(name: str, fragment: str, path: str, problem: str, /, **columns: Any) -> Case:
    """Stored with one bad field: its column holds U+FFFD for what no database takes, or nothing at all."""
    return Case(name, spelt(name, fragment), None, f"cd-{name}", columns, {path: problem})


def refused(name: str, raw: bytes | str, reason: str) -> Case:
    """Rejected as a whole."""
    return Case(name, raw if isinstance(raw, bytes) else raw.encode(), reason)


TEXTS = {
    "sql": "'); DROP TABLE campaigns; --",
    "formula": "=cmd|' /C calc'!A0",
    "html": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "escapes": "\x1b]0;owned\x07\x1b[2J\u202e\u2066 \r\n\t\x9b31m",
    "placeholders": "%s :name $1 ? {x} {{y}} %% \\",
    "emoji": "\U0001f468\u200d\U0001f469\u200d\U0001f467 \ufffe\ufeff\u0130",
}
IDS = {"lower": "cd-aé", "upper": "cd-AÉ", "decomposed": "cd-ae\u0301", "space": "cd-aé ", "wide": "cd-\uff41é"}
MANY = tuple(f"list {n}" for n in range(10_000))
HUGE = {letter: letter * MEGABYTE for letter in "lmns"}
TYPED = ("name", "description", "status", "format", "connection", "dialingMode", "campaignInstanceId")
WRONG = {name: [1] for name in TYPED} | {"schedule": "daily", "message": 5, "dncLists": 7, "experienceFlow": False}

_TOO_LARGE = ("totalMessagesSent", "too large")
_NO_COUNT = ("totalMessagesSent", "not a whole number")
_YEAR = ("updatedAt", "year out of range")
_NO_DATE = ("updatedAt", "not a date")

STORED = [
    *(exact(f"text-{name}", wired(name=text), name=text) for name, text in TEXTS.items()),
    *(exact(f"list-{name}", wired(contactLists=[text]), links=(text,)) for name, text in TEXTS.items()),
    *(named(f"id-{name}", campaign_id) for name, campaign_id in IDS.items()),
    named("id-sql", TEXTS["sql"]),
    named("id-longest", "x" * 200),
    exact("megabyte-name", wired(name=HUGE["n"]), name=HUGE["n"]),
    exact("megabyte-text", wired(message={"message": "é" * MEGABYTE}), message_text="é" * MEGABYTE),
    exact("megabyte-status", wired(status=HUGE["s"]), status=HUGE["s"]),
    exact("megabyte-list", wired(contactLists=[HUGE["l"], HUGE["m"]]), links=(HUGE["l"], HUGE["m"])),
    exact("many-lists", wired(contactLists=MANY), links=MANY),
    exact("list-twice", wired(contactLists=["a", "a"]), links=("a",)),
    exact("many-keys", wired(**{f"k{n}": n for n in range(20_000)}), name="n"),
    exact("proto", '"__proto__": {"name": "x"}, "": 1, "constructor": null', name="n"),
    exact("key-twice", '"name": "first", "name": "last"', name="last"),
    exact("key-thrice", '"name": 5, "name": "last"', name="last"),
    exact("escaped-key", '"n\\u0061me": "escaped"', name="escaped"),
    exact("minus-zero", '"totalMessagesSent": -0.0', total_messages_sent=0),
    exact("whole-float", '"totalMessagesSent": 5.0', total_messages_sent=5),
    exact("largest", f'"totalMessagesSent": {2**63 - 1}', total_messages_sent=2**63 - 1),
    exact("odd-numbers", f'"x": [1e400, {GIANT}, -0.0, {2**70}]', name="n"),
    exact("odd-strings", '"x": "\\ud800", "\\udfff": "\\u0000"', name="n"),
    exact("offset", wired(updatedAt="2025-06-27T14:55:53.320+05:30"), updated_at=CREATED),
    exact("nanoseconds", wired(updatedAt="2025-06-27T09:25:53.320000999Z"), updated_at=CREATED),
    exact("epoch-milliseconds", wired(updatedAt=1751016353320), updated_at=CREATED),
    mended("nul", '"description": "a\\u0000b"', "description", "NUL character", description="a\ufffdb"),
    mended("surrogate", '"connection": "a\\ud800b"', "connection", "lone surrogate", connection="a\ufffdb"),
    mended("beyond-64", f'"totalMessagesSent": {2**63}', *_TOO_LARGE, total_messages_sent=None),
    mended("giant", f'"totalMessagesSent": {GIANT}', *_TOO_LARGE, total_messages_sent=None),
    mended("infinite", '"totalMessagesSent": 1e400', *_TOO_LARGE, total_messages_sent=None),
    mended("negative", '"totalMessagesSent": -1', "totalMessagesSent", "too small", total_messages_sent=None),
    mended("boolean-counter", '"totalMessagesSent": true', *_NO_COUNT, total_messages_sent=None),
    mended("fraction", '"totalMessagesSent": 1.5', *_NO_COUNT, total_messages_sent=None),
    mended("priority-text", '"priority": "5.0"', "priority", "not a whole number", priority=None),
    mended("priority-giant", f'"priority": "{GIANT}"', "priority", "too large", priority=None),
    mended("year-1", wired(updatedAt="0001-01-01T00:00:00.000Z"), *_YEAR, updated_at=None),
    mended("year-9999", wired(updatedAt="9999-12-31T23:59:59.999Z"), *_YEAR, updated_at=None),
    mended("before-year-1", wired(updatedAt="0001-01-01T00:00:00+23:59"), *_YEAR, updated_at=None),
    mended("after-9999", wired(updatedAt="9999-12-31T23:59:59-23:59"), *_YEAR, updated_at=None),
    mended("epoch-seconds", wired(updatedAt=1751016353), *_YEAR, updated_at=None),
    mended("epoch-infinite", '"updatedAt": 1e400', *_YEAR, updated_at=None),
    mended("leap-second", wired(updatedAt="2016-12-31T23:59:60Z"), *_NO_DATE, updated_at=None),
    mended("hour-24", wired(updatedAt="2025-06-27T24:00:00Z"), *_NO_DATE, updated_at=None),
    mended("week-date", wired(updatedAt="2025-W26-5"), *_NO_DATE, updated_at=None),
    mended("created-1", wired(createdAt="0001-01-01T00:00:00Z"), "createdAt", "year out of range", created_at=None),
    mended("created-9999", wired(createdAt="9999-12-31T23:59:59Z"), "createdAt", "year out of range", created_at=None),
    mended("numbered-list", wired(contactLists=["a", 5]), "contactLists", "not a list of names", name="n"),
    Case(
        "wrong-types",
        spelt("wrong-types", wired(**WRONG)),
        None,
        "cd-wrong-types",
        dict.fromkeys(("name", "description", "status", "format", "connection", "schedule", "message_text"), None),
        dict.fromkeys(WRONG, "not text") | {"schedule": "not an object"},
    ),
]
"""Stored: exactly, or with the bad field null and a line for it."""

REJECTED = [
    refused("nan", spelt("nan", '"x": NaN'), "not_json"),
    refused("infinity", spelt("infinity", '"totalMessagesSent": -Infinity'), "not_json"),
    refused("control", record("cd-control").replace(b'"n"', b'"a\x01b"'), "not_json"),
    refused("single-quotes", "{'id': 'cd-single-quotes'}", "not_json"),
    refused("bare-word", "undefined", "not_json"),
    refused("hexadecimal", spelt("hexadecimal", '"totalMessagesSent": 0x10'), "not_json"),
    refused("deep", spelt("deep", '"x": ' + "[" * 10_000 + "]" * 10_000), "too_deep"),
    refused("deep-objects", b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "too_deep"),
    refused("latin-1", record("cd-latin-1").replace(b'"n"', b'"caf\xe9"'), "not_utf8"),
    refused("overlong", record("cd-overlong").replace(b'"n"', b'"\xc0\x80"'), "not_utf8"),
    refused("nul-byte", record("cd-nul-byte").replace(b'"n"', b'"a\0b"'), "nul_byte"),
    refused("null", "null", "not_an_object"),
    refused("number", GIANT, "not_an_object"),
    refused("text", '"cd-text"', "not_an_object"),
    refused("list", "[[], {}]", "not_an_object"),
    refused("no-id", record(...), "no_id"),
    refused("null-id", record(None), "no_id"),
    refused("empty", "{}", "no_id"),
    refused("number-id", record(17), "bad_id"),
    refused("object-id", record({"$oid": "a"}), "bad_id"),
    refused("empty-id", record(""), "bad_id"),
    refused("nul-id", record("a\0b"), "bad_id"),
    refused("line-id", record("a\nb"), "bad_id"),
    refused("id-255", record("y" * 255), "bad_id"),
    refused("id-256", record("y" * 256), "bad_id"),
    refused("id-megabyte", record("y" * MEGABYTE), "bad_id"),
    refused("foreign", record("cd-foreign", accountId="somebody else"), "foreign_account"),
]
"""Rejected as a whole, with its raw text."""
