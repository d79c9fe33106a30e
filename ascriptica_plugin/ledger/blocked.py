"""What waits for Canvas or for a person: one group for each thing that has to be done, worst first. Only reads."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
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
from sqlalchemy.orm import Session, aliased

from ..tables.canvas import Connection
from ..tables.columns import one_of_few
from ..tables.ledger import Claim, Seat
from ..tables.office import Association, Course, Participant, Registration
from . import blocked_courses, due
from .blocked_courses import OF_COURSE
from .blocked_groups import Group, Where
from .causes import CAUSES, PERMISSIONS

_SCOPED = ("permission_missing", "scope_missing", "root_id_wrong")
_permission = case(*((Seat.cause_scope.startswith(name), name) for name in PERMISSIONS), else_=Seat.cause_scope)
cause_scope = case(
    (Seat.cause == "permission_missing", _permission), (Seat.cause.in_(_SCOPED), Seat.cause_scope), else_=""
)
"""Splits a cause into groups that need different remedies. Canvas courses don't split one: we list ours."""


def groups_of(session: Session, connection: Connection, now: datetime) -> list[Group]:
    """All groups of the connection: first what all of Canvas waits for, then by people and how soon they need it."""
    groups = _groups_of_people(session, connection)
    hold = connection.hold_cause
    if hold is not None:
        groups.setdefault((hold, ""), Group(hold, "", 0)).detail = connection.hold_detail
    blocked_courses.add_groups(session, connection, now, groups)

    def urgency(group: Group) -> tuple:
        return group.name != hold, -sum(where.weight(now) for where in group.courses), -group.people

    for group in groups.values():
        group.courses.sort(key=lambda where: -where.weight(now))
    return sorted(groups.values(), key=urgency)


def number(session: Session, connection: Connection, now: datetime, *also: ColumnElement[bool]) -> int:
    """How many groups wait for an administrator; SIS IDs to decide about count as one, and so does each of the other
    conditions that is true. Takes one query."""
    by_office = [name for name, cause in CAUSES.items() if cause.by_office]
    causes, trouble = _causes(connection), blocked_courses.trouble_of(connection, now)
    sis_ids = exists().where(Participant.sis_user_id_refused.is_not(None), ~Participant.sis_user_id_decided)
    found = union(
        select(causes.c.cause, literal("")).where(causes.c.cause.in_(by_office), causes.c.cause.not_in(_SCOPED)),
        select(Seat.cause, cause_scope).where(
            Seat.connection_id == connection.id, due.waits(), Seat.cause.in_(_SCOPED)
        ),
        blocked_courses.troubled(now, trouble, literal("")).where(blocked_courses.is_shown(connection, trouble)),
        *([select(literal(connection.hold_cause), literal(""))] if connection.hold_cause in by_office else []),
        *(select(literal(f"also {place}"), literal("")).where(one) for place, one in enumerate((sis_ids, *also))),
    )
    return session.scalar(select(func.count()).select_from(found.subquery())) or 0


def names(session: Session, connection: Connection) -> list[str]:
    """The causes that people wait for now, in the order of `CAUSES`."""
    found = set(session.scalars(select(_causes(connection).c.cause)))
    return [name for name in CAUSES if name in found]


def _causes(connection: Connection) -> CTE:
    """SQL: the causes that people wait for, then NULL. Each is found by one look into an index of those who wait, so it
    doesn't matter how many wait for it."""

    def first(*which: ColumnElement[bool]) -> ScalarSelect:
        waiting = select(Seat.cause).where(Seat.connection_id == connection.id, due.waits(), *which)
        return waiting.order_by(Seat.cause).limit(1).scalar_subquery()

    found = select(first().label("cause")).cte("waits_for", recursive=True)
    return found.union_all(select(first(Seat.cause > found.c.cause)).where(found.c.cause.is_not(None)))


PEOPLE = func.count(Seat.participant_id.distinct()).label("people")

Kind = tuple[ColumnElement[Any], ColumnElement[Any], tuple[ColumnElement[bool], ...]]
"""SQL for a part of the seats that wait: a group's name, its scope, and conditions on Seat. Each part is counted
separately, so that an index of those who wait for a cause gives them in order."""


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

    Causes without scopes are counted one by one: PostgreSQL sorts numbers alone in half the time.
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

    If a Canvas course belongs to only one course of ours, that is the course. Otherwise the registrations show which.
    """
    places = session.execute(union_all(*_counts(kinds, Seat.canvas_course_id))).all()
    used = {canvas_course_id for _, _, canvas_course_id, _ in places}
    ours: dict[int | None, list[Sequence[Any]]] = {}
    associated = select(Association.canvas_course_id, *OF_COURSE).join(Course, Course.id == Association.course_id)
    # One look into an index for each course. A list of all Canvas courses in use could be very long.
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
    """SQL: the same for places in these Canvas courses, by the registrations that ask for them or, if none does any
    more, by the one that asked last."""
    newest = select(func.max(Claim.id)).where(Claim.seat_id == Seat.id).correlate(Seat).scalar_subquery()
    live = aliased(Claim)
    nobody_asks = ~exists().where(live.seat_id == Claim.seat_id, live.ended_at.is_(None))
    return union_all(
        *(
            select(name.label("name"), scope.label("scope"), *OF_COURSE, func.max(Seat.canvas_course_id), PEOPLE)
            .select_from(Seat)
            .join(Claim, Claim.seat_id == Seat.id)
            .join(Registration, Registration.id == Claim.registration_id)
            .join(Course, Course.id == Registration.course_id)
            .where(one_of_few(session, Seat.id.expression, _in(which, canvas_course_ids)))
            .where(or_(Claim.ended_at.is_(None), and_(Claim.id == newest, nobody_asks)))
            .group_by("name", "scope", Course.id)
            for name, scope, which in kinds
        )
    )


def _in(which: tuple[ColumnElement[bool], ...], canvas_course_ids: Collection[int]) -> Select:
    return select(Seat.id).where(*which, Seat.canvas_course_id.in_(canvas_course_ids))
