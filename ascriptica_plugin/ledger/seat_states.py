"""The state of seats and of the connection, for pages and `flask ascriptica status`. Only reads the ledger."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, ScalarSelect, and_, case, func, literal, select, union_all
from sqlalchemy.orm import Session

from ..shared import pauses
from ..tables.canvas import Connection, Settings
from ..tables.ledger import Seat
from . import due, metrics
from .causes import CAUSES

ASKS = tuple(name for name, cause in CAUSES.items() if cause.asks)
"""The causes that only a person's answer removes."""


def standing(flowing: bool = True) -> ColumnElement[str]:
    """SQL for a seat's state: enrolled, removed, held, parked or due. Every seat has exactly one.

    While the connection is on hold, or Canvas is switched off, nothing is `flowing`: due seats count as held.
    """
    return case(
        (and_(Seat.settled_version >= Seat.version, Seat.was_in), "enrolled"),
        (Seat.settled_version >= Seat.version, "removed"),
        (Seat.parked_at.is_not(None), "parked"),
        (Seat.held, "held"),
        else_="due" if flowing else "held",
    )


def connection_state(settings: Settings) -> str:
    """The state of the connection: unset, off, holding or ok."""
    connection = settings.connection
    if connection is None and settings.draft_check_at is None:
        return "unset"
    if not settings.display_canvas:
        return "off"
    return "holding" if connection is None or connection.hold_cause else "ok"


class Disconnected(NamedTuple):
    """The Canvas that somebody has disconnected: when, and how many changes wait for it."""

    connection: Connection
    at: datetime
    waiting: int


def disconnected(session: Session, settings: Settings) -> Disconnected | None:
    """The Canvas that was disconnected last; None while one is connected, or if none ever was."""
    if settings.connection is not None:
        return None
    ended = select(Connection).where(Connection.disconnected_at.is_not(None))
    connection = session.scalar(ended.order_by(Connection.disconnected_at.desc(), Connection.id.desc()).limit(1))
    if connection is None or connection.disconnected_at is None:
        return None
    waiting = session.scalar(select(func.count()).select_from(Seat).where(due.unsettled(connection.id))) or 0
    return Disconnected(connection, connection.disconnected_at, waiting)


def status(session: Session, settings: Settings, now: datetime, heard_at: datetime | None = None) -> dict[str, Any]:
    """The current connection: how many of its seats are in which state, and how the connection and the worker are.

    `heard_at` is when a worker last listened for the bell. `questions` counts the seats that wait for an
    administrator's answer, `changed_in_canvas` those that somebody changed by hand in Canvas and nobody has decided on.
    `waits_for` names what delays all due seats: the cause of the hold, `throttled`, `worker` if something has been due
    for `pauses.STANDS_STILL` and no worker drains, or None.

    Invited people count as enrolled. A seat that somebody changed by hand in Canvas is held until somebody answers, and
    counts as removed if it was left as it is there.
    """
    counts = dict.fromkeys(("due", "held", "parked", "enrolled", "removed"), 0)
    asked: dict[str, int] = {}
    connection, state, oldest = settings.connection, connection_state(settings), None
    if connection is not None:
        of_connection = select(func.count()).where(Seat.connection_id == connection.id)
        # Two queries: each has an index of its own, which one query for both would not use.
        settled = select(func.count().filter(Seat.was_in), func.count().filter(~Seat.was_in))
        settled = settled.where(Seat.connection_id == connection.id, Seat.settled_version >= Seat.version)
        counts["enrolled"], counts["removed"] = session.execute(settled).one()
        unsettled = of_connection.add_columns(standing(state == "ok").label("standing"))
        unsettled = unsettled.where(Seat.settled_version < Seat.version).group_by("standing")
        counts |= {where: count for count, where in session.execute(unsettled)}
        waiting = select(Seat.cause, func.count()).where(due.unsettled(connection.id), Seat.held, Seat.cause.in_(ASKS))
        asked = {cause: count for cause, count in session.execute(waiting.group_by(Seat.cause)) if cause}
        if state == "ok":
            oldest = _oldest(session, connection, now)
    seen = worker_seen_at(session, settings, heard_at)
    return {
        "seats": counts,
        "questions": sum(asked.values()) - asked.get("changed_in_canvas", 0),
        "changed_in_canvas": asked.get("changed_in_canvas", 0),
        "oldest_due_seconds": max(0.0, (now - oldest).total_seconds()) if oldest else None,
        "connection": state,
        "hold": connection.hold_cause if connection else None,
        "canvas_key": connection.key_kind if connection else "token",
        "token_expires_at": _iso(connection.token_expires_at) if connection else None,
        "waits_for": _waits_for(session, connection, oldest, now) if connection and state != "off" else None,
        "worker_seen_seconds": max(0.0, (now - seen).total_seconds()) if seen else None,
    }


