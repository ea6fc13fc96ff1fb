"""What a request body may say and what it means: the documented fields, strictly read."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from etl.sandbox.listing import Query
from etl.sandbox.switches import SortKeys, Switches

STATUSES = ("Active", "Completed", "Ready", "Paused", "Preparing", "Stopped", "Scheduled", "Rescheduled")
PRIORITIES = (1, 2, 3, 4, 5)
DIALING_MODES = ("Progressive", "Preview", "Agentless")
"""The v2 page lists the first two; a revision of v1 also the third."""
_SORTABLE = ("name", "createdAt", "updatedAt")
_FIELDS = ("skip", "page", "limit", "type", "startDate", "endDate", "sortBy", "filters")
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


class Invalid(Exception):
    """The body breaks the documented rules; the message names the field and the rule."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A valid body. Numbers are None where absent or the empty string, filters empty where absent or empty."""

    channel: str
    limit: int | None = None
    skip: int | None = None
    page: int | None = None
    start: str | None = None
    end: str | None = None
    sort: SortKeys = ()
    status: tuple[str, ...] = ()
    priority: tuple[str, ...] = ()
    dialing_mode: tuple[str, ...] = ()


def decode(text: bytes, content_type: str) -> Any:
    """The body's JSON, not yet checked. Raises `Invalid`."""
    if content_type != "application/json":
        raise Invalid("Content-Type must be application/json")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Invalid("the body must be a JSON object") from error


def read(body: Any, switches: Switches) -> Asked:
    """The body as documented, or `Invalid`."""
    if not isinstance(body, dict):
        raise Invalid("the body must be a JSON object")
    _known("the body", body, _FIELDS)
    if body.get("type") not in ("sms", "voice"):
        raise Invalid('"type" must be "voice" or "sms"')
    filters = body.get("filters", {})
    if not isinstance(filters, dict):
        raise Invalid('"filters" must be an object')
    _known('"filters"', filters, ("status", "priority", "dialingMode"))
    asked = Asked(
        channel=body["type"],
        limit=_number(body, "limit", least=0),
        skip=_number(body, "skip", least=0),
        page=_number(body, "page", least=1),
        start=_date(body, "startDate"),
        end=_date(body, "endDate"),
        sort=_sort(body, switches),
        status=_choices(filters, "status", STATUSES),
        priority=_choices(filters, "priority", PRIORITIES),
        dialing_mode=_choices(filters, "dialingMode", DIALING_MODES),
    )
    if switches.undated == "refused" and (asked.start is None or asked.end is None):
        raise Invalid('"startDate" and "endDate" are required')
    return asked


def page_of(asked: Asked, switches: Switches) -> tuple[int, int]:
    """Offset and length of the page in rows, after the server's own ideas about both."""
    limit = min(asked.limit or switches.default_limit, switches.max_limit)
    by_page = None if asked.page is None else (asked.page - 1) * limit
    wishes = (asked.skip, by_page) if switches.offset_wins == "skip" else (by_page, asked.skip)
    return next((wish for wish in wishes if wish is not None), 0), limit


def query_of(asked: Asked, switches: Switches) -> Query:
    """Which rows in which order, after the server's own ideas about both."""
    keep = (
        ("status", asked.status if switches.status_filter_works else ()),
        ("priority", asked.priority),
        # The page's own sample sends dialingMode with type sms, where no record has one.
        ("dialingMode", asked.dialing_mode if asked.channel == "voice" else ()),
    )
    return Query(
        sort=asked.sort if asked.sort and switches.order_kept else switches.default_order,
        date_field=None if switches.filtered_date == "none" else switches.filtered_date,
        start=asked.start,
        end=asked.end,
        start_inclusive=switches.bounds != "exclusive",
        end_inclusive=switches.bounds == "inclusive",
        keep=tuple((name, accepted) for name, accepted in keep if accepted),
    )


# -- field by field ----------------------------------------------------------------------------------------------------


def _known(where: str, given: dict[str, Any], allowed: tuple[str, ...]) -> None:
    for name in given:
        if name not in allowed:
            raise Invalid(f'{where} has no field "{name}"; allowed are {", ".join(allowed)}')


def _number(body: dict[str, Any], name: str, *, least: int) -> int | None:
    value = body.get(name, "")
    if value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise Invalid(f'"{name}" must be an empty string or a whole number of at least {least}')
    return value


def _date(body: dict[str, Any], name: str) -> str | None:
    if name not in body:
        return None
    value = body[name]
    if not isinstance(value, str) or not _is_date(value):
        raise Invalid(f'"{name}" must be a date such as 2025-05-29T18:30:00.000Z')
    return value


def _is_date(text: str) -> bool:
    """The documented form only, and a day that exists."""
    try:
        datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z")
    except ValueError:
        return False
    return _DATE.fullmatch(text) is not None


def _sort(body: dict[str, Any], switches: Switches) -> SortKeys:
    value = body.get("sortBy", {})
    if not isinstance(value, dict):
        raise Invalid('"sortBy" must be an object')
    _known('"sortBy"', value, _SORTABLE)
    for name, direction in value.items():
        if direction not in ("asc", "desc"):
            raise Invalid(f'"sortBy.{name}" must be "asc" or "desc"')
    if value and switches.sort_needs_name and "name" not in value:
        raise Invalid('"sortBy.name" must be included if any sort field is used')
    return tuple(value.items())


def _choices(filters: dict[str, Any], name: str, allowed: tuple[Any, ...]) -> tuple[str, ...]:
    """The accepted values as the text that records hold. An empty list filters nothing."""
    value = filters.get(name, [])
    kind = type(allowed[0])
    if not isinstance(value, list) or any(type(one) is not kind or one not in allowed for one in value):
        raise Invalid(f'"filters.{name}" must be a list of {", ".join(map(str, allowed))}')
    return tuple(sorted({str(one) for one in value}))
