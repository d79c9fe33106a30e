"""Results of a course, and when people were last in it"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    for name in ("last_activity_at", "activity_told_at"):
        op.add_column("ascriptica_row", sa.Column(name, MOMENT, nullable=True))
    op.create_table(
        "ascriptica_course_results",
        sa.Column("course_id", sa.Integer(), nullable=False),
        *(
            sa.Column(name, sa.Boolean(), server_default=sa.false(), nullable=False)
            for name in ("completed", "score", "shown")
        ),
        sa.Column("passes_by", sa.String(length=20), nullable=True),
        sa.Column("passes_from", sa.Double(), nullable=True),
        *(sa.Column(name, MOMENT, nullable=True) for name in ("owed_at", "due_at", "fetched_at")),
        sa.Column("problems", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "passes_by IN ('completed', 'score')", name=op.f("ck_ascriptica_course_results_passes_by_known")
        ),
        sa.CheckConstraint(
            "passes_by <> 'score' OR passes_from IS NOT NULL",
            name=op.f("ck_ascriptica_course_results_passes_from_given"),
        ),
        sa.ForeignKeyConstraint(
            ["course_id"], ["ascriptica_course.id"], name=op.f("fk_ascriptica_course_results_course_id")
        ),
        sa.PrimaryKeyConstraint("course_id", name=op.f("pk_ascriptica_course_results")),
    )
    op.create_table(
        "ascriptica_result",
        sa.Column("registration_id", sa.Integer(), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=True),
        sa.Column("canvas_course_id", sa.BigInteger(), nullable=True),
        sa.Column("progress_at", MOMENT, nullable=True),
        sa.Column("requirements", sa.Integer(), nullable=True),
        sa.Column("requirements_met", sa.Integer(), nullable=True),
        *(sa.Column(name, MOMENT, nullable=True) for name in ("completed_at", "first_completed_at", "scores_at")),
        *(sa.Column(f"{kind}_score", sa.Double(), nullable=True) for kind in ("current", "final", "override")),
        sa.Column("passed", sa.Boolean(), nullable=True),
        sa.Column("passed_how", sa.String(length=20), nullable=True),
        sa.Column("passed_at", MOMENT, nullable=True),
        sa.CheckConstraint(
            "passed_how IN ('completed', 'score', 'hand')", name=op.f("ck_ascriptica_result_passed_how_known")
        ),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["ascriptica_connection.id"], name=op.f("fk_ascriptica_result_connection_id")
        ),
        sa.ForeignKeyConstraint(
            ["registration_id"], ["ascriptica_registration.id"], name=op.f("fk_ascriptica_result_registration_id")
        ),
        sa.PrimaryKeyConstraint("registration_id", name=op.f("pk_ascriptica_result")),
    )


def downgrade() -> None:
    op.drop_table("ascriptica_result")
    op.drop_table("ascriptica_course_results")
    for name in ("activity_told_at", "last_activity_at"):
        op.drop_column("ascriptica_row", name)
