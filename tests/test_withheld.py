"""What is kept of a record whose message text is not to be stored: everything but the text."""

from __future__ import annotations

import json
from hashlib import blake2b

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_transform import ANY_JSON, BASE, RECORDS, SIMPLE, SMS, WILD, raw_of

from etl import transform, withheld
from etl.model import Campaign, Record, Rejected

CANARY = "kanarienvogel"


def kept(raw: bytes) -> Campaign:
    found = withheld.decode(raw, SMS)
    assert isinstance(found, Campaign)
    return found


def utf8(found: Record) -> bytes:
    return found.raw.encode() if isinstance(found, Rejected) else found.raw


def test_the_documented_sample_keeps_every_byte_but_the_text() -> None:
    """The record stays JSON; its place says how many bytes the text had; the digest is that of what is kept."""
    found = kept(SIMPLE.encode())
    text = '"Hi, This is just reminder for upcoming event"'
    assert found.raw.decode() == SIMPLE.replace(text, f'"[{len(text)} bytes, not stored]"')
    assert json.loads(found.raw)["message"]["message"] == f"[{len(text)} bytes, not stored]"
    assert found.content_hash == blake2b(found.raw, digest_size=16).hexdigest()
    plain = transform.decode(SIMPLE.encode(), SMS)
    others = [name for name in Campaign.__struct_fields__ if name not in ("raw", "content_hash", "message_text")]
    assert [getattr(found, name) for name in others] == [getattr(plain, name) for name in others]
    assert found.message_text is None


@pytest.mark.parametrize(
    "message",
    [
        f'"{CANARY}"',
        f'{{"message":"{CANARY}"}}',
        f'{{"message":{{"text":"{CANARY}"}},"templateId":"cmt-1"}}',
        f'{{"message":["{CANARY}"]}}',
        f'["{CANARY}"]',
        f'{{"templateId":"", "mess\\u0061ge" :\t"{CANARY}\\u0000\\ud800\\"}}" }}',
        f'{{"message":"{CANARY}","message":null}}',
        f'null,"message":{{"message":"{CANARY}"}},"message":{{"message":1}}',
        f'{{"\\ud800":1,"message":"{CANARY}"}}',
    ],
)
def test_the_text_is_nowhere_whatever_its_shape(message: str) -> None:
    """Escaped names, keys given twice, wrong types, odd characters: on the fast path and on the tolerant one."""
    for more in ("", ',"priority":"x"', ',"description":"\\ud800"'):
        raw = (json.dumps(BASE)[:-1] + f',"message":{message}{more}}}').encode()
        assert isinstance(transform.decode(raw, SMS), Campaign)
        found = kept(raw)
        assert CANARY not in repr(found)
        assert found.message_text is None
        assert "message" not in {one.field.partition(".")[0] for one in found.problems}
        json.loads(found.raw)


def test_what_is_no_message_text_stays() -> None:
    """Templates, names, descriptions, messages elsewhere; null says that there is none."""
    raw = raw_of(message={"templateId": "cmt-1", "message": None}, description="message", x={"message": "inner"})
    assert kept(raw).raw == raw


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b'{"id":"cd-1","message":"kanarienvogel","x":NaN}', "not_json"),
        (b'{"id":"cd-1","message":"kanarienvogel","x":"\xff"}', "not_utf8"),
        (b'{"id":"cd-1","message":"kanarienvogel\0"}', "nul_byte"),
        (b'{"id":"cd-1","message":"kanarienvogel","x":' + b"[" * 9999 + b"]" * 9999 + b"}", "too_deep"),
        (b'["kanarienvogel"]', "not_an_object"),
        (b'{"message":"kanarienvogel', "not_json"),
    ],
)
def test_of_a_record_that_cannot_be_read_nothing_is_kept(raw: bytes, reason: str) -> None:
    """Nobody can tell where its text is: length and digest stand for it, and an id that can be told is told."""
    found = withheld.decode(raw, SMS)
    plain = transform.decode(raw, SMS)
    assert isinstance(found, Rejected)
    assert isinstance(plain, Rejected)
    assert found.reason == reason
    assert (found.key, found.campaign_id) == (plain.key, plain.campaign_id)
    assert found.raw == f"[{len(raw)} bytes, not stored: store_message_text is off, digest {found.key}]"
    assert withheld.decode(found.raw.encode(), SMS).raw == found.raw


def test_of_a_rejected_record_that_can_be_read_only_the_text_is_left_out() -> None:
    """It shows why it was rejected."""
    raw = raw_of(id=17, message={"message": CANARY})
    found = withheld.decode(raw, SMS)
    assert isinstance(found, Rejected)
    assert (found.reason, json.loads(found.raw)["id"]) == ("bad_id", 17)
    assert CANARY not in found.raw


def test_a_changed_text_changes_the_digest() -> None:
    """By its length, or by the stamp that moves with it."""
    told = {kept(raw_of(message={"message": text})).content_hash for text in ("a", "bb", "ccc")}
    told.add(kept(raw_of(message={"message": "d"}, updatedAt="2025-06-28T00:00:00.000Z")).content_hash)
    assert len(told) == 4


@settings(max_examples=200, deadline=None)
@given(RECORDS | WILD | ANY_JSON, st.booleans(), st.sampled_from([None, 1]))
def test_whatever_can_be_read_reads_the_same_but_for_its_text(
    record: object, escaped: bool, indent: int | None
) -> None:
    """Same ids, columns, links and reasons; reading what is kept again changes nothing."""
    raw = json.dumps(record, ensure_ascii=escaped, indent=indent).encode(errors="replace")
    plain, found = transform.decode(raw, SMS), withheld.decode(raw, SMS)
    assert type(plain) is type(found)
    assert withheld.decode(utf8(found), SMS).raw == found.raw
    if isinstance(plain, Campaign) and isinstance(found, Campaign):
        assert withheld.stored(plain.raw.decode()) == (found.raw.decode(), found.content_hash)
        assert found.message_text is None
        names = set(Campaign.__struct_fields__) - {"raw", "content_hash", "message_text", "problems"}
        assert all(getattr(found, name) == getattr(plain, name) for name in names)
    elif isinstance(plain, Rejected) and isinstance(found, Rejected):
        assert (found.reason, found.campaign_id) == (plain.reason, plain.campaign_id)
