"""The calls to Canvas that make it agree with one seat: first let the person in, then end what nobody wants.

Each walk is a generator: it yields a call to Canvas, gets the answer or the error back, and notes what it learned on
its `Work` before it yields the next call. The drain stores the notes before it makes that call. A walk only reads the
ledger. When it ends, Canvas agrees; if it has to wait, it raises `Stuck` with the cause, or `Waits`.
"""

from ..canvas.client import CanvasClient
from ..canvas.errors import CanvasError, CourseConcluded, NotFound, PermissionMissing
from ..canvas.shapes import Enrollment
from ..ledger import rows, ways_in
from ..ledger.causes import permission_in
from ..ledger.rows import ShownRow
from ..ledger.work import Work
from ..shared import pauses
from ..shared.said import Said
from ..tables.ledger import DEFAULT_SECTION
from . import endings, users
from .tasks import Context, Stuck, Walk, send


def agree(context: Context, work: Work) -> Walk:
    """Make Canvas agree with the seat: one call for a known person, two the first time, three with a new Canvas user,
    one to end; none if the person is in already, or nothing was ever sent."""
    if work.wanted:
        try:
            yield from _let_in(context, work)
        except Stuck:
            yield from endings.end_what_is_somebody_elses(context, work)
            raise
    elif work.who.created_by_us and work.is_stale:
        # Nothing is wanted here, but the Canvas user that we made follows the participant.
        yield from users.identify(context, work)
    if work.leaves or not work.wanted:
        yield from endings.end_what_nobody_wants(context, work)


def _let_in(context: Context, work: Work) -> Walk:
    for _ in range(2):
        at = yield from users.address(context, work)
        if (yield from _is_there(context, work)):
            return
        enrollment = yield from _enroll(context, work, at)
        if work.who.canvas_user_id is None:
            yield from _first_contact(context, work, enrollment)
            return
        _take_note(context, work, enrollment)
        if enrollment.user_id == work.who.canvas_user_id:
            return
        # The address leads to a different user from the one we know, for example after a merge: who is it now?
        work.note_who(doubted=True)
    raise Stuck("our_fault", work.participant_id, Said("another_user"))


def _is_there(context: Context, work: Work) -> Walk:
    """Whether a live row that we know is the place already, ours or not. A request would undo what a teacher set there.

    A row that is not ours and was not seen lately is asked for first, which costs as much as the request that it may
    save.
    """
    if work.is_in:
        return True
    user_id = work.who.canvas_user_id
    if user_id is None:
        return False
    for row in rows.known_of_user(context.session, context.connection_id, user_id):
        if not (row.is_live and work.fits(row.canvas_user_id, row.canvas_course_id, row.canvas_section_id)):
            continue
        if work.canvas_section_id == DEFAULT_SECTION and rows.is_of_a_section(context.session, row, work.seat_id):
            continue
        if not row.granted and row.seen_at < context.now() - pauses.SEEN_LATELY:
            yield from endings.look_where_it_is(context, work, row)
            shown = next((one.row for one in work.shown if one.row.id == row.canvas_enrollment_id), None)
            if shown is None or shown.state not in rows.LIVE or not row.is_same(shown):
                continue
        work.leaves = work.leaves or work.points_to is not None
        work.point_to(row.canvas_enrollment_id)
        work.takes.append(row.canvas_enrollment_id)
        return True
    return False


def _enroll(context: Context, work: Work, at: str | int) -> Walk:
    try:
        return (yield from _post(context, work, at))
    except NotFound as error:
        yield from stop_if_place_is_missing(work)
        # It is the user that is missing. First we find out who it is now; nobody who has a user gets a second one.
        if work.who.canvas_user_id is not None:
            work.note_who(doubted=True)
        at = yield from users.address(context, work, sis_id_is_unknown=True)
        try:
            return (yield from _post(context, work, at))
        except NotFound:
            raise Stuck("user_missing", work.participant_id, error.said) from None


