"""Seats that came in bulk, and indexes for whose turn it is"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

SEAT = "ascriptica_seat"
UNSETTLED = "settled_version < version"
HELD = "held AND settled_version < version"


def upgrade() -> None:
    op.add_column(SEAT, sa.Column("in_bulk", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.drop_index("ix_ascriptica_seat_unsettled", SEAT)
    _index("ix_ascriptica_seat_unsettled", ["connection_id", "held", "in_bulk", "due_at"], UNSETTLED)
    _index("ix_ascriptica_seat_held", ["connection_id", "cause", "cause_scope", "due_at", "id"], HELD)


def _index(name: str, columns: list[str], where: str) -> None:
    op.create_index(name, SEAT, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def downgrade() -> None:
    op.drop_index("ix_ascriptica_seat_held", SEAT)
    op.drop_index("ix_ascriptica_seat_unsettled", SEAT)
    _index("ix_ascriptica_seat_unsettled", ["connection_id", "due_at"], UNSETTLED)
    op.drop_column(SEAT, "in_bulk")
