"""Stored texts read again: `replay` and `rejects retry`, on both databases."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any

import pytest
from msgspec.structs import replace
from warehouse.samples import DAY, JANUARY, RANK, SMS, Clock, Night, campaign, query, rejected
from warehouse.test_history import counts, deleted

from etl.errors import LeaseLost
from etl.model import Campaign, FieldProblem, Mended, Record, Scope, State
from etl.warehouse.warehouse import Warehouse

MakeNight = Callable[..., Night]


def decode(raw: bytes, scope: Scope) -> Record:
    """Reads what `samples.campaign` wrote, and knows a field `dialingMode` that the stored rows do not."""
    if not raw.startswith(b"{"):
        return rejected("k", raw=raw.decode())
    said = json.loads(raw)
    known = ("name", "status", "total_messages_sent", "updated_at", "contact_lists")
    values: dict[str, Any] = {name: said[name] for name in known if said.get(name) is not None}
    if "updated_at" in values:
        values["updated_at"] = datetime.fromisoformat(values["updated_at"])
    if "contact_lists" in values:
        values["contact_lists"] = tuple(values["contact_lists"])
    read = campaign(said["id"], raw=raw.decode(), **values)
    problems = (FieldProblem("priority", "not a number"),) if "priority" in said else ()
    return replace(read, dialing_mode=said.get("dialingMode"), problems=problems)


def record(campaign_id: str, **said: Any) -> Campaign:
    """A campaign stored by a program that did not know `dialingMode` yet."""
    names = {name: value for name, value in said.items() if name not in ("dialingMode", "priority")}
    raw = json.dumps({"id": campaign_id, "name": f"Campaign {campaign_id}", **said}, default=str)
    return campaign(campaign_id, raw=raw, **names)


async def replay(tonight: Night) -> Mended:
    assert tonight.lease is not None
    return await total(tonight.warehouse.replay(tonight.lease, tonight.run_id, tonight.scope, decode))


async def total(parts: AsyncIterator[Mended]) -> Mended:
    return sum([part async for part in parts], Mended())


async def retry(tonight: Night, wants: Callable[[Campaign], bool] = lambda _: True) -> Mended:
    assert tonight.lease is not None
    return await total(
        tonight.warehouse.retry_rejects(
            tonight.lease, tonight.run_id, tonight.scope, decode, wants=wants, app_rank=RANK
        )
    )


# -- replay -----------------------------------------------------------------------------------------------------------


async def test_replay_fills_a_column_that_is_understood_by_now(night: MakeNight, warehouse_url: str) -> None:
    """In place: no version, no stamp but the run's; a second replay finds nothing to do."""
    async with night() as tonight:
        await tonight.store(record("c-1", dialingMode="Preview"), record("c-2"))
    stamps = "SELECT valid_from, counted_at, last_changed_at, raw, content_hash FROM campaigns ORDER BY campaign_id"
    before = await query(warehouse_url, stamps)
    async with night() as tonight:
        assert await replay(tonight) == Mended(read=2, updated=1)
        assert await replay(tonight) == Mended(read=2)
    assert await query(warehouse_url, stamps) == before
    found = await query(warehouse_url, "SELECT dialing_mode, last_run_id FROM campaigns ORDER BY campaign_id")
    assert found == [("Preview", tonight.run_id), (None, found[1][1])]
    assert found[1][1] != tonight.run_id
    assert await counts(warehouse_url) == [0, 0, 0]


async def test_replay_mends_links_and_typed_columns_changed_by_hand(night: MakeNight, warehouse_url: str) -> None:
    """What `raw` says is put back; a link that was put in by hand ends."""
    async with night() as tonight:
        await tonight.store(record("c-1", contact_lists=("a", "b")), record("c-2", contact_lists=("a",)))
        await query(warehouse_url, "UPDATE campaigns SET name = 'by hand' WHERE campaign_id = 'c-2'")
        await query(warehouse_url, "DELETE FROM campaign_contact_lists WHERE campaign_id = 'c-1'")
        assert await replay(tonight) == Mended(read=2, updated=2, links_added=2)
    assert await query(warehouse_url, "SELECT name FROM campaigns WHERE campaign_id = 'c-2'") == [("Campaign c-2",)]
    assert await query(warehouse_url, "SELECT count(*) FROM campaign_contact_lists") == [(3,)]


