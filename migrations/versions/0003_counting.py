"""What a night counts of a listing is in indexes: its days, what is missing, what is unfinished. Until now every night
read every row of every listing for that, raw text and all."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_UNFINISHED = sa.text("deleted_at IS NULL AND status IN ('Active', 'Paused', 'Preparing', 'Scheduled', 'Rescheduled')")


def upgrade() -> None:
    op.drop_index("campaigns_by_creation", "campaigns")
    op.create_index(
        "campaigns_by_creation",
        "campaigns",
        ["account_id", "app_id", "channel", "created_at", "deleted_at", "missing_since"],
    )
    op.create_index(
        "campaigns_unfinished",
        "campaigns",
        ["account_id", "app_id", "channel"],
        sqlite_where=_UNFINISHED,
        postgresql_where=_UNFINISHED,
    )


def downgrade() -> None:
    raise NotImplementedError("kore-etl migrates forward only; restore a backup to go back.")
