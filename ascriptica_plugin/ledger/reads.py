"""Reads: which Canvas courses have to be read again, and why. The database keeps which reads are owed. Never
commits."""

from datetime import datetime

from sqlalchemy import ColumnElement, Select, Update, and_, delete, exists, func, insert, or_, select, update
from sqlalchemy.orm import Session

from ..shared import pauses
from ..tables.canvas import Connection
from ..tables.columns import change, upsert_into
from ..tables.ledger import Seat
from ..tables.office import Association, Course
from ..tables.requests import CourseRead, Window
from . import claims


def owe(session: Session, connection_id: int, canvas_course_id: int, now: datetime) -> None:
    """Have the course read as soon as there is nothing more urgent to do."""
    upsert = upsert_into(session, CourseRead)
    asked = {"connection_id": connection_id, "canvas_course_id": canvas_course_id, "owed_at": now, "due_at": None}
    again = {"owed_at": now, "due_at": None}
    key = ["connection_id", "canvas_course_id"]
    session.execute(upsert.on_conflict_do_update(index_elements=key, set_=again), [asked])
    session.info[claims.RANG] = True


def owe_first(session: Session, connection_id: int, canvas_course_id: int, now: datetime) -> None:
    """Have a course read that was never read; people who register are enrolled there after that."""
    asked = {"connection_id": connection_id, "canvas_course_id": canvas_course_id, "owed_at": now}
    session.execute(upsert_into(session, CourseRead).on_conflict_do_nothing(), [asked])
    session.info[claims.RANG] = True


def owe_everything(session: Session, connection_id: int, now: datetime, *, in_use: bool) -> int:
    """Have every course read that we ever used, or only those `in_use`. Returns how many."""
    used = select(Seat.connection_id, Seat.canvas_course_id).where(Seat.connection_id == connection_id).distinct()
    unread = ~exists().where(
        CourseRead.connection_id == Seat.connection_id, CourseRead.canvas_course_id == Seat.canvas_course_id
    )
    session.execute(insert(CourseRead).from_select(["connection_id", "canvas_course_id"], used.where(unread)))
    which = (CourseRead.connection_id == connection_id, *([_in_use(now)] if in_use else []))
    session.info[claims.RANG] = True
    return change(session, update(CourseRead).where(*which).values(owed_at=now, due_at=None))


def _in_use(now: datetime) -> ColumnElement[bool]:
    """SQL: a course of ours is associated with it, and has not ended."""
    return _has_course(or_(Course.ends_at.is_(None), Course.ends_at > now))


def _unread_before_start(now: datetime) -> ColumnElement[bool]:
    """SQL: a course of ours that is associated with it starts soon, and it was not read since then."""
    soon = and_(Course.starts_at > now, Course.starts_at <= now + pauses.BEFORE_START)
    ahead = func.extract("epoch", Course.starts_at) - func.extract("epoch", CourseRead.read_at)
    return _has_course(soon, ahead > pauses.BEFORE_START.total_seconds())


def _has_course(*which: ColumnElement[bool]) -> ColumnElement[bool]:
    """SQL: such a course of ours, not cancelled, is associated with it."""
    ours = (
        select(Association.course_id)
        .join(Course, Course.id == Association.course_id)
        .where(Association.connection_id == CourseRead.connection_id)
        .where(Association.canvas_course_id == CourseRead.canvas_course_id, Course.cancelled_at.is_(None), *which)
    )
    return ours.exists()


def to_read(session: Session, connection_id: int, now: datetime, limit: int) -> list[int]:
    """The courses to read now: those whose read is owed, first those never read, then those read long ago."""
    late = now + 2 * pauses.LOOK_UP_AGAIN
    time_has_come = or_(CourseRead.due_at.is_(None), CourseRead.due_at <= now, CourseRead.due_at > late)
    aged = or_(CourseRead.read_at <= now - pauses.READ_FRESH, CourseRead.read_at.is_(None))
    owed = or_(CourseRead.owed_at.is_not(None), and_(aged, _in_use(now)), _unread_before_start(now))
    found = (
        select(CourseRead.canvas_course_id)
        .where(CourseRead.connection_id == connection_id, time_has_come, owed)
        .order_by(CourseRead.read_at.is_not(None), CourseRead.owed_at.nulls_last(), CourseRead.read_at.nulls_first())
    )
    return list(session.scalars(found.limit(limit)))


