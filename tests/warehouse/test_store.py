"""What storing a window does, the same on both databases."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace
from warehouse.samples import DAY, JANUARY, RANK, SMS, Clock, Night, campaign, query, rejected

from etl.errors import AccountUnavailable, WarehouseError, WindowFailed
from etl.model import (
    Campaign,
    Channel,
    Cost,
    FailedRead,
    FilteredDate,
    Loaded,
    Profile,
    Proof,
    Reason,
    Rejected,
    Scope,
    State,
    Unread,
    Verdict,
)
from etl.warehouse.warehouse import Warehouse

MakeNight = Callable[..., Night]


async def test_a_first_read_inserts_and_a_second_changes_nothing(night: MakeNight, warehouse_url: str) -> None:
    """Counts are exact, and an unchanged night writes no campaign row."""
    rows = [campaign("c-1", contact_lists=("North", "South")), campaign("c-2")]
    async with night() as first:
        assert await first.store(*rows) == Loaded(inserted=2, links_added=2)
    before = await query(warehouse_url, "SELECT * FROM campaigns ORDER BY campaign_id")
    async with night() as second:
        assert await second.store(*rows) == Loaded(unchanged=2)
    assert await query(warehouse_url, "SELECT * FROM campaigns ORDER BY campaign_id") == before


async def test_a_window_never_read_holds_nothing_to_look_at(night: MakeNight, warehouse_url: str) -> None:
    """Its campaigns are stored unseen: should one of them be elsewhere, its key tells, and they are looked at."""
    known = Profile(filtered_date=FilteredDate.CREATED)
    other = Scope("acc-2", "st-1", Channel.SMS)
    march = datetime(2026, 3, 1, tzinfo=UTC)
    async with night(other) as before:
        await before.store(campaign("of-another"))
    async with night() as tonight:
        await tonight.store(campaign("moved", created_at=march), start=march, end=march + 31 * DAY)
        rows = [campaign("of-another"), campaign("moved", name="New"), campaign("c-1", contact_lists=("North",))]
        loaded = await tonight.store(*rows, reason=Reason.FIRST, profile=known)
        assert loaded == Loaded(inserted=1, updated=1, rejected=1, links_added=1)
    found = await query(warehouse_url, "SELECT campaign_id, account_id, name FROM campaigns ORDER BY 1")
    assert found == [
        ("c-1", SMS.account_id, "Campaign c-1"),
        ("moved", SMS.account_id, "New"),
        ("of-another", other.account_id, "Campaign of-another"),
    ]


@pytest.mark.parametrize("reason", [Reason.FIRST, Reason.GAP])
async def test_what_is_stored_of_a_window_never_read_is_looked_at(night: MakeNight, reason: Reason) -> None:
    """A read that proved nothing left it there; one of the campaigns is gone since, though no key meets its own."""
    known = Profile(filtered_date=FilteredDate.CREATED)
    async with night() as first:
        await first.store(campaign("c-2"), state=State.UNPROVEN)
        again = await first.store(campaign("c-1"), reason=reason, profile=known)
        assert again == Loaded(inserted=1, absent=frozenset({"c-2"}))
        assert await first.store(campaign("c-1"), campaign("c-2"), reason=reason, profile=known) == Loaded(unchanged=2)


@pytest.mark.parametrize("reason", [Reason.FIRST, Reason.WHOLE])
async def test_what_a_glance_took_for_a_campaign_can_turn_out_to_be_none(
    warehouse_url: str, warehouse: Warehouse, clock: Clock, reason: Reason
) -> None:
    """Reading on meets what the glance skipped: it is rejected, new or not, and its neighbours are stored."""

    def read_on(seen: Unread, _scope: Scope) -> Campaign | Rejected:
        whole = campaign(seen.campaign_id, name="Read on")
        return whole if "good" in seen.campaign_id else rejected(seen.campaign_id, campaign_id=seen.campaign_id)

    def seen(campaign_id: str) -> Unread:
        return Unread(campaign_id, b"{}", f"hash of {campaign_id}", None, JANUARY, None)

    async with Night(warehouse, clock) as before:
        await before.store(campaign("bad-old"), campaign("good-old"), reason=Reason.BACKFILL)
    ids = ("bad-new", "bad-old", "good-new", "good-old")
    async with Warehouse.connect(warehouse_url, clock=clock, read_on=read_on) as other, Night(other, clock) as tonight:
        loaded = await tonight.store(*map(seen, ids), reason=reason)
    assert loaded == Loaded(inserted=1, updated=1, rejected=2)
    found = await query(warehouse_url, "SELECT campaign_id, name FROM campaigns ORDER BY 1")
    assert found == [("bad-old", "Campaign bad-old"), ("good-new", "Read on"), ("good-old", "Read on")]
    waiting = await query(warehouse_url, "SELECT campaign_id, gone_at FROM rejected_records ORDER BY 1")
    assert waiting == [("bad-new", None), ("bad-old", None)]


async def test_a_changed_campaign_is_updated(night: MakeNight, warehouse_url: str) -> None:
    """Only the changed one counts, and only its stamps move."""
    async with night() as first:
        await first.store(campaign("c-1"), campaign("c-2", status="Ready"))
    async with night() as second:
        loaded = await second.store(campaign("c-1"), campaign("c-2", status="Active"))
    assert loaded == Loaded(updated=1, unchanged=1)
    found = await query(warehouse_url, "SELECT campaign_id, status, last_run_id FROM campaigns ORDER BY 1")
    assert found == [("c-1", None, first.run_id), ("c-2", "Active", second.run_id)]


async def test_valid_from_and_counted_at_move_apart(night: MakeNight, warehouse_url: str) -> None:
    """A counter starts a new reading, an attribute a new version; first_seen_at stays."""
    stamps = "SELECT first_seen_at, valid_from, counted_at, last_changed_at FROM campaigns"
    async with night() as tonight:
        await tonight.store(campaign("c-1", total_messages_sent=1))
        (first,) = await query(warehouse_url, stamps)
        assert len(set(first)) == 1
        await tonight.store(campaign("c-1", total_messages_sent=2))
        (counted,) = await query(warehouse_url, stamps)
        assert counted[:2] == first[:2]
        assert counted[2] == counted[3] > first[2]
        await tonight.store(campaign("c-1", total_messages_sent=2, name="New"))
        (named,) = await query(warehouse_url, stamps)
        assert named[0] == first[0]
        assert named[1] == named[3] > counted[3]
        assert named[2] == counted[2]


async def test_key_order_and_white_space_are_no_change(night: MakeNight) -> None:
    """The same JSON value in another spelling is unchanged; 1 and true are not the same."""
    async with night() as tonight:
        await tonight.store(campaign("c-1", raw='{"id": "c-1", "a": 1}'))
        assert await tonight.store(campaign("c-1", raw='{"a":1,"id":"c-1"}')) == Loaded(unchanged=1)
        assert await tonight.store(campaign("c-1", raw='{"a":true,"id":"c-1"}')) == Loaded(updated=1)


async def test_links_become_exactly_the_records(night: MakeNight, warehouse_url: str) -> None:
    """A list taken off disappears; None keeps, () removes; names hold any separator."""
    links = (
        "SELECT l.name FROM campaign_contact_lists k JOIN contact_lists l ON l.contact_list_id = k.contact_list_id "
        "ORDER BY l.name"
    )
    async with night() as tonight:
        await tonight.store(campaign("c-1", contact_lists=("a/b", "c|d", "a/b")))
        changed = await tonight.store(campaign("c-1", contact_lists=("c|d", "e, f")))
        assert changed == Loaded(updated=1, links_added=1, links_removed=1)
        assert await query(warehouse_url, links) == [("c|d",), ("e, f",)]
        assert await tonight.store(campaign("c-1", name="x", contact_lists=None)) == Loaded(updated=1)
        assert await tonight.store(campaign("c-1", contact_lists=())) == Loaded(updated=1, links_removed=2)
        assert await query(warehouse_url, links) == []
    assert await query(warehouse_url, "SELECT count(*) FROM contact_lists") == [(3,)]


async def test_the_same_id_twice_in_one_window_is_stored_once(night: MakeNight, warehouse_url: str) -> None:
    """The last one read wins."""
    async with night() as tonight:
        assert await tonight.store(campaign("c-1", name="a"), campaign("c-1", name="b")) == Loaded(inserted=1)
    assert await query(warehouse_url, "SELECT name FROM campaigns") == [("b",)]


async def test_an_id_of_another_account_is_rejected(night: MakeNight, warehouse_url: str) -> None:
    """It is neither moved nor stored, and shows in rejected_records."""
    async with night() as tonight:
        await tonight.store(campaign("c-1"))
    other = Scope("acc-2", "st-9", Channel.SMS)
    async with night(other) as tonight:
        assert await tonight.store(campaign("c-1", name="stolen")) == Loaded(rejected=1)
    assert await query(warehouse_url, "SELECT account_id, name FROM campaigns") == [("acc-1", "Campaign c-1")]
    found = await query(warehouse_url, "SELECT account_id, campaign_id, reason FROM rejected_records")
    assert found == [("acc-2", "c-1", "foreign_campaign_id")]


async def test_an_id_of_the_other_channel_is_rejected(night: MakeNight, warehouse_url: str) -> None:
    """A campaign belongs to one channel."""
    async with night() as tonight:
        await tonight.store(campaign("c-1"))
        voice = replace(SMS, channel=Channel.VOICE)
        assert await tonight.store(campaign("c-1"), scope=voice) == Loaded(rejected=1)
    assert await query(warehouse_url, "SELECT reason FROM rejected_records") == [("other_channel_campaign_id",)]


async def test_two_apps_share_a_campaign_under_the_one_configured_first(night: MakeNight, warehouse_url: str) -> None:
    """Whichever is read first; the other one's view of it counts as unchanged."""
    second_app = replace(SMS, app_id="st-2")
    app = "SELECT app_id, name FROM campaigns"
    async with night() as tonight:
        assert await tonight.store(campaign("c-1", name="x"), scope=second_app) == Loaded(inserted=1)
        assert await tonight.store(campaign("c-1", name="x")) == Loaded(updated=1)
        assert await query(warehouse_url, app) == [("st-1", "x")]
        assert await tonight.store(campaign("c-1", name="y"), scope=second_app) == Loaded(unchanged=1)
        assert await query(warehouse_url, app) == [("st-1", "x")]


