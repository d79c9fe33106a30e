"""Where seats stand, for pages and for `flask ascriptica status`. Reads the ledger, changes nothing."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, select
from sqlalchemy.orm import Session

from .. import retry
from ..tables.canvas import Claim, Connection, Seat, Settings
from . import due

STANDS_STILL = timedelta(minutes=1)
"""For how long something may be due while nobody drains, before that is said."""

THROTTLED = timedelta(minutes=2)
"""So long after Canvas asked us to go slower, which it does for a minute and a half at most, we speak of it."""


def standing(flowing: bool = True) -> ColumnElement[str]:
    """SQL for where a seat stands: enrolled, removed, held, parked or due; disjoint and complete.

    While the connection holds, or Canvas is switched off, nothing is `flowing`: what would be due is held.
    """
    return case(
        (and_(Seat.settled_version >= Seat.version, Seat.enrolled), "enrolled"),
        (Seat.settled_version >= Seat.version, "removed"),
        (Seat.parked_at.is_not(None), "parked"),
        (Seat.held, "held"),
        else_="due" if flowing else "held",
    )


def connection_state(settings: Settings) -> str:
    """unset, off, holding or ok."""
    connection = settings.connection
    if connection is None and settings.draft_check_at is None:
        return "unset"
    if not settings.display_canvas:
        return "off"
    return "holding" if connection is None or connection.hold_cause else "ok"


def status(session: Session, settings: Settings, now: datetime, heard_at: datetime | None = None) -> dict[str, Any]:
    """How many seats of the current connection stand where, and how the connection and the worker do.

    `heard_at` is when a worker last listened for the bell. One that drains has no time to listen, and renews its lease.
    `waits_for` names what keeps everything that is due: the cause of the hold, `throttled`, `worker` where something
    has been due for `STANDS_STILL` and nobody drains, or None.
    """
    counts = dict.fromkeys(("due", "held", "parked", "enrolled", "removed"), 0)
    connection, state, oldest = settings.connection, connection_state(settings), None
    if connection is not None:
        of_connection = select(func.count()).where(Seat.connection_id == connection.id)
        # Each of the two has an index of its own, which a question about both at once would not use.
        settled = of_connection.add_columns(Seat.enrolled).where(Seat.settled_version >= Seat.version)
        for count, is_in in session.execute(settled.group_by(Seat.enrolled)):
            counts["enrolled" if is_in else "removed"] = count
        unsettled = of_connection.add_columns(standing(state == "ok").label("standing"))
        unsettled = unsettled.where(Seat.settled_version < Seat.version).group_by("standing")
        counts |= {where: count for count, where in session.execute(unsettled)}
        if state == "ok":
            oldest = session.scalar(select(func.min(Seat.changed_at)).where(due.due(connection.id, now)))
    seen = [heard_at] if heard_at else []
    if connection is not None and connection.drain_until_at:
        seen.append(connection.drain_until_at - retry.LEASE)
    return {
        "seats": counts,
        "oldest_due_seconds": max(0.0, (now - oldest).total_seconds()) if oldest else None,
        "connection": state,
        "hold": connection.hold_cause if connection else None,
        "waits_for": _waits_for(session, connection, oldest, now) if connection and state != "off" else None,
        "worker_seen_seconds": max(0.0, (now - max(seen)).total_seconds()) if seen else None,
    }


def is_throttled(connection: Connection, now: datetime) -> bool:
    """Whether Canvas asked us lately to go slower, so that what is due takes its time."""
    return connection.throttled_at is not None and connection.throttled_at > now - THROTTLED


def _waits_for(session: Session, connection: Connection, oldest: datetime | None, now: datetime) -> str | None:
    if connection.hold_cause:
        return connection.hold_cause
    before = now - STANDS_STILL
    if oldest is None or oldest > before:
        return None
    # What changed long ago may have been put off until now.
    for_long = select(Seat.id).where(due.due(connection.id, before), Seat.changed_at <= before)
    if session.scalar(for_long.limit(1)) is None:
        return None
    if is_throttled(connection, now):
        return "throttled"
    drained = connection.drain_until_at is not None and connection.drain_until_at > now
    return None if drained else "worker"


@dataclass(frozen=True)
class Access:
    """Where a registration's newest seat stands, for pages; `standing` as `standing()` says."""

    registration_id: int
    seat_id: int
    connection_id: int
    canvas_course_id: int
    standing: str
    cause: str | None
    scope: str
    detail: str | None
    kept: bool


def access_of(session: Session, registration_ids: list[int]) -> dict[int, Access]:
    """Where the newest seat of each registration stands; registrations that never claimed one are left out."""
    newest = (
        select(func.max(Claim.id)).where(Claim.registration_id.in_(registration_ids)).group_by(Claim.registration_id)
    )
    rows = session.execute(
        select(
            Claim.registration_id,
            Seat.id,
            Seat.connection_id,
            Seat.canvas_course_id,
            standing(),
            Seat.cause,
            Seat.cause_scope,
            Seat.cause_detail,
            Seat.kept,
        )
        .join(Seat, Seat.id == Claim.seat_id)
        .where(Claim.id.in_(newest))
    )
    return {row[0]: Access(*row) for row in rows}
