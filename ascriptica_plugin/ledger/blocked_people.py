"""Details about the people of a group, in the courses that are shown: who only waits to be taken out, and what somebody
did by hand in Canvas. Only reads."""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Select, func, literal, select, union_all
from sqlalchemy.orm import Session

from ..tables.canvas import Connection
from ..tables.ledger import Claim, Seat
from ..tables.office import Course, Registration
from . import due
from .blocked import PEOPLE, cause_scope
from .blocked_groups import Group, Where

SHOWN = 20
"""How many courses of a group are shown, the most urgent first. Details are looked up only for their people."""


def look(session: Session, connection: Connection, groups: Iterable[Group]) -> None:
    """Fill in `leaving` and `changed` of the courses that are shown."""
    shown = {
        (group.name, group.scope, where.code): where
        for group in groups
        for where in group.courses[:SHOWN]
        if where.canvas_course_id is not None
    }
    by_name: dict[str, list[Where]] = {}
    for (name, _, _), where in shown.items():
        by_name.setdefault(name, []).append(where)
    for name, scope, code, people in session.execute(_leaving(connection, by_name)) if by_name else ():
        if its := shown.get((name, scope, code)):
            its.leaving = people
    if changed := by_name.get("changed_in_canvas"):
        for code, what, people in session.execute(_changed(connection, changed)):
            if its := shown.get(("changed_in_canvas", "", code)):
                its.changed[what] = people


def _there(courses: list[Where]) -> ColumnElement[bool]:
    return Seat.canvas_course_id.in_({where.canvas_course_id for where in courses})


def _leaving(connection: Connection, by_name: dict[str, list[Where]]) -> Select:
    """SQL: name, scope, our course, and how many people wait there though no registration wants them there any more."""
    here = Seat.connection_id == connection.id
    # One look into an index for each seat: PostgreSQL, which expects more seats than there are, would read all claims.
    live = select(Claim.id).where(Claim.seat_id == Seat.id, Claim.ended_at.is_(None)).limit(1).scalar_subquery()
    newest = select(func.max(Claim.id)).where(Claim.seat_id == Seat.id).correlate(Seat).scalar_subquery()
    columns = (Seat.participant_id, newest.label("claim_id"))
    parts: list[Select] = []
    for name, courses in by_name.items():
        # Ending a claim raises the version, so most of the people who wait need no look at all.
        nobodys = (_there(courses), Seat.version > 1, live.is_(None))
        its = select(literal(name).label("name"), cause_scope.label("scope"), *columns)
        parts.append(its.where(here, due.waits(), Seat.cause == name, *nobodys))
        if name == connection.hold_cause:
            its = select(literal(name).label("name"), literal("").label("scope"), *columns)
            parts.append(its.where(due.unsettled(connection.id), Seat.cause.is_(None), *nobodys))
    seats = union_all(*parts).cte("leaving").prefix_with("MATERIALIZED", dialect="postgresql")
    return (
        select(seats.c.name, seats.c.scope, Course.code, func.count(seats.c.participant_id.distinct()))
        .select_from(seats)
        .join(Claim, Claim.id == seats.c.claim_id)
        .join(Registration, Registration.id == Claim.registration_id)
        .join(Course, Course.id == Registration.course_id)
        .group_by(seats.c.name, seats.c.scope, Course.code)
    )


def _changed(connection: Connection, courses: list[Where]) -> Select:
    """SQL: our course, what somebody did by hand, and to how many of its people."""
    return (
        select(Course.code, Seat.cause_scope, PEOPLE)
        .select_from(Seat)
        .join(Claim, Claim.seat_id == Seat.id)
        .join(Registration, Registration.id == Claim.registration_id)
        .join(Course, Course.id == Registration.course_id)
        .where(Seat.connection_id == connection.id, due.waits(), Seat.cause == "changed_in_canvas", _there(courses))
        .where(Claim.ended_at.is_(None))
        .group_by(Course.code, Seat.cause_scope)
        .order_by(Course.code, Seat.cause_scope)
    )
