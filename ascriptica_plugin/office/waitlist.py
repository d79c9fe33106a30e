"""The waitlist: its length, everybody's position, and moving up. Never commits."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from ..tables.office import Course, LogEntry, Registration
from . import plan


def move_up(session: Session, course: Course, now: datetime) -> int:
    """Give free places to those who wait, first come first served. Returns how many moved up.

    Call it in the transaction that changed the number of places, while holding the lock on the course's row.
    `registered_at` stays the time when they joined the waitlist.
    """
    its = plan.begin(session, [course], now)[course.id]
    moved = its.move_up()
    its.write()
    return moved


def waiting(session: Session, course: Course) -> int:
    """The number of people on the course's waitlist."""
    its = (Registration.course_id == course.id, Registration.status == "waitlisted")
    return session.scalar(select(func.count()).select_from(Registration).where(*its)) or 0


def lengths(session: Session, course_ids: Collection[int]) -> dict[int, int]:
    """The number of people on each course's waitlist, by the course's id; courses where nobody waits are left out."""
    waits = (Registration.course_id.in_(course_ids), Registration.status == "waitlisted")
    by_course = select(Registration.course_id, func.count()).where(*waits).group_by(Registration.course_id)
    return dict(session.execute(by_course).all())


def positions(session: Session, registrations: list[Registration]) -> dict[int, int]:
    """Each waiting registration's position on its course's waitlist, from 1, by the registration's id."""
    before = aliased(Registration)
    rows = session.execute(
        select(Registration.id, func.count(before.id))
        .join(before, before.course_id == Registration.course_id)
        .where(Registration.id.in_([one.id for one in registrations if one.status == "waitlisted"]))
        .where(Registration.status == "waitlisted", before.status == "waitlisted", before.id <= Registration.id)
        .group_by(Registration.id)
    )
    return dict(rows.all())


def moved_up(session: Session, registrations: Sequence[Registration]) -> dict[int, datetime]:
    """When these got a place from the waitlist, by the registration's id; as far back as the activity log goes."""
    of_whom = {one.participant_id for one in registrations}
    found = session.execute(
        select(LogEntry.participant_id, LogEntry.course_id, LogEntry.at)
        .where(LogEntry.participant_id.in_(of_whom), LogEntry.what == "moved up")
        .order_by(LogEntry.id)
    ).all()
    return {
        one.id: at
        for one in registrations
        for participant_id, course_id, at in found
        if (participant_id, course_id) == (one.participant_id, one.course_id)
        and one.registered_at <= at <= (one.withdrawn_at or at)
    }
