"""The office's rules: who may register and withdraw, and what an association changes.

Never commits and never calls Canvas: one unit of work holds registration, claim and seat, all or nothing, and
whoever opened it commits it. Every change begins with the course's row, which is the lock that puts the changes of
one course in a row.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from . import seats
from .models import Association, Course, Participant, Registration, begin_writing


class NotPossible(Exception):
    """What was asked for can't be done; the text is a sentence for the person who asked."""


@dataclass(frozen=True)
class Person:
    """Who is signed in, as the host tells it. `key` is the host's own lasting identifier of that person."""

    key: str
    email: str
    name: str
    sis_user_id: str | None = None


def participant_for(session: Session, person: Person) -> Participant:
    """The participant with the person's key, made or brought up to date.

    Only the key tells that two are one: an equal email never takes over a participant that was already there.
    """
    found = session.scalar(select(Participant).where(Participant.key == person.key))
    if found is None:
        begin_writing(session)
        found = Participant(key=person.key)
        try:
            with session.begin_nested():
                session.add(_bring_up_to_date(found, person))
        except IntegrityError:
            # Another request of the same person was faster.
            found = session.scalars(select(Participant).where(Participant.key == person.key)).one()
    return _bring_up_to_date(found, person)


def _bring_up_to_date(participant: Participant, person: Person) -> Participant:
    for name in ("email", "name", "sis_user_id"):
        if getattr(participant, name) != getattr(person, name):
            setattr(participant, name, getattr(person, name))
    return participant


def live_registration(session: Session, course: Course, participant: Participant) -> Registration | None:
    """The participant's registration for the course that is not withdrawn, if any."""
    return session.scalar(
        select(Registration).where(
            Registration.course_id == course.id,
            Registration.participant_id == participant.id,
            Registration.status != "withdrawn",
        )
    )


def why_closed(course: Course, now: datetime) -> str | None:
    """Why nobody can register for the course at the moment, apart from its being full; None when they can."""
    if course.registration_opens_at and now < course.registration_opens_at:
        return "Registration for this course has not opened yet."
    if course.registration_closes_at and now >= course.registration_closes_at:
        return "Registration for this course has closed."
    if course.ends_at and now >= course.ends_at:
        return "This course has ended."
    return None


def register(session: Session, course: Course, person: Person, now: datetime) -> Registration:
    """Register the person: takes a place, and claims the seat in the associated Canvas course.

    Raises NotPossible where registration is closed, the course is full, or the person is registered already.
    """
    begin_writing(session)
    took_place = _change_places(
        session, course, 1, or_(Course.capacity.is_(None), Course.places_taken < Course.capacity)
    )
    participant = participant_for(session, person)
    if live_registration(session, course, participant):
        raise NotPossible(f"You are already registered for {course.title}.")
    if reason := why_closed(course, now):
        raise NotPossible(reason)
    if not took_place:
        raise NotPossible(f"{course.title} is full.")
    registration = Registration(course=course, participant=participant, status="registered", registered_at=now)
    session.add(registration)
    session.flush()
    seats.claim(session, course.id, now, registration.id)
    return registration


def withdraw(session: Session, course: Course, person: Person, now: datetime) -> Registration:
    """Withdraw the person: gives the place back and ends the registration's claims.

    Raises NotPossible where the person is not registered.
    """
    begin_writing(session)
    gave_place = _change_places(session, course, -1, Course.places_taken > 0)
    participant = participant_for(session, person)
    registration = live_registration(session, course, participant)
    if registration is None or not gave_place:
        raise NotPossible(f"You are not registered for {course.title}.")
    registration.status, registration.withdrawn_at = "withdrawn", now
    session.flush()
    seats.end_claims(session, Registration.id == registration.id, now)
    return registration


def associate(session: Session, course: Course, association: Association | None, now: datetime) -> None:
    """Give the course this association, or none, and its registered participants the seats that follow from it.

    With another Canvas course people move: into the new one first, then out of the old. With none they lose the old.
    """
    begin_writing(session)
    _change_places(session, course, 0)
    if association is None:
        if course.association is not None:
            session.delete(course.association)
        seats.end_claims(session, Registration.course_id == course.id, now)
        return
    association.course_id = course.id
    session.merge(association)
    session.flush()
    seats.claim(session, course.id, now)


def _change_places(session: Session, course: Course, by: int, *conditions) -> bool:
    """Add to the places taken where the conditions hold; whether they did. Locks the course's row if so."""
    changed = session.execute(
        update(Course)
        .where(Course.id == course.id, *conditions)
        .values(places_taken=Course.places_taken + by)
        .execution_options(synchronize_session=False)
    )
    session.expire(course)
    return changed.rowcount == 1
