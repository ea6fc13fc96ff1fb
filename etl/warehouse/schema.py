"""What the tables are: every table, key, column, index and comment of the warehouse. The names are a contract.

A change here needs a migration; a test holds this file equal to the migrated database.
Deliberately without foreign keys: the window's one transaction keeps rows and links together, and a check per link
would be paid on every load.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    TIMESTAMP,
    BigInteger,
    Boolean,
    Column,
    Date,
    Dialect,
    Float,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    text,
)
from sqlalchemy.types import TypeDecorator, TypeEngine

from etl.model import UNFINISHED_STATUSES

metadata = MetaData()


class Utc(TypeDecorator[datetime]):
    """An instant: timestamptz, or fixed-width UTC text on SQLite, so that text order is time order.

    Takes and gives timezone-aware datetimes; a naive one is a ValueError.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        native = TIMESTAMP(timezone=True) if dialect.name == "postgresql" else Text()
        return dialect.type_descriptor(native)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        return _aware(value) if dialect.name == "postgresql" else _spelt(value)

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any]:
        """The same, without asking which dialect it is for each value."""
        return _aware if dialect.name == "postgresql" else _spelt

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None] | None:
        """PostgreSQL's driver gives instants as they are: nothing is done to each of them."""
        return None if dialect.name == "postgresql" else _instant


def _aware(value: datetime | None) -> datetime | None:
    if value is not None and value.tzinfo is None:
        raise ValueError("A datetime without a timezone reached the warehouse.")
    return value


def _spelt(value: datetime | None) -> str | None:
    return None if _aware(value) is None or value is None else utc_text(value)


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def utc_text(instant: datetime) -> str:
    """`YYYY-MM-DDTHH:MM:SS.ffffffZ`: how SQLite stores an instant."""
    utc = instant if instant.tzinfo is UTC else instant.astimezone(UTC)
    return utc.isoformat("T", "microseconds")[:-6] + "Z"


def _column(name: str, kind: Any, comment: str, **options: Any) -> Column[Any]:
    return Column(name, kind, comment=comment, **options)


def _key(name: str, kind: Any, comment: str) -> Column[Any]:
    return Column(name, kind, comment=comment, primary_key=True, autoincrement=False)


def _attributes() -> list[Column[Any]]:
    """What a campaign says of itself, counters aside: the same columns in `campaigns` and `campaign_history`."""
    return [
        _column("account_id", Text, "Kore.ai account", nullable=False),
        _column("app_id", Text, "Kore.ai app that lists it; of several, the one configured first", nullable=False),
        _column("channel", Text, "sms or voice", nullable=False),
        _column("name", Text, "Name; not unique"),
        _column("description", Text, "Description"),
        _column("status", Text, "Status as sent: Ready, Active, Paused, Stopped, Completed, ... new values may come"),
        _column("priority", BigInteger, "Priority, 1 lowest to 5 highest"),
        _column("format", Text, "SMS: simple or advanced"),
        _column("execution_type", Text, "campaignExecutionType as sent"),
        _column("dialing_mode", Text, "Voice: Agentless, Progressive, Preview, ..."),
        _column("connection", Text, "Voice: queue name, or flow name for Agentless"),
        _column("experience_flow_id", Text, "Experience flow (cf- id)"),
        _column("message_text", Text, "SMS text, decoded where it came as base64"),
        _column("dnc_list_name", Text, "Do-not-call list"),
        _column("campaign_instance_id", Text, "The campaign's latest run; null until it has been run"),
        _column("is_scheduled", Boolean, "schedule.isSchedulingEnabled"),
        _column("is_recurring", Boolean, "schedule.isRecurrenceEnabled"),
        _column("schedule", Text, "The schedule object as JSON text"),
    ]


def _stamps() -> list[Column[Any]]:
    return [
        _column("created_at", Utc, "createdAt of the source (UTC)"),
        _column("updated_at", Utc, "updatedAt of the source (UTC); can be earlier than created_at"),
        _column("instance_updated_at", Utc, "campaignInstanceUpdatedAt of the source (UTC)"),
    ]


