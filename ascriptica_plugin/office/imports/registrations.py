"""Rows of registrations, by the same rules as registering on a page."""

from sqlalchemy.orm import Session

from ...shared.language import mark, t
from ...shared.said import Said
from ...tables import locks
from ...tables.office import Participant
from .. import courses, people, plan
from ..places import NotPossible
from ..plan import Plan
from .file import Row
from .kind import Kind, Now, the_one


class Registrations(Kind):
    about = ("email", mark("course"))

    def __init__(self, session: Session, now: Now, by: str, dry_run: bool, rename: bool = False) -> None:
        super().__init__(session, now, by, dry_run, rename)
        self.plans: dict[int, Plan] = {}

    def in_order(self, rows: list[Row]) -> list[Row]:
        """Withdrawals first, so that their places are free; then by course, so that few are locked at a time."""
        return sorted(rows, key=lambda row: (_status(row) != "withdrawn", row.cells.get("course", "").lower()))

    def look_up(self, rows: list[Row]) -> None:
        self.courses = courses.by_code(self.session, [row.cells["course"] for row in rows], lock=not self.dry_run)
        self.people = people.by_email(self.session, [row.cells["email"] for row in rows])
        how = {"in_bulk": True, "notify": self.notify}
        now_there = plan.begin(self.session, self.courses.values(), self.now, self.by, Said("by_import"), **how)
        # A dry run keeps its plans, since nothing is written elsewhere.
        self.plans = now_there | self.plans if self.dry_run else now_there
        participants = [one for found in self.people.values() for one in found]
        if not self.dry_run:
            locks.lock_seats_of(self.session, [one.id for one in participants])
        self.gave_back: set[Plan] = set()
        plan.look_up(self.session, [self.plans[course_id] for course_id in now_there], participants)

    def take(self, row: Row) -> str:
        status = _status(row)
        if status not in ("registered", "withdrawn"):
            raise NotPossible(t("The status has to be registered or withdrawn."))
        course = self.courses.get(row.cells["course"].lower())
        if course is None:
            raise NotPossible(t("There is no course with this code."))
        participant = the_one(self.people.get(people.as_compared(row.cells["email"]), []))
        if participant is None:
            raise NotPossible(t("There is no participant with this email. Import participants first."))
        its = self.plans[course.id]
        return self._withdraw(its, participant) if status == "withdrawn" else self._register(its, participant)

    def _withdraw(self, its: Plan, participant: Participant) -> str:
        status = its.status(participant)
        if status is None:
            return "unchanged"
        self.brake(its.course, status == "registered")
        its.withdraw(participant)
        self.gave_back.add(its)
        return "changed"

    def _register(self, its: Plan, participant: Participant) -> str:
        its.move_up()
        status = its.status(participant)
        if status == "waitlisted":
            raise NotPossible(t("This person is on the waitlist of {course}.", course=its.course.title))
        if status is not None:
            return "unchanged"
        its.register(participant, wait=False)
        return "made"

    def decide(self, batch: list[Row]) -> list[tuple[Row, str | NotPossible]]:
        outcomes = super().decide(batch)
        for its in self.gave_back:
            its.move_up()
        return outcomes

    def write(self) -> None:
        for its in self.plans.values():
            its.write()


def _status(row: Row) -> str:
    return row.cells.get("status", "").lower()
