"""Canvas's clock is asked for, never remembered"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_column("ascriptica_connection", "clock_offset_seconds")


def downgrade() -> None:
    op.add_column(
        "ascriptica_connection", sa.Column("clock_offset_seconds", sa.Integer(), nullable=False, server_default="0")
    )
