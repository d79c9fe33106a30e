"""Changes that Canvas failed at, across processes; an index that finds newcomers among all that is due"""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

SEAT, UNSETTLED = "ascriptica_seat", "settled_version < version"


def upgrade() -> None:
    op.create_table(
        "ascriptica_failed_change",
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("canvas_course_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("participant_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("in_a_row", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["ascriptica_connection.id"], name=op.f("fk_ascriptica_failed_change_connection_id")
        ),
        sa.PrimaryKeyConstraint(
            "connection_id", "canvas_course_id", "participant_id", name=op.f("pk_ascriptica_failed_change")
        ),
    )
    _index("changed_at")


def _index(last: str) -> None:
    op.drop_index("ix_ascriptica_seat_unsettled", SEAT)
    columns, where = ["connection_id", "held", "in_bulk", last], sa.text(UNSETTLED)
    op.create_index("ix_ascriptica_seat_unsettled", SEAT, columns, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    _index("due_at")
    op.drop_table("ascriptica_failed_change")
