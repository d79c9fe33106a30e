"""Rows of participants, by the same rules as the page Participants."""

from dataclasses import dataclass
from typing import Any

from ...ledger import activity
from ...shared.language import t
from ...shared.said import Said, change_of
from ...tables import locks
from ...tables.office import Participant
from .. import emails, names, people, sis_ids
from ..places import NotPossible
from .file import Row
from .kind import Kind, the_one


@dataclass
class Decided:
    """What a row is about: the `participant`, and whether it makes them, or changes these facts of theirs.

    `left_out` is a SIS ID that can't be theirs, and `remark` says why.
    """

    participant: Participant
    outcome: str
    facts: dict[str, Any]
    left_out: str | None = None
    remark: str | None = None


class Participants(Kind):
    """Rows of participants: makes those whose email is new, and changes the others."""

    about = ("email",)
    given: dict[str, Row]
    """For each SIS ID, the row of this import that got it."""

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
        self.correcting: list[Decided] = []

    def take(self, row: Row) -> str:
        decided = self.decide_on(row)
        self.keep(row, decided)
        return decided.outcome

    def decide_on(self, row: Row) -> Decided:
        """What the row says about a person. Nothing is written before `keep`."""
        participant = the_one(self.found.get(emails.as_compared(row.cells["email"]), []))
        name, sis_user_id = row.cells.get("name", ""), sis_ids.read_sis_user_id(row.cells.get("sis_user_id", ""))
        if names.may_be_two(name) and not (participant and names.same_name(participant.name, name)):
            raise NotPossible(t(names.MAY_BE_TWO))
        facts: dict[str, Any] = {"name": names.read_listed_name(name)} if name else {}
        remark = self._left_out(row, participant, sis_user_id)
        if participant is None:
            new = self._new(row.cells["email"], facts)
            new.sis_user_id, new.sis_user_id_refused = (None, sis_user_id) if remark else (sis_user_id, None)
            return Decided(new, "made", {}, remark=remark)
        if name and not self.rename and names.is_named(participant):
            names.check_name(participant, facts.pop("name"), self.how_to_rename)
        facts |= {"sis_user_id": sis_user_id} if sis_user_id and not remark else {}
        facts = {fact: value for fact, value in facts.items() if getattr(participant, fact) != value}
        left_out = sis_user_id if remark and participant.sis_user_id_refused != sis_user_id else None
        return Decided(participant, "changed" if facts or left_out else "unchanged", facts, left_out, remark)

    def keep(self, row: Row, decided: Decided) -> None:
        """Remember what was decided on the row, for `write` to do."""
        if decided.remark:
            self.remarks.append((row.line, decided.remark))
        if sis_user_id := sis_ids.read_sis_user_id(row.cells.get("sis_user_id", "")):
            self.given.setdefault(sis_user_id, row)
        if decided.outcome == "made":
            self.made.append(decided.participant)
        elif decided.outcome == "changed":
            self.correcting.append(decided)
            self._note_difference(row, decided)

    def _note_difference(self, row: Row, decided: Decided) -> None:
        changes = [change_of(fact, getattr(decided.participant, fact), now) for fact, now in decided.facts.items()]
        if changes:
            self.differences[row.line] = Said("changes", changes=changes)

    def again(self, row: Row, before: Row) -> str:
        name, other = row.cells.get("name", ""), before.cells.get("name", "")
        if name and other and not names.same_name(name, other):
            raise NotPossible(
                t(
                    "Line {line} has other values for the same email: a name. {hint}",
                    line=before.line,
                    hint=t(names.EACH_THEIR_OWN),
                )
            )
        return super().again(row, before)

    def _left_out(self, row: Row, participant: Participant | None, sis_user_id: str | None) -> str | None:
        """Why the row's SIS ID can't be this participant's, if it can't."""
        if sis_user_id is None or (participant and participant.sis_user_id == sis_user_id):
            return None
        others = [one for one in self.with_sis_id.get(sis_user_id, []) if one is not participant]
        before = self.given.get(sis_user_id, row)
        if others:
            reason = sis_ids.sentence(sis_user_id, others[0])
        elif self.key(before) != self.key(row):
            reason = t("Line {line} has the SIS ID {sis_user_id} too.", line=before.line, sis_user_id=sis_user_id)
        elif participant and participant.sis_user_id_refused == sis_user_id and participant.sis_user_id_decided:
            reason = t(
                "An administrator has decided that the SIS ID {sis_user_id} is not theirs.", sis_user_id=sis_user_id
            )
        else:
            return None
        return t("Imported without the SIS ID. {reason}", reason=reason)

    def _new(self, email: str, facts: dict[str, Any]) -> Participant:
        if emails.as_compared(email) in self.leaving:
            # The file may be older than the request to erase.
            raise NotPossible(t("Somebody with this email is being erased. Send this row again when that is done."))
        email = emails.read_email(email)
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
