"""The office's rules: who may register, wait and withdraw, who moves up, and what an association changes.

Never commits and never calls Canvas: one unit of work holds registration, claim and seat, all or nothing, and
whoever opened it commits it. Every change begins with the course's row, which is the lock that puts the changes of
one course in a row.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, insert, literal, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from . import claims, log, people
from .models import Association, Course, LogEntry, Participant, Registration, begin_writing


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
    for name, longest in (("email", 320), ("name", 255), ("sis_user_id", 255)):
        value = getattr(person, name)
        if name == "sis_user_id" and value is None:
            # A host that knows none does not take away the one that the office entered.
            continue
        value = value.replace("\x00", "")[:longest] if value is not None else None
        if getattr(participant, name) != value:
            setattr(participant, name, value)
    return participant


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


def why_closed(course: Course, now: datetime, *, to_the_office: bool = False) -> str | None:
    """Why nobody can register for the course at the moment, apart from its being full; None when they can.

    The dates between which people register themselves don't bind the office.
    """
    if course.cancelled_at:
        return "This course is cancelled."
    if course.ends_at and now >= course.ends_at:
        return "This course has ended."
    if to_the_office:
        return None
    if course.registration_opens_at and now < course.registration_opens_at:
        return "Registration for this course has not opened yet."
    if course.registration_closes_at and now >= course.registration_closes_at:
        return "Registration for this course has closed."
    return None


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
    if not _is_full(course) or why_closed(course, now):
        return
    them = Participant.key == who.key if isinstance(who, Person) else Participant.id == who.id
    theirs = (Registration.course_id == course.id, Registration.status != "withdrawn")
    if session.scalar(select(Registration.id).join(Participant).where(them, *theirs)) is None:
        raise NotPossible(f"{course.title} is full.")


def _enter(
    session: Session, course: Course, who: Person | Participant, now: datetime, by: str | None, wait: bool
) -> Registration:
    """`register` without the claim."""
    lock(session, course)
    participant = _participant(session, who)
    if there := live_registration(session, course, participant):
        already = "already registered" if there.status == "registered" else "already on the waitlist"
        raise NotPossible(f"{_subject(participant, by)} {already} for {course.title}.")
    if reason := why_closed(course, now, to_the_office=by is not None):
        raise NotPossible(reason)
    # Whoever comes later stands behind those who wait, even where a place seems free.
    waits = _is_full(course) or waiting(session, course) > 0
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
        _change_places(session, course, 1)
        _note(session, now, by, "registered", registration)
    return registration


def withdraw(
    session: Session, course: Course, who: Person | Participant, now: datetime, by: str | None = None
) -> Registration:
    """Withdraw somebody, or take them off the waitlist; whoever waits moves up to the place that becomes free.

    Raises NotPossible where the person is neither registered nor waiting.
    """
    lock(session, course)
    participant = _participant(session, who)
    registration = live_registration(session, course, participant)
    if registration is None:
        raise NotPossible(f"{_subject(participant, by)} not registered for {course.title}.")
    had_place = registration.status == "registered"
    registration.status, registration.withdrawn_at = "withdrawn", now
    session.flush()
    if had_place:
        _change_places(session, course, -1)
        claims.end_for(session, Registration.id == registration.id, now)
    _note(session, now, by, "withdrew" if had_place else "left the waitlist", registration)
    move_up(session, course, now)
    return registration


# -- the waitlist -----------------------------------------------------------------------------------------------------


def move_up(session: Session, course: Course, now: datetime) -> int:
    """Give free places to those who wait, first come first served; answers how many moved up.

    To be called in the unit of work that changed how many places there are. `registered_at` stays the time of joining.
    """
    lock(session, course)
    if why_closed(course, now, to_the_office=True) or _is_full(course):
        return 0
    line = select(Registration.id, Registration.participant_id).where(*_waiting_for(course)).order_by(Registration.id)
    if course.capacity is not None:
        line = line.limit(course.capacity - course.places_taken)
    moving = session.execute(line).all()
    if not moving:
        return 0
    session.execute(
        update(Registration)
        .where(*_waiting_for(course), Registration.id <= moving[-1].id)
        .values(status="registered")
        .execution_options(synchronize_session="fetch")
    )
    _change_places(session, course, len(moving))
    claims.claim(session, course.id, now, moving[0].id if len(moving) == 1 else None)
    for _, participant_id in moving:
        log.note(session, now, log.US, "moved up", participant_id=participant_id, course_id=course.id)
    return len(moving)


def waiting(session: Session, course: Course) -> int:
    """How many people are on the course's waitlist."""
    return session.scalar(select(func.count()).select_from(Registration).where(*_waiting_for(course)))


