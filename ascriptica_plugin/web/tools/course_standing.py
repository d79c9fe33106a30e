"""How a course stands in Canvas as a whole: what moves, what waits, when it was read; the button to read it again."""

from dataclasses import dataclass
from datetime import datetime

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import CTE, ColumnElement, ScalarSelect, and_, case, exists, func, or_, select
from sqlalchemy.orm import aliased

from ...ledger import activity, due, reads, seat_states
from ...ledger.causes import CAUSES
from ...shared import clock
from ...shared.language import t
from ...sync import canvas_courses
from ...tables.canvas import Connection
from ...tables.columns import begin_writing, one_of_few
from ...tables.ledger import Claim, Seat
from ...tables.office import Association, Course, Registration
from ...tables.requests import CourseRead
from ..base import blueprint, session, settings
from ..canvas_access_words import CanvasAccess
from ..guards import for_administrators, person
from ..registering import course_or_404


@dataclass
class CourseStanding:
    """How many people are `moving`, `stuck` until the office acts, `held` because all of Canvas waits for `hold`, or
    `left` as they are in Canvas. `asked`: how many of the stuck people need an answer.

    The Canvas course was last read at `read_at`; `reading`: it is being read, or will be; `problem`: why the latest
    try failed. `agrees`: it was read, and nothing is open.
    """

    moving: int = 0
    stuck: int = 0
    asked: int = 0
    held: int = 0
    hold: str = ""
    left: int = 0
    reading: bool = False
    read_at: datetime | None = None
    problem: str | None = None
    agrees: bool = False


def standing_of(course: Course, shown: list[tuple[int, CanvasAccess]]) -> CourseStanding:
    """The standing of the course on all pages of its roster; `shown` are the participants on this page, once for each
    of their registrations, with its access."""
    found = CourseStanding(
        # People whose Canvas course is being looked up have no seat yet.
        moving=len({who for who, its in shown if its.moving and not its.held and its.office_tone == "waiting"}),
        stuck=len({who for who, its in shown if its.office_tone == "stuck"}),
    )
    current = settings()
    connection = current.connection
    if connection is None or not current.display_canvas:
        return found
    due_now, stuck, can_be_tried = _counts(course, connection)
    found.asked = stuck - can_be_tried
    found.stuck = max(found.stuck, stuck)
    if connection.hold_cause:
        found.moving, found.held, found.hold = 0, due_now, CAUSES[connection.hold_cause].title
    else:
        found.moving = max(found.moving, due_now)
    association = course.association
    if association is None or association.connection_id != connection.id or association.canvas_course_id is None:
        return found
    read = session().get(CourseRead, (connection.id, association.canvas_course_id))
    if read is not None:
        found.read_at, found.problem = read.read_at, read.problem
        # If a try has failed, the time of the next one is set.
        found.reading = read.owed_at is not None and read.due_at is None and not connection.hold_cause
    is_open = found.moving or found.stuck or found.held or found.reading or found.problem or connection.restored_at
    if found.read_at is not None and not is_open:
        found.agrees, found.left = True, _left(course, connection)
    return found


def _theirs(course: Course) -> tuple:
    """Conditions on Seat and Claim: seats that people of this course ask for, or that nobody asks for any more."""
    another = aliased(Claim)
    claimed = exists().where(another.seat_id == Seat.id, another.ended_at.is_(None))
    return Registration.course_id == course.id, or_(Claim.ended_at.is_(None), ~claimed)


def _counts(course: Course, connection: Connection) -> tuple[int, int, int]:
    """How many people of the course are due, how many are stuck, and how many of the stuck may be helped by trying
    again.

    One person may have several seats: in the course's Canvas course, and in one that it had before.
    """
    stands = case(
        # Nobody has to act while we read everything again after a backup.
        (Seat.cause == "canvas_restored", "due"),
        (and_(Seat.held, Seat.cause.in_(seat_states.ASKS)), "asked"),
        else_=seat_states.standing(),
    )
    # In the course's own Canvas course, and in those that belong to no course of ours any more.
    its = course.association.canvas_course_id if course.association is not None else None
    here = (Association.connection_id == connection.id, Association.canvas_course_id.is_not(None))
    open_ones = _open_canvas_courses(connection)
    of_others = select(Association.canvas_course_id).where(*here, Association.canvas_course_id.is_distinct_from(its))
    its_own = select(open_ones.c.canvas_course_id).where(open_ones.c.canvas_course_id.not_in(of_others))
    there = one_of_few(session(), Seat.canvas_course_id.expression, its_own)
    unsettled = select(Seat.id).where(due.unsettled(connection.id), there)

    def people_who(*standings: str) -> ColumnElement[int]:
        return func.count(Seat.participant_id.distinct()).filter(stands.in_(standings))

    rows = session().execute(
        select(people_who("due"), people_who("held", "parked", "asked"), people_who("held", "parked"))
        .join(Claim, Claim.seat_id == Seat.id)
        .join(Registration, Registration.id == Claim.registration_id)
        .where(one_of_few(session(), Seat.id.expression, unsettled), *_theirs(course))
    )
    due_now, stuck, can_be_tried = rows.one()
    return due_now, stuck, can_be_tried


def _open_canvas_courses(connection: Connection) -> CTE:
    """SQL: the Canvas courses where anybody is due or waits, then a NULL. Each is found by one lookup in an index, so
    it doesn't matter how many people wait there."""

    def first(*which: ColumnElement[bool]) -> ScalarSelect:
        there = select(Seat.canvas_course_id).where(due.unsettled(connection.id), *which)
        return there.order_by(Seat.canvas_course_id).limit(1).scalar_subquery()

    found = select(first().label("canvas_course_id")).cte("open_canvas_courses", recursive=True)
    its = found.c.canvas_course_id
    return found.union_all(select(first(Seat.canvas_course_id > its)).where(its.is_not(None)))


def _left(course: Course, connection: Connection) -> int:
    left = (
        select(func.count(Seat.participant_id.distinct()))
        .join(Claim, Claim.seat_id == Seat.id)
        .join(Registration, Registration.id == Claim.registration_id)
        .where(Seat.connection_id == connection.id, Seat.settled_version >= Seat.version)
        .where(Seat.cause == "changed_in_canvas", Registration.course_id == course.id, Claim.ended_at.is_(None))
    )
    return session().scalar(left) or 0


@blueprint.post("/tools/courses/<code>/recheck")
@for_administrators
def recheck_course(code: str) -> ResponseReturnValue:
    """Have the course's Canvas course read again by the worker."""
    found, current, now = course_or_404(code), settings(), clock.utc_now()
    association, connection = found.association, current.connection
    at = association.canvas_course_id if association is not None else None
    if connection is None or not current.display_canvas:
        flash(t("Canvas is switched off, so it is not read."), "warning")
    elif association is None or at is None or association.connection_id != connection.id:
        flash(t("{course} has no Canvas course to read.", course=found.title), "warning")
    else:
        begin_writing(session())
        reads.owe(session(), connection.id, at, now)
        canvas_courses.look_up_too(session(), connection.id, at, now)
        activity.note(session(), now, person().email, "asked to read", course_id=found.id)
        session().commit()
        title = found.title
        flash(
            t("{course} is being read from Canvas. You will then see here what is different there.", course=title),
            "success",
        )
    return redirect(url_for(".roster", code=code))
