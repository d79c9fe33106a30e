"""The seats of a Canvas course about which something is open, and those that were given up, are found by an index"""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

OPEN, PARKED = sa.text("settled_version < version"), sa.text("parked_at IS NOT NULL")


def upgrade() -> None:
    where = {"sqlite_where": OPEN, "postgresql_where": OPEN}
    op.create_index("ix_ascriptica_seat_open", "ascriptica_seat", ["connection_id", "canvas_course_id"], **where)
    where = {"sqlite_where": PARKED, "postgresql_where": PARKED}
    op.create_index("ix_ascriptica_seat_parked", "ascriptica_seat", ["connection_id", "cause"], **where)


def downgrade() -> None:
    op.drop_index("ix_ascriptica_seat_parked", "ascriptica_seat")
    op.drop_index("ix_ascriptica_seat_open", "ascriptica_seat")
