"""Rows of participants, by the same rules as the page Participants."""

from dataclasses import dataclass
from typing import Any

from ...shared.language import mark, t
from ...shared.said import Said
from ...tables import locks
from ...tables.office import Participant
from .. import activity, people, sis_ids
from ..places import NotPossible
from .file import Row
from .kind import Kind, the_one

HOW_TO_RENAME = mark("import it with “Rename people” (--rename)")


@dataclass
class _Change:
    """What a row changes about a participant; `left_out` is a SIS ID that can't be theirs."""

    participant: Participant
    facts: dict[str, Any]
    left_out: str | None


class Participants(Kind):
    about = ("email",)
    given: dict[str, Row]
    """By SIS ID, the row of this import that got it."""

    def look_up(self, rows: list[Row]) -> None:
        emails = [row.cells["email"] for row in rows]
        self.found = people.by_email(self.session, emails)
        if not self.dry_run:
            ids = [one.id for found in self.found.values() for one in found]
            locks.lock_participants(self.session, ids)
            locks.lock_seats_of(self.session, ids)
        self.leaving = people.being_erased(self.session, emails)
        brought = {row.cells["sis_user_id"] for row in rows if row.cells.get("sis_user_id")}
        self.with_sis_id = sis_ids.others_with(self.session, brought) if brought else {}
        self.given = getattr(self, "given", {})
        self.made: list[Participant] = []
        self.correcting: list[_Change] = []

    def take(self, row: Row) -> str:
        participant = the_one(self.found.get(people.as_compared(row.cells["email"]), []))
        name, sis_user_id = row.cells.get("name", ""), sis_ids.read_sis_user_id(row.cells.get("sis_user_id", ""))
        facts: dict[str, Any] = {"name": people.read_name(name)} if name else {}
        if participant is None:
            new = self._new(row.cells["email"], facts)
            left_out = self._left_out(row, None, sis_user_id)
            new.sis_user_id, new.sis_user_id_refused = (None, sis_user_id) if left_out else (sis_user_id, None)
            self.made.append(new)
            return "made"
        if name and not self.rename and people.is_named(participant):
            people.check_name(participant, facts.pop("name"), HOW_TO_RENAME)
        left_out = self._left_out(row, participant, sis_user_id)
        facts |= {"sis_user_id": sis_user_id} if sis_user_id and not left_out else {}
        facts = {fact: value for fact, value in facts.items() if getattr(participant, fact) != value}
        is_new = left_out and participant.sis_user_id_refused != sis_user_id
        if not facts and not is_new:
            return "unchanged"
        self.correcting.append(_Change(participant, facts, sis_user_id if is_new else None))
        return "changed"

    def again(self, row: Row, before: Row) -> str:
        name, other = row.cells.get("name", ""), before.cells.get("name", "")
        if name and other and not people.same_name(name, other):
            raise NotPossible(
                t(
                    "Line {line} has other values for the same email: a name. {hint}",
                    line=before.line,
                    hint=t(people.EACH_THEIR_OWN),
                )
            )
        return super().again(row, before)

    def _left_out(self, row: Row, participant: Participant | None, sis_user_id: str | None) -> bool:
        """Whether the row's SIS ID can't be this participant's; a remark says why."""
        if sis_user_id is None or (participant and participant.sis_user_id == sis_user_id):
            return False
        others = [one for one in self.with_sis_id.get(sis_user_id, []) if one is not participant]
        before = self.given.setdefault(sis_user_id, row)
        if others:
            reason = sis_ids.sentence(sis_user_id, others[0])
        elif self.key(before) != self.key(row):
            reason = t("Line {line} has the SIS ID {sis_user_id} too.", line=before.line, sis_user_id=sis_user_id)
        elif participant and participant.sis_user_id_refused == sis_user_id and participant.sis_user_id_decided:
            reason = t(
                "An administrator has decided that the SIS ID {sis_user_id} is not theirs.", sis_user_id=sis_user_id
            )
        else:
            return False
        self.remarks.append((row.line, t("Taken without the SIS ID. {reason}", reason=reason)))
        return True

    def _new(self, email: str, facts: dict[str, Any]) -> Participant:
        if people.as_compared(email) in self.leaving:
            # The file may be older than the request to erase.
            raise NotPossible(t("Somebody with this email is being erased. Send this row again when that is done."))
        email = people.read_email(email)
        if "name" not in facts:
            raise NotPossible(t("A new participant needs a name."))
        return Participant(email=email, **facts)

    def write(self) -> None:
        for one in self.correcting:
            people.correct(self.session, one.participant, self.now, self.by, **one.facts)
            if one.left_out:
                sis_ids.leave_out(one.participant, one.left_out)
        self.session.add_all(self.made)
        self.session.flush()
        added = [
            activity.entry(self.now, self.by, "added", Said("by_import"), participant_id=participant.id)
            for participant in self.made
        ]
        activity.write(self.session, added)