async def test_an_app_that_is_no_longer_configured_ranks_last(night: MakeNight, warehouse_url: str) -> None:
    """Its campaigns go to the app that still lists them."""
    async with night() as tonight:
        await tonight.store(campaign("c-1"), scope=replace(SMS, app_id="st-old"))
        assert await tonight.store(campaign("c-1"), scope=replace(SMS, app_id="st-2")) == Loaded(updated=1)
    assert await query(warehouse_url, "SELECT app_id FROM campaigns") == [("st-2",)]


async def test_a_missing_campaign_seen_again_is_no_longer_missing(night: MakeNight, warehouse_url: str) -> None:
    """missing_since is cleared, and that is no change."""
    async with night() as tonight:
        await tonight.store(campaign("c-1"))
        await query(warehouse_url, "UPDATE campaigns SET missing_since = first_seen_at")
        assert await tonight.store(campaign("c-1")) == Loaded(unchanged=1)
    assert await query(warehouse_url, "SELECT missing_since FROM campaigns") == [(None,)]


async def test_a_deleted_campaign_seen_again_is_revived(night: MakeNight, warehouse_url: str) -> None:
    """deleted_at is cleared and a new version begins, also where nothing else changed."""
    async with night() as tonight:
        await tonight.store(campaign("c-1"))
        await query(warehouse_url, "UPDATE campaigns SET missing_since = first_seen_at, deleted_at = first_seen_at")
        assert await tonight.store(campaign("c-1")) == Loaded(revived=1)
    ((deleted, missing, moved),) = await query(
        warehouse_url, "SELECT deleted_at, missing_since, valid_from > first_seen_at FROM campaigns"
    )
    assert (deleted, missing, bool(moved)) == (None, None, True)


