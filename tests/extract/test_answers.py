"""What each HTTP answer stops, and Retry-After in every form."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from etl.errors import (
    AccountRefused,
    AccountUnavailable,
    AttemptFailed,
    Overloaded,
    SourceError,
    Throttled,
    TokenRefused,
)
from etl.extract.answers import Answer, NotAccepted, error, page, retry_after
from etl.model import Record, Rejected

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ODD_TOKEN = b'{"errors":[{"msg":"Invalid SDK credentials","code":4002}]}'
SCOPE = b'{"errors":[{"msg":"Permission denied. Scope is incorrect!","code":4002}]}'


def read(_: bytes, raws: Sequence[bytes]) -> tuple[Record, ...]:
    return tuple(Rejected("k", repr(raw), "r") for raw in raws)


def stopped_by(status: int, body: bytes, **headers: str) -> SourceError:
    answer = Answer(status, CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()}), body)
    with pytest.raises(SourceError) as caught:
        page(
            answer,
            read,
            now=NOW,
            where="account a, app b at h",
        )
    assert "account a, app b at h" in str(caught.value)
    return caught.value


TABLE: list[tuple[int, bytes, type[SourceError]]] = [
    (401, ODD_TOKEN, TokenRefused),
    (401, SCOPE, TokenRefused),
    (401, b"", TokenRefused),
    (400, b'{"errors":[{"msg":"error verifying the jwt: jti","code":401}]}', TokenRefused),
    (200, b'{"errors":[{"msg":"error verifying the jwt: replay","code":401}]}', TokenRefused),
    (403, b"<html>Forbidden</html>", AccountRefused),
    (404, b"not here", AccountUnavailable),
    (301, b"", AccountUnavailable),
    (307, b"", AccountUnavailable),
    (401, b'{"errors":[{"msg":"JWE token is required","code":4002}]}', AccountRefused),
    (200, b'{"status":"error","message":"JWE token is required"}', AccountRefused),
    (429, b"", Throttled),
    (200, b'{"status":"error","message":"You\'ve exceeded the per-minute rate limit"}', Throttled),
    (200, b'{"status":"failure","message":"You\'ve exceeded the hourly rate limit..."}', Throttled),
    (200, b"<html>Too Many Requests</html>", Throttled),
    (400, b'{"errors":[{"msg":"Rate limit for this API has been reached","code":400}]}', Throttled),
    (403, b'{"message":"too many requests"}', Throttled),
    (400, b'{"errors":[{"msg":"not found","code":400}]}', NotAccepted),
    (405, b"", NotAccepted),
    (412, b'{"errors":[{"msg":"Validation errors/ Invalid arguments","code":412}]}', NotAccepted),
    (418, b"", NotAccepted),
    (408, b"", AttemptFailed),
    (425, b"", AttemptFailed),
    (500, b"boom", AttemptFailed),
    (502, b"<html>Bad Gateway</html>", AttemptFailed),
    (503, b"", AttemptFailed),
    (200, b"<html>login</html>", AttemptFailed),
    (200, b'{"status":"error","message":"try later"}', AttemptFailed),
    (200, b'{"status":"success","data":{}}', AttemptFailed),
    (204, b"", AttemptFailed),
]


@pytest.mark.parametrize(("status", "body", "kind"), TABLE)
def test_an_answer_is_an_error_named_by_what_it_stops(status: int, body: bytes, kind: type[SourceError]) -> None:
    """The whole table: HTTP status and body against the kind of error, exactly."""
    assert type(stopped_by(status, body)) is kind


def test_503_with_retry_after_is_throttling() -> None:
    """A server that says when to come back is obeyed account-wide."""
    got = stopped_by(503, b"", Retry_After="7")
    assert type(got) is Overloaded
    assert got.retry_after == 7


def test_kores_own_words_are_quoted_and_the_way_out_is_named() -> None:
    """A refusal quotes Kore.ai; 403 and 404 say what to check."""
    assert "Invalid SDK credentials" in str(stopped_by(401, ODD_TOKEN))
    assert "API Scope" in str(stopped_by(403, b""))
    assert "path" in str(stopped_by(404, b""))
    assert "not followed" in str(stopped_by(302, b"", Location="https://evil.example"))


def test_a_campaign_named_rate_limit_is_a_campaign() -> None:
    """A good page is never searched for words."""
    body = b'{"status":"success","message":"rate limit","data":{"results":[{"name":"rate limit"}]}}'
    answer = Answer(200, CIMultiDict(), body)
    assert len(page(answer, read, now=NOW, where="x").records) == 1


def test_error_texts_are_short_and_printable_and_no_payload() -> None:
    """200 characters at most, no control characters; of a 2xx that is no page only Kore's sentence is quoted."""
    long = str(stopped_by(500, b'{"message":"' + b"a\\u001b[2J" * 500 + b'"}'))
    assert len(long) < 320
    assert long.isprintable()
    payload = b'{"status":"success","data":{"rows":[{"message":"canary text"}]}}'
    assert "canary" not in str(stopped_by(200, payload))
    assert "canary" not in str(stopped_by(200, b"canary text that is not JSON"))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("120", 120.0), ("0", 0.0), ("1.5", 1.5), (" 7 ", 7.0), ("86400", 86400.0), ("86401", None), ("-1", None),
        ("nan", None), ("inf", None), ("1e3", None), ("1_0", None), ("soon", None), ("", None), (None, None),
        ("9" * 400, None),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(NOW - timedelta(seconds=9)), None),
        (format_datetime(NOW + timedelta(days=2)), None), ("Mon, 99 Foo 2026 99:99:99 GMT", None), ("٣", None),
    ],
)  # fmt: skip
def test_retry_after_in_every_form(value: str | None, expected: float | None) -> None:
    """Seconds and dates count; what is absurd (negative, past, not a number, over a day) is as if it were not there."""
    assert retry_after(value, NOW) == expected


def test_a_retry_date_is_relative_to_the_servers_clock() -> None:
    """Our clock may be wrong by hours: the answer's own Date decides."""
    server_now = NOW + timedelta(hours=3)
    until = format_datetime(server_now + timedelta(seconds=40))
    got = stopped_by(429, b"", Retry_After=until, Date=format_datetime(server_now))
    assert isinstance(got, Throttled)
    assert got.retry_after == 40


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=40), st.integers(300, 599), st.binary(max_size=80))
def test_any_header_and_body_is_an_error_not_a_crash(header: str, status: int, body: bytes) -> None:
    """Whatever a server sends outside of 2xx, it becomes one of ours."""
    headers: Any = {"Retry-After": header, "Date": header}
    assert isinstance(error(Answer(status, headers, body), now=NOW, where="x"), SourceError)
