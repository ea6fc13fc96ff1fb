"""The fuzzer of `tests/fuzz/run.py`, in small: it passes, and it would tell."""

from __future__ import annotations

import pytest
from fuzz import run as fuzz
from msgspec.structs import replace

from etl import transform
from etl.extract import wire
from etl.model import Campaign, Page, Scope


def test_fuzzed_responses() -> None:
    """No crash, no hang, no lost good record, memory bounded; some of them come over HTTP."""
    result = fuzz.run(1_000, seed=1)
    assert result.failures == []
    assert {"page, every record", "no page", "damaged page", "http, no page"} <= set(result.counts)


def test_a_parser_that_loses_a_record_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that drops the last record of a page."""
    parse = wire.parse_page

    def forgetful(*arguments: object) -> Page:
        page = parse(*arguments)  # type: ignore[arg-type]
        return replace(page, records=page.records[:-1])

    monkeypatch.setattr(wire, "parse_page", forgetful)
    assert any("records of" in one for one in fuzz.run(20).failures)


def test_a_decoder_that_alters_a_record_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """One whose fast path takes other values than its tolerant one."""
    plain = transform._plain

    def careless(raw: bytes, scope: Scope) -> Campaign | None:
        found = plain(raw, scope)
        return found and replace(found, name="x")

    monkeypatch.setattr(transform, "_plain", careless)
    assert any("disagree" in one for one in fuzz.run(20).failures)


def test_the_oracle_knows_where_a_record_ends() -> None:
    """Brackets and quotes are even, and nothing follows."""
    values = (b"1", b'"a,b"', b'{"a":[1,{}]}', b'"\\""', b"nonsense", b"[]", b"{}")
    no_values = (b"", b" ", b"1,2", b'"a', b"[", b"]", b"{]", b'{}"a"', b'"a"1', b"1 2", b"[],[]", b'"a":1')
    assert all(map(fuzz.is_one_value, values))
    assert not any(map(fuzz.is_one_value, no_values))
