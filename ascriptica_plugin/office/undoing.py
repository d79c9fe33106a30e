"""Undo: an administrator's own last act on one person, as long as nothing else happened to that person since.

Never commits.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from ..shared.said import Said
from ..tables import locks
from ..tables.office import LogEntry
from . import activity, people, registrations
from .places import NotPossible

REGISTERED, LEFT, CORRECTED = ("registered", "joined the waitlist"), ("withdrew", "left the waitlist"), "corrected"


def last_act(session: Session, participant_id: int, by: str) -> LogEntry | None:
    """The last that happened to the participant, if this administrator did it and it can be undone.

    What Canvas answered since doesn't count, but somebody who moved up has got what they waited for.
    """
    by_people = or_(LogEntry.who != activity.US, LogEntry.what == "moved up")
    found = session.scalar(
        select(LogEntry)
        .where(LogEntry.participant_id == participant_id, by_people)
        .order_by(LogEntry.id.desc())
        .limit(1)
    )
    if found is None or found.who != by or found.part_of is not None:
        return None
    is_correction = found.what == CORRECTED and Said.of(found.words).code == "changes"
    return found if found.what in REGISTERED + LEFT or is_correction else None


def undo(session: Session, act: LogEntry, now: datetime, by: str) -> None:
    """Undo the act, an entry of the activity log. Raises NotPossible, with a sentence."""
    participant, course = act.participant, act.course
    if course is not None:
        locks.lock_course(session, course)
    if participant is None or last_act(session, participant.id, by) is not act:
        raise NotPossible("This can't be undone any more, since something else has happened since.")
    if course is None:
        people.correct(session, participant, now, by, **_before(act))
    elif act.what in REGISTERED:
        registrations.withdraw(session, course, participant, now, by)
    else:
        registrations.put_back(session, course, participant, now, by, waits=act.what == "left the waitlist")
    activity.note(session, now, by, "undid", participant_id=act.participant_id, course_id=act.course_id)


def _before(act: LogEntry) -> dict[str, Any]:
    """What the corrected facts were before, by name."""
    changes = Said.of(act.words).about["changes"]
    return {one.about["of"].code.removeprefix("of_"): one.about.get("before") for one in changes}
