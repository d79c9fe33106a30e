"""Participants can be erased"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("ascriptica_participant", sa.Column("erase_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("ascriptica_participant", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_ascriptica_participant_to_erase",
        "ascriptica_participant",
        ["erase_at"],
        sqlite_where=sa.text("erase_at IS NOT NULL"),
        postgresql_where=sa.text("erase_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_ascriptica_participant_to_erase", "ascriptica_participant")
    op.drop_column("ascriptica_participant", "erased_at")
    op.drop_column("ascriptica_participant", "erase_at")
