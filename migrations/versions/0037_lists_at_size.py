"""Indexes for lists at size: who waits by cause and Canvas course, who has never opened one, and claims"""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

SEAT, ROW, CLAIM = "ascriptica_seat", "ascriptica_row", "ascriptica_claim"
WAITS = "settled_version < version AND cause IS NOT NULL"
UNOPENED = "activity_told_at IS NOT NULL AND last_activity_at IS NULL"


def upgrade() -> None:
    _index("ix_ascriptica_seat_waits", SEAT, ["connection_id", "cause", "canvas_course_id", "participant_id"], WAITS)
    _index("ix_ascriptica_row_unopened", ROW, ["connection_id", "canvas_course_id"], UNOPENED)
    _of_claims(["registration_id", "ended_at", "id"], ["id"])


def _index(name: str, table: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)


def _of_claims(by_registration: list[str], with_live: list[str]) -> None:
    op.drop_index("ix_ascriptica_claim_registration", CLAIM)
    op.create_index("ix_ascriptica_claim_registration", CLAIM, by_registration)
    if op.get_bind().dialect.name == "postgresql":
        # A live claim is unique at any moment: the new index is there before the old one goes.
        op.execute("ALTER INDEX uq_ascriptica_claim_live RENAME TO uq_ascriptica_claim_live_before")
        live, where = ["seat_id", "registration_id"], sa.text("ended_at IS NULL")
        op.create_index(
            "uq_ascriptica_claim_live",
            CLAIM,
            live,
            unique=True,
            postgresql_where=where,
            postgresql_include=with_live,
        )
        op.drop_index("uq_ascriptica_claim_live_before", CLAIM)


def downgrade() -> None:
    _of_claims(["registration_id"], [])
    op.drop_index("ix_ascriptica_row_unopened", ROW)
    op.drop_index("ix_ascriptica_seat_waits", SEAT)
