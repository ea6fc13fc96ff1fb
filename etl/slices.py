"""Where the values of a JSON text begin and end, without decoding them: one hostile record must not void its page.

Used where the decoder gives up (NaN, lone surrogates, nesting 10,000 deep, ...), and where a value is replaced and
every byte around it left alone. Nothing here recurses, and every pattern is possessive and anchored: the time is linear
in the text.
"""

from __future__ import annotations

import re

import msgspec

_STRING_PATTERN = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_STRING = re.compile(_STRING_PATTERN, re.DOTALL)
_MARK = re.compile(rb'[^"\[\]{}]*+(' + _STRING_PATTERN + rb"|[\[\]{}])", re.DOTALL)
_SCALAR = re.compile(rb'[^,:"\[\]{}\s]++')
_SPACE = re.compile(rb"[ \t\r\n]*+")
_CLOSER = {ord("{"): ord("}"), ord("["): ord("]")}


def members(text: bytes) -> dict[str, bytes]:
    """The members of the JSON object `text`: name -> its value's text; of a name given twice, the last.

    Raises ValueError where `text` is not one whole object.
    """
    return dict(pairs(text))


def pairs(text: bytes) -> list[tuple[str, bytes]]:
    """The same, each member as it stands there."""
    return [(name, text[start:end]) for name, start, end in spans(text)]


def spans(text: bytes) -> list[tuple[str, int, int]]:
    """Every member of the JSON object `text`, in order: its name, and where its value begins and ends.

    Raises ValueError where `text` is not one whole object.
    """
    found: list[tuple[str, int, int]] = []
    position = _opened(text, b"{")
    while not _closed(text, position, b"}"):
        key = _STRING.match(text, position)
        if key is None:
            raise ValueError("a member has no name")
        position = _after(text, _space(text, key.end()), b":")
        start = _space(text, position)
        end = _value_end(text, start)
        found.append((_name(key[0]), start, end))
        position = _next(text, end, b"}")
    return found


def elements(text: bytes) -> list[bytes]:
    """The elements of the JSON array `text`, each as its text. Raises ValueError where it is not one whole array."""
    found: list[bytes] = []
    position = _opened(text, b"[")
    while not _closed(text, position, b"]"):
        end = _value_end(text, position)
        found.append(text[position:end])
        position = _next(text, end, b"]")
    return found


def _space(text: bytes, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _after(text: bytes, position: int, mark: bytes) -> int:
    if text[position : position + 1] != mark:
        raise ValueError(f"expected {mark.decode()!r} at byte {position}")
    return position + 1


def _opened(text: bytes, mark: bytes) -> int:
    """The position of the first element or the closing mark."""
    return _space(text, _after(text, _space(text, 0), mark))


def _closed(text: bytes, position: int, mark: bytes) -> bool:
    """Whether the container ends here; then nothing may follow it."""
    if text[position : position + 1] != mark:
        return False
    if _space(text, position + 1) != len(text):
        raise ValueError("something follows the value")
    return True


def _next(text: bytes, position: int, closer: bytes) -> int:
    """The position of the next element, or of the closing mark."""
    position = _space(text, position)
    if text[position : position + 1] == closer:
        return position
    return _space(text, _after(text, position, b","))


def _value_end(text: bytes, start: int) -> int:
    first = text[start] if start < len(text) else 0
    if first in _CLOSER:
        return _container_end(text, start)
    match = (_STRING if first == ord('"') else _SCALAR).match(text, start)
    if match is None:
        raise ValueError(f"no value at byte {start}")
    return match.end()


def _container_end(text: bytes, start: int) -> int:
    """Just behind the bracket that closes the one at `start`."""
    awaited = bytearray()
    position = start
    while match := _MARK.match(text, position):
        position = match.end()
        mark = text[match.start(1)]
        if mark in _CLOSER:
            awaited.append(_CLOSER[mark])
        elif mark != ord('"') and awaited.pop() != mark:
            raise ValueError(f"brackets do not match at byte {position}")
        if not awaited:
            return position
    raise ValueError("the text ends within a value")


def _name(key: bytes) -> str:
    try:
        return msgspec.json.decode(key, type=str)
    except (msgspec.MsgspecError, ValueError):
        return key[1:-1].decode("utf-8", "replace")
