"""Which courses' results are fetched, what is wanted of them, and when it was done or tried. Never commits."""

from datetime import datetime

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session

from ..shared import pauses
from ..shared.said import Said
from ..tables.columns import change, upsert_into
from ..tables.office import Association, Course
from ..tables.results import CourseResults
from . import claims
from .passing import decide

PROBLEMS = ("no_modules", "progress_refused", "scores_refused", "people_gone", "course_gone")
"""What can be missing from a course's results. It is reported once for the course, not for each of its people."""


def in_words(problem: str) -> Said:
    """One of `PROBLEMS`, as a sentence."""
    return Said(f"results_{problem}")


def wishes_of(session: Session, course_id: int) -> CourseResults:
    """Which of the course's results are fetched; a new row if nothing is stored about that yet."""
    found = session.get(CourseResults, course_id)
    if found is None:
        upsert = upsert_into(session, CourseResults).on_conflict_do_nothing()
        session.execute(upsert, [{"course_id": course_id}])
        found = session.get_one(CourseResults, course_id)
    return found


def owe(session: Session, course_id: int, now: datetime) -> None:
    """Have the results fetched as soon as there is nothing more urgent to do."""
    wishes = wishes_of(session, course_id)
    wishes.owed_at, wishes.due_at = now, None
    session.info[claims.RANG] = True


def to_fetch(session: Session, connection_id: int, now: datetime, limit: int) -> list[int]:
    """Ids of the courses whose results are to be fetched now: those asked for, then those that are a day old.

    A course's results are fetched once more when it ends, and daily for two weeks after that, while teachers are
    grading.
    """
    late = now + 2 * pauses.LOOK_UP_AGAIN
    time_has_come = or_(CourseResults.due_at.is_(None), CourseResults.due_at <= now, CourseResults.due_at > late)
    still_on = or_(Course.ends_at.is_(None), Course.ends_at > now - pauses.GRADING)
    has_ended = and_(Course.ends_at <= now, CourseResults.fetched_at < Course.ends_at)
    aged = or_(CourseResults.fetched_at.is_(None), CourseResults.fetched_at <= now - pauses.READ_FRESH, has_ended)
    wanted = and_(or_(CourseResults.completed, CourseResults.score), aged, still_on, Course.cancelled_at.is_(None))
    found = (
        select(CourseResults.course_id)
        .join(Course, Course.id == CourseResults.course_id)
        .join(Association, Association.course_id == Course.id)
        .where(Association.connection_id == connection_id, Association.canvas_course_id.is_not(None))
        .where(time_has_come, or_(CourseResults.owed_at.is_not(None), wanted))
        .order_by(CourseResults.owed_at.nulls_last(), CourseResults.fetched_at.nulls_first(), CourseResults.course_id)
    )
    return list(session.scalars(found.limit(limit)))


def done(
    session: Session, course_id: int, since: datetime, owed_at: datetime | None, now: datetime, problems: list[str]
) -> list[str]:
    """The results were fetched by a fetch that began at `since`; what was asked for later is still owed.

    `owed_at` is what was owed when it began: the clock of the process that asked may be ahead of ours. Returns the
    problems that the previous fetch did not have.
    """
    wishes = session.get_one(CourseResults, course_id, populate_existing=True)
    new = [problem for problem in problems if problem not in wishes.problems]
    wishes.fetched_at, wishes.problems, wishes.problem, wishes.due_at = since, problems, None, None
    if wishes.owed_at is not None and (wishes.owed_at <= since or wishes.owed_at == owed_at):
        wishes.owed_at = None
    session.flush()
    decide(session, course_id, now)
    return new


def tried(session: Session, course_id: int, now: datetime, problem: Said) -> None:
    """The results could not be fetched; it is tried again later."""
    values = {"problem": problem, "due_at": now + pauses.LOOK_UP_AGAIN}
    change(session, update(CourseResults).where(CourseResults.course_id == course_id).values(**values))
