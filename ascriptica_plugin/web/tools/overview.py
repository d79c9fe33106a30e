"""/tools/: the overview, where an administrator sees who can't get into a course that starts soon, and what to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import or_, select
from sqlalchemy.orm import joinedload

from ...ledger import blocked, blocked_courses, blocked_people, entering, seat_states, token_end
from ...ledger.causes import CAUSES
from ...ledger.entering import Entering
from ...office import access_before_erasing, odd_matches, sis_questions
from ...office.courses import by_title
from ...shared import clock
from ...shared.language import Marked, t
from ...tables.canvas import Connection
from ...tables.office import Course
from ..base import blueprint, plugin, session, settings
from ..forms.fields import Confirmation
from ..guards import for_administrators
from ..showing import show
from . import remedies

WEEK = timedelta(days=7)
LINES = 50
"""How many courses are shown; the counts are of all."""

IN_WORDS: Marked[dict[str, str]] = {
    entering.ON_THE_WAY: "on the way",
    entering.INVITED: "with an open invitation",
    entering.NO_CANVAS_COURSE: "no Canvas course",
}
"""What keeps people out, besides the causes."""


@dataclass(frozen=True)
class Reason:
    """A reason, and how many people can't get in because of it. `by_office`: an administrator can change that."""

    people: int
    words: str
    address: str
    by_office: bool


@dataclass(frozen=True)
class Line:
    """A course that starts soon. `reasons`: why some of its people can't get in, sorted by the number of people."""

    course: Course
    entering: Entering
    reasons: list[Reason]

    @property
    def held_up(self) -> int:
        """How many can't get in until an administrator acts."""
        return sum(reason.people for reason in self.reasons if reason.by_office)


@blueprint.get("/tools/")
@for_administrators
def overview() -> ResponseReturnValue:
    """Courses that start this week, what waits for an administrator, and how Canvas and the worker are."""
    current, now = settings(), clock.utc_now()
    connection = current.connection if current.display_canvas else None
    soon = _starting_soon(now)
    found = entering.of_courses(session(), connection, [course.id for course in soon], now) if connection else {}
    groups = blocked.groups_of(session(), connection, now) if connection else []
    if connection:
        blocked_people.look(session(), connection, groups)
    return show(
        "ascriptica/overview.html",
        state=seat_states.connection_state(current),
        disconnected=seat_states.disconnected(session(), current),
        soon=len(soon),
        registered=sum(course.places_taken for course in soon),
        can_enter=sum(its.can_enter for its in found.values()),
        lines=[_line(course, found.get(course.id, Entering()), connection) for course in soon[:LINES]],
        connection=connection,
        groups=groups,
        shown=blocked_people.SHOWN,
        waits_for=seat_states.what_delays(session(), current, now),
        throttled=CAUSES["throttled"] if connection and seat_states.is_slowed(session(), connection, now) else None,
        place_of=remedies.place_of,
        place_in=remedies.place_in,
        looked_up=blocked_courses.LOOKED_UP,
        sis_ids=sis_questions.undecided(session()),
        to_erase=access_before_erasing.wait_for_a_connection(session(), current.connection_id),
        worker_seen_at=seat_states.worker_seen_at(session(), current, None),
        days_left=token_end.days_left(connection, now) if connection else None,
        warned=connection is not None and token_end.warned_of(connection, now) is not None,
        odd_matches=odd_matches.number(session(), connection.id) if connection else 0,
        now=now,
        form=Confirmation(),
    )


def _starting_soon(now: datetime) -> Sequence[Course]:
    """The courses that start today or in the next seven days, soonest first."""
    today = now.astimezone(plugin().timezone).replace(hour=0, minute=0, second=0, microsecond=0)
    return (
        session()
        .scalars(
            select(Course)
            .where(Course.starts_at >= today, Course.starts_at < now + WEEK, Course.cancelled_at.is_(None))
            .where(or_(Course.ends_at.is_(None), Course.ends_at > now))
            .options(joinedload(Course.association))
            .order_by(Course.starts_at, by_title(), Course.id)
        )
        .all()
    )


def _line(course: Course, its: Entering, connection: Connection | None) -> Line:
    reasons = []
    for name, people in its.kept_out.items():
        cause = CAUSES.get(name)
        words = cause.short if cause else t(IN_WORDS[name])
        by_office = cause.by_office if cause else name == entering.NO_CANVAS_COURSE
        reasons.append(Reason(people, words, _address(course, name, connection), by_office))
    return Line(course, its, reasons)


def _address(course: Course, name: str, connection: Connection | None) -> str:
    """The page with the people whom this keeps out, or the place where it can be put right for all of them."""
    if connection is not None and name == connection.hold_cause:
        return "#waits"
    if name in blocked_courses.SHUT:
        return url_for(".canvas_access", course=course.code, standing=name, _anchor="people")
    association = course.association
    if connection is not None and association is not None and name in remedies.OF_A_COURSE:
        return remedies.OF_A_COURSE[name](connection, course.code, association.canvas_course_id).address
    if name == entering.NO_CANVAS_COURSE:
        return url_for(".edit_course", code=course.code, _anchor="canvas_course")
    standing_of = {entering.ON_THE_WAY: "due", entering.INVITED: "invited"}.get(name, name)
    return url_for(".canvas_access", course=course.code, standing=standing_of, _anchor="people")
