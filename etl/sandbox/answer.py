"""How answers are spelt: the page's envelope byte by byte, and the error bodies of Kore.ai's public APIs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from etl.sandbox.listing import dump

JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"

_OPENING = b'{"status":"success","message":"Campaign  retrieved successfully","data":{'
"""The double space is the sample's."""
_TOO_MANY = "You've exceeded the per-minute rate limit. Please try again later."


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes out, and how it ends: whole, cut half-way through its body, or dropped before the first byte."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    ending: Literal["whole", "cut", "drop"] = "whole"


@dataclass(frozen=True, slots=True)
class Envelope:
    """One page. `results` are encoded records; None leaves a field out."""

    results: tuple[bytes, ...] | None
    skip: int
    limit: int | None
    has_more: bool
    total_pages: int | None
    total: int | None


def page(envelope: Envelope) -> Answer:
    """The success envelope, keys in the sample's order."""
    fields = {
        "skip": envelope.skip,
        "limit": envelope.limit,
        "hasMore": envelope.has_more,
        "totalPages": envelope.total_pages,
        "totalResults": envelope.total,
    }
    rest = dump({name: value for name, value in fields.items() if value is not None})[1:]
    results = b"" if envelope.results is None else b'"results":[' + b",".join(envelope.results) + b"],"
    return Answer(200, _OPENING + results + rest + b"}")


def error(status: int, message: str, code: int | None = None) -> Answer:
    """The errors body that Kore.ai's public tests show; `code` is the status where they differ in nothing."""
    return Answer(status, dump({"errors": [{"msg": message, "code": status if code is None else code}]}))


def error_envelope(message: str, status: int = 200) -> Answer:
    """The campaign envelope with its other documented `status`."""
    return Answer(status, dump({"status": "error", "message": message}))


def invalid(problem: str) -> Answer:
    """412 with the platform's words, then which field is wrong and why."""
    return error(412, f"Validation errors/ Invalid arguments: {problem}")


def expired() -> Answer:
    """A token past its `exp`."""
    return error(401, "error verifying the jwt: jwt expired", 401)


def too_many(form: Literal["429", "200"], retry_after: str | None) -> Answer:
    """Throttled, in one of the two forms that are possible as far as anyone knows."""
    answer = error(429, _TOO_MANY) if form == "429" else error_envelope(_TOO_MANY)
    return with_retry_after(answer, retry_after)


def with_retry_after(answer: Answer, retry_after: str | None) -> Answer:
    """The same answer with that header, whatever its text."""
    return answer if retry_after is None else replace(answer, headers=(*answer.headers, ("Retry-After", retry_after)))


def html(status: int, title: str) -> Answer:
    """A gateway's page, such as stands between every API and the world."""
    body = f"<html><head><title>{title}</title></head><body><h1>{title}</h1><hr>gateway</body></html>"
    return Answer(status, body.encode(), HTML)