async def test_an_older_payload_is_refused_once_and_then_taken(night: MakeNight, warehouse_url: str) -> None:
    """A restored source can't be told from a stale answer at first; in a later run it can."""
    new = campaign("c-1", name="new", updated_at=JANUARY + 2 * DAY, instance_updated_at=JANUARY)
    old = campaign("c-1", name="old", updated_at=JANUARY + DAY, instance_updated_at=JANUARY)
    name = "SELECT name FROM campaigns"
    async with night() as tonight:
        await tonight.store(new)
        assert await tonight.store(old) == Loaded(unchanged=1)
        assert await tonight.store(old) == Loaded(unchanged=1)
        assert await query(warehouse_url, name) == [("new",)]
    async with night() as tonight:
        assert await tonight.store(old) == Loaded(updated=1)
    assert await query(warehouse_url, name) == [("old",)]
    assert await query(warehouse_url, "SELECT sum(older) FROM sync_windows") == [(2,)]


async def test_a_newer_payload_forgets_the_older_one(night: MakeNight, warehouse_url: str) -> None:
    """A stale answer among fresh ones is refused every time."""
    new = campaign("c-1", name="new", updated_at=JANUARY + 2 * DAY)
    old = campaign("c-1", name="old", updated_at=JANUARY + DAY)
    for payload in (new, old, new, old):
        async with night() as tonight:
            await tonight.store(payload)
    assert await query(warehouse_url, "SELECT name FROM campaigns") == [("new",)]