campaigns = Table(
    "campaigns",
    metadata,
    _key("campaign_id", Text, "Kore.ai campaign id"),
    *_attributes(),
    _column(
        "total_messages_sent", BigInteger, "Messages of the current instance; falls when the campaign is run again"
    ),
    *_stamps(),
    _column("raw", Text, "The record's JSON text exactly as it came", nullable=False),
    _column("content_hash", Text, "Digest of raw", nullable=False),
    _column("first_seen_at", Utc, "When we first saw it (UTC)", nullable=False),
    _column("valid_from", Utc, "Since when we see these attributes, counters aside (UTC)", nullable=False),
    _column("counted_at", Utc, "Since when we see this counter and instance (UTC)", nullable=False),
    _column("last_changed_at", Utc, "When a read last changed this row (UTC)", nullable=False),
    _column("last_run_id", Text, "The run that last changed this row", nullable=False),
    _column("missing_since", Utc, "Absent from a proven read since (UTC); a second one makes it deleted"),
    _column("deleted_at", Utc, "Taken as deleted in the source since (UTC); null = live"),
    _column("older_run_id", Text, "A run that refused an older payload of this row; a later run takes such a payload"),
    _column("contact_list_names", Text, "Names of its contact lists: a JSON array, ordered by name"),
    comment="Current state, one row per campaign; deleted ones stay, with deleted_at",
)

contact_lists = Table(
    "contact_lists",
    metadata,
    _key("contact_list_id", BigInteger, "63-bit digest of account_id and name"),
    _column("account_id", Text, "Kore.ai account", nullable=False),
    _column("name", Text, "Name of the list; may hold any separator", nullable=False),
    _column("first_seen_at", Utc, "When we first saw it (UTC)", nullable=False),
    comment="Contact lists by name, once per account",
)

campaign_contact_lists = Table(
    "campaign_contact_lists",
    metadata,
    _key("campaign_id", Text, "campaigns.campaign_id"),
    _key("contact_list_id", BigInteger, "contact_lists.contact_list_id"),
    _column("valid_from", Utc, "Since when we see this link (UTC)", nullable=False),
    comment="Current links between campaigns and contact lists",
)

campaign_history = Table(
    "campaign_history",
    metadata,
    _key("campaign_id", Text, "campaigns.campaign_id"),
    _key("valid_from", Utc, "Since when we saw these attributes (UTC)"),
    _column("valid_to", Utc, "Until when, exclusive (UTC)", nullable=False),
    *_attributes(),
    *_stamps(),
    _column("run_id", Text, "The run that saw the end of this state", nullable=False),
    comment="Superseded attribute states; the current one is in campaigns",
)

campaign_contact_list_history = Table(
    "campaign_contact_list_history",
    metadata,
    _key("campaign_id", Text, "campaigns.campaign_id"),
    _key("contact_list_id", BigInteger, "contact_lists.contact_list_id"),
    _key("valid_from", Utc, "Since when we saw the link (UTC)"),
    _column("valid_to", Utc, "Until when, exclusive (UTC)", nullable=False),
    _column("run_id", Text, "The run that saw the end of the link", nullable=False),
    _column("account_id", Text, "Kore.ai account"),
    comment="Links that ended",
)

campaign_counter_history = Table(
    "campaign_counter_history",
    metadata,
    _key("campaign_id", Text, "campaigns.campaign_id"),
    _key("observed_at", Utc, "Since when we saw this value (UTC)"),
    _column("total_messages_sent", BigInteger, "The value"),
    _column("campaign_instance_id", Text, "The instance it belongs to"),
    _column("run_id", Text, "The run that saw the next value", nullable=False),
    _column("superseded_at", Utc, "When we saw the next value (UTC)"),
    _column("day", Date, "The day of superseded_at (UTC)"),
    _column(
        "next_messages", BigInteger, "Messages that the next value shows beyond this one, at least; null = unknown"
    ),
    _column("next_is_reset", Boolean, "Whether the next value counts a new run of the campaign from zero"),
    _column("account_id", Text, "Kore.ai account"),
    comment="Superseded values of total_messages_sent",
)

rejected_records = Table(
    "rejected_records",
    metadata,
    _key("rejected_id", BigInteger, "63-bit digest of the scope and the record, or of the scope and the field"),
    _column("run_id", Text, "The run that saw it last", nullable=False),
    _column("account_id", Text, "Kore.ai account", nullable=False),
    _column("app_id", Text, "Kore.ai app", nullable=False),
    _column("channel", Text, "sms or voice", nullable=False),
    _column("campaign_id", Text, "The record's id, where it has one; for a field: a sample"),
    _column("reason", Text, "Why; field:<name> where only that field could not be stored", nullable=False),
    _column("detail", Text, "What was wrong with the field"),
    _column(
        "occurrences",
        BigInteger,
        "Reads that met the record; for a field: writes of a campaign with it",
        nullable=False,
    ),
    _column("raw", Text, "The record's text; NUL and lone surrogates shown as escapes", nullable=False),
    _column("window_start", Utc, "Start of the window that last met it (UTC)", nullable=False),
    _column("window_end", Utc, "Its end (UTC); null = it was read without dates"),
    _column("record_created_at", Utc, "createdAt of the record, where readable (UTC)"),
    _column("first_seen_at", Utc, "When we first saw it (UTC)", nullable=False),
    _column("last_seen_at", Utc, "When we last saw it (UTC)", nullable=False),
    _column("gone_at", Utc, "When a proven read no longer had it (UTC)"),
    _column("acknowledged_at", Utc, "When somebody acknowledged it (UTC)"),
    comment="Records, and single fields, that could not be stored; a record once, however many nights repeat it",
)

