"""Withdrawals that can be undone, and that leave in Canvas what fits what was done there"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

BEFORE = "on_withdrawal IN ('delete', 'deactivate', 'conclude')"
AFTER = "on_withdrawal IN ('delete', 'deactivate', 'conclude', 'by_activity')"

OTHERS = {
    "ascriptica_course": {
        "places_not_negative": "places_taken >= 0",
        "places_within_capacity": "capacity IS NULL OR places_taken <= capacity",
    },
    "ascriptica_settings": {"one_row": "id = 1"},
}
"""The other checks of the two tables. SQLite makes a table anew to change one, and Alembic does not see them."""


def upgrade() -> None:
    op.add_column("ascriptica_registration", sa.Column("undo_until_at", sa.DateTime(timezone=True), nullable=True))
    _check(AFTER)


def downgrade() -> None:
    for table in OTHERS:
        where = sa.table(table, sa.column("on_withdrawal", sa.String))
        op.execute(where.update().where(where.c.on_withdrawal == "by_activity").values(on_withdrawal="deactivate"))
    _check(BEFORE)
    op.drop_column("ascriptica_registration", "undo_until_at")


def _check(known: str) -> None:
    for table, others in OTHERS.items():
        name = op.f(f"ck_{table}_on_withdrawal_known")
        if op.get_bind().dialect.name == "sqlite":
            checks = [sa.CheckConstraint(sql, name=op.f(f"ck_{table}_{one}")) for one, sql in others.items()]
            by_code = table == "ascriptica_course"
            if by_code:
                op.drop_index("uq_ascriptica_course_code", table)
            with op.batch_alter_table(table, recreate="always", table_args=checks) as batch:
                batch.create_check_constraint(name, known)
            if by_code:
                op.create_index("uq_ascriptica_course_code", table, [sa.text("lower(code)")], unique=True)
        else:
            op.drop_constraint(name, table, type_="check")
            op.create_check_constraint(name, table, known)
