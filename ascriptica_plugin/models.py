"""The tables. SQLAlchemy only: a host owns its engine and its sessions, we bring our own metadata.

Every rule that must hold while many people act at once is a constraint, a partial unique index, or the lock on the
course's row. Times end in `_at` and are UTC; ids that belong to Canvas begin with `canvas_`.
"""

from datetime import UTC, datetime

from cryptography.fernet import InvalidToken, MultiFernet
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    false,
    func,
    select,
    text,
    true,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship
from sqlalchemy.types import TypeDecorator

DEFAULT_SECTION = 0
"""`canvas_section_id` of a seat in its course's default section; NULL would let the unique key hold twice."""


class UTCDateTime(TypeDecorator):
    """An aware UTC datetime in Python; on SQLite, which has no time zones, the same instant without one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect) -> datetime | None:
        if value is None:
            return None
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Sealed:
    """A secret as the database holds it: ciphertext that `open` turns back with the installation's keys."""

    def __init__(self, ciphertext: bytes):
        self.ciphertext = ciphertext

    @classmethod
    def seal(cls, secret: str, keys: MultiFernet) -> "Sealed":
        return cls(keys.encrypt(secret.encode()))

    def open(self, keys: MultiFernet) -> str | None:
        """The secret, or None when the key that sealed it is gone."""
        try:
            return keys.decrypt(self.ciphertext).decode()
        except InvalidToken:
            return None

    def with_newest_key(self, keys: MultiFernet) -> "Sealed | None":
        """The same secret sealed with the first of the keys, or None when the key that sealed it is gone."""
        try:
            return Sealed(keys.rotate(self.ciphertext))
        except InvalidToken:
            return None

    def __repr__(self) -> str:
        return "Sealed(...)"


class SealedColumn(TypeDecorator):
    """Keeps a `Sealed` value; plain text can't be stored by mistake."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Sealed | None, dialect) -> bytes | None:
        return None if value is None else value.ciphertext

    def process_result_value(self, value: bytes | None, dialect) -> Sealed | None:
        return None if value is None else Sealed(bytes(value))


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UTCDateTime, str: String(255), int: Integer, bool: Boolean}


# -- the office -------------------------------------------------------------------------------------------------------


class Participant(Base):
    """A person who registers. `key` is the host's own lasting identifier; None for somebody whom the office entered.

    `erase_at`: since then the person waits to be erased. `erased_at`: this is nobody, who keeps the registrations of
    somebody who was.
    """

    __tablename__ = "ascriptica_participant"
    __table_args__ = (
        Index(
            "ix_ascriptica_participant_to_erase",
            "erase_at",
            sqlite_where=text("erase_at IS NOT NULL"),
            postgresql_where=text("erase_at IS NOT NULL"),
        ),
        Index("ix_ascriptica_participant_by_name", func.lower(text("name")), text("id")),
        Index("ix_ascriptica_participant_by_email", func.lower(text("email"))),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str | None] = mapped_column(unique=True)
    email: Mapped[str] = mapped_column(String(320))
    name: Mapped[str]
    sis_user_id: Mapped[str | None]
    erase_at: Mapped[datetime | None]
    erased_at: Mapped[datetime | None]


class Course(Base):
    """One of our courses. `capacity` None takes everybody; `places_taken` counts those who are `registered`.

    `on_withdrawal` is this course's own exception to the setting of that name. A cancelled course takes nobody.

    Changing `places_taken` is also the lock that puts register, withdraw and associate of one course in a row.
    """

    __tablename__ = "ascriptica_course"
    __table_args__ = (
        CheckConstraint("places_taken >= 0", name="places_not_negative"),
        CheckConstraint("on_withdrawal IN ('delete', 'deactivate', 'conclude')", name="on_withdrawal_known"),
        CheckConstraint("capacity IS NULL OR places_taken <= capacity", name="places_within_capacity"),
        Index("uq_ascriptica_course_code", func.lower(text("code")), unique=True),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(40))
    title: Mapped[str]
    description: Mapped[str] = mapped_column(Text, default="")
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    registration_opens_at: Mapped[datetime | None]
    registration_closes_at: Mapped[datetime | None]
    capacity: Mapped[int | None]
    places_taken: Mapped[int] = mapped_column(default=0, server_default="0")
    on_withdrawal: Mapped[str | None] = mapped_column(String(20))
    cancelled_at: Mapped[datetime | None]

    association: Mapped["Association | None"] = relationship(back_populates="course")


class Registration(Base):
    """participant × course: `registered`, `waitlisted` or `withdrawn`; ended ones stay as history."""

    __tablename__ = "ascriptica_registration"
    __table_args__ = (
        CheckConstraint("status IN ('registered', 'waitlisted', 'withdrawn')", name="status_known"),
        Index(
            "uq_ascriptica_registration_live",
            "course_id",
            "participant_id",
            unique=True,
            sqlite_where=text("status <> 'withdrawn'"),
            postgresql_where=text("status <> 'withdrawn'"),
        ),
        Index("ix_ascriptica_registration_participant", "participant_id"),
        Index("ix_ascriptica_registration_course", "course_id", "status"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("ascriptica_course.id"))
    participant_id: Mapped[int] = mapped_column(ForeignKey("ascriptica_participant.id"))
    status: Mapped[str] = mapped_column(String(20))
    registered_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]

    course: Mapped[Course] = relationship()
    participant: Mapped[Participant] = relationship()


# -- Canvas -----------------------------------------------------------------------------------------------------------


class Connection(Base):
    """One Canvas: host and root account. Every Canvas id that we keep belongs to one.

    `token` is used only once Canvas has accepted it. `hold_*` is what stops all calls at once; `throttled_at` is when
    Canvas last asked us to go slower; `drain_*` is the lease that makes one worker the one that talks to this Canvas.
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

    `create_users`: make a Canvas user for somebody who has none, else wait; `by_invitation`: invite, else enroll at
    once; `canvas_mail`: let Canvas tell people; `on_withdrawal`: delete, deactivate or conclude the enrollment.
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