sync_runs = Table(
    "sync_runs",
    metadata,
    _key("run_id", Text, "Start of the run (UTC) and a random tail"),
    _column("verb", Text, "sync, backfill, ...", nullable=False),
    _column(
        "verdict", Text, "running, complete, incomplete, refused, unreadable, held, stopped, failed", nullable=False
    ),
    _column("exit_code", Integer, "Exit code of the command"),
    _column("started_at", Utc, "(UTC)", nullable=False),
    _column("finished_at", Utc, "(UTC)"),
    _column("version", Text, "Version of the program", nullable=False),
    _column("totals", Text, "The run's counts as a JSON object"),
    _column("holder", Text, "The process that runs it"),
    comment="One line per run",
)

sync_windows = Table(
    "sync_windows",
    metadata,
    _key("run_id", Text, "sync_runs.run_id"),
    _key("window_no", Integer, "Counts up within the run"),
    _column(
        "epoch", BigInteger, "The account's lease epoch: (epoch, window_no) orders an account's reads", nullable=False
    ),
    _column("account_id", Text, "Kore.ai account", nullable=False),
    _column("app_id", Text, "Kore.ai app", nullable=False),
    _column("channel", Text, "sms or voice", nullable=False),
    _column("window_start", Utc, "Inclusive (UTC)", nullable=False),
    _column("window_end", Utc, "Exclusive (UTC)", nullable=False),
    _column("state", Text, "proven, unproven, open, failed", nullable=False),
    _column("proof", Text, "L1 to L4, where proven"),
    _column("why", Text, "Why it is not proven"),
    _column("reason", Text, "Why it was read", nullable=False),
    _column("keep", Text, "The filter that was applied after the read, as JSON; null = everything was stored"),
    _column("source_total", BigInteger, "The total that the proof established, or the last one sent"),
    _column("seen", BigInteger, "Distinct rows read", nullable=False),
    _column("beyond", BigInteger, "Of these, rows at the shared border that belong to the neighbour", nullable=False),
    _column("rejected", BigInteger, "Records rejected as a whole", nullable=False),
    _column("inserted", BigInteger, "Campaigns new to the warehouse", nullable=False),
    _column("updated", BigInteger, "Campaigns whose content changed", nullable=False),
    _column("unchanged", BigInteger, "Campaigns as they were", nullable=False),
    _column("revived", BigInteger, "Campaigns taken as deleted that came back", nullable=False),
    _column("older", BigInteger, "Of the unchanged, older payloads that were refused", nullable=False),
    _column("links_added", BigInteger, "Contact-list links added", nullable=False),
    _column("links_removed", BigInteger, "Contact-list links removed", nullable=False),
    _column("requests", BigInteger, "Attempts on the wire", nullable=False),
    _column("retries", BigInteger, "Of these, repeated ones", nullable=False),
    _column("throttled_seconds", Float, "Seconds waited because the source said so", nullable=False),
    _column("attempts", BigInteger, "Sweeps tried for a proof", nullable=False),
    _column("started_at", Utc, "(UTC)", nullable=False),
    _column("finished_at", Utc, "(UTC)", nullable=False),
    _column("error", Text, "Why it failed"),
    comment="One line per window read, written in the window's own transaction",
)

sync_leases = Table(
    "sync_leases",
    metadata,
    _key("account_id", Text, "Kore.ai account"),
    _column("holder", Text, "Host, process and start of the holder", nullable=False),
    _column("epoch", BigInteger, "Counts up with every take-over, never back", nullable=False),
    _column("expires_at", Utc, "By the database's clock (UTC); in the past = free", nullable=False),
    comment="Who may read and write an account now; rows stay when the lease is given back",
)

