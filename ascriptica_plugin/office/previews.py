"""What changing a course's Canvas course, or reopening the course, would do. Somebody asks, the worker reads Canvas,
and somebody confirms.

A preview reserves nothing: no claim and no seat is written before somebody confirms it. Never commits.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.orm import Session

from ..ledger import claims, moves
from ..ledger.moves import Place, Someone
from ..shared import pauses
from ..tables.columns import begin_writing, change
from ..tables.office import Association, Course
from ..tables.previews import Preview
from . import cancelling, courses

_OF_ASSOCIATION = (
    "connection_id",
    "canvas_course",
    "canvas_section",
    "canvas_course_id",
    "canvas_section_id",
    "canvas_course_name",
    "canvas_section_name",
    "published",
    "concluded",
    "missing_permissions",
    "looked_up_at",
)


def moves_people(course: Course, association: Association | None) -> bool:
    """Whether people of the course would be enrolled or removed if it had this association."""
    now = course.association if course.id else None
    if not course.places_taken or (now is None and association is None):
        return False
    if now is None or association is None:
        return True
    place = ("connection_id", "canvas_course_id", "canvas_section_id")
    return any(getattr(now, name) != getattr(association, name) for name in place)


def ask(
    session: Session, course: Course, association: Association | None, now: datetime, *, reopen: bool = False
) -> None:
    """Ask for a preview of giving the course this association or, with `reopen`, of putting its people back in it."""
    begin_writing(session)
    change(session, delete(Preview).where(Preview.course_id == course.id))
    facts = {name: getattr(association, name) for name in _OF_ASSOCIATION} if association is not None else {}
    facts = {name: value for name, value in facts.items() if value is not None}
    session.add(Preview(course_id=course.id, reopen=reopen, asked_at=now, **facts))
    session.flush()
    session.info[claims.RANG] = True


def ask_again(session: Session, preview: Preview, now: datetime) -> None:
    """Have the Canvas course read again."""
    preview.asked_at, preview.read_at, preview.problem = now, None, None
    session.flush()
    session.info[claims.RANG] = True


def is_ready(preview: Preview) -> bool:
    """Whether there is nothing to wait for: the Canvas course was read, or can't be, or there is none."""
    return preview.canvas_course_id is None or preview.read_at is not None


def is_fresh(preview: Preview, now: datetime) -> bool:
    """Whether what was read is recent enough to be confirmed."""
    return preview.canvas_course_id is None or (
        preview.read_at is not None and preview.read_at > now - pauses.PREVIEW_FRESH
    )


def forget_old(session: Session, now: datetime) -> None:
    """Delete the previews that nobody confirmed."""
    change(session, delete(Preview).where(Preview.asked_at < now - pauses.PREVIEW_KEPT))


# -- what a page shows and confirms -----------------------------------------------------------------------------------


@dataclass
class Numbers:
    """What would happen to people.

    Everybody is in one of `enroll`, `there` (in it already), `unknown` (nobody has looked yet who they are in Canvas)
    and `asked` (a person has to say who they are); `teaching` are some of them. `removed`, `stay` (another registration
    asks for the same) and `asked_there` (we did not let them in) are about where people are now. `waiting` people go
    back to the waitlist.
    """

    enroll: list[Someone] = field(default_factory=list)
    there: list[Someone] = field(default_factory=list)
    unknown: list[Someone] = field(default_factory=list)
    asked: list[Someone] = field(default_factory=list)
    teaching: list[Someone] = field(default_factory=list)
    removed: list[Someone] = field(default_factory=list)
    stay: list[Someone] = field(default_factory=list)
    asked_there: list[Someone] = field(default_factory=list)
    people: int = 0
    waiting: int = 0

    def fingerprint(self, preview: Preview) -> str:
        """A text that changes whenever something else would happen."""
        place = (preview.connection_id, preview.canvas_course_id, preview.canvas_section_id, preview.reopen)
        groups = [[one.participant_id for one in group] for group in vars(self).values() if isinstance(group, list)]
        return hashlib.sha256(repr((place, groups, self.people, self.waiting)).encode()).hexdigest()[:32]


def numbers(session: Session, preview: Preview, course: Course) -> Numbers:
    """What would happen now."""
    everybody = moves.people_of(session, preview, course)
    found = Numbers(people=len(everybody))
    if preview.reopen:
        found.waiting = cancelling.how_many_were(session, course, "waitlisted")
    else:
        _leave(session, found, everybody, course, moves.place_of(preview) if preview.canvas_course_id else None)
    if preview.canvas_course_id is None:
        return found
    there, teaching = set(preview.there or []), set(preview.teaching or [])
    for one in everybody:
        if one.asked:
            found.asked.append(one)
        elif one.participant_id in there:
            found.there.append(one)
        elif one.canvas_user_id is None:
            found.unknown.append(one)
        else:
            found.enroll.append(one)
    found.teaching = [one for one in everybody if one.participant_id in teaching]
    return found


def of_cancelling(session: Session, course: Course) -> Numbers:
    """What cancelling the course would do to people's enrollments in Canvas."""
    connection_id = course.association.connection_id if course.association else None
    everybody = moves.people(session, connection_id or 0, moves.registered(course))
    found = Numbers(people=len(everybody))
    _leave(session, found, everybody, course, None)
    return found


def confirm(session: Session, preview: Preview, course: Course, now: datetime, by: str) -> None:
    """Do what was previewed. The caller holds the course's lock, and has compared the numbers. Raises NotPossible."""
    if preview.reopen:
        cancelling.reopen(session, course, now, by)
    else:
        facts = {name: getattr(preview, name) for name in _OF_ASSOCIATION}
        courses.save(session, course, now, by, association=Association(**facts) if preview.canvas_course_id else None)
    change(session, delete(Preview).where(Preview.course_id == course.id))


def _leave(session: Session, found: Numbers, everybody: list[Someone], course: Course, to: Place | None) -> None:
    association = course.association
    if association is None or association.connection_id is None:
        return
    leaving = moves.leaving(session, association.connection_id, course.id, to)
    for group, ids in (
        (found.removed, leaving.removed),
        (found.stay, leaving.stay),
        (found.asked_there, leaving.asked),
    ):
        group += [one for one in everybody if one.participant_id in ids]
