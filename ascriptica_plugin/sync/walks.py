"""The calls to Canvas that enroll or remove the participant of one seat.

Each walk is a generator: it yields a call to Canvas, gets the answer or the error back, and notes what it learned on
its `Work` before it yields the next call. `drain` stores the notes before it makes that call. A walk only reads the
ledger. When it ends, Canvas agrees; if it has to wait, it raises `Stuck` with the cause.
"""

from datetime import datetime, timedelta

from .. import retry
from ..canvas.client import CanvasClient
from ..canvas.errors import CanvasError, CourseConcluded, NotFound, PermissionMissing, Refused
from ..canvas.shapes import Enrollment
from ..ledger import enrollments
from ..ledger.enrollments import Known
from ..ledger.work import Work
from ..tables.canvas import DEFAULT_SECTION
from .tasks import Call, Context, Stuck, Walk
from .users import find, find_or_create

CLOCK_TOLERANCE = timedelta(seconds=2)
"""Canvas's times and its Date header have whole seconds, so an enrollment of ours may seem this much too old."""


def _ask(context: Context, work: Work, call: Call) -> Walk:
    """Make a call that enrolls or removes. A busy Canvas may carry it out long after we stopped waiting for the answer,
    so without an answer the opposite call has to wait."""
    work.note_sent(context.now() + retry.LATE)
    try:
        answer = yield call
    except CanvasError:
        work.note_answered()
        raise
    work.note_answered()
    return answer


def enroll(context: Context, work: Work) -> Walk:
    """Enroll: one call if we know an id of the person in Canvas, two the first time, three with a new Canvas user."""
    user_id = work.canvas_user_id or (f"sis_user_id:{work.sis_user_id}" if work.sis_user_id else None)
    if user_id is None:
        user_id = yield from find_or_create(context, work)
    asked_at = context.now()
    try:
        enrollment = yield from _post(context, work, user_id)
    except NotFound as error:
        yield from _stop_if_place_is_missing(work)
        if work.canvas_user_id:
            # The user was deleted or merged in Canvas since: find the user again, never create a second one.
            user_id = yield from find(context, work)
            if user_id in (None, work.canvas_user_id):
                raise Stuck("user_missing", work.participant_id, str(error)) from None
        else:
            user_id = yield from find_or_create(context, work)
        enrollment = yield from _post(context, work, user_id)
    if enrollment.user_id != work.canvas_user_id:
        work.note_user(canvas_user_id=enrollment.user_id)
    if _was_ended_since(context, work, enrollment, asked_at):
        # Another participant, who is the same Canvas user, was removed meanwhile, perhaps after our request.
        enrollment = yield from _post(context, work, enrollment.user_id)
    granted = _is_ours(context, work, enrollment)
    # The time too: a worker that took over the lease meanwhile may have found no enrollment and cleared it.
    work.note(canvas_enrollment_id=enrollment.id, granted=granted, enrolled=True, first_tried_at=work.first_tried_at)


def _is_ours(context: Context, work: Work, enrollment: Enrollment) -> bool:
    """Whether we may end it: as stored, otherwise by its age, since Canvas doesn't say whether it was there before."""
    if enrollment.id == work.canvas_enrollment_id:
        return work.granted
    is_younger = _is_younger(work, enrollment)
    # Other seats that get the same enrollment in this turn follow this decision.
    return context.known.setdefault(enrollment.id, [Known(work.seat_id, is_younger, None)])[0].granted


def _is_younger(work: Work, enrollment: Enrollment) -> bool:
    """Whether it was created after our first request for the seat was sent."""
    tried_at = work.first_tried_at
    return tried_at is not None and enrollment.created_at >= tried_at - CLOCK_TOLERANCE


def _was_ended_since(context: Context, work: Work, enrollment: Enrollment, asked_at: datetime) -> bool:
    others = (known for known in context.known.get(enrollment.id, ()) if known.seat_id != work.seat_id)
    return any(other.ended_at is not None and other.ended_at >= asked_at for other in others)


