"""The words of the program: frozen values that the stages hand to each other. Nothing here does anything.

All datetimes are timezone-aware UTC. Windows are half-open `[start, end)`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from operator import attrgetter

from msgspec import Struct, field

from etl.errors import AccountFailed, WindowFailed

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
"""Where history starts when `history_start` is unset: years before 2000 are bad dates (see `etl.transform`)."""


class Channel(StrEnum):
    """The request's `type`; results do not echo it."""

    SMS = "sms"
    VOICE = "voice"


class Scope(Struct, frozen=True, order=True):
    """What one listing covers: one app of one account, one channel."""

    account_id: str
    app_id: str
    channel: Channel

    def __str__(self) -> str:
        return f"{self.account_id}/{self.app_id}/{self.channel.value}"


class Interval(Struct, frozen=True, order=True):
    """A half-open stretch of time, `[start, end)`."""

    start: datetime
    end: datetime


UNFINISHED_STATUSES = ("Active", "Paused", "Preparing", "Scheduled", "Rescheduled")
"""Statuses in which counters move or a run is ahead (API page, `filters.status`)."""


class Reason(StrEnum):
    """Why a window is read. The ledger keeps these texts, and views ask for some: rewording one needs a migration."""

    FIRST = "first read"
    GAP = "never proven"
    UNPROVEN = "unproven before"
    PENDING = "holds a missing campaign"
    WHOLE = "small account"
    LOOKBACK = "lookback"
    RESWEEP = "rolling share"
    CENSUS = "census"
    DISAGREED = "census disagreed"
    UNDATED = "whole, without dates"
    UNFINISHED = "unfinished campaigns"
    FEED = "change feed"
    TAIL = "open tail"
    BACKFILL = "backfill"


UNDATED_ROWS = 50_000
"""The most rows that a read without dates, which cannot be split, may hold in memory."""

HINTS = (Reason.CENSUS, Reason.FEED, Reason.UNFINISHED)
"""Reads that prove nothing: see `Window`."""


class Keep(Struct, frozen=True):
    """Which campaigns of a scope are stored, by their values as the source spells them; an empty list names none and
    leaves out none. See `etl.keep`."""

    status: tuple[str, ...] = ()
    priority: tuple[int, ...] = ()
    dialing_mode: tuple[str, ...] = ()


class Window(Struct, frozen=True):
    """One stretch of one listing to be read and proven together.

    UNDATED is asked without dates, for all there is. HINTS name requests that prove nothing: CENSUS, one undated
    request for the total; FEED, whatever was updated since `start` (undated, `updatedAt` descending); UNFINISHED,
    whatever has a status of `UNFINISHED_STATUSES` (undated, filtered).
    """

    scope: Scope
    start: datetime
    end: datetime
    reason: Reason

    @property
    def interval(self) -> Interval:
        return Interval(self.start, self.end)


# -- asking -----------------------------------------------------------------------------------------------------------


class Filters(Struct, frozen=True):
    """The request's `filters`, as documented; empty tuples are not sent."""

    status: tuple[str, ...] = ()
    priority: tuple[int, ...] = ()
    dialing_mode: tuple[str, ...] = ()


class PageRequest(Struct, frozen=True):
    """One page of one listing. `start` and `end` go to the wire as they are (inclusive there, as far as is known)."""

    channel: Channel
    limit: int
    skip: int = 0
    start: datetime | None = None
    end: datetime | None = None
    sort: tuple[tuple[str, str], ...] = (("createdAt", "asc"),)
    filters: Filters = Filters()
    page: int | None = None
    """None = the number that fits `skip`; another one only to see which of the two wins."""


class FieldProblem(Struct, frozen=True):
    """A field that could not be stored as it came: its name as Kore spells it, and what was wrong with it."""

    field: str
    problem: str


class Campaign(Struct, frozen=True, gc=False):
    """One campaign, typed. `raw` is the record's JSON exactly as it came, in UTF-8; `content_hash` is a digest of it.

    `contact_lists` is None where the source did not say (missing or unreadable): stored links are then kept.
    """

    campaign_id: str
    raw: bytes
    content_hash: str
    name: str | None = None
    description: str | None = None
    status: str | None = None
    priority: int | None = None
    format: str | None = None
    execution_type: str | None = None
    dialing_mode: str | None = None
    connection: str | None = None
    experience_flow_id: str | None = None
    message_text: str | None = None
    dnc_list_name: str | None = None
    campaign_instance_id: str | None = None
    is_scheduled: bool | None = None
    is_recurring: bool | None = None
    schedule: str | None = None
    total_messages_sent: int | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    instance_updated_at: datetime | None = None
    contact_lists: tuple[str, ...] | None = None
    problems: tuple[FieldProblem, ...] = ()

    key = property(attrgetter("campaign_id"))
    """What tells rows apart in a proof."""


