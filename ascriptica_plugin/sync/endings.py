"""The calls to Canvas that end enrollments nobody wants any more, but only those that we granted. See `walks`."""

from ..canvas.client import CanvasClient
from ..canvas.errors import NotFound, PermissionMissing
from ..canvas.shapes import Enrollment
from ..ledger import matches, reads, rows
from ..ledger.causes import permission_in
from ..ledger.rows import LIVE, Ended, Known, ShownRow
from ..ledger.work import Pointed, Work
from ..shared.said import Said
from . import users
from .tasks import Context, Stuck, Walk, send


def end_what_nobody_wants(context: Context, work: Work) -> Walk:
    """End the rows that this seat points to, or pointed to, and that no seat wants now.

    Raises Stuck if one of them is not ours: an administrator decides whether it stays.
    """
    left = _left(context, work)
    unwanted = _unwanted(context, work, left)
    for row in unwanted:
        if row.granted:
            yield from _end(context, work, row, _is_also_there(context, row, left))
    if any(not row.granted for row in unwanted):
        # We may have mistaken the person for the Canvas user whose row it is.
        yield from users.look_again(context, work)
        if any(not row.granted for row in _unwanted(context, work, left)):
            raise Stuck("found_there", work.participant_id)
    if not work.wanted and work.row is not None and work.was_ended_by_others:
        yield from _look_at_the_person(context, work, work.row)


def end_what_is_somebody_elses(context: Context, work: Work) -> Walk:
    """End what this seat granted to a Canvas user who is another participant now, even if we don't know yet who this
    participant is: nobody stays in a course because of another person's registration."""
    left = _left(context, work)
    for row in _unwanted(context, work, left):
        user_id = row.canvas_user_id
        if not row.granted or user_id in (None, work.who.canvas_user_id):
            continue
        if matches.holders(context.session, context.connection_id, user_id, work.participant_id):
            yield from _end(context, work, row, _is_also_there(context, row, left))


def _unwanted(context: Context, work: Work, left: dict[int, Known]) -> list[Known]:
    """The rows that let somebody in although no seat wants them there and nobody has let them stay.

    Rows that we did not grant, and that are not this person's, are left out: we only mistook their user for this
    person.
    """
    wanted = rows.wanted_ids(context.session, context.connection_id, left, but=work.seat_id)
    # What this seat points to from now on may not be stored yet.
    own = left.get(work.points_to) if work.wanted and work.points_to is not None else None
    if own is not None and own.canvas_user_id in (None, work.who.canvas_user_id):
        wanted.add(own.canvas_enrollment_id)
    unwanted = [row for number, row in left.items() if number not in wanted and row.is_live and not row.kept]
    who = work.who
    return [row for row in unwanted if row.granted or row.may_be_of(who.canvas_user_id, doubted=who.doubted)]


def _is_also_there(context: Context, row: Known, left: dict[int, Known]) -> bool:
    """Whether the person has another live row in the row's Canvas course, perhaps for another seat."""
    theirs = {}
    if row.canvas_user_id is not None:
        found = rows.known_of_user(context.session, context.connection_id, row.canvas_user_id)
        theirs = {other.canvas_enrollment_id: other for other in found}
    others = [other for number, other in (theirs | left).items() if number != row.canvas_enrollment_id]
    there = [other for other in others if other.is_live and other.canvas_course_id == row.canvas_course_id]
    return any(row.canvas_user_id is None or other.canvas_user_id in (None, row.canvas_user_id) for other in there)


def _left(context: Context, work: Work) -> dict[int, Known]:
    """The rows of this seat, as stored and as shown since, by their ids."""
    points_to = work.row.canvas_enrollment_id if work.row is not None else None
    left = rows.left_by(context.session, context.connection_id, work.seat_id, points_to)
    for shown in work.shown:
        if shown.row.id in left or shown.seat_id == work.seat_id:
            left[shown.row.id] = rows.as_known(shown, left.get(shown.row.id), context.now())
    return left


def _end(context: Context, work: Work, row: Known, also_there: bool) -> Walk:
    """End one row that is ours. `also_there`: the person has another live row in that course, which concluding or
    deactivating would shut as well, so this one is deleted."""
    _check_for_restore(context, row)
    task, why = yield from _how(context, work, row, also_there)
    # Meanwhile another answer may have shown that Canvas was restored.
    _check_for_restore(context, row)
    place = {
        "canvas_course_id": row.canvas_course_id,
        "canvas_section_id": row.canvas_section_id,
        "canvas_enrollment_id": row.canvas_enrollment_id,
        "row_created_at": row.created_at,
    }

    is_repeat = work.request is not None

    def request(canvas: CanvasClient) -> Enrollment:
        return canvas.unenroll(row.canvas_course_id, row.canvas_enrollment_id, task)

    try:
        ended = yield from send(context, work, "end", request, **place)
    except NotFound:
        found = yield from look_where_it_is(context, work, row)
        if is_repeat and found is not None and found.state not in LIVE:
            # The first try was carried out, and its answer lost.
            work.shown.append(ShownRow(found, ended=Ended(task, why)))
        yield from _end_where_it_is(context, work, row, found)
        return
    except PermissionMissing as error:
        # Concluding needs another right [enrollments_api_controller.rb destroy].
        needed = "allow_course_admin_actions" if task == "conclude" else "remove_student_from_course"
        raise Stuck("permission_missing", permission_in(needed, row.canvas_course_id), error.said) from None
    if row.is_same(ended):
        work.shown.append(ShownRow(ended, ended=Ended(task, why)))
        return
    # Canvas came back from a backup, and gave the number to another row: that one is put back at once.
    work.restored = True
    work.shown.append(ShownRow(ended))
    yield from put_back(context, work, ended)


