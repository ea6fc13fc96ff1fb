"""What is kept of a record where message texts are not to be stored (`store_message_text = false`). Pure.

The text's place says how long it was; every other byte stays as it came, so that the record is still JSON. The digest
is that of what is kept: with the rest of the record at hand, a digest of the text would confirm any guess of it. A text
that changes shows by its length, or by `updatedAt`, which moves with it. A text under a name that `etl.transform` does
not know cannot be recognised.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from msgspec.structs import replace

from etl import slices, transform
from etl.model import Campaign, Rejected, Scope
from etl.values import is_withheld, withheld

_WHOLE = re.compile(rb"\[[0-9]+ bytes, not stored: store_message_text is off, digest [0-9a-f]+\]")


def decode(raw: bytes, scope: Scope) -> Campaign | Rejected:
    """As `transform.decode`, of what is kept. In a record that cannot be read nobody can tell where the text is: of it
    nothing is kept but length and digest."""
    record, kept = transform.decode(raw, scope), _without_text(raw)
    if kept is None or (isinstance(record, Rejected) and record.reason in transform.UNREADABLE):
        return _unread(raw, record)
    return transform.decode(kept, scope)


def stored(raw: str) -> tuple[str, str]:
    """What is kept of a campaign's record that was stored with its text, and its digest; of one without, the same."""
    kept = _without_text(raw.encode())
    text = _whole(raw.encode()) if kept is None else kept.decode()
    return text, transform.digest(text.encode())


def _without_text(raw: bytes) -> bytes | None:
    """None where it is no JSON object."""
    kept, position = b"", 0
    try:
        for start, end in _texts(raw):
            kept += raw[position:start] + json.dumps(withheld(end - start)).encode()
            position = end
    except ValueError:
        return None
    return kept + raw[position:]


def _texts(raw: bytes) -> Iterator[tuple[int, int]]:
    """Where the texts are: `message.message`, or a `message` that is no object; keys given twice, each of them."""
    for start, end in _named_message(raw):
        if raw[start : start + 1] != b"{":
            yield from _told(raw, start, end)
            continue
        for inner_start, inner_end in _named_message(raw[start:end]):
            yield from _told(raw, start + inner_start, start + inner_end)


def _named_message(text: bytes) -> Iterator[tuple[int, int]]:
    return ((start, end) for name, start, end in slices.spans(text) if name == "message")


def _told(raw: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The span, unless there is nothing to withhold."""
    value = raw[start:end].decode(errors="replace")
    if value != "null" and not is_withheld(value.strip('"')):
        yield start, end


def _unread(raw: bytes, record: Campaign | Rejected) -> Rejected:
    if isinstance(record, Campaign):  # read by a decoder that forgives more than the splitter does
        return Rejected(record.content_hash, _whole(raw), "not_json", record.campaign_id, record.created_at)
    return replace(record, raw=_whole(raw))


def _whole(raw: bytes) -> str:
    if _WHOLE.fullmatch(raw):
        return raw.decode()
    return f"[{len(raw)} bytes, not stored: store_message_text is off, digest {transform.digest(raw)}]"
