"""Which seats are due now, and in which order; which wait, and making those due again."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, exists, func, not_, or_, select, update
from sqlalchemy.orm import Session

from .. import retry
from ..tables.canvas import Claim, Connection, Seat
from ..tables.columns import change
from ..tables.office import Course, Registration
from . import claims


def unsettled(connection_id: int) -> ColumnElement[bool]:
    return and_(Seat.connection_id == connection_id, Seat.settled_version < Seat.version)


def due(connection_id: int, now: datetime) -> ColumnElement[bool]:
    """SQL for the seats that the drain takes up now, without canaries."""
    # A time later than the longest back-off allows was set by a clock that has stepped back since: due.
    time_has_come = or_(Seat.due_at.is_(None), Seat.due_at <= now, Seat.due_at > now + retry.LONGEST_BACK_OFF * 1.5)
    return and_(unsettled(connection_id), Seat.parked_at.is_(None), not_(Seat.held), time_has_come)


def _canaries(connection_id: int, now: datetime) -> Select[int]:
    return (
        select(func.min(Seat.id))
        .where(unsettled(connection_id), Seat.held, Seat.parked_at.is_(None), Seat.due_at.is_not(None))
        .group_by(Seat.cause, Seat.cause_scope)
        .having(or_(func.min(Seat.due_at) <= now, func.max(Seat.due_at) > now + retry.CANARY * 1.5))
    )


def anything_due(session: Session, connection_id: int, now: datetime) -> bool:
    """Whether a drain would find work; takes no lock."""
    one = select(Seat.id).where(due(connection_id, now)).limit(1)
    return session.scalar(one) is not None or session.scalar(_canaries(connection_id, now).limit(1)) is not None


def due_ids(session: Session, connection_id: int, now: datetime, limit: int, without: Collection[int]) -> list[int]:
    """Ids of due seats, those of courses that start soonest first, then one canary for each cause of held seats."""
    canaries = list(session.scalars(_canaries(connection_id, now)))
    soonest = (
        select(func.min(Course.starts_at))
        .join(Registration, Registration.course_id == Course.id)
        .join(Claim, Claim.registration_id == Registration.id)
        .where(Claim.seat_id == Seat.id)
        .scalar_subquery()
    )
    found = (
        select(Seat.id)
        .where(due(connection_id, now))
        .order_by(soonest.nulls_last(), Seat.changed_at, Seat.id)
        .limit(limit + len(without))
    )
    return [seat_id for seat_id in [*session.scalars(found), *canaries] if seat_id not in without]


def matters() -> ColumnElement[bool]:
    """SQL for the seats that are wanted, or not settled yet."""
    wanted = exists().where(Claim.seat_id == Seat.id, Claim.ended_at.is_(None))
    return or_(Seat.settled_version < Seat.version, wanted)


def waits() -> ColumnElement[bool]:
    """SQL for the seats that something blocks: held, parked, or put off after a counted attempt."""
    return and_(Seat.settled_version < Seat.version, Seat.cause.is_not(None))


def try_again(session: Session, connection: Connection, now: datetime, *which: ColumnElement[bool]) -> int:
    """`release`, because a person asked for it. A connection on hold asks Canvas at once, as its hold blocks all seats.

    Returns how many seats are due again.
    """
    if connection.hold_cause:
        connection.hold_until_at = now
        session.info[claims.RANG] = True
    return release(session, Seat.connection_id == connection.id, *which)


def release(session: Session, *which: ColumnElement[bool]) -> int:
    """Make the waiting seats that match the conditions due now. Returns how many.

    What a hand in Canvas changed stays: trying again would put it back, which only an answer may do.
    """
    by_hand = Seat.cause == "changed_in_canvas"
    released = change(session, update(Seat).where(waits(), ~by_hand, *which).values(**claims.FRESH))
    if released:
        session.info[claims.RANG] = True
    return released
