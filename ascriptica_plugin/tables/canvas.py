"""The tables about Canvas: connections, Course Settings, Canvas users, seats and the claims on them."""

from datetime import datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    false,
    select,
    text,
    true,
)
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from .columns import Base, Sealed, SealedColumn
from .office import Participant

DEFAULT_SECTION = 0
"""`canvas_section_id` of a seat in its course's default section. With NULL the unique key would allow duplicates."""


class Connection(Base):
    """One Canvas: host and root account. Every Canvas id that we keep belongs to one.

    Canvas has accepted `token`. `hold_*` stops all calls at once. `throttled_at` is when Canvas last asked us to slow
    down. `drain_*` is the lease by which only one worker talks to this Canvas.
    """

    __tablename__ = "ascriptica_connection"
    __table_args__ = (UniqueConstraint("canvas_url", "canvas_root_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    canvas_url: Mapped[str] = mapped_column(String(300))
    canvas_root_id: Mapped[int] = mapped_column(BigInteger)
    account_name: Mapped[str]
    token: Mapped[Sealed] = mapped_column(SealedColumn)
    token_owner: Mapped[str]
    token_saved_at: Mapped[datetime]
    missing_permissions: Mapped[str] = mapped_column(Text, default="")
    last_worked_at: Mapped[datetime | None]

    hold_cause: Mapped[str | None] = mapped_column(String(40))
    hold_detail: Mapped[str | None] = mapped_column(Text)
    hold_since_at: Mapped[datetime | None]
    hold_until_at: Mapped[datetime | None]
    hold_tries: Mapped[int] = mapped_column(default=0)
    throttled_at: Mapped[datetime | None]

    drain_term: Mapped[int] = mapped_column(default=0)
    drain_until_at: Mapped[datetime | None]


class Settings(Base):
    """Course Settings: one row. `draft_*` is what an admin typed that Canvas has not confirmed yet.

    `create_users`: create a Canvas user for a person who has none, otherwise wait. `by_invitation`: invite, otherwise
    enroll at once. `canvas_mail`: let Canvas notify people. `on_withdrawal`: delete, deactivate or conclude the
    enrollment.
    """

    __tablename__ = "ascriptica_settings"
    __table_args__ = (
        CheckConstraint("id = 1", name="one_row"),
        CheckConstraint("on_withdrawal IN ('delete', 'deactivate', 'conclude')", name="on_withdrawal_known"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    display_canvas: Mapped[bool] = mapped_column(default=False)
    create_users: Mapped[bool] = mapped_column(default=True, server_default=true())
    by_invitation: Mapped[bool] = mapped_column(default=False, server_default=false())
    canvas_mail: Mapped[bool] = mapped_column(default=False, server_default=false())
    on_withdrawal: Mapped[str] = mapped_column(String(20), default="delete", server_default="delete")
    connection_id: Mapped[int | None] = mapped_column(ForeignKey("ascriptica_connection.id"))

    draft_url: Mapped[str | None] = mapped_column(String(300))
    draft_root_id: Mapped[int | None] = mapped_column(BigInteger)
    draft_token: Mapped[Sealed | None] = mapped_column(SealedColumn)
    draft_problem: Mapped[str | None] = mapped_column(Text)
    draft_check_at: Mapped[datetime | None]

    connection: Mapped[Connection | None] = relationship()


class CanvasUser(Base):
    """Which Canvas user a participant is, on one connection.

    `login_sent` is stored before we ask Canvas to create the user; `name_sent` and `email_sent` are what a user created
    by us has in Canvas. `candidates` are the Canvas users (id, name, login, email, sis_user_id) that an admin has to
    choose from; `create_new`: the admin answered that it is none of them.
    """

    __tablename__ = "ascriptica_canvas_user"

    connection_id: Mapped[int] = mapped_column(ForeignKey("ascriptica_connection.id"), primary_key=True)
    participant_id: Mapped[int] = mapped_column(ForeignKey("ascriptica_participant.id"), primary_key=True)
    canvas_user_id: Mapped[int | None] = mapped_column(BigInteger)
    login_sent: Mapped[str | None]
    created_by_us: Mapped[bool] = mapped_column(default=False)
    name_sent: Mapped[str | None]
    email_sent: Mapped[str | None] = mapped_column(String(320))
    follow_at: Mapped[datetime | None]
    follow_problem: Mapped[str | None] = mapped_column(Text)
    candidates: Mapped[list | None] = mapped_column(JSON)
    create_new: Mapped[bool] = mapped_column(default=False)

    participant: Mapped[Participant] = relationship()


class Seat(Base):
    """One participant's enrollment in one Canvas course and section, on one connection.

    Whether the participant should be enrolled is derived from the live claims, never stored. The seat is settled when
    `settled_version` equals `version`; until then it is held (`held` set), parked (`parked_at` set) or due (`due_at`
    passed or NULL). `granted`: the enrollment is ours, so we may end it. `kept`: it is not ours, and an admin let it
    stay after a withdrawal. Until `in_doubt_until` Canvas may still carry out a request that it has not answered: to
    enroll (`in_doubt_enrolls`) or to end.
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
            "due_at",
            sqlite_where=text("settled_version < version"),
            postgresql_where=text("settled_version < version"),
        ),
        Index(
            "ix_ascriptica_seat_settled",
            "connection_id",
            "canvas_course_id",
            "enrolled",
            sqlite_where=text("settled_version >= version"),
            postgresql_where=text("settled_version >= version"),
        ),
        Index("ix_ascriptica_seat_enrollment", "connection_id", "canvas_enrollment_id"),
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
    cause_detail: Mapped[str | None] = mapped_column(Text)
    held: Mapped[bool] = mapped_column(default=False)
    parked_at: Mapped[datetime | None]

    first_tried_at: Mapped[datetime | None]
    in_doubt_until: Mapped[datetime | None]
    in_doubt_enrolls: Mapped[bool] = mapped_column(default=False, server_default=false())
    canvas_enrollment_id: Mapped[int | None] = mapped_column(BigInteger)
    granted: Mapped[bool] = mapped_column(default=False)
    enrolled: Mapped[bool] = mapped_column(default=False)
    kept: Mapped[bool] = mapped_column(default=False)
    settled_at: Mapped[datetime | None]

    participant: Mapped[Participant] = relationship()


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
        ),
        Index("ix_ascriptica_claim_registration", "registration_id"),
        Index("ix_ascriptica_claim_seat", "seat_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    registration_id: Mapped[int] = mapped_column(ForeignKey("ascriptica_registration.id"))
    seat_id: Mapped[int] = mapped_column(ForeignKey("ascriptica_seat.id"))
    made_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


def load_settings(session: Session) -> Settings:
    """The one row of settings, which a migration creates."""
    return session.scalars(select(Settings).where(Settings.id == 1)).one()
