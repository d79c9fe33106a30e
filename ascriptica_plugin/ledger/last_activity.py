"""When people were last in their Canvas courses. The lists of enrollments, which are read anyway, show it."""

from collections.abc import Iterable
from datetime import datetime
from typing import cast

from sqlalchemy import ColumnElement, Table, and_, bindparam, exists, select, update
from sqlalchemy.orm import Session

from ..canvas.shapes import Enrollment
from ..tables.ledger import CanvasRow, Claim, Seat
from ..tables.office import Registration
from . import rows

_row = cast(Table, CanvasRow.__table__)

_NOTE = (
    update(_row)
    .where(
        _row.c.connection_id == bindparam("its_connection"),
        _row.c.canvas_enrollment_id == bindparam("number"),
        _row.c.created_at == bindparam("born"),
    )
    .values(last_activity_at=bindparam("active"), activity_told_at=bindparam("listed_at"))
)


def note(session: Session, connection_id: int, listed: Iterable[Enrollment], now: datetime) -> None:
    """Store it for the rows that we know. Never commits."""
    values = [
        {
            "its_connection": connection_id,
            "number": it.id,
            "born": it.created_at,
            "active": it.last_activity_at,
            "listed_at": now,
        }
        for it in sorted(listed, key=lambda it: it.id)
    ]
    if values:
        session.execute(_NOTE, values)


def _pointed(connection_id: int) -> tuple[ColumnElement[bool], ...]:
    """SQL: a live claim of the registration, and the row in which the person is."""
    return (
        Claim.registration_id == Registration.id,
        Claim.ended_at.is_(None),
        Seat.id == Claim.seat_id,
        CanvasRow.connection_id == connection_id,
        CanvasRow.canvas_enrollment_id == Seat.canvas_enrollment_id,
        CanvasRow.state.in_(rows.LIVE),
        CanvasRow.activity_told_at.is_not(None),
    )


def never_opened(connection_id: int, canvas_course_id: int) -> ColumnElement[bool]:
    """SQL for the registrations of people who are in this Canvas course and have never opened it, as Canvas showed."""
    there = CanvasRow.canvas_course_id == canvas_course_id
    never = exists().where(*_pointed(connection_id), there, CanvasRow.last_activity_at.is_(None))
    return and_(Registration.status == "registered", never)


def of_registrations(session: Session, connection_id: int, ids: Iterable[int]) -> dict[int, datetime | None]:
    """When the people of these registrations were last in the Canvas course; None: never. Left out: not known."""
    found = select(Registration.id, CanvasRow.last_activity_at).where(
        Registration.id.in_(list(ids)), *_pointed(connection_id)
    )
    return {row[0]: row[1] for row in session.execute(found)}
