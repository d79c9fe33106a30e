"""A course's places: whether registration is open, and how many are free."""

from datetime import datetime

from ..shared.language import t
from ..tables.office import Course


class NotPossible(Exception):
    """The request can't be carried out; the text is a sentence for the person who made it."""


def why_closed(course: Course, now: datetime, *, to_the_office: bool = False) -> str | None:
    """Why registration is closed, as a sentence; None if it is open. Whether the course is full doesn't matter here.

    The office may register people outside the registration dates.
    """
    if course.cancelled_at:
        return t("This course is cancelled.")
    if course.ends_at and now >= course.ends_at:
        return t("This course has ended.")
    if to_the_office:
        return None
    if course.registration_opens_at and now < course.registration_opens_at:
        return t("Registration for this course has not opened yet.")
    if course.registration_closes_at and now >= course.registration_closes_at:
        return t("Registration for this course has closed.")
    return None


def free(course: Course, taken: int | None = None) -> int | None:
    """The number of free places; None if there is no limit. `taken` replaces the number taken now."""
    if course.capacity is None:
        return None
    return max(0, course.capacity - (course.places_taken if taken is None else taken))
