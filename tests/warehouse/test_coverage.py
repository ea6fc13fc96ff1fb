"""What the ledger's lines amount to: in Python, and in the views that analysts see."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from warehouse.samples import DAY, JANUARY, SMS, Night, campaign, query

from etl.errors import WindowFailed
from etl.intervals import subtract
from etl.model import Channel, Cost, FailedRead, Interval, Reason, Scope, State, Verdict
from etl.warehouse import ledger
from etl.warehouse.schema import utc_text
from etl.warehouse.views import definitions
from etl.warehouse.warehouse import Warehouse

MakeNight = Callable[..., Night]
HOURS = 12


def hours(start: int, end: int) -> Interval:
    return Interval(JANUARY + timedelta(hours=start), JANUARY + timedelta(hours=end))


@st.composite
def ledgers(draw: st.DrawFn) -> list[ledger.Line]:
    """Up to eight reads of a few hours, in the order in which they were made."""
    lines = []
    for number in range(draw(st.integers(0, 8))):
        start = draw(st.integers(0, HOURS - 1))
        end = draw(st.integers(start + 1, HOURS))
        epoch = 1 + number // 3
        lines.append(
            ledger.Line(epoch, number, draw(st.sampled_from(State)), hours(start, end), JANUARY + number * DAY)
        )
    return lines


def covers(intervals: tuple[Interval, ...], hour: int) -> bool:
    at = hours(hour, hour + 1).start
    return any(one.start <= at < one.end for one in intervals)


@given(ledgers(), st.randoms())
@settings(max_examples=200, deadline=None)
def test_coverage_agrees_with_the_hours_counted_one_by_one(lines: list[ledger.Line], random: object) -> None:
    """Proven: some proven read has it. Unproven: the last closed word on it is not a proof, nor is any after it."""
    shuffled = sorted(lines, key=lambda _: random.random())
    proven, unproven = ledger.proven(shuffled), ledger.unproven(shuffled)
    for hour in range(HOURS):
        words = [line.state for line in lines if covers((line.interval,), hour) and line.state is not State.OPEN]
        assert covers(proven, hour) == (State.PROVEN in words)
        assert covers(unproven, hour) == bool(words and words[-1] is not State.PROVEN)
        renewed = [line.started_at for line in lines if covers((line.interval,), hour) and line.state is State.PROVEN]
        dated = [at for piece, at in ledger.proofs(shuffled) if covers((piece,), hour)]
        assert dated == renewed[-1:]
    for merged in (proven, unproven):
        assert all(before.end < after.start for before, after in pairwise(merged))


async def read(tonight: Night, state: State, start: int, end: int, **values: object) -> None:
    one = hours(start, end)
    await tonight.store(state=state, start=one.start, end=one.end, **values)


async def fail(tonight: Night, start: int, end: int, reason: Reason = Reason.WHOLE, keep: str | None = None) -> None:
    one = hours(start, end)
    sweep = tonight.sweep(start=one.start, end=one.end, reason=reason)
    failed = FailedRead(sweep.window, WindowFailed("no"), Cost(), sweep.started_at, sweep.finished_at, answered=True)
    await tonight.warehouse.store_failure(tonight.lease, tonight.run_id, failed, keep=keep)


async def test_a_scope_state_adds_up_its_reads(night: MakeNight, warehouse: Warehouse) -> None:
    """Later proofs take unproven stretches away, earlier ones do not; open windows count for neither."""
    async with night() as first:
        await read(first, State.PROVEN, 0, 4)
        await read(first, State.UNPROVEN, 2, 6)
        await fail(first, 8, 10)
    async with night() as second:
        await read(second, State.PROVEN, 3, 5)
        await read(second, State.OPEN, 10, 12)
        await fail(second, 10, 12, Reason.TAIL)
    state = await warehouse.scope_state(SMS)
    assert state.proven == (hours(0, 5),)
    assert state.unproven == (hours(2, 3), hours(5, 6), hours(8, 10))
    (fresh,) = await warehouse.freshness()
    assert fresh.unproven_windows == 3
    assert [gap.interval for gap in await warehouse.gaps()] == [hours(5, 10)]


async def test_only_reads_under_the_same_keep_count(night: MakeNight, warehouse: Warehouse) -> None:
    """Another filter, or none, is another coverage; failures and change feeds belong to theirs too."""
    fives, fours = '{"priority": [5]}', '{"priority": [4]}'
    async with night() as tonight:
        await read(tonight, State.PROVEN, 0, 6)
        await read(tonight, State.PROVEN, 2, 4, keep=fives)
        await read(tonight, State.UNPROVEN, 4, 5, keep=fives)
        await fail(tonight, 8, 9, keep=fives)
        await read(tonight, State.OPEN, 0, 9, keep=fives, reason=Reason.FEED)
    plain, filtered = await warehouse.scope_state(SMS), await warehouse.scope_state(SMS, fives)
    assert (plain.proven, plain.unproven, plain.fed_at, plain.keep) == ((hours(0, 6),), (), None, None)
    assert (filtered.proven, filtered.unproven, filtered.keep) == ((hours(2, 4),), (hours(4, 5), hours(8, 9)), fives)
    assert filtered.fed_at is not None
    assert [piece for piece, _ in filtered.proofs] == [hours(2, 4)]
    assert (await warehouse.scope_state(SMS, fours)).proven == ()
    (fresh,) = await warehouse.freshness()
    assert (fresh.proven_until, fresh.newest_proven_end, fresh.unproven_windows) == (None, hours(2, 4).end, 2)
    assert [gap.interval for gap in await warehouse.gaps()] == [hours(0, 2), hours(4, 9)]
    async with night() as later:
        await read(later, State.PROVEN, 6, 7)
    (fresh,) = await warehouse.freshness()
    assert (fresh.proven_until, fresh.unproven_windows) == (hours(0, 7).end, 0)
    assert [gap.interval for gap in await warehouse.gaps()] == [hours(7, 9)]


async def test_rows_left_out_are_known_by_their_number(night: MakeNight, warehouse: Warehouse) -> None:
    """By the latest proof of each stretch, a cut one by its share; without a filter the stored rows say it."""
    fives = '{"priority": [5]}'
    async with night() as tonight:
        await read(tonight, State.PROVEN, 0, 4, keep=fives, seen=41, beyond=1)
        await read(tonight, State.PROVEN, 3, 5, keep=fives, seen=7)
        await read(tonight, State.UNPROVEN, 5, 6, keep=fives, seen=1000)
    assert (await warehouse.scope_state(SMS, fives)).listed == 37
    assert (await warehouse.scope_state(SMS)).listed == 0


async def test_density_counts_live_rows_per_day(night: MakeNight, warehouse: Warehouse, warehouse_url: str) -> None:
    """UTC days of creation; undated rows are stored but have no day, deleted ones do not count, missing ones do."""
    rows = [campaign(f"c-{n}", created_at=JANUARY + n * DAY / 2) for n in range(4)]
    async with night() as tonight:
        await tonight.store(*rows, campaign("undated", created_at=None))
        await query(warehouse_url, "UPDATE campaigns SET deleted_at = first_seen_at WHERE campaign_id = 'c-3'")
        await query(warehouse_url, "UPDATE campaigns SET missing_since = first_seen_at WHERE campaign_id = 'c-1'")
    state = await warehouse.scope_state(SMS)
    assert state.stored == 4
    assert state.density == ((JANUARY, 2), (JANUARY + DAY, 1))
    assert state.missing == (JANUARY + DAY / 2,)


async def test_an_empty_warehouse_has_nothing_to_show(warehouse: Warehouse) -> None:
    """A scope never read is an empty state, not an error."""
    state = await warehouse.scope_state(SMS)
    assert (state.stored, state.proven, state.unproven, state.density) == (0, (), (), ())
    assert (await warehouse.freshness(), await warehouse.gaps(), await warehouse.runs()) == ((), (), ())


async def test_gaps_lie_between_the_first_and_the_last_closed_read(night: MakeNight, warehouse: Warehouse) -> None:
    """Per scope; overlapping and touching proofs leave none; a scope that only failed is one gap."""
    voice = replace(SMS, channel=Channel.VOICE)
    async with night() as tonight:
        await fail(tonight, 0, 12)
        for start, end in ((6, 8), (1, 3), (2, 4), (4, 5), (1, 2)):
            await read(tonight, State.PROVEN, start, end)
        await read(tonight, State.OPEN, 12, 20)
        await read(tonight, State.UNPROVEN, 3, 9, scope=voice)
    found = [(gap.scope, gap.interval) for gap in await warehouse.gaps()]
    assert found == [(SMS, hours(0, 1)), (SMS, hours(5, 6)), (SMS, hours(8, 12)), (voice, hours(3, 9))]


async def test_freshness_says_how_far_the_copy_is_proven(night: MakeNight, warehouse: Warehouse) -> None:
    """Proven until the first gap; nothing while the beginning is missing; the newest proof is shown besides."""
    voice, app = replace(SMS, channel=Channel.VOICE), replace(SMS, app_id="st-2")
    async with night() as tonight:
        await read(tonight, State.PROVEN, 0, 3)
        await read(tonight, State.PROVEN, 5, 7)
        await read(tonight, State.UNPROVEN, 3, 5)
        await fail(tonight, 0, 2, Reason.FIRST)
        await read(tonight, State.PROVEN, 0, 9, scope=app)
        await tonight.store(campaign("c-1"), scope=app)
        await read(tonight, State.FAILED, 0, 1, scope=voice)
        await read(tonight, State.PROVEN, 1, 2, scope=voice)
    await warehouse.finish_run(tonight.run_id, verdict=Verdict.INCOMPLETE, exit_code=1, totals={})
    sms, sms_voice, other = await warehouse.freshness()
    assert (sms.scope, sms_voice.scope, other.scope) == (SMS, voice, app)
    assert (sms.proven_until, sms.newest_proven_end) == (hours(0, 3).end, hours(0, 7).end)
    assert (sms_voice.proven_until, sms_voice.newest_proven_end, sms_voice.age_seconds) == (None, hours(0, 2).end, None)
    assert (sms.unproven_windows, other.unproven_windows, other.live_rows) == (2, 0, 1)
    assert (sms.last_run_id, sms.last_run_verdict) == (tonight.run_id, Verdict.INCOMPLETE)
    assert other.last_proven_at is not None
    assert other.age_seconds is not None


@given(ledgers(), st.lists(st.sampled_from([None, None, '{"priority": [5]}']), min_size=8, max_size=8))
@settings(max_examples=80, deadline=None)
def test_the_views_agree_with_the_pure_ledger(lines: list[ledger.Line], keeps: list[str | None]) -> None:
    """sync_gaps and the count of unproven stretches, on SQLite's own engine, line by line as in Python.

    Only lines under the keep of the latest one prove anything, or wait; all say how far there is to go.
    """
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE TABLE campaigns (account_id, app_id, channel, deleted_at)")
        db.execute("CREATE TABLE sync_runs (run_id, verdict, finished_at)")
        db.execute(
            "CREATE TABLE sync_windows (run_id, window_no, epoch, account_id, app_id, channel, window_start, "
            "window_end, state, reason, finished_at, keep)"
        )
        for line, keep in zip(lines, keeps, strict=False):
            start, end = utc_text(line.interval.start), utc_text(line.interval.end)
            values = (f"run-{line.epoch}", line.window_no, line.epoch, start, end, line.state.value, keep)
            db.execute("INSERT INTO sync_windows VALUES (?, ?, ?, 'a', 'b', 'sms', ?, ?, ?, 'lookback', '', ?)", values)
        for name in ("sync_gaps", "sync_freshness"):
            db.execute(f"CREATE VIEW {name} AS {definitions('sqlite')[name].query}")
        gaps = db.execute("SELECT gap_start, gap_end FROM sync_gaps ORDER BY 1").fetchall()
        stretches = [row[0] for row in db.execute("SELECT unproven_windows FROM sync_freshness")]
    closed = [line.interval for line in lines if line.state is not State.OPEN]
    whole = [Interval(min(one.start for one in closed), max(one.end for one in closed))] if closed else []
    in_force = [line for line, keep in zip(lines, keeps, strict=False) if keep == keeps[len(lines) - 1]]
    expected = subtract(whole, ledger.proven(in_force))
    assert gaps == [(utc_text(gap.start), utc_text(gap.end)) for gap in expected]
    assert stretches == ([len(ledger.unproven(in_force))] if lines else [])


async def test_the_views_agree_on_both_databases(night: MakeNight, warehouse: Warehouse) -> None:
    """A ledger with everything in it gives one answer."""
    async with night() as tonight:
        for number, state in enumerate((State.UNPROVEN, State.PROVEN, State.UNPROVEN, State.OPEN, State.PROVEN) * 3):
            await read(tonight, state, number * 7 % 10, number * 7 % 10 + 1 + number % 3)
    state = await warehouse.scope_state(SMS)
    (fresh,) = await warehouse.freshness()
    assert fresh.unproven_windows == len(state.unproven)
    assert [(g.interval.start.hour, g.interval.end.hour) for g in await warehouse.gaps()] == [(0, 2), (4, 7)]


async def test_the_overview_has_a_row_per_campaign(night: MakeNight, warehouse_url: str) -> None:
    """Lists are a JSON array in byte order, the same text on both databases, whatever the names hold."""
    names = ("b", "A", "ä", "a|b, c/d", 'quo"te', "back\\slash", "tab\t\x01", "\U0001f4e8", "</script>", "é")
    async with night() as tonight:
        await tonight.store(campaign("c-1", contact_lists=names), campaign("c-2"))
        await query(warehouse_url, "UPDATE campaigns SET deleted_at = first_seen_at WHERE campaign_id = 'c-2'")
    found = await query(
        warehouse_url, "SELECT campaign_id, contact_lists, contact_list_count FROM campaign_overview ORDER BY 1"
    )
    listed = '["A","a|b, c/d","b","back\\\\slash","quo\\"te","tab\\t\\u0001","</script>","ä","é","\U0001f4e8"]'
    listed = '["</script>",' + listed.replace('"</script>",', "")[1:]
    assert found == [("c-1", listed, 10), ("c-2", "[]", 0)]
    assert await query(warehouse_url, "SELECT campaign_id FROM live_campaigns") == [("c-1",)]


async def test_a_run_killed_in_the_same_second_is_still_earlier(night: MakeNight, warehouse: Warehouse) -> None:
    """The order of reads comes from the lease's epoch: run ids of one second sort by chance."""
    scope = Scope("acc-1", "st-1", Channel.SMS)
    for _ in range(6):
        async with night() as first:
            first.clock.at = JANUARY
            await read(first, State.UNPROVEN, 0, 2)
        async with night() as second:
            second.clock.at = JANUARY
            await read(second, State.PROVEN, 0, 2)
        assert (await warehouse.scope_state(scope)).unproven == ()
        assert (await warehouse.freshness())[0].last_run_id == second.run_id
