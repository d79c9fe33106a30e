"""Requests whose Canvas course was gone when we looked what came of them"""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "ascriptica_window",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("canvas_user_id", sa.BigInteger(), nullable=False),
        sa.Column("canvas_course_id", sa.BigInteger(), nullable=False),
        sa.Column("canvas_section_id", sa.BigInteger(), nullable=False),
        sa.Column("seat_id", sa.Integer(), nullable=False),
        sa.Column("opens_at", TIME, nullable=False),
        sa.Column("closes_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["ascriptica_connection.id"], name=op.f("fk_ascriptica_window_connection_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ascriptica_window")),
    )
    op.create_index("ix_ascriptica_window_user", "ascriptica_window", ["connection_id", "canvas_user_id"])


def downgrade() -> None:
    op.drop_table("ascriptica_window")