class Rejected(Struct, frozen=True):
    """A record that cannot be stored as a campaign: why, and its text (undecodable bytes shown as escapes)."""

    key: str
    """A digest of the record's bytes: equal texts are one element in a proof, which can only undercount."""
    raw: str
    reason: str
    campaign_id: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class Unread(Struct, frozen=True, gc=False):
    """A campaign of which no more was read than proofs need; the rest is read where it has to be stored.

    Most nights most campaigns are as they were: their `content_hash` says so, and nobody reads them.
    """

    campaign_id: str
    raw: bytes
    content_hash: str
    status: str | None
    created_at: datetime | None
    updated_at: datetime | None

    key = property(attrgetter("campaign_id"))
    """What tells rows apart in a proof."""


Record = Campaign | Unread | Rejected

Decode = Callable[[bytes, Scope], Campaign | Rejected]
"""A record's JSON -> what it says; never raises."""

ReadOn = Callable[[Unread, Scope], Campaign | Rejected]
"""A record of which no more was read than proofs need -> all that it says; never raises."""

ReadPage = Callable[[bytes, Sequence[bytes], Scope], tuple[Record, ...]]
"""A page's list, and its elements as slices of it, both JSON -> what the records say, in their order; never raises."""


class Page(Struct, frozen=True, dict=True):
    """One answer, decoded. Numbers are None where the server did not send a usable one."""

    records: tuple[Record, ...]
    total: int | None
    has_more: bool | None
    limit: int | None
    skip: int | None = None
    server_now: datetime | None = None
    """The response's `Date` header."""

    @cached_property
    def by_key(self) -> Mapping[str, Record]:
        """The records by what tells rows apart; of equal ones the last."""
        return {record.key: record for record in self.records}

    @cached_property
    def created(self) -> list[datetime]:
        """`createdAt` of every record that has one."""
        return [at for record in self.records if (at := record.created_at) is not None]


# -- what is known of a server, and of a scope -------------------------------------------------------------------------


class FilteredDate(StrEnum):
    """Which timestamp the server compares with `startDate` and `endDate`."""

    CREATED = "createdAt"
    UPDATED = "updatedAt"
    NEITHER = "neither"


class Profile(Struct, frozen=True):
    """What was observed about a server, per scope; None = not known. Kept in `source_profiles`."""

    filtered_date: FilteredDate | None = None
    start_inclusive: bool | None = None
    end_inclusive: bool | None = None
    order_kept: bool | None = None
    largest_page: int | None = None
    """The most rows one page ever held."""
    limit_echoed: bool | None = None
    """Whether the echoed limit is the one in force; False once a page was shorter than its echo and not the last."""
    offset_by: str | None = None
    """Which of `skip` and `page` wins where they disagree."""
    clock_skew_seconds: float | None = None
    """Server clock minus ours."""
    undated_works: bool | None = None
    census_difference: int = 0
    """Source's total minus live rows, left after the whole history was read again."""
    census_explained: bool = True
    """Whether that read was proven and undated, so that only rejected rows and those of another app are left."""
    status_filter_works: bool | None = None


# -- reading ----------------------------------------------------------------------------------------------------------


class State(StrEnum):
    """What a read of a window amounts to; `sync_windows.state`."""

    PROVEN = "proven"
    UNPROVEN = "unproven"
    OPEN = "open"
    FAILED = "failed"


class Proof(StrEnum):
    """Which argument showed the window complete; `sync_windows.proof`. See `etl.extract.proof`."""

    L1 = "L1"
    L2 = "L2"
    L3 = "L3"
    L4 = "L4"


class Cost(Struct, frozen=True):
    """What a read cost: every attempt on the wire is a request; `sweeps` counts the tries at a proof."""

    requests: int = 0
    retries: int = 0
    throttled_seconds: float = 0.0
    sweeps: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.requests + other.requests,
            self.retries + other.retries,
            self.throttled_seconds + other.throttled_seconds,
            self.sweeps + other.sweeps,
        )


