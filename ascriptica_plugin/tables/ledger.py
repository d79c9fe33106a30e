"""The tables of the ledger: who is who in Canvas, the seats that are claimed, and the rows that Canvas has."""

from datetime import datetime

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, Text, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .columns import Base, SaidColumn
from .office import Participant

DEFAULT_SECTION = 0
"""`canvas_section_id` of a seat in its course's default section. With NULL the unique key would allow duplicates."""


class Match(Base):
    """Who a participant is in Canvas, on one connection, and what that rests on.

    `address` is how Canvas finds the user: `sis_user_id:X` or `sis_login_id:X`; None if neither is known. `how` is how
    the match was made: sis, email, login, created (by us) or admin; None if an older release made it. The match is
    stale once the participant's SIS ID or email differs from `from_sis_user_id` and `from_email`. `doubted`: Canvas
    answered something that does not fit, so it is looked up before anything else. From `look_at` on, the user's
    enrollments have to be read. `question` is what only an administrator can answer: who, still or same_user;
    `candidates` are the Canvas users (id, name, login_id, email, sis_user_id) to choose from. `create_new`: the answer
    was a new user. `shared`: the answer was that several participants are this one Canvas user.

    `names_compared` are Canvas's name and ours as they were compared last, one on each line; `names_differ`: they have
    no word in common.

    `login_sent` is stored before we ask Canvas to create the user. `name_sent` and `email_sent` are what a user created
    by us has in Canvas; from `follow_at` on, they have to follow the participant's, unless they are the same. `way_in`
    is what was done so that they can sign in there, a code of `ledger.ways_in`.
    """

    __tablename__ = "ascriptica_canvas_user"
    __table_args__ = (
        Index(
            "uq_ascriptica_canvas_user_one_participant",
            "connection_id",
            "canvas_user_id",
            unique=True,
            sqlite_where=text("canvas_user_id IS NOT NULL AND NOT shared"),
            postgresql_where=text("canvas_user_id IS NOT NULL AND NOT shared"),
        ),
        Index("ix_ascriptica_canvas_user_user", "connection_id", "canvas_user_id"),
        Index(
            "ix_ascriptica_canvas_user_odd",
            "connection_id",
            "participant_id",
            sqlite_where=text("names_differ = 1"),
            postgresql_where=text("names_differ"),
        ),
        Index(
            "ix_ascriptica_canvas_user_open",
            "connection_id",
            "participant_id",
            sqlite_where=text("doubted = 1 OR question IS NOT NULL"),
            postgresql_where=text("doubted OR question IS NOT NULL"),
        ),
        Index(
            "ix_ascriptica_canvas_user_look",
            "connection_id",
            "look_at",
            sqlite_where=text("look_at IS NOT NULL"),
            postgresql_where=text("look_at IS NOT NULL"),
        ),
        Index(
            "ix_ascriptica_canvas_user_follow",
            "connection_id",
            "follow_at",
            sqlite_where=text("follow_at IS NOT NULL"),
            postgresql_where=text("follow_at IS NOT NULL"),
        ),
        Index(
            "ix_ascriptica_canvas_user_lost",
            "connection_id",
            "participant_id",
            sqlite_where=text("way_in = 'lost'"),
            postgresql_where=text("way_in = 'lost'"),
        ),
    )

    connection_id: Mapped[int] = mapped_column(ForeignKey("ascriptica_connection.id"), primary_key=True)
    participant_id: Mapped[int] = mapped_column(ForeignKey("ascriptica_participant.id"), primary_key=True)
    canvas_user_id: Mapped[int | None] = mapped_column(BigInteger)
    address: Mapped[str | None] = mapped_column(String(300))
    canvas_name: Mapped[str | None]
    canvas_login: Mapped[str | None]
    canvas_sis_user_id: Mapped[str | None]
    how: Mapped[str | None] = mapped_column(String(20))
    from_sis_user_id: Mapped[str | None]
    from_email: Mapped[str | None] = mapped_column(String(320))
    matched_at: Mapped[datetime | None]
    doubted: Mapped[bool] = mapped_column(default=False, server_default=false())
    look_at: Mapped[datetime | None]
    question: Mapped[str | None] = mapped_column(String(20))
    candidates: Mapped[list | None] = mapped_column(JSON)
    create_new: Mapped[bool] = mapped_column(default=False, server_default=false())
    shared: Mapped[bool] = mapped_column(default=False, server_default=false())

    names_compared: Mapped[str | None] = mapped_column(Text)
    names_differ: Mapped[bool] = mapped_column(default=False, server_default=false())

    login_sent: Mapped[str | None]
    created_by_us: Mapped[bool] = mapped_column(default=False, server_default=false())
    name_sent: Mapped[str | None]
    email_sent: Mapped[str | None] = mapped_column(String(320))
    way_in: Mapped[str | None] = mapped_column(String(20))
    follow_at: Mapped[datetime | None]
    follow_problem: Mapped[str | None] = mapped_column(SaidColumn)

    participant: Mapped[Participant] = relationship()


