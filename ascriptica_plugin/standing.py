"""Where seats stand, for pages and for `flask ascriptica status`. Reads the ledger, changes nothing."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, select
from sqlalchemy.orm import Session

from . import seats
from .models import Claim, Seat, Settings


def standing() -> ColumnElement[str]:
    """SQL for where a seat stands: enrolled, removed, held, parked or due; disjoint and complete."""
    return case(
        (and_(Seat.settled_version >= Seat.version, Seat.enrolled), "enrolled"),
        (Seat.settled_version >= Seat.version, "removed"),
        (Seat.parked_at.is_not(None), "parked"),
        (Seat.held, "held"),
        else_="due",
    )


def status(session: Session, settings: Settings, now: datetime) -> dict[str, Any]:
    """How many seats of the current connection stand where, and how the connection itself does.

    While the connection holds, or Canvas is switched off, nothing is due: it waits, and counts as held.
    """
    counts = dict.fromkeys(("due", "held", "parked", "enrolled", "removed"), 0)
    connection = settings.connection
    state, oldest = "unset", None
    if connection is not None:
        rows = session.execute(
            select(standing().label("standing"), func.count())
            .where(Seat.connection_id == connection.id)
            .group_by("standing")
        )
        counts |= dict(rows.all())
        oldest = session.scalar(select(func.min(Seat.changed_at)).where(seats.due(connection.id, now)))
        state = "holding" if connection.hold_cause else "ok"
    elif settings.draft_check_at is not None:
        state = "holding"
    if state != "unset" and not settings.display_canvas:
        state = "off"
    if state != "ok":
        counts["held"] += counts["due"]
        counts["due"], oldest = 0, None
    return {
        "seats": counts,
        "oldest_due_seconds": max(0.0, (now - oldest).total_seconds()) if oldest else None,
        "connection": state,
        "hold": connection.hold_cause if connection else None,
    }


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
