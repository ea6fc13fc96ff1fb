"""Request bodies, addresses and headers as documented."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from etl.errors import ConfigError
from etl.extract import wire
from etl.model import Channel, Filters, PageRequest

START = datetime(2025, 5, 29, 18, 30, tzinfo=UTC)
END = datetime(2025, 6, 27, 18, 29, 59, 999999, tzinfo=UTC)


def sent(request: PageRequest) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(wire.body(request))
    return body


def test_the_documented_sample_request_is_spelt_like_that() -> None:
    """Every documented field goes out under its documented name, dates with milliseconds and Z."""
    request = PageRequest(
        Channel.SMS, 50, 0, START, END, (("createdAt", "desc"),), Filters(("Ready", "Stopped"), (5,), ("Preview",))
    )
    assert sent(request) == {
        "limit": 50,
        "skip": 0,
        "page": 1,
        "startDate": "2025-05-29T18:30:00.000Z",
        "endDate": "2025-06-27T18:29:59.999Z",
        "type": "sms",
        "sortBy": {"createdAt": "desc"},
        "filters": {"status": ["Ready", "Stopped"], "priority": [5], "dialingMode": ["Preview"]},
    }


def test_what_is_not_asked_is_not_sent() -> None:
    """Undated and unfiltered requests carry neither dates nor filters."""
    assert sent(PageRequest(Channel.VOICE, 1)) == {
        "type": "voice", "limit": 1, "skip": 0, "page": 1, "sortBy": {"createdAt": "asc"},
    }  # fmt: skip


@pytest.mark.parametrize(("skip", "page"), [(0, 1), (100, 2), (300, 4), (95, None), (101, None)])
def test_page_agrees_with_skip_or_is_left_out(skip: int, page: int | None) -> None:
    """A server where page wins and one where skip wins are asked for the same rows."""
    assert sent(PageRequest(Channel.SMS, 100, skip)).get("page") == page


def test_dates_of_another_zone_become_utc() -> None:
    """The wire knows UTC only."""
    assert (
        wire.instant(datetime(2025, 6, 1, tzinfo=timezone(timedelta(hours=5, minutes=30))))
        == "2025-05-31T18:30:00.000Z"
    )


def address(host: str, path: str = wire.DEFAULT_PATH, **options: Any) -> str:
    parts = {"app_id": "st-1", "account_id": "acc", "account_id_in_query": False} | options
    return wire.url(host, path, **parts)


@pytest.mark.parametrize("host", ["platform.kore.ai", "https://platform.kore.ai", "https://platform.kore.ai/"])
def test_a_host_comes_with_or_without_scheme_and_slash(host: str) -> None:
    """All spellings of a host give one address."""
    assert address(host) == "https://platform.kore.ai/agentassist/api/v1/public/st-1/campaign/getAllCampaignDetails"


def test_the_account_goes_into_the_query_if_asked() -> None:
    """The second generation wants ?accountId= as well."""
    url = address("h.example", "/campaign/api/v2/public/{app_id}/x", account_id_in_query=True)
    assert url == "https://h.example/campaign/api/v2/public/st-1/x?accountId=acc"


@pytest.mark.parametrize("host", ["http://127.0.0.1:8080", "http://localhost:8080/", "http://[::1]:8080"])
def test_plain_http_is_for_loopback(host: str) -> None:
    """The sandbox is reached without TLS."""
    assert address(host).startswith("http://")


@pytest.mark.parametrize(
    "host",
    ["http://platform.kore.ai", "http://127.0.0.1.evil.example", "ftp://h.example", "", "https://", "https://u:p@h.example",
     "https://h.example/agentassist", "https://h.example?x=1", "h.example:x", "h..example", "h exam.ple", "https://[::1"],
)  # fmt: skip
def test_a_host_that_would_leak_or_lead_nowhere_is_refused(host: str) -> None:
    """Plain http beyond loopback, credentials, paths and nonsense in the host are configuration errors."""
    with pytest.raises(ConfigError, match="host"):
        address(host)


@pytest.mark.parametrize("path", ["/no/app", "{app_id}", "/{app_id}/{other}", "/{app_id}?x=1", "/{app_id} /x"])
def test_a_path_that_makes_no_address_is_refused(path: str) -> None:
    """A path starts with a slash and holds {app_id} and nothing else to fill in."""
    with pytest.raises(ConfigError, match="path"):
        address("h.example", path)


def test_ids_cannot_smuggle_anything() -> None:
    """An app id is quoted into the path; line breaks in an id, which would become headers, are refused."""
    assert "/public/..%2F..%2Fx/" in address("h.example", app_id="../../x")
    with pytest.raises(ConfigError, match="account_id"):
        address("h.example", account_id="a\r\nX: y")


def test_headers_are_the_documented_ones() -> None:
    """The token goes raw into `auth`; only gzip is offered."""
    got = wire.headers(token="t.o.k", app_id="st-1", account_id="acc", user_agent="kore-etl/0.1.0")
    assert (got["auth"], got["iid"], got["accountId"]) == ("t.o.k", "st-1", "acc")
    assert (got["Content-Type"], got["Accept-Encoding"]) == ("application/json", "gzip")
    assert (got["User-Agent"], "Authorization" in got) == ("kore-etl/0.1.0", False)
