"""How Kore spells a page request and its answer; nobody else knows. Pure.

Source of every field: the page "Get All SMS Campaigns API"; certainty of each in kore-api-facts sections 1 to 5.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec
from msgspec import Raw, Struct

from etl import slices
from etl.errors import AttemptFailed, ConfigError
from etl.model import Page, PageRequest, Record

DEFAULT_PATH = "/agentassist/api/v1/public/{app_id}/campaign/getAllCampaignDetails"
SUCCESS = "success"

# -- the request ------------------------------------------------------------------------------------------------------


def body(request: PageRequest) -> bytes:
    """The JSON body of a page request, documented fields only.

    `page` agrees with `skip` (first page is 1), so that a server where it wins answers the same; where no page number
    says it (skip not a multiple of limit) it is left out. Dates are cut to the millisecond, as the wire knows no less.
    """
    fields: dict[str, Any] = {"type": request.channel.value, "limit": request.limit, "skip": request.skip}
    if request.page is not None:
        fields["page"] = request.page
    elif request.skip % request.limit == 0:
        fields["page"] = request.skip // request.limit + 1
    if request.start is not None:
        fields["startDate"] = instant(request.start)
    if request.end is not None:
        fields["endDate"] = instant(request.end)
    if request.sort:
        fields["sortBy"] = dict(request.sort)
    if filters := _filters(request):
        fields["filters"] = filters
    return msgspec.json.encode(fields)


def _filters(request: PageRequest) -> dict[str, list[Any]]:
    asked = request.filters
    named = {"status": asked.status, "priority": asked.priority, "dialingMode": asked.dialing_mode}
    return {name: list(values) for name, values in named.items() if values}


def instant(moment: datetime) -> str:
    """`YYYY-MM-DDTHH:mm:ss.sssZ`, as the page documents it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def url(host: str, path: str, *, app_id: str, account_id: str, account_id_in_query: bool) -> str:
    """The address of an app's listing. `host` with or without scheme and trailing slash; `path` holds `{app_id}`.

    Raises ConfigError: plain http for anything but loopback, or parts that make no address.
    """
    path_with_app = path.replace("{app_id}", quote(app_id, safe=""))
    problems = [*_host_problems(host), *_path_problems(path, path_with_app)]
    problems += [
        f"{name} is {value!r}: an id is printable ASCII without spaces."
        for name, value in (("app_id", app_id), ("account_id", account_id))
        if not _is_id(value)
    ]
    if problems:
        raise ConfigError(tuple(problems))
    parts = urlsplit(_with_scheme(host))
    query = f"?accountId={quote(account_id, safe='')}" if account_id_in_query else ""
    return f"{parts.scheme}://{parts.netloc}{path_with_app}{query}"


def _with_scheme(host: str) -> str:
    return host.strip() if "://" in host else f"https://{host.strip()}"


def _is_id(value: str) -> bool:
    return bool(value) and value.isascii() and value.isprintable() and " " not in value


_HOST = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?|[0-9a-f:.]+", re.IGNORECASE)


def _host_problems(host: str) -> list[str]:
    try:
        parts = urlsplit(_with_scheme(host))
        name, bare = parts.hostname or "", parts.port is None or parts.port > 0
    except ValueError:
        name, bare = "", False
    if not name or not bare or not _HOST.fullmatch(name):
        return ["host is not a host name: write it like https://platform.kore.ai."]
    if parts.username is not None or parts.query or parts.fragment or parts.path not in ("", "/"):
        return [f"host must be a bare host ({name}): the rest of the address belongs into path."]
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(name)):
        return []
    return [f"host {name} must be https: plain http would show the token to the network (allowed for loopback only)."]


def is_loopback(name: str) -> bool:
    """Whether a host name can only mean this machine."""
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _path_problems(path: str, path_with_app: str) -> list[str]:
    if "{app_id}" not in path:
        return ["path must hold {app_id}, where the app's id goes."]
    if not re.fullmatch(r"/[!-~]*", path_with_app) or re.search(r"[{}?#\\]", path_with_app):
        return ["path must start with / and hold no other placeholder, query or fragment."]
    return []


def headers(*, token: str, app_id: str, account_id: str, user_agent: str) -> dict[str, str]:
    """The headers of a page request. Only gzip is offered: `etl.extract.attempt` bounds what it unpacks."""
    return {
        "auth": token,
        "iid": app_id,
        "accountId": account_id,
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Accept-Encoding": "gzip",
        "User-Agent": user_agent,
    }


# -- the answer -------------------------------------------------------------------------------------------------------

_NULL = Raw(b"null")
_BOM = b"\xef\xbb\xbf"


