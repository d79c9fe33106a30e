"""Sends the signals about access in Canvas. What they say is looked up only if somebody receives them."""

from collections import Counter
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from .. import signals
from ..ledger.causes import NOBODY_ACTS
from ..ledger.work import Work
from ..tables.ledger import Claim, Seat
from ..tables.office import Course, Participant, Registration


class Change(NamedTuple):
    """What became of a seat: `enrolled`, `removed`, or `waiting` for a cause."""

    work: Work
    access: str
    cause: str | None = None
    scope: str = ""


def announce(session: Session, changes: list[Change]) -> None:
    """Send the signals about these seats once the transaction is committed."""
    if not changes or not signals.is_awaited(signals.access_changed, signals.attention_needed):
        return
    if signals.is_awaited(signals.access_changed):
        _announce_access(session, {change.work.seat_id: change for change in changes})
    waiting = Counter((one.cause, one.scope) for one in changes if one.cause and one.cause not in NOBODY_ACTS)
    for (cause, scope), people in waiting.items():
        signals.later(session, signals.attention_needed, cause=cause, scope=scope, people=people)


def announce_hold(session: Session, cause: str) -> None:
    """Send the signal that all calls wait for an administrator. A cause that needs none sends nothing."""
    if cause not in NOBODY_ACTS:
        signals.later(session, signals.attention_needed, cause=cause, scope="", people=None)


def _announce_access(session: Session, changes: dict[int, Change]) -> None:
    found = session.execute(
        select(Seat.id, Seat.canvas_course_id, Participant.key, Participant.email)
        .join(Participant, Participant.id == Seat.participant_id)
        .where(Seat.id.in_(changes))
    ).all()
    codes: dict[int, list[str]] = {}
    of_seats = (
        select(Claim.seat_id, Course.code)
        .join(Registration, Registration.id == Claim.registration_id)
        .join(Course, Course.id == Registration.course_id)
        .where(Claim.seat_id.in_(changes))
        .distinct()
        .order_by(Course.code)
    )
    for seat_id, code in session.execute(of_seats):
        codes.setdefault(seat_id, []).append(code)
    for seat_id, canvas_course_id, key, email in found:
        change = changes[seat_id]
        signals.later(
            session,
            signals.access_changed,
            key=key,
            email=email,
            courses=codes.get(seat_id, []),
            canvas_course_id=canvas_course_id,
            access=change.access,
            cause=change.cause,
        )
