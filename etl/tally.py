"""What a run has done in one scope so far: counts, candidates for deletion, notes and errors. Nothing is asked here."""

from __future__ import annotations

from collections import Counter

from msgspec import Struct, field
from msgspec.structs import replace

from etl import census
from etl.model import (
    HINTS,
    Census,
    Cost,
    FilteredDate,
    Keep,
    Loaded,
    Profile,
    Reason,
    Record,
    Rejected,
    Scope,
    ScopeOutcome,
    Settled,
    State,
    Sweep,
    Window,
)
from etl.shown import Shown

FIELDS_TOLD = 5
"""How many fields that could not be stored are named; the most frequent ones."""


class Tally(Struct):
    """One scope's share of a run; `outcome` sums it up."""

    scope: Scope
    keep: Keep
    shown: Shown | None = None
    """What was read, where windows and hints may show a record twice; None where they cannot."""
    apart: bool = True
    """Whether so far nothing that was read could show a record twice."""
    states: Counter[State] = field(default_factory=Counter)
    source_total: int | None = None
    seen: int = 0
    loaded: Loaded = field(default_factory=Loaded)
    cost: Cost = field(default_factory=Cost)
    profile: Profile = field(default_factory=Profile)
    stored_profile: Profile = field(default_factory=Profile)
    census: Census | None = None
    whole: Window | None = None
    """What was read again because the census disagreed."""
    disagrees: bool = False
    read_all: bool = False
    """Whether a proven read without dates has shown all there is: nothing is left to differ."""
    absent: set[str] = field(default_factory=set)
    unwanted: set[str] = field(default_factory=set)
    settled: Settled = field(default_factory=Settled)
    rejects_waiting: int = 0
    notes: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def all_proven(self) -> bool:
        return not (self.states[State.UNPROVEN] or self.states[State.FAILED])

    def settle(self, settled: Settled) -> None:
        self.settled = settled
        if settled.brake is not None:
            self.errors.append(settled.brake)

    def read_again(self, window: Window, why: str) -> None:
        """The census disagreed: the whole history is read in this window, and counts anew."""
        self.whole, self.source_total = window, None
        self.shown = Shown() if self.shown is None else self.shown
        self.notes.append(f"{why}: its whole history was read again")

    def explain(self, left: int) -> None:
        """What of a census' difference the whole history's read has left."""
        undated = self.whole is not None and self.whole.reason is Reason.UNDATED
        self.profile = replace(self.profile, census_difference=left, census_explained=undated and self.all_proven)

    def doubt(self) -> None:
        """A difference that no read explains is said every night that counts again; under a `keep` none does."""
        if self.read_all and self.whole is None:
            self.profile = replace(self.profile, census_difference=0, census_explained=True)
        is_open = self.profile.census_difference and not self.profile.census_explained
        if is_open and self.census is not None and self.keep == Keep():
            self.disagrees = True
            self.errors.append(
                f"{census.sentence(self.profile.census_difference)}, and no read of its whole history shows which"
            )

    def stored(self, sweep: Sweep, loaded: Loaded) -> None:
        if sweep.window.reason not in HINTS:
            self.states[sweep.state] += 1
        self.read_all |= sweep.window.reason is Reason.UNDATED and sweep.state is State.PROVEN
        again, left_out_again = self._shown_before(sweep)
        self.seen += sweep.seen - sweep.beyond - len(again) - left_out_again
        rejected = sum(isinstance(record, Rejected) for record in again)
        loaded = replace(
            loaded,
            unchanged=max(loaded.unchanged - (len(again) - rejected), 0),
            rejected=max(loaded.rejected - rejected, 0),
        )
        if sweep.state is State.PROVEN and sweep.source_total is not None:
            self.source_total = (self.source_total or 0) + sweep.source_total - sweep.beyond
        self.loaded += replace(loaded, absent=frozenset(), unwanted=frozenset())
        shown = {record.campaign_id for record in sweep.records}
        self.absent = (self.absent | loaded.absent) - shown
        self.unwanted = (self.unwanted | loaded.unwanted) - shown
        if sweep.state is State.UNPROVEN and sweep.why is not None:
            self.errors.append(sweep.why)

    def _shown_before(self, sweep: Sweep) -> tuple[list[Record], int]:
        """Those of its records that an earlier read of this run has shown, and how many that `keep` leaves out."""
        if self.shown is None:
            return [], 0
        keys = [record.key for record in sweep.records]
        self.apart = self.apart and self._is_apart(sweep)
        if self.apart:
            self.shown.add(keys)
            return [], 0
        left_out_again = self.shown.again(sweep.unwanted)
        known = self.shown.again(keys)
        return [record for record in sweep.records if record.key in known], len(left_out_again)

    def _is_apart(self, sweep: Sweep) -> bool:
        """Whether all of its records were created in its window, which overlaps no other of this run (`etl.plan`)."""
        is_dated = sweep.window.reason not in (*HINTS, Reason.UNDATED) and self.whole is None
        by_creation = sweep.profile.filtered_date not in (FilteredDate.UPDATED, FilteredDate.NEITHER)
        return is_dated and by_creation and not sweep.unwanted and all(one.created_at for one in sweep.records)

    def outcome(self) -> ScopeOutcome:
        return ScopeOutcome(
            scope=self.scope,
            windows=dict(self.states),
            source_total=self.source_total,
            seen=self.seen,
            loaded=self.loaded,
            cost=self.cost,
            missing=self.settled.missing,
            deleted=self.settled.deleted,
            rejects_waiting=self.rejects_waiting,
            braked=self.settled.brake is not None,
            disagrees=self.disagrees,
            notes=(*self.notes, *self._bad_fields()),
            error="; ".join(dict.fromkeys(self.errors)) or None,
        )

    def _bad_fields(self) -> list[str]:
        """One sentence, however many campaigns: a field that the API renamed or retyped shows the night it happens."""
        counts = Counter(self.loaded.bad_fields).most_common()
        told = [f"{name} ({count:,})" for name, count in counts[:FIELDS_TOLD]] + ["..."] * bool(counts[FIELDS_TOLD:])
        if not told:
            return []
        return [
            f"stored without fields that could not be read: {', '.join(told)}; `kore-etl rejects` has a sample of each"
        ]
