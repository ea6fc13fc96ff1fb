"""The first schema: current state, history, rejects, the ledger, leases, profiles."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# A migration is a record of its day: it does not follow `etl.warehouse.schema`, which moves on.
_UTC = sa.Text().with_variant(sa.TIMESTAMP(timezone=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "campaign_contact_list_history",
        sa.Column("campaign_id", sa.Text(), nullable=False, comment="campaigns.campaign_id"),
        sa.Column(
            "contact_list_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="contact_lists.contact_list_id",
        ),
        sa.Column("valid_from", _UTC, nullable=False, comment="Since when we saw the link (UTC)"),
        sa.Column("valid_to", _UTC, nullable=False, comment="Until when, exclusive (UTC)"),
        sa.Column("run_id", sa.Text(), nullable=False, comment="The run that saw the end of the link"),
        sa.PrimaryKeyConstraint("campaign_id", "contact_list_id", "valid_from"),
        comment="Links that ended",
    )
    op.create_table(
        "campaign_contact_lists",
        sa.Column("campaign_id", sa.Text(), nullable=False, comment="campaigns.campaign_id"),
        sa.Column(
            "contact_list_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="contact_lists.contact_list_id",
        ),
        sa.Column("valid_from", _UTC, nullable=False, comment="Since when we see this link (UTC)"),
        sa.PrimaryKeyConstraint("campaign_id", "contact_list_id"),
        comment="Current links between campaigns and contact lists",
    )
    op.create_index("campaign_contact_lists_by_list", "campaign_contact_lists", ["contact_list_id"], unique=False)
    op.create_table(
        "campaign_counter_history",
        sa.Column("campaign_id", sa.Text(), nullable=False, comment="campaigns.campaign_id"),
        sa.Column("observed_at", _UTC, nullable=False, comment="Since when we saw this value (UTC)"),
        sa.Column("total_messages_sent", sa.BigInteger(), comment="The value"),
        sa.Column("campaign_instance_id", sa.Text(), comment="The instance it belongs to"),
        sa.Column("run_id", sa.Text(), nullable=False, comment="The run that saw the next value"),
        sa.PrimaryKeyConstraint("campaign_id", "observed_at"),
        comment="Superseded values of total_messages_sent",
    )
    op.create_table(
        "campaign_history",
        sa.Column("campaign_id", sa.Text(), nullable=False, comment="campaigns.campaign_id"),
        sa.Column("valid_from", _UTC, nullable=False, comment="Since when we saw these attributes (UTC)"),
        sa.Column("valid_to", _UTC, nullable=False, comment="Until when, exclusive (UTC)"),
        sa.Column("account_id", sa.Text(), nullable=False, comment="Kore.ai account"),
        sa.Column(
            "app_id",
            sa.Text(),
            nullable=False,
            comment="Kore.ai app that lists it; of several, the one configured first",
        ),
        sa.Column("channel", sa.Text(), nullable=False, comment="sms or voice"),
        sa.Column("name", sa.Text(), comment="Name; not unique"),
        sa.Column("description", sa.Text(), comment="Description"),
        sa.Column(
            "status",
            sa.Text(),
            comment="Status as sent: Ready, Active, Paused, Stopped, Completed, ... new values may come",
        ),
        sa.Column("priority", sa.BigInteger(), comment="Priority, 1 lowest to 5 highest"),
        sa.Column("format", sa.Text(), comment="SMS: simple or advanced"),
        sa.Column("execution_type", sa.Text(), comment="campaignExecutionType as sent"),
        sa.Column("dialing_mode", sa.Text(), comment="Voice: Agentless, Progressive, Preview, ..."),
        sa.Column("connection", sa.Text(), comment="Voice: queue name, or flow name for Agentless"),
        sa.Column("experience_flow_id", sa.Text(), comment="Experience flow (cf- id)"),
        sa.Column("message_text", sa.Text(), comment="SMS text, decoded where it came as base64"),
        sa.Column("dnc_list_name", sa.Text(), comment="Do-not-call list"),
        sa.Column("campaign_instance_id", sa.Text(), comment="The campaign's latest run; null until it has been run"),
        sa.Column("is_scheduled", sa.Boolean(), comment="schedule.isSchedulingEnabled"),
        sa.Column("is_recurring", sa.Boolean(), comment="schedule.isRecurrenceEnabled"),
        sa.Column("schedule", sa.Text(), comment="The schedule object as JSON text"),
        sa.Column("created_at", _UTC, comment="createdAt of the source (UTC)"),
        sa.Column("updated_at", _UTC, comment="updatedAt of the source (UTC); can be earlier than created_at"),
        sa.Column("instance_updated_at", _UTC, comment="campaignInstanceUpdatedAt of the source (UTC)"),
        sa.Column("run_id", sa.Text(), nullable=False, comment="The run that saw the end of this state"),
        sa.PrimaryKeyConstraint("campaign_id", "valid_from"),
        comment="Superseded attribute states; the current one is in campaigns",
    )
    op.create_table(
        "campaigns",
        sa.Column("campaign_id", sa.Text(), nullable=False, comment="Kore.ai campaign id"),
        sa.Column("account_id", sa.Text(), nullable=False, comment="Kore.ai account"),
        sa.Column(
            "app_id",
            sa.Text(),
            nullable=False,
            comment="Kore.ai app that lists it; of several, the one configured first",
        ),
        sa.Column("channel", sa.Text(), nullable=False, comment="sms or voice"),
        sa.Column("name", sa.Text(), comment="Name; not unique"),
        sa.Column("description", sa.Text(), comment="Description"),
        sa.Column(
            "status",
            sa.Text(),
            comment="Status as sent: Ready, Active, Paused, Stopped, Completed, ... new values may come",
        ),
        sa.Column("priority", sa.BigInteger(), comment="Priority, 1 lowest to 5 highest"),
        sa.Column("format", sa.Text(), comment="SMS: simple or advanced"),
        sa.Column("execution_type", sa.Text(), comment="campaignExecutionType as sent"),
        sa.Column("dialing_mode", sa.Text(), comment="Voice: Agentless, Progressive, Preview, ..."),
        sa.Column("connection", sa.Text(), comment="Voice: queue name, or flow name for Agentless"),
        sa.Column("experience_flow_id", sa.Text(), comment="Experience flow (cf- id)"),
        sa.Column("message_text", sa.Text(), comment="SMS text, decoded where it came as base64"),
        sa.Column("dnc_list_name", sa.Text(), comment="Do-not-call list"),
        sa.Column("campaign_instance_id", sa.Text(), comment="The campaign's latest run; null until it has been run"),
        sa.Column("is_scheduled", sa.Boolean(), comment="schedule.isSchedulingEnabled"),
        sa.Column("is_recurring", sa.Boolean(), comment="schedule.isRecurrenceEnabled"),
        sa.Column("schedule", sa.Text(), comment="The schedule object as JSON text"),
        sa.Column(
            "total_messages_sent",
            sa.BigInteger(),
            comment="Messages of the current instance; falls when the campaign is run again",
        ),
        sa.Column("created_at", _UTC, comment="createdAt of the source (UTC)"),
        sa.Column("updated_at", _UTC, comment="updatedAt of the source (UTC); can be earlier than created_at"),
        sa.Column("instance_updated_at", _UTC, comment="campaignInstanceUpdatedAt of the source (UTC)"),
        sa.Column("raw", sa.Text(), nullable=False, comment="The record's JSON text exactly as it came"),
        sa.Column("content_hash", sa.Text(), nullable=False, comment="Digest of raw"),
        sa.Column("first_seen_at", _UTC, nullable=False, comment="When we first saw it (UTC)"),
        sa.Column(
            "valid_from", _UTC, nullable=False, comment="Since when we see these attributes, counters aside (UTC)"
        ),
        sa.Column("counted_at", _UTC, nullable=False, comment="Since when we see this counter and instance (UTC)"),
        sa.Column("last_changed_at", _UTC, nullable=False, comment="When a read last changed this row (UTC)"),
        sa.Column("last_run_id", sa.Text(), nullable=False, comment="The run that last changed this row"),
        sa.Column(
            "missing_since", _UTC, comment="Absent from a proven read since (UTC); a second one makes it deleted"
        ),
        sa.Column("deleted_at", _UTC, comment="Taken as deleted in the source since (UTC); null = live"),
        sa.Column(
            "older_run_id",
            sa.Text(),
            comment="A run that refused an older payload of this row; a later run takes such a payload",
        ),
        sa.PrimaryKeyConstraint("campaign_id"),
        comment="Current state, one row per campaign; deleted ones stay, with deleted_at",
    )
    op.create_index(
        "campaigns_live_by_creation",
        "campaigns",
        ["account_id", "app_id", "channel", "created_at"],
        unique=False,
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "contact_lists",
        sa.Column(
            "contact_list_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="63-bit digest of account_id and name",
        ),
        sa.Column("account_id", sa.Text(), nullable=False, comment="Kore.ai account"),
        sa.Column("name", sa.Text(), nullable=False, comment="Name of the list; may hold any separator"),
        sa.Column("first_seen_at", _UTC, nullable=False, comment="When we first saw it (UTC)"),
        sa.PrimaryKeyConstraint("contact_list_id"),
        comment="Contact lists by name, once per account",
    )
    op.create_index("contact_lists_by_account", "contact_lists", ["account_id"], unique=False)
    op.create_table(
        "rejected_records",
        sa.Column(
            "rejected_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="63-bit digest of the scope and the record, or of the scope and the field",
        ),
        sa.Column("run_id", sa.Text(), nullable=False, comment="The run that saw it last"),
        sa.Column("account_id", sa.Text(), nullable=False, comment="Kore.ai account"),
        sa.Column("app_id", sa.Text(), nullable=False, comment="Kore.ai app"),
        sa.Column("channel", sa.Text(), nullable=False, comment="sms or voice"),
        sa.Column("campaign_id", sa.Text(), comment="The record's id, where it has one; for a field: a sample"),
        sa.Column(
            "reason", sa.Text(), nullable=False, comment="Why; field:<name> where only that field could not be stored"
        ),
        sa.Column("detail", sa.Text(), comment="What was wrong with the field"),
        sa.Column(
            "occurrences",
            sa.BigInteger(),
            nullable=False,
            comment="Reads that met the record; for a field: writes of a campaign with it",
        ),
        sa.Column(
            "raw", sa.Text(), nullable=False, comment="The record's text; NUL and lone surrogates shown as escapes"
        ),
        sa.Column("window_start", _UTC, nullable=False, comment="Start of the window that last met it (UTC)"),
        sa.Column("window_end", _UTC, comment="Its end (UTC); null = it was read without dates"),
        sa.Column("record_created_at", _UTC, comment="createdAt of the record, where readable (UTC)"),
        sa.Column("first_seen_at", _UTC, nullable=False, comment="When we first saw it (UTC)"),
        sa.Column("last_seen_at", _UTC, nullable=False, comment="When we last saw it (UTC)"),
        sa.Column("gone_at", _UTC, comment="When a proven read no longer had it (UTC)"),
        sa.Column("acknowledged_at", _UTC, comment="When somebody acknowledged it (UTC)"),
        sa.PrimaryKeyConstraint("rejected_id"),
        comment="Records, and single fields, that could not be stored; a record once, however many nights repeat it",
    )
    op.create_index("rejected_records_by_scope", "rejected_records", ["account_id", "app_id", "channel"], unique=False)
    op.create_table(
        "source_profiles",
        sa.Column("account_id", sa.Text(), nullable=False, comment="Kore.ai account"),
        sa.Column("app_id", sa.Text(), nullable=False, comment="Kore.ai app"),
        sa.Column("channel", sa.Text(), nullable=False, comment="sms or voice"),
        sa.Column("filtered_date", sa.Text(), comment="createdAt, updatedAt or neither"),
        sa.Column("start_inclusive", sa.Boolean(), comment="Whether startDate includes its instant"),
        sa.Column("end_inclusive", sa.Boolean(), comment="Whether endDate includes its instant"),
        sa.Column("order_kept", sa.Boolean(), comment="Whether rows come in the order asked for"),
        sa.Column("largest_page", sa.BigInteger(), comment="Most rows that one page ever held"),
        sa.Column("limit_echoed", sa.Boolean(), comment="Whether the echoed limit is the one in force"),
        sa.Column("offset_by", sa.Text(), comment="skip or page: which wins"),
        sa.Column("clock_skew_seconds", sa.Float(), comment="Server clock minus ours"),
        sa.Column("undated_works", sa.Boolean(), comment="Whether a request without dates works"),
        sa.Column("status_filter_works", sa.Boolean(), comment="Whether filters.status works"),
        sa.Column(
            "census_difference",
            sa.BigInteger(),
            nullable=False,
            comment="Source's total minus live rows after a whole proven read",
        ),
        sa.Column("census_explained", sa.Boolean(), nullable=False, comment="Whether that read was proven and undated"),
        sa.Column("observed_at", _UTC, nullable=False, comment="When this was last written (UTC)"),
        sa.PrimaryKeyConstraint("account_id", "app_id", "channel"),
        comment="What was observed about the server; null = not known",
    )
    op.create_table(
        "sync_leases",
        sa.Column("account_id", sa.Text(), nullable=False, comment="Kore.ai account"),
        sa.Column("holder", sa.Text(), nullable=False, comment="Host, process and start of the holder"),
        sa.Column("epoch", sa.BigInteger(), nullable=False, comment="Counts up with every take-over, never back"),
        sa.Column("expires_at", _UTC, nullable=False, comment="By the database's clock (UTC); in the past = free"),
        sa.PrimaryKeyConstraint("account_id"),
        comment="Who may read and write an account now; rows stay when the lease is given back",
    )
    op.create_table(
        "sync_runs",
        sa.Column("run_id", sa.Text(), nullable=False, comment="Start of the run (UTC) and a random tail"),
        sa.Column("verb", sa.Text(), nullable=False, comment="sync, backfill, ..."),
        sa.Column(
            "verdict",
            sa.Text(),
            nullable=False,
            comment="running, complete, incomplete, refused, unreadable, held, stopped, failed",
        ),
        sa.Column("exit_code", sa.Integer(), comment="Exit code of the command"),
        sa.Column("started_at", _UTC, nullable=False, comment="(UTC)"),
        sa.Column("finished_at", _UTC, comment="(UTC)"),
        sa.Column("version", sa.Text(), nullable=False, comment="Version of the program"),
        sa.Column("totals", sa.Text(), comment="The run's counts as a JSON object"),
        sa.PrimaryKeyConstraint("run_id"),
        comment="One line per run",
    )
    op.create_index("sync_runs_by_start", "sync_runs", ["started_at"], unique=False)
    op.create_table(
        "sync_windows",
        sa.Column("run_id", sa.Text(), nullable=False, comment="sync_runs.run_id"),
        sa.Column("window_no", sa.Integer(), autoincrement=False, nullable=False, comment="Counts up within the run"),
        sa.Column(
            "epoch",
            sa.BigInteger(),
            nullable=False,
            comment="The account's lease epoch: (epoch, window_no) orders an account's reads",
        ),
        sa.Column("account_id", sa.Text(), nullable=False, comment="Kore.ai account"),
        sa.Column("app_id", sa.Text(), nullable=False, comment="Kore.ai app"),
        sa.Column("channel", sa.Text(), nullable=False, comment="sms or voice"),
        sa.Column("window_start", _UTC, nullable=False, comment="Inclusive (UTC)"),
        sa.Column("window_end", _UTC, nullable=False, comment="Exclusive (UTC)"),
        sa.Column("state", sa.Text(), nullable=False, comment="proven, unproven, open, failed"),
        sa.Column("proof", sa.Text(), comment="L1 to L4, where proven"),
        sa.Column("why", sa.Text(), comment="Why it is not proven"),
        sa.Column("reason", sa.Text(), nullable=False, comment="Why it was read"),
        sa.Column(
            "keep",
            sa.Text(),
            comment="The filter that was applied after the read, as JSON; null = everything was stored",
        ),
        sa.Column(
            "source_total", sa.BigInteger(), comment="The total that the proof established, or the last one sent"
        ),
        sa.Column("seen", sa.BigInteger(), nullable=False, comment="Distinct rows read"),
        sa.Column(
            "beyond",
            sa.BigInteger(),
            nullable=False,
            comment="Of these, rows at the shared border that belong to the neighbour",
        ),
        sa.Column("rejected", sa.BigInteger(), nullable=False, comment="Records rejected as a whole"),
        sa.Column("inserted", sa.BigInteger(), nullable=False, comment="Campaigns new to the warehouse"),
        sa.Column("updated", sa.BigInteger(), nullable=False, comment="Campaigns whose content changed"),
        sa.Column("unchanged", sa.BigInteger(), nullable=False, comment="Campaigns as they were"),
        sa.Column("revived", sa.BigInteger(), nullable=False, comment="Campaigns taken as deleted that came back"),
        sa.Column(
            "older", sa.BigInteger(), nullable=False, comment="Of the unchanged, older payloads that were refused"
        ),
        sa.Column("links_added", sa.BigInteger(), nullable=False, comment="Contact-list links added"),
        sa.Column("links_removed", sa.BigInteger(), nullable=False, comment="Contact-list links removed"),
        sa.Column("requests", sa.BigInteger(), nullable=False, comment="Attempts on the wire"),
        sa.Column("retries", sa.BigInteger(), nullable=False, comment="Of these, repeated ones"),
        sa.Column("throttled_seconds", sa.Float(), nullable=False, comment="Seconds waited because the source said so"),
        sa.Column("attempts", sa.BigInteger(), nullable=False, comment="Sweeps tried for a proof"),
        sa.Column("started_at", _UTC, nullable=False, comment="(UTC)"),
        sa.Column("finished_at", _UTC, nullable=False, comment="(UTC)"),
        sa.Column("error", sa.Text(), comment="Why it failed"),
        sa.PrimaryKeyConstraint("run_id", "window_no"),
        comment="One line per window read, written in the window's own transaction",
    )
    op.create_index(
        "sync_windows_by_scope", "sync_windows", ["account_id", "app_id", "channel", "epoch", "window_no"], unique=False
    )


def downgrade() -> None:
    raise NotImplementedError("kore-etl migrates forward only; restore a backup to go back.")
