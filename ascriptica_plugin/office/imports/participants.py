"""Rows of participants, by the same rules as the page Participants."""

from ...tables.office import Participant
from .. import activity, people, sis_ids
from ..places import NotPossible
from .file import Row
from .kind import Kind, the_one


class Participants(Kind):
    about = ("email",)

    def look_up(self, rows: list[Row]) -> None:
        emails = [row.cells["email"] for row in rows]
        self.found = people.by_email(self.session, emails)
        self.leaving = people.being_erased(self.session, emails)
        self.made: list[Participant] = []
        self.correcting: list[tuple[Participant, dict[str, str | None]]] = []

    def take(self, row: Row) -> str:
        participant = the_one(self.found.get(people.as_compared(row.cells["email"]), []))
        name, sis_user_id = row.cells.get("name", ""), row.cells.get("sis_user_id", "")
        facts: dict[str, str | None] = {"name": people.read_name(name)} if name else {}
        facts |= {"sis_user_id": sis_ids.read_sis_user_id(sis_user_id)} if sis_user_id else {}
        if participant is None:
            self.made.append(self._new(row.cells["email"], facts))
            return "made"
        if all(getattr(participant, fact) == value for fact, value in facts.items()):
            return "unchanged"
        self.correcting.append((participant, facts))
        return "changed"

    def _new(self, email: str, facts: dict[str, str | None]) -> Participant:
        if people.as_compared(email) in self.leaving:
            # The file may be older than the request to erase.
            raise NotPossible("Somebody with this email is being erased. Send this row again when that is done.")
        email = people.read_email(email)
        if "name" not in facts:
            raise NotPossible("A new participant needs a name.")
        return Participant(email=email, **facts)

    def write(self) -> None:
        for participant, facts in self.correcting:
            people.correct(self.session, participant, self.now, self.by, **facts)
        self.session.add_all(self.made)
        self.session.flush()
        added = [
            activity.entry(self.now, self.by, "added", "by import", participant_id=participant.id)
            for participant in self.made
        ]
        activity.write(self.session, added)
