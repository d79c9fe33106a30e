"""Stores what became of a seat: settled, tried again later, held for a cause, or parked. Never commits.

Settling stores the version that was loaded, so a change made meanwhile keeps the seat due.
"""

from datetime import datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import ColumnElement, Table, bindparam, case, exists, select, union, update
from sqlalchemy.orm import Session

from ..shared import pauses
from ..tables.canvas import Connection
from ..tables.columns import begin_writing, change
from ..tables.ledger import CanvasRow, Claim, Seat
from ..tables.locks import lock_free_seats, lock_seats, wait_briefly
from ..tables.page_calls import PageCall
from . import claims
from .causes import CAUSES
from .work import Work

_seat, _claim, _row = (cast(Table, one.__table__) for one in (Seat, Claim, CanvasRow))


class Unit(NamedTuple):
    """`ours`: the lease is ours, and nobody can take it before the unit ends. `locked`: the ids of seats that somebody
    else has locked, so this unit may not touch them. `restored_at`: since when we know that Canvas came back from a
    backup, until everything was read again. `pages_ask`: a page holds one of the places to call Canvas from."""

    ours: bool
    locked: set[int]
    restored_at: datetime | None
    pages_ask: bool


def begin_unit(
    session: Session, connection_id: int, term: int, works: list[Work], next_ids: list[int], now: datetime
) -> Unit:
    """Begin the unit of work that stores what came of these seats and takes up the next ones.

    Every seat that the unit may change is locked at once, in the order of ids. It waits for no seat, and only briefly
    for anything else.
    """
    begin_writing(session)
    wait_briefly(session)
    lease = session.execute(_OUR_LEASE, {"connection_id": connection_id, "term": term, "now": now}).first()
    ours, (restored_at, pages_ask) = lease is not None, lease or (None, False)
    if session.connection().dialect.name == "sqlite":
        # BEGIN IMMEDIATE has locked the whole database.
        return Unit(ours, set(), restored_at, pages_ask)
    ids = {work.seat_id for work in works} | set(next_ids)
    for work in works:
        if work.moving:
            ids.update(row.seat_id for row in session.execute(_OLDER_CLAIMS, {"seat_id": work.seat_id}))
    shown = [one.row.id for work in works for one in work.shown]
    if shown:
        ids.update(session.scalars(_OF_ROWS, {"connection_id": connection_id, "shown": shown}))
    return Unit(ours, lock_free_seats(session, ids), restored_at, pages_ask)


_OUR_LEASE = (
    select(
        Connection.restored_at,
        exists().where(PageCall.connection_id == Connection.id, PageCall.until_at > bindparam("now")),
    )
    .where(Connection.id == bindparam("connection_id"), Connection.drain_term == bindparam("term"))
    .with_for_update(read=True)
)


_OF_ROWS = union(
    select(_seat.c.id).where(
        _seat.c.connection_id == bindparam("connection_id"),
        _seat.c.canvas_enrollment_id.in_(bindparam("shown", expanding=True)),
    ),
    select(_row.c.seat_id).where(
        _row.c.connection_id == bindparam("connection_id"),
        _row.c.canvas_enrollment_id.in_(bindparam("shown", expanding=True)),
        _row.c.seat_id.is_not(None),
    ),
)
"""The seats that point to rows, or pointed to them."""


_here = _claim.alias()


_OLDER_CLAIMS = (
    select(_claim.c.id, _claim.c.seat_id)
    .join(_here, _here.c.registration_id == _claim.c.registration_id)
    .where(_here.c.seat_id == bindparam("seat_id"), _here.c.ended_at.is_(None))
    .where(_claim.c.ended_at.is_(None), _claim.c.id < _here.c.id)
)
"""The older claims of every registration whose newest claim is on the seat."""


def settle(session: Session, connection_id: int, works: list[Work], now: datetime) -> None:
    """Store that Canvas agrees with the loaded versions. Needs a unit from `begin_unit` that is `ours`.

    A success also ends the older claims of registrations that were moving here.
    """
    # A change made meanwhile has already reset the columns of FRESH, so resetting them again loses nothing.
    for version, wanted in {(work.version, work.wanted) for work in works}:
        of_it = [work for work in works if (work.version, work.wanted) == (version, wanted)]
        which = [work.seat_id for work in of_it]
        session.execute(_SETTLE, {"seat_ids": which, "loaded_version": version, "now": now, "is_in": wanted})
    for work in works:
        if work.moving and work.wanted:
            older = session.execute(_OLDER_CLAIMS, {"seat_id": work.seat_id}).all()
            claims.end(session, Claim.id.in_([row.id for row in older]), now)


_SETTLE = (
    update(_seat)
    .where(_seat.c.id.in_(bindparam("seat_ids", expanding=True)))
    .values(
        settled_version=bindparam("loaded_version"),
        settled_at=bindparam("now"),
        was_in=case((_seat.c.version == bindparam("loaded_version"), bindparam("is_in")), else_=_seat.c.was_in),
        **claims.FRESH,
    )
)


def make_due_again(session: Session, works: list[Work]) -> None:
    """Make these seats due, because another worker has the lease, and its answers may be older than ours."""
    if works:
        claims.look_again(session, Seat.id.in_([work.seat_id for work in works]))


def retry_later(session: Session, work: Work, cause: str, detail: str, due_at: datetime, attempts: int) -> None:
    """Store how many attempts were counted, and try again at `due_at`; a change made meanwhile keeps its own, earlier
    time."""
    counted = {"attempts": attempts, "due_at": due_at, "held": False}
    _unless_changed(session, work, cause=cause, cause_scope="", cause_detail=detail, **counted)


def put_off(session: Session, work: Work, due_at: datetime) -> None:
    """Try again at `due_at` without counting an attempt."""
    _unless_changed(session, work, due_at=due_at, held=False)


def hold(session: Session, work: Work, cause: str, scope: str, detail: str, now: datetime) -> None:
    """Wait until somebody removes the cause. Of all seats that wait for it, one tries again now and then: the canary.

    The next canary is another one: see `due.canaries`.
    """
    again = now + pauses.CANARY if CAUSES[cause].heals_itself else None
    why = {"cause": cause, "cause_scope": scope, "cause_detail": detail}
    _unless_changed(session, work, **why, held=True, due_at=again, attempts=0)


def hold_all(
    session: Session, which: ColumnElement[bool], cause: str, scope: str | int, detail: str, now: datetime
) -> None:
    """Unsettle all these seats, and hold them for one cause."""
    lock_seats(session, which)
    again = now + pauses.CANARY if CAUSES[cause].heals_itself else None
    held = {"cause": cause, "cause_scope": str(scope), "cause_detail": detail, "held": True, "due_at": again}
    change(session, update(Seat).where(which).values(version=Seat.version + 1, was_in=False, attempts=0, **held))


def park(session: Session, work: Work, cause: str, detail: str, now: datetime) -> None:
    """Stop trying until somebody asks for it."""
    _unless_changed(session, work, cause=cause, cause_scope="", cause_detail=detail, parked_at=now, held=False)


def _unless_changed(session: Session, work: Work, **values: Any) -> None:
    # Not if another worker has settled it meanwhile.
    as_loaded = (Seat.id == work.seat_id, Seat.version == work.version, Seat.settled_version < Seat.version)
    change(session, update(Seat).where(*as_loaded).values(**values))
