"""The waitlist: how many wait, in which place, and who moves up. Never commits."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from ..tables.office import Course, Registration
from . import plan


def move_up(session: Session, course: Course, now: datetime) -> int:
    """Give free places to those who wait, first come first served; answers how many moved up.

    To be called in the unit of work that changed how many places there are, under the lock on the course's row.
    `registered_at` stays the time of joining.
    """
    its = plan.begin(session, [course], now)[course.id]
    moved = its.move_up()
    its.write()
    return moved


def waiting(session: Session, course: Course) -> int:
    """How many people are on the course's waitlist."""
    its = (Registration.course_id == course.id, Registration.status == "waitlisted")
    return session.scalar(select(func.count()).select_from(Registration).where(*its)) or 0


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
