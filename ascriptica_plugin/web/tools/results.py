"""/tools/courses/<code>/results: what of a course's results is fetched from Canvas, and who has passed."""

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select

from ...ledger import activity, passing, results_to_fetch
from ...shared import clock
from ...shared.language import t
from ...tables.columns import begin_writing
from ...tables.office import Course, Registration
from ...tables.results import CourseResults, Result
from ..base import blueprint, session, settings
from ..forms.results import ResultsForm
from ..guards import for_administrators, person
from ..registering import course_or_404
from ..showing import show
from .roster import back_to_the_roster, registration_or_404


@blueprint.route("/tools/courses/<code>/results", methods=["GET", "POST"])
@for_administrators
def course_results(code: str) -> ResponseReturnValue:
    """What is fetched, what counts as passed, and how the latest fetch went."""
    found = course_or_404(code)
    wishes = session().get(CourseResults, found.id) or CourseResults(problems=[])
    form = ResultsForm(obj=wishes)
    if request.method == "GET":
        return _page(found, wishes, form)
    if not form.validate():
        return _page(found, wishes, form), 422
    begin_writing(session())
    wishes, now = results_to_fetch.wishes_of(session(), found.id), clock.utc_now()
    wishes.completed, wishes.score, wishes.shown = form.completed.data, form.score.data, form.shown.data
    wishes.passes_by = form.passes_by.data or None
    wishes.passes_from = form.passes_from.data if wishes.passes_by == "score" else None
    session().flush()
    passing.decide(session(), found.id, now)
    activity.note(session(), now, person().email, "changed results", course_id=found.id)
    session().commit()
    flash(t("Saved."), "success")
    return redirect(url_for(".course_results", code=found.code))


@blueprint.post("/tools/courses/<code>/results/fetch")
@for_administrators
def fetch_results(code: str) -> ResponseReturnValue:
    """Ask the worker to fetch the course's results now."""
    found = course_or_404(code)
    if not _can_fetch(found):
        flash(
            t("{course} has no Canvas course in the Canvas in use, so there is nothing to fetch.", course=found.title),
            "warning",
        )
    else:
        now = clock.utc_now()
        begin_writing(session())
        results_to_fetch.owe(session(), found.id, now)
        activity.note(session(), now, person().email, "asked for results", course_id=found.id)
        session().commit()
        flash(t("The results are being fetched from Canvas."), "success")
    return redirect(url_for(".course_results", code=found.code))


@blueprint.post("/tools/courses/<code>/results/<int:registration_id>")
@for_administrators
def decide_result(code: str, registration_id: int) -> ResponseReturnValue:
    """Decide that somebody has passed, or has not: `passed` is yes or no."""
    found = course_or_404(code)
    registration = registration_or_404(found, registration_id)
    passed = request.form.get("passed") == "yes"
    name = registration.participant.name
    begin_writing(session())
    now, what = clock.utc_now(), "said passed" if passed else "said not passed"
    passing.decide_by_hand(session(), registration.id, passed, now)
    participant_id = registration.participant_id
    activity.note(session(), now, person().email, what, participant_id=participant_id, course_id=found.id)
    session().commit()
    if passed:
        flash(t("{name} has passed {course}.", name=name, course=found.title), "success")
    else:
        flash(t("{name} has not passed {course}.", name=name, course=found.title), "success")
    return back_to_the_roster(found)


def _can_fetch(course: Course) -> bool:
    association = course.association
    here = association is not None and association.connection_id == settings().connection_id
    return bool(settings().display_canvas and here and association and association.canvas_course_id)


def _page(course: Course, wishes: CourseResults, form: ResultsForm) -> str:
    registered = (Registration.course_id == course.id, Registration.status == "registered")
    theirs = select(func.count()).join(Registration, Registration.id == Result.registration_id).where(*registered)
    counts = (theirs.where(Result.passed.is_(True)), theirs.where(Result.completed_at.is_not(None)))
    passed, completed = (session().scalar(one.select_from(Result)) or 0 for one in counts)
    return show(
        "ascriptica/results.html",
        course=course,
        wishes=wishes,
        form=form,
        registered=course.places_taken,
        passed=passed,
        completed=completed,
        problems=[results_to_fetch.in_words(name) for name in wishes.problems if name in results_to_fetch.PROBLEMS],
        can_fetch=_can_fetch(course),
        fetching=wishes.owed_at is not None and wishes.due_at is None,
    )