async def test_stamps_beyond_now_do_not_freeze_a_row(night: MakeNight) -> None:
    """A row stamped in the future can still be replaced."""
    async with night() as tonight:
        future = tonight.clock.at + timedelta(days=400)
        await tonight.store(campaign("c-1", name="odd", updated_at=future))
        assert await tonight.store(campaign("c-1", name="now", updated_at=JANUARY)) == Loaded(updated=1)


async def test_rewrite_writes_equal_rows_and_counts_them_as_unchanged(night: MakeNight, warehouse_url: str) -> None:
    """What went wrong in a typed column is put right without a change in the source."""
    async with night() as tonight:
        await tonight.store(campaign("c-1", contact_lists=("a",)))
        await query(warehouse_url, "UPDATE campaigns SET name = 'damaged'")
        await query(warehouse_url, "DELETE FROM campaign_contact_lists")
        assert await tonight.store(campaign("c-1", contact_lists=("a",))) == Loaded(unchanged=1)
        again = await tonight.store(campaign("c-1", contact_lists=("a",)), rewrite=True)
    assert again == Loaded(unchanged=1, links_added=1)
    assert await query(warehouse_url, "SELECT name FROM campaigns") == [("Campaign c-1",)]


ODD = [
    'O\'Neil "quoted" \\ back',
    "'); DROP TABLE campaigns; --",
    "%s :name $1 ? {x} %%",
    "emoji \U0001f4e8 \U0001f468‍\U0001f469‍\U0001f467 ü ñ 漢字 ‮ right",
    "tab\tnew\nline\r\x01\x1b[31m",
    "x" * 300_000,
    "",
]


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
async def test_odd_texts_are_stored_exactly(night: MakeNight, warehouse_url: str, text: str) -> None:
    """Quotes, SQL, placeholders, emoji, control characters, megabytes: in columns, raw and list names."""
    async with night() as tonight:
        stored = campaign("c-1", name=text, message_text=text, contact_lists=(text,))
        assert await tonight.store(stored) == Loaded(inserted=1, links_added=1)
        assert await tonight.store(stored) == Loaded(unchanged=1)
    assert await query(warehouse_url, "SELECT name, message_text, raw FROM campaigns") == [
        (text, text, stored.raw.decode())
    ]
    assert await query(warehouse_url, "SELECT name FROM contact_lists") == [(text,)]


