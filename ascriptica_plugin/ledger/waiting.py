"""What waits for Canvas or for a person: one group for each thing that has to be done, worst first. Only reads."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, and_, case, cast, exists, func, literal, not_, or_, select, union
from sqlalchemy.orm import Session

from ..tables.canvas import Connection
from ..tables.ledger import Claim, Seat
from ..tables.office import Association, Course, Participant, Registration
from . import due
from .causes import CAUSES, PERMISSIONS, Cause

_GONE = ("not_looked_up", "course_missing", "section_missing", "course_closed_to_students")
_SHUT = ("course_unpublished", "course_concluded", "outside_dates")
LOOKED_UP = (*_GONE, *_SHUT)
"""Causes of courses that a look-up of the Canvas course may find gone: nobody can be enrolled; nobody can enter."""

cause_scope = case(
    *((and_(Seat.cause == "permission_missing", Seat.cause_scope.startswith(name)), name) for name in PERMISSIONS),
    (Seat.cause.in_(("permission_missing", "scope_missing", "root_id_wrong")), Seat.cause_scope),
    else_="",
)
"""Splits a cause into groups that need different remedies. Canvas courses need none: we list ours."""

SOMEDAY = timedelta(days=90)
"""How far off a course without a start counts as, for the order of the groups."""


@dataclass
class Where:
    """One of our courses in a group: `people` of its `registered` ones wait; `words` are about this course only."""

    code: str
    title: str
    starts_at: datetime | None
    ends_at: datetime | None
    registered: int
    canvas_course_id: int | None
    people: int
    words: str = ""

    def weight(self, now: datetime) -> float:
        """People by how soon their course starts; one that runs already weighs as one that starts in an hour."""
        starts = self.starts_at - now if self.starts_at else SOMEDAY
        if self.ends_at and self.ends_at <= now:
            starts = SOMEDAY * 4
        return self.people / max(starts / timedelta(hours=1), 1)


@dataclass
class Group:
    """Everybody who waits for the same thing. `given_up` of them are not tried again automatically."""

    name: str
    scope: str
    people: int
    detail: str | None = None
    given_up: int = 0
    courses: list[Where] = field(default_factory=list)

    @property
    def cause(self) -> Cause:
        return CAUSES[self.name]

    @property
    def remedy(self) -> str:
        return self.cause.remedy(self.scope, self.detail)


def groups_of(session: Session, connection: Connection, now: datetime) -> list[Group]:
    """All groups of the connection: first what all of Canvas waits for, then by people and how soon they need it."""
    groups = _groups_of_people(session, connection)
    hold = connection.hold_cause
    if hold is not None:
        groups.setdefault((hold, ""), Group(hold, "", 0)).detail = connection.hold_detail
    _add_groups_of_courses(session, connection, now, groups)

    def urgency(group: Group) -> tuple:
        return group.name != hold, -sum(where.weight(now) for where in group.courses), -group.people

    for group in groups.values():
        group.courses.sort(key=lambda where: -where.weight(now))
    return sorted(groups.values(), key=urgency)


def number(session: Session, connection: Connection, now: datetime) -> int:
    """How many groups wait for an administrator, with SIS IDs to decide about as one: one query of what waits."""
    by_office = [name for name, cause in CAUSES.items() if cause.by_office]
    found = union(
        select(Seat.cause.label("name"), cause_scope.label("scope")).where(
            Seat.connection_id == connection.id, due.waits(), Seat.cause.in_(by_office)
        ),
        _troubled(connection, now, _name(connection, now), literal("")).where(_is_shown(connection, now)),
        *([select(literal(connection.hold_cause), literal(""))] if connection.hold_cause in by_office else []),
        select(literal("sis_ids"), literal("")).where(
            exists().where(Participant.sis_user_id_refused.is_not(None), ~Participant.sis_user_id_decided)
        ),
    )
    return session.scalar(select(func.count()).select_from(found.subquery())) or 0


def names(session: Session, connection: Connection) -> list[str]:
    """The causes that people wait for now, in the order of `CAUSES`."""
    found = set(session.scalars(select(Seat.cause).distinct().where(Seat.connection_id == connection.id, due.waits())))
    return [name for name in CAUSES if name in found]


# -- by people --------------------------------------------------------------------------------------------------------


def _groups_of_people(session: Session, connection: Connection) -> dict[tuple[str, str], Group]:
    """While all of Canvas is on hold, what is due waits for that too."""
    waiting = [Seat.connection_id == connection.id, due.waits()]
    name: ColumnElement[Any] = Seat.cause.expression
    if connection.hold_cause is not None:
        waiting, name = [due.unsettled(connection.id)], func.coalesce(Seat.cause, connection.hold_cause)
    of = (name.label("name"), cause_scope.label("scope"))
    given_up = func.sum(case((Seat.parked_at.is_not(None), 1), else_=0)).label("given_up")
    # Each person once first, which a hash does; counting different people sorts all of them.
    person = (
        select(*of, func.max(Seat.cause_detail).label("detail"), given_up)
        .where(*waiting)
        .group_by("name", "scope", Seat.participant_id)
        .subquery()
    )
    group = (person.c.name, person.c.scope)
    all_given_up = cast(func.sum(person.c.given_up), Integer)
    found = session.execute(select(*group, func.count(), func.max(person.c.detail), all_given_up).group_by(*group))
    groups = {(row[0], row[1]): Group(*row) for row in found}
    newest = select(func.max(Claim.id)).where(Claim.seat_id == Seat.id).correlate(Seat).scalar_subquery()
    person_there = (
        select(*of, Registration.course_id, func.max(Seat.canvas_course_id).label("canvas_course_id"))
        .join(Claim, Claim.seat_id == Seat.id)
        .join(Registration, Registration.id == Claim.registration_id)
        .where(*waiting, or_(Claim.ended_at.is_(None), Claim.id == newest))
        .group_by("name", "scope", Registration.course_id, Seat.participant_id)
        .subquery()
    )
    place = (person_there.c.name, person_there.c.scope, person_there.c.course_id)
    counted = (
        select(
            *place, func.max(person_there.c.canvas_course_id).label("canvas_course_id"), func.count().label("people")
        )
        .group_by(*place)
        .subquery()
    )
    places = select(counted.c.name, counted.c.scope, *_OF_COURSE, counted.c.canvas_course_id, counted.c.people).join(
        Course, Course.id == counted.c.course_id
    )
    for cause, scope, *where in session.execute(places):
        groups[cause, scope].courses.append(Where(*where))
    return groups


_OF_COURSE = (Course.code, Course.title, Course.starts_at, Course.ends_at, Course.places_taken)


# -- by courses: their people have no seat yet, or are enrolled and can't enter ---------------------------------------


def _name(connection: Connection, now: datetime) -> ColumnElement[str]:
    """SQL for what is wrong with an association; NULL if nothing is."""
    dated_ahead = or_(Course.starts_at > now, Course.ends_at > now)
    # People want in from the start on, or now where that has passed. Without a start, a course may open any time.
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


def _troubled(connection: Connection, now: datetime, *columns: Any) -> Select:
    """Associations with which something is wrong, of courses that are still on."""
    return (
        select(*columns)
        .select_from(Association)
        .join(Course, Course.id == Association.course_id)
        .where(_name(connection, now).is_not(None), Course.cancelled_at.is_(None))
        .where(or_(Course.ends_at.is_(None), Course.ends_at > now))
    )


def _is_shown(connection: Connection, now: datetime) -> ColumnElement[bool]:
    """What was not found is shown at once; anything else while somebody is concerned."""
    return case(
        (_name(connection, now).in_(_GONE), True),
        (_name(connection, now) == "other_canvas", Course.places_taken > 0),
        else_=exists().where(*_is_in(connection), Seat.canvas_course_id == Association.canvas_course_id),
    )


def _is_in(connection: Connection) -> tuple:
    return Seat.connection_id == connection.id, Seat.settled_version >= Seat.version, Seat.was_in


def _add_groups_of_courses(
    session: Session, connection: Connection, now: datetime, groups: dict[tuple[str, str], Group]
) -> None:
    columns = (Association.canvas_course_id, Association.problem)
    shown = _troubled(connection, now, _name(connection, now), *_OF_COURSE, *columns)
    found = session.execute(shown.where(_is_shown(connection, now)).order_by(Course.id)).all()
    in_canvas = _people_in(session, connection, {row.canvas_course_id for row in found if row.canvas_course_id})
    for name, code, title, starts_at, ends_at, registered, canvas_course_id, problem in found:
        people = registered
        if canvas_course_id is not None and name != "other_canvas":
            # Two of our courses in one Canvas course: nobody is counted twice.
            people = min(registered, in_canvas.get(canvas_course_id, 0))
            in_canvas[canvas_course_id] = in_canvas.get(canvas_course_id, 0) - people
        if not people and name in _SHUT:
            continue
        group = groups.setdefault((name, ""), Group(name, "", 0))
        group.people += people
        if held := next((where for where in group.courses if where.code == code), None):
            held.people += people
        else:
            words = problem or "" if name == "not_looked_up" else ""
            group.courses.append(Where(code, title, starts_at, ends_at, registered, canvas_course_id, people, words))


def _people_in(session: Session, connection: Connection, canvas_course_ids: Iterable[int]) -> dict[int, int]:
    counted = (
        select(Seat.canvas_course_id, func.count())
        .where(*_is_in(connection), Seat.canvas_course_id.in_(canvas_course_ids))
        .group_by(Seat.canvas_course_id)
    )
    return dict(session.execute(counted).all())
