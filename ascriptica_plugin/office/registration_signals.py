"""Sends the signals about registrations. What they say is looked up only if somebody receives them."""

from collections.abc import Collection

from blinker import NamedSignal
from sqlalchemy import select
from sqlalchemy.orm import Session

from .. import signals
from ..tables.office import Course, Participant, Registration

AT_ONCE = 10_000
"""How many registrations are looked up by one statement; a database limits the number of parameters."""


def announce(session: Session, signal: NamedSignal, course: Course, registrations: Collection[int]) -> None:
    """Send the signal about these registrations of the course once the transaction is committed."""
    if not signals.is_awaited(signal):
        return
    ids = sorted(registrations)
    for start in range(0, len(ids), AT_ONCE):
        found = session.execute(
            select(Registration.id, Registration.status, Participant.key, Participant.email)
            .join(Participant)
            .where(Registration.id.in_(ids[start : start + AT_ONCE]))
            .order_by(Registration.id)
        )
        for registration_id, status, key, email in found:
            more = {"status": status} if signal is signals.registered else {}
            about = {"key": key, "email": email, "course": course.code, "registration_id": registration_id}
            signals.later(session, signal, **about, **more)
