"""The office's tables: people, courses, registrations, the Canvas course of each course, and the activity log.

Every rule that must hold under concurrency is a constraint, a partial unique index, or the lock on the course's row.
Names of times end in `_at`, and times are UTC; names of Canvas ids begin with `canvas_`.
"""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Double,
    ForeignKey,
    Index,
    String,
    Text,
    event,
    false,
    func,
    text,
)
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .columns import Base, NotedColumn, SaidColumn
from .folding import found_by, sorted_by


def _sorted_by(context: DefaultExecutionContext) -> str:
    return sorted_by(context.get_current_parameters()["name"])


def _found_by(context: DefaultExecutionContext) -> str:
    given = context.get_current_parameters()
    return found_by(given["name"], given["email"], given.get("sis_user_id"))


def _course_sorted_by(context: DefaultExecutionContext) -> str:
    return sorted_by(context.get_current_parameters()["title"])


class Participant(Base):
    """A person who registers. `key` is the host's own permanent identifier; None for a person whom the office entered.

    No two people have the same `sis_user_id`. `sis_user_id_refused` is a SIS ID that was brought for this person and
    left out, because somebody else had it or because it is not valid; `sis_user_id_decided`: nobody has to decide about
    that any more.

    `erase_at`: since then the person has been waiting to be erased. `erased_at`: the person was erased, and only the
    registrations remain.

    `language` is the code of the language in which they last changed a registration; None if they never did so
    themselves.

    `sorted_by` and `found_by` are made of the other columns, for lists and for searching.
    """

    __tablename__ = "ascriptica_participant"
    __table_args__ = (
        Index(
            "ix_ascriptica_participant_to_erase",
            "erase_at",
            sqlite_where=text("erase_at IS NOT NULL"),
            postgresql_where=text("erase_at IS NOT NULL"),
        ),
        Index("ix_ascriptica_participant_sorted_by", "sorted_by", "id"),
        Index(
            "uq_ascriptica_participant_sis_user_id",
            "sis_user_id",
            unique=True,
            sqlite_where=text("sis_user_id IS NOT NULL"),
            postgresql_where=text("sis_user_id IS NOT NULL"),
        ),
        Index(
            "ix_ascriptica_participant_sis_user_id_refused",
            "sis_user_id_refused",
            sqlite_where=text("sis_user_id_refused IS NOT NULL"),
            postgresql_where=text("sis_user_id_refused IS NOT NULL"),
        ),
        Index("ix_ascriptica_participant_by_email", func.lower(text("email"))),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str | None] = mapped_column(unique=True)
    email: Mapped[str] = mapped_column(String(320))
    name: Mapped[str]
    sis_user_id: Mapped[str | None]
    sis_user_id_refused: Mapped[str | None]
    sis_user_id_decided: Mapped[bool] = mapped_column(default=False, server_default=false())
    language: Mapped[str | None] = mapped_column(String(20))
    erase_at: Mapped[datetime | None]
    erased_at: Mapped[datetime | None]
    sorted_by: Mapped[str] = mapped_column(default=_sorted_by, server_default="")
    found_by: Mapped[str] = mapped_column(Text, default=_found_by, server_default="")


@event.listens_for(Participant, "before_update")
def _fold_anew(mapper: object, connection: object, participant: Participant) -> None:
    participant.sorted_by = sorted_by(participant.name)
    participant.found_by = found_by(participant.name, participant.email, participant.sis_user_id)


class FormerEmail(Base):
    """An email that a participant had before, in lower case. Erasing a person also removes it from the activity log."""

    __tablename__ = "ascriptica_former_email"

    participant_id: Mapped[int] = mapped_column(ForeignKey("ascriptica_participant.id"), primary_key=True)
    email: Mapped[str] = mapped_column(String(320), primary_key=True)