def _check_for_restore(context: Context, row: Known) -> None:
    """Raises Stuck if Canvas came back from a backup and the row's course was not read since."""
    since = context.restored_at
    if since and reads.endings_wait(context.session, context.connection_id, row.canvas_course_id, since):
        raise Stuck("canvas_restored")


def _how(context: Context, work: Work, row: Known, also_there: bool) -> Walk:
    """How a row is ended (delete, deactivate or conclude), and why.

    By activity: deleted if nothing was done there, else deactivated, or concluded in a course that has ended. Canvas
    counts any visit to the course [lib/api/v1/user.rb enrollment_json].
    """
    if also_there:
        return "delete", "also_there"
    if not row.may_be_of(work.who.canvas_user_id, doubted=work.who.doubted):
        # Nobody withdrew: we let them in by mistake, so they don't belong there.
        return "delete", "not_theirs"
    policy = work.on_withdrawal or context.on_withdrawal
    if policy != "by_activity":
        return policy, "policy"
    found = yield from look_where_it_is(context, work, row)
    if found is None or found.last_activity_at is None:
        return "delete", "nothing_done"
    try:
        course = yield lambda canvas: canvas.course(found.course_id)
    except NotFound:
        return "delete", "course_gone"
    return ("conclude", "course_over") if course.concluded else ("deactivate", "work_done")


def put_back(context: Context, work: Work, ended: Enrollment) -> Walk:
    """Let somebody in again whom we removed by mistake. Until Canvas answers, the request stays out and is repeated."""
    at = ended.user.address or ended.user_id

    def request(canvas: CanvasClient) -> Enrollment:
        return canvas.enroll(ended.course_id, at, ended.section_id)

    place = {"canvas_course_id": ended.course_id, "canvas_section_id": ended.section_id}
    back = yield from send(context, work, "put_back", request, address=str(at), canvas_enrollment_id=ended.id, **place)
    work.shown.append(ShownRow(back))


def look_where_it_is(context: Context, work: Work, row: Known) -> Walk:
    """Ask for a row by its number. Returns it as Canvas shows it now; None if Canvas does not know this row."""
    try:
        found = yield lambda canvas: canvas.enrollment(context.root_id, row.canvas_enrollment_id)
    except NotFound:
        work.gone.append(row.canvas_enrollment_id)
        try:
            yield lambda canvas: canvas.course(row.canvas_course_id)
        except NotFound:
            # It is gone with its course.
            return None
        work.restored = True
        return None
    work.shown.append(ShownRow(found))
    if row.is_same(found):
        return found
    work.restored = True
    return None


def _end_where_it_is(context: Context, work: Work, row: Known, found: Enrollment | None) -> Walk:
    """After a 404: the row is deleted, or elsewhere, or Canvas never had it."""
    if found is None:
        return
    if found.state not in LIVE:
        yield from _look_at_the_person(context, work, row._replace(canvas_course_id=found.course_id))
    elif found.course_id != row.canvas_course_id:
        # Its section was cross-listed into another course.
        there = row._replace(canvas_course_id=found.course_id, canvas_section_id=found.section_id)
        yield from _end(context, work, there, also_there=False)
    else:
        scope = permission_in("remove_student_from_course", row.canvas_course_id)
        raise Stuck("permission_missing", scope, Said("hidden_row"))


def _look_at_the_person(context: Context, work: Work, ended: Known | Pointed) -> Walk:
    """Somebody else ended the row, so look at the person before we say that they are out.

    If they have other live rows in that course that no registration wants, the office is asked about these.
    """
    at = work.who.address or work.who.canvas_user_id or ended.canvas_user_id
    if at is None:
        return
    try:
        theirs: list[Enrollment] = yield lambda canvas: canvas.enrollments_of(at)
    except NotFound:
        return
    there = [row for row in theirs if row.course_id == ended.canvas_course_id and row.id != ended.canvas_enrollment_id]
    known = rows.known(context.session, context.connection_id, [row.id for row in there])
    of_nobody = [row for row in there if row.id not in known or known[row.id].seat_id in (None, work.seat_id)]
    work.shown.extend(ShownRow(row, seat_id=work.seat_id) for row in of_nobody)
    if any(row.state in LIVE and not (row.id in known and known[row.id].kept) for row in of_nobody):
        raise Stuck("found_there", work.participant_id)
