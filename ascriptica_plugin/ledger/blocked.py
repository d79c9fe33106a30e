"""What waits for Canvas or for a person: one group for each thing that has to be done, worst first. Only reads."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    CompoundSelect,
    ScalarSelect,
    Select,
    and_,
    case,
    exists,
    func,
    literal,
    not_,
    or_,
    select,
    union,
    union_all,
)
from sqlalchemy.orm import Session

from ..tables.canvas import Connection
from ..tables.columns import one_of_few
from ..tables.ledger import Claim, Seat
from ..tables.office import Association, Course, Participant, Registration
from . import due
from .causes import CAUSES, PERMISSIONS, Cause

_GONE = ("not_looked_up", "course_missing", "section_missing", "course_closed_to_students")
SHUT = ("course_unpublished", "course_concluded", "outside_dates")
LOOKED_UP = (*_GONE, *SHUT)
"""Causes of courses that a look-up of the Canvas course may find gone: nobody can be enrolled; nobody can enter."""

_SCOPED = ("permission_missing", "scope_missing", "root_id_wrong")
_permission = case(*((Seat.cause_scope.startswith(name), name) for name in PERMISSIONS), else_=Seat.cause_scope)
cause_scope = case(
    (Seat.cause == "permission_missing", _permission), (Seat.cause.in_(_SCOPED), Seat.cause_scope), else_=""
)
"""Splits a cause into groups that need different remedies. Canvas courses need none: we list ours."""

SOMEDAY = timedelta(days=90)
"""How far off a course without a start counts as, for the order of the groups."""


@dataclass
class Where:
    """One of our courses in a group: so many `people` wait, beside its `registered` ones; `words` are about this course
    only. `leaving` of them have withdrawn and wait to be taken out, and `changed` counts them by what a hand in Canvas
    did: `blocked_people` looks at both."""

    code: str
    title: str
    starts_at: datetime | None
    ends_at: datetime | None
    registered: int
    canvas_course_id: int | None
    people: int
    words: str = ""
    leaving: int = 0
    changed: dict[str, int] = field(default_factory=dict)

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
    causes, trouble = _causes(connection), _name(connection, now)
    found = union(
        select(causes.c.cause, literal("")).where(causes.c.cause.in_(by_office), causes.c.cause.not_in(_SCOPED)),
        select(Seat.cause, cause_scope).where(
            Seat.connection_id == connection.id, due.waits(), Seat.cause.in_(_SCOPED)
        ),
        _troubled(now, trouble, literal("")).where(_is_shown(connection, trouble)),
        *([select(literal(connection.hold_cause), literal(""))] if connection.hold_cause in by_office else []),
        select(literal("sis_ids"), literal("")).where(
            exists().where(Participant.sis_user_id_refused.is_not(None), ~Participant.sis_user_id_decided)
        ),
    )
    return session.scalar(select(func.count()).select_from(found.subquery())) or 0


def courses_in_trouble(session: Session, connection: Connection, now: datetime) -> Sequence[Any]:
    """A group's name, our course's code and its start: for each course whose people can't get in or can't enter."""
    trouble = _name(connection, now)
    its = _troubled(now, trouble, Course.code, Course.starts_at).where(_is_shown(connection, trouble))
    return session.execute(its).all()


def groups_of_courses(session: Session, connection: Connection, now: datetime) -> list[Group]:
    """Of the groups, only what is wrong with courses: their people have no place yet, or are in and can't enter."""
    groups: dict[tuple[str, str], Group] = {}
    _add_groups_of_courses(session, connection, now, groups)
    return list(groups.values())


def names(session: Session, connection: Connection) -> list[str]:
    """The causes that people wait for now, in the order of `CAUSES`."""
    found = set(session.scalars(select(_causes(connection).c.cause)))
    return [name for name in CAUSES if name in found]


def _causes(connection: Connection) -> CTE:
    """SQL: the causes that people wait for, and a last NULL. Each is found by one look into an index of those who wait,
    so that it doesn't matter how many wait for it."""

    def first(*which: ColumnElement[bool]) -> ScalarSelect:
        waiting = select(Seat.cause).where(Seat.connection_id == connection.id, due.waits(), *which)
        return waiting.order_by(Seat.cause).limit(1).scalar_subquery()

    found = select(first().label("cause")).cte("waits_for", recursive=True)
    return found.union_all(select(first(Seat.cause > found.c.cause)).where(found.c.cause.is_not(None)))