class Sweep(Struct, frozen=True):
    """A window that was read: its rows, each once, and whether they are proven to be all of them."""

    window: Window
    state: State
    proof: Proof | None
    why: str | None
    """Why it is not proven (a sentence), None when it is."""
    records: tuple[Record, ...]
    """Rows of the half-open window; where the server evidently does not filter by `createdAt`, all it returned."""
    seen: int
    """Distinct rows read, the shared border instant included."""
    beyond: int
    """How many of `seen` are not in `records`: they were created at or after the window's end, the neighbour's rows."""
    source_total: int | None
    """The total that the proof established, or the last one the server gave."""
    cost: Cost
    started_at: datetime
    finished_at: datetime
    profile: Profile
    """What is known of the server after this read."""
    unwanted: frozenset[str] = frozenset()
    """Ids of campaigns that were read and that the account's `keep` leaves out; they are not in `records`."""


class Split(Struct, frozen=True):
    """The window was not read: these, side by side and in order, are to be read in its place."""

    window: Window
    parts: tuple[Window, ...]
    cost: Cost
    profile: Profile


class Census(Struct, frozen=True):
    """How many campaigns a scope has, all ages together; `total` is None where the server does not say."""

    total: int | None
    taken_at: datetime
    """By the server's clock."""
    cost: Cost
    profile: Profile


class FailedRead(Struct, frozen=True):
    """The window could not be read. After an `AccountFailed` the account's turn is over."""

    window: Window
    error: WindowFailed | AccountFailed
    cost: Cost
    started_at: datetime
    finished_at: datetime
    answered: bool
    """Whether the source gave any usable answer to this account in this run."""


# -- storing ----------------------------------------------------------------------------------------------------------


class Loaded(Struct, frozen=True):
    """What one window's transaction changed, counted from the difference, never from the driver."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    revived: int = 0
    links_added: int = 0
    links_removed: int = 0
    rejected: int = 0
    """Records of this window that were rejected as a whole."""
    absent: frozenset[str] = frozenset()
    """Live rows of the window that its proven read did not show: candidates for deletion."""
    unwanted: frozenset[str] = frozenset()
    """Live rows that the read showed and that `keep` leaves out: candidates for deletion too, though not gone."""
    bad_fields: Mapping[str, int] = field(default_factory=dict)
    """Field that could not be stored -> campaigns written with it."""

    def __add__(self, other: Loaded) -> Loaded:
        return Loaded(
            self.inserted + other.inserted,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            self.revived + other.revived,
            self.links_added + other.links_added,
            self.links_removed + other.links_removed,
            self.rejected + other.rejected,
            self.absent | other.absent,
            self.unwanted | other.unwanted,
            dict(Counter(self.bad_fields) + Counter(other.bad_fields)),
        )


class Settled(Struct, frozen=True):
    """What a run's absent rows came to. `brake`: nothing was marked, and why, as a sentence."""

    missing: int = 0
    """Rows newly marked `missing_since`."""
    deleted: int = 0
    """Rows missing since an earlier run that are now marked `deleted_at`."""
    brake: str | None = None


class Mended(Struct, frozen=True):
    """What reading stored texts again came to, in one scope."""

    read: int = 0
    """Stored texts read again."""
    inserted: int = 0
    updated: int = 0
    links_added: int = 0
    links_removed: int = 0
    left: int = 0
    """Texts that still make no campaign."""

    def __add__(self, other: Mended) -> Mended:
        return Mended(
            self.read + other.read,
            self.inserted + other.inserted,
            self.updated + other.updated,
            self.links_added + other.links_added,
            self.links_removed + other.links_removed,
            self.left + other.left,
        )


class Stock(Struct, frozen=True):
    """How many records of a scope a census may have counted at most, and how many live rows it must have counted."""

    live: int
    sure: int


