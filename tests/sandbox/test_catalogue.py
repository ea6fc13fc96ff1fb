"""The made-up data: the same every time, realistic where it matters, quick to page through."""

from __future__ import annotations

import ast
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import etl.sandbox
from etl.sandbox.catalogue import Catalogue, build_catalogue, invent_accounts
from etl.sandbox.listing import Listing, Query, Row

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def everything(catalogue):
    return [
        (account, channel, catalogue.listing(account.account_id, channel))
        for account in catalogue.accounts
        for channel in ("sms", "voice")
    ]


@pytest.fixture(scope="module")
def large():
    return build_catalogue(accounts=2, campaigns=1500, now=NOW)


def test_equal_arguments_give_equal_catalogues():
    """And another seed or another moment gives another."""
    one, same = (build_catalogue(accounts=2, campaigns=40, now=NOW) for _ in range(2))
    assert everything(one) == everything(same)
    assert everything(build_catalogue(accounts=2, campaigns=40, seed=8, now=NOW)) != everything(one)
    assert everything(build_catalogue(accounts=2, campaigns=40, now=NOW + timedelta(days=1))) != everything(one)
    later = [found.insert(found.accounts[0].account_id, "sms", now=NOW) for found in (one, same)]
    assert later[0] == later[1]


def test_the_first_catalogue_never_changes():
    """A fixed sample: the same data on every machine and Python."""
    catalogue = build_catalogue(accounts=1, campaigns=3, now=NOW)
    account = catalogue.accounts[0]
    assert account.name == "EMEA retail"
    assert account.account_id == "73bf7939ac50b4f6d9c78045"
    created = [row["createdAt"] for row in catalogue.listing(account.account_id, "sms")]
    assert created == ["2024-12-03T16:38:08.004Z", "2024-07-07T16:57:31.083Z", "2023-09-26T14:38:31.121Z"]


def test_every_campaign_has_its_own_id_and_accounts_their_own_keys(large):
    """Over all accounts and channels."""
    ids = [row.get("id", row.get("_id")) for _, _, rows in everything(large) for row in rows]
    assert len(ids) == len(set(ids)) == 6000
    accounts = invent_accounts(20)
    assert len({account.account_id for account in accounts} | {account.client_secret for account in accounts}) == 40
    assert len({account.name for account in accounts}) == 20


def test_times_fill_the_years_and_end_before_now(large):
    """Nothing happened in the last 15 minutes; some were updated 0.2 to 0.4 s before they were created."""
    for _, _, rows in everything(large):
        created = [datetime.fromisoformat(row["createdAt"]) for row in rows]
        updated = [datetime.fromisoformat(row["updatedAt"]) for row in rows]
        assert NOW - timedelta(days=1096) <= min(created) <= NOW - timedelta(days=1000)
        assert NOW - timedelta(days=3) <= max(created) <= NOW - timedelta(minutes=15)
        assert max(updated) <= NOW - timedelta(minutes=15)
        early = [born - touched for born, touched in zip(created, updated, strict=True) if touched < born]
        assert early
        assert all(timedelta(seconds=0.2) <= gap <= timedelta(seconds=0.4) for gap in early)


def test_creation_is_uneven(large):
    """Bursts, quiet weeks and exact ties."""
    for _, _, rows in everything(large):
        days = Counter(row["createdAt"][:10] for row in rows)
        assert max(days.values()) > 8 * len(rows) / 1096
        assert max(Counter(row["createdAt"] for row in rows).values()) >= 2


def test_fields_are_realistic(large):
    """Statuses follow age, contact lists are one to ten and shared, names hold slashes, pipes and other scripts."""
    for _, _, rows in everything(large):
        old = [row["status"] for row in rows if row["createdAt"] < "2025"]
        assert set(old) == {"Completed", "Stopped", "Ready", "Paused"}
        assert {"Active", "Scheduled"} & {row["status"] for row in rows}
        lists = [row["contactLists"] for row in rows]
        assert {len(names) for names in lists} >= {1, 2, 3, 5}
        assert all(1 <= len(names) == len(set(names)) <= 10 for names in lists)
        names = " ".join({name for some in lists for name in some})
        assert all(mark in names for mark in "/|ü顧👑")
        assert all(len(row["name"]) <= 48 for row in rows)
        assert len({row["name"] for row in rows}) < len(rows)


def test_only_the_asked_channels_are_filled():
    """The others are empty."""
    catalogue = build_catalogue(accounts=1, campaigns=5, now=NOW, channels=("voice",))
    account_id = catalogue.accounts[0].account_id
    assert (catalogue.count(account_id, "sms"), catalogue.count(account_id, "voice")) == (0, 5)