source_profiles = Table(
    "source_profiles",
    metadata,
    _key("account_id", Text, "Kore.ai account"),
    _key("app_id", Text, "Kore.ai app"),
    _key("channel", Text, "sms or voice"),
    _column("filtered_date", Text, "createdAt, updatedAt or neither"),
    _column("start_inclusive", Boolean, "Whether startDate includes its instant"),
    _column("end_inclusive", Boolean, "Whether endDate includes its instant"),
    _column("order_kept", Boolean, "Whether rows come in the order asked for"),
    _column("largest_page", BigInteger, "Most rows that one page ever held"),
    _column("limit_echoed", Boolean, "Whether the echoed limit is the one in force"),
    _column("offset_by", Text, "skip or page: which wins"),
    _column("clock_skew_seconds", Float, "Server clock minus ours"),
    _column("undated_works", Boolean, "Whether a request without dates works"),
    _column("status_filter_works", Boolean, "Whether filters.status works"),
    _column(
        "census_difference", BigInteger, "Source's total minus live rows after a whole proven read", nullable=False
    ),
    _column("census_explained", Boolean, "Whether that read was proven and undated", nullable=False),
    _column("observed_at", Utc, "When this was last written (UTC)", nullable=False),
    comment="What was observed about the server; null = not known",
)

_DELETED = text("deleted_at IS NOT NULL")

UNFINISHED = text(f"deleted_at IS NULL AND status IN ({', '.join(map(repr, UNFINISHED_STATUSES))})")
"""Live rows whose campaign was last seen under way, as an index can have it."""

Index(
    "campaigns_by_creation",
    campaigns.c.account_id,
    campaigns.c.app_id,
    campaigns.c.channel,
    campaigns.c.created_at,
    campaigns.c.deleted_at,  # these two so that rows are counted without a look at the table, 2 KB for each
    campaigns.c.missing_since,
)
Index(  # a status is a text of any length, which no index could hold
    "campaigns_unfinished",
    campaigns.c.account_id,
    campaigns.c.app_id,
    campaigns.c.channel,
    sqlite_where=UNFINISHED,
    postgresql_where=UNFINISHED,
)
Index("campaigns_by_date", campaigns.c.created_at)
Index("campaigns_by_version", campaigns.c.valid_from)
Index("campaigns_by_reading", campaigns.c.counted_at)
Index(
    "campaigns_deleted",
    campaigns.c.campaign_id,
    campaigns.c.deleted_at,
    sqlite_where=_DELETED,
    postgresql_where=_DELETED,
)
Index("campaign_history_by_account", campaign_history.c.account_id, campaign_history.c.valid_from)
Index("campaign_history_by_start", campaign_history.c.valid_from)
Index(
    "campaign_contact_list_history_by_account",
    campaign_contact_list_history.c.account_id,
    campaign_contact_list_history.c.valid_from,
)
Index("campaign_contact_list_history_by_start", campaign_contact_list_history.c.valid_from)
Index("campaign_counter_history_by_account", campaign_counter_history.c.account_id, campaign_counter_history.c.day)
Index("campaign_counter_history_by_day", campaign_counter_history.c.day)
Index(
    "campaign_counter_history_by_end",  # from a reading to the one before it
    campaign_counter_history.c.superseded_at,
    campaign_counter_history.c.campaign_id,
)
Index("campaign_counter_history_by_reading", campaign_counter_history.c.observed_at)
Index("contact_lists_by_account", contact_lists.c.account_id)
Index(  # with all that a view shows, so that a list's links are read without a look at the table
    "campaign_contact_lists_by_list",
    campaign_contact_lists.c.contact_list_id,
    campaign_contact_lists.c.campaign_id,
    campaign_contact_lists.c.valid_from,
)
Index("campaign_contact_lists_by_start", campaign_contact_lists.c.valid_from)
Index(
    "rejected_records_by_scope",
    rejected_records.c.account_id,
    rejected_records.c.app_id,
    rejected_records.c.channel,
)
Index(
    "sync_windows_by_scope",
    sync_windows.c.account_id,
    sync_windows.c.app_id,
    sync_windows.c.channel,
    sync_windows.c.epoch,
    sync_windows.c.window_no,
)
Index("sync_runs_by_start", sync_runs.c.started_at)

ATTRIBUTES = tuple(column.name for column in _attributes())
"""A difference in any of these starts a new version (`valid_from`)."""

STAMPS = tuple(column.name for column in _stamps())
"""The source's own times: kept with a version, but a new one starts none."""

COUNTERS = ("total_messages_sent", "campaign_instance_id")
"""A difference in any of these starts a new reading (`counted_at`)."""
