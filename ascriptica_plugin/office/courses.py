"""What happens to a whole course: it is associated with a Canvas course, or cancelled. Never commits."""

from datetime import datetime

from sqlalchemy import insert, literal, select, update
from sqlalchemy.orm import Session

from .. import activity
from ..ledger import claims
from ..tables.locks import lock_course
from ..tables.office import Association, Course, LogEntry, Registration
from .places import NotPossible
from .waitlist import waiting


def cancel(session: Session, course: Course, now: datetime, by: str) -> None:
    """Withdraw everybody from the course, those who wait too, and take nobody from now on."""
    lock_course(session, course)
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
    activity.note(session, now, by, "cancelled", words, course_id=course.id)
    session.expire_all()


def associate(session: Session, course: Course, association: Association | None, now: datetime) -> None:
    """Give the course this association, or none, and its registered participants the seats that follow from it.

    With another Canvas course people move: into the new one first, then out of the old. With none they lose the old.
    """
    lock_course(session, course)
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
