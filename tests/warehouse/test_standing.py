"""What a scope's copy rests on, and what is in doubt."""

from __future__ import annotations

from collections.abc import Callable

from warehouse.samples import DAY, FEBRUARY, JANUARY, SMS, Night, campaign

from etl.model import FilteredDate, Interval, Profile, Proof, Reason, State
from etl.warehouse.standing import Doubt
from etl.warehouse.warehouse import Warehouse

MakeNight = Callable[..., Night]


async def test_the_latest_proof_of_each_stretch_counts(night: MakeNight, warehouse: Warehouse) -> None:
    """Proofs that later reads have replaced are not named; the oldest that still holds dates the copy."""
    async with night() as first:
        await first.store(end=JANUARY + 10 * DAY, proof=Proof.L4)
        await first.store(start=JANUARY + 10 * DAY)
    async with night() as second:
        await second.store(end=JANUARY + 10 * DAY)
        await second.store(reason=Reason.TAIL, start=FEBRUARY, end=FEBRUARY + DAY, state=State.OPEN)
    standing = (await warehouse.standings())[SMS]
    assert standing.proofs == ("L1",)
    assert standing.oldest_read_at is not None
    assert standing.doubts == ()


async def test_what_was_not_proven_since_is_in_doubt_and_says_why(night: MakeNight, warehouse: Warehouse) -> None:
    """A later proof takes its part away; each stretch has the latest reason."""
    async with night() as tonight:
        await tonight.store(state=State.UNPROVEN, why="the total moved")
        await tonight.store(end=JANUARY + 10 * DAY)
        await tonight.store(start=JANUARY + 20 * DAY, state=State.UNPROVEN, why="a page was repeated")
    standing = (await warehouse.standings())[SMS]
    assert standing.doubts == (
        Doubt(Interval(JANUARY + 10 * DAY, JANUARY + 20 * DAY), "the total moved"),
        Doubt(Interval(JANUARY + 20 * DAY, FEBRUARY), "a page was repeated"),
    )


async def test_missing_campaigns_are_pending_deletions(night: MakeNight, warehouse: Warehouse) -> None:
    """Until a second run decides."""
    created = Profile(filtered_date=FilteredDate.CREATED)
    async with night() as tonight:
        await tonight.store(campaign("a"), campaign("b"))
        gone = await tonight.store(campaign("a"), profile=created)
        await tonight.warehouse.settle(tonight.lease, tonight.run_id, SMS, gone.absent, accept=True)
    assert (await warehouse.standings())[SMS].pending_deletions == 1
