"""Finds the courses that a file would remove people from, and those from which it would remove too many at once.

Uses the tables and the rules; no Flask.
"""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ...ledger import moves
from ...ledger.moves import Someone
from ...shared.language import number, t
from ...tables.office import Course, Registration
from .. import courses
from .. import people as participants
from ..brake import Brake
from .courses import Courses
from .file import Row
from .kind import Now

AT_ONCE = 500


@dataclass(frozen=True)
class Removing:
    """How many people a file would remove from this course, or move within Canvas: `removed`, out of all `of`."""

    code: str
    title: str
    removed: int
    of: int

    def __str__(self) -> str:
        return t(
            "The file would remove {removed} of {of} people of {course} ({code}).",
            removed=number(self.removed),
            of=number(self.of),
            course=self.title,
            code=self.code,
        )


def stopped(session: Session, kind: str, rows: list[Row], brake: Brake, now: Now) -> list[Removing]:
    """The courses that the brake stops, by code."""
    return [one for one in removing(session, kind, rows, now) if brake.stops(one.removed, one.of)]


def removing(session: Session, kind: str, rows: list[Row], now: Now) -> list[Removing]:
    """The courses whose people the file removes or moves, by code. Only files of registrations and courses do that."""
    count = {"registrations": _withdrawn, "courses": _moved}.get(kind)
    if count is None:
        return []
    return count(session, [row for row in rows if not row.problem], now)


def people(
    session: Session, kind: str, rows: list[Row], codes: list[str], *, moving: bool = False
) -> dict[str, list[Someone]]:
    """By course code, the people whom the file removes from these courses, sorted by name. `moving`: for a file of
    courses, everybody whom it moves to another Canvas course, even if they are not in the present one yet."""
    found, emails = {}, _emails([row for row in rows if not row.problem]) if kind == "registrations" else {}
    for course in courses.by_code(session, [code.lower() for code in codes], lock=False).values():
        everybody = moves.people(session, 0, moves.registered(course))
        if kind == "registrations":
            typed = {email.lower() for email in emails.get(course.code.lower(), ())}
            found[course.code] = [one for one in everybody if one.email.lower() in typed]
        elif moving:
            found[course.code] = everybody
        elif course.association is not None and course.association.connection_id is not None:
            ids = moves.leaving(session, course.association.connection_id, course.id, None).removed
            found[course.code] = [one for one in everybody if one.participant_id in ids]
    return found


def _emails(rows: list[Row]) -> dict[str, set[str]]:
    """The emails of the people whom the rows withdraw, by the course's code in small letters."""
    emails: dict[str, set[str]] = {}
    for row in rows:
        if row.cells.get("status", "").lower() == "withdrawn":
            emails.setdefault(row.cells["course"].lower(), set()).add(row.cells["email"])
    return emails


def _withdrawn(session: Session, rows: list[Row], now: Now) -> list[Removing]:
    emails, found = _emails(rows), []
    for code, course in sorted(courses.by_code(session, list(emails), lock=False).items()):
        removed = sum(_registered(session, course, part) for part in _parts(sorted(emails[code])))
        if removed:
            found.append(Removing(course.code, course.title, removed, course.places_taken))
    return found


def _parts(emails: list[str]) -> list[list[str]]:
    return [emails[start : start + AT_ONCE] for start in range(0, len(emails), AT_ONCE)]


def _registered(session: Session, course: Course, emails: list[str]) -> int:
    """How many people with these emails are registered for the course."""
    ids = [one.id for them in participants.by_email(session, emails).values() for one in them]
    its = (Registration.course_id == course.id, Registration.status == "registered")
    counted = select(func.count()).select_from(Registration).where(*its, Registration.participant_id.in_(ids))
    return session.scalar(counted) or 0


def _moved(session: Session, rows: list[Row], now: Now) -> list[Removing]:
    kind = Courses(session, now, "", dry_run=True)
    found = []
    for start in range(0, len(rows), AT_ONCE):
        for course in kind.moved(rows[start : start + AT_ONCE]):
            association = course.association
            if association is None or association.connection_id is None or not course.places_taken:
                continue
            removed = moves.leaving(session, association.connection_id, course.id, None).removed
            found.append(Removing(course.code, course.title, len(removed), course.places_taken))
    return sorted(found, key=lambda one: one.code)
