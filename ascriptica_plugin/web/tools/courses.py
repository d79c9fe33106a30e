"""Tools → Courses: list, new, edit, cancel."""

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import ColumnElement, and_, case, false, func, not_, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload

from ...canvas.errors import CanvasError
from ...ledger import entering, moves
from ...ledger.causes import permission
from ...office import cancelling, mails_to_participants, previews, waitlist
from ...office.courses import by_start, by_title, called, save, to_look_up
from ...office.places import NotPossible
from ...shared import clock
from ...shared.formats import listed
from ...shared.language import t, tn
from ...sync import checking, looking_up
from ...tables.columns import begin_writing
from ...tables.office import Association, Course
from ..base import blueprint, for_administrators, person, plugin, session, settings, typed_search
from ..forms.courses import CourseForm, NumberForm
from ..page_calls import ask
from ..paging import Key, page_by_keys
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


@blueprint.get("/tools/courses")
@for_administrators
def courses() -> ResponseReturnValue:
    """Courses with their dates, places, waitlists and Canvas courses: those that are over come last."""
    q, now = typed_search("q"), clock.utc_now()
    is_over = case((or_(Course.cancelled_at.is_not(None), Course.ends_at <= now), 1), else_=0)
    sort = request.args.get("sort") if request.args.get("sort") in ("name", "time") else None
    its_keys = {"name": by_title(), "time": by_start()}[sort or "time"]
    keys = [*([] if sort else [Key(is_over)]), Key(its_keys), Key(Course.id)]
    which = [found_by(word) for word in q.split()]
    page = page_by_keys(session(), select(Course.id).where(*which), keys)
    ids = [number for (number,) in page.rows]
    current = settings()
    connection = current.connection if current.display_canvas else None
    found = {
        one.id: one
        for one in session().scalars(select(Course).where(Course.id.in_(ids)).options(joinedload(Course.association)))
    }
    return show(
        "ascriptica/courses.html",
        courses=[found[number] for number in ids],
        waiting=waitlist.lengths(session(), ids),
        total=session().scalar(select(func.count()).select_from(Course).where(*which)) or 0,
        page=page,
        q=q,
        sort=sort,
        now=now,
        connection_id=current.connection_id,
        entering=entering.of_courses(session(), connection, ids, now) if connection else {},
    )


def found_by(word: str) -> ColumnElement[bool]:
    """Condition on Course: the word is in its code, its title, or what its Canvas course is called."""
    in_canvas = select(Association.course_id).where(Association.canvas_course_name.icontains(word, autoescape=True))
    return or_(called(word), Course.id.in_(in_canvas))


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
    """Whether saving changes the association or, if it was left as shown and still is the same, looks it up again."""
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
        else t("A colleague has changed this meanwhile: it is now not in Canvas. Save again if yours is right.")
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
    """Add the error for the constraint that the database names to its field."""
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
    return show("ascriptica/course_form.html", form=form, course=course, taken=taken, place=place), status
