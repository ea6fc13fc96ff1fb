"""What an HTTP answer means: a page of campaigns, or an error named by what it stops. Pure.

Kore.ai documents neither error bodies nor the status of an exceeded rate limit, so both are read defensively
(kore-api-facts, section 8).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache

from msgspec import Struct

from etl.errors import (
    AccountRefused,
    AccountUnavailable,
    AttemptFailed,
    Overloaded,
    SourceError,
    Throttled,
    TokenRefused,
    WindowFailed,
)
from etl.extract import refusals, wire
from etl.model import Page, Record

LONGEST_RETRY_AFTER_SECONDS = 86_400.0

_RATE_LIMIT = re.compile(r"rate[ -]?limit|per-minute|too many requests", re.IGNORECASE)
_TOKEN = re.compile(r"\bjwt\b|\bjti\b|invalid sdk credentials|permission denied|scope is incorrect", re.IGNORECASE)
_ENCRYPTED_TOKEN = re.compile(r"\bjwe\b|encrypted (jwt|token)|token (must|should) be encrypted", re.IGNORECASE)
_TOKEN_CODES = (401, 4002)
_AGAIN = (408, 425)
ELSEWHERE = "Check host, path and app_id."
_MOVED = "Set host and path to where the API really is."


class NotAccepted(WindowFailed):
    """Kore.ai knows who asks, and does not accept what is asked: an undated request, an order, a filter."""


class Answer(Struct, frozen=True):
    """One HTTP answer, whole, its body unpacked. `headers` are case-insensitive."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def server_now(self) -> datetime | None:
        """The `Date` header (whole seconds, UTC); None where it is missing or absurd."""
        stamp = _http_date(self.headers.get("Date", ""))
        return stamp if stamp is not None and 2000 <= stamp.year <= 2100 else None


def page(
    answer: Answer, read: Callable[[bytes, list[bytes]], tuple[Record, ...]], *, now: datetime, where: str
) -> Page:
    """The page in an answer, its records as `read` tells them. `where` names account, app and host for the error's
    reader; `now` is our clock.

    Raises AttemptFailed, Throttled, TokenRefused, NotAccepted or AccountRefused.
    """
    if not 200 <= answer.status < 300:
        raise error(answer, now=now, where=where)
    try:
        return wire.parse_page(answer.body, read, answer.server_now)
    except wire.NoPage as fault:
        raise _false_success(answer, str(fault), now=now, where=where) from None


def error(answer: Answer, *, now: datetime, where: str) -> SourceError:
    """What an answer outside of 2xx stops."""
    said = wire.error_body(answer.body)
    wait = retry_after(answer.headers.get("Retry-After"), answer.server_now or now)
    quote = f"HTTP {answer.status}" + (f": {wire.shorten(said.spoken)!r}" if said.spoken else "")
    status = answer.status
    if status == 503 and wait is not None:
        return Overloaded(f"Kore.ai could not answer {where} ({quote}).", retry_after=wait)
    if status == 429 or _RATE_LIMIT.search(said.spoken):
        return Throttled(f"Kore.ai limits {where} ({quote}).", retry_after=wait)
    if _ENCRYPTED_TOKEN.search(said.spoken) and status < 500:
        return _encrypted(where, quote)
    if status == 401 or (status < 500 and _is_about_token(said)):
        return TokenRefused(f"Kore.ai refused the token of {where} ({quote}).", said=said.spoken)
    if status == 403:
        return AccountRefused(f"Kore.ai denies access to {where} ({quote}). {refusals.SCOPE}", remedy=refusals.SCOPE)
    if status == 404:
        return AccountUnavailable(f"There is no campaign listing for {where} ({quote}). {ELSEWHERE}", remedy=ELSEWHERE)
    if 300 <= status < 400:
        return AccountUnavailable(
            f"The host redirects {where} elsewhere ({quote}), which is not followed because the token would go along. "
            f"{_MOVED}",
            remedy=_MOVED,
        )
    if status in _AGAIN or status >= 500:
        return AttemptFailed(f"Kore.ai could not answer {where} ({quote}).", retry_after=wait)
    return NotAccepted(f"Kore.ai did not accept the request for {where} ({quote}). Check host and path.")


def _false_success(answer: Answer, fault: str, *, now: datetime, where: str) -> SourceError:
    """What an answer stops that says 2xx and is no page."""
    said = wire.error_body(answer.body)
    if _RATE_LIMIT.search(said.spoken):
        wait = retry_after(answer.headers.get("Retry-After"), answer.server_now or now)
        return Throttled(f"Kore.ai limits {where} ({wire.shorten(said.spoken)!r}).", retry_after=wait)
    # Only Kore's own sentence is quoted here: the rest of a 2xx body may be campaigns.
    quote = f": {wire.shorten(said.spoken)!r}" if said.is_json and said.spoken else ""
    if said.is_json and _ENCRYPTED_TOKEN.search(said.spoken):
        return _encrypted(where, f"HTTP {answer.status}{quote}")
    if said.is_json and _is_about_token(said):
        return TokenRefused(f"Kore.ai refused the token of {where} (HTTP {answer.status}{quote}).", said=said.spoken)
    return AttemptFailed(f"Kore.ai answered {where} with HTTP {answer.status}, but {fault}{quote}.")


def _is_about_token(said: wire.ErrorBody) -> bool:
    return said.code in _TOKEN_CODES or bool(said.is_json and _TOKEN.search(said.spoken))


def _encrypted(where: str, quote: str) -> AccountRefused:
    return AccountRefused(
        f"Kore.ai wants encrypted tokens for {where} ({quote}), which this program does not make. {refusals.PLAIN}",
        remedy=refusals.PLAIN,
    )


# -- Retry-After and Date ---------------------------------------------------------------------------------------------


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds to wait by a Retry-After header: a number of seconds, or a date relative to `now`.

    None where there is none to follow: missing, unreadable, negative or past, or more than a day away.
    """
    text = (value or "").strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text):
        seconds = float(text)
    elif (until := _http_date(text)) is not None:
        seconds = (until - now) / timedelta(seconds=1)
    else:
        return None
    return seconds if 0 <= seconds <= LONGEST_RETRY_AFTER_SECONDS else None


@lru_cache(maxsize=64)
def _http_date(text: str) -> datetime | None:
    try:
        stamp = parsedate_to_datetime(text)
        return stamp.replace(tzinfo=UTC) if stamp.tzinfo is None else stamp.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
