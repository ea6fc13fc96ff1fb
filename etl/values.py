"""How a single value may be spelt and still be understood: numbers as text, dates, names, base64. Pure.

Each function takes a JSON value as `loads` gives it and returns the Python value, or raises `FieldError`.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn
from urllib.parse import unquote

SMALLINT = range(-(2**15), 2**15)
COUNTER = range(2**63)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_YEARS = range(2000, 2101)
_LONGEST_ID = 200
_LONGEST_INTEGER = 40
_SURELY_BASE64 = 16
"""Unpadded base64 shorter than this may be a plain word: of 67,000 words and names of 4, 8 or 12 letters 4,000 decode
to printable text, of 2,800 with 16 letters none."""

_NOT_IN_IDS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_NOT_IN_MESSAGES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_WITHHELD = re.compile(r"\[[0-9]+ bytes, not stored\]")
_INTEGER = re.compile(r"-?[0-9]+")
_EXTENDED_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ](?!24)[0-9]|$)")
"""Without 24:00, which newer Pythons take for the next midnight and older ones refuse."""

_DOCUMENTED_DATES = re.compile(r"(?:20[0-9]{2}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}\.[0-9]{3}Z)*")
"""`2025-06-20T05:06:06.742Z`, many in a row."""

_DOCUMENTED_LENGTH = 24

_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")


class FieldError(Exception):
    """A value is not what was expected. Says what is wrong with it in a few words, never the value."""


def loads(text: str) -> Any:
    """As JSON says: NaN is refused. Numbers too large for their Python type become infinite instead of an error."""
    return json.loads(text, parse_int=_integer, parse_constant=_refuse)


def _integer(digits: str) -> int | float:
    """Python refuses to read thousands of digits; so many are too large for any column anyway."""
    return int(digits) if len(digits) <= _LONGEST_INTEGER else float(digits)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def as_text(value: Any) -> str:
    if not isinstance(value, str):
        raise FieldError("not text")
    return value


def as_flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise FieldError("not true or false")
    return value


def as_text_or_id(value: Any) -> str:
    if not isinstance(value, dict):
        return as_text(value)
    inner = value.get("id")
    return as_text(value.get("_id") if inner is None else inner)


def as_names(value: Any) -> list[str]:
    """Texts, or objects with a `name`. One unreadable element spoils the list: a partial set would drop links."""
    if not isinstance(value, list):
        raise FieldError("not a list of names")
    return [_name(each) for each in value]


def _name(value: Any) -> str:
    name = value.get("name") if isinstance(value, dict) else value
    if not isinstance(name, str):
        raise FieldError("not a list of names")
    return name


def as_only_name(value: Any) -> str | None:
    """A campaign has at most one DNC list; samples send it as an object."""
    if isinstance(value, dict):
        return None if value.get("name") is None else as_text(value["name"])
    names = set(as_names(value)) if isinstance(value, list) else {as_text(value)}
    if len(names) > 1:
        raise FieldError("more than one name")
    return next(iter(names), None)


def as_whole(allowed: range, value: Any) -> int:
    """An integer, a float that is whole, or either's digits as text (`priority` comes as text)."""
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        value = _integer(value)
    if isinstance(value, float) and (value.is_integer() or abs(value) > allowed[-1]):
        value = int(max(min(value, 2.0**64), -(2.0**64)))
    if isinstance(value, bool) or not isinstance(value, int):
        raise FieldError("not a whole number")
    return within(allowed, value)


def within(allowed: range, number: int) -> int:
    if number in allowed:
        return number
    raise FieldError("too large" if number > allowed[-1] else "too small")


def as_instant(value: Any) -> datetime:
    """ISO 8601 (without a zone: UTC; digits beyond microseconds are cut) or epoch milliseconds -> UTC."""
    try:
        instant = _parsed(value)
        if instant.tzinfo is not UTC:
            instant = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except OverflowError:
        raise FieldError("year out of range") from None
    except ValueError:
        raise FieldError("not a date") from None
    if instant.year not in _YEARS:
        raise FieldError("year out of range")
    return instant


def as_instants(dates: Sequence[str | None]) -> list[datetime | None]:
    """As `as_instant`, of dates that are all spelt as every sample spells them; None stays None. Raises FieldError
    where one is spelt otherwise."""
    texts = [one for one in dates if one is not None]
    if not set(map(len, texts)) <= {_DOCUMENTED_LENGTH} or not _DOCUMENTED_DATES.fullmatch("".join(texts)):
        raise FieldError("not spelt as documented")
    try:
        instants = map(datetime.fromisoformat, texts)
        if len(texts) == len(dates):
            return list(instants)
        return [None if one is None else next(instants) for one in dates]
    except ValueError:
        raise FieldError("not a date") from None


def as_documented(date: str | None) -> datetime | None:
    """The same of one date."""
    if date is None:
        return None
    if len(date) != _DOCUMENTED_LENGTH or not _DOCUMENTED_DATES.fullmatch(date):
        raise FieldError("not spelt as documented")
    return datetime.fromisoformat(date)


def _parsed(value: Any) -> datetime:
    if isinstance(value, str):
        if not _EXTENDED_DATE.match(value):
            raise FieldError("not a date")
        return datetime.fromisoformat(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FieldError("not a date")
    return _EPOCH + timedelta(milliseconds=value)


def readable(message: str) -> str:
    """The text of an SMS. The page shows it plain, its siblings as base64 with percent-encoded padding.

    Decoded only where it is strict base64 of printable UTF-8 and too long, or too well padded, to be a plain word.
    """
    if " " in message:
        return message
    encoded = unquote(message)
    if not encoded or len(encoded) % 4 or not _BASE64.fullmatch(encoded):
        return message
    if encoded == message and len(message) < _SURELY_BASE64 and not message.endswith("="):
        return message
    packed = base64.b64decode(encoded)
    try:
        text = packed.decode()
    except UnicodeDecodeError:
        return message
    strict = base64.b64encode(packed).decode() == encoded
    return text if strict and not _NOT_IN_MESSAGES.search(text) else message


def withheld(size: int) -> str:
    """What stands in a record for a message text of so many bytes that is not to be stored."""
    return f"[{size} bytes, not stored]"


def is_withheld(message: str) -> bool:
    return message.startswith("[") and _WITHHELD.fullmatch(message) is not None


def is_usable_id(value: Any) -> bool:
    """Ids are opaque text: samples are masked and of several shapes, so nothing about their form is checked."""
    return (
        isinstance(value, str)
        and 0 < len(value) <= _LONGEST_ID
        and ((value.isascii() and value.isprintable()) or not _NOT_IN_IDS.search(value))
    )


def are_usable_ids(ids: Sequence[str]) -> bool:
    """Whether all of them surely are: ids beyond printable ASCII are looked at one by one."""
    text, lengths = "".join(ids), set(map(len, ids))
    return text.isascii() and text.isprintable() and 0 not in lengths and max(lengths, default=0) <= _LONGEST_ID
