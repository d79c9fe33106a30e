"""Makes and changes a course: what was typed is looked up in Canvas, then course and association are saved."""

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from ...canvas.errors import CanvasError
from ...ledger.causes import CAUSES, permission
from ...office import previews
from ...office.courses import save, to_look_up
from ...shared import clock
from ...shared.formats import listed
from ...shared.language import t, tn
from ...sync import checking, looking_up
from ...tables.columns import begin_writing
from ...tables.office import Association, Course
from ..base import blueprint, session, settings
from ..forms.courses import CourseForm
from ..guards import for_administrators, person
from ..page_calls import ask
from ..registering import course_or_404
from ..showing import show
from . import canvas_courses

SEPARATOR = "|"
"""Between course and section in `canvas_shown`, the hidden field with what the form showed."""


OWN_FIELDS = (
    "code",
    "title",
    "description",
    "starts_at",
    "ends_at",
    "registration_opens_at",
    "registration_closes_at",
    "capacity",
)


@blueprint.route("/tools/courses/new", methods=["GET", "POST"])
@for_administrators
def new_course() -> ResponseReturnValue:
    """Add a course."""
    form = CourseForm()
    if not canvas_courses.take_choice(form) and form.validate_on_submit():
        return _save(form, Course())
    return _page(form, None, 422 if form.errors else 200)


@blueprint.route("/tools/courses/<code>/edit", methods=["GET", "POST"])
@for_administrators
def edit_course(code: str) -> ResponseReturnValue:
    """Change a course and its association."""
    found = course_or_404(code)
    canvas_course, _, canvas_section = (shown := _associated(found)).partition(SEPARATOR)
    form = CourseForm(
        obj=found,
        canvas_course=canvas_course,
        canvas_section=canvas_section,
        canvas_shown=shown,
        withdrawal=found.on_withdrawal or "",
    )
    if not canvas_courses.take_choice(form) and form.validate_on_submit():
        return _save(form, found)
    return _page(form, found, 422 if form.errors else 200)


def _save(form: CourseForm, course: Course) -> ResponseReturnValue:
    """Look up the association first, with no transaction open; then store course and association in one."""
    changes = _changes_association(form, course)
    association, problem = _association(form) if changes else (None, None)
    if problem is not None:
        form[problem.field].errors = [problem.sentence]
        return _page(form, course if course.id else None, 422)
    begin_writing(session())
    if changes and _meanwhile(form, course):
        session().rollback()
        return _page(form, course if course.id else None, 422)
    facts = {name: getattr(form, name).data for name in OWN_FIELDS} | {"on_withdrawal": form.withdrawal.data or None}
    moves = changes and settings().connection_id is not None and previews.moves_people(course, association)
    if moves and association is not None and association.canvas_course_id is None:
        session().rollback()
        form.canvas_course.errors = [
            t(
                "Canvas could not be asked, so we can't show you what this does to the people of "
                "{course}. Nothing is saved yet. Try again in a moment.",
                course=course.title,
            )
        ]
        return _page(form, course, 422)
    if changes and not moves:
        facts["association"] = association
    try:
        moved_up = save(session(), course, clock.utc_now(), person().email, **facts)
        if moves:
            previews.ask(session(), course, association, clock.utc_now())
        session().commit()
    except IntegrityError as error:
        session().rollback()
        _explain(form, str(error.orig))
        return _page(form, course if course.id else None, 422)
    if moves:
        flash(t("{course} is saved, except for its Canvas course.", course=course.title), "success")
    else:
        flash(t("{course} is saved.", course=course.title), "success")
    if moved_up:
        flash(
            tn("{count} person moved up from the waitlist.", "{count} people moved up from the waitlist.", moved_up),
            "success",
        )
    if moves:
        return redirect(url_for(".preview", code=course.code), 303)
    if association is not None and course.association is not None:
        _warn_about(course.association)
    return redirect(url_for(".roster", code=course.code))


