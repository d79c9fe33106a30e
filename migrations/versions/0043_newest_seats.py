"""The newest seats about which something is open, and of people who were taken out, are found by an index"""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

SEAT, OPEN = "ascriptica_seat", "settled_version < version"
REMOVED = "settled_version >= version AND {} AND canvas_enrollment_id IS NOT NULL"


def upgrade() -> None:
    _index("ix_ascriptica_seat_newest", OPEN, OPEN)
    _index("ix_ascriptica_seat_removed", REMOVED.format("was_in = 0"), REMOVED.format("NOT was_in"))


def _index(name: str, on_sqlite: str, on_postgresql: str) -> None:
    where = {"sqlite_where": sa.text(on_sqlite), "postgresql_where": sa.text(on_postgresql)}
    op.create_index(name, SEAT, ["connection_id", "id"], **where)


def downgrade() -> None:
    op.drop_index("ix_ascriptica_seat_removed", SEAT)
    op.drop_index("ix_ascriptica_seat_newest", SEAT)
