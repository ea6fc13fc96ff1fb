"""What a report is made of: one look at the warehouse, as frozen values. Nothing here does anything.

Texts are cut to LONGEST characters where they are read. Nothing of a record but its name, ids, status and contact lists
is here: no text, no payload.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum

from msgspec import Struct, field

from etl.model import Interval, Scope, Verdict

LONGEST = 120
"""Characters of a text from the source that are kept."""


class Asked(Struct, frozen=True):
    """What to look at: the last `days` UTC days up to `now`; only these accounts, where any are named."""

    now: datetime
    days: int
    account_ids: tuple[str, ...] = ()


class DayState(StrEnum):
    """What the last read of a day amounts to. The worst of what the day holds, in this order."""

    FAILED = "failed"
    UNPROVEN = "unproven"
    NEVER = "never read"
    OPEN = "open"
    PROVEN = "proven"


class Doubt(Struct, frozen=True):
    """A stretch whose last read was not proven, and why not."""

    interval: Interval
    why: str


class Calendar(Struct, frozen=True):
    """One scope, day by day: `days[0]` is the first day asked for, the last one today. `doubts` are of any age."""

    scope: Scope
    days: tuple[DayState, ...]
    doubts: tuple[Doubt, ...]


class ScopeLine(Struct, frozen=True):
    """How fresh and complete one scope is. `proven_until` None = the beginning is not proven; `newest_proven_end` None
    = nothing is."""

    scope: Scope
    name: str
    proven_until: datetime | None = None
    newest_proven_end: datetime | None = None
    unproven_windows: int = 0
    live_rows: int = 0
    rejects_waiting: int = 0


class DayMessages(Struct, frozen=True):
    """Messages whose sending was seen that day, at least."""

    day: date
    messages: int


class DayStatus(Struct, frozen=True):
    """How many campaigns had a status at the end of a day; None = all other statuses together, "" = no status."""

    day: date
    status: str | None
    campaigns: int


class ListUse(Struct, frozen=True):
    """A contact list and the live campaigns that have it now."""

    name: str
    account_id: str
    campaigns: int
    active: int
    messages: int


class Change(Struct, frozen=True):
    """What a run changed in one campaign. `what`: new, deleted, missing, came back, changed, contact lists, messages,
    other; `fields`: the columns that differ, not their values."""

    scope: Scope
    campaign_id: str
    name: str
    what: str
    fields: tuple[str, ...] = ()
    old_status: str | None = None
    status: str | None = None


class Night(Struct, frozen=True):
    """The last `sync` or `backfill` that ended. `totals`: its counts by the names of `etl.report.COUNTS`; `changes`:
    the gravest CHANGES of what it changed."""

    run_id: str
    verb: str
    verdict: Verdict
    started_at: datetime
    finished_at: datetime | None
    totals: Mapping[str, int | float]
    changes: tuple[Change, ...]


class RejectedLine(Struct, frozen=True):
    """A rejected record, or a field that could not be stored (`field:<name>`)."""

    rejected_id: int
    scope: Scope
    campaign_id: str | None
    reason: str
    occurrences: int
    last_seen_at: datetime


class RunPace(Struct, frozen=True):
    """One run: how long it took, what it asked, and what it asked of the account it asked most, in how many seconds."""

    run_id: str
    verb: str
    verdict: Verdict
    started_at: datetime
    finished_at: datetime | None
    requests: int = 0
    retries: int = 0
    throttled_seconds: float = 0.0
    busiest_account_id: str | None = None
    busiest_requests: int = 0
    busiest_seconds: float = 0.0


class Figures(Struct, frozen=True):
    """Everything but freshness and calendars. Lists are cut at a top number; `*_in_all` say how many there are."""

    messages: tuple[DayMessages, ...] = ()
    statuses: tuple[DayStatus, ...] = ()
    lists: tuple[ListUse, ...] = ()
    lists_in_all: int = 0
    night: Night | None = None
    rejected: tuple[RejectedLine, ...] = ()
    rejected_in_all: int = 0
    runs: tuple[RunPace, ...] = ()
    """Oldest first."""


class Report(Struct, frozen=True):
    """The whole page's content."""

    asked: Asked
    warehouse: str
    """Its address, without a password."""
    version: str
    scopes: tuple[ScopeLine, ...]
    calendars: tuple[Calendar, ...]
    figures: Figures
    limits: Mapping[str, int] = field(default_factory=dict)
    """Account -> requests it may make a minute; 0 = no limit."""
    limit: int = 0
    """The same for accounts that are not configured any more."""

    @property
    def names(self) -> Mapping[str, str]:
        """How each account is called."""
        return {line.scope.account_id: line.name for line in self.scopes}