class Association(Base):
    """Our course → a Canvas course and, if wanted, a section, as typed and, once looked up, as Canvas knows them.

    `connection_id` None: typed before there was a connection; the first one takes it over. `canvas_course_id` None:
    not looked up yet. `problem` is the sentence that says why a look-up failed.
    """

    __tablename__ = "ascriptica_association"

    course_id: Mapped[int] = mapped_column(ForeignKey("ascriptica_course.id"), primary_key=True)
    connection_id: Mapped[int | None] = mapped_column(ForeignKey("ascriptica_connection.id"), index=True)
    canvas_course: Mapped[str] = mapped_column(String(300))
    canvas_section: Mapped[str] = mapped_column(String(300), default="")
    canvas_course_id: Mapped[int | None] = mapped_column(BigInteger)
    canvas_section_id: Mapped[int | None] = mapped_column(BigInteger)
    canvas_course_name: Mapped[str] = mapped_column(default="")
    canvas_section_name: Mapped[str] = mapped_column(default="")
    published: Mapped[bool] = mapped_column(default=True)
    concluded: Mapped[bool] = mapped_column(default=False)
    looked_up_at: Mapped[datetime | None]
    look_up_at: Mapped[datetime | None]
    problem: Mapped[str | None] = mapped_column(Text)

    course: Mapped[Course] = relationship(back_populates="association")


class CanvasUser(Base):
    """Which Canvas user a participant is, on one connection.

    `login_sent` is stored before we ask Canvas to create, `name_sent` and `email_sent` are what a user created by us
    has there. `candidates` are the Canvas users (id, name, login, email, sis_user_id) among whom an admin has to
    choose; `create_new`: the answer was that it is none of them.
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

    What should be true is derived from the live claims, never stored. The seat is settled when `settled_version`
    equals `version`; until then it is held (`held` set), parked (`parked_at` set) or due (`due_at` passed or NULL).
    `granted`: the enrollment is ours to end. `kept`: it is not, and an admin let it stay after a withdrawal. Until
    `in_doubt_until` Canvas may still carry out a request that it has not answered, to enroll (`in_doubt_enrolls`) or
    to end.
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
    """A registration's hold on a seat. The seat is given up only when its last live claim ends."""

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


class LogEntry(Base):
    """What a person or we did: who, what, when, to whom, and what Canvas answered; never with a secret in it."""

    __tablename__ = "ascriptica_log"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    who: Mapped[str] = mapped_column(String(320))
    what: Mapped[str] = mapped_column(String(40))
    participant_id: Mapped[int | None] = mapped_column(ForeignKey("ascriptica_participant.id"), index=True)
    course_id: Mapped[int | None] = mapped_column(ForeignKey("ascriptica_course.id"), index=True)
    words: Mapped[str] = mapped_column(Text, default="")

    participant: Mapped[Participant | None] = relationship()
    course: Mapped[Course | None] = relationship()


class Import(Base):
    """An uploaded file on its way in, and what became of its rows so far; of a dry run, what would become of them.

    `file` is kept until the last row is `done`. `refused` are pairs of line and reason. `taken_until_at` is the lease
    of whoever goes on with it. `broken`: it ended before its last row, by something unforeseen.
    """

    __tablename__ = "ascriptica_import"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    name: Mapped[str]
    dry_run: Mapped[bool] = mapped_column(default=False)
    who: Mapped[str] = mapped_column(String(320))
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    broken: Mapped[bool] = mapped_column(default=False)
    taken_until_at: Mapped[datetime | None]

    total: Mapped[int]
    done: Mapped[int] = mapped_column(default=0)
    made: Mapped[int] = mapped_column(default=0)
    changed: Mapped[int] = mapped_column(default=0)
    unchanged: Mapped[int] = mapped_column(default=0)
    refused: Mapped[list] = mapped_column(JSON)
    file: Mapped[bytes | None] = mapped_column(LargeBinary)


