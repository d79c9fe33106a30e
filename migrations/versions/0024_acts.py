"""Entries of the activity log that are one act; the act of an import"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

INDEX = "ix_ascriptica_log_part_of"


def upgrade() -> None:
    for name in ("part_of", "people"):
        op.add_column("ascriptica_log", sa.Column(name, sa.Integer(), nullable=True))
    there = sa.text("part_of IS NOT NULL")
    op.create_index(INDEX, "ascriptica_log", ["part_of"], sqlite_where=there, postgresql_where=there)
    op.add_column("ascriptica_import", sa.Column("act_id", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("ascriptica_import", "act_id")
    op.drop_index(INDEX, "ascriptica_log")
    for name in ("people", "part_of"):
        op.drop_column("ascriptica_log", name)