class Course(Base):
    """One of our courses. `capacity` None: no limit. `places_taken` counts the `registered` registrations.

    `on_withdrawal` overrides the setting of that name for this course. Nobody can register for a cancelled course.
    `sorted_by` is made of the title, for lists and for searching.

    An update of `places_taken` is also the lock that makes registering, withdrawing and associating take turns in one
    course.
    """

    __tablename__ = "ascriptica_course"
    __table_args__ = (
        CheckConstraint("places_taken >= 0", name="places_not_negative"),
        CheckConstraint(
            "on_withdrawal IN ('delete', 'deactivate', 'conclude', 'by_activity')", name="on_withdrawal_known"
        ),
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
    sorted_by: Mapped[str] = mapped_column(default=_course_sorted_by, server_default="")

    association: Mapped["Association | None"] = relationship(back_populates="course")


@event.listens_for(Course, "before_update")
def _fold_title_anew(mapper: object, connection: object, course: Course) -> None:
    course.sorted_by = sorted_by(course.title)


class InCanvas:
    """A Canvas course, and perhaps a section: as typed and, once looked up, as Canvas has them.

    `canvas_course_id` None: not looked up yet.
    """

    canvas_course: Mapped[str] = mapped_column(String(300), default="")
    canvas_section: Mapped[str] = mapped_column(String(300), default="")
    canvas_course_id: Mapped[int | None] = mapped_column(BigInteger)
    canvas_section_id: Mapped[int | None] = mapped_column(BigInteger)
    canvas_course_name: Mapped[str] = mapped_column(default="")
    canvas_section_name: Mapped[str] = mapped_column(default="")
    published: Mapped[bool] = mapped_column(default=True)
    concluded: Mapped[bool] = mapped_column(default=False)
    looked_up_at: Mapped[datetime | None]


class Association(InCanvas, Base):
    """The Canvas course, and perhaps section, of one of our courses.

    `connection_id` None: typed before there was a connection; the first connection gets it. `problem` says why a
    look-up failed. `trouble` is why the Canvas course, once found, takes nobody any more: a cause. The Canvas course
    lets people in from `opens_at` and before `closes_at`; None: no limit. `missing_permissions` are what the token's
    owner may not do in this course, by Canvas's names, separated by commas.
    """

    __tablename__ = "ascriptica_association"

    course_id: Mapped[int] = mapped_column(ForeignKey("ascriptica_course.id"), primary_key=True)
    connection_id: Mapped[int | None] = mapped_column(ForeignKey("ascriptica_connection.id"), index=True)
    trouble: Mapped[str | None] = mapped_column(String(40))
    opens_at: Mapped[datetime | None]
    closes_at: Mapped[datetime | None]
    look_up_at: Mapped[datetime | None]
    problem: Mapped[str | None] = mapped_column(SaidColumn)
    missing_permissions: Mapped[str] = mapped_column(default="", server_default="")

    course: Mapped[Course] = relationship(back_populates="association")

    def is_shut(self, now: datetime) -> bool:
        """Whether the dates of the Canvas course keep people out, as far as we know them."""
        too_early = self.opens_at is not None and self.opens_at > now
        return too_early or (self.closes_at is not None and self.closes_at <= now)


class Registration(Base):
    """A participant's registration for a course: `registered`, `waitlisted` or `withdrawn`, which stays as history.

    Until `undo_until_at` the person may undo their own withdrawal. `withdrawn_from` is the status that it had when its
    course was cancelled. `notify`: the person is mailed about it; `in_mailed_at` is when we first saw that they can
    enter the Canvas course, and mailed them if the site sends mails.
    """

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
        # With the people and the ids, so that a roster is sorted without reading the registrations themselves.
        Index("ix_ascriptica_registration_course", "course_id", "status", "participant_id", "id"),
        Index(
            "ix_ascriptica_registration_to_mail",
            "id",
            sqlite_where=text("notify AND in_mailed_at IS NULL AND status = 'registered'"),
            postgresql_where=text("notify AND in_mailed_at IS NULL AND status = 'registered'"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("ascriptica_course.id"))
    participant_id: Mapped[int] = mapped_column(ForeignKey("ascriptica_participant.id"))
    status: Mapped[str] = mapped_column(String(20))
    registered_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]
    undo_until_at: Mapped[datetime | None]
    withdrawn_from: Mapped[str | None] = mapped_column(String(20))
    notify: Mapped[bool] = mapped_column(default=False, server_default=false())
    in_mailed_at: Mapped[datetime | None]

    course: Mapped[Course] = relationship()
    participant: Mapped[Participant] = relationship()


class LogEntry(Base):
    """An entry of the activity log: who did what, when, to whom, and what Canvas answered. Holds no secret.

    `what` is one of `acts.SENTENCES`, `words` are what it adds, as a code with parameters; an older release stored a
    sentence.

    What was done to several people at once is one entry with the number of `people`, and one more entry for each of
    them, whose `part_of` is the id of the first. The two halves of a move to another course, and what undoing did, are
    parts of an entry in the same way.
    """

    __tablename__ = "ascriptica_log"
    __table_args__ = (
        Index(
            "ix_ascriptica_log_part_of",
            "part_of",
            sqlite_where=text("part_of IS NOT NULL"),
            postgresql_where=text("part_of IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    who: Mapped[str] = mapped_column(String(320))
    what: Mapped[str] = mapped_column(String(40))
    participant_id: Mapped[int | None] = mapped_column(ForeignKey("ascriptica_participant.id"), index=True)
    course_id: Mapped[int | None] = mapped_column(ForeignKey("ascriptica_course.id"), index=True)
    words: Mapped[str] = mapped_column(NotedColumn, default="")
    part_of: Mapped[int | None]
    people: Mapped[int | None]

    participant: Mapped[Participant | None] = relationship()
    course: Mapped[Course | None] = relationship()


class Tries(Base):
    """How much of an allowance is used up. `key` is a hash of the allowance and whose it is.

    `until` is when all of it is free again: in seconds since 1970, because the database calculates with it.
    """

    __tablename__ = "ascriptica_tries"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    until: Mapped[float] = mapped_column(Double, index=True)
