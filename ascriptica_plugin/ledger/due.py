"""Which seats are due now, and in which order; which ones wait, and how they become due again."""

import math
from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Float, Select, Subquery, and_, cast, exists, func, not_, null, or_, select, update
from sqlalchemy.orm import Session

from ..shared import pauses
from ..tables.canvas import Connection
from ..tables.columns import change
from ..tables.ledger import Claim, Seat
from ..tables.locks import locking_what_is_free
from ..tables.office import Association, Course
from . import claims


class Due(NamedTuple):
    """A seat whose turn has come, and what it is about; the least `turn` goes first."""

    seat_id: int
    participant_id: int
    canvas_course_id: int
    attempts: int
    seconds_from_start: float | None
    changed_at: datetime

    @property
    def turn(self) -> tuple[int, float, datetime, int]:
        """Seats that failed least often come first, so that different people try in turn. Then those whose course
        starts next, or started last: the nearest to now, before or after."""
        from_start = math.inf if self.seconds_from_start is None else float(self.seconds_from_start)
        return self.attempts, from_start, self.changed_at, self.seat_id


IN_TURN = (Seat.in_bulk, Seat.changed_at)
"""The order of the index of unsettled seats. Without an order, PostgreSQL assumes that a third of all seats are
unsettled, and would go through all of them to find one."""


def unsettled(connection_id: int) -> ColumnElement[bool]:
    """SQL for the seats of the connection whose wish is not fulfilled yet."""
    return and_(Seat.connection_id == connection_id, Seat.settled_version < Seat.version)


def due(connection_id: int, now: datetime, without_courses: Collection[int] = ()) -> ColumnElement[bool]:
    """SQL for the seats that the drain takes up now, without canaries and without those in these Canvas courses."""
    # A time later than the longest back-off allows was set by a clock that has stepped back since: due.
    time_has_come = or_(Seat.due_at.is_(None), Seat.due_at <= now, Seat.due_at > now + pauses.LONGEST_BACK_OFF * 1.5)
    is_due = and_(unsettled(connection_id), Seat.parked_at.is_(None), not_(Seat.held), time_has_come)
    return and_(is_due, Seat.canvas_course_id.not_in(without_courses)) if without_courses else is_due


def anything_due(session: Session, connection_id: int, now: datetime, without_courses: Collection[int] = ()) -> bool:
    """Whether a drain would find work; takes no lock."""
    one = select(Seat.id).where(due(connection_id, now, without_courses)).order_by(*IN_TURN).limit(1)
    return session.scalar(one) is not None or bool(canaries(session, connection_id, now, 1))


def due_now(
    session: Session,
    connection_id: int,
    now: datetime,
    limit: int,
    *,
    in_bulk: bool,
    since: datetime | None = None,
    without: Collection[int] = (),
    without_courses: Collection[int] = (),
) -> list[Due]:
    """The seats of people who acted one by one, or else of those who came in bulk, in the order of their turn.

    `since`: only those whose wish changed since then, which is fast, however many are due.
    """
    which = [due(connection_id, now, without_courses), Seat.in_bulk.is_(in_bulk)]
    if since is not None:
        which.append(Seat.changed_at >= since)
    starts = _starts(connection_id, now)
    found = (
        _as_due(starts.c.from_now)
        .outerjoin(starts, starts.c.canvas_course_id == Seat.canvas_course_id)
        .where(*which)
        .order_by(Seat.attempts, starts.c.from_now.nulls_last(), Seat.changed_at, Seat.id)
        .limit(limit + len(without))
    )
    return [one for one in map(Due._make, session.execute(found)) if one.seat_id not in without]


def _starts(connection_id: int, now: datetime) -> Subquery:
    """SQL: how many seconds a Canvas course's own start is from now, by the courses that are associated with it.

    There are few courses compared with seats, so this is worked out once for all that are due.
    """
    from_now = func.abs(func.extract("epoch", Course.starts_at) - now.timestamp())
    return (
        select(Association.canvas_course_id, func.min(from_now).label("from_now"))
        .join(Course, Course.id == Association.course_id)
        .where(Association.connection_id == connection_id, Association.canvas_course_id.is_not(None))
        .group_by(Association.canvas_course_id)
        .subquery()
    )


