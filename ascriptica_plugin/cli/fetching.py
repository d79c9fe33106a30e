"""flask ascriptica fetch-results: has the results of courses fetched, and waits until that is done."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Engine, func, or_, select
from sqlalchemy.orm import Session

from ..ledger import results_to_fetch
from ..shared import clock
from ..sync.clients import Canvases
from ..tables.canvas import Connection
from ..tables.columns import begin_writing
from ..tables.office import Association, Course
from ..tables.results import CourseResults
from .waiting import Waiting, connection_in_use, drain_until_over


def fetch_results(session: Session, engine: Engine, canvases: Canvases, code: str | None) -> Iterator[str]:
    """Fetch the results of one course, or of all courses that want them. Yields a line for each course.

    If a worker is draining, this waits for it instead of fetching itself. Raises ValueError with a sentence if nothing
    can be fetched, and TimeoutError if not everything was.
    """
    connection = connection_in_use(session)
    now = clock.database_clock(session)()
    begin_writing(session)
    asked = _asked(session, connection, code)
    for number in asked:
        results_to_fetch.owe(session, number, now)
    if connection.hold_cause:
        # Because a person asked, Canvas is tried at once.
        connection.hold_until_at = now
    session.commit()
    run = Waiting(engine, lambda own, waiting: _done(own, waiting, now), set(asked))
    drain_until_over(session, canvases, connection, run, "fetched")
    for number, its_code in asked.items():
        problems = session.get_one(CourseResults, number).problems
        said = run.problems.get(number) or " ".join(map(results_to_fetch.in_words, problems))
        state = "not fetched yet" if number in run.waiting else "fetched"
        yield f"{its_code}: {said or state}"
    if run.waiting:
        raise TimeoutError("Not everything was fetched in time. The worker continues.")


def _asked(session: Session, connection: Connection, code: str | None) -> dict[int, str]:
    """The codes of the courses to fetch, by the courses' ids."""
    found = (
        select(Course.id, Course.code)
        .join(Association, Association.course_id == Course.id)
        .where(Association.connection_id == connection.id, Association.canvas_course_id.is_not(None))
        .order_by(Course.code)
    )
    if code is None:
        wanting = or_(CourseResults.completed, CourseResults.score)
        found = found.join(CourseResults, CourseResults.course_id == Course.id).where(wanting)
    else:
        found = found.where(func.lower(Course.code) == code.lower())
    asked = {row[0]: row[1] for row in session.execute(found)}
    if not asked and code is not None:
        raise ValueError(f"There is no course {code} with a Canvas course.")
    if not asked:
        raise ValueError("No course wants results. Choose what to fetch under Results on a course's roster.")
    return asked


def _done(session: Session, waiting: set[int], since: datetime) -> dict[int, str | None]:
    found: dict[int, str | None] = {}
    for its in session.scalars(select(CourseResults).where(CourseResults.course_id.in_(waiting))):
        if its.owed_at is None or its.owed_at > since:
            found[its.course_id] = None
        elif its.problem and its.due_at is not None:
            found[its.course_id] = its.problem
    return found
