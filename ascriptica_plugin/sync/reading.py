"""Reads the enrollments of a Canvas course, a page at a time, and stores what is there."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from ..canvas.client import CanvasClient
from ..canvas.errors import CanvasError, NotFound
from ..canvas.shapes import Enrollment
from ..ledger import due, last_activity, reads, rows, settling
from ..ledger.rows import ShownRow
from ..shared.said import Said
from ..tables.columns import begin_writing
from ..tables.ledger import CanvasRow, Seat
from . import person_reading, storing
from .tasks import Call, Walk

AT_ONCE = 2
"""How many courses are read at once, so that most of the flight is left to people."""

ASKED_BY_ID = 200
"""How many rows that are missing from a course's list are asked for after one read; the others after the next."""


def read_walk(
    session: Session, connection_id: int, root_id: int, canvas_course_id: int, now: Callable[[], datetime]
) -> Walk:
    """The walk that reads one course. What is missing from its list is asked for by its number.

    A read counts for a person only if it is newer than what we know. A person about whom a request is out is looked at
    later.
    """
    since, link = now(), None
    concluded: set[int] = set()
    owed_at = reads.owed(session, connection_id, canvas_course_id)
    try:
        while True:
            asked_at = now()
            page: tuple[list[Enrollment], str | None] = yield page_of(canvas_course_id, link)
            found, link = page
            concluded = yield from person_reading.concluded_among(session, connection_id, found, concluded)
            shown = [ShownRow(row, asked_at=asked_at) for row in found]
            storing.store_shown(session, connection_id, shown, now(), concluded=concluded)
            last_activity.note(session, connection_id, found, now())
            if link is None:
                break
    except NotFound as error:
        yield from _is_gone(session, connection_id, canvas_course_id, error.said, since, owed_at, now)
        return
    except CanvasError as error:
        begin_writing(session)
        reads.tried(session, connection_id, canvas_course_id, now(), error.said)
        return
    for number in _missing(session, connection_id, canvas_course_id, since):
        yield from person_reading.look_for(session, connection_id, root_id, number, now, in_a_course=True)
    begin_writing(session)
    others = rows.has_others(session, connection_id, canvas_course_id, since)
    reads.done(session, connection_id, canvas_course_id, since, now(), owed_at, has_others=others)
    for cause in ("course_missing", "canvas_restored"):
        of_cause = (Seat.cause == cause, Seat.cause_scope.in_(("", str(canvas_course_id))))
        due.release(session, Seat.connection_id == connection_id, *of_cause)


def page_of(canvas_course_id: int, link: str | None) -> Call:
    """The call for a page of the course's enrollments, and the link to the next page."""

    def call(canvas: CanvasClient) -> tuple[list[Enrollment], str | None]:
        return canvas.course_enrollments(canvas_course_id, link)

    return call


def put_off(session: Session, connection_id: int, canvas_course_id: int, now: datetime) -> None:
    """Store that a read failed on our side."""
    reads.tried(session, connection_id, canvas_course_id, now, Said("our_side"))


def _missing(session: Session, connection_id: int, canvas_course_id: int, since: datetime) -> list[int]:
    """Live rows of ours in the course that the list did not show."""
    unseen = (
        select(CanvasRow.canvas_enrollment_id)
        .where(CanvasRow.connection_id == connection_id, CanvasRow.canvas_course_id == canvas_course_id)
        .where(CanvasRow.state.in_(rows.LIVE), CanvasRow.seat_id.is_not(None), CanvasRow.seen_at < since)
    )
    return list(session.scalars(unseen.limit(ASKED_BY_ID)))


def _is_gone(
    session: Session,
    connection_id: int,
    canvas_course_id: int,
    problem: Said,
    since: datetime,
    owed_at: datetime | None,
    now: Callable[[], datetime],
) -> Walk:
    """The list answered 404: is the course gone? Then nobody is in it, and the people who should be are held for
    that."""
    try:
        yield lambda canvas: canvas.course(canvas_course_id)
        gone = False
    except NotFound:
        gone = True
    except CanvasError as error:
        gone, problem = False, error.said
    begin_writing(session)
    if not gone:
        reads.tried(session, connection_id, canvas_course_id, now(), problem)
    else:
        # The people who are held for it find out when the course is back.
        reads.done(session, connection_id, canvas_course_id, since, now(), owed_at, problem)
        # Nobody ended these rows by hand, and they are live again once the course is restored.
        rows.set_aside(session, connection_id, canvas_course_id, now())
        were_in = and_(
            Seat.connection_id == connection_id, Seat.canvas_course_id == canvas_course_id, Seat.was_in.expression
        )
        settling.hold_all(session, were_in, "course_missing", canvas_course_id, problem, now())
