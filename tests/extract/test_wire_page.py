"""Envelopes: the documented one, tolerated ones, hostile records, and what is no page at all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl import slices
from etl.extract import wire
from etl.model import Page, Record, Rejected

GOOD = b'{"id": "cd-1", "name": "x"}'


def keep(raw: bytes) -> Record:
    return Rejected(key=str(hash(raw)), raw=raw.decode("utf-8", "replace"), reason="kept as it came")


def read(_: bytes, raws: Sequence[bytes]) -> tuple[Record, ...]:
    return tuple(map(keep, raws))


def page(results: bytes, rest: bytes = b'"hasMore": true, "totalResults": 8, "limit": 2, "skip": 0') -> Page:
    body = (
        b'{"status": "success", "message": "Campaign  retrieved", "data": {"results": ['
        + results
        + b"], "
        + rest
        + b"}}"
    )
    return wire.parse_page(body, read, None)


def raws(got: Page) -> list[str]:
    return [record.raw for record in got.records if isinstance(record, Rejected)]


def test_records_reach_decode_as_they_came() -> None:
    """Spacing, key order and number spelling of a record survive; the envelope's numbers are read."""
    odd = b'{"b" :1.50, "a":"\\u00e9",  "_id": "x"}'
    got = page(GOOD + b"," + odd)
    assert raws(got) == [GOOD.decode(), odd.decode()]
    assert (got.total, got.has_more, got.limit, got.skip) == (8, True, 2, 0)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [(b"8", 8), (b'"8"', 8), (b'" 8 "', None), (b"0", 0), (b"-1", None), (b"true", None), (b"8.5", None),
     (b"7.0", 7), (b"null", None), (b"[]", None), (b"1e3", None), (b"9" * 5000, None), (b'"many"', None)],
)  # fmt: skip
def test_numbers_of_the_envelope_are_read_tolerantly(raw: bytes, expected: int | None) -> None:
    """Whole numbers and digit strings count; anything else is unknown, never a crash, never 1 for true."""
    assert page(GOOD, b'"totalResults": ' + raw).total == expected


@pytest.mark.parametrize("record", [GOOD, b'{"id": NaN}'])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'"status":"error",', b""),
        (b"", b',"data":{"results":[],"totalResults":0,"hasMore":false}'),
        (b'"data":{"results":[]},', b""),
        (b"", b',"st\\u0061tus":"success"'),
    ],
)
def test_an_envelope_that_says_a_thing_twice_is_no_page(record: bytes, before: bytes, after: bytes) -> None:
    """Readers would differ in what it says: it is a fault, whichever decoder reads it. Records may."""
    inside = b'"data":{"results":[' + record + b',{"a":1,"a":2}],"totalResults":2}'
    assert len(wire.parse_page(b'{"status":"success",' + inside + b"}", read, None).records) == 2
    with pytest.raises(wire.NoPage, match="twice"):
        wire.parse_page(b"{" + before + b'"status":"success",' + inside + after + b"}", read, None)
    with pytest.raises(wire.NoPage, match="twice"):
        wire.parse_page(b'{"status":"success",' + inside[:-1] + b',"results":[]}}', read, None)


@pytest.mark.parametrize(
    "envelope",
    [
        b'{"status":"success","data":{"results":[%b]}}',
        b'{"data" : {"more":{}, "results" : [ %b ] } ,"status":"success"}',
        b'{"status":"success","results":[1,2],"data":{"results":[%b]}}',
        b'{"status":"success","data":{"results":[%b],"results2":[1,2]},"errors":[]}',
        b'{"status":"success","data":{"re\\u0073ults":[%b]},"meta":{"results":[1,2]}}',
        b'{"status":"success","data":{"results":[%b]},"meta":"\\"results\\":[1,2]"}',
        b'{"meta":"\\"results\\":[1,2]","status":"success","data":{"results":[%b]}}',
    ],
)
@pytest.mark.parametrize("records", [b"", GOOD, GOOD + b', {"id": NaN, "x": "]"}'])
def test_the_list_is_that_of_data_wherever_it_stands(envelope: bytes, records: bytes) -> None:
    """And whatever else is a list, or is called so."""
    assert len(wire.parse_page(envelope % records, read, None).records) == (2 if b"NaN" in records else bool(records))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [(b"true", True), (b'"false"', False), (b'"True"', True), (b"0", None), (b"null", None), (b'"x"', None)],
)
def test_has_more_is_read_tolerantly(raw: bytes, expected: bool | None) -> None:
    """Booleans and their names count; anything else is unknown."""
    assert page(GOOD, b'"hasMore": ' + raw).has_more is expected


HOSTILE = [
    b'{"id": "x", "n": NaN}', b'{"id": "x", "n": -Infinity}', b'{"id": "\\ud800"}', b'{"id": "\xff\xfe"}',
    b'{"id": "a\x01b"}', b'{"n": ' + b"9" * 5000 + b"}",
    b"[" * 10_000 + b"]" * 10_000, b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    b"nonsense", b'{"n": 01}', b"'single'", b'{"id": "\\x"}', b'"]}"',
]  # fmt: skip