def _as_due(from_now: ColumnElement[float | None]) -> Select:
    return select(Seat.id, Seat.participant_id, Seat.canvas_course_id, Seat.attempts, from_now, Seat.changed_at)


def canaries(
    session: Session, connection_id: int, now: datetime, limit: int, without_courses: Collection[int] = ()
) -> list[Due]:
    """One seat for each cause that seats are held for: the one whose last try is longest ago, if none was tried
    lately."""
    held = (unsettled(connection_id), Seat.held, Seat.parked_at.is_(None), Seat.due_at.is_not(None))
    causes = select(Seat.cause, Seat.cause_scope, func.max(Seat.due_at).label("latest")).where(*held)
    its = causes.group_by(Seat.cause, Seat.cause_scope).subquery().c
    # An index leads to the first seat of each cause; sorting all held seats would take a while.
    for_it = (Seat.cause == its.cause, Seat.cause_scope == its.cause_scope)
    first = select(Seat.id).where(*held, *for_it).order_by(Seat.due_at, Seat.id).limit(1).scalar_subquery()
    # A time later than that was set by a clock that has stepped back since.
    time_has_come = or_(its.latest <= now, its.latest > now + pauses.CANARY * 1.5)
    found = _as_due(cast(null(), Float)).where(Seat.id.in_(select(first).where(time_has_come)))
    if without_courses:
        found = found.where(Seat.canvas_course_id.not_in(without_courses))
    found = found.order_by(Seat.due_at, Seat.id).limit(limit)
    return [Due._make(row) for row in session.execute(found)]


def anything_put_off(session: Session, connection_id: int) -> bool:
    """Whether a seat is due now, or will become due later without anybody acting."""
    which = (unsettled(connection_id), not_(Seat.held), Seat.parked_at.is_(None))
    return session.scalar(select(Seat.id).where(*which).order_by(*IN_TURN).limit(1)) is not None


def matters() -> ColumnElement[bool]:
    """SQL for the seats that are wanted, or not settled yet."""
    wanted = exists().where(Claim.seat_id == Seat.id, Claim.ended_at.is_(None))
    return or_(Seat.settled_version < Seat.version, wanted)


def waits() -> ColumnElement[bool]:
    """SQL for the seats that something blocks: held, parked, or put off after a counted attempt."""
    return and_(Seat.settled_version < Seat.version, Seat.cause.is_not(None))


def try_again(session: Session, connection: Connection, now: datetime, *which: ColumnElement[bool]) -> int:
    """`release`, because a person asked for it. A connection on hold asks Canvas at once, because its hold blocks all
    seats.

    Returns how many seats are due again.
    """
    if connection.hold_cause:
        connection.hold_until_at = now
        session.info[claims.RANG] = True
    return release(session, Seat.connection_id == connection.id, *which)


def release(session: Session, *which: ColumnElement[bool]) -> int:
    """Make the waiting seats that match the conditions due now. Returns how many.

    Seats that somebody changed by hand in Canvas are left out: trying again would put them back, and only a person's
    answer may do that.
    """
    by_hand = Seat.cause == "changed_in_canvas"
    released = change(session, update(Seat).where(waits(), ~by_hand, *which).values(**claims.FRESH))
    if released:
        session.info[claims.RANG] = True
    return released


def release_some(session: Session, connection_id: int, cause: str, scope: str, limit: int) -> int:
    """Make at most `limit` of the seats that wait for this cause due, behind people who act one by one.

    Seats that somebody has locked are left out. Returns how many; call it again in the next unit of work until it is 0.
    """
    same = (Seat.connection_id == connection_id, Seat.cause == cause, Seat.cause_scope == scope)
    # In the order of an index, so that we don't look at all waiting seats each time. Locked seats are skipped.
    some = select(Seat.id).where(waits(), *same).order_by(Seat.canvas_course_id, Seat.participant_id).limit(limit)
    # Two statements: as a part of the update, PostgreSQL may repeat the search for every seat there is.
    found = session.scalars(locking_what_is_free(some)).all()
    return change(session, update(Seat).where(Seat.id.in_(found)).values(**claims.FRESH, in_bulk=True)) if found else 0