async def test_every_typed_value_comes_back(night: MakeNight, warehouse_url: str) -> None:
    """Booleans, wide integers and microseconds survive both databases."""
    at = JANUARY + timedelta(microseconds=1)
    async with night() as tonight:
        await tonight.store(
            campaign("c-1", is_scheduled=True, is_recurring=False, total_messages_sent=2**62, priority=5, created_at=at)
        )
    ((scheduled, recurring, sent, priority, created),) = await query(
        warehouse_url, "SELECT is_scheduled, is_recurring, total_messages_sent, priority, created_at FROM campaigns"
    )
    assert (bool(scheduled), bool(recurring), sent, priority) == (True, False, 2**62, 5)
    assert created == ("2026-01-01T00:00:00.000001Z" if isinstance(created, str) else at)


@pytest.mark.parametrize("odd_id", ["x" * 256, "a\x00b", "\ud800", ""])
async def test_an_id_that_no_key_can_hold_is_rejected(night: MakeNight, warehouse_url: str, odd_id: str) -> None:
    """It stops neither its window nor its neighbours."""
    odd = replace(campaign("c-0"), campaign_id=odd_id, raw="\x00 \ud800".encode("utf-8", "surrogatepass"))
    async with night() as tonight:
        assert await tonight.store(odd, campaign("c-1")) == Loaded(inserted=1, rejected=1)
    found = await query(warehouse_url, "SELECT reason, raw FROM rejected_records")
    assert found == [("unusable_campaign_id", "\\u0000 \\ud800")]


async def test_a_window_of_thousands_is_stored_at_once(night: MakeNight, warehouse_url: str) -> None:
    """More rows than a statement takes parameters: 7,000, then the same again, then half of them changed."""
    rows = [campaign(f"c-{n:05}", contact_lists=("a", f"list {n % 50}")) for n in range(7_000)]
    changed = [replace(row, raw=row.raw + b" ", content_hash=f"other {n}") for n, row in enumerate(rows)]
    half = [campaign(row.campaign_id, name="changed", contact_lists=("a",)) for row in rows[:3_500]]
    async with night() as tonight:
        assert await tonight.store(*rows) == Loaded(inserted=7_000, links_added=14_000)
        assert await tonight.store(*reversed(rows)) == Loaded(unchanged=7_000)
        assert await tonight.store(*changed) == Loaded(unchanged=7_000)
        assert await tonight.store(*half, *rows[3_500:]) == Loaded(updated=3_500, unchanged=3_500, links_removed=3_500)
    assert await query(warehouse_url, "SELECT count(*) FROM contact_lists") == [(51,)]


async def test_the_ledger_line_says_what_the_window_came_to(
    night: MakeNight, warehouse: Warehouse, warehouse_url: str
) -> None:
    """Bounds, state, proof, totals, costs and counts; numbers go up within a run."""
    async with night() as tonight:
        cost = Cost(requests=7, retries=2, throttled_seconds=1.5, sweeps=3)
        await tonight.store(campaign("c-1", contact_lists=("a",)), rejected("k"), cost=cost, source_total=9, beyond=1)
        await tonight.store(state=State.UNPROVEN, why="The total moved.")
    detail = await warehouse.run(tonight.run_id)
    assert detail is not None
    line, other = detail.windows
    assert (line.window_no, other.window_no) == (1, 2)
    assert (line.state, line.proof, line.reason) == (State.PROVEN, Proof.L1, Reason.WHOLE.value)
    assert (line.source_total, line.seen, line.beyond) == (9, 2, 1)
    assert (line.requests, line.retries, line.throttled_seconds, line.attempts) == (7, 2, 1.5, 3)
    assert (line.inserted, line.rejected, line.links_added, line.older) == (1, 1, 1, 0)
    assert (other.state, other.proof, other.why) == (State.UNPROVEN, None, "The total moved.")
    assert await warehouse.run("nobody") is None