# -- by people --------------------------------------------------------------------------------------------------------


_OF_COURSE = (Course.code, Course.title, Course.starts_at, Course.ends_at, Course.places_taken)

PEOPLE = func.count(Seat.participant_id.distinct()).label("people")

Kind = tuple[ColumnElement[Any], ColumnElement[Any], tuple[ColumnElement[bool], ...]]
"""SQL for a part of the seats that wait: a group's name, its scope, and conditions on Seat. Each part is counted by
itself, so that an index of those who wait for a cause brings them in order."""


def _kinds(connection: Connection) -> list[Kind]:
    """While all of Canvas is on hold, what is due waits for that too."""
    here, cause = Seat.connection_id == connection.id, Seat.cause.expression
    kinds: list[Kind] = [
        (cause, literal(""), (here, due.waits(), cause.not_in(_SCOPED))),
        (cause, cause_scope, (here, due.waits(), cause.in_(_SCOPED))),
    ]
    if connection.hold_cause is not None:
        kinds.append((literal(connection.hold_cause), literal(""), (due.unsettled(connection.id), cause.is_(None))))
    return kinds


def _groups_of_people(session: Session, connection: Connection) -> dict[tuple[str, str], Group]:
    kinds = _kinds(connection)
    groups: dict[tuple[str, str], Group] = {}
    for name, scope, people in session.execute(_people(connection, kinds)).all():
        groups.setdefault((name, scope), Group(name, scope, 0)).people += people
    for name, scope, detail, given_up in session.execute(_details(connection)):
        if group := groups.get((name, scope)):
            group.detail, group.given_up = detail, given_up
    for key, where in _places(session, connection, kinds):
        if group := groups.get(key):
            group.courses.append(where)
    return groups


def _people(connection: Connection, kinds: list[Kind]) -> CompoundSelect:
    """SQL: name, scope, how many different people.

    Those without scopes are counted cause by cause: PostgreSQL sorts numbers alone in half the time.
    """
    causes, waiting = _causes(connection), (Seat.connection_id == connection.id, due.waits())
    people = select(PEOPLE).where(*waiting, Seat.cause == causes.c.cause).scalar_subquery()
    return union_all(
        select(causes.c.cause, literal(""), people).where(causes.c.cause.not_in(_SCOPED)), *_counts(kinds[1:])
    )


def _counts(kinds: list[Kind], *by: Any) -> list[Select]:
    """SQL of each kind: name, scope, the columns, how many different people."""
    return [
        select(name.label("name"), scope.label("scope"), *by, PEOPLE).where(*which).group_by("name", *by, "scope")
        for name, scope, which in kinds
    ]


def _details(connection: Connection) -> CompoundSelect:
    """SQL: name, scope, what Canvas answered, and how many are given up, of the groups that show any of it.

    Each part is found by an index of its own.
    """
    has_detail = Seat.cause.in_([name for name, one in CAUSES.items() if one.has_detail])
    shown = (has_detail, and_(Seat.parked_at.is_not(None), not_(has_detail)))
    return union_all(
        *(
            select(Seat.cause, cause_scope, func.max(Seat.cause_detail), func.count(Seat.parked_at))
            .where(Seat.connection_id == connection.id, due.waits(), which)
            .group_by(Seat.cause, cause_scope)
            for which in shown
        )
    )


def _places(session: Session, connection: Connection, kinds: list[Kind]) -> Iterator[tuple[tuple[str, str], Where]]:
    """The courses of each group, with how many of its people wait there.

    Where a Canvas course belongs to one course of ours, it says which one. Only elsewhere the registrations are asked.
    """
    places = session.execute(union_all(*_counts(kinds, Seat.canvas_course_id))).all()
    used = {canvas_course_id for _, _, canvas_course_id, _ in places}
    ours: dict[int | None, list[Sequence[Any]]] = {}
    associated = select(Association.canvas_course_id, *_OF_COURSE).join(Course, Course.id == Association.course_id)
    # One look into an index for each course; a list of those in use would be as long as they are many.
    there = (due.unsettled(connection.id), Seat.canvas_course_id == Association.canvas_course_id)
    is_open = select(Seat.id).where(*there).limit(1).scalar_subquery().is_not(None)
    here = (Association.connection_id == connection.id, is_open)
    for canvas_course_id, *course in session.execute(associated.where(*here)).all():
        ours.setdefault(canvas_course_id, []).append(course)
    unclear = {number for number in used if len(ours.get(number, [])) != 1}
    for name, scope, canvas_course_id, people in places:
        if canvas_course_id not in unclear:
            yield (name, scope), _where(ours[canvas_course_id][0], canvas_course_id, people)
    for name, scope, *course, canvas_course_id, people in session.execute(_asked_for(session, kinds, unclear)).all():
        yield (name, scope), _where(course, canvas_course_id, people)


