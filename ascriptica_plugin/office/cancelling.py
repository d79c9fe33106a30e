"""Cancels a course, and reopens it with the people who were in it. Never commits."""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, false, func, insert, literal, not_, select, update
from sqlalchemy.orm import Session

from .. import signals
from ..ledger import activity, claims, moves
from ..shared.language import t
from ..shared.said import Said
from ..tables.columns import change
from ..tables.locks import lock_course
from ..tables.office import Course, LogEntry, Registration
from . import mails_to_participants
from .places import NotPossible
from .registration_signals import announce
from .waitlist import move_up, waiting


def cancel(session: Session, course: Course, now: datetime, by: str, *, by_mail: bool = True) -> None:
    """Withdraw everybody from the course and its waitlist, mail them, and close it until it is reopened.

    The activity log records for each person whether they are mailed. `by_mail`: whether this site sends mail at all.
    Raises NotPossible if the course is already cancelled.
    """
    lock_course(session, course)
    if course.cancelled_at:
        raise NotPossible(t("{course} is already cancelled.", course=course.title))
    live = are_in(course)
    registered, waited = course.places_taken, waiting(session, course)
    words = Said("all_withdrawn", registered=registered, waiting=waited)
    act_id = activity.begin_act(session, now, by, "cancelled", words, course_id=course.id)
    mailed = mails_to_participants.are_mailed(session, "cancelled") if by_mail else false()
    _note_for_all(session, now, by, "withdrew", Said("course_cancelled"), and_(live, mailed), act_id)
    _note_for_all(session, now, by, "withdrew", Said("course_cancelled_untold"), and_(live, not_(mailed)), act_id)
    claims.end_for(session, Registration.course_id == course.id, now)
    everybody = session.scalars(select(Registration.id).where(live)).all()
    announce(session, signals.withdrawn, course, everybody)
    mails_to_participants.queue(session, "cancelled", everybody, now)
    withdrawn = {"status": "withdrawn", "withdrawn_at": now, "withdrawn_from": Registration.status}
    change(session, update(Registration).where(live).values(**withdrawn))
    course.cancelled_at, course.places_taken = now, 0
    session.flush()
    session.expire_all()


def are_in(course: Course) -> ColumnElement[bool]:
    """SQL: the registrations, registered or waiting, that cancelling the course would withdraw."""
    return and_(Registration.course_id == course.id, Registration.status != "withdrawn")


def act_of(session: Session, course: Course) -> int | None:
    """The id of the activity log's entry about the latest cancelling; None once that entry is deleted."""
    its = (LogEntry.course_id == course.id, LogEntry.what == "cancelled", LogEntry.part_of.is_(None))
    return session.scalar(select(func.max(LogEntry.id)).where(*its))


def how_many_were(session: Session, course: Course, status: str) -> int:
    """How many people had this status when the course was cancelled, without those erased or being erased."""
    return session.scalar(select(func.count()).select_from(Registration).where(moves.were(course, status))) or 0


def reopen(session: Session, course: Course, now: datetime, by: str) -> int:
    """Open a cancelled course again, put back everybody who was registered or waiting, and mail them. Returns how many
    were registered. People whose mail about the cancelling has not been sent yet get no mail.

    Raises NotPossible if the course is not cancelled, or has fewer places now than people who were registered.
    """
    lock_course(session, course)
    if course.cancelled_at is None:
        raise NotPossible(t("{course} is not cancelled.", course=course.title))
    counts = {status: how_many_were(session, course, status) for status in ("registered", "waitlisted")}
    registered = counts["registered"]
    if course.capacity is not None and registered > course.capacity:
        raise NotPossible(
            t(
                "{registered} people were registered, and {course} has {capacity} places now. Edit the "
                "course and enter at least {registered} places first.",
                registered=registered,
                course=course.title,
                capacity=course.capacity,
            )
        )
    back: set[int] = set()
    words = Said("all_put_back", registered=registered, waiting=counts["waitlisted"])
    act_id = activity.begin_act(session, now, by, "reopened", words, course_id=course.id)
    for status, what in (("registered", "registered"), ("waitlisted", "joined the waitlist")):
        its = moves.were(course, status)
        unaware = mails_to_participants.not_mailed_yet(session, "cancelled", its)
        back |= set(session.scalars(select(Registration.id).where(its))) - unaware
        _note_for_all(session, now, by, what, Said("course_reopened"), its, act_id)
        mails_to_participants.take_back_from_all(session, "cancelled", its)
        again = {"status": status, "withdrawn_at": None, "withdrawn_from": None}
        change(session, update(Registration).where(its).values(**again))
    course.cancelled_at, course.places_taken = None, registered
    session.flush()
    claims.claim(session, course.id, now)
    mails_to_participants.queue(session, "reopened", back, now)
    if signals.is_awaited(signals.registered):
        everybody = session.scalars(select(Registration.id).where(are_in(course))).all()
        announce(session, signals.registered, course, everybody)
    session.expire_all()
    move_up(session, course, now)
    return registered


def _note_for_all(
    session: Session, now: datetime, by: str, what: str, words: Said, which: ColumnElement[bool], act_id: int
) -> None:
    """Add an entry to the activity log for each of the registrations, as a part of the act."""
    said = literal(words, LogEntry.words.type)
    columns = (literal(now, LogEntry.at.type), literal(by), literal(what), said, literal(act_id))
    with activity.within(session, act_id):
        session.execute(
            insert(LogEntry).from_select(
                ["at", "who", "what", "words", "part_of", "participant_id", "course_id"],
                select(*columns, Registration.participant_id, Registration.course_id).where(which),
            )
        )
