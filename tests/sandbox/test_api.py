"""The documented request and answer, both channels, both URL generations."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import socket
import urllib.parse

import pytest
from aiohttp.test_utils import TestClient, TestServer

from etl.sandbox.app import create_app, serve

V2 = "/campaign/api/v2/public/{}/campaign/getAllCampaignDetails"
SAMPLE_BODY = """{
  "limit": 50, "skip": 0, "page": 1,
  "startDate": "2025-05-29T18:30:00.000Z", "endDate" : "2025-06-27T18:29:59.999Z", "type" :"sms",
  "sortBy": {"createdAt": "desc"},
  "filters": {"status": ["Ready", "Stopped"], "priority": [5], "dialingMode": ["Progressive", "Preview"]}
}"""
SIMPLE = {"name", "description", "status", "priority", "message", "createdAt", "updatedAt", "schedule", "id"} | {
    "totalMessagesSent",
    "campaignInstanceUpdatedAt",
    "campaignExecutionType",
    "contactLists",
    "format",
}
VOICE = {"_id", "name", "description", "priority", "dialingMode", "status", "createdAt", "updatedAt", "schedule"} | {
    "campaignInstanceUpdatedAt",
    "connection",
    "contactLists",
}


async def test_documented_sample_request_is_answered(client, catalogue, account, clock):
    """The page's sample, with its missing comma mended, gets the matching campaigns in the asked order."""
    for day, status, priority in [
        ("2025-06-01", "Ready", "5"),
        ("2025-06-02", "Stopped", "5"),
        ("2025-06-03", "Ready", "4"),
    ]:
        catalogue.insert(
            account.account_id, "sms", now=clock(), name=day, status=status, priority=priority,
            createdAt=f"{day}T00:00:00.000Z",
        )  # fmt: skip
    reply = await client.ask(SAMPLE_BODY)
    names = [row["name"] for row in reply.data["results"]]
    assert reply.status == 200
    assert [name for name in names if name.startswith("2025-06")] == ["2025-06-02", "2025-06-01"]
    assert all(row["status"] in ("Ready", "Stopped") and row["priority"] == "5" for row in reply.data["results"])


async def test_envelope_has_the_samples_keys_in_the_samples_order(client):
    """Keys, order, the double space and totalPages = ceil(totalResults / limit) are as on the page."""
    reply = await client.ask({"limit": 7})
    assert list(reply.json) == ["status", "message", "data"]
    assert (reply.json["status"], reply.json["message"]) == ("success", "Campaign  retrieved successfully")
    assert list(reply.data) == ["results", "skip", "limit", "hasMore", "totalPages", "totalResults"]
    assert (reply.data["skip"], reply.data["limit"], reply.data["hasMore"]) == (0, 7, True)
    assert (reply.data["totalPages"], reply.data["totalResults"]) == (9, 60)


async def test_sms_records_have_the_documented_shapes(client):
    """Simple ones carry a message, advanced ones a flow; an instance id exists only once run; priority is text."""
    rows = (await client.ask({"limit": 100})).data["results"]
    assert {row["format"] for row in rows} == {"simple", "advanced"}
    for row in rows:
        keys = set(row) - {"campaignInstanceId"}
        assert keys == (SIMPLE if row["format"] == "simple" else SIMPLE - {"message"} | {"experienceFlow"})
        assert ("campaignInstanceId" in row) or row["totalMessagesSent"] == 0
        assert row["priority"] in {"1", "2", "3", "4", "5"}
        assert re.fullmatch(r"cd-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", row["id"])
        assert "isSchedulingEnabled" in row["schedule"]
    assert {"isRecurrenceEnabled" in row["schedule"] for row in rows} == {True, False}


async def test_messages_are_mostly_base64_with_percent_encoded_padding(client):
    """As in all samples but one, where the text is plain."""
    rows = (await client.ask({"limit": 100})).data["results"]
    texts = [row["message"]["message"] for row in rows if "message" in row]
    coded = [text for text in texts if " " not in text]
    assert 0 < len(texts) - len(coded) < len(coded)
    assert not any("=" in text for text in coded)
    assert any("%3D" in text for text in coded)
    assert all(base64.b64decode(urllib.parse.unquote(text), validate=True).decode() for text in coded)


async def test_voice_records_have_the_documented_shapes(client):
    """`_id` with seven digits in its first group, dialling mode and connection, no counter and no format."""
    rows = (await client.ask({"type": "voice", "limit": 100})).data["results"]
    for row in rows:
        assert set(row) - {"campaignInstanceId", "experienceFlow"} == VOICE
        assert ("experienceFlow" in row) == (row["dialingMode"] == "Agentless")
        assert re.fullmatch(r"cd-[0-9a-f]{7}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", row["_id"])


async def test_second_generation_sends_more_fields(client, account):
    """v2 takes the account as a query parameter too and adds dncLists, isFiltersEnabled and template_name."""
    first, second = [
        (await client.ask({"type": kind, "limit": 100}, path=V2, params={"accountId": account.account_id})).data[
            "results"
        ]
        for kind in ("sms", "voice")
    ]
    assert any("dncLists" in row for row in first)
    assert any("template_name" in row.get("message", {}) for row in first)
    assert all(set(row["dncLists"]) == {"id", "name"} and "isFiltersEnabled" in row for row in second)


async def test_wrong_verb_is_answered_405(client):
    """With the body that public tests show."""
    reply = await client.ask(method="GET")
    assert (reply.status, reply.error) == (405, {"msg": "Method Not Allowed", "code": 405})


async def test_unsorted_listing_comes_by_last_update(client):
    """As both early samples do."""
    stamps = [row["updatedAt"] for row in (await client.ask({"limit": 100})).data["results"]]
    assert stamps == sorted(stamps, reverse=True)


