"""Rows and matches are found by their Canvas user, however many a Canvas course or a connection has"""

from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_ascriptica_row_user", "ascriptica_row")
    op.create_index("ix_ascriptica_row_user", "ascriptica_row", ["connection_id", "canvas_user_id", "canvas_course_id"])
    op.create_index("ix_ascriptica_canvas_user_user", "ascriptica_canvas_user", ["connection_id", "canvas_user_id"])


def downgrade() -> None:
    op.drop_index("ix_ascriptica_canvas_user_user", "ascriptica_canvas_user")
    op.drop_index("ix_ascriptica_row_user", "ascriptica_row")
    op.create_index("ix_ascriptica_row_user", "ascriptica_row", ["connection_id", "canvas_user_id"])
