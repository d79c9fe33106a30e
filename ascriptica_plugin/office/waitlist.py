"""The waitlist: who waits, in which place, and who moves up. Never commits."""

from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, aliased

from .. import activity
from ..ledger import claims
from ..tables.locks import lock_course
from ..tables.office import Course, Registration
from . import places


def move_up(session: Session, course: Course, now: datetime) -> int:
    """Give free places to those who wait, first come first served; answers how many moved up.

    To be called in the unit of work that changed how many places there are. `registered_at` stays the time of joining.
    """
    lock_course(session, course)
    if places.why_closed(course, now, to_the_office=True) or places.is_full(course):
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
    places.take(session, course, len(moving))
    claims.claim(session, course.id, now, moving[0].id if len(moving) == 1 else None)
    for _, participant_id in moving:
        activity.note(session, now, activity.US, "moved up", participant_id=participant_id, course_id=course.id)
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
