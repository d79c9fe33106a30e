"""Cancels a course, after a page that shows what that will do."""

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import and_, false, not_

from ...ledger import moves
from ...office import cancelling, mails_to_participants, previews, waitlist
from ...office.places import NotPossible
from ...shared import clock
from ...shared.language import t
from ...tables.office import Course
from ..base import blueprint, plugin, session, settings
from ..forms.courses import NumberForm
from ..guards import for_administrators, person
from ..paging import page_of_people
from ..registering import course_or_404
from ..showing import show


@blueprint.route("/tools/courses/<code>/cancel", methods=["GET", "POST"])
@for_administrators
def cancel_course(code: str) -> ResponseReturnValue:
    """Show what cancelling the course will do, then do it."""
    found = course_or_404(code)
    form = NumberForm()
    registered = found.places_taken
    brakes = plugin().brake.stops(registered, registered)
    if form.validate_on_submit() and (not brakes or form.is_right(registered)):
        return _cancel(found)
    if found.cancelled_at:
        return redirect(url_for(".roster", code=found.code))
    mailed = mails_to_participants.are_mailed(session(), "cancelled") if plugin().mailer else false()
    page = show(
        "ascriptica/cancel.html",
        course=found,
        form=form,
        registered=registered,
        waiting=waitlist.waiting(session(), found),
        here=url_for(".cancel_course", code=found.code),
        page_of_people=page_of_people,
        numbers=previews.of_cancelling(session(), found),
        mailed=moves.people(session(), 0, and_(cancelling.are_in(found), mailed)),
        untold=moves.people(session(), 0, and_(cancelling.are_in(found), not_(mailed))),
        brakes=brakes,
        on_withdrawal=found.on_withdrawal or settings().on_withdrawal,
    )
    return page, 422 if form.errors else 200


def _cancel(course: Course) -> ResponseReturnValue:
    try:
        by_mail = plugin().mailer is not None
        cancelling.cancel(session(), course, clock.utc_now(), person().email, by_mail=by_mail)
        session().commit()
    except NotPossible as reason:
        session().rollback()
        flash(str(reason), "warning")
    else:
        flash(t("{course} is cancelled.", course=course.title), "success")
    return redirect(url_for(".roster", code=course.code))
