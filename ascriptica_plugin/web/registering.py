"""The participants' pages: the catalogue, a course, register, withdraw, my courses."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial

from flask import abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from .. import office
from ..ledger import results
from ..office import allowances, places, waitlist
from ..office.courses import by_start, by_title, called
from ..office.people import Person
from ..office.places import NotPossible
from ..shared import clock
from ..shared.language import Marked, present, t
from ..shared.process_log import about
from ..tables.office import Course, Participant, Registration
from ..tables.results import CourseResults
from .address_values import typed_search
from .base import blueprint, session, settings
from .canvas_access import canvas_access
from .forms.fields import Confirmation
from .guards import for_everybody, for_participants, signed_in
from .paging import Key, page_by_keys
from .showing import show

CHANGES = allowances.Allowance("changes of one's registrations", 1000, 3.6)
"""Far more than anybody needs, and too few to fill the activity log or to keep Canvas busy."""


log = logging.getLogger(__name__)


DONE: Marked[dict[str, str]] = {
    "registered": "You are registered for {course}.",
    "waitlisted": "You are on the waitlist for {course}.",
    "withdrawn": "You have withdrawn from {course}.",
}
"""The message after a change, by the new status."""


@blueprint.get("/")
@for_everybody
def catalogue() -> ResponseReturnValue:
    """Every course that has not ended and is not cancelled, sorted by first day or, with `sort=name`, by title."""
    q, now = typed_search("q"), clock.utc_now()
    sort = "name" if request.args.get("sort") == "name" else None
    which = [
        (Course.ends_at.is_(None)) | (Course.ends_at > now),
        Course.cancelled_at.is_(None),
        *(called(word) for word in q.split()),
    ]
    keys = [*([] if sort else [Key(by_start())]), Key(by_title()), Key(Course.id)]
    page = page_by_keys(session(), select(Course).where(*which), keys)
    return show(
        "ascriptica/catalogue.html",
        courses=[course for (course,) in page.rows],
        total=session().scalar(select(func.count()).select_from(Course).where(*which)) or 0,
        page=page,
        q=q,
        sort=sort,
        now=now,
        why_closed=_why_closed,
    )


@blueprint.get("/courses/<code>")
@for_everybody
def course(code: str) -> ResponseReturnValue:
    """One course, with register or withdraw, and the status of the Canvas access."""
    found = course_or_404(code)
    person = signed_in()
    registration = _latest_registration(found, person) if person else None
    return show(
        "ascriptica/course.html",
        course=found,
        registration=registration,
        result=shown_results([registration]).get(registration.id) if registration else None,
        access=canvas_access([registration]).get(registration.id) if registration else None,
        position=waitlist.positions(session(), [registration]).get(registration.id) if registration else None,
        waiting=waitlist.waiting(session(), found),
        closed=_why_closed(found),
        ended=found.ends_at is not None and found.ends_at <= clock.utc_now(),
        form=Confirmation(),
        can_undo=_can_undo(registration),
    )


@blueprint.post("/courses/<code>/register")
@for_participants
def register(person: Person, code: str) -> ResponseReturnValue:
    """Register the signed-in participant, or with `wait` put them on the waitlist of a full course."""
    return _change(person, code, partial(office.register, wait=request.form.get("wait") == "1"))


@blueprint.get("/courses/<code>/withdraw")
@for_participants
def ask_to_withdraw(person: Person, code: str) -> ResponseReturnValue:
    """What a withdrawal means: for the place, and for what the person did in Canvas."""
    found = course_or_404(code)
    registration = _latest_registration(found, person)
    if registration is None or registration.status == "withdrawn":
        return redirect(url_for(".course", code=found.code))
    return show(
        "ascriptica/withdraw.html",
        course=found,
        registration=registration,
        in_canvas=registration.id in canvas_access([registration]),
        on_withdrawal=found.on_withdrawal or settings().on_withdrawal,
        waiting=waitlist.waiting(session(), found),
        form=Confirmation(),
    )


@blueprint.post("/courses/<code>/withdraw")
@for_participants
def withdraw(person: Person, code: str) -> ResponseReturnValue:
    """Withdraw the signed-in participant."""
    return _change(person, code, office.withdraw)


@blueprint.post("/courses/<code>/withdraw/undo")
@for_participants
def undo_withdrawal(person: Person, code: str) -> ResponseReturnValue:
    """Undo one's own withdrawal while the place is free."""
    return _change(person, code, office.undo_withdrawal)


