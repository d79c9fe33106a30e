"""Changes to a course's registrations: decided person by person without writing, then written all at once.

One participant, a pasted list and a file of thousands are all handled this way. A dry run makes the same decisions and
writes nothing. Never commits.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from .. import signals
from ..ledger import activity, claims
from ..shared import pauses
from ..shared.language import t
from ..shared.said import Said
from ..tables.office import Course, Participant, Registration
from . import mails_to_participants, places
from .places import NotPossible
from .registration_signals import announce

FEW = 1000
"""Up to this many registrations are claimed by their ids; for more, the whole course is read."""


class Plan:
    """One course's registrations as they will be.

    To write it, lock the course's row before the plan is made (`begin`). `by` is the email of the administrator who
    acts, None if people act for themselves; `words` go into the activity log. `in_bulk`: the plan is part of something
    larger, so people who act on their own come first in Canvas. `notify`: whether those whom it registers or withdraws
    are mailed about it; if it is None, they are mailed unless the plan is `in_bulk`.
    """

    def __init__(
        self,
        session: Session,
        course: Course,
        now: datetime,
        by: str | None = None,
        words: Said | None = None,
        waiting: int = 0,
        *,
        in_bulk: bool = False,
        notify: bool | None = None,
    ):
        self.session, self.course, self.now, self.by, self.words = session, course, now, by, words
        self.in_bulk, self.notify = in_bulk, not in_bulk if notify is None else notify
        self.taken, self.waiting = course.places_taken, waiting
        self._there: dict[int, Registration] = {}  # by participant, as the database has them
        self._entering: dict[int | Participant, str] = {}  # the new ones, with their status
        self._joined: list[int | Participant] = []  # the new ones who wait, in order
        self._leaving: set[int] = set()  # registrations
        self._for_another_course: set[int] = set()  # those of them that move to another course
        self._returning: dict[Registration, str] = {}
        self._moving: set[int] = set()
        self._moved_to = 0
        self._log: list[tuple[str, str, int | Participant]] = []

    def status(self, participant: Participant) -> str | None:
        """`registered`, `waitlisted`, or None if the participant is neither."""
        if status := self._entering.get(_known(participant)):
            return status
        there = self._there.get(participant.id)
        if there is None or there.id in self._leaving:
            return None
        return "registered" if there.id in self._moving else there.status

    def register(self, participant: Participant, *, wait: bool) -> None:
        """Register a participant who isn't registered yet. With `wait`, they join the waitlist if there is no place.

        There is no place if the course is full or others wait. Raises NotPossible if registration is closed, or if
        there is no place and no `wait`.
        """
        if reason := places.why_closed(self.course, self.now, to_the_office=self.by is not None):
            raise NotPossible(reason)
        # Newcomers queue behind those who wait, even if a place seems free.
        waits = places.free(self.course, self.taken) == 0 or self.waiting > 0
        if waits and not wait:
            raise NotPossible(t("{course} is full.", course=self.course.title))
        who = _known(participant)
        self._entering[who] = "waitlisted" if waits else "registered"
        self._log.append((self.by or participant.email, "joined the waitlist" if waits else "registered", who))
        if waits:
            self._joined.append(who)
            self.waiting += 1
            self.move_up()
        else:
            self.taken += 1

    def withdraw(self, participant: Participant, *, moves: bool = False) -> None:
        """Withdraw a participant who was looked up and is registered or waits. Nobody moves up yet.

        `moves`: they get a place in another course, and are mailed about that.
        """
        had_place = self.status(participant) == "registered"
        left = self._there[participant.id].id
        self._leaving.add(left)
        if moves:
            self._for_another_course.add(left)
        self._log.append(
            (self.by or participant.email, "withdrew" if had_place else "left the waitlist", participant.id)
        )
        if had_place:
            self.taken -= 1
        else:
            self.waiting -= 1

    def take_back(self, left: Registration, *, waits: bool = False) -> None:
        """Give a withdrawn registration its place again or, with `waits`, its position on the waitlist if that is gone.

        Raises NotPossible if the place is gone and it doesn't wait, and if the course is cancelled or has ended.
        """
        if reason := places.why_closed(self.course, self.now, to_the_office=True):
            raise NotPossible(reason)
        is_full = places.free(self.course, self.taken) == 0 or self.waiting > 0
        if is_full and not waits:
            if self.by:
                name, course = left.participant.name, self.course.title
                raise NotPossible(
                    t("The place of {name} in {course} has gone to somebody else.", name=name, course=course)
                )
            raise NotPossible(t("Your place in {course} has gone to somebody else.", course=self.course.title))
        self._returning[left] = "waitlisted" if is_full else "registered"
        who, what = (self.by, "put back") if self.by else (left.participant.email, "took the withdrawal back")
        self._log.append((who, what, left.participant_id))
        if is_full:
            self.waiting += 1
        else:
            self.taken += 1

    def move_up(self) -> int:
        """Give free places to those who wait, first come first served. Returns how many moved up."""
        free = places.free(self.course, self.taken)
        number = self.waiting if free is None else min(free, self.waiting)
        if number == 0 or places.why_closed(self.course, self.now, to_the_office=True):
            return 0
        # They wait in the order of their ids.
        line = (
            select(Registration.id, Registration.participant_id)
            .where(Registration.course_id == self.course.id, Registration.status == "waitlisted")
            .where(Registration.id > self._moved_to)
            .order_by(Registration.id)
            .limit(number + len(self._leaving))
        )
        first = [one for one in self.session.execute(line) if one.id not in self._leaving][:number]
        if first:
            self._moved_to = first[-1].id
        rest = number - len(first)
        joined, self._joined = self._joined[:rest], self._joined[rest:]
        self._moving |= {one.id for one in first}
        self._entering |= dict.fromkeys(joined, "registered")
        self._log += [(activity.US, "moved up", who) for who in [*(one.participant_id for one in first), *joined]]
        self.taken += number
        self.waiting -= number
        return number

    def write(self) -> None:
        """Write registrations, places, claims and the activity log. Call it once, after one `look_up`."""
        leaving = [one for one in self._there.values() if one.id in self._leaving]
        gave_back = [one.id for one in leaving if one.status == "registered"]
        for one in leaving:
            if one.status == "registered" and self.by is None:
                one.undo_until_at = self.now + pauses.WITHDRAWAL_UNDONE
            one.status, one.withdrawn_at = "withdrawn", self.now
            if self.in_bulk and self.notify:
                # They were brought in without a mail, and this time mails are wanted.
                one.notify = True
        for one, status in self._returning.items():
            one.status, one.withdrawn_at, one.undo_until_at = status, None, None
        made = [self._made(who, status) for who, status in self._entering.items()]
        self.session.add_all(made)
        self.course.places_taken = self.taken
        self.session.flush()
        self._there |= {one.participant_id: one for one in [*made, *self._returning]}
        if self._moving:
            self.session.execute(
                update(Registration)
                .where(Registration.course_id == self.course.id, Registration.status == "waitlisted")
                .where(Registration.id <= self._moved_to)
                .values(status="registered")
                .execution_options(synchronize_session="fetch")
            )
        if gave_back:
            claims.end_for(self.session, Registration.id.in_(gave_back), self.now, in_bulk=self.in_bulk)
        entered = [*made, *self._returning]
        got_one = [*self._moving, *(one.id for one in entered if one.status == "registered")]
        if got_one:
            # Reading the whole course each time would take longer the more people are in it.
            some = got_one if len(got_one) <= FEW else None
            claims.claim(self.session, self.course.id, self.now, some, in_bulk=self.in_bulk)
        self._write_log()
        announce(self.session, signals.registered, self.course, [one.id for one in made])
        announce(self.session, signals.moved_up, self.course, self._moving)
        mails_to_participants.queue(self.session, "moved_up", self._moving, self.now)
        if self.by is not None and self.notify:
            removed = [one.id for one in leaving if one.id not in self._for_another_course]
            mails_to_participants.queue(self.session, "removed", removed, self.now)
        announce(self.session, signals.withdrawn, self.course, [one.id for one in leaving])

    def _write_log(self) -> None:
        """Write one entry for each person. What somebody did to several people is one act."""
        acts: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for who, what, whom in self._log:
            acts.setdefault((who, what), []).append(self._entry(who, what, whom))
        for (who, what), entries in acts.items():
            if len(entries) == 1 or activity.is_within(self.session):
                activity.write(self.session, entries)
                continue
            act_id = activity.begin_act(self.session, self.now, who, what, course_id=self.course.id)
            with activity.within(self.session, act_id):
                activity.write(self.session, entries)

    def registration_of(self, participant: Participant) -> Registration:
        """The written registration of a participant who was looked up or newly registered."""
        return self._there[participant.id]

    def _made(self, who: int | Participant, status: str) -> Registration:
        whose = {"participant_id": who} if isinstance(who, int) else {"participant": who}
        return Registration(
            course_id=self.course.id, status=status, registered_at=self.now, notify=self.notify, **whose
        )

    def _entry(self, who: str, what: str, whom: int | Participant) -> dict[str, Any]:
        words = None if who == activity.US else self.words
        participant_id = whom if isinstance(whom, int) else whom.id
        return activity.entry(self.now, who, what, words, participant_id=participant_id, course_id=self.course.id)


def _known(participant: Participant) -> int | Participant:
    """The key of a participant in a plan: the id, or the object itself if it has no id yet."""
    return participant if participant.id is None else participant.id


def begin(
    session: Session,
    courses: Collection[Course],
    now: datetime,
    by: str | None = None,
    words: Said | None = None,
    *,
    in_bulk: bool = False,
    notify: bool | None = None,
) -> dict[int, Plan]:
    """A plan for each course, by the course's id."""
    counts = dict(
        session.execute(
            select(Registration.course_id, func.count())
            .where(Registration.course_id.in_([course.id for course in courses]), Registration.status == "waitlisted")
            .group_by(Registration.course_id)
        ).all()
    )
    return {
        course.id: Plan(session, course, now, by, words, counts.get(course.id, 0), in_bulk=in_bulk, notify=notify)
        for course in courses
    }


def look_up(session: Session, plans: Collection[Plan], participants: Collection[Participant]) -> None:
    """Read the participants' registrations in the plans' courses. A plan knows only those looked up last."""
    live = session.scalars(
        select(Registration)
        .where(
            Registration.course_id.in_([plan.course.id for plan in plans]),
            Registration.participant_id.in_([one.id for one in participants]),
            Registration.status != "withdrawn",
        )
        # Somebody read before the course's row was locked may have moved up since.
        .execution_options(populate_existing=True)
    )
    its: dict[int, dict[int, Registration]] = {plan.course.id: {} for plan in plans}
    for one in live:
        its[one.course_id][one.participant_id] = one
    for plan in plans:
        plan._there = its[plan.course.id]