@pytest.mark.parametrize(
    "body",
    [
        {"sortBy": {"createdAt": "asc"}, "limit": 7},
        {"sortBy": {"updatedAt": "desc"}, "limit": 11},
        {"sortBy": {"name": "asc", "createdAt": "desc"}, "limit": 13},
        {"limit": 60},
        {"limit": ""},
    ],
)
async def test_paging_to_the_end_gives_every_campaign_once(client, catalogue, account, body):
    """Whatever the order and the page size."""
    ids = await client.crawl(body)
    assert sorted(ids) == [row["id"] for row in catalogue.listing(account.account_id, "sms")]


async def test_several_sort_keys_count_in_the_order_given(client):
    """The first key decides, the second breaks its ties."""
    rows = (await client.ask({"sortBy": {"name": "desc", "createdAt": "asc"}, "limit": 100})).data["results"]
    assert rows == sorted(sorted(rows, key=lambda row: row["createdAt"]), key=lambda row: row["name"], reverse=True)


async def test_voice_filter_by_dialing_mode(client):
    """Only the asked modes come."""
    body = {"type": "voice", "limit": 100, "filters": {"dialingMode": ["Preview"], "status": ["Completed"]}}
    rows = (await client.ask(body)).data["results"]
    assert {(row["dialingMode"], row["status"]) for row in rows} == {("Preview", "Completed")}


async def test_page_number_alone_sets_the_offset(client):
    """Page 3 of 10 begins at row 20."""
    whole = await client.ask({"limit": 100})
    third = await client.ask({"limit": 10, "page": 3, "skip": ""})
    assert (third.ids, third.data["skip"]) == (whole.ids[20:30], 20)


async def test_beyond_the_end_there_is_nothing(client):
    """An empty page that says so."""
    data = (await client.ask({"skip": 10**30})).data
    assert (data["results"], data["hasMore"], data["totalResults"]) == ([], False, 60)


async def test_accounts_are_apart(client, catalogue):
    """Each account gets its own campaigns."""
    first, second = [await client.ask({"limit": 100}, account=account) for account in catalogue.accounts]
    assert not set(first.ids) & set(second.ids)
    assert len(second.ids) == 60


async def test_requests_are_remembered_without_their_tokens(client, account):
    """What was asked, by whom, and how it was answered."""
    await client.ask({"limit": 3})
    await client.ask({"type": "fax"})
    good, bad = client.sandbox.requests
    assert (good.account_id, good.channel, good.status, good.rows, good.call) == (account.account_id, "sms", 200, 3, 1)
    assert (bad.body, bad.status, bad.call) == ({"type": "fax"}, 412, 0)
    assert "eyJ" not in repr(client.sandbox.requests)


async def test_changes_show_in_the_next_answer(client, catalogue, account, clock):
    """Insert, update and delete move the listing at once, in every order already asked for."""
    orders = [{"sortBy": {"createdAt": "asc"}}, {}, {"sortBy": {"name": "asc"}}]
    for order in orders:
        await client.ask(order)
    gone, changed = (await client.ask({"limit": 100})).ids[:2]
    catalogue.delete(account.account_id, "sms", gone)
    catalogue.update(account.account_id, "sms", changed, now=clock(), name="AAA", contactLists=...)
    added = catalogue.insert(account.account_id, "sms", now=clock(), name="\ud800 lone", description=None)
    for order in orders:
        reply = await client.ask(order | {"limit": 100})
        rows = dict(zip(reply.ids, reply.data["results"], strict=True))
        assert gone not in rows
        assert (rows[added]["name"], rows[added]["description"]) == ("\ud800 lone", None)
        assert rows[changed]["name"] == "AAA"
        assert "contactLists" not in rows[changed]
        assert reply.data["totalResults"] == 60
    assert set((await client.ask({"limit": 2})).ids) == {added, changed}


async def test_raw_entry_goes_out_byte_for_byte(client, catalogue, account, clock):
    """A hostile record can be put into a listing, and is counted."""
    catalogue.insert_raw(account.account_id, "sms", '{"id": 1e999, "x": NaN}', now=clock())
    reply = await client.ask({"limit": 1})
    assert '"results":[{"id": 1e999, "x": NaN}],' in reply.text
    assert reply.data["totalResults"] == catalogue.count(account.account_id, "sms") == 61
    assert len(catalogue.listing(account.account_id, "sms")) == 60


async def test_create_app_gives_an_ordinary_application(catalogue):
    """It can be served by anything that serves aiohttp applications."""
    async with TestClient(TestServer(create_app(catalogue))) as http:
        response = await http.post(
            f"/agentassist/api/v1/public/{catalogue.accounts[0].app_id}/campaign/getAllCampaignDetails"
        )
        assert response.status == 401
        assert json.loads(await response.text())["errors"][0]["msg"] == "Invalid SDK credentials"


async def test_serve_announces_its_url_and_ends_when_told(catalogue):
    """And the port is loopback's, and free again afterwards."""
    stop, urls = asyncio.Event(), asyncio.Queue()
    task = asyncio.create_task(serve(catalogue, port=0, announce=urls.put_nowait, stop=stop))
    url = await asyncio.wait_for(urls.get(), 5)
    host, port = url.removeprefix("http://").split(":")
    with pytest.raises(OSError, match="address already in use"):
        await serve(catalogue, port=int(port), announce=urls.put_nowait, stop=stop)
    stop.set()
    await asyncio.wait_for(task, 5)
    assert host == "127.0.0.1"
    with socket.socket() as probe:
        assert probe.connect_ex((host, int(port))) != 0
