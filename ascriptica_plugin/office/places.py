"""A course's places: whether it takes people, and how many there are. Never commits."""

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from ..tables.office import Course


class NotPossible(Exception):
    """What was asked for can't be done; the text is a sentence for the person who asked."""


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


def is_full(course: Course) -> bool:
    return course.capacity is not None and course.places_taken >= course.capacity


def take(session: Session, course: Course, by: int) -> None:
    """Count so many places more as taken, or fewer; the database refuses more than there are."""
    session.flush()
    session.execute(
        update(Course)
        .where(Course.id == course.id)
        .values(places_taken=Course.places_taken + by)
        .execution_options(synchronize_session=False)
    )
    session.expire(course)
