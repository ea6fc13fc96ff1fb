"""Each scripted fault as a client meets it, when it strikes, and how it is written on the command line."""

from __future__ import annotations

import contextlib

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.sandbox.faults import (
    KINDS,
    Every,
    Fault,
    OfAccount,
    OfChannel,
    OfWindow,
    OnPage,
    parse_faults,
)

TIMES_WRONG = [
    "drop@0",
    "drop@",
    "drop@x3",
    "drop@-1",
    "drop@often",
    "drop@every:0",
    "drop@channel:fax",
    "drop@1x0",
    "drop@1@2",
]
KINDS_WRONG = ["explode@3", "200@1", "drop:5@1", "slow:1.2.3", "DROP", "status@1", "429:@1"]


async def statuses(client, count, **parts):
    return [(await client.ask(**parts)).status for _ in range(count)]


# -- when --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault("status", on=2), [200, 503, 200, 200, 200, 200]),
        (Fault("status", on=2, times=3), [200, 503, 503, 503, 200, 200]),
        (Fault("status", on=Every(3), status=429), [200, 200, 429, 200, 200, 429]),
        (Fault("status", on=Every(2), times=1), [200, 503, 200, 200, 200, 200]),
        (Fault("status", times=2), [503, 503, 200, 200, 200, 200]),
        (Fault("status", on=lambda call: call.number > 4), [200, 200, 200, 200, 503, 503]),
    ],
)
async def test_fault_strikes_the_calls_it_is_meant_for(open_sandbox, fault, expected):
    """By number, in a row, every nth, at most so often, or by a test of the call."""
    assert await statuses(await open_sandbox(faults=[fault]), 6) == expected


async def test_refused_requests_are_not_numbered(open_sandbox):
    """So the nth call is the nth that would have been answered."""
    client = await open_sandbox(faults=[Fault("status", on=2)])
    await client.ask(headers={"auth": None})
    await client.ask({"type": "fax"})
    assert await statuses(client, 2) == [200, 503]
    assert [seen.faults for seen in client.sandbox.requests] == [(), (), (), ("status",)]


async def test_fault_can_be_aimed_at_account_channel_page_and_window(open_sandbox, catalogue):
    """Others are left alone."""
    client = await open_sandbox()
    second = catalogue.accounts[1]
    window = {"startDate": "2025-01-01T00:00:00.000Z", "endDate": "2025-02-01T00:00:00.000Z"}
    aims = {
        OfAccount(second.account_id): ({}, {"account": second}),
        OfChannel("voice"): ({"type": "voice"}, {}),
        OnPage(3): ({"limit": 10, "skip": 20}, {}),
        OfWindow(window["startDate"], window["endDate"]): (window, {}),
    }
    for aim, (body, who) in aims.items():
        client.sandbox.faults = (Fault("status", on=aim),)
        assert (await client.ask()).status == 200
        assert (await client.ask(body, **who)).status == 503


async def test_replaced_script_counts_anew(open_sandbox):
    """The faults of a running server can be changed."""
    client = await open_sandbox(faults=[Fault("status", times=1)])
    assert await statuses(client, 2) == [503, 200]
    client.sandbox.faults = (Fault("status", times=1, status=500),)
    assert await statuses(client, 2) == [500, 200]
    assert client.sandbox.faults[0].status == 500


# -- what --------------------------------------------------------------------------------------------------------------


async def test_status_with_any_body_and_any_retry_after(open_sandbox):
    """JSON in Kore.ai's shape by default, else what is given."""
    client = await open_sandbox(
        faults=[
            Fault("status", on=1, status=500),
            Fault("status", on=2, status=502, body="<h1>Bad Gateway</h1>", content_type="text/html"),
            Fault("status", on=3, status=429, retry_after="soon"),
        ]
    )
    first, second, third = [await client.ask() for _ in range(3)]
    assert (first.status, first.error["code"]) == (500, 500)
    assert (second.status, second.text, second.headers["Content-Type"]) == (502, "<h1>Bad Gateway</h1>", "text/html")
    assert (third.status, third.headers["Retry-After"]) == (429, "soon")


