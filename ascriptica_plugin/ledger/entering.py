"""How many of a course's people can enter its Canvas course, and what keeps the others out. Only reads the ledger."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, false, func, not_, or_, select
from sqlalchemy.orm import Session, aliased

from ..tables.canvas import CanvasRow, Claim, Connection, Match, Seat
from ..tables.office import Association, Participant, Registration
from .access import IS_BEING_ENDED, IS_POINTED_TO, IS_SURE, IS_THEIRS
from .rows import LIVE

ON_THE_WAY, INVITED, NO_CANVAS_COURSE = "on_the_way", "invited", "no_canvas_course"
"""What keeps somebody out, beside the causes: nothing but time, an invitation to accept, no Canvas course at all."""

CAN_ENTER = "can_enter"


@dataclass
class Entering:
    """Of so many `registered` people, so many `can_enter`; `kept_out` counts the others by a cause's name, or one of
    the words above, most people first."""

    registered: int = 0
    can_enter: int = 0
    kept_out: dict[str, int] = field(default_factory=dict)


def of_courses(
    session: Session, connection: Connection, course_ids: Collection[int], now: datetime
) -> dict[int, Entering]:
    """How each course's people stand, by the course's id: one query for all. Everybody registered is counted once.

    Only who was seen with an active enrollment, in a Canvas course that is published, not concluded and within its
    dates as far as we know them, can enter.
    """
    found = {course_id: Entering() for course_id in course_ids}
    what = _what_keeps_out(connection, now).label("what")
    counted = session.execute(
        _registered(connection, Registration.course_id, what, func.count().label("people"))
        .where(Registration.course_id.in_(course_ids))
        .group_by(Registration.course_id, "what")
        .order_by(func.count().desc(), "what")
    )
    for course_id, what, people in counted:
        its = found[course_id]
        its.registered += people
        if what == CAN_ENTER:
            its.can_enter = people
        else:
            its.kept_out[what] = people
    return found


def of_registrations(
    session: Session, connection: Connection, registration_ids: Collection[int], now: datetime
) -> dict[int, str]:
    """What keeps each of those who are registered out, by the registration's id, or `CAN_ENTER`."""
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
    """SQL for what keeps a registered person out, or `CAN_ENTER`; judged as in the pages' words for one person."""
    is_seen = and_(CanvasRow.state.in_(LIVE), CanvasRow.canvas_user_id == Match.canvas_user_id, IS_SURE)
    before = CanvasRow.seen_at < connection.restored_at if connection.restored_at is not None else false()
    return case(
        (Association.course_id.is_(None), NO_CANVAS_COURSE),
        (func.coalesce(Association.connection_id, 0) != connection.id, "other_canvas"),
        (and_(Association.canvas_course_id.is_(None), Association.problem.is_not(None)), "not_looked_up"),
        (and_(is_seen, ~IS_BEING_ENDED, before), "canvas_restored"),
        (
            and_(is_seen, ~IS_BEING_ENDED),
            case(
                (CanvasRow.state != "active", INVITED),
                (Association.concluded, "course_concluded"),
                (not_(Association.published), "course_unpublished"),
                (or_(Association.opens_at > now, Association.closes_at <= now), "outside_dates"),
                else_=CAN_ENTER,
            ),
        ),
        (or_(Seat.held, Seat.parked_at.is_not(None), Seat.cause == "changed_in_canvas"), Seat.cause),
        else_=connection.hold_cause or ON_THE_WAY,
    )
