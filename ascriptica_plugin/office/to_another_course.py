"""Moving one participant to another course, and undoing it. One transaction does both halves. Never commits."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from ..ledger import activity
from ..shared.language import t
from ..shared.said import Said
from ..tables import locks
from ..tables.office import Course, Participant, Registration
from . import mails_to_participants, plan, waitlist
from .people import Person, participant_for
from .places import NotPossible
from .plan import Plan
from .registrations import latest, not_registered, refuse_twice


def move(
    session: Session, here: Course, there: Course, who: Person | Participant, now: datetime, by: str | None = None
) -> Registration:
    """Withdraw somebody from the course `here`, or its waitlist, and register them `there`: both or neither.

    In Canvas they get into the new course before they leave the old one. Raises NotPossible if they are not registered
    `here`, or the other course has no place for them.
    """
    its = _begin_move(session, here, there, who, now, by)
    its.entering.register(its.participant, wait=False)
    made = its.write(session)
    if by is not None:
        mails_to_participants.queue_moved(session, made, here, now)
    return made


def move_back(
    session: Session, there: Course, here: Course, participant: Participant, now: datetime, by: str, *, waits: bool
) -> Registration:
    """Undo the office's move: the same registration `here` gets its place back.

    If somebody else has the place or waits for one, it gets its position on the waitlist with `waits`, and otherwise
    this raises NotPossible.
    """
    its = _begin_move(session, there, here, participant, now, by)
    left = latest(session, here, participant)
    if left is None or participant.erase_at or participant.erased_at:
        raise NotPossible(t("{name} is being erased.", name=participant.name))
    its.entering.take_back(left, waits=waits)
    moved = its.leaving.registration_of(participant)
    its.write(session)
    if not mails_to_participants.take_back(session, "moved", moved):
        mails_to_participants.queue_moved(session, left, there, now)
    return left


@dataclass(frozen=True)
class _Move:
    """A move of one participant that has begun: the plan of the course they leave, and that of the one they enter."""

    participant: Participant
    leaving: Plan
    entering: Plan

    def write(self, session: Session) -> Registration:
        """Write both plans as one act. The first person who waits for the free place moves up."""
        here, there, now, by = self.leaving.course, self.entering.course, self.leaving.now, self.leaving.by
        self.leaving.withdraw(self.participant, moves=True)
        act_id = activity.begin_act(
            session,
            now,
            by or self.participant.email,
            "moved",
            Said("moved_from", course=here.title, course_code=here.code),
            participant_id=self.participant.id,
            course_id=there.id,
        )
        with activity.within(session, act_id):
            self.entering.write()
            self.leaving.write()
        waitlist.move_up(session, here, now)
        return self.entering.registration_of(self.participant)


def _begin_move(
    session: Session, here: Course, there: Course, who: Person | Participant, now: datetime, by: str | None
) -> _Move:
    for one in sorted((here, there), key=lambda course: course.id):
        locks.lock_course(session, one)
    participant = who if isinstance(who, Participant) else participant_for(session, who)
    plans = plan.begin(session, [here, there], now, by)
    plan.look_up(session, plans.values(), [participant])
    its = _Move(participant, plans[here.id], plans[there.id])
    if its.leaving.status(participant) is None:
        raise not_registered(participant, here, by)
    refuse_twice(its.entering, participant)
    return its