def _post(context: Context, work: Work, user_id: int | str) -> Walk:
    section_id = None if work.canvas_section_id == DEFAULT_SECTION else work.canvas_section_id
    state = "invited" if context.by_invitation else "active"

    def request(canvas: CanvasClient) -> Enrollment:
        return canvas.enroll(work.canvas_course_id, user_id, section_id, state=state, notify=context.canvas_mail)

    is_first = work.first_tried_at is None
    if is_first:
        if context.canvas_time() is None:
            # Once per process: Canvas has not answered yet, and our own clock may be wrong.
            yield CanvasClient.myself
        work.note_try(context.canvas_time() or context.now())
    try:
        return (yield from _ask(context, work, request))
    except (NotFound, PermissionMissing, Refused) as error:
        # Canvas refused: nothing was created, so an enrollment that is found later is not ours.
        if is_first:
            work.note_try(None)
        if isinstance(error, CourseConcluded):
            raise Stuck("course_concluded", work.canvas_course_id, str(error)) from None
        if isinstance(error, PermissionMissing):
            raise Stuck("permission_missing", "add_student_to_course", str(error)) from None
        raise


def _stop_if_place_is_missing(work: Work) -> Walk:
    """Raise Stuck if the course or the section is missing. A 404 never says what is; if both exist, it is the user."""
    try:
        yield lambda canvas: canvas.course(work.canvas_course_id)
    except NotFound as error:
        raise Stuck("course_missing", work.canvas_course_id, str(error)) from None
    if work.canvas_section_id != DEFAULT_SECTION:
        try:
            yield lambda canvas: canvas.section(work.canvas_course_id, work.canvas_section_id)
        except NotFound as error:
            raise Stuck("section_missing", work.canvas_section_id, str(error)) from None


def remove(context: Context, work: Work) -> Walk:
    """Remove: no call if no request to enroll was sent since the last removal, one if the enrollment is known.

    Never ends an enrollment that is not ours.
    """
    enrollment_id, granted = work.canvas_enrollment_id, work.granted
    tried = work.first_tried_at or enrollments.tried_by_another(context.session, context.connection_id, work)
    if not tried or work.shared:
        work.note(enrolled=False)
        return
    if enrollment_id is None:
        enrollment_id, granted = yield from _look_for_enrollment(context, work)
        if enrollment_id is None:
            work.note(enrolled=False, first_tried_at=None)
            return
    if not granted:
        raise Stuck("found_there", work.participant_id)
    try:
        task = work.on_withdrawal or context.on_withdrawal
        yield from _ask(context, work, lambda canvas: canvas.unenroll(work.canvas_course_id, enrollment_id, task))
    except NotFound:
        # The enrollment is gone already, unless the whole course is.
        yield from _stop_if_place_is_missing(work)
    except PermissionMissing as error:
        raise Stuck("permission_missing", "remove_student_from_course", str(error)) from None
    work.removed = enrollment_id
    work.note(canvas_enrollment_id=enrollment_id, granted=granted, enrolled=False, first_tried_at=None)


def _look_for_enrollment(context: Context, work: Work) -> Walk:
    """The id of the enrollment that a lost answer may have left in Canvas, and whether it is ours; or (None, False)."""
    user_id = work.canvas_user_id or (f"sis_user_id:{work.sis_user_id}" if work.sis_user_id else None)
    if user_id is None:
        user_id = yield from find(context, work)
        if user_id is None:
            return None, False
    try:
        rows = yield lambda canvas: canvas.student_enrollments(work.canvas_course_id, user_id)
    except NotFound:
        yield from _stop_if_place_is_missing(work)
        return None, False
    except PermissionMissing as error:
        raise Stuck("permission_missing", "read_roster", str(error)) from None
    if work.canvas_section_id != DEFAULT_SECTION:
        rows = [row for row in rows if row.section_id == work.canvas_section_id]
    of_others = enrollments.known_elsewhere(context.session, context.connection_id, work, [row.id for row in rows])
    ended = None
    for row in sorted((row for row in rows if row.id not in of_others), key=lambda row: row.created_at, reverse=True):
        granted = _is_younger(work, row)
        if row.state in ("active", "invited", "creation_pending"):
            work.note(canvas_enrollment_id=row.id, granted=granted)
            return row.id, granted
        ended = ended or (row if granted else None)
    if ended is not None:
        # Ours, and ended by somebody else meanwhile, for example with its course. A person who comes back gets the same
        # enrollment from Canvas, and by its age it could then be taken for somebody else's.
        work.note(canvas_enrollment_id=ended.id, granted=True)
    return None, False