def _associated(course: Course) -> str:
    """The course's Canvas course and section as typed; empty if they are in another Canvas than the one in use."""
    association = course.association if course.id else None
    if association is None or association.connection_id not in (None, settings().connection_id):
        return ""
    return f"{association.canvas_course}{SEPARATOR}{association.canvas_section}"


def _changes_association(form: CourseForm, course: Course) -> bool:
    """Whether saving changes the association. One that was left as shown and is still the same is only looked up
    again."""
    if not settings().display_canvas:
        return False
    typed = form.canvas_course.data and f"{form.canvas_course.data}{SEPARATOR}{form.canvas_section.data or ''}"
    now = _associated(course)
    if not form.canvas_shown.raw_data:
        form.canvas_shown.data = now
    return (typed or "") != form.canvas_shown.data or bool(typed and typed == now)


def _meanwhile(form: CourseForm, course: Course) -> bool:
    """Whether a colleague changed the association after the form was shown; if so, adds the error to the form."""
    if course.id:
        session().refresh(course)
    now = _associated(course)
    if now == form.canvas_shown.data:
        return False
    form.canvas_shown.data = now
    form.canvas_shown.raw_data = None
    form.canvas_course.errors = [
        t("A colleague has changed this meanwhile: it is now {course}. Save again if yours is right.", course=theirs)
        if (theirs := now.split(SEPARATOR)[0])
        else t("A colleague has changed this meanwhile: it is no longer in Canvas. Save again if yours is right.")
    ]
    return True


def _association(form: CourseForm) -> tuple[Association | None, checking.Outcome | None]:
    """The association as typed, looked up in Canvas. If Canvas does not answer, the worker looks it up later."""
    current = settings()
    if not form.canvas_course.data:
        return None, None
    typed = (form.canvas_course.data, form.canvas_section.data or "")
    made = to_look_up(current.connection, *typed, clock.utc_now())
    if current.connection is None:
        return made, None
    try:
        with ask(current.connection) as canvas:
            outcome = looking_up.look_up(canvas, made, clock.utc_now())
    except CanvasError as error:
        made.problem = error.said
        return made, None
    return (None, outcome) if outcome.is_wrong else (made, None)


def _warn_about(association: Association) -> None:
    if association.canvas_course_id is None:
        flash(
            t(
                "{course} could not be looked up in Canvas yet. We look it up automatically as soon as Canvas answers.",
                course=association.canvas_course,
            ),
            "warning",
        )
    elif association.missing_permissions:
        lacks = listed([permission(name) for name in association.missing_permissions.split(",")])
        flash(
            t(
                "The token's owner lacks a permission in {course}: {lacks}. People wait there until Canvas grants it.",
                course=association.canvas_course_name,
                lacks=lacks,
            ),
            "warning",
        )
    elif association.concluded:
        flash(
            t(
                "{course} is concluded in Canvas, so nobody can be enrolled in it.",
                course=association.canvas_course_name,
            ),
            "warning",
        )
    elif not association.published:
        flash(
            t(
                "{course} is not published in Canvas: people can't enter it yet.",
                course=association.canvas_course_name,
            ),
            "warning",
        )


def _explain(form: CourseForm, refusal: str) -> None:
    """Add an error to the field that belongs to the constraint which the database names."""
    if "uq_ascriptica_course_code" in refusal:
        form.code.errors = [t("There is a course {code} already. Choose another code.", code=form.code.data)]
    elif "places_within_capacity" in refusal:
        form.capacity.errors = [t("More people than that are registered. Enter at least as many places as are taken.")]
    else:
        raise AssertionError(f"unexpected refusal by the database: {refusal}")


def _page(form: CourseForm, course: Course | None, status: int) -> ResponseReturnValue:
    taken = None
    if course is not None:
        taken = session().scalar(select(func.coalesce(Course.places_taken, 0)).where(Course.id == course.id))
    place = canvas_courses.place_of(form, course.association if course is not None else None)
    connection = settings().connection
    return show(
        "ascriptica/course_form.html",
        form=form,
        course=course,
        taken=taken,
        place=place,
        connected=connection is not None,
        hold=CAUSES[connection.hold_cause].title if connection is not None and connection.hold_cause else "",
    ), status
