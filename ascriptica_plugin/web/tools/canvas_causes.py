"""What waits for Canvas or for a person, grouped by what has to be done; shown at /tools/canvas."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import and_, case, func, or_, select
from sqlalchemy.orm import contains_eager

from ...ledger import due
from ...ledger.causes import CAUSES, Cause, remedy
from ...tables.canvas import Claim, Connection, Seat
from ...tables.office import Association, Course, Registration
from ..base import session

OF_COURSES = ("course_unpublished", "not_looked_up")
"""Causes of courses, not of seats. Trying again means looking up the Canvas course again."""

cause_scope = case((Seat.cause.in_(("permission_missing", "root_id_wrong")), Seat.cause_scope), else_="")
"""Splits a cause into groups that need different remedies. Missing Canvas courses need none: we list ours."""


@dataclass
class Where:
    """One of our courses in a group, with the number of its people there; `words` are about this course only."""

    code: str
    title: str
    starts_at: datetime | None
    ends_at: datetime | None
    people: int
    words: str = ""


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
        return remedy(self.name, self.scope, self.detail)

    @property
    def of_people(self) -> bool:
        """Whether the list of people can be filtered by it."""
        return self.name not in (*OF_COURSES, "other_canvas")

    def urgency(self, now: datetime) -> tuple:
        """Sort key that puts the most urgent group first: the one whose course starts soonest, then the largest."""
        starts = [one.starts_at for one in self.courses if one.starts_at and not (one.ends_at and one.ends_at <= now)]
        return (not starts, min(starts, default=now), -self.people)


def groups_of(connection: Connection, now: datetime) -> list[Group]:
    """All groups of the connection, most urgent first."""
    groups = [*_groups_of_people(connection), *_groups_of_courses(connection, now)]
    return sorted(groups, key=lambda group: group.urgency(now))


def _groups_of_people(connection: Connection) -> list[Group]:
    waiting = (Seat.connection_id == connection.id, due.waits())
    of, how_many = (Seat.cause, cause_scope.label("scope")), func.count(Seat.participant_id.distinct())
    given_up = func.sum(case((Seat.parked_at.is_not(None), 1), else_=0))
    found = session().execute(
        select(*of, how_many, func.max(Seat.cause_detail), given_up).where(*waiting).group_by(Seat.cause, "scope")
    )
    groups = {tuple(row[:2]): Group(*row) for row in found}
    newest = select(func.max(Claim.id)).where(Claim.seat_id == Seat.id).correlate(Seat).scalar_subquery()
    places = (
        select(*of, Course.code, Course.title, Course.starts_at, Course.ends_at, how_many)
        .join(Claim, Claim.seat_id == Seat.id)
        .join(Registration, Registration.id == Claim.registration_id)
        .join(Course, Course.id == Registration.course_id)
        .where(*waiting, or_(Claim.ended_at.is_(None), Claim.id == newest))
        .group_by(Seat.cause, "scope", Course.id)
        .order_by(Course.starts_at.nulls_last(), Course.title)
    )
    for cause, scope, *where in session().execute(places):
        groups[cause, scope].courses.append(Where(*where))
    return list(groups.values())


def _groups_of_courses(connection: Connection, now: datetime) -> list[Group]:
    """Problems of whole courses, whose people have no seat yet, or have one but can't enter."""
    unpublished = and_(Association.published.is_(False), Association.concluded.is_(False))
    here = Association.connection_id == connection.id
    found = session().scalars(
        select(Association)
        .join(Association.course)
        .where(or_(Association.connection_id != connection.id, Association.problem.is_not(None), unpublished))
        .where(Course.cancelled_at.is_(None), or_(Course.ends_at.is_(None), Course.ends_at > now))
        .order_by(Course.starts_at.nulls_last(), Course.title)
        .options(contains_eager(Association.course))
    )
    in_canvas = dict(
        session()
        .execute(
            select(Seat.canvas_course_id, func.count())
            .where(Seat.connection_id == connection.id, Seat.settled_version >= Seat.version, Seat.was_in)
            .where(Seat.canvas_course_id.in_(select(Association.canvas_course_id).where(here, unpublished)))
            .group_by(Seat.canvas_course_id)
        )
        .all()
    )
    groups: dict[str, Group] = {}
    for association in found:
        course, count, words = association.course, association.course.places_taken, ""
        if association.connection_id != connection.id:
            name = "other_canvas"
        elif association.problem is not None:
            name, words = "not_looked_up", association.problem
        else:
            # Two of our courses in one Canvas course: its people are counted with the first.
            name, count = "course_unpublished", in_canvas.pop(association.canvas_course_id or 0, 0)
        if count or name == "not_looked_up":
            group = groups.setdefault(name, Group(name, "", 0))
            group.people += count
            group.courses.append(Where(course.code, course.title, course.starts_at, course.ends_at, count, words))
    return list(groups.values())
