"""What is wrong with courses: their people have no seat yet, or are enrolled and can't enter. Only reads."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, literal, not_, or_, select, union_all
from sqlalchemy.orm import Session

from ..tables.canvas import Connection
from ..tables.ledger import Seat
from ..tables.office import Association, Course
from . import due, shut_out
from .blocked_groups import Group, Where

_GONE = ("not_looked_up", "course_missing", "section_missing", "course_closed_to_students")
SHUT = ("course_unpublished", "course_concluded", "outside_dates")
"""Causes of courses. `_GONE`: nobody can be enrolled there. `SHUT`: people are enrolled and can't enter."""

LOOKED_UP = (*_GONE, *SHUT)
"""Causes that another look-up of the Canvas course may find gone."""

OF_COURSE = (Course.code, Course.title, Course.starts_at, Course.ends_at, Course.places_taken)


def courses_in_trouble(session: Session, connection: Connection, now: datetime) -> Sequence[Any]:
    """A group's name, our course's code and its start: for each course whose people can't get in or can't enter."""
    trouble = trouble_of(connection, now)
    its = troubled(now, trouble, Course.code, Course.starts_at).where(is_shown(connection, trouble))
    return session.execute(its).all()


def groups_of_courses(session: Session, connection: Connection, now: datetime) -> list[Group]:
    """The groups about courses only: their people have no place yet, or are in and can't enter."""
    groups: dict[tuple[str, str], Group] = {}
    add_groups(session, connection, now, groups)
    return list(groups.values())


def troubles(session: Session, connection: Connection, now: datetime) -> list[shut_out.Trouble]:
    """What is wrong with courses that are still on and whose Canvas course is known, on this connection."""
    is_on = and_(Course.cancelled_at.is_(None), or_(Course.ends_at.is_(None), Course.ends_at > now))
    found = session.execute(
        select(Association.canvas_course_id, trouble_of(connection, now), Course.id, Course.code, is_on)
        .join(Course, Course.id == Association.course_id)
        .where(Association.connection_id == connection.id, Association.canvas_course_id.is_not(None))
    ).all()
    used = Counter(canvas_course_id for canvas_course_id, *_ in found)
    return [
        shut_out.Trouble(name, course_id, code, canvas_course_id, used[canvas_course_id] == 1)
        for canvas_course_id, name, course_id, code, on in found
        if canvas_course_id is not None and name is not None and on
    ]


def trouble_of(connection: Connection, now: datetime) -> ColumnElement[str]:
    """SQL for what is wrong with an association; NULL if nothing is."""
    dated_ahead = or_(Course.starts_at > now, Course.ends_at > now)
    # People want to get in from the start on, or now if that has passed. Without a start, a course may open any time.
    wanted_at = case((Course.starts_at > now, Course.starts_at), else_=now)
    opens_late = and_(Course.starts_at.is_not(None), Association.opens_at > wanted_at)
    return case(
        (Association.connection_id != connection.id, "other_canvas"),
        (Association.problem.is_not(None), "not_looked_up"),
        (Association.trouble.is_not(None), Association.trouble),
        (and_(Association.concluded, dated_ahead), "course_concluded"),
        (and_(not_(Association.published), not_(Association.concluded)), "course_unpublished"),
        (or_(opens_late, Association.closes_at <= wanted_at), "outside_dates"),
    )


def troubled(now: datetime, name: ColumnElement[str], *columns: Any) -> Select:
    """SQL: the `name` of what is wrong with an association, and the columns, of courses that are still on."""
    return (
        select(name, *columns)
        .select_from(Association)
        .join(Course, Course.id == Association.course_id)
        .where(name.is_not(None), Course.cancelled_at.is_(None))
        .where(or_(Course.ends_at.is_(None), Course.ends_at > now))
    )


def is_shown(connection: Connection, name: ColumnElement[str]) -> ColumnElement[bool]:
    """A course that was not found is shown at once; any other problem only while somebody is affected."""
    return case(
        (name.in_(_GONE), True),
        (name == "other_canvas", Course.places_taken > 0),
        else_=exists().where(*_is_in(connection)),
    )


def _is_in(connection: Connection) -> tuple[ColumnElement[bool], ...]:
    """Conditions on Seat and Association: somebody is in its Canvas course."""
    here = (Seat.connection_id == connection.id, Seat.canvas_course_id == Association.canvas_course_id)
    return *here, Seat.settled_version >= Seat.version, Seat.was_in.expression


def add_groups(session: Session, connection: Connection, now: datetime, groups: dict[tuple[str, str], Group]) -> None:
    """Add what is wrong with courses to the groups, which are found by name and scope."""
    trouble = trouble_of(connection, now)
    are_in = select(func.count()).where(*_is_in(connection)).correlate(Association).scalar_subquery()
    columns = (*OF_COURSE, Association.canvas_course_id, Association.problem, are_in)
    shown = troubled(now, trouble, *columns).where(is_shown(connection, trouble)).order_by(Course.id)
    found = troubles(session, connection, now)
    in_each = shut_out.in_each(session, connection, found)
    of_courses: dict[str, list[Where]] = {}
    for name, code, title, starts_at, ends_at, registered, canvas_course_id, problem, there in session.execute(shown):
        people = registered
        if canvas_course_id is not None and name != "other_canvas":
            people = in_each.get(code, min(registered, there))
        if not people and name in SHUT:
            continue
        words = problem or "" if name == "not_looked_up" else ""
        where = Where(code, title, starts_at, ends_at, registered, canvas_course_id, people, words)
        of_courses.setdefault(name, []).append(where)
    waiting = {name: group.people for (name, scope), group in groups.items() if not scope}
    people_of = different(session, connection, of_courses, waiting, found)
    for name, courses in of_courses.items():
        group = groups.setdefault((name, ""), Group(name, "", 0))
        group.people = people_of[name]
        for where in courses:
            if held := next((one for one in group.courses if one.code == where.code), None):
                held.people += where.people
            else:
                group.courses.append(where)


def different(
    session: Session,
    connection: Connection,
    of_courses: Mapping[str, Sequence[Where]],
    waiting: Mapping[str, int],
    found: Collection[shut_out.Trouble],
) -> dict[str, int]:
    """How many different people each group of courses has, by its name: those who wait for it, and those of its
    courses. One query for all groups."""
    numbers: dict[str, int] = {}
    compared: list[Select] = []
    for name, courses in of_courses.items():
        numbers[name] = waiting.get(name, 0) + sum(where.people for where in courses)
        is_sum = len(courses) == 1 and not waiting.get(name)
        if is_sum or not 0 < numbers[name] <= shut_out.MOST_COMPARED:
            continue
        codes = {where.code for where in courses}
        if name in ("not_looked_up", "other_canvas"):
            people = shut_out.registered(codes).subquery()
        else:
            its = [one for one in found if one.name == name and one.code in codes]
            people = shut_out.people(connection, and_(due.waits(), Seat.cause == name), its).subquery()
        compared.append(select(literal(name), func.count(people.c[0].distinct())))
    return numbers | (dict(session.execute(union_all(*compared)).all()) if compared else {})
