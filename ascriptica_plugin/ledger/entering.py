"""How many of a course's people can enter its Canvas course, and what keeps the others out. Only reads the ledger."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    CompoundSelect,
    Select,
    and_,
    case,
    exists,
    false,
    func,
    not_,
    or_,
    select,
    union,
    union_all,
)
from sqlalchemy.orm import Session, aliased

from ..tables.canvas import Connection
from ..tables.columns import one_of_few
from ..tables.ledger import CanvasRow, Claim, Match, Seat
from ..tables.office import Association, Course, Participant, Registration
from .access import IS_ASKED, IS_BEING_ENDED, IS_POINTED_TO, IS_SURE, IS_THEIRS
from .rows import LIVE, NOT_YET

ON_THE_WAY, INVITED, NO_CANVAS_COURSE = "on_the_way", "invited", "no_canvas_course"
"""What keeps somebody out, besides the causes: only time, an invitation to accept, or no Canvas course at all."""

CAN_ENTER = "can_enter"


@dataclass
class Entering:
    """How many people are `registered`, and how many of them `can_enter`. `kept_out` counts the others by a cause's
    name, or one of the words above, most people first."""

    registered: int = 0
    can_enter: int = 0
    kept_out: dict[str, int] = field(default_factory=dict)


def of_courses(
    session: Session, connection: Connection, course_ids: Collection[int], now: datetime
) -> dict[int, Entering]:
    """Where each course's people stand, by the course's id: one query for all.

    Everybody registered is counted once. Only somebody whom Canvas showed with an active enrollment can enter, in a
    Canvas course that is published, not concluded and within its dates as far as we know them. While the office is
    asked who they are, the Canvas user whom we knew counts. Only people about whom something is open are looked at one
    by one; indexes find them. Everybody else is in.
    """
    open_ones = _open_ones(session, connection, course_ids, now).subquery()
    nowhere = _nowhere(connection)
    otherwise, what = case(*nowhere, else_=_once_in(now)), case(*nowhere, else_=open_ones.c.what)
    counted = session.execute(
        select(Course.id, Course.places_taken, otherwise, what, open_ones.c.people)
        .outerjoin(Association, Association.course_id == Course.id)
        .outerjoin(open_ones, open_ones.c.course_id == Course.id)
        .where(Course.id.in_(course_ids))
    )
    found: dict[int, Entering] = {}
    for course_id, registered, of_others, what, people in counted:
        its = found.setdefault(course_id, Entering(registered, 0, {of_others: registered}))
        if people:
            its.kept_out[of_others] -= people
            its.kept_out[what] = its.kept_out.get(what, 0) + people
    for its in found.values():
        its.can_enter = its.kept_out.pop(CAN_ENTER, 0)
        its.kept_out = dict(sorted(filter(itemgetter(1), its.kept_out.items()), key=lambda one: (-one[1], one[0])))
    return found


_NEVER_IN = and_(Seat.settled_version < Seat.version, Seat.canvas_enrollment_id.is_(None))
"""The wish is open, and Canvas has not answered with an enrollment yet."""


def _open_ones(session: Session, connection: Connection, course_ids: Collection[int], now: datetime) -> CompoundSelect:
    """SQL: course, what keeps people out, how many people; only people about whom something is open.

    Most of them were never in Canvas, so nothing that is known about Canvas has to be looked at.
    """
    of_them = (Registration.status == "registered", Registration.course_id.in_(course_ids))
    waits = case(*_WAITS, else_=_on_the_way(connection)).label("waits")
    unsettled = select(Seat.id, waits, Seat.canvas_enrollment_id).where(
        Seat.connection_id == connection.id,
        one_of_few(session, Seat.canvas_course_id.expression, _canvas_courses(course_ids)),
        Seat.settled_version < Seat.version,
    )
    # PostgreSQL expects either none or many, so the seats are read first and then looked up one by one. In the order of
    # their ids, each look finds most of what it needs near the one before it.
    seats = unsettled.order_by(Seat.id).cte("unsettled")
    seats = seats.prefix_with("MATERIALIZED", dialect="postgresql")
    never_in = (
        select(Registration.course_id, seats.c.waits.label("what"), func.count().label("people"))
        .select_from(seats)
        .join(Claim, Claim.seat_id == seats.c.id)
        .join(Registration, _IS_NEWEST)
        .where(seats.c.canvas_enrollment_id.is_(None), *of_them)
        .group_by(Registration.course_id, "what")
    )
    what = _what_keeps_out(connection, now).label("what")
    others = (
        _registered(connection, Registration.course_id, what, func.count().label("people"))
        .where(one_of_few(session, Registration.id.expression, _open(session, connection, course_ids, seats)))
        .where(Registration.course_id.in_(course_ids), or_(Seat.id.is_(None), not_(_NEVER_IN)))
        .group_by(Registration.course_id, "what")
    )
    return union_all(never_in, others)


def _seats(connection: Connection, course_ids: Collection[int]) -> Select:
    here = Seat.canvas_course_id.in_(_canvas_courses(course_ids))
    return select(Seat.id).where(Seat.connection_id == connection.id, here)


def _canvas_courses(course_ids: Collection[int]) -> Select:
    return select(Association.canvas_course_id).where(Association.course_id.in_(course_ids))


def _open(session: Session, connection: Connection, course_ids: Collection[int], unsettled: CTE) -> CompoundSelect:
    """The ids of the registrations for these courses about which something is open; a few others may be among them.

    A person whose seat is settled, with nothing else open, was seen in Canvas: `judge` and `doubt` unsettle it
    otherwise.
    """
    seats, settled = _seats(connection, course_ids), Seat.settled_version >= Seat.version
    of_seats = [
        select(unsettled.c.id).where(unsettled.c.canvas_enrollment_id.is_not(None)),
        seats.where(settled, Seat.cause.is_not(None)),
        seats.join(CanvasRow, IS_POINTED_TO).where(CanvasRow.state.in_(NOT_YET)),
        seats.join(Match, IS_THEIRS).where(or_(Match.doubted, Match.question.is_not(None))),
        seats.where(IS_BEING_ENDED),
    ]
    if connection.restored_at is not None:
        of_seats.append(seats.join(CanvasRow, IS_POINTED_TO).where(CanvasRow.seen_at < connection.restored_at))
    on_them = one_of_few(session, Claim.seat_id.expression, union(*of_seats))
    claiming = select(Claim.registration_id).where(Claim.ended_at.is_(None), on_them)
    being_looked_up = (
        select(Registration.id)
        .join(Association, Association.course_id == Registration.course_id)
        .where(Registration.course_id.in_(course_ids), Association.canvas_course_id.is_(None))
        .where(Association.problem.is_(None))
    )
    return union(claiming, being_looked_up)


def of_registrations(
    session: Session, connection: Connection, registration_ids: Collection[int], now: datetime
) -> dict[int, str]:
    """What keeps each registered person out, or `CAN_ENTER`, by the registration's id."""
    found = _registered(connection, Registration.id, _what_keeps_out(connection, now))
    return dict(session.execute(found.where(Registration.id.in_(registration_ids))).all())


