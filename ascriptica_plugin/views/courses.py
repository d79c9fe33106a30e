"""Tools → Courses: list, new, roster, edit."""

from flask import flash, redirect, render_template, url_for
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload

from .. import connections, drain, registrations
from ..canvas import CanvasError
from ..forms import CourseForm
from ..models import Association, Course, Registration, begin_writing
from .base import blueprint, for_administrators, plugin, session, settings
from .registration import canvas_access, course_or_404

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


@blueprint.get("/tools/courses")
@for_administrators
def courses():
    """Every course with its places and its Canvas course."""
    found = session().scalars(
        select(Course).options(joinedload(Course.association)).order_by(Course.starts_at.nulls_last(), Course.code)
    )
    return render_template("ascriptica/courses.html", courses=found.all(), connection_id=settings().connection_id)


@blueprint.route("/tools/courses/new", methods=["GET", "POST"])
@for_administrators
def new_course():
    """Add a course."""
    form = CourseForm()
    if form.validate_on_submit():
        return _save(form, Course(places_taken=0))
    return _page(form, None, 422 if form.errors else 200)


@blueprint.get("/tools/courses/<code>")
@for_administrators
def roster(code: str):
    """Who is registered, who has withdrawn, and where their Canvas access stands."""
    found = course_or_404(code)
    people = list(
        session().scalars(
            select(Registration)
            .where(Registration.course_id == found.id)
            .options(
                joinedload(Registration.participant),
                joinedload(Registration.course).joinedload(Course.association),
            )
            .order_by(Registration.status, Registration.id.desc())
        )
    )
    return render_template(
        "ascriptica/roster.html",
        course=found,
        registrations=people,
        access=canvas_access(people),
        connection_id=settings().connection_id,
    )


@blueprint.route("/tools/courses/<code>/edit", methods=["GET", "POST"])
@for_administrators
def edit_course(code: str):
    """Change a course and its association."""
    found = course_or_404(code)
    association = found.association
    form = CourseForm(
        obj=found,
        canvas_course=association.canvas_course if association else "",
        canvas_section=association.canvas_section if association else "",
    )
    if form.validate_on_submit():
        return _save(form, found)
    return _page(form, found, 422 if form.errors else 200)


def _save(form: CourseForm, course: Course):
    """Look the association up first, with no transaction open; then store course and association in one."""
    association, problem = _association(form, course)
    if problem is not None:
        getattr(form, problem.field).errors = [str(problem)]
        return _page(form, course if course.id else None, 422)
    begin_writing(session())
    for name in OWN_FIELDS:
        setattr(course, name, getattr(form, name).data)
    session().add(course)
    try:
        session().flush()
        if settings().display_canvas:
            registrations.associate(session(), course, association, drain.utc_now())
        session().commit()
    except IntegrityError as error:
        session().rollback()
        _explain(form, str(error.orig))
        return _page(form, course if course.id else None, 422)
    flash(f"{course.title} is saved.", "success")
    if association is not None and settings().display_canvas:
        _tell_about(course.association)
    return redirect(url_for(".roster", code=course.code))


def _association(form: CourseForm, course: Course) -> tuple[Association | None, connections.CheckFailed | None]:
    """The association as typed, looked up in Canvas where Canvas answers; else to be looked up by the worker."""
    current = settings()
    if not form.canvas_course.data or not current.display_canvas:
        return None, None
    made = Association(
        canvas_course=form.canvas_course.data,
        canvas_section=form.canvas_section.data or "",
        connection_id=current.connection_id,
    )
    made.look_up_at = drain.utc_now()
    if current.connection is None or (client := plugin().canvases.client(current.connection)) is None:
        return made, None
    session().commit()
    try:
        connections.look_up(client, made, drain.utc_now())
    except connections.CheckFailed as failed:
        return None, failed
    except CanvasError as error:
        made.problem = str(error)
    return made, None


def _tell_about(association: Association) -> None:
    if association.canvas_course_id is None:
        flash(
            f"{association.canvas_course} could not be looked up in Canvas yet. "
            "It is looked up by itself as soon as Canvas answers.",
            "warning",
        )
    elif association.concluded:
        flash(f"{association.canvas_course_name} is concluded in Canvas, which takes nobody in any more.", "warning")
    elif not association.published:
        flash(f"{association.canvas_course_name} is not published in Canvas: people can't enter it yet.", "warning")


def _explain(form: CourseForm, refusal: str) -> None:
    """Turn the constraint that the database names into the field's sentence."""
    if "uq_ascriptica_course_code" in refusal:
        form.code.errors = [f"There is a course {form.code.data} already. Choose another code."]
    elif "places_within_capacity" in refusal:
        form.capacity.errors = ["More people than that are registered. Enter at least as many places as are taken."]
    else:
        raise AssertionError(f"unexpected refusal by the database: {refusal}")


def _page(form: CourseForm, course: Course | None, status: int):
    taken = None
    if course is not None:
        taken = session().scalar(select(func.coalesce(Course.places_taken, 0)).where(Course.id == course.id))
    return render_template("ascriptica/course_form.html", form=form, course=course, taken=taken), status
