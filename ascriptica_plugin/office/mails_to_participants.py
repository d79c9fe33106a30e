"""Mails to participants about their registrations. Queues them in the change's own transaction; never commits.

Nobody is mailed about a registration without `notify`, such as one that came with an import.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, exists, false, or_, select, update
from sqlalchemy.orm import Session, aliased

from .. import mail
from ..ledger.access import IS_BEING_ENDED, IS_POINTED_TO, IS_SURE, IS_THEIRS
from ..shared.language import Marked
from ..tables.canvas import Connection, load_settings
from ..tables.columns import begin_writing, change
from ..tables.ledger import CanvasRow, Claim, Match, Seat
from ..tables.mails import Mail
from ..tables.office import Association, Course, Participant, Registration

KINDS: Marked[dict[str, str]] = {
    "in": "To participants: you are in the Canvas course",
    "moved_up": "To participants: you have a place, from the waitlist",
    "moved": "To participants: the office has moved you to another course",
    "removed": "To participants: the office has withdrawn you",
    "cancelled": "To participants: the office has cancelled the course",
    "reopened": "To participants: the office has reopened a course that was cancelled",
}
"""The mails to participants, as Course Settings name them."""

AT_ONCE = 500
"""How many registrations are handled at once."""


def is_on(session: Session, kind: str) -> bool:
    """Whether this kind of mail is switched on in Course Settings."""
    return kind not in load_settings(session).mails_off.split(",")


def queue(session: Session, kind: str, registrations: Collection[int], now: datetime, event: str | None = None) -> None:
    """Queue a mail of this kind to each registration's participant."""
    if not registrations or not is_on(session, kind):
        return
    ids = sorted(registrations)
    for start in range(0, len(ids), AT_ONCE):
        _queue(session, kind, ids[start : start + AT_ONCE], now, event)


def are_mailed(session: Session, kind: str) -> ColumnElement[bool]:
    """SQL: the registrations whose people are mailed about this kind of thing."""
    if not is_on(session, kind):
        return false()
    return and_(Registration.notify, Registration.participant_id.not_in(_BEING_ERASED))


_BEING_ERASED = select(Participant.id).where(Participant.erase_at.is_not(None))


def _queue(session: Session, kind: str, ids: list[int], now: datetime, event: str | None) -> None:
    found = session.execute(
        select(Registration.id, Participant.email)
        .join(Participant)
        .where(Registration.id.in_(ids), are_mailed(session, kind))
        .order_by(Registration.id)
    )
    for number, email in found.all():
        mail.send(session, now, kind, email, registration_id=number, event=event)


def queue_moved(session: Session, registration: Registration, left: Course, now: datetime) -> None:
    """Queue a mail to the participant whom the office moved here, out of the course that they `left`."""
    queue(session, "moved", [registration.id], now, event=str(left.id))


def take_back(session: Session, kind: str, registration: Registration) -> bool:
    """Delete the waiting mail of this kind about the registration, because the act was undone. Returns whether there
    was one."""
    return take_back_from_all(session, kind, Registration.id == registration.id) > 0


def take_back_from_all(session: Session, kind: str, which: ColumnElement[bool]) -> int:
    """Delete the waiting mails of this kind about these registrations, because the act was undone. Returns how many."""
    theirs = Mail.registration_id.in_(select(Registration.id).where(which))
    return change(session, delete(Mail).where(Mail.kind == kind, theirs, Mail.tries == 0))


def not_mailed_yet(session: Session, kind: str, which: ColumnElement[bool]) -> set[int]:
    """The ids of those registrations whose mail of this kind still waits to be sent; see `take_back_from_all`."""
    waits = select(Mail.registration_id).where(Mail.kind == kind, Mail.tries == 0)
    return set(session.scalars(select(Registration.id).where(which, Registration.id.in_(waits))))


def was_mailed(session: Session, registration: Registration) -> bool:
    """Whether the participant was mailed that they are in. A mail that still waits is deleted, and doesn't count."""
    return registration.in_mailed_at is not None and not take_back(session, "in", registration)


def mail_again(session: Session, course: Course) -> None:
    """Mail everybody in the course again, once they can enter the other Canvas course that the course has from now
    on."""
    theirs = update(Registration).where(Registration.course_id == course.id, Registration.in_mailed_at.is_not(None))
    change(session, theirs.values(in_mailed_at=None))


def note_who_is_in(session: Session, now: datetime, *, by_mail: bool) -> int:
    """Note who was seen in a Canvas course that they can enter, and with `by_mail` queue a mail to each of them.

    Returns how many were new; commits. Each registration is noted once, with or without mail, whatever happens to its
    enrollment later. So when mails are set up, nobody is mailed about having got in long before.
    """
    connection = load_settings(session).connection
    if connection is None or not load_settings(session).display_canvas:
        return 0
    ids = _who_is_in(session, connection, now)
    session.rollback()
    if not ids:
        return 0
    begin_writing(session)
    # If two workers found the same person, only one of them changes the row.
    unnoted = update(Registration).where(Registration.id.in_(ids), Registration.in_mailed_at.is_(None))
    noted = session.scalars(unnoted.values(in_mailed_at=now).returning(Registration.id)).all()
    if by_mail:
        queue(session, "in", noted, now)
    session.commit()
    return len(noted)


def _who_is_in(session: Session, connection: Connection, now: datetime) -> list[int]:
    newer = aliased(Claim)
    newest = ~exists().where(newer.registration_id == Claim.registration_id, newer.id > Claim.id)
    found = session.scalars(
        select(Registration.id)
        .join(Participant, Participant.id == Registration.participant_id)
        .join(Association, Association.course_id == Registration.course_id)
        .join(Claim, Claim.registration_id == Registration.id)
        .join(Seat, Seat.id == Claim.seat_id)
        .join(Match, IS_THEIRS)
        .join(CanvasRow, IS_POINTED_TO)
        .where(Registration.status == "registered", Registration.notify, Registration.in_mailed_at.is_(None))
        .where(Association.published, ~Association.concluded, Association.connection_id == connection.id)
        .where(or_(Association.opens_at.is_(None), Association.opens_at <= now))
        .where(or_(Association.closes_at.is_(None), Association.closes_at > now))
        .where(Claim.ended_at.is_(None), newest, Seat.connection_id == connection.id)
        .where(Seat.settled_version >= Seat.version, CanvasRow.state == "active", IS_SURE, ~IS_BEING_ENDED)
        .where(CanvasRow.canvas_user_id == Match.canvas_user_id)
        .limit(AT_ONCE)
    )
    return list(found)
