"""Find and choose the Canvas course and section of a course, without losing what was typed about it."""

from dataclasses import dataclass, field

from flask import request, url_for
from flask.typing import ResponseReturnValue

from ...canvas import addresses
from ...canvas.errors import CanvasError
from ...canvas.shapes import Course as CanvasCourse
from ...canvas.shapes import ListedCourse
from ...shared.language import t
from ...tables.canvas import Connection
from ...tables.office import Association, Course
from ..base import blueprint, settings
from ..forms.courses import CourseForm, FindCanvasCourseForm
from ..guards import for_administrators
from ..page_calls import ask
from ..registering import course_or_404
from ..showing import show

CHOSEN = "chosen"
"""The button that leads back from the search: the ID of a Canvas course, or blank for none."""

SECTIONS = "sections"
"""The button that asks Canvas for the sections."""


@blueprint.post("/tools/courses/<code>/find")
@for_administrators
def find_canvas_course(code: str) -> ResponseReturnValue:
    """Search Canvas's courses for the course `code`, or a `new` one. The fields of the course's form are sent along,
    hidden."""
    course = None if code == "new" else course_or_404(code)
    typed = [pair for pair in request.form.items(multi=True) if pair[0] in _fields()]
    form = FindCanvasCourseForm()
    came = form.find.data is None
    if came:
        form.find.data = _looked_for(course)
    found: list[ListedCourse] = []
    more, problem = False, None
    # An empty search is not a mistake if somebody has just opened the page.
    searched = bool(form.find.data or not came) and form.validate()
    if searched:
        try:
            found, more = search_courses(form)
        except CanvasError as error:
            searched, problem = False, str(error)
    return show(
        "ascriptica/find_course.html",
        form=form,
        course=course,
        back=_form_of(course),
        typed=typed,
        found=found,
        more=more,
        searched=searched,
        problem=problem,
    ), 422 if form.errors else 200


def _looked_for(course: Course | None) -> str:
    """The first search: what was typed as the Canvas course, or else our course's title."""
    known = course.association.canvas_course if course is not None and course.association is not None else ""
    typed = (request.form.get(name, "").replace("\x00", "").strip() for name in ("canvas_course", "title"))
    named, title = typed
    return (named if named and named != known else title)[:100]


def _form_of(course: Course | None) -> str:
    if course is None:
        return url_for(".new_course", _anchor="in-canvas")
    return url_for(".edit_course", code=course.code, _anchor="in-canvas")


def _fields() -> set[str]:
    return {one.name for one in CourseForm(formdata=None)} - {"csrf_token"}


def search_courses(form: FindCanvasCourseForm) -> tuple[list[ListedCourse], bool]:
    """The first courses that Canvas finds, and whether there are more. Raises CanvasError, with a sentence."""
    connection = settings().connection
    if not settings().display_canvas:
        raise CanvasError(t("Canvas is switched off in Course Settings."))
    if connection is None:
        raise CanvasError(t("No Canvas is connected in Course Settings."))
    root_id = connection.canvas_root_id
    with ask(connection) as canvas:
        return canvas.search_courses(root_id, form.find.data, by_teacher=form.find_by.data == "teacher")


def take_choice(form: CourseForm) -> bool:
    """Whether the form comes back from the search, or asks for the sections, so that nothing is saved yet. A Canvas
    course that was chosen is put into the form."""
    chosen = request.form.get(CHOSEN)
    if chosen:
        form.canvas_course.data, form.canvas_section.data = chosen[:300], ""
    return chosen is not None or SECTIONS in request.form


@dataclass
class Place:
    """The Canvas course that a form names, as far as it is known: its name, what people should know about it, and its
    sections as pairs of value and name. `is_new`: it was chosen just now. `has_more`: Canvas may have more sections,
    and was not asked; `problem`: why it could not be asked."""

    name: str = ""
    warning: str = ""
    sections: list[tuple[str, str]] = field(default_factory=list)
    is_new: bool = False
    has_more: bool = False
    problem: str = ""


def place_of(form: CourseForm, association: Association | None) -> Place:
    """The course that the form names.

    Canvas is asked only once something was typed or chosen, so that a form opens at once. If Canvas does not answer,
    the section has to be typed.
    """
    current, connection = settings(), settings().connection
    typed, section = form.canvas_course.data or "", form.canvas_section.data or ""
    if not typed or not current.display_canvas or connection is None:
        return Place()
    its = association if association and association.connection_id == connection.id else None
    known = its if its and its.canvas_course == typed and its.canvas_course_id else None
    place = Place(is_new=known is None)
    section_name = ""
    if known:
        place.name, place.warning = known.canvas_course_name, _warning(known.published, known.concluded)
        section_name = known.canvas_section_name if section == known.canvas_section else ""
    at = known.canvas_course_id if known else _address(typed, connection)
    if at is None or form.canvas_course.errors or connection.hold_cause:
        return place
    listed: list[tuple[str, str]] = []
    if request.method == "POST":
        try:
            with ask(connection) as canvas:
                found: CanvasCourse | None = None if known else canvas.course(at)
                listed = [(str(one.id), one.name) for one in canvas.sections(at)]
        except CanvasError as error:
            place.problem = str(error)
            return place
        if found:
            place.name, place.warning = found.name, _warning(found.published, found.concluded)
    else:
        place.has_more = True
    if section and section not in dict(listed):
        listed.append((section, section_name or section))
    place.sections = [("", t("The default section")), *listed]
    return place


def _warning(published: bool, concluded: bool) -> str:
    return t("Concluded") if concluded else "" if published else t("Not published")


def _address(typed: str, connection: Connection) -> str | None:
    try:
        return addresses.canvas_course(typed, connection.canvas_url)
    except ValueError:
        return None
