"""What a host tells us of its people: that one has changed, that one is gone. Never commits.

The host's own code calls these in its own transaction, with its own session. Who is meant is said by the host's key.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from .. import clock
from ..tables.columns import begin_writing
from ..tables.office import Participant
from . import people, privacy
from .people import Person

BY_HOST = "the host"
"""Who did it, in the activity log."""


def update_person(session: Session, person: Person, now: datetime | None = None) -> bool:
    """The person's email, name or SIS ID has changed at the host: Canvas follows, as when the office corrects them.

    A `sis_user_id` of None keeps ours. Returns whether anything changed here: nothing does for somebody who never
    registered. Raises ValueError, with a sentence, where email or name can't be one.
    """
    participant = _with_key(session, person.key)
    if participant is None:
        return False
    facts: dict[str, str | None] = {"email": people.read_email(person.email), "name": people.read_name(person.name)}
    if person.sis_user_id is not None:
        facts["sis_user_id"] = people.read_sis_user_id(person.sis_user_id)
    return people.correct(session, participant, now or clock.utc_now(), BY_HOST, **facts)


def erase_person(session: Session, key: str, now: datetime | None = None, *, end_access: bool = True) -> bool:
    """The host forgets this person: withdraw them, end their access to Canvas, and erase them here.

    The worker erases them as soon as Canvas agrees. Without `end_access` their enrollments stay in Canvas, and nothing
    waits for it. `forget_person` is not called: the host knows. Returns whether somebody has this key.
    """
    participant = _with_key(session, key)
    if participant is None:
        return False
    privacy.ask_to_erase(session, participant, now or clock.utc_now(), BY_HOST, end_access=end_access)
    return True


def _with_key(session: Session, key: str) -> Participant | None:
    begin_writing(session)
    return session.scalar(select(Participant).where(Participant.key == key))
