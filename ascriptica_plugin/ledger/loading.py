"""Loads unsettled seats, each with everything that is needed to act on it, in one statement.

Whether the place is wanted is derived from its live claims, in the same statement that reads its version.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Boolean, ScalarSelect, Select, and_, bindparam, case, exists, false, func, select
from sqlalchemy.orm import Session, aliased

from ..tables.ledger import CanvasRow, Claim, Match, Seat
from ..tables.office import Course, Participant, Registration
from ..tables.requests import CourseRead, Request
from ..tables.sis_imports import MassImport, MassSeat
from .rows import LIVE
from .work import OF_REQUEST, OF_ROW, OF_WHO, OpenRequest, Pointed, Who, Work


def _or_false(column: Any) -> Any:
    """A flag is False where its row is missing."""
    return func.coalesce(column, false()) if isinstance(column.type, Boolean) else column


def policy_of_course() -> ScalarSelect:
    """SQL for what to do on withdrawal, from the course whose claim ended last; NULL: see Course Settings."""
    # The claim comes first. PostgreSQL may think that a seat has many, and would look through all registrations.
    last = (
        select(Claim.registration_id)
        .where(Claim.seat_id == Seat.id)
        .order_by(Claim.ended_at.desc(), Claim.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    return (
        select(Course.on_withdrawal)
        .join(Registration, Registration.course_id == Course.id)
        .where(Registration.id == last.correlate(Seat))
        .correlate(Seat)
        .scalar_subquery()
    )


def _in_import() -> ScalarSelect:
    """SQL: when we look again at the import that the participant is in, in the seat's Canvas course."""
    return (
        select(func.max(MassImport.next_at))
        .join(MassSeat, MassSeat.import_id == MassImport.id)
        .where(MassImport.connection_id == Seat.connection_id, MassImport.over_at.is_(None))
        .where(MassSeat.participant_id == Seat.participant_id, MassSeat.canvas_course_id == Seat.canvas_course_id)
        .scalar_subquery()
    )


def _load_statement() -> Select:
    here, older = aliased(Claim), aliased(Claim)
    moving = exists().where(
        here.seat_id == Seat.id,
        here.ended_at.is_(None),
        older.registration_id == here.registration_id,
        older.ended_at.is_(None),
        older.id < here.id,
    )
    left = aliased(CanvasRow)
    # By the seat alone: if the connection is named, too, SQLite goes through all rows of the connection.
    leaves = exists().where(
        left.seat_id == Seat.id,
        left.state.in_(LIVE),
        left.canvas_enrollment_id.is_distinct_from(Seat.canvas_enrollment_id),
    )
    of_participant = (Match.connection_id == Seat.connection_id, Match.participant_id == Seat.participant_id)
    about = (Request.connection_id == Seat.connection_id, Request.participant_id == Seat.participant_id)
    pointed = (
        CanvasRow.connection_id == Seat.connection_id,
        CanvasRow.canvas_enrollment_id == Seat.canvas_enrollment_id,
    )
    of_course = (
        CourseRead.connection_id == Seat.connection_id,
        CourseRead.canvas_course_id == Seat.canvas_course_id,
    )
    return (
        select(
            Seat.id,
            Seat.participant_id,
            Seat.canvas_course_id,
            Seat.canvas_section_id,
            Seat.version,
            Seat.attempts,
            Seat.cause,
            Seat.cause_scope,
            Seat.held,
            Seat.settled_at,
            Participant.name,
            Participant.email,
            Participant.sis_user_id,
            policy_of_course(),
            exists().where(Claim.seat_id == Seat.id, Claim.ended_at.is_(None)),
            moving,
            leaves,
            _or_false(CourseRead.has_others),
            case((CourseRead.tried_at.is_(None), CourseRead.owed_at)),
            _in_import(),
            *(_or_false(getattr(Match, name)) for name in OF_WHO),
            *(getattr(Request, name) for name in OF_REQUEST),
            *(getattr(CanvasRow, name) for name in OF_ROW),
        )
        .join(Participant, Participant.id == Seat.participant_id)
        .outerjoin(Match, and_(*of_participant))
        .outerjoin(Request, and_(*about))
        .outerjoin(CanvasRow, and_(*pointed))
        .outerjoin(CourseRead, and_(*of_course))
        .where(Seat.id.in_(bindparam("seat_ids", expanding=True)), Seat.settled_version < Seat.version)
    )


# A statement that runs for every seat is built once, because building it costs more than running it.
_LOAD = _load_statement()
_OWN = 20
_WHO_ENDS = _OWN + len(OF_WHO)
_REQUEST_ENDS = _WHO_ENDS + len(OF_REQUEST)


def load(session: Session, seat_ids: Iterable[int]) -> list[Work]:
    """Load those of the seats that are still unsettled."""
    return [_work(tuple(row)) for row in session.execute(_LOAD, {"seat_ids": list(seat_ids)})]


def _work(row: tuple) -> Work:
    request, pointed = row[_WHO_ENDS:_REQUEST_ENDS], row[_REQUEST_ENDS:]
    linked = (
        Who(*row[_OWN:_WHO_ENDS]),
        OpenRequest(*request) if request[0] is not None else None,
        Pointed(*pointed) if pointed[0] is not None else None,
    )
    return Work(*(*row[:_OWN], *linked))
