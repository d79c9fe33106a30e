"""What rows mean for seats. A place that somebody took away by hand becomes a question. A row that nobody wants is
ended, or the office is asked about it. This is judged by what is stored, not by what happened. Never commits."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import and_, exists, or_, select, update
from sqlalchemy.orm import Session

from ..shared.said import Said
from ..tables.columns import change
from ..tables.ledger import CanvasRow, Claim, Match, Seat
from ..tables.requests import Request
from ..tables.sis_imports import MassSeat
from . import activity, claims, matches, settling, sis_imports
from .rows import Known, known, known_of_user


class _Pointing(NamedTuple):
    """A seat that points to a row."""

    seat_id: int
    canvas_enrollment_id: int
    participant_id: int
    canvas_course_id: int
    canvas_section_id: int
    was_in: bool
    is_settled: bool
    cause: str | None
    canvas_user_id: int | None
    doubted: bool | None
    wanted: bool
    has_request: bool


def may_have_ended_with_their_course(session: Session, connection_id: int, ids: Collection[int]) -> set[int]:
    """The Canvas courses of those rows, all seen completed, to which a seat points that is settled as enrolled."""
    if not ids:
        return set()
    found = (
        select(CanvasRow.canvas_course_id)
        .join(
            Seat,
            and_(
                Seat.connection_id == CanvasRow.connection_id,
                Seat.canvas_enrollment_id == CanvasRow.canvas_enrollment_id,
            ),
        )
        .where(CanvasRow.connection_id == connection_id, CanvasRow.canvas_enrollment_id.in_(ids))
        .where(Seat.settled_version >= Seat.version, Seat.was_in)
    )
    return set(session.scalars(found.distinct()))


def judge(
    session: Session,
    connection_id: int,
    ids: Collection[int],
    now: datetime,
    ended_by_us: Collection[int] = (),
    concluded: Collection[int] = (),
) -> None:
    """Unsettle the seats whose rows are no longer what they settled on, and those of rows that nobody wants.

    `concluded`: Canvas courses that are concluded, so nobody ended the enrollments in them by hand.
    """
    if not ids:
        return
    rows = known(session, connection_id, ids)
    held: dict[int, list[int]] = {}
    pointing = _pointing(session, connection_id, ids)
    wanted = {
        seat.canvas_enrollment_id
        for seat in pointing
        if seat.wanted and rows[seat.canvas_enrollment_id].canvas_user_id == seat.canvas_user_id
    }
    for seat in pointing:
        row = rows[seat.canvas_enrollment_id]
        if not seat.wanted:
            continue
        if row.is_live and _is_of(seat, row):
            _is_in_again(session, seat)
        elif seat.is_settled or seat.cause == "changed_in_canvas":
            ends_with_its_course = row.state == "completed" and row.canvas_course_id in concluded
            if ends_with_its_course and seat.is_settled and seat.was_in and not (seat.doubted or seat.has_request):
                held.setdefault(row.canvas_course_id, []).append(seat.seat_id)
            else:
                _is_not_in(session, connection_id, seat, row, now, row.canvas_enrollment_id in ended_by_us)
    for course_id, seats in held.items():
        settling.hold_all(session, Seat.id.in_(seats), "course_concluded", course_id, "", now)
    unwanted = [
        row.seat_id
        for number, row in rows.items()
        if row.is_live and number not in wanted and row.seat_id is not None and not row.kept
    ]
    if unwanted:
        claims.look_again(session, and_(Seat.connection_id == connection_id, Seat.id.in_(unwanted)))


def _pointing(session: Session, connection_id: int, ids: Collection[int]) -> list[_Pointing]:
    same = or_(Request.participant_id == Seat.participant_id, Request.canvas_user_id == Match.canvas_user_id)
    in_import = sis_imports.is_in_one(
        connection_id, Seat.participant_id, MassSeat.canvas_course_id == Seat.canvas_course_id
    )
    about = or_(exists().where(Request.connection_id == connection_id, same), in_import)
    found = (
        select(
            Seat.id,
            Seat.canvas_enrollment_id,
            Seat.participant_id,
            Seat.canvas_course_id,
            Seat.canvas_section_id,
            Seat.was_in,
            Seat.settled_version >= Seat.version,
            Seat.cause,
            Match.canvas_user_id,
            Match.doubted,
            exists().where(Claim.seat_id == Seat.id, Claim.ended_at.is_(None)),
            about,
        )
        .outerjoin(Match, and_(Match.connection_id == connection_id, Match.participant_id == Seat.participant_id))
        .where(Seat.connection_id == connection_id, Seat.canvas_enrollment_id.in_(ids))
    )
    return [_Pointing._make(row) for row in session.execute(found)]


def _is_of(seat: _Pointing, row: Known) -> bool:
    there = (
        row.canvas_section_id in (None, seat.canvas_section_id)
        if seat.canvas_section_id
        else row.canvas_course_id == seat.canvas_course_id
    )
    return there and row.canvas_user_id == seat.canvas_user_id


def _is_in_again(session: Session, seat: _Pointing) -> None:
    """The place that somebody had taken away by hand is there again, so nothing is left to ask."""
    if seat.cause == "changed_in_canvas":
        claims.look_again(session, Seat.id == seat.seat_id)


def _is_not_in(
    session: Session, connection_id: int, seat: _Pointing, row: Known, now: datetime, ended_by_us: bool
) -> None:
    if seat.doubted or seat.canvas_user_id != row.canvas_user_id:
        # Who is it? That comes first; `doubt` has made the seat due.
        claims.look_again(session, Seat.id == seat.seat_id)
    elif ended_by_us:
        # Another seat of the same row let it go, and this one wants it.
        claims.look_again(session, Seat.id == seat.seat_id)
    elif seat.has_request:
        matches.owe_look(session, connection_id, cast(int, row.canvas_user_id), now)
    elif seat.was_in:
        _ask_about_a_hand(session, connection_id, seat, row, now)
    elif seat.cause != "changed_in_canvas":
        claims.look_again(session, Seat.id == seat.seat_id)


def _ask_about_a_hand(session: Session, connection_id: int, seat: _Pointing, row: Known, now: datetime) -> None:
    """The wish was fulfilled, and somebody ended or moved the enrollment by hand in Canvas. We don't change it back:
    the office puts it back or leaves it."""
    what, there = row.state, None
    if row.is_live:
        what = "moved"
    there_or_here = (row.canvas_course_id, seat.canvas_course_id)
    theirs = known_of_user(session, connection_id, cast(int, row.canvas_user_id))
    taken = _pointed_to_by_others(
        session, connection_id, seat.seat_id, [other.canvas_enrollment_id for other in theirs]
    )
    for other in theirs:
        # A row that we did not grant may be noted for a seat that asked for another place when it was made.
        is_free = other.seat_id in (None, seat.seat_id) or not other.granted
        is_another = other.canvas_enrollment_id not in (row.canvas_enrollment_id, *taken)
        if other.is_live and is_free and is_another and other.canvas_course_id in there_or_here:
            what, there = "moved", other
            break
    values: dict[str, Any] = {"cause": "changed_in_canvas", "cause_scope": what, "cause_detail": None}
    if there is not None:
        values["canvas_enrollment_id"] = there.canvas_enrollment_id
        here = (CanvasRow.connection_id == connection_id, CanvasRow.canvas_enrollment_id == there.canvas_enrollment_id)
        change(session, update(CanvasRow).where(*here).values(seat_id=seat.seat_id))
        if there.seat_id not in (None, seat.seat_id):
            # It may have been asked whether that seat's place is this one.
            claims.look_again(session, Seat.id == there.seat_id)
    if seat.cause != "changed_in_canvas":
        # The time of the first look that saw it; at a later look, something else may be asked.
        values["changed_at"] = now
        noticed = "noticed a removal" if what == "deleted" else "noticed a change"
        words = Said("there", course=seat.canvas_course_id)
        activity.note(session, now, activity.US, noticed, words, participant_id=seat.participant_id)
    # This raises the version, as participants' changes do, so that a drain that has the seat in hand does not settle
    # it.
    asked = update(Seat).where(Seat.id == seat.seat_id)
    change(session, asked.values(version=Seat.version + 1, held=True, due_at=None, parked_at=None, **values))


def _pointed_to_by_others(session: Session, connection_id: int, seat_id: int, ids: Collection[int]) -> set[int | None]:
    """Those of the rows that other seats point to."""
    others = select(Seat.canvas_enrollment_id).where(
        Seat.connection_id == connection_id, Seat.canvas_enrollment_id.in_(ids), Seat.id != seat_id
    )
    return set(session.scalars(others))
