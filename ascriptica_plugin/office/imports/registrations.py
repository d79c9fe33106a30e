"""Rows of registrations, by the same rules as registering on a page; new people as in a file of participants."""

from dataclasses import replace

from sqlalchemy.orm import Session

from ...shared.language import mark, t
from ...shared.said import Said
from ...tables.office import Participant
from .. import courses, emails, plan
from ..places import NotPossible
from ..plan import Plan
from .file import Row
from .header import COLUMNS
from .kind import WITH_PERSON, WITHDRAWN, Kind, Now
from .participants import Decided, Participants


class Registrations(Kind):
    """Rows of registrations: registers or withdraws, by the same plans as the pages; makes people who are new."""

    about = ("email", mark("course"))

    def __init__(self, session: Session, now: Now, by: str, dry_run: bool, rename: bool = False) -> None:
        super().__init__(session, now, by, dry_run, rename)
        self.plans: dict[int, Plan] = {}
        self.participants = Participants(session, now, by, dry_run, rename)
        self.decided: dict[str, tuple[Row, Decided]] = {}

    def in_order(self, rows: list[Row]) -> list[Row]:
        """Withdrawals first, so that their places are free; then by course, so that few are locked at a time."""
        return sorted(rows, key=lambda row: (_status(row) != "withdrawn", row.cells.get("course", "").lower()))

    def look_up(self, rows: list[Row]) -> None:
        self.courses = courses.by_code(self.session, [row.cells["course"] for row in rows], lock=not self.dry_run)
        how = {"in_bulk": True, "notify": self.notify}
        now_there = plan.begin(self.session, self.courses.values(), self.now, self.by, Said("by_import"), **how)
        # A dry run keeps its plans, since nothing is written elsewhere.
        self.plans = now_there | self.plans if self.dry_run else now_there
        its = self.participants
        its.now, its.remarks, its.differences = self.now, self.remarks, self.differences
        its.how_to_rename = self.how_to_rename
        self.participants.look_up(rows)
        # New people of earlier batches are in the database, unless it is a dry run.
        self.decided = {email: it for email, it in self.decided.items() if self.dry_run and it[1].outcome == "made"}
        self.gave_back: set[Plan] = set()
        known = [one for found in self.participants.found.values() for one in found]
        plan.look_up(self.session, [self.plans[course_id] for course_id in now_there], known)

    def take(self, row: Row) -> str:
        status = _status(row)
        if status not in ("registered", "withdrawn"):
            raise NotPossible(t("The status has to be registered or withdrawn."))
        course = self.courses.get(row.cells["course"].lower())
        if course is None:
            raise NotPossible(t("There is no course with this code."))
        person = _about_the_person(row)
        decided = self._decided_on(person, status)
        act = self._withdraw if status == "withdrawn" else self._register
        outcome = act(self.plans[course.id], decided.participant)
        # Only now, because a row that is refused must not change anybody.
        if len(person.cells) > 1:
            self.decided.setdefault(emails.as_compared(row.cells["email"]), (person, decided))
        self.participants.keep(person, decided)
        if decided.outcome == "made":
            return WITH_PERSON
        return decided.outcome if outcome == "unchanged" else outcome

    def _decided_on(self, row: Row, status: str) -> Decided:
        """What the row says about its person. Other rows of the same person may only repeat that, or leave it out."""
        email = row.cells["email"]
        if before := self.decided.get(emails.as_compared(email)):
            self.participants.again(row, before[0])
            return replace(before[1], outcome="unchanged", remark=None)
        if emails.as_compared(email) not in self.participants.found:
            emails.read_email(email)
            if status == "withdrawn":
                raise NotPossible(t("There is no participant with this email."))
            if "name" not in row.cells:
                unknown = t("There is no participant with this email. Write their name beside it, and they are added.")
                raise NotPossible(unknown)
        return self.participants.decide_on(row)

    def _withdraw(self, its: Plan, participant: Participant) -> str:
        status = its.status(participant)
        if status is None:
            return "unchanged"
        self.brake(its.course, status == "registered")
        its.withdraw(participant)
        self.gave_back.add(its)
        return WITHDRAWN

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
        self.participants.write()
        for its in self.plans.values():
            its.write()


def _about_the_person(row: Row) -> Row:
    """What the row says about its person: the email, and the name and SIS ID if they are not blank."""
    filled = {name: cell for name in COLUMNS["participants"] if (cell := row.cells.get(name))}
    return Row(row.line, {"email": "", **filled})


def _status(row: Row) -> str:
    return row.cells.get("status", "").lower()