def test_mutators_stamp_the_update_unless_told_not_to():
    """`now` is the stamp; None leaves it."""
    catalogue = build_catalogue(accounts=1, campaigns=3, now=NOW)
    account_id = catalogue.accounts[0].account_id
    born = NOW - timedelta(days=9)
    campaign_id = catalogue.insert(account_id, "voice", created_at=born, now=NOW)
    record = catalogue.get(account_id, "voice", campaign_id)
    assert (record["createdAt"], record["updatedAt"]) == ("2026-02-21T12:00:00.000Z", "2026-03-02T12:00:00.000Z")
    catalogue.update(account_id, "voice", campaign_id, now=None, status="Active")
    assert catalogue.get(account_id, "voice", campaign_id) == record | {"status": "Active"}
    catalogue.update(account_id, "voice", campaign_id, now=NOW + timedelta(seconds=1))
    assert catalogue.get(account_id, "voice", campaign_id)["updatedAt"] == "2026-03-02T12:00:01.000Z"
    catalogue.delete(account_id, "voice", campaign_id)
    for unknown in (campaign_id, "cd-0"):
        with pytest.raises(KeyError):
            catalogue.delete(account_id, "voice", unknown)
        with pytest.raises(KeyError):
            catalogue.update(account_id, "voice", unknown, now=NOW)


def test_own_id_can_be_given():
    """Under the channel's spelling; anything but text needs insert_raw."""
    catalogue = Catalogue(invent_accounts(1))
    account_id = catalogue.accounts[0].account_id
    assert catalogue.insert(account_id, "sms", now=NOW, id="cd-1") == "cd-1"
    with pytest.raises(TypeError, match="insert_raw"):
        catalogue.insert(account_id, "sms", now=NOW, id=5)


# -- the listing against the obvious way of doing it -----------------------------------------------------------------

STAMPS = [f"2026-01-01T00:00:0{second}.000Z" for second in range(5)]
rows = st.fixed_dictionaries(
    {
        "createdAt": st.sampled_from([*STAMPS, None]),
        "updatedAt": st.sampled_from(STAMPS),
        "name": st.sampled_from("abc"),
        "status": st.sampled_from(["Ready", "Active"]),
    }
)
queries = st.builds(
    Query,
    sort=st.lists(
        st.tuples(st.sampled_from(["createdAt", "updatedAt", "name"]), st.sampled_from(["asc", "desc"])),
        max_size=3,
        unique_by=lambda key: key[0],
    ).map(tuple),
    date_field=st.sampled_from(["createdAt", "updatedAt", None]),
    start=st.sampled_from([*STAMPS, None]),
    end=st.sampled_from([*STAMPS, None]),
    start_inclusive=st.booleans(),
    end_inclusive=st.booleans(),
    keep=st.sampled_from([(), (("status", ("Ready",)),)]),
)


def after(stamp, bound, *, equal):
    return bool(stamp) and (stamp > bound or (equal and stamp == bound))


def matches(record, query):
    """The query in its plainest form."""
    stamp = record[query.date_field] if query.dated else None
    above = not query.dated or query.start is None or after(stamp, query.start, equal=query.start_inclusive)
    beyond = query.end is not None and (not stamp or after(stamp, query.end, equal=not query.end_inclusive))
    below = not query.dated or not beyond
    return above and below and all(record[name] in accepted for name, accepted in query.keep)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(rows, max_size=12),
    st.lists(st.tuples(st.integers(0, 14), rows | st.none()), max_size=6),
    st.lists(queries, min_size=1, max_size=3),
)
def test_listing_equals_a_plain_filter_and_sort(records, changes, asked):
    """After any changes, in any order, under any filter: every matching row once over the pages, and in order."""
    held = {f"cd-{place:02}": record for place, record in enumerate(records)}
    listing = Listing(Row(key, record) for key, record in held.items())
    for number, record in [(None, None), *changes]:
        key = f"cd-{number:02}" if number is not None else ""
        held.pop(key, None)
        listing.remove(key)
        if record is not None:
            held[key] = record
            listing.put(Row(key, record))
        for query in asked:
            compare(listing, held, query)


def compare(listing, held, query):
    expected = {key for key, record in held.items() if matches(record, query)}
    pages = [row.campaign_id for skip in (0, 5, 10, 15) for row in listing.find(query, skip, 5)]
    assert (len(pages), set(pages), listing.count(query)) == (len(expected), expected, len(expected))
    for shuffle in (None, random.Random(1)):
        found = [row.campaign_id for row in listing.find(query, 0, 100, shuffle=shuffle)]
        ordered = found.copy()
        for name, direction in reversed(query.sort):
            ordered.sort(key=lambda key, name=name: held[key][name] or "", reverse=direction == "desc")
        assert (set(found), found) == (expected, ordered)


def test_the_room_imports_nothing_else_of_ours():
    """An independent reading of the API page can disagree with the extractor."""
    for file in Path(etl.sandbox.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert all(name.startswith("etl.sandbox") for name in names if name.split(".")[0] == "etl"), file
