"""Stores what came of a seat: settled, tried again later, held for a cause, or parked. Never commits.

Settling stores the version that was loaded, so a change made meanwhile keeps the seat due.
"""

from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Table, and_, bindparam, exists, not_, or_, select, update
from sqlalchemy.orm import Session

from .. import retry
from ..tables.canvas import Claim, Connection, Seat
from ..tables.columns import begin_writing, change
from ..tables.locks import lock_seats_by_id
from . import claims
from .causes import CAUSES
from .due import release, unsettled
from .work import Work

_seat, _claim = cast(Table, Seat.__table__), cast(Table, Claim.__table__)


def begin_unit(session: Session, connection_id: int, term: int, works: list[Work], next_ids: list[int]) -> bool:
    """Begin the unit of work that stores what came of these seats and takes up the next ones.

    Returns False if another worker has our lease. If it is ours, nobody can take it before the unit ends. Every seat
    that the unit may change is locked at once, in the order of ids.
    """
    begin_writing(session)
    lease = {"connection_id": connection_id, "term": term}
    ours = session.scalar(_OUR_LEASE, lease) is not None
    if session.connection().dialect.name == "sqlite":
        # BEGIN IMMEDIATE has locked the whole database.
        return ours
    ids = {work.seat_id for work in works} | set(next_ids)
    for work in works:
        if work.moving:
            ids.update(row.seat_id for row in session.execute(_OLDER_CLAIMS, {"seat_id": work.seat_id}))
        if work.held:
            ids.update(session.scalars(select(Seat.id).where(*_waits_for_the_same(connection_id, work))))
        if work.removed:
            ids.update(session.scalars(select(Seat.id).where(_same_enrollment(connection_id, work))))
    lock_seats_by_id(session, ids)
    return ours


_OUR_LEASE = (
    select(Connection.id)
    .where(Connection.id == bindparam("connection_id"), Connection.drain_term == bindparam("term"))
    .with_for_update(read=True)
)


_here = _claim.alias()


_OLDER_CLAIMS = (
    select(_claim.c.id, _claim.c.seat_id)
    .join(_here, _here.c.registration_id == _claim.c.registration_id)
    .where(_here.c.seat_id == bindparam("seat_id"), _here.c.ended_at.is_(None))
    .where(_claim.c.ended_at.is_(None), _claim.c.id < _here.c.id)
)
"""The older claims of every registration whose newest claim is on the seat."""


def settle(session: Session, connection_id: int, works: list[Work], now: datetime) -> None:
    """Store that Canvas agrees with the loaded versions. Needs a unit for which `begin_unit` returned True.

    A success also releases all seats held for the cause that its seat was held for, and ends the older claims of
    registrations that were moving here.
    """
    # A change made meanwhile has already reset the columns of FRESH, so resetting them again loses nothing.
    for version in {work.version for work in works}:
        of_it = [work for work in works if work.version == version]
        which = {"seat_ids": [work.seat_id for work in of_it], "whose": [work.participant_id for work in of_it]}
        session.execute(_SETTLE, {**which, "loaded_version": version, "now": now})
    for work in works:
        if work.held:
            release(session, *_waits_for_the_same(connection_id, work))
        if work.removed:
            _tell_others(session, connection_id, work, now)
        if work.moving and work.wanted:
            older = session.execute(_OLDER_CLAIMS, {"seat_id": work.seat_id}).all()
            claims.end(session, Claim.id.in_([row.id for row in older]), now)


_SETTLE = (
    update(_seat)
    .where(_seat.c.id.in_(bindparam("seat_ids", expanding=True)))
    .where(_seat.c.participant_id.in_(bindparam("whose", expanding=True)))
    .values(settled_version=bindparam("loaded_version"), settled_at=bindparam("now"), **claims.FRESH)
)


def make_due_again(session: Session, works: list[Work], now: datetime) -> None:
    """Make these seats due, because another worker has the lease, and its answers may be older than ours."""
    if works:
        claims.make_due(session, Seat.id.in_([work.seat_id for work in works]), now)


def _tell_others(session: Session, connection_id: int, work: Work, now: datetime) -> None:
    """Update the other seats of an enrollment that was removed. One that wants it becomes due and enrolls again; the
    others left the removal to this seat, and now have nothing in Canvas."""
    same = _same_enrollment(connection_id, work)
    wants_it = exists().where(Claim.seat_id == Seat.id, Claim.ended_at.is_(None))
    others = session.execute(select(Seat.id, wants_it).where(same)).all()
    if any(wanting for _, wanting in others):
        claims.make_due(session, and_(same, wants_it), now)
    if others:
        change(session, update(Seat).where(same, not_(wants_it)).values(first_tried_at=None))


def _same_enrollment(connection_id: int, work: Work) -> ColumnElement[bool]:
    return and_(
        Seat.connection_id == connection_id,
        Seat.canvas_enrollment_id == work.removed,
        Seat.id != work.seat_id,
    )


def _waits_for_the_same(connection_id: int, work: Work) -> tuple[ColumnElement[bool], ...]:
    same = (Seat.cause == work.cause, Seat.cause_scope == work.cause_scope)
    return (unsettled(connection_id), or_(Seat.held, Seat.parked_at.is_not(None)), *same)


def retry_later(session: Session, work: Work, cause: str, detail: str, due_at: datetime) -> None:
    """Count an attempt and try again at `due_at`; a change made meanwhile keeps its own, earlier time."""
    counted = {"attempts": work.attempts + 1, "due_at": due_at, "held": False}
    _unless_changed(session, work, cause=cause, cause_scope="", cause_detail=detail, **counted)


def put_off(session: Session, work: Work, due_at: datetime) -> None:
    """Try again at `due_at` without counting an attempt."""
    _unless_changed(session, work, due_at=due_at, held=False)


def hold(session: Session, connection_id: int, work: Work, cause: str, scope: str, detail: str, now: datetime) -> None:
    """Wait until somebody removes the cause. Of all seats that wait for it, one tries again now and then: the canary.

    If this seat was the canary, the next one waits as long as a new one.
    """
    again = now + retry.CANARY if CAUSES[cause].heals_itself else None
    _unless_changed(
        session,
        work,
        cause=cause,
        cause_scope=scope,
        cause_detail=detail,
        held=True,
        due_at=again,
        attempts=0,
    )
    if (work.held, work.cause, work.cause_scope) != (True, cause, scope):
        return
    change(session, update(Seat).where(*_waits_for_the_same(connection_id, work), Seat.held).values(due_at=again))


def park(session: Session, work: Work, cause: str, detail: str, now: datetime) -> None:
    """Stop trying until somebody asks for it."""
    _unless_changed(session, work, cause=cause, cause_scope="", cause_detail=detail, parked_at=now, held=False)


def _unless_changed(session: Session, work: Work, **values: Any) -> None:
    as_loaded = (Seat.id == work.seat_id, Seat.participant_id == work.participant_id, Seat.version == work.version)
    change(session, update(Seat).where(*as_loaded).values(**values))