class _Name:
    """A member's name. No two are equal, so that a name given twice is two members."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


_Members = dict[str, Raw | bytes]

_OBJECT = msgspec.json.Decoder(dict[_Name, Raw], dec_hook=lambda _, text: _Name(text))
_LIST = msgspec.json.Decoder(list[Raw])
_UNDECODABLE = (msgspec.MsgspecError, RecursionError, ValueError)


class NoPage(AttemptFailed):
    """The answer is no page of campaigns, whatever its HTTP status says."""


def parse_page(body: bytes, read: Callable[[bytes, list[bytes]], tuple[Record, ...]], now: datetime | None) -> Page:
    """The page in an answer's body, `now` by the server's clock. Its records are judged by `read` alone, which is given
    the list and its elements: a hostile one does not void the others.

    Raises NoPage where `status` is not success, `data.results` is no list, or something is said twice: that is a
    fault, never "no campaigns".
    """
    data, results, elements = _opened(body.removeprefix(_BOM))
    return Page(
        records=read(results, [bytes(record) for record in elements]),
        total=number(data.get("totalResults", _NULL)),
        has_more=_flag(data.get("hasMore", _NULL)),
        limit=number(data.get("limit", _NULL)),
        skip=number(data.get("skip", _NULL)),
        server_now=now,
    )


def _opened(text: bytes) -> tuple[_Members, bytes, Sequence[Raw | bytes]]:
    """The members of `data`, its list, and the list's elements. The list, nearly all of an answer, is gone through once
    where it is the only one; else it is looked for member by member."""
    begins, ends = _LIST_BEGINS.search(text), text.rfind(b"]") + 1
    if begins is not None:
        results = text[begins.end() - 1 : ends]
        rest = text[: begins.end() - 1] + _EMPTY_LIST + text[ends:]
        with suppress(NoPage, *_UNDECODABLE):
            elements, data = _LIST.decode(results), _data(rest)
            if rest.count(b"[") == 1 and bytes(data.get("results", b"")) == _EMPTY_LIST:
                return data, results, elements
    data = _data(text)
    results = bytes(data.get("results", b""))
    return data, results, _elements(results)


def _data(text: bytes) -> _Members:
    top = _members(text, "the answer is not a whole JSON object")
    status = _text(top.get("status", _NULL))
    if status is None or status.strip().lower() != SUCCESS:
        raise NoPage("the envelope's status is not success")
    return _members(bytes(top.get("data", b"")), _NO_LIST)


_LIST_BEGINS = re.compile(rb'"results"\s*:\s*\[')
_EMPTY_LIST = b"[]"
_NO_LIST = "the answer holds no list data.results"


def _members(text: bytes, otherwise: str) -> _Members:
    """An object's members; by position where the decoder refuses the text because of one of its records."""
    try:
        pairs: list[tuple[str, Raw | bytes]] = [(name.text, value) for name, value in _OBJECT.decode(text).items()]
    except _UNDECODABLE:
        try:
            pairs = list(slices.pairs(text))
        except ValueError:
            raise NoPage(otherwise) from None
    found = dict(pairs)
    if len(found) < len(pairs):
        raise NoPage("it says something twice")
    return found


def _elements(text: bytes) -> Sequence[Raw | bytes]:
    try:
        return _LIST.decode(text)
    except _UNDECODABLE:
        try:
            return slices.elements(text)
        except ValueError:
            raise NoPage(_NO_LIST) from None


def number(raw: Raw | bytes) -> int | None:
    """A count as the envelope spells it: a whole number (7, 7.0), or one in quotes; None for anything else."""
    match = re.fullmatch(rb'\s*("?)(\d{1,15})(?:\.0{1,15})?\1\s*', bytes(raw))
    return int(match[2]) if match else None


def _flag(raw: Raw | bytes) -> bool | None:
    return {b"true": True, b'"true"': True, b"false": False, b'"false"': False}.get(bytes(raw).strip().lower())


def _text(raw: Raw | bytes) -> str | None:
    try:
        return msgspec.json.decode(raw, type=str)
    except _UNDECODABLE:
        return None


# -- the error body ---------------------------------------------------------------------------------------------------

_ERROR_BODY_BYTES = 65_536
_OPENING_CHARS = 2_000
_TOKEN_LIKE = re.compile(r"eyJ[\w.=-]+", re.ASCII)
_PAYLOAD_LIKE = re.compile(r"(?:\{|\[\s*[\[{\"']).*", re.DOTALL)


class ErrorBody(Struct, frozen=True):
    """What an error body says. `spoken` is Kore's own sentence; `opening` is a text that is not JSON."""

    spoken: str
    code: int | None = None
    is_json: bool = True


def error_body(body: bytes) -> ErrorBody:
    """`errors[0].msg` and `.code`, then `message`, then `error`, then the first bytes of the text (facts, 8)."""
    try:
        top = slices.members(body[:_ERROR_BODY_BYTES].removeprefix(_BOM))
    except ValueError:
        opening = body[:_OPENING_CHARS].decode("utf-8", "replace")
        return ErrorBody(_printable(opening), is_json=False)
    first = _first_error(top.get("errors", b""))
    texts = (first.get("msg"), first.get("message"), top.get("message"), top.get("error"))
    spoken = next((text for raw in texts if raw and (text := _text(raw))), "")
    code = number(first.get("code", b"")) or number(top.get("code", b""))
    return ErrorBody(_printable(spoken), code)


def _first_error(raw: bytes) -> dict[str, bytes]:
    try:
        return slices.members(slices.elements(raw)[0])
    except (ValueError, IndexError):
        return {}


def _printable(text: str) -> str:
    """One printable line without what looks like a token or begins like a payload, should a server quote ours."""
    line = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(_PAYLOAD_LIKE.sub("...", _TOKEN_LIKE.sub("[token]", line)).split())


def shorten(text: str, limit: int = 200) -> str:
    """At most `limit` characters."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
