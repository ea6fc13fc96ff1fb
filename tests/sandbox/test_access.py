"""Tokens, ids and bodies that are not accepted, and the words in which the refusal comes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etl.sandbox.switches import Switches


async def refused(client, **parts):
    reply = await client.ask(**parts)
    return reply.status, reply.error["msg"], reply.error["code"]


BAD = (401, "Invalid SDK credentials", 4002)


async def test_missing_token(client):
    """Answered like wrong credentials."""
    assert await refused(client, headers={"auth": None}) == BAD


@pytest.mark.parametrize("text", ["nonsense", "a.b.c", "Bearer {}", "a.b.c.d.e"])
async def test_text_that_is_no_token(client, account, sign, text):
    """A Bearer prefix makes it one such text."""
    answer = await refused(client, headers={"auth": text.format(sign(account))})
    assert answer == (401, "Invalid JWT token", 4002)


async def test_wrong_secret_unknown_client_and_foreign_app(client, catalogue, account, sign):
    """All get the same answer."""
    other = catalogue.accounts[1]
    assert await refused(client, headers={"auth": sign(account, key="x" * 40)}) == BAD
    assert await refused(client, headers={"auth": sign(account, appId="cs-unknown")}) == BAD
    assert await refused(client, headers={"auth": sign(account, appId=None)}) == BAD
    assert await refused(client, headers={"auth": sign(other)}) == BAD
    assert await refused(client, app_id="st-unknown") == BAD
    assert await refused(client, headers={"auth": sign(account, algorithm="HS384", key="k" * 60)}) == BAD


async def test_wrong_or_missing_app_and_account_headers(client, catalogue):
    """`iid` is the app in the path, `accountId` the app's account."""
    assert await refused(client, headers={"iid": None}) == BAD
    assert await refused(client, headers={"iid": catalogue.accounts[1].app_id}) == BAD
    assert await refused(client, headers={"accountId": None}) == BAD
    assert await refused(client, headers={"accountId": catalogue.accounts[1].account_id}) == BAD


async def test_account_id_may_come_as_query_parameter(client, catalogue, account):
    """Then the header may be absent, but a contradiction is refused."""
    assert (await client.ask(headers={"accountId": None}, params={"accountId": account.account_id})).status == 200
    assert await refused(client, params={"accountId": catalogue.accounts[1].account_id}) == BAD


async def test_place_of_the_account_id_can_be_fixed(client, account):
    """A server that looks in one place only."""
    query = {"accountId": account.account_id}
    client.sandbox.switches = Switches(account_id_from="query")
    assert await refused(client) == BAD
    assert (await client.ask(params=query)).status == 200
    client.sandbox.switches = Switches(account_id_from="header")
    assert await refused(client, params=query, headers={"accountId": None}) == BAD


async def test_expiry_follows_the_servers_clock(client, account, sign, clock):
    """A token past `exp` is refused; one without `exp` is not; `iat` means nothing."""
    assert (await client.ask(headers={"auth": sign(account, exp=None, iat=4e9)})).status == 200
    clock.move(61)
    assert await refused(client) == (401, "error verifying the jwt: jwt expired", 401)
    client.sandbox.switches = Switches(clock_skew_seconds=-120)
    reply = await client.ask()
    assert (reply.status, reply.headers["Date"]) == (200, "Mon, 02 Mar 2026 11:59:01 GMT")


async def test_unreadable_expiry(client, account, sign):
    """An `exp` that is no number is no token."""
    for exp in ("soon", True, [1]):
        assert await refused(client, headers={"auth": sign(account, exp=exp)}) == (401, "Invalid JWT token", 4002)


async def test_jti_counts_once(client, account, sign):
    """The second use is a possible replay."""
    headers = {"auth": sign(account, jti="one")}
    assert (await client.ask(headers=headers)).status == 200
    status, message, code = await refused(client, headers=headers)
    assert (status, code) == (401, 401)
    assert message.startswith("error verifying the jwt: ")
    assert "replay" in message
    client.sandbox.switches = Switches(single_use_jti=False)
    assert (await client.ask(headers=headers)).status == 200


