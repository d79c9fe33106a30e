"""Requests in doubt are remembered, and Canvas's clock is asked for instead"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("ascriptica_seat", sa.Column("in_doubt_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "ascriptica_seat", sa.Column("in_doubt_enrolls", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.drop_column("ascriptica_connection", "clock_offset_seconds")


def downgrade() -> None:
    op.add_column(
        "ascriptica_connection", sa.Column("clock_offset_seconds", sa.Integer(), nullable=False, server_default="0")
    )
    op.drop_column("ascriptica_seat", "in_doubt_enrolls")
    op.drop_column("ascriptica_seat", "in_doubt_until")
