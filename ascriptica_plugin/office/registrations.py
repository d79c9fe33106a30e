"""Registering and withdrawing. Never commits and never calls Canvas.

One transaction writes registration, claim and seat, all or nothing. Every change first locks the course's row, so the
changes of one course happen one after another.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from ..shared import pauses
from ..shared.language import mark, t
from ..tables import locks
from ..tables.office import Course, Participant, Registration
from . import emails, mails_to_participants, names, people, places, plan, sis_ids
from .people import Person, participant_for
from .places import NotPossible
from .plan import Plan


def register(
    session: Session,
    course: Course,
    who: Person | Participant,
    now: datetime,
    by: str | None = None,
    *,
    wait: bool = False,
) -> Registration:
    """Register somebody: take a place, and claim the seat in the associated Canvas course.

    If the course is full, or others wait already, `wait` puts them on the waitlist instead: no place, no seat. `by` is
    the email of the administrator who does it for them. Raises NotPossible if registration is closed, the course is
    full, or the person is already registered.
    """
    if by is None and not wait:
        _refuse_at_once(session, course, who, now)
    locks.lock_course(session, course)
    its, participant = _plan(session, course, who, now, by)
    _register(its, participant, wait=wait)
    its.write()
    return its.registration_of(participant)


def _refuse_at_once(session: Session, course: Course, who: Person | Participant, now: datetime) -> None:
    """Raise NotPossible for a full course without waiting for the lock on its row.

    When hundreds try for the last places, those who can't get one don't hold up those who can.
    """
    if places.free(course) != 0 or places.why_closed(course, now):
        return
    them = Participant.key == who.key if isinstance(who, Person) else Participant.id == who.id
    theirs = (Registration.course_id == course.id, Registration.status != "withdrawn")
    if session.scalar(select(Registration.id).join(Participant).where(them, *theirs)) is None:
        raise NotPossible(t("{course} is full.", course=course.title))


def withdraw(
    session: Session,
    course: Course,
    who: Person | Participant,
    now: datetime,
    by: str | None = None,
    *,
    undoes: bool = False,
) -> Registration:
    """Withdraw somebody, or take them off the waitlist. The first person on the waitlist gets the free place.

    `undoes`: this undoes the office's registration, so a person who was not mailed about that is not mailed now. Raises
    NotPossible if the person is neither registered nor waiting.
    """
    locks.lock_course(session, course)
    its, participant = _plan(session, course, who, now, by)
    if its.status(participant) is None:
        raise not_registered(participant, course, by)
    if undoes:
        its.notify = mails_to_participants.was_mailed(session, its.registration_of(participant))
    its.withdraw(participant)
    its.move_up()
    its.write()
    return its.registration_of(participant)


def take_back(session: Session, course: Course, who: Person, now: datetime) -> Registration:
    """Undo somebody's own withdrawal: the same registration gets its place back.

    Raises NotPossible after `pauses.WITHDRAWAL_UNDONE`, and if somebody else has the place or waits for one.
    """
    locks.lock_course(session, course)
    its, participant = _plan(session, course, who, now, None)
    if its.status(participant):
        raise NotPossible(t("You are already registered for {course}, or on its waitlist.", course=course.title))
    left = latest(session, course, participant, Registration.undo_until_at > now)
    if left is None:
        minutes = int(pauses.WITHDRAWAL_UNDONE.total_seconds() // 60)
        raise NotPossible(
            t("A withdrawal can be undone for {minutes} minutes only. You can register again.", minutes=minutes)
        )
    its.take_back(left)
    its.write()
    return left


def put_back(
    session: Session, course: Course, participant: Participant, now: datetime, by: str, *, waits: bool
) -> Registration:
    """Undo the office's withdrawal: the same registration gets its place back.

    If somebody else has the place or waits for one, it gets its position on the waitlist with `waits`, and otherwise
    this raises NotPossible.
    """
    locks.lock_course(session, course)
    its, participant = _plan(session, course, participant, now, by)
    if its.status(participant):
        raise NotPossible(
            t(
                "{name} is already registered for {course}, or on its waitlist.",
                name=participant.name,
                course=course.title,
            )
        )
    left = latest(session, course, participant)
    if left is None or participant.erase_at or participant.erased_at:
        raise NotPossible(t("{name} is being erased.", name=participant.name))
    its.take_back(left, waits=waits)
    its.write()
    if not mails_to_participants.take_back(session, "removed", left):
        # They were mailed that they are out.
        left.in_mailed_at = None
    return left


def latest(
    session: Session, course: Course, participant: Participant, *which: ColumnElement[bool]
) -> Registration | None:
    """The participant's last registration for the course, of those that meet the conditions."""
    theirs = (Registration.course_id == course.id, Registration.participant_id == participant.id)
    return session.scalar(select(Registration).where(*theirs, *which).order_by(Registration.id.desc()).limit(1))


def _plan(
    session: Session, course: Course, who: Person | Participant, now: datetime, by: str | None
) -> tuple[Plan, Participant]:
    participant = who if isinstance(who, Participant) else participant_for(session, who)
    its = plan.begin(session, [course], now, by)[course.id]
    plan.look_up(session, [its], [participant])
    return its, participant


def _register(its: Plan, participant: Participant, *, wait: bool) -> None:
    refuse_twice(its, participant)
    its.register(participant, wait=wait)


def refuse_twice(its: Plan, participant: Participant) -> None:
    """Raise NotPossible if the participant is already registered there, or waits."""
    if status := its.status(participant):
        raise already(status, participant, its.course, its.by)


