"""A course's places: whether it takes people, and how many are free."""

from datetime import datetime

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


def free(course: Course, taken: int | None = None) -> int | None:
    """How many places are free, also with another number `taken` than now; None where there is no limit."""
    if course.capacity is None:
        return None
    return max(0, course.capacity - (course.places_taken if taken is None else taken))