# -- sign-ins of the stand-alone host; a host with users of its own leaves them empty ----------------------------------


class Account(Base):
    """A sign-in, whose owner has shown that the email is theirs. `email` is in lower case."""

    __tablename__ = "ascriptica_account"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(320), unique=True)
    name: Mapped[str]
    password_hash: Mapped[str]
    is_admin: Mapped[bool] = mapped_column(default=False)

    second_step: Mapped["SecondStep | None"] = relationship(viewonly=True)


class SecondStep(Base):
    """The app that shows codes for an account, which signing in takes besides the password.

    `secret` is what app and we make the codes of. `used` is the time step of the last code that was taken: it and all
    before it are used up.
    """

    __tablename__ = "ascriptica_second_step"

    account_id: Mapped[int] = mapped_column(ForeignKey("ascriptica_account.id", ondelete="CASCADE"), primary_key=True)
    secret: Mapped[Sealed] = mapped_column(SealedColumn)
    used: Mapped[int] = mapped_column(BigInteger)
    made_at: Mapped[datetime]


class FirstStep(Base):
    """Somebody who gave an account's password on one browser and has yet to give the code. It opens nothing else."""

    __tablename__ = "ascriptica_first_step"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("ascriptica_account.id", ondelete="CASCADE"), index=True)
    ends_at: Mapped[datetime]


class AccountSession(Base):
    """Somebody signed in on one browser. The row is the session: without it the browser's cookie opens nothing.

    `browser` is what it called itself, in a few words.
    """

    __tablename__ = "ascriptica_account_session"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("ascriptica_account.id", ondelete="CASCADE"), index=True)
    made_at: Mapped[datetime]
    browser: Mapped[str] = mapped_column(String(60), default="", server_default="")


class SignUp(Base):
    """Somebody who wants an account and has not confirmed the email yet; there may be several with one email.

    `wanted` is the path of ours that they were on their way to.
    """

    __tablename__ = "ascriptica_sign_up"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    email: Mapped[str] = mapped_column(String(320), index=True)
    name: Mapped[str]
    password_hash: Mapped[str]
    wanted: Mapped[str] = mapped_column(String(500), default="")
    made_at: Mapped[datetime]


class OneTimeLink(Base):
    """A link that works once: it confirms a sign-up, or gives an account a new password."""

    __tablename__ = "ascriptica_one_time_link"
    __table_args__ = (
        CheckConstraint("(sign_up_id IS NULL) <> (account_id IS NULL)", name="for_one_thing"),
        Index("ix_ascriptica_one_time_link_sign_up_id", "sign_up_id"),
        Index("ix_ascriptica_one_time_link_account_id", "account_id"),
    )

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    sign_up_id: Mapped[str | None] = mapped_column(ForeignKey("ascriptica_sign_up.id", ondelete="CASCADE"))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("ascriptica_account.id", ondelete="CASCADE"))
    ends_at: Mapped[datetime]

    sign_up: Mapped[SignUp | None] = relationship()
    account: Mapped[Account | None] = relationship()


class Mail(Base):
    """A mail to be sent by the worker. A link in it is made when it is sent, so none waits here."""

    __tablename__ = "ascriptica_mail"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    email: Mapped[str] = mapped_column(String(320))
    sign_up_id: Mapped[str | None] = mapped_column(String(32))
    made_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(default=0)
    try_at: Mapped[datetime] = mapped_column(index=True)


class Tries(Base):
    """How much of its allowance somebody has used up. `key` is a hash of who and for what.

    `until` is when all of it is free again, in seconds since 1970, since the database has to add to it.
    """

    __tablename__ = "ascriptica_tries"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    until: Mapped[float] = mapped_column(Double, index=True)


def begin_writing(session: Session) -> None:
    """Open this session's transaction as a writer's, before anything in it is read.

    On SQLite a transaction that reads and then writes fails at once beside another writer, whatever its busy timeout;
    BEGIN IMMEDIATE waits its turn instead. PostgreSQL needs nothing.
    """
    connection = session.connection()
    if connection.dialect.name == "sqlite" and not connection.connection.dbapi_connection.in_transaction:
        # Not through the session, which would first write what waits in it, and so begin another kind of transaction.
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def upsert_into(session: Session, table: type[Base]) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that knows ON CONFLICT, in this session's dialect."""
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    return dialect.insert(table.__table__)


def load_settings(session: Session) -> Settings:
    """The one settings row; the migration makes it."""
    return session.scalars(select(Settings).where(Settings.id == 1)).one()