class ScopeState(Struct, frozen=True):
    """What the warehouse knows of a scope before tonight's run. Only reads under the same `keep` count as coverage."""

    scope: Scope
    stored: int = 0
    """Live rows."""
    proven: tuple[Interval, ...] = ()
    """Merged and sorted: every instant that some read has proven, ever."""
    unproven: tuple[Interval, ...] = ()
    """Windows whose latest read was unproven or failed and that no later read has proven, merged and sorted."""
    profile: Profile = Profile()
    density: tuple[tuple[datetime, int], ...] = ()
    """Live rows per UTC day of `created_at`: (midnight, rows), ascending."""
    proofs: tuple[tuple[Interval, datetime], ...] = ()
    """The proven time cut into disjoint, sorted pieces, each with the start of the latest read that proved it."""
    missing: tuple[datetime, ...] = ()
    """`created_at` of live rows with `missing_since`, ascending: a second read decides whether they are deleted."""
    unfinished: int = 0
    """Live rows last seen in one of `UNFINISHED_STATUSES`."""
    fed_at: datetime | None = None
    """When the latest change feed that was read to its end began."""
    synced_at: datetime | None = None
    """When the latest `sync` that read anything of the scope began."""
    keep: str | None = None
    """The filter in force, as the ledger has it; None = everything is stored."""
    listed: int = 0
    """About how many campaigns the source has in the proven time, where `keep` stores only some of them; else 0."""


class Verb(StrEnum):
    SYNC = "sync"
    BACKFILL = "backfill"
    VERIFY = "verify"


class Difference(Struct, frozen=True):
    """A campaign that is not the same in source and warehouse."""

    scope: Scope
    campaign_id: str
    kind: str
    """`not stored`, `not in the source`, `not wanted` (stored, though `keep` leaves it out), `marked deleted`, or
    `differs`."""
    fields: tuple[str, ...] = ()
    """The columns that differ, `contact_lists` for the links; their values are not shown."""


class Verdict(StrEnum):
    """`sync_runs.verdict`."""

    RUNNING = "running"
    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    REFUSED = "refused"
    UNREADABLE = "unreadable"
    HELD = "held"
    STOPPED = "stopped"
    FAILED = "failed"


class ScopeOutcome(Struct, frozen=True):
    """What a run did in one scope; one element of the JSON's `scopes`."""

    scope: Scope
    windows: Mapping[State, int] = field(default_factory=dict)
    source_total: int | None = None
    seen: int = 0
    loaded: Loaded = Loaded()
    missing: int = 0
    deleted: int = 0
    cost: Cost = Cost()
    rejects_waiting: int = 0
    braked: bool = False
    """Whether so many rows were missing that none was marked."""
    disagrees: bool = False
    """Whether the source counts another number of campaigns than are stored, and no read shows why."""
    notes: tuple[str, ...] = ()
    """What is worth knowing although nothing is wrong."""
    error: str | None = None


class AccountEnd(StrEnum):
    """How an account's turn in a run ended."""

    DONE = "done"
    REFUSED = "refused"
    UNAVAILABLE = "unavailable"
    HELD = "held"
    LOST = "lost"
    LATE = "late"
    """The run's deadline came before its end."""


class AccountOutcome(Struct, frozen=True):
    """What a run did in one account. `answered`: the source gave at least one usable answer."""

    account_id: str
    end: AccountEnd
    answered: bool
    scopes: tuple[ScopeOutcome, ...]


class RunOutcome(Struct, frozen=True):
    """A finished run."""

    run_id: str
    verb: Verb
    verdict: Verdict
    exit_code: int
    started_at: datetime
    finished_at: datetime
    scopes: tuple[ScopeOutcome, ...]
    late: tuple[str, ...] = ()
    """Accounts that the run's deadline left unread or unfinished."""


# -- progress ---------------------------------------------------------------------------------------------------------


class Began(Struct, frozen=True):
    run_id: str


class Planned(Struct, frozen=True):
    """So many windows more; `requests` is their price, None where it is not known."""

    scope: Scope
    windows: int
    requests: int | None = None


class PageRead(Struct, frozen=True):
    """One answer; `total` is what it says the window holds."""

    scope: Scope
    rows: int
    total: int | None = None


class Waiting(Struct, frozen=True):
    """An account waits for `seconds`; `why` is a few words ("the rate limit", "Kore.ai asked to wait")."""

    account_id: str
    seconds: float
    why: str


class RetriesSpent(Struct, frozen=True):
    """From now on the run tries nothing again, unless it succeeds often enough meanwhile; so far, over all accounts."""

    requests: int
    retries: int


class WindowDone(Struct, frozen=True):
    window: Window
    state: State
    rows: int
    error: str | None = None


class AccountDone(Struct, frozen=True):
    """The account's turn is over, however it ended."""

    account_id: str


Event = Began | Planned | PageRead | Waiting | RetriesSpent | WindowDone | AccountDone
Emit = Callable[[Event], None]