async def test_drop(open_sandbox):
    """No answer at all; the next request is answered."""
    client = await open_sandbox(faults=[Fault("drop", on=1)])
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.ask()
    assert await statuses(client, 1) == [200]
    assert client.sandbox.requests[0].status == 0


async def test_truncate(open_sandbox):
    """The body ends half-way under its full Content-Length."""
    client = await open_sandbox(faults=[Fault("truncate", on=1)])
    with pytest.raises(aiohttp.ClientPayloadError):
        await client.ask()
    assert await statuses(client, 1) == [200]


async def test_expired(open_sandbox):
    """As a token past its time is answered."""
    reply = await (await open_sandbox(faults=[Fault("expired")])).ask()
    assert (reply.status, reply.error["msg"]) == (401, "error verifying the jwt: jwt expired")


async def test_error_envelope_html_and_redirect(open_sandbox):
    """Answers that a careless client takes for empty ones, or follows."""
    client = await open_sandbox(
        faults=[Fault("error_envelope", on=1), Fault("html_200", on=2), Fault("redirect", on=3)]
    )
    envelope, html, redirect = [await client.ask() for _ in range(3)]
    assert (envelope.status, envelope.json["status"], "data" in envelope.json) == (200, "error", False)
    assert (html.status, html.headers["Content-Type"], html.text[:6]) == (200, "text/html; charset=utf-8", "<html>")
    assert (redirect.status, redirect.headers["Location"]) == (302, "/elsewhere")


async def test_empty_page(open_sandbox):
    """No rows, and yet there is more."""
    data = (await (await open_sandbox(faults=[Fault("empty_page")])).ask()).data
    assert (data["results"], data["hasMore"], data["totalResults"]) == ([], True, 60)


async def test_repeat_page(open_sandbox):
    """The rows of the page before under this page's numbers."""
    client = await open_sandbox(faults=[Fault("repeat_page", on=OnPage(2))])
    pages = [await client.ask({"limit": 10, "skip": skip}) for skip in (0, 10, 20)]
    assert pages[1].ids == pages[0].ids != pages[2].ids
    assert pages[1].data["skip"] == 10


async def test_endless_has_more(open_sandbox):
    """Past the end the listing starts again."""
    client = await open_sandbox(faults=[Fault("endless_has_more")])
    first = await client.ask({"limit": 10})
    for skip in (50, 60, 600):
        reply = await client.ask({"limit": 10, "skip": skip})
        assert reply.data["hasMore"] is True
        assert (reply.ids == first.ids) == (skip != 50)


async def test_short_page_loses_nothing_for_who_counts_rows(open_sandbox):
    """Half the rows, and hasMore says so."""
    client = await open_sandbox(faults=[Fault("short_page", on=Every(2))])
    assert len(set(await client.crawl({"limit": 20}))) == 60
    assert [seen.rows for seen in client.sandbox.requests] == [20, 10, 20, 5, 5]


async def test_falsely_empty_last_page(open_sandbox):
    """Only the last page is struck, and only as often as asked."""
    client = await open_sandbox(faults=[Fault("falsely_empty_last_page", times=1)])
    assert len(await client.crawl({"limit": 25})) == 50
    assert (await client.ask({"limit": 25, "skip": 50})).data["totalResults"] == 60
    assert len(await client.crawl({"limit": 25})) == 60


async def test_no_results(open_sandbox):
    """A success without results."""
    reply = await (await open_sandbox(faults=[Fault("no_results")])).ask()
    assert (reply.json["status"], "results" in reply.data, reply.data["totalResults"]) == ("success", False, 60)


async def test_raw_record_replaces_the_first(open_sandbox):
    """Whatever it is, byte for byte."""
    client = await open_sandbox(faults=[Fault("raw_record", on=1), Fault("raw_record", record='{"id": 12,}')])
    reply = await client.ask({"limit": 3})
    assert '"results":[{"id": 12,},{' in reply.text


async def test_slow_answers_late(open_sandbox):
    """A client with less patience gets nothing."""
    client = await open_sandbox(faults=[Fault("slow", on=1, seconds=30)])
    client.http._timeout = aiohttp.ClientTimeout(total=0.05)
    with pytest.raises(TimeoutError):
        await client.ask()


