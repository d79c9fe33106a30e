"""First tables"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ascriptica_account",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("is_admin", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ascriptica_account")),
        sa.UniqueConstraint("email", name=op.f("uq_ascriptica_account_email")),
    )
    op.create_table(
        "ascriptica_connection",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("canvas_url", sa.String(length=300), nullable=False),
        sa.Column("canvas_root_id", sa.BigInteger(), nullable=False),
        sa.Column("account_name", sa.String(length=255), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("token_owner", sa.String(length=255), nullable=False),
        sa.Column("token_saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("missing_permissions", sa.Text(), nullable=False),
        sa.Column("last_worked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("clock_offset_seconds", sa.Integer(), nullable=False),
        sa.Column("hold_cause", sa.String(length=40), nullable=True),
        sa.Column("hold_detail", sa.Text(), nullable=True),
        sa.Column("hold_since_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("hold_until_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("hold_tries", sa.Integer(), nullable=False),
        sa.Column("drain_term", sa.Integer(), nullable=False),
        sa.Column("drain_until_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ascriptica_connection")),
        sa.UniqueConstraint(
            "canvas_url", "canvas_root_id", name=op.f("uq_ascriptica_connection_canvas_url_canvas_root_id")
        ),
    )
    op.create_table(
        "ascriptica_course",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("registration_opens_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("registration_closes_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("capacity", sa.Integer(), nullable=True),
        sa.Column("places_taken", sa.Integer(), server_default="0", nullable=False),
        sa.Column("on_withdrawal", sa.String(length=20), nullable=True),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "on_withdrawal IN ('delete', 'deactivate', 'conclude')",
            name=op.f("ck_ascriptica_course_on_withdrawal_known"),
        ),
        sa.CheckConstraint(
            "capacity IS NULL OR places_taken <= capacity", name=op.f("ck_ascriptica_course_places_within_capacity")
        ),
        sa.CheckConstraint("places_taken >= 0", name=op.f("ck_ascriptica_course_places_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ascriptica_course")),
    )
    op.create_table(
        "ascriptica_participant",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=True),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("sis_user_id", sa.String(length=255), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ascriptica_participant")),
        sa.UniqueConstraint("key", name=op.f("uq_ascriptica_participant_key")),
    )
    op.create_index(op.f("ix_ascriptica_participant_email"), "ascriptica_participant", ["email"], unique=False)

    op.create_table(
        "ascriptica_association",
        sa.Column("course_id", sa.Integer(), nullable=False),
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
        sa.Column("look_up_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["ascriptica_connection.id"], name=op.f("fk_ascriptica_association_connection_id")
        ),
        sa.ForeignKeyConstraint(
            ["course_id"], ["ascriptica_course.id"], name=op.f("fk_ascriptica_association_course_id")
        ),
        sa.PrimaryKeyConstraint("course_id", name=op.f("pk_ascriptica_association")),
    )
    op.create_index(
        op.f("ix_ascriptica_association_connection_id"), "ascriptica_association", ["connection_id"], unique=False
    )

    op.create_table(
        "ascriptica_canvas_user",
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("participant_id", sa.Integer(), nullable=False),
        sa.Column("canvas_user_id", sa.BigInteger(), nullable=True),
        sa.Column("login_sent", sa.String(length=255), nullable=True),
        sa.Column("created_by_us", sa.Boolean(), nullable=False),
        sa.Column("name_sent", sa.String(length=255), nullable=True),
        sa.Column("email_sent", sa.String(length=320), nullable=True),
        sa.Column("follow_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("follow_problem", sa.Text(), nullable=True),
        sa.Column("candidates", sa.JSON(), nullable=True),
        sa.Column("create_new", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["ascriptica_connection.id"], name=op.f("fk_ascriptica_canvas_user_connection_id")
        ),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["ascriptica_participant.id"], name=op.f("fk_ascriptica_canvas_user_participant_id")
        ),
        sa.PrimaryKeyConstraint("connection_id", "participant_id", name=op.f("pk_ascriptica_canvas_user")),
    )
    op.create_table(
        "ascriptica_log",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String(length=320), nullable=False),
        sa.Column("what", sa.String(length=40), nullable=False),
        sa.Column("participant_id", sa.Integer(), nullable=True),
        sa.Column("course_id", sa.Integer(), nullable=True),
        sa.Column("words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["course_id"], ["ascriptica_course.id"], name=op.f("fk_ascriptica_log_course_id")),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["ascriptica_participant.id"], name=op.f("fk_ascriptica_log_participant_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ascriptica_log")),
    )
    op.create_index(op.f("ix_ascriptica_log_at"), "ascriptica_log", ["at"], unique=False)
    op.create_index(op.f("ix_ascriptica_log_course_id"), "ascriptica_log", ["course_id"], unique=False)
    op.create_index(op.f("ix_ascriptica_log_participant_id"), "ascriptica_log", ["participant_id"], unique=False)

    op.create_table(
        "ascriptica_registration",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("course_id", sa.Integer(), nullable=False),
        sa.Column("participant_id", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('registered', 'waitlisted', 'withdrawn')", name=op.f("ck_ascriptica_registration_status_known")
        ),
        sa.ForeignKeyConstraint(
            ["course_id"], ["ascriptica_course.id"], name=op.f("fk_ascriptica_registration_course_id")
        ),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["ascriptica_participant.id"], name=op.f("fk_ascriptica_registration_participant_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ascriptica_registration")),
    )
    op.create_index(
        "ix_ascriptica_registration_participant", "ascriptica_registration", ["participant_id"], unique=False
    )
    op.create_index(
        "uq_ascriptica_registration_live",
        "ascriptica_registration",
        ["course_id", "participant_id"],
        unique=True,
        sqlite_where=sa.text("status <> 'withdrawn'"),
        postgresql_where=sa.text("status <> 'withdrawn'"),
    )

    op.create_table(
        "ascriptica_seat",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("participant_id", sa.Integer(), nullable=False),
        sa.Column("canvas_course_id", sa.BigInteger(), nullable=False),
        sa.Column("canvas_section_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("settled_version", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("cause", sa.String(length=40), nullable=True),
        sa.Column("cause_scope", sa.String(length=255), nullable=False),
        sa.Column("cause_detail", sa.Text(), nullable=True),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("parked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("canvas_enrollment_id", sa.BigInteger(), nullable=True),
        sa.Column("granted", sa.Boolean(), nullable=False),
        sa.Column("enrolled", sa.Boolean(), nullable=False),
        sa.Column("kept", sa.Boolean(), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["ascriptica_connection.id"], name=op.f("fk_ascriptica_seat_connection_id")
        ),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["ascriptica_participant.id"], name=op.f("fk_ascriptica_seat_participant_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ascriptica_seat")),
        sa.UniqueConstraint(
            "connection_id", "participant_id", "canvas_course_id", "canvas_section_id", name="uq_ascriptica_seat_place"
        ),
    )
    op.create_index(
        "ix_ascriptica_seat_enrollment", "ascriptica_seat", ["connection_id", "canvas_enrollment_id"], unique=False
    )
    op.create_index(op.f("ix_ascriptica_seat_participant_id"), "ascriptica_seat", ["participant_id"], unique=False)
    op.create_index(
        "ix_ascriptica_seat_unsettled",
        "ascriptica_seat",
        ["connection_id", "due_at"],
        unique=False,
        sqlite_where=sa.text("settled_version < version"),
        postgresql_where=sa.text("settled_version < version"),
    )

    op.create_table(
        "ascriptica_settings",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("display_canvas", sa.Boolean(), nullable=False),
        sa.Column("create_users", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("by_invitation", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("canvas_mail", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("on_withdrawal", sa.String(length=20), server_default="delete", nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=True),
        sa.Column("draft_url", sa.String(length=300), nullable=True),
        sa.Column("draft_root_id", sa.BigInteger(), nullable=True),
        sa.Column("draft_token", sa.LargeBinary(), nullable=True),
        sa.Column("draft_problem", sa.Text(), nullable=True),
        sa.Column("draft_check_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "on_withdrawal IN ('delete', 'deactivate', 'conclude')",
            name=op.f("ck_ascriptica_settings_on_withdrawal_known"),
        ),
        sa.CheckConstraint("id = 1", name=op.f("ck_ascriptica_settings_one_row")),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["ascriptica_connection.id"], name=op.f("fk_ascriptica_settings_connection_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ascriptica_settings")),
    )
    op.create_table(
        "ascriptica_claim",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("registration_id", sa.Integer(), nullable=False),
        sa.Column("seat_id", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["registration_id"], ["ascriptica_registration.id"], name=op.f("fk_ascriptica_claim_registration_id")
        ),
        sa.ForeignKeyConstraint(["seat_id"], ["ascriptica_seat.id"], name=op.f("fk_ascriptica_claim_seat_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ascriptica_claim")),
    )
    op.create_index("ix_ascriptica_claim_registration", "ascriptica_claim", ["registration_id"], unique=False)
    op.create_index("ix_ascriptica_claim_seat", "ascriptica_claim", ["seat_id"], unique=False)
    op.create_index(
        "uq_ascriptica_claim_live",
        "ascriptica_claim",
        ["seat_id", "registration_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )

    for table, column in (("ascriptica_course", "code"),):
        op.create_index(f"uq_{table}_{column}", table, [sa.func.lower(sa.text(column))], unique=True)
    op.execute("INSERT INTO ascriptica_settings (id, display_canvas) VALUES (1, false)")


def downgrade() -> None:
    op.drop_table("ascriptica_claim")
    op.drop_table("ascriptica_settings")
    op.drop_table("ascriptica_seat")
    op.drop_table("ascriptica_registration")
    op.drop_table("ascriptica_log")
    op.drop_table("ascriptica_canvas_user")
    op.drop_table("ascriptica_association")
    op.drop_table("ascriptica_participant")
    op.drop_table("ascriptica_course")
    op.drop_table("ascriptica_connection")
    op.drop_table("ascriptica_account")
