"""Who would be enrolled and who removed if a course had another Canvas course, or none. Only reads the ledger."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, exists, select
from sqlalchemy.orm import Session, aliased

from ..canvas.shapes import Enrollment
from ..tables.ledger import CanvasRow, Claim, Match, Seat
from ..tables.office import Course, Participant, Registration
from ..tables.previews import Preview
from .access import IS_POINTED_TO
from .rows import LIVE

TEACHING = ("TeacherEnrollment", "TaEnrollment", "DesignerEnrollment")


class Place(NamedTuple):
    """A Canvas course; the section is None where the course's default one is meant."""

    canvas_course_id: int
    canvas_section_id: int | None


class Someone(NamedTuple):
    """A participant, and the Canvas user that they are known to be; `asked`: a person has to say who that is."""

    participant_id: int
    name: str
    email: str
    sis_user_id: str | None
    canvas_user_id: int | None
    asked: bool


def people(session: Session, connection_id: int, registrations: ColumnElement[bool]) -> list[Someone]:
    """The participants whose registrations match the condition on Registration, by name."""
    theirs = and_(Match.connection_id == connection_id, Match.participant_id == Participant.id)
    found = (
        select(
            Participant.id,
            Participant.name,
            Participant.email,
            Participant.sis_user_id,
            Match.canvas_user_id,
            Match.question.is_not(None),
        )
        .join(Registration, Registration.participant_id == Participant.id)
        .outerjoin(Match, theirs)
        .where(registrations)
        .order_by(Participant.sorted_by, Participant.id)
    )
    return [Someone(*row[:5], bool(row[5])) for row in session.execute(found)]


def people_of(session: Session, preview: Preview, course: Course) -> list[Someone]:
    """The people whom a preview is about: those of the course now or, if it is reopened, those from before."""
    which = were(course, "registered") if preview.reopen else registered(course)
    return people(session, preview.connection_id or 0, which)


def place_of(preview: Preview) -> Place:
    """Where a preview would take people; only of one that has a Canvas course."""
    return Place(preview.canvas_course_id or 0, preview.canvas_section_id)


def registered(course: Course) -> ColumnElement[bool]:
    """SQL: the registrations that have a place in the course."""
    return and_(Registration.course_id == course.id, Registration.status == "registered")


def were(course: Course, status: str) -> ColumnElement[bool]:
    """SQL: the registrations that had this status when the course was cancelled, of people who are still known."""
    person = aliased(Participant)
    known = exists().where(person.id == Registration.participant_id, person.erase_at.is_(None))
    return and_(
        Registration.course_id == course.id,
        Registration.status == "withdrawn",
        Registration.withdrawn_at == course.cancelled_at,
        Registration.withdrawn_from == status,
        known.where(person.erased_at.is_(None)),
    )


def found_in(someone: Collection[Someone], place: Place, roster: Collection[Enrollment]) -> tuple[list[int], list[int]]:
    """The ids of those who are in the place as students already, and of those who teach that course.

    `roster` are the live enrollments of the Canvas course. People who are not matched yet are found by SIS ID or login.
    """
    students = [row for row in roster if row.type == "StudentEnrollment"]
    if place.canvas_section_id is not None:
        students = [row for row in students if row.section_id == place.canvas_section_id]
    teachers = [row for row in roster if row.type in TEACHING]
    among_students, among_teachers = _names(students), _names(teachers)
    return (
        [one.participant_id for one in someone if among_students & _names_of(one)],
        [one.participant_id for one in someone if among_teachers & _names_of(one)],
    )


def _names(rows: Collection[Enrollment]) -> set[tuple[str, str | int]]:
    found: set[tuple[str, str | int]] = set()
    for row in rows:
        found.add(("id", row.user_id))
        if row.user.sis_user_id:
            found.add(("sis", row.user.sis_user_id))
        if row.user.login_id:
            found.add(("login", row.user.login_id.casefold()))
    return found


def _names_of(one: Someone) -> set[tuple[str, str | int]]:
    if one.canvas_user_id is not None:
        return {("id", one.canvas_user_id)}
    names: set[tuple[str, str | int]] = {("login", one.email.casefold())}
    return names | {("sis", one.sis_user_id)} if one.sis_user_id else names


@dataclass
class Leaving:
    """What becomes of people's enrollments in a Canvas course that their course leaves, by participants' ids:
    `removed`; `stay`, because another registration asks for the same or the office lets them stay; or `asked`, because
    we did not let them in."""

    removed: set[int]
    stay: set[int]
    asked: set[int]


def leaving(session: Session, connection_id: int, course_id: int, to: Place | None) -> Leaving:
    """What becomes of the enrollments of the course's people if they go `to` another place; None: to none."""
    live = (Claim.ended_at.is_(None), Seat.connection_id == connection_id)
    places = (
        select(Seat).join(Claim, Claim.seat_id == Seat.id).join(Registration, Registration.id == Claim.registration_id)
    )
    its = places.where(Registration.course_id == course_id, *live)
    rows = session.execute(
        its.with_only_columns(
            Seat.participant_id,
            CanvasRow.canvas_enrollment_id,
            CanvasRow.canvas_course_id,
            CanvasRow.canvas_section_id,
            CanvasRow.granted,
            CanvasRow.kept,
        )
        .join(CanvasRow, IS_POINTED_TO)
        .where(CanvasRow.state.in_(LIVE))
    ).all()
    # Another seat of theirs may have the same enrollment, too.
    enrolled = its.with_only_columns(Seat.canvas_enrollment_id.label("number")).subquery()
    of_others = places.with_only_columns(Seat.canvas_enrollment_id).where(Registration.course_id != course_id, *live)
    wanted = set(session.scalars(of_others.join(enrolled, enrolled.c.number == Seat.canvas_enrollment_id)))
    found = Leaving(set(), set(), set())
    for participant_id, number, canvas_course_id, canvas_section_id, granted, kept in rows:
        if _fits(to, canvas_course_id, canvas_section_id):
            continue
        where = found.stay if number in wanted or kept else found.removed if granted else found.asked
        where.add(participant_id)
    return found


def _fits(to: Place | None, canvas_course_id: int, canvas_section_id: int | None) -> bool:
    """Whether an enrollment there is one in the place."""
    if to is None or to.canvas_course_id != canvas_course_id:
        return False
    return to.canvas_section_id in (None, canvas_section_id)