def what_delays(session: Session, settings: Settings, now: datetime) -> str | None:
    """What delays all due seats, like `waits_for` in `status`; also None while Canvas is switched off."""
    if settings.connection is None or not settings.display_canvas:
        return None
    return _waits_for(session, settings.connection, _oldest(session, settings.connection, now), now)


def _oldest(session: Session, connection: Connection, now: datetime) -> datetime | None:
    # The first of each half of the index of unsettled seats: PostgreSQL assumes that a third of all seats are
    # unsettled, and would start workers to read so many.
    first = [
        select(Seat.changed_at)
        .where(due.due(connection.id, now), Seat.in_bulk.is_(in_bulk))
        .order_by(*due.IN_TURN)
        .limit(1)
        .subquery()
        for in_bulk in (False, True)
    ]
    both = union_all(*(select(one.c.changed_at) for one in first)).subquery()
    return session.scalar(select(func.min(both.c.changed_at)))


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def worker_seen_at(session: Session, settings: Settings, heard_at: datetime | None) -> datetime | None:
    """When a worker last listened to Redis (`heard_at`), looked for work, or drained; None if none was seen."""
    seen = [heard_at, metrics.worker_looked_at(session)]
    if settings.connection is not None and settings.connection.drain_until_at:
        seen.append(settings.connection.drain_until_at - pauses.LEASE)
    return max((at for at in seen if at is not None), default=None)


def is_throttled(connection: Connection, now: datetime) -> bool:
    """Whether Canvas asked us lately to slow down, so that due seats take longer."""
    return connection.throttled_at is not None and connection.throttled_at > now - pauses.THROTTLED


def is_slowed(session: Session, connection: Connection, now: datetime) -> bool:
    """Whether something takes longer because Canvas asked us to slow down."""
    return is_throttled(connection, now) and due.anything_put_off(session, connection.id)


def _waits_for(session: Session, connection: Connection, oldest: datetime | None, now: datetime) -> str | None:
    if connection.hold_cause:
        return connection.hold_cause
    before = now - pauses.STANDS_STILL
    if oldest is None or oldest > before:
        return None
    # A seat that changed long ago may have been put off until now.
    for_long = select(Seat.id).where(due.due(connection.id, before), Seat.changed_at <= before)
    if session.scalar(for_long.order_by(*due.IN_TURN).limit(1)) is None:
        return None
    if is_throttled(connection, now):
        return "throttled"
    drained = connection.drain_until_at is not None and connection.drain_until_at > now
    return None if drained else "worker"


def counts_up_to(session: Session, settings: Settings, most: int) -> dict[str, int]:
    """How many of the current connection's seats are in each state, as `status` counts them. Above `most` a number only
    says that there are more. `removed` leaves out people who never had an enrollment in Canvas, for example after a
    withdrawal before we got to it.

    Each number comes from an index of its own, without a look at the seats.
    """
    if settings.connection is None:
        return dict.fromkeys(("due", "held", "parked", "enrolled", "removed"), 0)
    here = Seat.connection_id == settings.connection.id
    unsettled, settled = Seat.settled_version < Seat.version, Seat.settled_version >= Seat.version

    def counted(*which: ColumnElement[bool]) -> ScalarSelect[int]:
        # PostgreSQL assumes that a third of all seats are unsettled, and would start workers; with this limit it does
        # not.
        some = select(literal(1)).where(here, *which).limit(most + 1).subquery()
        return select(func.count()).select_from(some).scalar_subquery()

    held, free, parked, enrolled, removed = session.execute(
        select(
            counted(unsettled, Seat.held.expression),
            counted(unsettled, ~Seat.held),
            counted(unsettled, Seat.parked_at.is_not(None)),
            counted(settled, Seat.was_in.expression),
            counted(settled, ~Seat.was_in, Seat.canvas_enrollment_id.is_not(None)),
        )
    ).one()
    # A seat that is parked is not held.
    due = free - parked if free <= most else free
    if connection_state(settings) != "ok":
        due, held = 0, due + held
    return {"due": due, "held": held, "parked": parked, "enrolled": enrolled, "removed": removed}
