"""Undoes an administrator's own last act on one person, as long as nothing else has happened to that person since.

How long participants may undo their own withdrawal is `pauses.WITHDRAWAL_UNDONE`. Never commits.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from ..ledger import activity
from ..shared.language import t
from ..shared.said import Said
from ..tables import locks
from ..tables.office import LogEntry
from . import people, places, registrations, to_another_course
from .places import NotPossible

REGISTERED, LEFT = ("registered", "joined the waitlist"), ("withdrew", "left the waitlist")
MOVED, CORRECTED = "moved", "corrected"
UNDONE = {
    "registered": "undid_registered",
    "joined the waitlist": "undid_waiting",
    "withdrew": "undid_withdrawal",
    "left the waitlist": "undid_leaving",
    MOVED: "undid_move",
    CORRECTED: "undid_correction",
}
"""For each act, the code of the words that the activity log adds when it is undone."""


def last_act(session: Session, participant_id: int, by: str) -> LogEntry | None:
    """The last act on the participant, if this administrator did it and it can be undone.

    What Canvas has answered since doesn't count. A move up from the waitlist does: the person has got the place that
    they waited for.
    """
    by_people = or_(LogEntry.who != activity.US, LogEntry.what == "moved up")
    found = session.scalar(
        select(LogEntry)
        .where(LogEntry.participant_id == participant_id, by_people)
        .order_by(LogEntry.id.desc())
        .limit(1)
    )
    while found is not None and found.part_of is not None:
        # A move has two halves, both about the same person. Undoing a move is an act that contains another move.
        found = session.get(LogEntry, found.part_of)
    if found is None or found.who != by or found.participant_id != participant_id:
        return None
    is_correction = found.what == CORRECTED and Said.of(found.words).code == "changes"
    return found if found.what in (*REGISTERED, *LEFT, MOVED) or is_correction else None


def offered(session: Session, participant_id: int, by: str, now: datetime) -> LogEntry | None:
    """The last act, unless the course to which the person would return has ended, or their place there has gone."""
    act = last_act(session, participant_id, by)
    if act is None or act.what not in (*LEFT, MOVED):
        return act
    left = act if act.what in LEFT else _left(session, act)
    if left is None or left.course is None:
        return act
    is_full = left.what == "withdrew" and places.free(left.course) == 0
    return None if is_full or places.why_closed(left.course, now, to_the_office=True) else act


def undo(session: Session, act: LogEntry, now: datetime, by: str) -> None:
    """Undo the act, an entry of the activity log. Raises NotPossible, with a sentence."""
    participant, course = act.participant, act.course
    left = _left(session, act) if act.what == MOVED else None
    for one in sorted({one for one in (course, left and left.course) if one}, key=lambda one: one.id):
        locks.lock_course(session, one)
    if participant is None or last_act(session, participant.id, by) is not act:
        raise NotPossible(t("This can't be undone any more, because something else has happened in the meantime."))
    about = {"participant_id": act.participant_id, "course_id": act.course_id}
    act_id = activity.begin_act(session, now, by, "undid", Said(UNDONE[act.what]), **about)
    with activity.within(session, act_id):
        if course is None:
            people.correct(session, participant, now, by, **_before(act))
        elif left is not None and left.course is not None:
            waits = left.what == "left the waitlist"
            to_another_course.move_back(session, course, left.course, participant, now, by, waits=waits)
        elif act.what in REGISTERED:
            registrations.withdraw(session, course, participant, now, by, undoes=True)
        else:
            registrations.put_back(session, course, participant, now, by, waits=act.what == "left the waitlist")


def _left(session: Session, act: LogEntry) -> LogEntry | None:
    """The half of a move that says which course they left."""
    return session.scalar(select(LogEntry).where(LogEntry.part_of == act.id, LogEntry.what.in_(LEFT)).limit(1))


def _before(act: LogEntry) -> dict[str, Any]:
    """What the corrected facts were before, by name."""
    changes = Said.of(act.words).about["changes"]
    return {one.about["of"].code.removeprefix("of_"): one.about.get("before") for one in changes}
