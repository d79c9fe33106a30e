"""Indexes for lists and counts in a large office; when Canvas last asked us to go slower"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("ascriptica_connection", sa.Column("throttled_at", sa.DateTime(timezone=True), nullable=True))
    op.drop_index("ix_ascriptica_participant_email", table_name="ascriptica_participant")
    op.create_index("ix_ascriptica_participant_by_email", "ascriptica_participant", [sa.text("lower(email)")])
    op.create_index("ix_ascriptica_participant_by_name", "ascriptica_participant", [sa.text("lower(name)"), "id"])
    op.create_index("ix_ascriptica_registration_course", "ascriptica_registration", ["course_id", "status"])
    op.create_index(
        "ix_ascriptica_seat_settled",
        "ascriptica_seat",
        ["connection_id", "canvas_course_id", "enrolled"],
        sqlite_where=sa.text("settled_version >= version"),
        postgresql_where=sa.text("settled_version >= version"),
    )


def downgrade() -> None:
    op.drop_index("ix_ascriptica_seat_settled", table_name="ascriptica_seat")
    op.drop_index("ix_ascriptica_registration_course", table_name="ascriptica_registration")
    op.drop_index("ix_ascriptica_participant_by_name", table_name="ascriptica_participant")
    op.drop_index("ix_ascriptica_participant_by_email", table_name="ascriptica_participant")
    op.create_index("ix_ascriptica_participant_email", "ascriptica_participant", ["email"])
    op.drop_column("ascriptica_connection", "throttled_at")