async def test_replay_leaves_a_deleted_campaign_deleted(night: MakeNight, warehouse_url: str) -> None:
    """Its columns are rebuilt, its links stay as they ended."""
    async with night() as tonight:
        await tonight.store(record("c-1", dialingMode="Preview", contact_lists=("a",)))
        await deleted(tonight, "c-1")
        await query(warehouse_url, "DELETE FROM campaign_contact_lists")
        assert await replay(tonight) == Mended(read=1, updated=1)
    found = await query(warehouse_url, "SELECT dialing_mode, deleted_at IS NOT NULL FROM campaigns")
    assert [(mode, bool(gone)) for mode, gone in found] == [("Preview", True)]
    assert await counts(warehouse_url) == [0, 0, 0]


async def test_replay_leaves_what_it_cannot_read(night: MakeNight, warehouse_url: str) -> None:
    """The row stays as it is, and the count says so."""
    async with night() as tonight:
        await tonight.store(record("c-1"), record("c-2"))
        await query(warehouse_url, "UPDATE campaigns SET raw = 'odd' WHERE campaign_id = 'c-1'")
        assert await replay(tonight) == Mended(read=2, left=1)
    assert await query(warehouse_url, "SELECT name FROM campaigns WHERE campaign_id = 'c-1'") == [("Campaign c-1",)]


async def test_replay_knows_which_fields_are_bad_now(night: MakeNight, warehouse_url: str) -> None:
    """A field that is understood by now no longer waits; one that is bad now does."""
    async with night() as tonight:
        odd = replace(record("c-1", dialingMode="x"), problems=(FieldProblem("dialingMode", "not text"),))
        await tonight.store(odd, record("c-2", priority="?", dialingMode="y"))
        await replay(tonight)
    waiting = "SELECT reason FROM rejected_records WHERE gone_at IS NULL"
    assert await query(warehouse_url, waiting) == [("field:priority",)]


async def test_replay_stops_where_another_run_took_the_account(
    night: MakeNight, warehouse: Warehouse, warehouse_url: str
) -> None:
    """A text that was read before a later fetch is not written after it."""
    async with night() as tonight:
        await tonight.store(record("c-1", dialingMode="Preview"))
        await query(warehouse_url, "UPDATE sync_leases SET epoch = epoch + 1")
        with pytest.raises(LeaseLost):
            await replay(tonight)
        await query(warehouse_url, "UPDATE sync_leases SET epoch = epoch - 1")
    assert await query(warehouse_url, "SELECT dialing_mode FROM campaigns") == [(None,)]


SUMS = "SELECT messages, readings, resets FROM campaign_daily_messages"


@pytest.mark.parametrize("understood", [None, 10])
async def test_replay_corrects_the_step_to_a_count_that_was_misunderstood(
    night: MakeNight, warehouse_url: str, understood: int | None
) -> None:
    """50, then 100 that was read as nothing or as 10, then 120: seventy messages, and no run began anew."""
    misread = replace(record("c-1", total_messages_sent=100), total_messages_sent=understood)
    async with night() as tonight:
        await tonight.store(record("c-1", total_messages_sent=50))
        await tonight.store(misread)
        assert (await replay(tonight)).updated == 1
        await tonight.store(record("c-1", total_messages_sent=120))
    assert await query(warehouse_url, SUMS) == [(70, 2, 0)]


async def test_replay_of_a_deleted_campaign_does_not_say_that_it_saw_the_deletion(
    night: MakeNight, warehouse_url: str
) -> None:
    """The run that marked it stays named; the links that are understood by now come with its return."""
    rows = record("c-1", dialingMode="Preview", contact_lists=("a",))
    async with night() as first:
        await first.store(replace(rows, contact_lists=None))
        await deleted(first, "c-1")
    async with night() as second:
        await replay(second)
        await second.store(replace(rows, dialing_mode="Preview"))
    assert await query(warehouse_url, "SELECT run_id FROM campaign_history") == [(first.run_id,)]
    assert await query(warehouse_url, "SELECT count(*) FROM campaign_contact_lists") == [(1,)]


