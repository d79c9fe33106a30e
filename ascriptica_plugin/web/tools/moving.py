"""What a change would do to people's Canvas access, shown before it is done: another Canvas course, or reopening."""

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from ...ledger.causes import CAUSES, permission
from ...office import mails_to_participants, previews
from ...office.places import NotPossible
from ...office.previews import Numbers
from ...shared import clock, pauses
from ...shared.formats import listed
from ...shared.language import t, tn
from ...tables.locks import lock_course
from ...tables.office import Course
from ...tables.previews import Preview
from ..base import blueprint, plugin, session, settings
from ..forms.courses import NumberForm
from ..guards import for_administrators, person
from ..paging import page_of_people
from ..registering import course_or_404
from ..showing import show


@blueprint.get("/tools/courses/<code>/preview")
@for_administrators
def preview(code: str) -> ResponseReturnValue:
    """Show what the change would do, as soon as the worker has read the Canvas course."""
    found = course_or_404(code)
    its = _its(found)
    if its is None:
        return redirect(url_for(".roster", code=found.code))
    return _page(NumberForm(formdata=None), found, its)


@blueprint.post("/tools/courses/<code>/preview")
@for_administrators
def confirm_preview(code: str) -> ResponseReturnValue:
    """Do what was shown, or show what would happen now."""
    found, now = course_or_404(code), clock.utc_now()
    lock_course(session(), found)
    its = _its(found)
    if its is None:
        session().rollback()
        return redirect(url_for(".roster", code=code))
    if "again" in request.form or not previews.is_fresh(its, now):
        previews.ask_again(session(), its, now)
        session().commit()
        if "again" not in request.form:
            flash(t("What we knew of Canvas is out of date, so we are reading it again. Then confirm once more."))
        return redirect(url_for(".preview", code=code))
    form, numbers = NumberForm(), previews.numbers(session(), its, found)
    if form.seen.data != numbers.fingerprint(its):
        session().rollback()
        return _page(NumberForm(formdata=None), found, its, changed=True)
    if _brakes(numbers) and not form.is_right(len(numbers.removed)):
        session().rollback()
        return _page(form, found, its)
    reopens, goes_on = its.reopen, _what_goes_on(found, its, numbers)
    try:
        previews.confirm(session(), its, found, now, person().email)
        session().commit()
    except NotPossible as reason:
        session().rollback()
        flash(str(reason), "warning")
        return redirect(url_for(".edit_course", code=code))
    if reopens:
        flash(t("{course} is open again.", course=found.title), "success")
    else:
        flash(t("{course} is saved.", course=found.title), "success")
    for sentence in goes_on:
        flash(sentence, "success")
    return redirect(url_for(".roster", code=code))


@blueprint.post("/tools/courses/<code>/reopen")
@for_administrators
def reopen_course(code: str) -> ResponseReturnValue:
    """Ask for a preview of reopening a cancelled course."""
    found, current = course_or_404(code), settings()
    if found.cancelled_at is None:
        return redirect(url_for(".roster", code=code))
    association = found.association
    in_use = current.display_canvas and association and association.connection_id == current.connection_id
    previews.ask(session(), found, association if in_use else None, clock.utc_now(), reopen=True)
    session().commit()
    return redirect(url_for(".preview", code=code), 303)


def _its(course: Course) -> Preview | None:
    """The course's preview. None if it means nothing any more: another Canvas is in use, or the course was reopened."""
    found = session().get(Preview, course.id, populate_existing=True)
    if found is None or found.connection_id not in (None, settings().connection_id):
        return None
    return found if found.reopen == bool(course.cancelled_at) else None


def _what_goes_on(course: Course, its: Preview, numbers: Numbers) -> list[str]:
    """What the worker does about the course's people after the preview is confirmed."""
    said, getting_in, there = [], len(numbers.enroll) + len(numbers.unknown), its.canvas_course_name
    if getting_in and not its.concluded:
        said.append(
            tn(
                "{count} person is being enrolled in {canvas_course}.",
                "{count} people are being enrolled in {canvas_course}.",
                getting_in,
                canvas_course=there,
            )
        )
    elif numbers.there and len(numbers.there) == numbers.people:
        said.append(t("Everybody is in {canvas_course} already.", canvas_course=there))
    if numbers.removed and course.association is not None:
        said.append(
            tn(
                "{count} person is being removed from {canvas_course}.",
                "{count} people are being removed from {canvas_course}.",
                len(numbers.removed),
                canvas_course=course.association.canvas_course_name or course.association.canvas_course,
            )
        )
    return said


def _brakes(numbers: Numbers) -> bool:
    return plugin().brake.stops(len(numbers.removed), numbers.people)


def _page(form: NumberForm, course: Course, its: Preview, *, changed: bool = False) -> ResponseReturnValue:
    current, connection = settings(), settings().connection
    ready = previews.is_ready(its)
    numbers = previews.numbers(session(), its, course) if ready else Numbers()
    lacks = [permission(name) for name in its.missing_permissions.split(",") if name]
    status = 409 if changed else 422 if form.errors else 200
    return show(
        "ascriptica/preview.html",
        course=course,
        its=its,
        form=form,
        numbers=numbers,
        here=url_for(".preview", code=course.code),
        page_of_people=page_of_people,
        seen=numbers.fingerprint(its),
        brakes=_brakes(numbers),
        ready=ready,
        changed=changed,
        lacks=listed(lacks),
        hold=CAUSES[connection.hold_cause].title if connection and connection.hold_cause else "",
        late=its.asked_at < clock.utc_now() - pauses.STANDS_STILL,
        creates_users=current.create_users,
        mailed=plugin().mailer is not None and mails_to_participants.is_on(session(), "reopened"),
    ), status
