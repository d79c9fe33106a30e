"""Move one participant to another course: choose the course, see what will happen, confirm."""

from flask import abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import or_, select
from sqlalchemy.orm import joinedload

from ...office import mails_to_participants, places, to_another_course, waitlist
from ...office.courses import by_title
from ...office.places import NotPossible
from ...shared import clock
from ...shared.language import t
from ...tables.office import Course, Registration
from ..address_values import typed_search
from ..base import blueprint, plugin, session, settings
from ..guards import for_administrators, person
from ..registering import course_or_404
from ..showing import show
from . import undoing
from .courses import found_by
from .roster import registration_or_404

MOST_SHOWN = 25


@blueprint.get("/tools/courses/<code>/move/<int:registration_id>")
@for_administrators
def move(code: str, registration_id: int) -> ResponseReturnValue:
    """The courses that the participant could be moved to; with `to`, the code of one, what the move would do."""
    here = course_or_404(code)
    registration = registration_or_404(here, registration_id)
    if registration.status == "withdrawn":
        return redirect(url_for(".roster", code=here.code))
    there = _course(request.args["to"]) if "to" in request.args else None
    if there is not None and there is not here:
        return _page(registration, there)
    q, now = typed_search("q"), clock.utc_now()
    theirs = select(Registration.course_id).where(
        Registration.participant_id == registration.participant_id, Registration.status != "withdrawn"
    )
    open_courses = (
        select(Course)
        .where(Course.id.not_in(theirs), Course.cancelled_at.is_(None))
        .where(or_(Course.ends_at.is_(None), Course.ends_at > now), *(found_by(word) for word in q.split()))
        .order_by(Course.starts_at.nulls_last(), by_title(), Course.id)
    )
    found = session().scalars(open_courses.limit(MOST_SHOWN + 1)).all()
    shown = found[:MOST_SHOWN]
    waiting = waitlist.lengths(session(), [one.id for one in shown])
    return show(
        "ascriptica/to_another_course.html",
        registration=registration,
        course=here,
        courses=shown,
        full={one.id for one in shown if one.id in waiting or places.free(one) == 0},
        is_more=len(found) > MOST_SHOWN,
        q=q,
    )


@blueprint.post("/tools/courses/<code>/move/<int:registration_id>")
@for_administrators
def confirm_move(code: str, registration_id: int) -> ResponseReturnValue:
    """Move the participant to the course `to`, or show why that is not possible."""
    here, there = course_or_404(code), _course(request.form.get("to", ""))
    participant = registration_or_404(here, registration_id).participant
    try:
        if there is here:
            raise NotPossible(
                t("{name} is in {course} already. Choose another course.", name=participant.name, course=here.title)
            )
        made = to_another_course.move(session(), here, there, participant, clock.utc_now(), person().email)
        session().commit()
    except NotPossible as reason:
        session().rollback()
        flash(str(reason), "warning")
        return redirect(url_for(".roster", code=here.code))
    flash(
        t("{name} is moved from {course} to {other}.", name=participant.name, course=here.title, other=there.title),
        "success",
    )
    return redirect(url_for(".roster", code=there.code, done=undoing.done_to(made.participant_id)))


def _course(code: str) -> Course:
    return course_or_404(code) if code else abort(404)


def _page(registration: Registration, there: Course) -> ResponseReturnValue:
    here = (
        session()
        .scalars(select(Course).where(Course.id == registration.course_id).options(joinedload(Course.association)))
        .one()
    )
    wait = waitlist.lengths(session(), [here.id, there.id])
    return show(
        "ascriptica/to_another_course.html",
        registration=registration,
        course=here,
        there=there,
        closed=places.why_closed(there, clock.utc_now(), to_the_office=True),
        is_full=there.id in wait or places.free(there) == 0,
        waiting=wait.get(here.id, 0),
        on_withdrawal=here.on_withdrawal or settings().on_withdrawal,
        is_mailed=plugin().mailer is not None and mails_to_participants.is_on(session(), "moved"),
    )