async def test_list_changes_while_it_is_read(open_sandbox, catalogue, account):
    """A deletion before the second page makes a row slip from under the offset: counted ids lose one."""

    def delete_first(held, call):
        rows = held.listing(call.account_id, "sms")
        held.delete(call.account_id, "sms", min(rows, key=lambda row: row["createdAt"])["id"])

    client = await open_sandbox(faults=[Fault("mutate", on=2, act=delete_first)])
    ids = await client.crawl({"limit": 10, "sortBy": {"createdAt": "asc"}})
    alive = {row["id"] for row in catalogue.listing(account.account_id, "sms")}
    assert (len(alive), len(alive - set(ids))) == (59, 1)


async def test_scripted_change_renames_adds_and_deletes(open_sandbox, catalogue, account):
    """In turn, the same ones for the same calls."""
    before = {row["id"]: row for row in catalogue.listing(account.account_id, "sms")}
    client = await open_sandbox(faults=parse_faults("change"))
    await statuses(client, 3)
    after = {row["id"]: row for row in catalogue.listing(account.account_id, "sms")}
    changed = [key for key in before.keys() & after.keys() if before[key] != after[key]]
    assert (len(before.keys() - after.keys()), len(after.keys() - before.keys()), len(changed)) == (1, 1, 1)


async def test_faults_act_together(open_sandbox):
    """A change, a bent page and a cut body in one answer."""
    client = await open_sandbox(faults=parse_faults("change@1,empty-page@1,drop@2"))
    reply = await client.ask({"limit": 5})
    assert (reply.ids, client.sandbox.requests[0].faults) == ([], ("mutate", "empty_page"))
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.ask()


# -- as text -----------------------------------------------------------------------------------------------------------


def test_faults_are_read_from_text():
    """The grammar of the command line's --faults."""
    text = "429@3, drop@7,truncate@every:20,500@2x3,change@every:10x5,slow:0.5@page:2"
    assert parse_faults(f"{text},429:30@channel:sms,expired@account:a1,html-200") == (
        Fault("status", on=3, status=429),
        Fault("drop", on=7),
        Fault("truncate", on=Every(20)),
        Fault("status", on=2, status=500, times=3),
        Fault("mutate", on=Every(10), times=5),
        Fault("slow", on=OnPage(2), seconds=0.5),
        Fault("status", on=OfChannel("sms"), status=429, retry_after="30"),
        Fault("expired", on=OfAccount("a1")),
        Fault("html_200"),
    )
    assert parse_faults("") == ()


@pytest.mark.parametrize(
    "text",
    [*TIMES_WRONG, *KINDS_WRONG],
)
def test_unreadable_fault_is_a_sentence_that_says_what_is_possible(text):
    """It names the item and shows the grammar."""
    with pytest.raises(ValueError, match="KIND@WHEN") as caught:
        parse_faults(f"drop@1,{text}")
    assert repr(text) in str(caught.value)
    assert "falsely-empty-last-page" in str(caught.value)


@settings(max_examples=200)
@given(st.text(alphabet="0123456789abcdelnopruvwxy:@,.- ", max_size=30))
def test_any_text_is_read_or_refused(text):
    """Never another error."""
    with contextlib.suppress(ValueError):
        assert all(fault.kind in KINDS for fault in parse_faults(text))


def test_unknown_kind_is_refused_at_once():
    """A misspelt fault would otherwise never strike."""
    with pytest.raises(ValueError, match="no fault of the kind 'explode'"):
        Fault("explode")


async def test_every_documented_kind_does_something(open_sandbox):
    """No kind of the list is forgotten: each changes what a client sees, or when."""

    def add_one(catalogue, call):
        catalogue.insert(call.account_id, call.channel, now=call.at)

    plain = (await (await open_sandbox()).ask({"limit": 60, "skip": 10})).text
    for kind in KINDS:
        client = await open_sandbox(faults=[Fault(kind, seconds=0.0, act=add_one)])
        try:
            reply = await client.ask({"limit": 60, "skip": 10})
        except aiohttp.ClientError:
            continue
        assert (reply.text != plain) == (kind != "slow"), kind
