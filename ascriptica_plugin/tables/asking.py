"""The tables about what pages ask Canvas: from which places they call, and what a change would do."""

from datetime import datetime

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, false
from sqlalchemy.orm import Mapped, mapped_column

from .columns import Base, SaidColumn
from .office import InCanvas


class PageCall(Base):
    """One of the places from which pages call Canvas; taken until it is given back, or until `until_at`.

    `holder` is random, so that a page that took longer gives back no place that another page took since.
    """

    __tablename__ = "ascriptica_page_call"
    __table_args__ = (CheckConstraint("number BETWEEN 1 AND 2", name="number_known"),)

    connection_id: Mapped[int] = mapped_column(ForeignKey("ascriptica_connection.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    holder: Mapped[int] = mapped_column(BigInteger)
    until_at: Mapped[datetime]


class Preview(InCanvas, Base):
    """A change that would move people into or out of Canvas courses, and that somebody has to confirm; one a course.

    It is about an association, as in `Association`; without `canvas_course_id` about having none. `reopen`: about the
    people of a cancelled course instead, in the association that it has. The worker reads the Canvas course and stores
    at `read_at` which participants are in it (`there`) or teach it (`teaching`), by their ids, or the `problem`.
    """

    __tablename__ = "ascriptica_preview"

    course_id: Mapped[int] = mapped_column(ForeignKey("ascriptica_course.id"), primary_key=True, autoincrement=False)
    reopen: Mapped[bool] = mapped_column(default=False, server_default=false())
    connection_id: Mapped[int | None] = mapped_column(ForeignKey("ascriptica_connection.id"))
    missing_permissions: Mapped[str] = mapped_column(default="")

    asked_at: Mapped[datetime]
    read_at: Mapped[datetime | None]
    problem: Mapped[str | None] = mapped_column(SaidColumn)
    there: Mapped[list | None] = mapped_column(JSON)
    teaching: Mapped[list | None] = mapped_column(JSON)
