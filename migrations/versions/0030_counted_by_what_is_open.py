"""Indexes for what is open: seats left as a hand put them, enrollments not accepted, matches to find out"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name, table, columns, sqlite, postgresql in (
        (
            "ix_ascriptica_seat_left",
            "ascriptica_seat",
            ["connection_id", "canvas_course_id"],
            "settled_version >= version AND cause IS NOT NULL",
            "settled_version >= version AND cause IS NOT NULL",
        ),
        (
            "ix_ascriptica_row_not_yet",
            "ascriptica_row",
            ["connection_id", "canvas_enrollment_id"],
            "state IN ('invited', 'creation_pending')",
            "state IN ('invited', 'creation_pending')",
        ),
        (
            "ix_ascriptica_canvas_user_open",
            "ascriptica_canvas_user",
            ["connection_id", "participant_id"],
            "doubted = 1 OR question IS NOT NULL",
            "doubted OR question IS NOT NULL",
        ),
    ):
        op.create_index(name, table, columns, sqlite_where=sa.text(sqlite), postgresql_where=sa.text(postgresql))


def downgrade() -> None:
    op.drop_index("ix_ascriptica_canvas_user_open", table_name="ascriptica_canvas_user")
    op.drop_index("ix_ascriptica_row_not_yet", table_name="ascriptica_row")
    op.drop_index("ix_ascriptica_seat_left", table_name="ascriptica_seat")
