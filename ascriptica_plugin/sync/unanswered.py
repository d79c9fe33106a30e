"""Finds out what became of requests that were never answered."""

import logging
from datetime import datetime
from typing import cast

from sqlalchemy import and_
from sqlalchemy.orm import Session

from ..canvas.errors import CanvasError, NotFound, Refused
from ..canvas.shapes import Enrollment, User
from ..ledger import claims, matches, reads, request_windows, requests, rows, ways_in
from ..ledger.requests import Out
from ..ledger.rows import Ended, ShownRow
from ..shared import pauses
from ..shared.clock import LONG_AGO
from ..shared.process_log import about, unnamed
from ..tables.columns import begin_writing
from ..tables.ledger import DEFAULT_SECTION, Match, Seat
from . import storing
from .person_reading import Clock, call_for_course, concluded_among, note_lost
from .tasks import Walk

log = logging.getLogger(__name__)

AT_ONCE = 20
"""At most this many are looked up at once, so seats never wait for all of them."""


def request_walk(session: Session, connection_id: int, root_id: int, request_id: int, now: Clock) -> Walk:
    """The walk that finds out what became of a request, once Canvas can't carry it out any more.

    We look where the request went: at a person's enrollments in all courses, at one row, or at a login.
    """
    out = requests.get(session, request_id)
    if out is None:
        return
    looks = {"enroll": _of_enrolling, "end": _of_ending, "create": _of_creating, "put_back": _put_back_again}
    try:
        yield from looks[out.kind](session, connection_id, root_id, out, now)
    except CanvasError as error:
        why = unnamed(str(error))
        its = about(connection=connection_id, request=request_id, participant=out.participant_id, reason=why)
        log.warning("What became of request %d is not known yet: %s We look again later.", request_id, why, extra=its)
        requests.put_off(session, request_id, now() + pauses.LOOK_AGAIN)
        return
    requests.cross_out(session, request_id)
    if out.seat_id is not None:
        claims.look_again(session, and_(Seat.connection_id == connection_id, Seat.id == out.seat_id))


def put_off_request(session: Session, request_id: int, now: datetime) -> None:
    """Look again later, because it failed unexpectedly."""
    requests.put_off(session, request_id, now + pauses.LOOK_AGAIN)


def _of_enrolling(session: Session, connection_id: int, root_id: int, out: Out, now: Clock) -> Walk:
    at: str | int | None = out.address or out.canvas_user_id
    if at is None:
        return
    try:
        theirs: list[Enrollment] = yield lambda canvas: canvas.enrollments_of(at)
        gone_for = None
        if not any(_is_place(out, row) and out.may_have_made(row.created_at) for row in theirs):
            gone_for = yield from _if_its_course_is_gone(out, at)
    except NotFound:
        # The user is gone. We find out who the participant is now before anything else is sent.
        matches.doubt(session, connection_id, Match.participant_id == out.participant_id)
        return
    concluded = yield from concluded_among(session, connection_id, theirs)
    known = rows.known(session, connection_id, [row.id for row in theirs])
    shown = []
    for row in theirs:
        was = known.get(row.id)
        in_window = out.may_have_made(row.created_at)
        revived = was is not None and was.is_same(row) and not was.is_live and row.state in rows.LIVE
        if (in_window or revived) and _is_place(out, row):
            shown.append(ShownRow(row, granted=True, seat_id=out.seat_id))
        elif in_window and was is None:
            # Made at that time, but elsewhere: the office is asked about it if nobody wants it.
            shown.append(ShownRow(row, seat_id=out.seat_id))
        elif was is not None:
            shown.append(ShownRow(row))
    storing.store_shown(session, connection_id, shown, now(), out, concluded)
    if gone_for is not None:
        request_windows.keep(session, connection_id, out, gone_for)


def _if_its_course_is_gone(out: Out, at: str | int) -> Walk:
    """The user's number in Canvas, if the course that was asked for is not there; None if it is."""
    try:
        yield call_for_course(cast(int, out.canvas_course_id))
    except NotFound:
        user: User = yield lambda canvas: canvas.user(at)
        return user.id
    return None


def _is_place(out: Out, row: Enrollment) -> bool:
    if out.canvas_section_id in (None, DEFAULT_SECTION):
        return row.course_id == out.canvas_course_id
    return row.section_id == out.canvas_section_id


def _of_ending(session: Session, connection_id: int, root_id: int, out: Out, now: Clock) -> Walk:
    number = cast(int, out.canvas_enrollment_id)
    try:
        row: Enrollment = yield lambda canvas: canvas.enrollment(root_id, number)
    except NotFound:
        yield from note_lost(session, connection_id, number, now)
        return
    known = rows.known(session, connection_id, [number]).get(number)
    meant_at = out.row_created_at or (known.created_at if known is not None else None)
    is_another = meant_at not in (None, row.created_at)
    if is_another and row.state not in rows.LIVE and out.may_have_made(row.updated_at):
        # Canvas came back from a backup, and our request ended the enrollment that has the number now.
        begin_writing(session)
        reads.note_restored(session, connection_id, now())
        requests.put_back_instead(session, out.id, row)
        yield from _put_back_again(session, connection_id, root_id, cast(Out, requests.get(session, out.id)), now)
        return
    is_ours = known is not None and known.is_same(row) and not is_another and row.state in _ENDS
    shown = ShownRow(row, ended=Ended(_ENDS[row.state]) if is_ours else None)
    storing.store_shown(session, connection_id, [shown], now(), out)
    if is_another:
        reads.note_restored(session, connection_id, now())


_ENDS = {"deleted": "delete", "inactive": "deactivate", "completed": "conclude"}
"""How a row in this state was ended."""


def _of_creating(session: Session, connection_id: int, root_id: int, out: Out, now: Clock) -> Walk:
    known = session.get(Match, (connection_id, out.participant_id), populate_existing=True)
    if known is None or known.canvas_user_id is not None:
        return
    try:
        user: User = yield lambda canvas: canvas.user(out.address)
    except NotFound:
        return
    known = session.get_one(Match, (connection_id, out.participant_id), populate_existing=True)
    if not matches.holders(session, connection_id, user.id, cast(int, out.participant_id)):
        participant = known.participant
        known.canvas_user_id, known.address, known.how, known.created_by_us = user.id, user.address, "created", True
        if known.way_in == ways_in.ASKED:
            known.way_in = ways_in.LOST
        known.canvas_name, known.canvas_login, known.canvas_sis_user_id = user.name, user.login_id, user.sis_user_id
        known.from_sis_user_id, known.from_email = participant.sis_user_id, known.email_sent or participant.email
        # The login was sent as the email too, unless an administrator chose it.
        email_sent = user.email or (participant.email if known.create_new else known.login_sent)
        known.name_sent, known.email_sent, known.matched_at = user.name, email_sent, now()
        known.follow_at = LONG_AGO
        known.create_new, known.question, known.candidates = False, None, None
        session.flush()


def _put_back_again(session: Session, connection_id: int, root_id: int, out: Out, now: Clock) -> Walk:
    course_id, at, section_id = cast(int, out.canvas_course_id), out.address, out.canvas_section_id
    try:
        row: Enrollment = yield lambda canvas: canvas.enroll(course_id, at, section_id)
    except (NotFound, Refused) as error:
        number, why = out.canvas_enrollment_id, unnamed(str(error))
        its = about(connection=connection_id, canvas_enrollment=number, canvas_course=course_id, reason=why)
        log.error("Enrollment %s can't be put back into Canvas course %d: %s", number, course_id, why, extra=its)
        return
    storing.store_shown(session, connection_id, [ShownRow(row)], now())