def is_fresh(session: Session, connection_id: int, canvas_course_id: int, since: datetime) -> bool:
    """Whether the course was read since then, and nothing was wrong."""
    read_at = select(CourseRead.read_at).where(
        CourseRead.connection_id == connection_id,
        CourseRead.canvas_course_id == canvas_course_id,
        CourseRead.problem.is_(None),
    )
    return (session.scalar(read_at) or since) > since


def tried(session: Session, connection_id: int, canvas_course_id: int, now: datetime, problem: str) -> None:
    """The course could not be read; it is tried again later."""
    values = {"tried_at": now, "problem": problem, "due_at": now + pauses.LOOK_UP_AGAIN}
    change(session, _here(connection_id, canvas_course_id).values(**values))


def owed(session: Session, connection_id: int, canvas_course_id: int) -> datetime | None:
    """Since when a read of the course is owed."""
    return session.scalar(
        select(CourseRead.owed_at).where(
            CourseRead.connection_id == connection_id, CourseRead.canvas_course_id == canvas_course_id
        )
    )


def done(
    session: Session,
    connection_id: int,
    canvas_course_id: int,
    since: datetime,
    now: datetime,
    owed_at: datetime | None = None,
    problem: str | None = None,
    has_others: bool = False,
) -> None:
    """The course was read by a read that began at `since`; what was asked for later is still owed.

    Once the last course is read, a Canvas that came back from a backup is known again. `problem`: there is nothing to
    read. `has_others`: people are there who are not participants. `owed_at` is what was owed when it began: the clock
    of the process that asked may be ahead, and without this the course would be read again and again until our clock is
    there.
    """
    values = {"tried_at": now, "read_at": since, "problem": problem, "due_at": None, "has_others": has_others}
    change(session, _here(connection_id, canvas_course_id).values(**values))
    answered = or_(CourseRead.owed_at <= since, CourseRead.owed_at == owed_at)
    change(session, _here(connection_id, canvas_course_id).where(answered).values(owed_at=None))
    known_again = update(Connection).where(Connection.id == connection_id, ~_owed_since().exists())
    change(session, known_again.where(Connection.restored_at.is_not(None)).values(restored_at=None))


def _here(connection_id: int, canvas_course_id: int) -> Update:
    at = (CourseRead.connection_id == connection_id, CourseRead.canvas_course_id == canvas_course_id)
    return update(CourseRead).where(*at)


# -- a Canvas that came back from a backup ----------------------------------------------------------------------------


def note_restored(session: Session, connection_id: int, now: datetime) -> None:
    """Canvas came back from a backup: no enrollment is ended until every course was read again.

    The reads keep finding it. As long as they continue, no further read is owed.
    """
    noticed = Connection.restored_at.is_not(None) & _owed_since().where(CourseRead.problem.is_(None)).exists()
    here = update(Connection).where(Connection.id == connection_id, ~noticed)
    if change(session, here.values(restored_at=now)):
        # An enrollment that was made in such a window may be what the backup had, or somebody else's.
        change(session, delete(Window).where(Window.connection_id == connection_id))
        owe_everything(session, connection_id, now, in_use=False)


def _owed_since() -> Select:
    """SQL: the courses of a connection that are still to be read since it came back from a backup."""
    return select(CourseRead.canvas_course_id).where(
        CourseRead.connection_id == Connection.id, CourseRead.owed_at >= Connection.restored_at
    )


def endings_wait(session: Session, connection_id: int, canvas_course_id: int, restored_at: datetime) -> bool:
    """Whether enrollments in the course may not be ended yet. A course that can't be read delays only its own
    endings."""
    owed = select(CourseRead.canvas_course_id).where(
        CourseRead.connection_id == connection_id, CourseRead.owed_at >= restored_at
    )
    readable_or_this = or_(CourseRead.problem.is_(None), CourseRead.canvas_course_id == canvas_course_id)
    return session.scalar(owed.where(readable_or_this).limit(1)) is not None
