"""Seats are wishes, rows are facts, and between them stands who is who

The columns of a seat that now stand in rows and requests stay for one release, with defaults, so that web processes of
the release before go on during the upgrade. No participant, enrollment or registration is changed, and Canvas is not
asked: what the old seats say is carried over, and everything is read again within a day.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
ALONE = {"resolve_fks": False}
"""SQLite copies a table to change it, and needs to know only that table."""

OLD_FLAGS = ("granted", "enrolled", "kept")


def upgrade() -> None:
    _widen_matches()
    _make_tables()
    op.add_column("ascriptica_connection", sa.Column("restored_at", TIME, nullable=True))
    op.add_column(
        "ascriptica_association", sa.Column("missing_permissions", sa.String(255), nullable=False, server_default="")
    )
    op.add_column("ascriptica_seat", sa.Column("was_in", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.drop_index("ix_ascriptica_seat_settled", table_name="ascriptica_seat")
    never_again = {"sqlite_autoincrement": True}
    with op.batch_alter_table("ascriptica_seat", reflect_kwargs=ALONE, table_kwargs=never_again) as batch:
        for name in OLD_FLAGS:
            batch.alter_column(name, existing_type=sa.Boolean(), existing_nullable=False, server_default=sa.false())
    for carry_over in (_was_in(), _matches(), _doubles(), _rows(), _requests(), _reads()):
        op.execute(carry_over)
    op.create_index(
        "ix_ascriptica_seat_settled",
        "ascriptica_seat",
        ["connection_id", "canvas_course_id", "was_in"],
        sqlite_where=sa.text("settled_version >= version"),
        postgresql_where=sa.text("settled_version >= version"),
    )
    op.create_index("ix_ascriptica_row_seat", "ascriptica_row", ["seat_id"])
    op.create_index("ix_ascriptica_row_user", "ascriptica_row", ["connection_id", "canvas_user_id"])
    op.create_index("ix_ascriptica_row_course", "ascriptica_row", ["connection_id", "canvas_course_id"])
    one_participant = sa.text("canvas_user_id IS NOT NULL AND NOT shared")
    op.create_index(
        "uq_ascriptica_canvas_user_one_participant",
        "ascriptica_canvas_user",
        ["connection_id", "canvas_user_id"],
        unique=True,
        sqlite_where=one_participant,
        postgresql_where=one_participant,
    )
    op.create_index(
        "ix_ascriptica_canvas_user_look",
        "ascriptica_canvas_user",
        ["connection_id", "look_at"],
        sqlite_where=sa.text("look_at IS NOT NULL"),
        postgresql_where=sa.text("look_at IS NOT NULL"),
    )


def _widen_matches() -> None:
    for column in (
        sa.Column("address", sa.String(300)),
        sa.Column("canvas_name", sa.String(255)),
        sa.Column("canvas_login", sa.String(255)),
        sa.Column("canvas_sis_user_id", sa.String(255)),
        sa.Column("how", sa.String(20)),
        sa.Column("from_sis_user_id", sa.String(255)),
        sa.Column("from_email", sa.String(320)),
        sa.Column("matched_at", TIME),
        sa.Column("doubted", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("look_at", TIME),
        sa.Column("question", sa.String(20)),
        sa.Column("shared", sa.Boolean(), nullable=False, server_default=sa.false()),
    ):
        op.add_column("ascriptica_canvas_user", column)
    with op.batch_alter_table("ascriptica_canvas_user", reflect_kwargs=ALONE) as batch:
        for name in ("create_new", "created_by_us"):
            batch.alter_column(name, existing_type=sa.Boolean(), existing_nullable=False, server_default=sa.false())


def _make_tables() -> None:
    op.create_table(
        "ascriptica_row",
        _connection(),
        sa.Column("canvas_enrollment_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("created_at", TIME, nullable=True),
        sa.Column("canvas_user_id", sa.BigInteger(), nullable=True),
        sa.Column("canvas_course_id", sa.BigInteger(), nullable=False),
        sa.Column("canvas_section_id", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.Column("granted", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("kept", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("seat_id", sa.Integer(), nullable=True),
        _of_connection("ascriptica_row"),
        sa.PrimaryKeyConstraint("connection_id", "canvas_enrollment_id", name=op.f("pk_ascriptica_row")),
    )
    op.create_table(
        "ascriptica_request",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        _connection(),
        sa.Column("participant_id", sa.Integer(), nullable=True),
        sa.Column("seat_id", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("address", sa.String(300), nullable=False),
        sa.Column("canvas_user_id", sa.BigInteger(), nullable=True),
        sa.Column("canvas_course_id", sa.BigInteger(), nullable=True),
        sa.Column("canvas_section_id", sa.BigInteger(), nullable=True),
        sa.Column("canvas_enrollment_id", sa.BigInteger(), nullable=True),
        sa.Column("first_sent_at", TIME, nullable=False),
        sa.Column("until_at", TIME, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("answered", sa.Boolean(), nullable=False),
        _of_connection("ascriptica_request"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ascriptica_request")),
        sa.UniqueConstraint("connection_id", "participant_id", name="uq_ascriptica_request_one_a_person"),
    )
    op.create_table(
        "ascriptica_course_read",
        _connection(),
        sa.Column("canvas_course_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("owed_at", TIME, nullable=True),
        sa.Column("due_at", TIME, nullable=True),
        sa.Column("tried_at", TIME, nullable=True),
        sa.Column("read_at", TIME, nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        _of_connection("ascriptica_course_read"),
        sa.PrimaryKeyConstraint("connection_id", "canvas_course_id", name=op.f("pk_ascriptica_course_read")),
    )


def _connection() -> sa.Column:
    return sa.Column("connection_id", sa.Integer(), nullable=False)


def _of_connection(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_connection_id")
    return sa.ForeignKeyConstraint(["connection_id"], ["ascriptica_connection.id"], name=name)


def _was_in() -> str:
    return "UPDATE ascriptica_seat SET was_in = enrolled WHERE enrolled AND settled_version >= version"


def _matches() -> str:
    """A match of the release before rests on what the participant has now, so none is stale after the upgrade."""
    return """
        UPDATE ascriptica_canvas_user SET
            how = CASE WHEN created_by_us THEN 'created' END,
            question = CASE WHEN candidates IS NOT NULL AND CAST(candidates AS TEXT) != 'null' THEN 'who' END,
            from_sis_user_id = (SELECT sis_user_id FROM ascriptica_participant p WHERE p.id = participant_id),
            from_email = (SELECT email FROM ascriptica_participant p WHERE p.id = participant_id)"""


def _doubles() -> str:
    """Participants who were one Canvas user stay that, as if an administrator had said so."""
    return """
        UPDATE ascriptica_canvas_user SET shared = (1 = 1)
        WHERE (connection_id, canvas_user_id) IN (
            SELECT connection_id, canvas_user_id FROM ascriptica_canvas_user
            WHERE canvas_user_id IS NOT NULL GROUP BY connection_id, canvas_user_id HAVING count(*) > 1)"""


def _rows() -> str:
    return """
        INSERT INTO ascriptica_row (connection_id, canvas_enrollment_id, canvas_user_id, canvas_course_id,
            canvas_section_id, state, seen_at, granted, kept, seat_id)
        SELECT s.connection_id, s.canvas_enrollment_id, max(u.canvas_user_id), max(s.canvas_course_id),
            NULLIF(max(s.canvas_section_id), 0),
            CASE WHEN max(CASE WHEN s.enrolled THEN 1 ELSE 0 END) = 1 THEN 'active' ELSE 'deleted' END,
            max(COALESCE(s.settled_at, s.changed_at)),
            max(CASE WHEN s.enrolled AND s.granted THEN 1 ELSE 0 END) = 1,
            max(CASE WHEN s.kept THEN 1 ELSE 0 END) = 1,
            max(s.id)
        FROM ascriptica_seat s
        LEFT JOIN ascriptica_canvas_user u
            ON u.connection_id = s.connection_id AND u.participant_id = s.participant_id
        WHERE s.canvas_enrollment_id IS NOT NULL
        GROUP BY s.connection_id, s.canvas_enrollment_id"""


def _requests() -> str:
    """What may be under way, or was never answered: looked up before anything else about the person is sent."""
    return """
        INSERT INTO ascriptica_request (id, connection_id, participant_id, seat_id, kind, address, canvas_user_id,
            canvas_course_id, canvas_section_id, canvas_enrollment_id, first_sent_at, until_at, tries, answered)
        SELECT s.id, s.connection_id, s.participant_id, s.id,
            CASE WHEN s.in_doubt_enrolls OR s.canvas_enrollment_id IS NULL THEN 'enroll' ELSE 'end' END,
            '', u.canvas_user_id, s.canvas_course_id, s.canvas_section_id, s.canvas_enrollment_id,
            COALESCE(s.first_tried_at, s.changed_at), COALESCE(s.in_doubt_until, s.changed_at), 2, 1 = 0
        FROM ascriptica_seat s
        LEFT JOIN ascriptica_canvas_user u
            ON u.connection_id = s.connection_id AND u.participant_id = s.participant_id
        WHERE s.id IN (
            SELECT max(id) FROM ascriptica_seat
            WHERE settled_version < version AND first_tried_at IS NOT NULL
                AND (canvas_enrollment_id IS NULL OR in_doubt_until > CURRENT_TIMESTAMP)
            GROUP BY connection_id, participant_id)"""


def _reads() -> str:
    return """
        INSERT INTO ascriptica_course_read (connection_id, canvas_course_id, tried_at)
        SELECT connection_id, canvas_course_id, CURRENT_TIMESTAMP FROM ascriptica_seat
        GROUP BY connection_id, canvas_course_id"""


def downgrade() -> None:
    op.drop_index("ix_ascriptica_canvas_user_look", table_name="ascriptica_canvas_user")
    op.drop_index("uq_ascriptica_canvas_user_one_participant", table_name="ascriptica_canvas_user")
    op.drop_index("ix_ascriptica_seat_settled", table_name="ascriptica_seat")
    op.execute(
        """UPDATE ascriptica_seat SET enrolled = was_in, granted = COALESCE(
            (SELECT r.granted FROM ascriptica_row r WHERE r.connection_id = ascriptica_seat.connection_id
                AND r.canvas_enrollment_id = ascriptica_seat.canvas_enrollment_id), granted)"""
    )
    for table in ("ascriptica_course_read", "ascriptica_request", "ascriptica_row"):
        op.drop_table(table)
    op.drop_column("ascriptica_seat", "was_in")
    op.drop_column("ascriptica_connection", "restored_at")
    op.drop_column("ascriptica_association", "missing_permissions")
    with op.batch_alter_table("ascriptica_canvas_user", reflect_kwargs=ALONE) as batch:
        for name in ("shared", "question", "look_at", "doubted", "matched_at", "from_email", "from_sis_user_id", "how"):
            batch.drop_column(name)
        for name in ("canvas_sis_user_id", "canvas_login", "canvas_name", "address"):
            batch.drop_column(name)
    op.create_index(
        "ix_ascriptica_seat_settled",
        "ascriptica_seat",
        ["connection_id", "canvas_course_id", "enrolled"],
        sqlite_where=sa.text("settled_version >= version"),
        postgresql_where=sa.text("settled_version >= version"),
    )