def _registered(connection: Connection, *columns: Any) -> Select:
    return (
        select(*columns)
        .select_from(Registration)
        .join(Participant, Participant.id == Registration.participant_id)
        .outerjoin(Association, Association.course_id == Registration.course_id)
        .outerjoin(Claim, _IS_NEWEST)
        .outerjoin(Seat, and_(Seat.id == Claim.seat_id, Seat.connection_id == connection.id))
        .outerjoin(Match, IS_THEIRS)
        .outerjoin(CanvasRow, IS_POINTED_TO)
        .where(Registration.status == "registered")
    )


_newer = aliased(Claim)
_IS_NEWEST = and_(
    Claim.registration_id == Registration.id,
    Claim.ended_at.is_(None),
    ~exists().where(_newer.registration_id == Claim.registration_id, _newer.ended_at.is_(None), _newer.id > Claim.id),
)
"""Joins the newest live claim: while people are moved, the older one stays until they are in."""


def _what_keeps_out(connection: Connection, now: datetime) -> ColumnElement[str]:
    """SQL for what keeps a registered person out, or `CAN_ENTER`; by the same rules as the words on the pages for one
    person."""
    as_whom = or_(IS_SURE, IS_ASKED)
    is_seen = and_(CanvasRow.state.in_(LIVE), CanvasRow.canvas_user_id == Match.canvas_user_id, as_whom)
    before = CanvasRow.seen_at < connection.restored_at if connection.restored_at is not None else false()
    return case(
        *_nowhere(connection),
        (and_(is_seen, ~IS_BEING_ENDED, before), "canvas_restored"),
        (and_(is_seen, ~IS_BEING_ENDED, CanvasRow.state != "active"), INVITED),
        (and_(is_seen, ~IS_BEING_ENDED), _once_in(now)),
        *_WAITS,
        else_=_on_the_way(connection),
    )


_WAITS = [(or_(Seat.held, Seat.parked_at.is_not(None), Seat.cause == "changed_in_canvas"), Seat.cause)]


def _on_the_way(connection: Connection) -> str:
    return connection.hold_cause or ON_THE_WAY


def _nowhere(connection: Connection) -> list[tuple[ColumnElement[bool], str]]:
    """Conditions on Association for courses where nobody gets in because there is no Canvas course, and the name of
    each."""
    return [
        (Association.course_id.is_(None), NO_CANVAS_COURSE),
        (func.coalesce(Association.connection_id, 0) != connection.id, "other_canvas"),
        (and_(Association.canvas_course_id.is_(None), Association.problem.is_not(None)), "not_looked_up"),
    ]


def _once_in(now: datetime) -> ColumnElement[str]:
    """SQL for what keeps out those who have an active enrollment in the Canvas course, or `CAN_ENTER`."""
    return case(
        (Association.concluded, "course_concluded"),
        (not_(Association.published), "course_unpublished"),
        (or_(Association.opens_at > now, Association.closes_at <= now), "outside_dates"),
        else_=CAN_ENTER,
    )
