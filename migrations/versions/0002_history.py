"""What history needs: how one counter reading leads to the next, and the indexes of the analysts' views. And who runs
a run, so that one that was killed can be told."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_UTC = sa.Text().with_variant(sa.TIMESTAMP(timezone=True), "postgresql")

_INDEXES = (
    ("campaigns_by_creation", "campaigns", ["account_id", "app_id", "channel", "created_at", "deleted_at"]),
    ("campaigns_by_date", "campaigns", ["created_at"]),
    ("campaigns_by_version", "campaigns", ["valid_from"]),
    ("campaigns_by_reading", "campaigns", ["counted_at"]),
    ("campaign_history_by_account", "campaign_history", ["account_id", "valid_from"]),
    ("campaign_history_by_start", "campaign_history", ["valid_from"]),
    ("campaign_contact_lists_by_start", "campaign_contact_lists", ["valid_from"]),
    ("campaign_contact_lists_by_list", "campaign_contact_lists", ["contact_list_id", "campaign_id", "valid_from"]),
    ("campaign_contact_list_history_by_account", "campaign_contact_list_history", ["account_id", "valid_from"]),
    ("campaign_contact_list_history_by_start", "campaign_contact_list_history", ["valid_from"]),
    ("campaign_counter_history_by_account", "campaign_counter_history", ["account_id", "day"]),
    ("campaign_counter_history_by_day", "campaign_counter_history", ["day"]),
    ("campaign_counter_history_by_end", "campaign_counter_history", ["superseded_at", "campaign_id"]),
    ("campaign_counter_history_by_reading", "campaign_counter_history", ["observed_at"]),
)

# What the view campaign_overview worked out until now, bytewise ordered on both databases.
_NAMES = {
    "sqlite": """(SELECT json_group_array(n.name) FROM (
        SELECT l.name FROM campaign_contact_lists k JOIN contact_lists l ON l.contact_list_id = k.contact_list_id
        WHERE k.campaign_id = campaigns.campaign_id ORDER BY l.name) n)""",
    "postgresql": """(SELECT '[' ||
        coalesce(string_agg(to_json(l.name)::text, ',' ORDER BY l.name COLLATE "C"), '') || ']'
        FROM campaign_contact_lists k JOIN contact_lists l ON l.contact_list_id = k.contact_list_id
        WHERE k.campaign_id = campaigns.campaign_id)""",
}


def upgrade() -> None:
    # Nullable although always filled: SQLite adds no other column without making the table anew, under analysts' views.
    for column in (
        sa.Column("superseded_at", _UTC, comment="When we saw the next value (UTC)"),
        sa.Column("day", sa.Date(), comment="The day of superseded_at (UTC)"),
        sa.Column(
            "next_messages",
            sa.BigInteger(),
            comment="Messages that the next value shows beyond this one, at least; null = unknown",
        ),
        sa.Column(
            "next_is_reset",
            sa.Boolean(),
            comment="Whether the next value counts a new run of the campaign from zero",
        ),
        sa.Column("account_id", sa.Text(), comment="Kore.ai account"),
    ):
        op.add_column("campaign_counter_history", column)
    op.add_column("sync_runs", sa.Column("holder", sa.Text(), comment="The process that runs it"))
    op.add_column("campaign_contact_list_history", sa.Column("account_id", sa.Text(), comment="Kore.ai account"))
    names = sa.Column(
        "contact_list_names", sa.Text(), comment="Names of its contact lists: a JSON array, ordered by name"
    )
    op.add_column("campaigns", names)
    op.execute("UPDATE campaigns SET contact_list_names = " + _NAMES[op.get_bind().dialect.name])  # noqa: S608  ours
    # From here on a campaign's last change is its latest stamp, whatever clocks did until now.
    for stamp in ("valid_from", "counted_at", "deleted_at"):
        op.execute(f"UPDATE campaigns SET last_changed_at = {stamp} WHERE {stamp} > last_changed_at")  # noqa: S608  ours
    op.drop_index("campaigns_live_by_creation", "campaigns")
    op.drop_index("campaign_contact_lists_by_list", "campaign_contact_lists")
    for name, table, columns in _INDEXES:
        op.create_index(name, table, columns)
    deleted = sa.text("deleted_at IS NOT NULL")
    op.create_index(
        "campaigns_deleted",
        "campaigns",
        ["campaign_id", "deleted_at"],
        sqlite_where=deleted,
        postgresql_where=deleted,
    )


def downgrade() -> None:
    raise NotImplementedError("kore-etl migrates forward only; restore a backup to go back.")
