"""Reads a person's enrollments in every course that we know for them. What a list does not show is read by its
number."""

import logging
from collections.abc import Callable, Collection, Iterable
from datetime import datetime

from sqlalchemy.orm import Session

from ..canvas.errors import CanvasError, NotFound
from ..canvas.shapes import Course, Enrollment
from ..ledger import judging, matches, reads, rows
from ..ledger.rows import ShownRow
from ..shared import pauses
from ..shared.process_log import about, unnamed
from ..tables.columns import begin_writing
from ..tables.ledger import Match
from . import storing
from .tasks import Call, Walk

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]


def concluded_among(
    session: Session, connection_id: int, shown: Iterable[Enrollment], concluded: Collection[int] = ()
) -> Walk:
    """Find the concluded Canvas courses among those where somebody who was enrolled is now shown as completed.

    In these, nobody ended the enrollment by hand. This costs one call for each course whose state is needed. Those
    given as `concluded` cost none, and are returned as well.
    """
    completed = [row.id for row in shown if row.state == "completed"]
    found = set(concluded)
    for number in judging.may_have_ended_with_their_course(session, connection_id, completed) - found:
        try:
            course: Course = yield call_for_course(number)
        except NotFound:
            continue
        if course.concluded:
            found.add(number)
    return found


def call_for_course(number: int) -> Call:
    """The call that reads this Canvas course."""
    return lambda canvas: canvas.course(number)


def note_lost(session: Session, connection_id: int, number: int, now: Clock, *, in_a_course: bool = False) -> Walk:
    """Forget a row that Canvas does not have: its course is gone, too, or Canvas came back from a backup."""
    known = rows.known(session, connection_id, [number]).get(number)
    if known is None:
        return
    course_id, restored = known.canvas_course_id, in_a_course
    if not in_a_course:
        try:
            yield lambda canvas: canvas.course(course_id)
            restored = True
        except NotFound:
            restored = False
    begin_writing(session)
    rows.forget(session, connection_id, [number])
    if restored:
        reads.note_restored(session, connection_id, now())


def person_walk(session: Session, connection_id: int, root_id: int, participant_id: int, now: Clock) -> Walk:
    """The walk that reads a person's enrollments in every course that we know for them; what is missing from the list
    is asked for by its number."""
    known = session.get(Match, (connection_id, participant_id), populate_existing=True)
    if known is None or known.canvas_user_id is None:
        return
    at, user_id, asked_at = known.address or known.canvas_user_id, known.canvas_user_id, now()
    try:
        theirs: list[Enrollment] = yield lambda canvas: canvas.enrollments_of(at)
        concluded = yield from concluded_among(session, connection_id, theirs)
    except NotFound:
        matches.doubt(session, connection_id, Match.participant_id == participant_id)
        matches.look_later(session, connection_id, participant_id, None)
        return
    except CanvasError as error:
        why = unnamed(str(error))
        its = about(connection=connection_id, participant=participant_id, reason=why)
        log.warning(
            "The enrollments of participant %d can't be read: %s We try again later.", participant_id, why, extra=its
        )
        matches.look_later(session, connection_id, participant_id, now() + pauses.LOOK_AGAIN)
        return
    stored = rows.known_of_user(session, connection_id, user_id)
    used = {row.canvas_course_id for row in stored}
    matches.look_later(session, connection_id, participant_id, None)
    shown = [ShownRow(row, asked_at=asked_at) for row in theirs if row.course_id in used]
    storing.store_shown(session, connection_id, shown, now(), concluded=concluded)
    listed = {row.id for row in theirs}
    for row in stored:
        if row.is_live and row.seat_id is not None and row.canvas_enrollment_id not in listed:
            yield from look_for(session, connection_id, root_id, row.canvas_enrollment_id, now)


def look_for(
    session: Session, connection_id: int, root_id: int, number: int, now: Clock, *, in_a_course: bool = False
) -> Walk:
    """Ask by its number for a row that a list does not show. `in_a_course`: we know that its course is there."""
    asked_at = now()
    try:
        try:
            row: Enrollment = yield lambda canvas: canvas.enrollment(root_id, number)
        except NotFound:
            yield from note_lost(session, connection_id, number, now, in_a_course=in_a_course)
            return
        concluded = yield from concluded_among(session, connection_id, [row])
    except CanvasError:
        # The next read finds it missing, too.
        return
    storing.store_shown(session, connection_id, [ShownRow(row, asked_at=asked_at)], now(), concluded=concluded)


def put_off_person(session: Session, connection_id: int, participant_id: int, now: datetime) -> None:
    """Look again later, because it failed unexpectedly."""
    matches.look_later(session, connection_id, participant_id, now + pauses.LOOK_AGAIN)