async def test_a_failed_read_leaves_a_line_and_nothing_else(night: MakeNight, warehouse: Warehouse) -> None:
    """Its error is kept, the state is failed."""
    async with night() as tonight:
        sweep = tonight.sweep()
        for error in (WindowFailed("Page 3 was empty."), AccountUnavailable("It is down.")):
            failed = FailedRead(
                sweep.window, error, Cost(requests=2), sweep.started_at, sweep.finished_at, answered=True
            )
            await warehouse.store_failure(tonight.lease, tonight.run_id, failed)
    detail = await warehouse.run(tonight.run_id)
    assert detail is not None
    assert [(w.state, w.error, w.requests) for w in detail.windows] == [
        (State.FAILED, "Page 3 was empty.", 2),
        (State.FAILED, "It is down.", 2),
    ]


async def test_a_window_that_fails_half_way_leaves_nothing(
    night: MakeNight, warehouse: Warehouse, warehouse_url: str
) -> None:
    """Rows, links, rejects and the ledger line are one transaction: the last statement's failure undoes the first."""
    await query(warehouse_url, "DROP TABLE sync_windows" + (" CASCADE" if "postgres" in warehouse_url else ""))
    async with night() as tonight:
        with pytest.raises(WarehouseError):
            await tonight.store(campaign("c-1", contact_lists=("a",)), rejected("k"))
    for table in ("campaigns", "campaign_contact_lists", "contact_lists", "rejected_records"):
        assert await query(warehouse_url, f"SELECT count(*) FROM {table}") == [(0,)]


async def test_a_value_the_database_refuses_is_an_error_without_values(night: MakeNight, warehouse_url: str) -> None:
    """Nothing is stored, and the message names neither the value nor the row."""
    async with night() as tonight:
        with pytest.raises(WarehouseError) as caught:
            await tonight.store(campaign("c-1"), campaign("c-2", name="secret-7", total_messages_sent=2**70))
    assert "secret-7" not in str(caught.value)
    assert str(2**70) not in str(caught.value)
    assert caught.value.__cause__ is None
    assert await query(warehouse_url, "SELECT count(*) FROM campaigns") == [(0,)]


async def test_runs_are_listed_newest_first(warehouse: Warehouse) -> None:
    """A run is `running` until it is finished; its totals come back as they were."""
    first = await warehouse.begin_run("sync", version="1.0", started_at=datetime.now(UTC))
    later = datetime.now(UTC) + timedelta(seconds=1)
    second = await warehouse.begin_run("backfill", version="1.0", started_at=later)
    await warehouse.finish_run(first, verdict=Verdict.COMPLETE, exit_code=0, totals={"seen": 3})
    newest, oldest = await warehouse.runs()
    assert (newest.run_id, newest.verdict.value, newest.finished_at, newest.totals) == (second, "running", None, {})
    assert (oldest.run_id, oldest.exit_code, json.dumps(oldest.totals)) == (first, 0, '{"seen": 3}')
    assert first < second
    assert len(await warehouse.runs(limit=1)) == 1


async def test_a_profile_is_kept_and_replaced(night: MakeNight, warehouse: Warehouse) -> None:
    """Every field comes back, unknown ones as None."""
    profile = Profile(
        FilteredDate.CREATED, True, False, True, 50, False, "skip", -1.25, undated_works=True, census_difference=-3
    )
    async with night() as tonight:
        assert (await warehouse.scope_state(SMS)).profile == Profile()
        await warehouse.save_profile(tonight.lease, SMS, Profile(largest_page=10))
        await warehouse.save_profile(tonight.lease, SMS, profile)
    assert (await warehouse.scope_state(SMS)).profile == profile


async def test_a_lease_covers_its_own_account_only(night: MakeNight, warehouse: Warehouse) -> None:
    """Storing another account under it is refused."""
    async with night() as tonight:
        sweep = tonight.sweep(campaign("c-1"), scope=Scope("acc-2", "st-1", Channel.SMS))
        with pytest.raises(WarehouseError, match="does not cover"):
            await warehouse.store(tonight.lease, tonight.run_id, sweep, app_rank=RANK)