def not_registered(participant: Participant, course: Course, by: str | None) -> NotPossible:
    """The refusal for somebody who is not registered: for the administrator who acts, or else for the participant."""
    if by:
        return NotPossible(t("{name} is not registered for {course}.", name=participant.name, course=course.title))
    return NotPossible(t("You are not registered for {course}.", course=course.title))


def already(status: str, participant: Participant, course: Course, by: str | None) -> NotPossible:
    """The refusal for somebody who is already registered or on the waitlist, for the same reader."""
    name, title = participant.name, course.title
    if status == "registered":
        said = t("{name} is already registered for {course}.", name=name, course=title) if by else None
        return NotPossible(said or t("You are already registered for {course}.", course=title))
    said = t("{name} is already on the waitlist for {course}.", name=name, course=title) if by else None
    return NotPossible(said or t("You are already on the waitlist for {course}.", course=title))


def can_be_put_back(session: Session, course: Course, shown: list[Registration], now: datetime) -> set[int]:
    """The withdrawn ones of the registrations, by id, whose people are neither registered nor waiting."""
    if places.why_closed(course, now, to_the_office=True):
        return set()
    gone = [one for one in shown if one.status == "withdrawn" and not one.participant.erase_at]
    live = select(Registration.participant_id).where(
        Registration.course_id == course.id,
        Registration.status != "withdrawn",
        Registration.participant_id.in_([one.participant_id for one in gone]),
    )
    here = set(session.scalars(live)) if gone else set()
    return {one.id for one in gone if one.participant_id not in here and not one.participant.erased_at}


HOW_TO_RENAME = mark("correct it at Participants first; if it has not, enter the name as it is here")


@dataclass(frozen=True)
class Entry:
    """Somebody whom the office registers, as typed. A blank `name` keeps that of the participant with the email.

    `rename`: an existing participant with the email gets this name.
    """

    email: str
    name: str = ""
    sis_user_id: str | None = None
    rename: bool = False


class NameNeeded(NotPossible):
    """Nobody has the email yet, and no name was given."""


class OtherName(NotPossible):
    """The participant with the email, who is called `here`, has another name than the one that was typed."""

    def __init__(self, sentence: str, here: str):
        super().__init__(sentence)
        self.here = here


def register_many(
    session: Session, course: Course, entries: list[Entry], now: datetime, by: str
) -> list[Registration | NotPossible]:
    """Register people for the office, or put them on the waitlist. Returns each one's registration, or why not.

    An existing participant is found by the email, whatever its case, and must not have another name than the entry,
    unless the entry renames them. If nobody has the email, a new participant is made.
    """
    locks.lock_people(session)
    locks.lock_course(session, course)
    known = people.by_email(session, [entry.email for entry in entries])
    its = plan.begin(session, [course], now, by)[course.id]
    plan.look_up(session, [its], [one for found in known.values() for one in found])
    results: list[Participant | NotPossible] = []
    for entry in entries:
        try:
            found = known.get(emails.as_compared(entry.email), [])
            if len(found) == 1:
                # Before anything is asked about somebody who is registered already.
                refuse_twice(its, found[0])
            participant = _participant_of(entry, found)
            if entry.sis_user_id and entry.sis_user_id != participant.sis_user_id:
                _register_with_sis_id(session, its, participant, entry.sis_user_id)
            else:
                _register(its, participant, wait=True)
        except NotPossible as reason:
            results.append(reason)
        else:
            new_name = entry.name and (entry.rename or not names.is_named(participant))
            if new_name and participant.id is not None:
                people.correct(session, participant, now, by, name=entry.name)
            known[emails.as_compared(entry.email)] = [participant]
            results.append(participant)
    its.write()
    return [its.registration_of(one) if isinstance(one, Participant) else one for one in results]


def _register_with_sis_id(session: Session, its: Plan, participant: Participant, sis_user_id: str) -> None:
    """Give the participant the SIS ID and register them: both, or neither. Raises NotPossible."""
    try:
        # Somebody who can't be registered is not made either, and doesn't get the SIS ID.
        with session.begin_nested():
            session.add(participant)
            sis_ids.give(session, participant, sis_user_id)
            _register(its, participant, wait=True)
    except sis_ids.Taken as reason:
        raise NotPossible(str(reason)) from None


def _participant_of(entry: Entry, found: list[Participant]) -> Participant:
    """The participant who has the email, or a new one that is not in the session yet. Raises NotPossible."""
    if len(found) > 1:
        who = ", ".join(f"{one.name} ({t('signed up') if one.key else t('entered by the office')})" for one in found)
        raise NotPossible(
            t(
                "{count} participants have the email {email}: {who}. Correct one of them first.",
                count=len(found),
                email=entry.email,
                who=who,
            )
        )
    if not found and not entry.name:
        raise NameNeeded(t("Nobody here has the email {email} yet. Enter their name too.", email=entry.email))
    if not found:
        return Participant(email=entry.email, name=entry.name)
    [participant] = found
    if entry.name and not entry.rename:
        try:
            names.check_name(participant, entry.name, HOW_TO_RENAME)
        except ValueError as reason:
            raise OtherName(str(reason), participant.name) from None
    # For people with a sign-in the host supplies the SIS ID, and would overwrite this one.
    stays = participant.key is not None or participant.sis_user_id
    if stays and entry.sis_user_id and entry.sis_user_id != participant.sis_user_id:
        name, known = participant.name, participant.sis_user_id
        has = t("{name} has the SIS ID {sis_user_id} here.", name=name, sis_user_id=known) if known else ""
        has = has or t("{name} has no SIS ID here.", name=name)
        raise NotPossible(f"{has} {t('Leave it blank, or correct the participant first.')}")
    return participant
