"""When a stored value and a read one are the same: JSON as values, all else as it is. Pure."""

from __future__ import annotations

import json
from typing import Any

from msgspec import Struct


def is_equal(column: str, stored: Any, read: Any) -> bool:
    """Whether a column holds what the record says; JSON texts are compared as values, and the digest follows them."""
    if column == "content_hash":
        return True
    if column in ("raw", "schedule", "contact_list_names") and stored is not None and read is not None:
        return stored == read or same_json(stored, read)
    return bool(stored == read)


def same_json(one: str, other: str) -> bool:
    """Equal JSON values: key order, white space and the order of contact lists aside. 1, 1.0 and true are three."""
    try:
        return bool(_unordered(_parsed(one)) == _unordered(_parsed(other)))
    except (ValueError, RecursionError):  # not JSON, or deeper than can be parsed: then only equal texts are equal
        return False


def _parsed(text: str) -> Any:
    return json.loads(text, parse_int=_Number, parse_float=_Number, parse_constant=_Number)


def _unordered(record: Any) -> Any:
    """Contact lists are a set: the page gives their order no meaning, and none is stored."""
    names = record.get("contactLists") if isinstance(record, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return record
    return {**record, "contactLists": sorted(names)}


class _Number(Struct, frozen=True):
    written: str