def _where(course: Sequence[Any], canvas_course_id: int | None, people: int) -> Where:
    code, title, starts_at, ends_at, registered = course
    return Where(code, title, starts_at, ends_at, registered, canvas_course_id, people)


def _asked_for(session: Session, kinds: list[Kind], canvas_course_ids: Collection[int]) -> CompoundSelect:
    """SQL: the same by the registrations that ask, or asked last, for places in these Canvas courses."""
    newest = select(func.max(Claim.id)).where(Claim.seat_id == Seat.id).correlate(Seat).scalar_subquery()
    return union_all(
        *(
            select(name.label("name"), scope.label("scope"), *_OF_COURSE, func.max(Seat.canvas_course_id), PEOPLE)
            .select_from(Seat)
            .join(Claim, Claim.seat_id == Seat.id)
            .join(Registration, Registration.id == Claim.registration_id)
            .join(Course, Course.id == Registration.course_id)
            .where(one_of_few(session, Seat.id.expression, _in(which, canvas_course_ids)))
            .where(or_(Claim.ended_at.is_(None), Claim.id == newest))
            .group_by("name", "scope", Course.id)
            for name, scope, which in kinds
        )
    )


def _in(which: tuple[ColumnElement[bool], ...], canvas_course_ids: Collection[int]) -> Select:
    return select(Seat.id).where(*which, Seat.canvas_course_id.in_(canvas_course_ids))


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


def _troubled(now: datetime, name: ColumnElement[str], *columns: Any) -> Select:
    """SQL: the `name` of what is wrong with an association, and the columns, of courses that are still on."""
    return (
        select(name, *columns)
        .select_from(Association)
        .join(Course, Course.id == Association.course_id)
        .where(name.is_not(None), Course.cancelled_at.is_(None))
        .where(or_(Course.ends_at.is_(None), Course.ends_at > now))
    )


def _is_shown(connection: Connection, name: ColumnElement[str]) -> ColumnElement[bool]:
    """What was not found is shown at once; anything else while somebody is concerned."""
    return case(
        (name.in_(_GONE), True),
        (name == "other_canvas", Course.places_taken > 0),
        else_=exists().where(*_is_in(connection)),
    )


def _is_in(connection: Connection) -> tuple[ColumnElement[bool], ...]:
    """Conditions on Seat and Association: somebody is in its Canvas course."""
    here = (Seat.connection_id == connection.id, Seat.canvas_course_id == Association.canvas_course_id)
    return *here, Seat.settled_version >= Seat.version, Seat.was_in.expression


def _add_groups_of_courses(
    session: Session, connection: Connection, now: datetime, groups: dict[tuple[str, str], Group]
) -> None:
    trouble = _name(connection, now)
    are_in = select(func.count()).where(*_is_in(connection)).correlate(Association).scalar_subquery()
    columns = (*_OF_COURSE, Association.canvas_course_id, Association.problem, are_in)
    shown = _troubled(now, trouble, *columns).where(_is_shown(connection, trouble)).order_by(Course.id)
    in_canvas: dict[int, int] = {}
    for name, code, title, starts_at, ends_at, registered, canvas_course_id, problem, there in session.execute(shown):
        people = registered
        if canvas_course_id is not None and name != "other_canvas":
            # Two of our courses in one Canvas course: nobody is counted twice.
            left = in_canvas.get(canvas_course_id, there)
            people = min(registered, left)
            in_canvas[canvas_course_id] = left - people
        if not people and name in SHUT:
            continue
        group = groups.setdefault((name, ""), Group(name, "", 0))
        group.people += people
        if held := next((where for where in group.courses if where.code == code), None):
            held.people += people
        else:
            words = problem or "" if name == "not_looked_up" else ""
            group.courses.append(Where(code, title, starts_at, ends_at, registered, canvas_course_id, people, words))