def positions(session: Session, registrations: list[Registration]) -> dict[int, int]:
    """Where on its course's waitlist each of the registrations stands, from 1; those that don't wait are left out."""
    before = aliased(Registration)
    rows = session.execute(
        select(Registration.id, func.count(before.id))
        .join(before, before.course_id == Registration.course_id)
        .where(Registration.id.in_([one.id for one in registrations if one.status == "waitlisted"]))
        .where(Registration.status == "waitlisted", before.status == "waitlisted", before.id <= Registration.id)
        .group_by(Registration.id)
    )
    return dict(rows.all())


def _waiting_for(course: Course) -> tuple:
    return Registration.course_id == course.id, Registration.status == "waitlisted"


def _is_full(course: Course) -> bool:
    return course.capacity is not None and course.places_taken >= course.capacity


# -- on behalf --------------------------------------------------------------------------------------------------------


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
    people.one_at_a_time(session)
    lock(session, course)
    known = people.by_email(session, [entry.email for entry in entries])
    results: list[Registration | NotPossible] = []
    for entry in entries:
        try:
            with session.begin_nested():
                participant = _participant_of(session, entry, known.get(entry.email.lower(), []))
                results.append(_enter(session, course, participant, now, by, wait=True))
            known[entry.email.lower()] = [participant]
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


# -- cancelling -------------------------------------------------------------------------------------------------------


def cancel(session: Session, course: Course, now: datetime, by: str) -> None:
    """Withdraw everybody from the course, those who wait too, and take nobody from now on."""
    lock(session, course)
    if course.cancelled_at:
        raise NotPossible(f"{course.title} is cancelled already.")
    live = (Registration.course_id == course.id, Registration.status != "withdrawn")
    registered, waited = course.places_taken, waiting(session, course)
    session.execute(
        insert(LogEntry).from_select(
            ["at", "who", "what", "words", "participant_id", "course_id"],
            select(
                literal(now, LogEntry.at.type),
                literal(by),
                literal("withdrew"),
                literal("The course was cancelled."),
                Registration.participant_id,
                Registration.course_id,
            ).where(*live),
        )
    )
    claims.end_for(session, Registration.course_id == course.id, now)
    session.execute(
        update(Registration)
        .where(*live)
        .values(status="withdrawn", withdrawn_at=now)
        .execution_options(synchronize_session=False)
    )
    course.cancelled_at, course.places_taken = now, 0
    session.flush()
    words = f"{registered} registered and {waited} waiting were withdrawn."
    log.note(session, now, by, "cancelled", words, course_id=course.id)
    session.expire_all()


def _participant(session: Session, who: Person | Participant) -> Participant:
    return who if isinstance(who, Participant) else participant_for(session, who)


def _subject(participant: Participant, by: str | None) -> str:
    return f"{participant.name} is" if by else "You are"


def _note(session: Session, now: datetime, by: str | None, what: str, registration: Registration) -> None:
    participant = registration.participant
    log.note(
        session,
        now,
        by or participant.email,
        what,
        participant_id=participant.id,
        course_id=registration.course_id,
    )


# -- where the course is in Canvas, and its lock ----------------------------------------------------------------------


def associate(session: Session, course: Course, association: Association | None, now: datetime) -> None:
    """Give the course this association, or none, and its registered participants the seats that follow from it.

    With another Canvas course people move: into the new one first, then out of the old. With none they lose the old.
    """
    lock(session, course)
    if association is None:
        if course.association is not None:
            session.delete(course.association)
        claims.end_for(session, Registration.course_id == course.id, now)
        return
    association.course_id = course.id
    for name in ("canvas_course_id", "canvas_section_id", "looked_up_at", "look_up_at", "problem"):
        # What is not known of the new one must not stay as it was of the old: merge copies only what is set.
        setattr(association, name, getattr(association, name))
    session.merge(association)
    session.flush()
    claims.claim(session, course.id, now)


def lock(session: Session, course: Course) -> None:
    """Be the only one who changes the course until the transaction ends; what is read of it afterwards is true."""
    begin_writing(session)
    _change_places(session, course, 0)


def _change_places(session: Session, course: Course, by: int) -> None:
    session.flush()
    session.execute(
        update(Course)
        .where(Course.id == course.id)
        .values(places_taken=Course.places_taken + by)
        .execution_options(synchronize_session=False)
    )
    session.expire(course)
