"""What becomes of a course's registrations: decided person by person without writing, then written all at once.

Whoever registers, withdraws or moves up goes this way: one participant, a pasted list, a file of thousands. A dry run
decides the same and leaves the writing out. Never commits.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from .. import activity
from ..ledger import claims
from ..tables.office import Course, Participant, Registration
from . import places
from .places import NotPossible

FEW = 1000
"""So many registrations are claimed by their ids; of more, all that the course has are looked through."""


class Plan:
    """One course's registrations as they will be.

    Whoever is going to write it holds the lock on the course's row since before it was made. `by` is the email of
    whoever acts on behalf, None where people act for themselves; `words` go into the activity log.
    """

    def __init__(
        self, session: Session, course: Course, now: datetime, by: str | None = None, words: str = "", waiting: int = 0
    ):
        self.session, self.course, self.now, self.by, self.words = session, course, now, by, words
        self.taken, self.waiting = course.places_taken, waiting
        self._there: dict[int, Registration] = {}  # live in the database, by participant
        self._entering: dict[Participant, Registration] = {}
        self._moving: dict[int, Registration] = {}  # by their ids, as those who leave
        self._leaving: dict[int, Registration] = {}
        self._joined: list[Registration] = []  # of those who enter, who still waits
        self._moved_to = 0
        self._log: list[tuple[str | None, str, Registration]] = []

    def status(self, participant: Participant) -> str | None:
        """`registered`, `waitlisted`, or None where the participant is neither."""
        if participant in self._entering:
            return self._entering[participant].status
        there = self._there.get(participant.id)
        if there is None or there.id in self._leaving:
            return None
        return "registered" if there.id in self._moving else there.status

    def register(self, participant: Participant, *, wait: bool) -> Registration:
        """Register a participant who is not; where the course is full, or somebody waits, `wait` joins the waitlist.

        Raises NotPossible where registration is closed, or there is no place and no `wait`.
        """
        if reason := places.why_closed(self.course, self.now, to_the_office=self.by is not None):
            raise NotPossible(reason)
        # Whoever comes later stands behind those who wait, even where a place seems free.
        waits = places.free(self.course, self.taken) == 0 or self.waiting > 0
        if waits and not wait:
            raise NotPossible(f"{self.course.title} is full.")
        made = Registration(
            course=self.course,
            participant=participant,
            status="waitlisted" if waits else "registered",
            registered_at=self.now,
        )
        self._entering[participant] = made
        if waits:
            self._log.append((self.by, "joined the waitlist", made))
            self._joined.append(made)
            self.waiting += 1
            self.move_up()
        else:
            self._log.append((self.by, "registered", made))
            self.taken += 1
        return made

    def withdraw(self, participant: Participant) -> Registration:
        """Withdraw a participant who is registered or waits; nobody moves up yet."""
        there = self._there[participant.id]
        if self.status(participant) == "registered":
            self._log.append((self.by, "withdrew", there))
            self.taken -= 1
        else:
            self._log.append((self.by, "left the waitlist", there))
            self.waiting -= 1
        self._moving.pop(there.id, None)
        self._leaving[there.id] = there
        return there

    def move_up(self) -> int:
        """Give free places to those who wait, first come first served; answers how many moved up."""
        free = places.free(self.course, self.taken)
        number = self.waiting if free is None else min(free, self.waiting)
        if number == 0 or places.why_closed(self.course, self.now, to_the_office=True):
            return 0
        moving = self._first_in_line(number)
        for one in moving:
            if one.id is None:
                one.status = "registered"
            else:
                self._moving[one.id] = one
            self._log.append((activity.US, "moved up", one))
        self.taken += number
        self.waiting -= number
        return number

    def _first_in_line(self, number: int) -> list[Registration]:
        """So many of those who wait, taken out of the line; they wait in the order of their ids."""
        line = (
            select(Registration)
            .where(Registration.course_id == self.course.id, Registration.status == "waitlisted")
            .where(Registration.id > self._moved_to)
            .order_by(Registration.id)
            .limit(number + len(self._leaving))
            .execution_options(populate_existing=True)
        )
        first = [one for one in self.session.scalars(line) if one.id not in self._leaving][:number]
        if first:
            self._moved_to = first[-1].id
        rest = number - len(first)
        first, self._joined = first + self._joined[:rest], self._joined[rest:]
        return first

    def write(self) -> None:
        """Make it so: registrations, places, claims and the activity log, in as few statements as for one person."""
        gave_back = [one.id for one in self._leaving.values() if one.status == "registered"]
        for one in self._leaving.values():
            one.status, one.withdrawn_at = "withdrawn", self.now
        for one in self._moving.values():
            one.status = "registered"
        self.session.add_all(self._entering.values())
        self.course.places_taken = self.taken
        self.session.flush()
        if gave_back:
            claims.end_for(self.session, Registration.id.in_(gave_back), self.now)
        got_one = [*self._moving, *(one.id for one in self._entering.values() if one.status == "registered")]
        if got_one:
            # Looking through the whole course each time would take longer the more are in it.
            claims.claim(self.session, self.course.id, self.now, got_one if len(got_one) <= FEW else None)
        activity.write(
            self.session,
            [
                activity.entry(
                    self.now,
                    who or one.participant.email,
                    what,
                    "" if who == activity.US else self.words,
                    participant_id=one.participant_id,
                    course_id=one.course_id,
                )
                for who, what, one in self._log
            ],
        )


def begin(
    session: Session, courses: Collection[Course], now: datetime, by: str | None = None, words: str = ""
) -> dict[int, Plan]:
    """A plan for each course, under the course's id."""
    counts = dict(
        session.execute(
            select(Registration.course_id, func.count())
            .where(Registration.course_id.in_([course.id for course in courses]), Registration.status == "waitlisted")
            .group_by(Registration.course_id)
        ).all()
    )
    return {course.id: Plan(session, course, now, by, words, counts.get(course.id, 0)) for course in courses}


def look_up(session: Session, plans: Collection[Plan], participants: Collection[Participant]) -> None:
    """Find how these participants stand in the plans' courses; of nobody else can a plan tell the status then."""
    live = session.scalars(
        select(Registration)
        .where(
            Registration.course_id.in_([plan.course.id for plan in plans]),
            Registration.participant_id.in_([one.id for one in participants]),
            Registration.status != "withdrawn",
        )
        # What was read before the course's row was locked may have moved up since.
        .execution_options(populate_existing=True)
    )
    its = {plan.course.id: {} for plan in plans}
    for one in live:
        its[one.course_id][one.participant_id] = one
    for plan in plans:
        plan._there = its[plan.course.id]