async def test_a_run_that_is_stopped_has_counted_what_it_wrote(
    night: MakeNight, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction at a time."""
    monkeypatch.setattr("etl.warehouse.again.CHUNK", 2)
    async with night() as tonight:
        await tonight.store(*(record(f"c-{number}", dialingMode="Preview") for number in range(5)))
        parts = tonight.warehouse.replay(tonight.lease, tonight.run_id, SMS, decode)
        assert [part.updated async for part in parts] == [2, 2, 1]


# -- rejects retry ----------------------------------------------------------------------------------------------------


def waits(campaign_id: str, **said: Any) -> Any:
    """A record that was rejected when it came, and that `decode` reads."""
    raw = record(campaign_id, **said).raw.decode()
    return rejected(f"r-{raw}", raw=raw, campaign_id=campaign_id, created_at=JANUARY)


STILL = "SELECT count(*) FROM rejected_records WHERE gone_at IS NULL"


async def test_a_record_that_can_be_read_by_now_is_stored(night: MakeNight, warehouse_url: str) -> None:
    """With its links; it waits no longer. One that cannot stays."""
    async with night() as tonight:
        await tonight.store(waits("c-1", contact_lists=("a",)), rejected("odd"))
        assert await retry(tonight) == Mended(read=2, inserted=1, links_added=1, left=1)
        assert await retry(tonight) == Mended(read=1, left=1)
    assert await query(warehouse_url, "SELECT name FROM live_campaigns") == [("Campaign c-1",)]
    assert await query(warehouse_url, STILL) == [(1,)]


async def test_a_retried_record_changes_its_campaign(night: MakeNight, warehouse_url: str) -> None:
    """The row was read before the record came: the record is newer, and the old state is history."""
    async with night() as tonight:
        await tonight.store(record("c-1", name="old"))
        await tonight.store(waits("c-1", name="new"))
        assert await retry(tonight) == Mended(read=1, updated=1)
    assert await query(warehouse_url, "SELECT name FROM campaign_versions ORDER BY valid_from") == [("old",), ("new",)]


@pytest.mark.parametrize("state", [State.PROVEN, State.UNPROVEN])
async def test_a_readable_record_of_the_campaign_settles_it(night: MakeNight, warehouse_url: str, state: State) -> None:
    """Proven or not: what came later is what counts, and the retry has nothing to do."""
    async with night() as tonight:
        await tonight.store(waits("c-1", name="rejected once"))
        await tonight.store(record("c-1", name="later"), state=state)
        assert await query(warehouse_url, STILL) == [(0,)]
        assert await retry(tonight) == Mended()
    assert await query(warehouse_url, "SELECT name FROM campaigns") == [("later",)]


async def test_a_retry_never_replaces_what_was_fetched_later(
    night: MakeNight, warehouse_url: str, clock: Clock
) -> None:
    """By the row's last change, or by the source's own stamps; such a record waits no longer either."""
    async with night() as tonight:
        await tonight.store(record("c-1", name="later", updated_at=JANUARY + DAY), record("c-2", name="later"))
        await tonight.store(waits("c-1", name="older", updated_at=JANUARY), waits("c-2", name="older"))
        at = "(SELECT max(last_seen_at) FROM rejected_records)"
        await query(warehouse_url, "UPDATE rejected_records SET last_seen_at = first_seen_at")
        clock.at += DAY
        await tonight.store(record("c-2", name="latest"), record("c-3"))
        await query(warehouse_url, f"UPDATE rejected_records SET gone_at = NULL WHERE last_seen_at <= {at}")
        assert await retry(tonight) == Mended(read=2)
    names = "SELECT name FROM campaigns ORDER BY campaign_id"
    assert await query(warehouse_url, names) == [("later",), ("latest",), ("Campaign c-3",)]
    assert await query(warehouse_url, STILL) == [(0,)]


async def test_of_two_texts_of_a_campaign_the_later_one_is_stored(
    night: MakeNight, warehouse_url: str, clock: Clock
) -> None:
    """Both wait no longer."""
    async with night() as tonight:
        await tonight.store(waits("c-1", name="second"))
        clock.at -= DAY
        await tonight.store(waits("c-1", name="first"), state=State.UNPROVEN)
        assert await retry(tonight) == Mended(read=2, inserted=1)
    assert await query(warehouse_url, "SELECT name FROM campaigns") == [("second",)]


async def test_the_later_one_is_stored_whichever_transaction_it_is_in(
    night: MakeNight, warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The latest are tried first."""
    monkeypatch.setattr("etl.warehouse.again.CHUNK", 1)
    async with night() as tonight:
        for number in range(6):
            await tonight.store(waits("c-1", name=f"text {number}"), state=State.UNPROVEN)
        assert await retry(tonight) == Mended(read=6, inserted=1)
    assert await query(warehouse_url, "SELECT name FROM campaigns") == [("text 5",)]


async def test_a_replay_in_between_is_no_fetch(night: MakeNight, warehouse_url: str) -> None:
    """The record came after the row was read; that the row's links were mended since makes the row no younger."""
    async with night() as tonight:
        await tonight.store(record("c-1", name="old", contact_lists=("a",)))
        await tonight.store(waits("c-1", name="new", contact_lists=("a",)))
        await query(warehouse_url, "DELETE FROM campaign_contact_lists")
        assert (await replay(tonight)).links_added == 1
        assert (await retry(tonight)).updated == 1
    assert await query(warehouse_url, "SELECT name FROM campaigns") == [("new",)]


async def test_what_another_app_reads_or_a_later_read_missed_is_known_better(
    night: MakeNight, warehouse_url: str
) -> None:
    """Neither is the row taken over, nor is its mark taken off."""
    second_app = replace(SMS, app_id="st-2")
    async with night() as tonight:
        await tonight.store(record("c-1", name="theirs"), scope=second_app)
        await tonight.store(record("c-2", name="missed"))
        await tonight.store(waits("c-1", name="older"), waits("c-2", name="older"), state=State.UNPROVEN)
        await tonight.warehouse.settle(tonight.lease, tonight.run_id, SMS, frozenset({"c-2"}), accept=True)
        assert await retry(tonight) == Mended(read=2)
    found = "SELECT name, app_id, missing_since IS NOT NULL FROM campaigns ORDER BY campaign_id"
    assert [(name, app, bool(gone)) for name, app, gone in await query(warehouse_url, found)] == [
        ("theirs", "st-2", False),
        ("missed", "st-1", True),
    ]


async def test_a_text_whose_characters_were_replaced_is_never_stored(night: MakeNight, warehouse_url: str) -> None:
    """It may read as JSON, but it is not what was sent."""
    async with night() as tonight:
        await tonight.store(replace(waits("c-1", name="shown as \\xff"), reason="not_utf8"))
        assert await retry(tonight) == Mended(read=1, left=1)
    assert await query(warehouse_url, "SELECT count(*) FROM campaigns") == [(0,)]


async def test_what_was_acknowledged_and_still_cannot_be_stored_is_not_left(
    night: MakeNight, warehouse_url: str
) -> None:
    """It is known, and makes no exit 1."""
    async with night() as tonight:
        await tonight.store(rejected("odd"))
        ((key,),) = await query(warehouse_url, "SELECT rejected_id FROM rejected_records")
        await tonight.warehouse.acknowledge_rejects([key])
        assert await retry(tonight) == Mended(read=1)


async def test_what_still_belongs_to_another_account_still_waits(night: MakeNight, warehouse_url: str) -> None:
    """Until the row that stands in the way is gone."""
    other = Scope("acc-2", "st-9", SMS.channel)
    async with night() as tonight:
        await tonight.store(record("c-1"))
    async with night(other) as tonight:
        await tonight.store(record("c-1", name="theirs"))
        assert await retry(tonight) == Mended(read=1, left=1)
        await query(warehouse_url, "DELETE FROM campaigns")
        assert await retry(tonight) == Mended(read=1, inserted=1)
    assert await query(warehouse_url, "SELECT account_id, name FROM campaigns") == [("acc-2", "theirs")]


async def test_what_keep_leaves_out_is_not_stored(night: MakeNight, warehouse_url: str) -> None:
    """It waits no longer: it can be read."""
    async with night() as tonight:
        await tonight.store(waits("c-1"))
        assert await retry(tonight, wants=lambda _: False) == Mended(read=1)
    assert await query(warehouse_url, "SELECT count(*) FROM campaigns") == [(0,)]
    assert await query(warehouse_url, STILL) == [(0,)]
