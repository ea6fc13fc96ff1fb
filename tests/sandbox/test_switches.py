"""Each behaviour that the documentation leaves open, switched."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from etl.sandbox.faults import Fault
from etl.sandbox.switches import Switches


@pytest.fixture
def dated(catalogue, account, clock):
    """Five campaigns created a second apart a day ago, the third updated an hour ago: ids by place, and the start."""
    start = clock() - timedelta(days=1)
    ids = []
    for second in range(5):
        moment = start + timedelta(seconds=second)
        ids.append(catalogue.insert(account.account_id, "voice", created_at=moment, now=moment, name="dated"))
    catalogue.update(account.account_id, "voice", ids[2], now=clock() - timedelta(hours=1))
    return ids, start


def wire(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def asking(start, first, last, **more):
    """Voice campaigns between the given seconds after `start`."""
    dates = {"startDate": wire(start + timedelta(seconds=first)), "endDate": wire(start + timedelta(seconds=last))}
    return {"type": "voice", "limit": 100, "sortBy": {"createdAt": "asc"}, **dates, **more}


@pytest.mark.parametrize(
    ("bounds", "places"), [("inclusive", [1, 2, 3]), ("exclusive-end", [1, 2]), ("exclusive", [2])]
)
async def test_bounds(client, dated, bounds, places):
    """Rows at exactly startDate or endDate match or not."""
    ids, start = dated
    client.sandbox.switches = Switches(bounds=bounds)
    for order in ("asc", "desc"):
        found = (await client.ask(asking(start, 1, 3, sortBy={"createdAt": order}))).ids
        assert sorted(found) == sorted(ids[place] for place in places)


async def test_filtered_date(client, dated, clock):
    """createdAt, updatedAt, or no date at all is compared."""
    ids, start = dated
    assert (await client.ask(asking(start, 2, 2))).ids == [ids[2]]
    client.sandbox.switches = Switches(filtered_date="updatedAt")
    assert (await client.ask(asking(start, 2, 2))).ids == []
    assert ids[2] in (await client.ask(asking(clock() - timedelta(hours=1), -1, 1))).ids
    client.sandbox.switches = Switches(filtered_date="none")
    assert (await client.ask(asking(start, 2, 2))).data["totalResults"] == 65


async def test_one_bound_alone_is_open_on_the_other_side(client, dated):
    """Either date may be left out."""
    ids, start = dated
    body = asking(start, 3, 3)
    del body["endDate"]
    assert set(ids[3:]) <= set((await client.ask(body)).ids)
    assert not set(ids[:3]) & set((await client.ask(body)).ids)


async def test_campaign_without_a_date_matches_no_dates(client, catalogue, account, clock):
    """It is listed by undated requests only, first in ascending order."""
    added = catalogue.insert(account.account_id, "sms", now=clock(), createdAt=None)
    assert (await client.ask({"sortBy": {"createdAt": "asc"}, "limit": 1})).ids == [added]
    dated = {"endDate": "9999-12-31T23:59:59.999Z", "sortBy": {"createdAt": "asc"}, "limit": 100}
    assert added not in (await client.ask(dated)).ids
    assert added not in (await client.ask(dated | {"sortBy": {"name": "asc"}})).ids


async def test_id_spelling(client):
    """Per channel, at the same place in the record."""
    client.sandbox.switches = Switches(id_spelling={"sms": "_id", "voice": "id"})
    (sms,) = (await client.ask({"limit": 1})).data["results"]
    (voice,) = (await client.ask({"limit": 1, "type": "voice"})).data["results"]
    assert ("_id" in sms, "id" in sms) == (True, False)
    assert next(iter(voice)) == "id"


@pytest.mark.parametrize(("echo", "said"), [("effective", 20), ("asked", 50), ("absent", None)])
async def test_largest_limit_and_its_echo(client, echo, said):
    """A larger limit is cut without a word, or with one; paging by rows received still ends with all."""
    client.sandbox.switches = Switches(max_limit=20, limit_echo=echo)
    reply = await client.ask({"limit": 50})
    assert (len(reply.ids), reply.data.get("limit"), reply.data["totalPages"]) == (20, said, 3)
    assert len(set(await client.crawl({"limit": 50}))) == 60


async def test_default_limit(client):
    """Where none is asked."""
    client.sandbox.switches = Switches(default_limit=4)
    assert len((await client.ask()).ids) == 4
    assert len((await client.ask({"limit": 0})).ids) == 4


async def test_skip_or_page_wins(client):
    """Where both are sent and disagree."""
    ids = (await client.ask({"limit": 100})).ids
    body = {"limit": 10, "skip": 5, "page": 2}
    assert (await client.ask(body)).ids == ids[5:15]
    client.sandbox.switches = Switches(offset_wins="page")
    reply = await client.ask(body)
    assert (reply.ids, reply.data["skip"]) == (ids[10:20], 10)
    assert (await client.ask({"limit": 10, "skip": 5})).ids == ids[5:15]


async def test_totals_can_be_absent(client):
    """hasMore stays truthful."""
    client.sandbox.switches = Switches(total="absent")
    assert list((await client.ask()).data) == ["results", "skip", "limit", "hasMore"]
    assert len(await client.crawl({"limit": 25})) == 60


async def test_order_can_be_ignored(client):
    """The default order comes instead, which is a switch too."""
    unsorted = (await client.ask({"limit": 100})).ids
    client.sandbox.switches = Switches(order_kept=False)
    assert (await client.ask({"limit": 100, "sortBy": {"name": "asc"}})).ids == unsorted
    client.sandbox.switches = Switches(default_order=(("createdAt", "asc"),))
    rows = (await client.ask({"limit": 100})).data["results"]
    assert [row["createdAt"] for row in rows] == sorted(row["createdAt"] for row in rows)


@pytest.mark.parametrize("sort", [{"createdAt": "asc"}, {"createdAt": "desc"}, {"name": "asc", "createdAt": "asc"}])
async def test_ties_can_be_shuffled(client, catalogue, account, clock, sort):
    """Equals change places from answer to answer, the others never; stable is the default."""
    tied = {catalogue.insert(account.account_id, "sms", now=clock(), name="tied") for _ in range(8)}
    body = {"limit": 100, "sortBy": sort}
    stable = (await client.ask(body)).ids
    first = min(stable.index(one) for one in tied)
    assert (await client.ask(body)).ids == stable
    client.sandbox.switches = Switches(ties="shuffled")
    replies = [await client.ask(body) for _ in range(5)]
    assert len({tuple(reply.ids) for reply in replies}) > 1
    stamps = {tuple(row["createdAt"] for row in reply.data["results"]) for reply in replies}
    assert len(stamps) == 1 or "name" in sort
    assert all(tied == set(reply.ids[first : first + 8]) for reply in replies)
    inside = body | {"limit": 3, "skip": first + 2}
    cut = [frozenset((await client.ask(inside)).ids) for _ in range(20)]
    assert len(set(cut)) > 1
    assert frozenset.union(*cut) == tied


@pytest.mark.parametrize(
    ("how", "rows", "total"), [("together", 61, 61), ("count-first", 61, 60), ("find-first", 60, 61)]
)
async def test_find_and_count_can_happen_at_two_instants(client, clock, how, rows, total):
    """A change lands before both, or between them."""
    client.sandbox.switches = Switches(find_and_count=how)
    client.sandbox.faults = (
        Fault("mutate", on=1, act=lambda catalogue, call: catalogue.insert(call.account_id, call.channel, now=clock())),
    )
    reply = await client.ask({"limit": 100})
    assert (len(reply.ids), reply.data["totalResults"]) == (rows, total)


async def test_status_filter_can_be_ignored(client):
    """Accepted all the same."""
    body = {"limit": 100, "filters": {"status": ["Preparing"], "priority": [1]}}
    assert {row["status"] for row in (await client.ask(body)).data["results"]} <= {"Preparing"}
    client.sandbox.switches = Switches(status_filter_works=False)
    rows = (await client.ask(body)).data["results"]
    assert "Completed" in {row["status"] for row in rows}
    assert {row["priority"] for row in rows} == {"1"}


async def test_undated_requests_can_be_refused(client):
    """Both dates are then required."""
    client.sandbox.switches = Switches(undated="refused")
    assert (await client.ask()).status == 412
    assert (await client.ask({"startDate": "2020-01-01T00:00:00.000Z"})).status == 412
    dates = {"startDate": "2020-01-01T00:00:00.000Z", "endDate": "2030-01-01T00:00:00.000Z"}
    assert (await client.ask(dates)).data["totalResults"] == 60


@pytest.mark.parametrize("form", ["429", "200"])
async def test_throttling_counts_a_rolling_minute_per_account(client, catalogue, clock, form):
    """Channels share the budget, accounts do not, refused requests cost nothing, room comes back one by one."""
    client.sandbox.switches = Switches(throttle=form, requests_per_minute=3)

    async def throttled(body=None, **who):
        reply = await client.ask(body, **who)
        assert reply.status == (int(form) if "rate limit" in reply.text else 200)
        return "rate limit" in reply.text

    assert not await throttled()
    clock.move(20)
    assert not await throttled({"type": "voice"})
    assert not await throttled()
    clock.move(39)
    assert await throttled()
    assert not await throttled(account=catalogue.accounts[1])
    clock.move(1)
    assert not await throttled(headers={"auth": client.token(exp=None)})
    assert await throttled(headers={"auth": client.token(exp=None)})
    clock.move(20)
    assert not await throttled(headers={"auth": client.token(exp=None)})


@pytest.mark.parametrize(("form", "said"), [("seconds", "50"), ("date", "Mon, 02 Mar 2026 12:01:00 GMT"), (None, None)])
async def test_throttled_answer_may_say_how_long_to_wait(client, clock, form, said):
    """In either form of Retry-After; after that time there is room."""
    client.sandbox.switches = Switches(throttle="429", requests_per_minute=1, retry_after=form)
    await client.ask()
    clock.move(10)
    reply = await client.ask()
    assert (reply.status, reply.headers.get("Retry-After")) == (429, said)
    assert json.loads(reply.text)["errors"][0]["code"] == 429


async def test_latency_comes_before_the_answer(open_sandbox):
    """The requests of several clients wait side by side."""
    client = await open_sandbox(switches=Switches(latency_seconds=0.001))
    assert (await client.ask()).status == 200
