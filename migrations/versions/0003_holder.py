"""Who ran a run, so that a later one can tell whether it is still under way."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sync_runs", sa.Column("holder", sa.Text(), comment="The process that runs it"))


def downgrade() -> None:
    raise NotImplementedError("kore-etl migrates forward only; restore a backup to go back.")
