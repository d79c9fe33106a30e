"""What a host's own code can do here: register and withdraw people, associate courses, report people who have changed
or gone.

The host calls these in its own transaction, with its own session. They never commit; the worker is woken when the host
commits. Courses are named by their codes, people by the host's keys. Our own pages follow the same rules.
"""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..canvas import addresses
from ..ledger import access as known
from ..ledger import results
from ..ledger.results import Known as Result
from ..shared import clock
from ..shared.language import mark, t
from ..tables.canvas import Settings, load_settings
from ..tables.columns import begin_writing
from ..tables.office import Course, Participant, Registration
from . import courses, emails, erasing, names, people, registrations, to_another_course
from .people import Person
from .places import NotPossible

BY_HOST = mark("the host")
"""Who did it, in the activity log."""


def register(
    session: Session, course: str | Course, person: Person, now: datetime | None = None, *, wait: bool = False
) -> str:
    """Register the person for the course. Returns `registered`, or `waitlisted` if it is full and `wait` is True.

    `course` is its code. Raises NotPossible, with a sentence for the person, if they can't be registered.
    """
    found = _course(session, course)
    return registrations.register(session, found, person, now or clock.utc_now(), wait=wait).status


def withdraw(session: Session, course: str | Course, person: Person, now: datetime | None = None) -> str:
    """Withdraw the person from the course, or from its waitlist. Returns `withdrawn`.

    Raises NotPossible, with a sentence for the person, if they are neither registered nor waiting.
    """
    return registrations.withdraw(session, _course(session, course), person, now or clock.utc_now()).status


def undo_withdrawal(session: Session, course: str | Course, person: Person, now: datetime | None = None) -> str:
    """Give the person back the place that they have just withdrawn from. Returns `registered`.

    Raises NotPossible, with a sentence for the person, after ten minutes, and if somebody else has the place.
    """
    return registrations.take_back(session, _course(session, course), person, now or clock.utc_now()).status


def move(
    session: Session, code: str, to_code: str, person: Person, now: datetime | None = None, *, by: str | None = None
) -> None:
    """Withdraw the person from one course and register them for another, both or neither.

    In Canvas they get into the new course before they leave the old one. `by` is who in the office moves them, for the
    activity log; they are then mailed. None: they move themselves. Raises NotPossible, with a sentence, if they are not
    registered for the first course, or the second one can't take them.
    """
    begin_writing(session)
    found = courses.by_code(session, [code, to_code], lock=False)
    here, there = (found.get(one.lower()) for one in (code, to_code))
    if here is None or there is None or here is there:
        lacks = code if here is None else to_code
        raise NotPossible(t("There is no course {code} to move {name} to or from.", code=lacks, name=person.name))
    to_another_course.move(session, here, there, person, now or clock.utc_now(), by)


class CourseAccess(NamedTuple):
    """One registration of a person, and where their access to the associated Canvas course stands.

    `status` is registered or waitlisted. `access`: `enrolled` and `invited` were seen in Canvas at `seen_at`;
    `waiting`: not seen there; it continues automatically, or waits for `cause` (a key of `ledger.causes.CAUSES`);
    None: the course has no Canvas course, or the person waits for a place. `canvas_course` is the page to send them to.
    """

    course: str
    status: str
    access: str | None
    cause: str | None
    seen_at: datetime | None
    canvas_course: str | None


def access_of(session: Session, key: str) -> list[CourseAccess]:
    """The registrations of the person with this key, each with its access to Canvas, in the order they were made."""
    theirs = session.execute(
        select(Registration, Course.code)
        .join(Course)
        .join(Participant)
        .where(Participant.key == key, Registration.status != "withdrawn")
        .order_by(Registration.id)
    ).all()
    settings = load_settings(session)
    found = known.of_registrations(session, [registration.id for registration, _ in theirs])
    return [_access(code, one.status, found.get(one.id), settings) for one, code in theirs]


