"""The table of what a change would do in Canvas, which somebody has to confirm."""

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, false
from sqlalchemy.orm import Mapped, mapped_column

from .columns import Base, SaidColumn
from .office import InCanvas


class Preview(InCanvas, Base):
    """A change that would move people into or out of Canvas courses, and that somebody has to confirm. A course has one
    at most.

    The course gets this association, as in `Association`; without `canvas_course_id`, it gets none. `reopen`: instead,
    the people of a cancelled course are put back, in the association that it has. The worker reads the Canvas course
    and stores at `read_at` which participants are in it (`there`) or teach it (`teaching`), by their ids, or the
    `problem`.
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
