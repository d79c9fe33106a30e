"""What participants see: the catalogue, a course, register, withdraw, my courses."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from urllib.parse import urlsplit

from flask import abort, flash, redirect, render_template, request, url_for
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from .. import allowances, drain, registrations, standing
from ..causes import CAUSES, OFFICE, SOON
from ..forms import Confirmation
from ..models import Association, Connection, Course, Participant, Registration
from ..registrations import NotPossible, Person
from .base import blueprint, for_everybody, for_participants, plugin, session, settings

THROTTLED = timedelta(minutes=1)
"""So long after Canvas asked us to go slower, pages tell of it."""

CHANGES = allowances.Allowance("changes of one's registrations", 1000, 3.6)
"""Far more than anybody needs, and too few to fill the log or to keep Canvas busy."""

log = logging.getLogger(__name__)

DONE = {
    "registered": "You are registered for {}.",
    "waitlisted": "You are on the waitlist for {}.",
    "withdrawn": "You have withdrawn from {}.",
}
"""What is told after a change, by the status that it led to."""


@dataclass(frozen=True)
class CanvasAccess:
    """One registration's standing in words: `text` for the participant, `office` for administrators.

    `tone` is waiting, settled or stuck. `moving`: it will change by itself, so the page keeps looking.
    """

    text: str
    office: str
    tone: str
    moving: bool = False
    link: str | None = None


@blueprint.get("/")
@for_everybody
def catalogue():
    """Every course that has not ended and is not cancelled."""
    now = drain.utc_now()
    courses = session().scalars(
        select(Course)
        .where((Course.ends_at.is_(None)) | (Course.ends_at > now), Course.cancelled_at.is_(None))
        .order_by(Course.starts_at.nulls_last(), Course.title)
    )
    return render_template("ascriptica/catalogue.html", courses=courses.all(), now=now, why_closed=_why_closed)


@blueprint.get("/courses/<code>")
@for_everybody
def course(code: str):
    """One course, with register or withdraw, and where the access to Canvas stands."""
    found = course_or_404(code)
    person = plugin().load_participant()
    registration = _latest_registration(found, person) if person else None
    return render_template(
        "ascriptica/course.html",
        course=found,
        registration=registration,
        access=canvas_access([registration]).get(registration.id) if registration else None,
        position=registrations.positions(session(), [registration]).get(registration.id) if registration else None,
        waiting=registrations.waiting(session(), found),
        closed=_why_closed(found),
        form=Confirmation(),
    )


@blueprint.post("/courses/<code>/register")
@for_participants
def register(person: Person, code: str):
    """Register the signed-in participant, or with `wait` put them on the waitlist of a full course."""
    return _change(person, code, partial(registrations.register, wait=request.form.get("wait") == "1"))


@blueprint.post("/courses/<code>/withdraw")
@for_participants
def withdraw(person: Person, code: str):
    """Withdraw the signed-in participant."""
    return _change(person, code, registrations.withdraw)


@blueprint.get("/my/courses")
@for_participants
def my_courses(person: Person):
    """The participant's registrations, newest first, each with its access."""
    mine = list(
        session().scalars(
            select(Registration)
            .join(Participant)
            .where(Participant.key == person.key)
            .options(joinedload(Registration.course).joinedload(Course.association))
            .order_by(Registration.id.desc())
        )
    )
    return render_template(
        "ascriptica/my_courses.html",
        registrations=mine,
        access=canvas_access(mine),
        positions=registrations.positions(session(), mine),
        form=Confirmation(),
    )


def _change(person: Person, code: str, change: Callable):
    found, now = course_or_404(code), drain.utc_now()
    try:
        registration = change(session(), found, person, now)
        _count_change(person, now)
        session().commit()
    except NotPossible as reason:
        session().rollback()
        flash(str(reason), "warning")
    else:
        flash(DONE[registration.status].format(found.title), "success")
    return redirect(url_for(".course", code=code))


def _count_change(person: Person, now: datetime) -> None:
    """Count the change that was made; raises NotPossible, which takes it back, where there were too many."""
    if allowances.take(session(), CHANGES, person.key, now):
        log.warning("Too many tries of %s: %s.", person.key, CHANGES.name)
        raise NotPossible("You change your registrations very often. Wait a moment, then try again.")


