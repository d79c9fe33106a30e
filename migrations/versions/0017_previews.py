"""What a change would do, before it is confirmed; what a cancelled course's registrations were"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ascriptica_preview",
        sa.Column("course_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("reopen", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=True),
        sa.Column("canvas_course", sa.String(length=300), nullable=False),
        sa.Column("canvas_section", sa.String(length=300), nullable=False),
        sa.Column("canvas_course_id", sa.BigInteger(), nullable=True),
        sa.Column("canvas_section_id", sa.BigInteger(), nullable=True),
        sa.Column("canvas_course_name", sa.String(length=255), nullable=False),
        sa.Column("canvas_section_name", sa.String(length=255), nullable=False),
        sa.Column("published", sa.Boolean(), nullable=False),
        sa.Column("concluded", sa.Boolean(), nullable=False),
        sa.Column("looked_up_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("missing_permissions", sa.String(length=255), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("there", sa.JSON(), nullable=True),
        sa.Column("teaching", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["course_id"], ["ascriptica_course.id"], name=op.f("fk_ascriptica_preview_course_id")),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["ascriptica_connection.id"], name=op.f("fk_ascriptica_preview_connection_id")
        ),
        sa.PrimaryKeyConstraint("course_id", name=op.f("pk_ascriptica_preview")),
    )
    op.add_column("ascriptica_registration", sa.Column("withdrawn_from", sa.String(length=20), nullable=True))


def downgrade() -> None:
    op.drop_column("ascriptica_registration", "withdrawn_from")
    op.drop_table("ascriptica_preview")