def _access(code: str, status: str, access: known.Access | None, settings: Settings) -> CourseAccess:
    connection = settings.connection
    if connection is None or access is None or access.connection_id != connection.id or not settings.display_canvas:
        return CourseAccess(code, status, None, None, None, None)
    page = addresses.course_page(connection.canvas_url, access.canvas_course_id)
    if (there := access.there) is not None:
        state = "enrolled" if there.state == "active" else "invited"
        return CourseAccess(code, status, state, access.cause, there.seen_at, page)
    return CourseAccess(code, status, "waiting", access.cause or connection.hold_cause, None, page)


class PersonResult(NamedTuple):
    """What Canvas says of somebody's work in a course; `key` is None for people whom the office entered."""

    key: str | None
    email: str
    result: Result


def results_of(session: Session, course: str | Course, now: datetime | None = None) -> list[PersonResult]:
    """The results of everybody who is registered for the course, as far as Canvas has said anything about them.

    `course` is its code. Raises NotPossible if there is no such course.
    """
    people_there = session.execute(
        select(Registration.id, Participant.key, Participant.email)
        .join(Participant)
        .where(Registration.course_id == _course(session, course).id, Registration.status == "registered")
        .order_by(Registration.id)
    ).all()
    found = results.of_registrations(session, [number for number, _, _ in people_there], now or clock.utc_now())
    return [PersonResult(key, email, found[number]) for number, key, email in people_there if number in found]


def associate(
    session: Session, code: str, canvas_course: str | None, canvas_section: str = "", now: datetime | None = None
) -> None:
    """Associate the course with a Canvas course, and perhaps a section of it: an ID, `sis_course_id:X`, or an address.

    The worker looks it up, and people who are registered already are enrolled. None ends the association, and with it
    their access. Raises NotPossible if we have no such course, and ValueError if the text names no Canvas course.
    """
    course, now, made = _course(session, code), now or clock.utc_now(), None
    if canvas_course is not None:
        connection = load_settings(session).connection
        canvas_url = connection.canvas_url if connection else None
        section = addresses.canvas_section(canvas_section, canvas_url) if canvas_section else ""
        made = courses.to_look_up(connection, addresses.canvas_course(canvas_course, canvas_url), section, now)
    courses.save(session, course, now, BY_HOST, association=made)


def update_person(session: Session, person: Person, now: datetime | None = None) -> bool:
    """Take over the person's email, name and SIS ID from the host. Canvas follows, as when the office corrects them.

    A `sis_user_id` of None keeps ours. Returns whether anything changed here: nothing does for somebody who never
    registered. Raises ValueError, with a sentence, if the email or the name is not valid.
    """
    participant = _with_key(session, person.key)
    if participant is None:
        return False
    facts: dict[str, str | None] = {"name": names.read_name(person.name), "email": emails.read_email(person.email)}
    if person.sis_user_id:
        facts["sis_user_id"] = person.sis_user_id
    # A SIS ID that is somebody else's is left out, and the office is asked: a host's call never fails because of it.
    return people.correct(session, participant, now or clock.utc_now(), BY_HOST, leave_out=True, **facts)


def erase_person(session: Session, key: str, now: datetime | None = None, *, end_access: bool = True) -> bool:
    """The host forgets this person: withdraw them, end their access to Canvas, and erase them here.

    The worker erases them as soon as Canvas agrees. Without `end_access`, their enrollments stay in Canvas, and the
    erasing doesn't wait for Canvas. `forget_person` is not called, because the host knows already. Returns whether
    somebody has this key.
    """
    participant = _with_key(session, key)
    if participant is None:
        return False
    erasing.ask_to_erase(session, participant, now or clock.utc_now(), BY_HOST, end_access=end_access)
    return True


def _course(session: Session, code: str | Course) -> Course:
    begin_writing(session)
    if isinstance(code, Course):
        return code
    found = courses.by_code(session, [code], lock=False).get(code.lower())
    if found is None:
        raise NotPossible(t("There is no course {code}.", code=code))
    return found


def _with_key(session: Session, key: str) -> Participant | None:
    begin_writing(session)
    return session.scalar(select(Participant).where(Participant.key == key))
