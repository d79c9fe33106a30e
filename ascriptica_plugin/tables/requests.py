"""The tables about what we ask of Canvas: requests that are under way or failed, and Canvas courses to be read."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint, false, true
from sqlalchemy.orm import Mapped, mapped_column

from .columns import Base, SaidColumn


class Request(Base):
    """A request that may change something in Canvas. It is stored before it is sent, and deleted once it is answered.

    Only one at a time is open for a participant. `id` is random, so that a worker that lost the lease can't delete a
    request of another worker. `kind`: enroll, end, create, follow or put_back. If there is no answer, Canvas may still
    carry it out until `until_at`; after that, we look at what became of it. `first_sent_at` is on Canvas's clock.
    `tries` counts how often it was sent; an answer to a repeat says nothing about the tries before it.
    `row_created_at` and `canvas_enrollment_id` together identify the row.
    """

    __tablename__ = "ascriptica_request"
    __table_args__ = (UniqueConstraint("connection_id", "participant_id", name="uq_ascriptica_request_one_a_person"),)

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    connection_id: Mapped[int] = mapped_column(ForeignKey("ascriptica_connection.id"))
    participant_id: Mapped[int | None]
    seat_id: Mapped[int | None]
    kind: Mapped[str] = mapped_column(String(20))
    address: Mapped[str] = mapped_column(String(300), default="")
    canvas_user_id: Mapped[int | None] = mapped_column(BigInteger)
    canvas_course_id: Mapped[int | None] = mapped_column(BigInteger)
    canvas_section_id: Mapped[int | None] = mapped_column(BigInteger)
    canvas_enrollment_id: Mapped[int | None] = mapped_column(BigInteger)
    row_created_at: Mapped[datetime | None]
    first_sent_at: Mapped[datetime]
    until_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(default=1)
    answered: Mapped[bool] = mapped_column(default=False)


class Window(Base):
    """A request to enroll somebody that was never answered, in a course that was gone when we looked for the result.

    If the course comes back, an enrollment that was made there between `opens_at` and `closes_at`, on Canvas's clock,
    is ours.
    """

    __tablename__ = "ascriptica_window"
    __table_args__ = (Index("ix_ascriptica_window_user", "connection_id", "canvas_user_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("ascriptica_connection.id"))
    canvas_user_id: Mapped[int] = mapped_column(BigInteger)
    canvas_course_id: Mapped[int] = mapped_column(BigInteger)
    canvas_section_id: Mapped[int] = mapped_column(BigInteger)
    seat_id: Mapped[int]
    opens_at: Mapped[datetime]
    closes_at: Mapped[datetime]


class CourseRead(Base):
    """When the enrollments of a Canvas course were last read, and whether they have to be read again.

    `owed_at`: since when a read is owed; None: none is. `due_at`: not before then. `problem`: why the last try failed.
    `has_others`: it showed people in the course who are not our participants.
    """

    __tablename__ = "ascriptica_course_read"

    connection_id: Mapped[int] = mapped_column(ForeignKey("ascriptica_connection.id"), primary_key=True)
    canvas_course_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    owed_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    tried_at: Mapped[datetime | None]
    read_at: Mapped[datetime | None]
    has_others: Mapped[bool] = mapped_column(default=False, server_default=false())
    problem: Mapped[str | None] = mapped_column(SaidColumn)


class FailedChange(Base):
    """A change at which Canvas failed, although it still answers reads. It is deleted when Canvas answers a change in
    that Canvas course.

    `canvas_course_id` is 0 for a change that is not in a course. `in_a_row`: Canvas has answered no change since.
    """

    __tablename__ = "ascriptica_failed_change"

    connection_id: Mapped[int] = mapped_column(ForeignKey("ascriptica_connection.id"), primary_key=True)
    canvas_course_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    participant_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    failed_at: Mapped[datetime]
    in_a_row: Mapped[bool] = mapped_column(default=True, server_default=true())
