"""flask ascriptica recheck: has Canvas courses read again, and waits until that is done."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from ..ledger import reads
from ..shared import clock
from ..sync.clients import Canvases
from ..tables.canvas import Connection
from ..tables.columns import begin_writing
from ..tables.office import Association, Course
from ..tables.requests import CourseRead
from .waiting import Look, Waiting, connection_in_use, drain_until_over


def _look(connection_id: int, since: datetime) -> Look:
    def look(session: Session, waiting: set[int]) -> dict[int, str | None]:
        here = (CourseRead.connection_id == connection_id, CourseRead.canvas_course_id.in_(waiting))
        found: dict[int, str | None] = {}
        for read in session.scalars(select(CourseRead).where(*here)):
            if read.problem and read.tried_at is not None and read.tried_at >= since:
                found[read.canvas_course_id] = read.problem
            elif read.owed_at is None or read.owed_at > since:
                found[read.canvas_course_id] = None
        return found

    return look


def recheck(
    session: Session, engine: Engine, canvases: Canvases, code: str | None, *, everything: bool
) -> Iterator[str]:
    """Read one course, everything in use, or everything that we ever used. Yields a line for each Canvas course.

    If a worker is draining, this waits for it instead of reading itself. Raises ValueError with a sentence if nothing
    can be read, and TimeoutError if not everything was.
    """
    connection = connection_in_use(session)
    now = clock.database_clock(session)()
    begin_writing(session)
    waiting = _ask(session, connection, code, everything=everything, now=now)
    if connection.hold_cause:
        # Because a person asked, Canvas is tried at once.
        connection.hold_until_at = now
    session.commit()
    asked, run = sorted(waiting), Waiting(engine, _look(connection.id, now), waiting)
    drain_until_over(session, canvases, connection, run, "read")
    names = _names(session, connection.id)
    for canvas_course_id in asked:
        state = run.problems.get(canvas_course_id, "not read yet" if canvas_course_id in run.waiting else "read")
        yield f"Canvas course {canvas_course_id}{names.get(canvas_course_id, '')}: {state}"
    if run.waiting:
        raise TimeoutError("Not everything was read in time. The worker continues.")


def _ask(session: Session, connection: Connection, code: str | None, *, everything: bool, now: datetime) -> set[int]:
    """Store what is to be read. Returns the ids of the Canvas courses."""
    if code is None:
        reads.owe_everything(session, connection.id, now, in_use=not everything)
        owed = select(CourseRead.canvas_course_id).where(
            CourseRead.connection_id == connection.id, CourseRead.owed_at == now
        )
        return set(session.scalars(owed))
    course = session.scalar(select(Course).where(func.lower(Course.code) == code.lower()))
    if course is None:
        raise ValueError(f"There is no course {code}.")
    association = course.association
    at = association.canvas_course_id if association and association.connection_id == connection.id else None
    if at is None:
        raise ValueError(f"{course.code} has no Canvas course to read.")
    reads.owe(session, connection.id, at, now)
    return {at}


def _names(session: Session, connection_id: int) -> dict[int, str]:
    """Our courses in each Canvas course, as the end of a phrase."""
    found = session.execute(
        select(Association.canvas_course_id, Course.code)
        .join(Course, Course.id == Association.course_id)
        .where(Association.connection_id == connection_id)
        .order_by(Course.code)
    )
    codes: dict[int, list[str]] = {}
    for canvas_course_id, code in found:
        if canvas_course_id is not None:
            codes.setdefault(canvas_course_id, []).append(code)
    return {number: f" ({', '.join(ours)})" for number, ours in codes.items()}
