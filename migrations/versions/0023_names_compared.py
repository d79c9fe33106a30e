"""Matches of people and Canvas users whose names have no word in common"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

TABLE, INDEX = "ascriptica_canvas_user", "ix_ascriptica_canvas_user_odd"


def upgrade() -> None:
    op.add_column(TABLE, sa.Column("names_compared", sa.Text(), nullable=True))
    op.add_column(TABLE, sa.Column("names_differ", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_index(
        INDEX,
        TABLE,
        ["connection_id", "participant_id"],
        sqlite_where=sa.text("names_differ = 1"),
        postgresql_where=sa.text("names_differ"),
    )


def downgrade() -> None:
    op.drop_index(INDEX, TABLE)
    op.drop_column(TABLE, "names_differ")
    op.drop_column(TABLE, "names_compared")