def course_or_404(code: str) -> Course:
    """The course with that code, whatever its case; 404 when there is none."""
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


def _why_closed(course: Course) -> str | None:
    return registrations.why_closed(course, drain.utc_now())


def canvas_access(of: list[Registration]) -> dict[int, CanvasAccess]:
    """Where the Canvas access of each registration stands; nothing while Display Canvas is off."""
    current = settings()
    if not current.display_canvas or not of:
        return {}
    found = standing.access_of(session(), [registration.id for registration in of])
    connection = current.connection
    words = {}
    for registration in of:
        access = found.get(registration.id)
        if access is not None and (connection is None or access.connection_id != connection.id):
            access = None
        association = registration.course.association
        is_in = registration.status == "registered"
        if access is None:
            if is_in and association is not None:
                words[registration.id] = _not_looked_up(association, current.connection_id)
        elif access.standing in ("enrolled", "removed"):
            words[registration.id] = _settled(access, association, connection.canvas_url, is_in)
        elif connection.hold_cause:
            hold = CAUSES[connection.hold_cause]
            text = hold.participant if is_in else "You have withdrawn. Your access to the Canvas course ends by itself."
            words[registration.id] = CanvasAccess(text, hold.title, "waiting", moving=True)
        elif access.standing == "due":
            words[registration.id] = _on_the_way(access, is_throttled(connection, drain.utc_now()), is_in)
        else:
            cause = CAUSES.get(access.cause)
            text = cause.participant if cause else OFFICE
            if not is_in and access.cause != "found_there":
                text = "You have withdrawn. The office still has to end your access to the Canvas course."
            words[registration.id] = CanvasAccess(text, cause.title if cause else "Waits for the office", "stuck")
    return words


def is_throttled(connection: Connection, now: datetime) -> bool:
    """Whether Canvas asked us lately to go slower, so that what is due takes its time."""
    return connection.throttled_at is not None and connection.throttled_at > now - THROTTLED


def _on_the_way(access: standing.Access, throttled: bool, is_in: bool) -> CanvasAccess:
    office = "Being added to Canvas …" if is_in else "Being removed from Canvas …"
    if access.cause:
        # Tried and not done yet. It goes on by itself; only what is given up is for the office.
        text = SOON if is_in else "You have withdrawn. Your access to the Canvas course ends by itself."
        return CanvasAccess(text, f"{CAUSES[access.cause].title}; tried again by itself", "waiting", moving=True)
    if not is_in:
        return CanvasAccess("Ending your access to the Canvas course …", office, "waiting", moving=True)
    text = CAUSES["throttled"].participant if throttled else "Adding you to the Canvas course …"
    return CanvasAccess(text, office, "waiting", moving=True)


def _not_looked_up(association: Association, connection_id: int | None) -> CanvasAccess:
    if association.connection_id not in (None, connection_id):
        cause = CAUSES["other_canvas"]
        return CanvasAccess(cause.participant, cause.title, "stuck")
    if association.problem is not None:
        cause = CAUSES["not_looked_up"]
        return CanvasAccess(cause.participant, cause.title, "waiting")
    return CanvasAccess(SOON, "The Canvas course is being looked up …", "waiting", moving=True)


def _settled(access: standing.Access, association: Association | None, canvas_url: str, is_in: bool) -> CanvasAccess:
    if access.kept:
        return CanvasAccess(
            "You have withdrawn. You were in the Canvas course before, and stay in it.", "Kept in Canvas", "settled"
        )
    if not is_in and access.standing == "enrolled":
        return CanvasAccess(
            "You are still in the Canvas course through another registration.",
            "In Canvas through another registration",
            "settled",
        )
    if access.standing == "removed":
        if is_in:
            return CanvasAccess(SOON, "Being added to Canvas …", "waiting", moving=True)
        return CanvasAccess("Your access to the Canvas course has ended.", "Removed from Canvas", "settled")
    parts = urlsplit(canvas_url)
    link = f"{parts.scheme}://{parts.netloc}/courses/{access.canvas_course_id}"
    if association is not None and not association.published:
        cause = CAUSES["course_unpublished"]
        return CanvasAccess(cause.participant, "In Canvas, in a course not published yet", "settled")
    return CanvasAccess("You are in the Canvas course.", "In Canvas", "settled", link=link)
