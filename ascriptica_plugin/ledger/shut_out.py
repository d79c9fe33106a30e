"""Who is enrolled and can't enter: the Canvas course is in trouble, or an invitation is not accepted.

Only reads.
"""

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import ColumnElement, CompoundSelect, Select, and_, false, func, or_, select, union
from sqlalchemy.orm import Session

from ..tables.canvas import Connection
from ..tables.ledger import CanvasRow, Claim, Seat
from ..tables.office import Course, Registration
from .rows import NOT_YET

MOST_COMPARED = 20_000
"""If there are at most this many people, each is counted once, no matter in how many courses they are. If there are
more, the numbers of the courses are added up."""


class Trouble(NamedTuple):
    """What is wrong with the Canvas course of a course of ours; `alone`: no other course of ours has that one."""

    name: str
    course_id: int
    code: str
    canvas_course_id: int
    alone: bool


def in_them(found: Collection[Trouble]) -> ColumnElement[bool]:
    """SQL for the seats of people who are in the Canvas courses of these. An index finds the seats of a Canvas course;
    only if it belongs to several courses of ours do the registrations have to show which."""
    are_in = and_(Seat.settled_version >= Seat.version, Seat.was_in.expression)
    parts: list[ColumnElement[bool]] = []
    if alone := [one.canvas_course_id for one in found if one.alone]:
        parts.append(Seat.canvas_course_id.in_(alone))
    if shared := [one for one in found if not one.alone]:
        asked = select(Claim.seat_id).join(Registration, Registration.id == Claim.registration_id)
        asked = asked.where(Claim.ended_at.is_(None), Registration.course_id.in_({one.course_id for one in shared}))
        there = Seat.canvas_course_id.in_({one.canvas_course_id for one in shared})
        parts.append(and_(there, Seat.id.in_(asked)))
    return and_(are_in, or_(*parts)) if parts else false()


def invited(connection: Connection) -> ColumnElement[bool]:
    """SQL for the seats of those who are invited and have not accepted."""
    rows = select(CanvasRow.canvas_enrollment_id).where(
        CanvasRow.connection_id == connection.id, CanvasRow.state.in_(NOT_YET)
    )
    are_in = and_(Seat.settled_version >= Seat.version, Seat.was_in.expression)
    return and_(are_in, Seat.canvas_enrollment_id.in_(rows))


def in_each(session: Session, connection: Connection, found: Collection[Trouble]) -> dict[str, int]:
    """How many people each course has in its Canvas course, by the course's code. Only for Canvas courses that belong
    to several of ours."""
    shared = [one for one in found if not one.alone]
    if not shared:
        return {}
    counted = (
        select(Course.code, func.count(Seat.participant_id.distinct()))
        .join(Registration, Registration.course_id == Course.id)
        .join(Claim, and_(Claim.registration_id == Registration.id, Claim.ended_at.is_(None)))
        .join(Seat, Seat.id == Claim.seat_id)
        .where(Course.id.in_({one.course_id for one in shared}), Seat.connection_id == connection.id, in_them(shared))
        .group_by(Course.code)
    )
    return dict(session.execute(counted).all())


def people(connection: Connection, waiting: ColumnElement[bool], found: Collection[Trouble]) -> CompoundSelect:
    """SQL for the participants who wait, by this condition on Seat, or are in the Canvas courses of these."""
    here = Seat.connection_id == connection.id
    return union(
        select(Seat.participant_id).where(here, waiting), select(Seat.participant_id).where(here, in_them(found))
    )


def registered(codes: Collection[str]) -> Select:
    """SQL for the participants who are registered for these courses."""
    its = select(Registration.participant_id).join(Course, Course.id == Registration.course_id)
    return its.where(Course.code.in_(codes), Registration.status == "registered")
