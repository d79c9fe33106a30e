"""The Canvas access that has to end before somebody is erased.

In a Canvas that is not connected, access can't end until somebody connects to it again. So of the seats there, only
those count where the person may be enrolled. `connection_id` is the connection in use, if any.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from ..ledger import due, sis_imports
from ..tables.canvas import Connection
from ..tables.imports import Import
from ..tables.ledger import CanvasRow, Seat
from ..tables.office import Participant
from ..tables.requests import Request

_UNSETTLED = Seat.settled_version < Seat.version
_MAY_BE_IN = or_(
    Seat.canvas_enrollment_id.is_not(None),
    exists().where(CanvasRow.seat_id == Seat.id),
    exists().where(Request.seat_id == Seat.id),
    sis_imports.is_in_one(Seat.connection_id, Seat.participant_id),
)


def unfinished(session: Session, participant_id: int, connection_id: int | None) -> int:
    """How many of the participant's seats still have something to be done in Canvas."""
    return _number(session, participant_id, _counts(connection_id))


def unfinished_here(session: Session, participant_id: int, connection_id: int | None) -> int:
    """The same, in the connected Canvas only."""
    return _number(session, participant_id, Seat.connection_id == connection_id)


def not_connected(session: Session, participant_id: int, connection_id: int | None) -> Sequence[str]:
    """The API addresses of the Canvases that are not connected and in which the participant may be enrolled."""
    theirs = select(Seat.connection_id).where(Seat.participant_id == participant_id, due.matters())
    there = select(Connection.canvas_url).where(Connection.id.in_(theirs.where(_elsewhere(connection_id))))
    return session.scalars(there.distinct().order_by(Connection.canvas_url)).all()


def wait_for_a_connection(session: Session, connection_id: int | None) -> Sequence[Participant]:
    """The participants to erase whose access has to end first in a Canvas that is not connected, sorted by name."""
    waiting = select(Participant).where(*_waits_for_a_connection(connection_id))
    return session.scalars(waiting.order_by(Participant.sorted_by, Participant.id)).all()


def number_waiting_for_a_connection(session: Session, connection_id: int | None) -> int:
    """How many these are."""
    waiting = select(func.count()).select_from(Participant).where(*_waits_for_a_connection(connection_id))
    return session.scalar(waiting) or 0


def somebody_waits_for_a_connection(connection_id: int | None) -> ColumnElement[bool]:
    """SQL: whether there is anybody like that."""
    return exists().where(*_waits_for_a_connection(connection_id))


def ended(session: Session, connection_id: int | None) -> list[int]:
    """The ids of participants to erase for whom nothing is left to be done in Canvas, 100 at most.

    Somebody who may be in a file that is being imported has to wait until the import has finished.
    """
    waits = exists().where(Seat.participant_id == Participant.id, _UNSETTLED, _counts(connection_id))
    # Canvas may still carry out a request that was never answered: they would be enrolled again, and nobody would know.
    request = exists().where(Request.participant_id == Participant.id, Request.connection_id == connection_id)
    out = request | sis_imports.is_in_one(connection_id, Participant.id)
    on_its_way = exists().where(Import.finished_at.is_(None), Import.started_at <= Participant.erase_at)
    asked = select(Participant.id).where(Participant.erase_at.is_not(None), ~waits, ~out, ~on_its_way)
    return list(session.scalars(asked.limit(100)))


def _number(session: Session, participant_id: int, where: ColumnElement[bool]) -> int:
    theirs = (Seat.participant_id == participant_id, _UNSETTLED, where)
    return session.scalar(select(func.count()).select_from(Seat).where(*theirs)) or 0


def _waits_for_a_connection(connection_id: int | None) -> tuple[ColumnElement[bool], ...]:
    theirs = exists().where(Seat.participant_id == Participant.id, _UNSETTLED, _elsewhere(connection_id))
    return Participant.erase_at.is_not(None), theirs


def _counts(connection_id: int | None) -> ColumnElement[bool]:
    return or_(Seat.connection_id == connection_id, _elsewhere(connection_id))


def _elsewhere(connection_id: int | None) -> ColumnElement[bool]:
    return and_(Seat.connection_id.is_distinct_from(connection_id), _MAY_BE_IN)
