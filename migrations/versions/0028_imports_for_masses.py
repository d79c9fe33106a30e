"""SIS imports for many people at once"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column(
        "ascriptica_settings", sa.Column("mass_by_sis", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.create_table(
        "ascriptica_mass_import",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=False),
        *(sa.Column(name, MOMENT, nullable=False) for name in ("begun_at", "next_at")),
        sa.Column("seats", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("sent_at", MOMENT, nullable=True),
        sa.Column("canvas_import_id", sa.BigInteger(), nullable=True),
        *(sa.Column(name, MOMENT, nullable=True) for name in ("read_at", "over_at")),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["ascriptica_connection.id"], name=op.f("fk_ascriptica_mass_import_connection_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ascriptica_mass_import")),
    )
    op.create_index(
        "uq_ascriptica_mass_import_open",
        "ascriptica_mass_import",
        ["connection_id"],
        unique=True,
        sqlite_where=sa.text("over_at IS NULL"),
        postgresql_where=sa.text("over_at IS NULL"),
    )
    op.create_table(
        "ascriptica_mass_seat",
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("seat_id", sa.Integer(), autoincrement=False, nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("participant_id", "version")),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("canvas_course_id", "canvas_section_id")),
        sa.Column("sis_user_id", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"], ["ascriptica_mass_import.id"], name=op.f("fk_ascriptica_mass_seat_import_id")
        ),
        sa.PrimaryKeyConstraint("import_id", "seat_id", name=op.f("pk_ascriptica_mass_seat")),
    )
    op.create_index(op.f("ix_ascriptica_mass_seat_participant_id"), "ascriptica_mass_seat", ["participant_id"])


def downgrade() -> None:
    op.drop_table("ascriptica_mass_seat")
    op.drop_table("ascriptica_mass_import")
    op.drop_column("ascriptica_settings", "mass_by_sis")
