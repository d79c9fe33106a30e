"""Who may register and withdraw, and what that changes. Never commits and never calls Canvas.

One unit of work holds registration, claim and seat, all or nothing. Every change begins with the lock on the course's
row, which puts the changes of one course in a row.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from .. import activity
from ..ledger import claims
from ..tables import locks
from ..tables.office import Course, Participant, Registration
from . import people, places
from .people import Person, participant_for
from .places import NotPossible
from .waitlist import move_up, waiting


def live_registration(session: Session, course: Course, participant: Participant) -> Registration | None:
    """The participant's registration for the course that is not withdrawn, if any, as it is now."""
    return session.scalar(
        select(Registration)
        .where(
            Registration.course_id == course.id,
            Registration.participant_id == participant.id,
            Registration.status != "withdrawn",
        )
        # What was read before the course's row was locked may have moved up since.
        .execution_options(populate_existing=True)
    )


def register(
    session: Session,
    course: Course,
    who: Person | Participant,
    now: datetime,
    by: str | None = None,
    *,
    wait: bool = False,
) -> Registration:
    """Register somebody: takes a place, and claims the seat in the associated Canvas course.

    Where the course is full, or somebody waits already, `wait` joins the waitlist instead: no place, no seat. `by` is
    the email of whoever does it on behalf. Raises NotPossible where registration is closed, the course is full, or
    the person is registered already.
    """
    if by is None and not wait:
        _refuse_at_once(session, course, who, now)
    registration = _enter(session, course, who, now, by, wait)
    if registration.status == "registered":
        claims.claim(session, course.id, now, registration.id)
    return registration


def _refuse_at_once(session: Session, course: Course, who: Person | Participant, now: datetime) -> None:
    """Say that the course is full without waiting for its row, as whoever gets in has to: when hundreds come for the
    last places, those who can't have one don't hold up those who can."""
    if not places.is_full(course) or places.why_closed(course, now):
        return
    them = Participant.key == who.key if isinstance(who, Person) else Participant.id == who.id
    theirs = (Registration.course_id == course.id, Registration.status != "withdrawn")
    if session.scalar(select(Registration.id).join(Participant).where(them, *theirs)) is None:
        raise NotPossible(f"{course.title} is full.")


def _enter(
    session: Session, course: Course, who: Person | Participant, now: datetime, by: str | None, wait: bool
) -> Registration:
    """`register` without the claim."""
    locks.lock_course(session, course)
    participant = _participant(session, who)
    if there := live_registration(session, course, participant):
        already = "already registered" if there.status == "registered" else "already on the waitlist"
        raise NotPossible(f"{_subject(participant, by)} {already} for {course.title}.")
    if reason := places.why_closed(course, now, to_the_office=by is not None):
        raise NotPossible(reason)
    # Whoever comes later stands behind those who wait, even where a place seems free.
    waits = places.is_full(course) or waiting(session, course) > 0
    if waits and not wait:
        raise NotPossible(f"{course.title} is full.")
    registration = Registration(
        course=course, participant=participant, status="waitlisted" if waits else "registered", registered_at=now
    )
    session.add(registration)
    session.flush()
    if waits:
        _note(session, now, by, "joined the waitlist", registration)
        move_up(session, course, now)
    else:
        places.take(session, course, 1)
        _note(session, now, by, "registered", registration)
    return registration


def withdraw(
    session: Session, course: Course, who: Person | Participant, now: datetime, by: str | None = None
) -> Registration:
    """Withdraw somebody, or take them off the waitlist; whoever waits moves up to the place that becomes free.

    Raises NotPossible where the person is neither registered nor waiting.
    """
    locks.lock_course(session, course)
    participant = _participant(session, who)
    registration = live_registration(session, course, participant)
    if registration is None:
        raise NotPossible(f"{_subject(participant, by)} not registered for {course.title}.")
    had_place = registration.status == "registered"
    registration.status, registration.withdrawn_at = "withdrawn", now
    session.flush()
    if had_place:
        places.take(session, course, -1)
        claims.end_for(session, Registration.id == registration.id, now)
    _note(session, now, by, "withdrew" if had_place else "left the waitlist", registration)
    move_up(session, course, now)
    return registration


@dataclass(frozen=True)
class Entry:
    """Somebody to be registered by the office, as it was typed; a blank `name` is that of whoever has the email."""

    email: str
    name: str = ""
    sis_user_id: str | None = None


def register_entries(
    session: Session, course: Course, entries: list[Entry], now: datetime, by: str
) -> list[Registration | NotPossible]:
    """Register people on behalf, or put them on the waitlist; for each the registration, or why it can't be.

    A participant who is here already is found by the email, whatever its case; nobody having it, one is made.
    """
    locks.lock_people(session)
    locks.lock_course(session, course)
    known = people.by_email(session, [entry.email for entry in entries])
    results: list[Registration | NotPossible] = []
    for entry in entries:
        try:
            with session.begin_nested():
                participant = _participant_of(session, entry, known.get(people.as_compared(entry.email), []))
                results.append(_enter(session, course, participant, now, by, wait=True))
            known[people.as_compared(entry.email)] = [participant]
        except NotPossible as reason:
            results.append(reason)
    claims.claim(session, course.id, now)
    return results


def _participant_of(session: Session, entry: Entry, found: list[Participant]) -> Participant:
    if len(found) > 1:
        who = ", ".join(f"{one.name} ({'signed up' if one.key else 'entered by the office'})" for one in found)
        raise NotPossible(f"{len(found)} participants have the email {entry.email}: {who}. Correct one of them first.")
    if not found:
        participant = Participant(email=entry.email, name=entry.name or entry.email, sis_user_id=entry.sis_user_id)
        session.add(participant)
        return participant
    [participant] = found
    if entry.sis_user_id and entry.sis_user_id != participant.sis_user_id:
        # The host tells the SIS ID of whoever signed up, and would undo what is written here.
        if participant.key is not None or participant.sis_user_id:
            known = f"the SIS ID {participant.sis_user_id}" if participant.sis_user_id else "no SIS ID"
            raise NotPossible(f"{participant.name} has {known} here. Leave it blank, or correct the participant first.")
        participant.sis_user_id = entry.sis_user_id
    return participant


def _participant(session: Session, who: Person | Participant) -> Participant:
    return who if isinstance(who, Participant) else participant_for(session, who)


def _subject(participant: Participant, by: str | None) -> str:
    return f"{participant.name} is" if by else "You are"


def _note(session: Session, now: datetime, by: str | None, what: str, registration: Registration) -> None:
    participant = registration.participant
    activity.note(
        session,
        now,
        by or participant.email,
        what,
        participant_id=participant.id,
        course_id=registration.course_id,
    )