class Seat(Base):
    """A wish: one participant's place in one Canvas course and section, on one connection.

    Whether the place is wanted is derived from the live claims, never stored. The seat is settled when
    `settled_version` equals `version`; until then it is held (`held` set), parked (`parked_at` set) or due (`due_at`
    passed or NULL). `in_bulk`: the wish came with many others, so people who act alone go first.
    `canvas_enrollment_id` points to the row that fulfills the wish. `was_in`: the wish was fulfilled since it last
    changed. A settled seat that has a cause was changed by hand in Canvas, and an administrator left it.
    """

    __tablename__ = "ascriptica_seat"
    __table_args__ = (
        UniqueConstraint(
            "connection_id",
            "participant_id",
            "canvas_course_id",
            "canvas_section_id",
            name="uq_ascriptica_seat_place",
        ),
        Index(
            "ix_ascriptica_seat_unsettled",
            "connection_id",
            "held",
            "in_bulk",
            "changed_at",
            sqlite_where=text("settled_version < version"),
            postgresql_where=text("settled_version < version"),
        ),
        Index(
            "ix_ascriptica_seat_held",
            "connection_id",
            "cause",
            "cause_scope",
            "due_at",
            "id",
            sqlite_where=text("held AND settled_version < version"),
            postgresql_where=text("held AND settled_version < version"),
        ),
        Index(
            "ix_ascriptica_seat_settled",
            "connection_id",
            "canvas_course_id",
            "was_in",
            sqlite_where=text("settled_version >= version"),
            postgresql_where=text("settled_version >= version"),
        ),
        Index(
            "ix_ascriptica_seat_left",
            "connection_id",
            "canvas_course_id",
            sqlite_where=text("settled_version >= version AND cause IS NOT NULL"),
            postgresql_where=text("settled_version >= version AND cause IS NOT NULL"),
        ),
        Index(
            "ix_ascriptica_seat_waits",
            "connection_id",
            "cause",
            "canvas_course_id",
            "participant_id",
            sqlite_where=text("settled_version < version AND cause IS NOT NULL"),
            postgresql_where=text("settled_version < version AND cause IS NOT NULL"),
        ),
        Index(
            "ix_ascriptica_seat_open",
            "connection_id",
            "canvas_course_id",
            sqlite_where=text("settled_version < version"),
            postgresql_where=text("settled_version < version"),
        ),
        Index(
            "ix_ascriptica_seat_parked",
            "connection_id",
            "cause",
            sqlite_where=text("parked_at IS NOT NULL"),
            postgresql_where=text("parked_at IS NOT NULL"),
        ),
        Index("ix_ascriptica_seat_enrollment", "connection_id", "canvas_enrollment_id"),
        Index(
            "ix_ascriptica_seat_newest",
            "connection_id",
            "id",
            sqlite_where=text("settled_version < version"),
            postgresql_where=text("settled_version < version"),
        ),
        Index(
            "ix_ascriptica_seat_removed",
            "connection_id",
            "id",
            sqlite_where=text("settled_version >= version AND was_in = 0 AND canvas_enrollment_id IS NOT NULL"),
            postgresql_where=text("settled_version >= version AND NOT was_in AND canvas_enrollment_id IS NOT NULL"),
        ),
        # SQLite would reuse the id of an erased person's seat for a new seat, which would inherit what we know of it.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("ascriptica_connection.id"))
    participant_id: Mapped[int] = mapped_column(ForeignKey("ascriptica_participant.id"), index=True)
    canvas_course_id: Mapped[int] = mapped_column(BigInteger)
    canvas_section_id: Mapped[int] = mapped_column(BigInteger, default=DEFAULT_SECTION)

    version: Mapped[int] = mapped_column(default=1)
    settled_version: Mapped[int] = mapped_column(default=0)
    changed_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    cause: Mapped[str | None] = mapped_column(String(40))
    cause_scope: Mapped[str] = mapped_column(default="")
    cause_detail: Mapped[str | None] = mapped_column(SaidColumn)
    held: Mapped[bool] = mapped_column(default=False)
    in_bulk: Mapped[bool] = mapped_column(default=False, server_default=false())
    parked_at: Mapped[datetime | None]

    canvas_enrollment_id: Mapped[int | None] = mapped_column(BigInteger)
    was_in: Mapped[bool] = mapped_column(default=False, server_default=false())
    settled_at: Mapped[datetime | None]

    participant: Mapped[Participant] = relationship()


class CanvasRow(Base):
    """A fact: one enrollment in Canvas, as Canvas last showed it.

    It is the same row as long as Canvas's id and `created_at` are the same. A merge changes its user, and cross-listing
    changes its course, but nothing changes these two. A different `created_at` under the same id means that Canvas was
    restored. `created_at` is None for a row of an older release until Canvas names it again. `granted`: we let the
    person in, so we may end it. `seat_id` is the seat that pointed to it last, or may have; None: it is none of our
    business. `kept`: it is not ours, and an administrator let it stay.
    """

    __tablename__ = "ascriptica_row"
    __table_args__ = (
        Index("ix_ascriptica_row_seat", "seat_id"),
        Index("ix_ascriptica_row_user", "connection_id", "canvas_user_id", "canvas_course_id"),
        Index("ix_ascriptica_row_course", "connection_id", "canvas_course_id"),
        Index(
            "ix_ascriptica_row_not_yet",
            "connection_id",
            "canvas_enrollment_id",
            sqlite_where=text("state IN ('invited', 'creation_pending')"),
            postgresql_where=text("state IN ('invited', 'creation_pending')"),
        ),
        Index(
            "ix_ascriptica_row_unopened",
            "connection_id",
            "canvas_course_id",
            sqlite_where=text("activity_told_at IS NOT NULL AND last_activity_at IS NULL"),
            postgresql_where=text("activity_told_at IS NOT NULL AND last_activity_at IS NULL"),
        ),
    )

    connection_id: Mapped[int] = mapped_column(ForeignKey("ascriptica_connection.id"), primary_key=True)
    canvas_enrollment_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    created_at: Mapped[datetime | None]
    canvas_user_id: Mapped[int | None] = mapped_column(BigInteger)
    canvas_course_id: Mapped[int] = mapped_column(BigInteger)
    canvas_section_id: Mapped[int | None] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(20))
    seen_at: Mapped[datetime]
    granted: Mapped[bool] = mapped_column(default=False, server_default=false())
    kept: Mapped[bool] = mapped_column(default=False, server_default=false())
    seat_id: Mapped[int | None]
    last_activity_at: Mapped[datetime | None]
    """When its person was last in the course, as listed at `activity_told_at`; None: never, or not known yet."""
    activity_told_at: Mapped[datetime | None]


class Claim(Base):
    """A registration's claim to a seat. The enrollment is ended only when the seat's last live claim ends."""

    __tablename__ = "ascriptica_claim"
    __table_args__ = (
        Index(
            "uq_ascriptica_claim_live",
            "seat_id",
            "registration_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
            postgresql_include=["id"],
        ),
        Index("ix_ascriptica_claim_registration", "registration_id", "ended_at", "id"),
        Index("ix_ascriptica_claim_seat", "seat_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    registration_id: Mapped[int] = mapped_column(ForeignKey("ascriptica_registration.id"))
    seat_id: Mapped[int] = mapped_column(ForeignKey("ascriptica_seat.id"))
    made_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