@blueprint.get("/my/courses")
@for_participants
def my_courses(person: Person) -> ResponseReturnValue:
    """The participant's registrations, newest first, each with its Canvas access."""
    mine = list(
        session().scalars(
            select(Registration)
            .join(Participant)
            .where(Participant.key == person.key)
            .options(joinedload(Registration.course).joinedload(Course.association))
            .order_by(Registration.id.desc())
        )
    )
    return show(
        "ascriptica/my_courses.html",
        registrations=mine,
        access=canvas_access(mine),
        positions=waitlist.positions(session(), mine),
        results=shown_results(mine),
        undoable=_undoable(mine),
        form=Confirmation(),
    )


def _undoable(newest_first: list[Registration]) -> set[int]:
    """The withdrawals that can be undone, by id: each course's latest registration, while a place is free."""
    latest: dict[int, Registration] = {}
    for one in newest_first:
        latest.setdefault(one.course_id, one)
    mine = [one for one in latest.values() if one.status == "withdrawn" and _can_undo(one)]
    wait = waitlist.lengths(session(), [one.course_id for one in mine]) if mine else {}
    return {one.id for one in mine if one.course_id not in wait and places.free(one.course) != 0}


def shown_results(registrations: list[Registration]) -> dict[int, results.Known]:
    """The results of these registrations that the office lets participants see."""
    courses = {one.course_id for one in registrations}
    shown = set(
        session().scalars(
            select(CourseResults.course_id).where(CourseResults.shown, CourseResults.course_id.in_(courses))
        )
    )
    ids = [one.id for one in registrations if one.course_id in shown]
    return results.of_registrations(session(), ids, clock.utc_now()) if ids else {}


def _change(person: Person, code: str, change: Callable[..., str]) -> ResponseReturnValue:
    found, now = course_or_404(code), clock.utc_now()
    try:
        status = change(session(), found, replace(person, language=present()), now)
        # After the commit, the title would have to be read again.
        done = t(DONE[status], course=found.title)
        _count_change(person, now)
        session().commit()
    except NotPossible as reason:
        session().rollback()
        flash(str(reason), "warning")
    else:
        flash(done, "success")
    return redirect(url_for(".course", code=code))


def _count_change(person: Person, now: datetime) -> None:
    """Count the change. Raises NotPossible after too many; the caller then rolls the change back."""
    if allowances.take(session(), CHANGES, person.key, now):
        its = about(asked_by=person.key, allowance=CHANGES.name)
        log.warning("Too many tries by %s: %s.", person.key, CHANGES.name, extra=its)
        raise NotPossible(t("You change your registrations very often. Wait a moment, then try again."))


def course_or_404(code: str) -> Course:
    """The course with this code in upper or lower case; 404 if there is none."""
    if not code.isprintable():
        abort(404)
    found = session().scalar(
        select(Course).where(func.lower(Course.code) == code.lower()).options(joinedload(Course.association))
    )
    if found is None:
        abort(404)
    return found


def _latest_registration(course: Course, person: Person) -> Registration | None:
    return session().scalar(
        select(Registration)
        .join(Participant)
        .where(Registration.course_id == course.id, Participant.key == person.key)
        .options(joinedload(Registration.course).joinedload(Course.association))
        .order_by(Registration.id.desc())
        .limit(1)
    )


def _can_undo(registration: Registration | None) -> bool:
    """Whether it is a withdrawal that the person may still undo, whether or not a place is free."""
    until = registration.undo_until_at if registration else None
    return until is not None and until > clock.utc_now()


def _why_closed(course: Course) -> str | None:
    return places.why_closed(course, clock.utc_now())
