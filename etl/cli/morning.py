"""What an on-call engineer is told first: one verdict over all listings, what waits, what to do. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from etl.cli.output import BAD, GOOD, ODD, Mark, ago, here, many, number, zone
from etl.health import STALE_AFTER, Health, health
from etl.model import Scope, Verdict
from etl.warehouse.reading import RunLine, ScopeFreshness
from etl.warehouse.recent import Changes

WORDS = {
    Health.NEVER: "never read",
    Health.UNPROVEN: "not proven",
    Health.STALE: "stale",
    Health.REJECTED: "rejected",
    Health.GOOD: "",
}


class Listing(Struct, frozen=True):
    """One account's channel this morning."""

    name: str
    fresh: ScopeFreshness
    changes: Changes

    @property
    def scope(self) -> Scope:
        return self.fresh.scope

    @property
    def state(self) -> Health:
        age = self.fresh.age_seconds
        return health(self.fresh, None if age is None else timedelta(seconds=age))


def worst_first(listings: Sequence[Listing]) -> list[Listing]:
    """By state, then by age; else as configured."""
    return sorted(listings, key=lambda one: (one.state.rank, -(one.fresh.age_seconds or 0.0)))


TROUBLED = (Verdict.INCOMPLETE, Verdict.REFUSED, Verdict.UNREADABLE, Verdict.FAILED)


def verdict(listings: Sequence[Listing], runs: Sequence[RunLine] = ()) -> tuple[Mark, str]:
    """One line over everything."""
    if not listings:
        return ODD, "Nothing is configured and nothing was ever read."
    counts = Counter(one.state for one in listings)
    total = many(len(listings), "listing")
    if counts[Health.GOOD] + counts[Health.REJECTED] == len(listings):
        until = min(one.fresh.proven_until for one in listings if one.fresh.proven_until is not None)
        said = f"Fresh and complete: every campaign created before {here(until)} {zone()} is here and proven ({total})"
        if counts[Health.REJECTED]:
            return ODD, f"{said}, but for records that could not be stored."
        if runs and runs[0].verdict in TROUBLED:
            return ODD, f"{said}, but the last run was {runs[0].verdict.value}."
        return GOOD, f"{said}."
    told = [
        f"{number(counts[state])} {WORDS[state]}"
        for state in (Health.NEVER, Health.UNPROVEN, Health.STALE)
        if counts[state]
    ]
    return BAD, f"Not fresh and complete: {', '.join(told)}, of {total}."


def last_run(runs: Sequence[RunLine], now: datetime) -> str:
    """The latest run in a line."""
    if not runs:
        return "none"
    run = runs[0]
    when = f"{ago(now - run.started_at)} ago"
    if run.verdict is Verdict.RUNNING:
        return f"{run.verb}, under way for {ago(now - run.started_at)} ({run.run_id})"
    word = f"{run.verdict.value} (killed)" if run.was_killed else run.verdict.value
    took = "" if run.finished_at is None else f", took {ago(run.finished_at - run.started_at)}"
    requests = f", {many(run.totals['requests'], 'request')}" if run.totals.get("requests") else ""
    return f"{run.verb}, {word}, {when}{took}{requests} ({run.run_id})"


def changed(listings: Sequence[Listing]) -> str:
    """What came in lately, over all listings."""
    total = sum((one.changes for one in listings), Changes())
    return f"{number(total.new)} new, {number(total.changed)} changed, {number(total.deleted)} deleted"


def waiting(listings: Sequence[Listing]) -> str:
    """What waits for somebody, or for the next run."""
    rejected = sum(one.fresh.rejects_waiting for one in listings)
    missing = sum(one.changes.missing for one in listings)
    told = []
    if rejected:
        told.append(f"{many(rejected, 'rejected record')}")
    if missing:
        told.append(f"{many(missing, 'campaign')} missing, taken as deleted once a second run misses them too")
    return "; ".join(told) or "nothing"


def to_do(listings: Sequence[Listing], runs: Sequence[RunLine], now: datetime) -> Iterator[str]:
    """What to do about it, most pressing first; nothing where all is well."""
    states = {one.state for one in listings}
    if runs and runs[0].verdict is Verdict.RUNNING:
        yield "A run is under way: look again when it has ended."
    if runs and runs[0].verdict in (Verdict.REFUSED, Verdict.UNREADABLE):
        yield "`kore-etl check` says why the last run could not read the source."
    elif runs and runs[0].verdict in TROUBLED and not any(one.state.needs_somebody for one in listings):
        yield "`kore-etl runs show latest` says what was wrong with the last run."
    quiet_for = now - runs[0].started_at if runs else None
    if quiet_for is not None and quiet_for > STALE_AFTER:
        yield f"No run for {ago(quiet_for)}: is the schedule still there? `kore-etl sync` catches up by itself."
    elif Health.STALE in states:
        yield "Runs go on, yet listings stay behind: `kore-etl runs show latest` says why, `kore-etl check` tests them."
    if Health.UNPROVEN in states:
        yield "The next `kore-etl sync` reads again what is not proven; `kore-etl gaps` lists it."
    if Health.NEVER in states:
        yield "`kore-etl sync` reads what was never read; `kore-etl check` tests first whether it can."
    if any(one.fresh.rejects_waiting for one in listings):
        yield "`kore-etl rejects` shows which records could not be stored, and why."