def _post(context: Context, work: Work, at: str | int) -> Walk:
    section_id = None if work.canvas_section_id == DEFAULT_SECTION else work.canvas_section_id
    state = "invited" if context.by_invitation else "active"
    notify = context.canvas_mail and ways_in.to_be_mailed(context.session, work.seat_id) is not None

    def request(canvas: CanvasClient) -> Enrollment:
        return canvas.enroll(work.canvas_course_id, at, section_id, state=state, notify=notify)

    place = {"canvas_course_id": work.canvas_course_id, "canvas_section_id": work.canvas_section_id}
    try:
        return (yield from send(context, work, "enroll", request, address=str(at), **place))
    except CourseConcluded as error:
        raise Stuck("course_concluded", work.canvas_course_id, error.said) from None
    except PermissionMissing as error:
        yield from _stop_if_closed_to_students(context, work, error)
        scope = permission_in("add_student_to_course", work.canvas_course_id)
        raise Stuck("permission_missing", scope, error.said) from None


def _take_note(context: Context, work: Work, enrollment: Enrollment) -> None:
    """Note what the answer to our request says about the row, and whether we let the person in.

    A row is ours if it was ours before; if it was not live when it was last seen, so that our request revived it; or if
    it was made after our request was first sent, in the place that we asked for. Being the newest does not make it
    ours.
    """
    known = context.known.get(enrollment.id)
    if known is not None and known.is_same(enrollment):
        granted = known.granted or not known.is_live
    else:
        granted = is_younger(work, enrollment) and is_place_of(work, enrollment)
        work.restored = work.restored or known is not None
    shown = ShownRow(enrollment, granted=granted, seat_id=work.seat_id)
    work.shown.append(shown)
    if enrollment.user_id != work.who.canvas_user_id:
        work.leaves = True
        return
    work.leaves = work.leaves or work.points_to not in (None, enrollment.id)
    work.point_to(enrollment.id)
    # Other seats that get the same row in this turn follow this decision.
    context.known[enrollment.id] = rows.as_known(shown, known, context.now())


def is_younger(work: Work, enrollment: Enrollment) -> bool:
    """Whether it was created after the request was first sent; both times are on Canvas's clock."""
    return work.sent_at is not None and enrollment.created_at >= work.sent_at - pauses.CLOCK_TOLERANCE


def is_place_of(work: Work, enrollment: Enrollment) -> bool:
    """Whether it is in the course and section that were asked for."""
    if work.canvas_section_id == DEFAULT_SECTION:
        return enrollment.course_id == work.canvas_course_id
    return enrollment.section_id == work.canvas_section_id


def _first_contact(context: Context, work: Work, enrollment: Enrollment) -> Walk:
    """Note the user whom the answer to a request by SIS ID names."""
    try:
        yield from users.is_by_sis_id(context, work, enrollment.user_id)
    except Stuck:
        # Another participant is this user. Nobody stays in a course while it is not certain who they are.
        _take_note(context, work, enrollment)
        yield from endings.end_what_nobody_wants(context, work)
        raise
    _take_note(context, work, enrollment)


def stop_if_place_is_missing(work: Work) -> Walk:
    """Raise Stuck if the course or the section is missing. A 404 never says what is missing; if both exist, it is the
    user."""
    try:
        yield lambda canvas: canvas.course(work.canvas_course_id)
    except NotFound as error:
        raise Stuck("course_missing", work.canvas_course_id, error.said) from None
    if work.canvas_section_id != DEFAULT_SECTION:
        try:
            yield lambda canvas: canvas.section(work.canvas_course_id, work.canvas_section_id)
        except NotFound as error:
            raise Stuck("section_missing", work.canvas_section_id, error.said) from None


def _stop_if_closed_to_students(context: Context, work: Work, error: CanvasError) -> Walk:
    """Raise Stuck if the course is a blueprint or a template, which take no students whatever the rights are
    [models/user.rb]."""
    if work.canvas_course_id not in context.closed_to_students:
        try:
            course = yield lambda canvas: canvas.course(work.canvas_course_id)
        except CanvasError:
            return
        context.closed_to_students[work.canvas_course_id] = course.takes_no_students
    if context.closed_to_students[work.canvas_course_id]:
        raise Stuck("course_closed_to_students", work.canvas_course_id, error.said)