async def test_jti_asks_for_a_short_life(client, account, sign, clock):
    """With a `jti`, `exp` is required and at most an hour away."""
    for exp in (None, clock().timestamp() + 3700):
        status, message, _ = await refused(client, headers={"auth": sign(account, jti=f"{exp}", exp=exp)})
        assert (status, "1 hour" in message) == (401, True)


async def test_jti_can_be_enforced(client, account, sign):
    """Then a token without one is refused."""
    client.sandbox.switches = Switches(require_jti=True)
    assert "jti is required" in (await refused(client))[1]
    assert (await client.ask(headers={"auth": sign(account, jti="a")})).status == 200


async def test_encryption_can_be_enforced(client):
    """A signed token is then refused with a hint."""
    client.sandbox.switches = Switches(enforce_jwe=True)
    assert "JWE" in (await refused(client))[1]


async def test_missing_scope(client, account, catalogue):
    """401, not 403, and only for the account that lacks it."""
    client.sandbox.switches = Switches(unscoped_accounts=frozenset({account.account_id}))
    assert await refused(client) == (401, "Permission denied. Scope is incorrect!", 4002)
    assert (await client.ask(account=catalogue.accounts[1])).status == 200


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("type", {"type": "fax"}),
        ("type", {"type": None}),
        ("limit", {"limit": "10"}),
        ("limit", {"limit": -1}),
        ("limit", {"limit": 1.5}),
        ("limit", {"limit": True}),
        ("skip", {"skip": -1}),
        ("skip", {"skip": None}),
        ("page", {"page": 0}),
        ("startDate", {"startDate": "2025-05-29"}),
        ("startDate", {"startDate": "2025-05-29T18:30:00Z"}),
        ("endDate", {"endDate": "2025-02-30T18:30:00.000Z"}),
        ("endDate", {"endDate": 5}),
        ("sortBy", {"sortBy": []}),
        ("sortBy", {"sortBy": {"status": "asc"}}),
        ("sortBy.createdAt", {"sortBy": {"createdAt": 1}}),
        ("filters", {"filters": []}),
        ("filters", {"filters": {"name": ["x"]}}),
        ("filters.status", {"filters": {"status": "Ready"}}),
        ("filters.status", {"filters": {"status": ["ready"]}}),
        ("filters.priority", {"filters": {"priority": ["5"]}}),
        ("filters.priority", {"filters": {"priority": [True]}}),
        ("filters.priority", {"filters": {"priority": [6]}}),
        ("filters.dialingMode", {"filters": {"dialingMode": ["Power"]}}),
        ("offset", {"offset": 5}),
        ("JSON object", '{"type": "sms",}'),
        ("JSON object", '["sms"]'),
        ("JSON object", "[" * 5000),
        ("JSON object", b"\xff"),
    ],
)
async def test_invalid_body_is_answered_412_naming_the_field(client, field, body):
    """In the platform's words."""
    reply = await client.ask(body)
    assert (reply.status, reply.error["code"]) == (412, 412)
    assert reply.error["msg"].startswith("Validation errors/ Invalid arguments")
    assert field in reply.error["msg"]


async def test_content_type_must_be_json(client):
    """Anything else is not read."""
    reply = await client.ask(headers={"Content-Type": "text/plain"})
    assert (reply.status, "Content-Type" in reply.error["msg"]) == (412, True)


async def test_empty_strings_and_empty_filters_are_allowed(client):
    """Numbers may be the empty string; an empty filter filters nothing."""
    reply = await client.ask({"limit": "", "skip": "", "page": "", "sortBy": {}, "filters": {"status": []}})
    assert (len(reply.ids), reply.data["totalResults"]) == (10, 60)


async def test_name_can_be_made_mandatory_in_sorting(client):
    """As the table says and the sample contradicts."""
    client.sandbox.switches = replace(client.sandbox.switches, sort_needs_name=True)
    assert "sortBy.name" in (await client.ask({"sortBy": {"createdAt": "asc"}})).error["msg"]
    assert (await client.ask({"sortBy": {"name": "asc", "createdAt": "asc"}})).status == 200