@pytest.mark.parametrize("record", HOSTILE)
def test_one_hostile_record_does_not_void_its_page(record: bytes) -> None:
    """Whatever a record holds, its neighbours and the envelope are read and it reaches decode byte for byte."""
    seen: list[bytes] = []
    body = b'{"status":"success","data":{"totalResults":3,"results":[' + GOOD + b"," + record + b" ," + GOOD + b"]}}"
    got = wire.parse_page(body, lambda _, raws: (seen.extend(raws), read(_, raws))[1], None)
    assert seen == [GOOD, record, GOOD]
    assert got.total == 3


NO_PAGES = [
    b"",
    b"   ",
    b"null",
    b"[]",
    b'"success"',
    b"<html>oops</html>",
    b'{"status":"success"}',
    b'{"status":"success","data":null}',
    b'{"status":"success","data":{}}',
    b'{"status":"success","data":{"results":null}}',
    b'{"status":"success","data":{"results":{}}}',
    b'{"status":"error","data":{"results":[]}}',
    b'{"status":"failure","message":"x"}',
    b'{"data":{"results":[]}}',
    b'{"status":"success","data":{"results":[{}]}',
    b'{"status":"success","data":{"results":[]}} trailing',
    b'{"status":"success","data":{"results":[{"id":"',
    b'{"status":1,"data":{"results":[]}}',
    b'{"status":"success","data":{"results":[]]}}',
]


@pytest.mark.parametrize("body", NO_PAGES)
def test_what_is_no_page_is_a_fault_never_no_campaigns(body: bytes) -> None:
    """Error envelopes, HTML, missing lists and cut-off bodies raise, although an empty list would parse."""
    with pytest.raises(wire.NoPage):
        wire.parse_page(body, read, None)


def test_an_empty_list_is_an_answer() -> None:
    """No campaigns is said by an empty list in a success envelope; a byte order mark does not hide it."""
    body = b'\xef\xbb\xbf{"status":"success","data":{"results":[],"totalResults":0,"hasMore":false}}'
    assert wire.parse_page(body, read, None).total == 0


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(json_values, st.sampled_from(["body", "data", "results", "record", "total"]))
def test_arbitrary_json_anywhere_never_crashes(value: Any, place: str) -> None:
    """Any JSON (NaN and lone surrogates included) in any place gives a page or NoPage, and can be an error body."""
    record = value if place == "record" else {"id": "x"}
    data: Any = {"results": value if place == "results" else [record], "totalResults": value if place == "total" else 1}
    whole: Any = value if place == "body" else {"status": "success", "data": value if place == "data" else data}
    body = json.dumps(whole).encode("utf-8", "surrogatepass")
    wire.error_body(body)
    try:
        got = wire.parse_page(body, read, None)
    except wire.NoPage:
        assert place != "record"
        assert place != "total"
    else:
        assert all(isinstance(record, Rejected) for record in got.records)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60) | st.text(alphabet='{}[]",:\\ a1', max_size=60).map(str.encode))
def test_arbitrary_bytes_never_crash(body: bytes) -> None:
    """Bytes that are no JSON give NoPage, and an error body can be made of them."""
    wire.error_body(body)
    with pytest.raises(wire.NoPage):
        wire.parse_page(body, read, None)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(max_size=5), json_values, max_size=5), st.lists(json_values, max_size=5))
def test_the_splitter_agrees_with_a_decoder(members: dict[str, Any], elements: list[Any]) -> None:
    """On valid JSON the slices decode to what the whole decodes to."""
    split = slices.members(json.dumps(members, indent=1).encode())
    for name, value in json.loads(json.dumps(members)).items():
        key = name.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        if key == name:
            assert repr(json.loads(split[name])) == repr(value)
    assert [repr(json.loads(part)) for part in slices.elements(json.dumps(elements).encode())] == [
        repr(value) for value in json.loads(json.dumps(elements))
    ]


@pytest.mark.parametrize("text", [b'["' + b'\\"' * 200_000, b"[" * 400_000, b'{"a":"' * 60_000, b"[" + b"1," * 200_000])
def test_the_splitter_is_linear_on_texts_that_never_end(text: bytes) -> None:
    """Unclosed strings and brackets end in an error after one pass (quadratic time would take minutes)."""
    with pytest.raises(ValueError, match=r"\w"):
        slices.elements(text)


@pytest.mark.parametrize(
    ("body", "spoken", "code"),
    [
        (b'{"errors":[{"msg":"Invalid SDK credentials","code":4002}]}', "Invalid SDK credentials", 4002),
        (b'{"errors":[],"message":"second"}', "second", None),
        (b'{"error":"third","code":"401"}', "third", 401),
        (b'{"message":{"deep":1},"error":"third"}', "third", None),
        (b'{"unknown":"payload"}', "", None),
        (b"<h1>Bad\x1b[31m\n  Gateway</h1>", "<h1>Bad [31m Gateway</h1>", None),
        (b'{"message":"token eyJhbGciOi.eyJhcHA.c2ln is bad"}', "token [token] is bad", None),
        (b'{"message":"cannot read {\\"message\\": \\"Hi Bob\\"}"}', "cannot read ...", None),
        (b'Oops: [ {"message": "Hi Bob"} ] and more', "Oops: ...", None),
        (b'Oops: ["Hi Bob"]', "Oops: ...", None),
        (b"Bad [gateway]", "Bad [gateway]", None),
    ],
)
def test_error_bodies_are_read_in_documented_order(body: bytes, spoken: str, code: int | None) -> None:
    """errors[0], message, error, then the text itself; control characters, tokens and payloads are left out."""
    got = wire.error_body(body)
    assert (got.spoken, got.code) == (spoken, code)
