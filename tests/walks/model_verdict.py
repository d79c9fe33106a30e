"""What must hold once a history has come to rest: nobody lost, nobody wrong, nobody put out who was not ours, no page
untrue."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from ascriptica_plugin.ledger import access
from ascriptica_plugin.ledger.access import Access
from ascriptica_plugin.ledger.causes import CAUSES
from ascriptica_plugin.tables.ledger import CanvasRow, Claim, Match, Seat
from ascriptica_plugin.tables.office import Participant, Registration
from ascriptica_plugin.tables.requests import Request

from .model_canvas import ModelCanvas, Row

UNEXPLAINED = {
    "no_answer",
    "refused",
    "our_fault",
    "canvas_restored",
    "permission_missing",
    "canvas_down",
    "throttled",
    "token_dead",
    "no_account",
    "sign_in_missing",
    "root_id_wrong",
}
"""Causes that nothing in a calm Canvas can have."""


class Verdict:
    """`wrong` has a line for everything that does not hold."""

    def __init__(self, session: Session, connection_id: int, canvas: ModelCanvas):
        self.session, self.connection_id, self.canvas = session, connection_id, canvas
        self.wrong: list[str] = []
        self.matches = {one.participant_id: one for one in self._all(Match)}
        self.seats = {one.id: one for one in self._all(Seat)}
        self.rows = {one.canvas_enrollment_id: one for one in self._all(CanvasRow)}
        live = session.scalars(select(Claim.seat_id).where(Claim.ended_at.is_(None)))
        self.wanted = {self.seats[number].id for number in live if number in self.seats}

    def _all(self, table: type) -> Iterable:
        return self.session.scalars(select(table).where(table.connection_id == self.connection_id)).all()

    def give(self) -> list[str]:
        self._about_registrations()
        self._about_rows_of_ours()
        self._about_rows_of_hands()
        self._about_doubles()
        if self._all(Request):
            self.wrong.append("a request is out for ever")
        return self.wrong

    # -- who should be in -----------------------------------------------------------------------------------------

    def _about_registrations(self) -> None:
        registrations = self.session.scalars(select(Registration)).all()
        found = access.of_registrations(self.session, [one.id for one in registrations])
        for registration in registrations:
            what = found.get(registration.id)
            if what is None or what.connection_id != self.connection_id:
                continue
            self._is_true(what)
            association = registration.course.association
            if registration.status == "registered" and association is not None:
                self._is_in(registration.participant, what)

    def _is_true(self, what: Access) -> None:
        """What pages may say of it is so in Canvas."""
        seat = self.seats[what.seat_id]
        there = self.canvas.world.rows.get(seat.canvas_enrollment_id or 0)
        if what.there is not None or what.standing == "enrolled":
            if there is None or not self.canvas.is_there(there):
                self.wrong.append(f"untrue: {self._of(seat)} is said to be in by row {seat.canvas_enrollment_id}")
            elif what.there is not None and there.user_id != self.matches[seat.participant_id].canvas_user_id:
                self.wrong.append(f"untrue: {self._of(seat)} is said to be in by somebody else's row {there.id}")

    def _is_in(self, who: Participant, what: Access) -> None:
        seat, match = self.seats[what.seat_id], self.matches.get(who.id)
        if what.cause is not None:
            self._is_explained(seat, what.cause)
            return
        if what.standing != "enrolled" or what.there is None:
            self.wrong.append(f"lost: {self._of(seat)} is not in, and nothing says why ({what.standing})")
            return
        if match is None or match.question is not None or match.how == "admin":
            return
        right, user = self.led_to(who), self.canvas.world.users.get(match.canvas_user_id or 0)
        if user is None:
            self.wrong.append(
                f"wrong person: {self._of(seat)} is matched with user {match.canvas_user_id}, whom nobody is"
            )
            return
        if user.id not in right and user.human != who.name:
            self.wrong.append(f"wrong person: {self._of(seat)} is in as user {user.id} ({user.human}), not {right}")

    def _is_explained(self, seat: Seat, cause: str) -> None:
        courses, sections = self.canvas.world.courses, self.canvas.world.sections
        section = sections.get(seat.canvas_section_id)
        untrue = {
            "course_missing": courses.get(seat.canvas_course_id),
            "section_missing": section is not None and section.course_id == seat.canvas_course_id,
        }
        if cause in UNEXPLAINED or untrue.get(cause, False):
            self.wrong.append(f"lost: {self._of(seat)} waits for {cause}, which is not so: {seat.cause_detail}")

    def led_to(self, who: Participant) -> list[int]:
        """The user to whom the SIS ID leads, or the email if the SIS ID leads to nobody."""
        if who.sis_user_id and (found := self.canvas.by_address(f"sis_user_id:{who.sis_user_id}")):
            return [found.id]
        return [user.id for user in self.canvas.with_email(who.email)]

    # -- who should not be in -------------------------------------------------------------------------------------

    def _about_rows_of_ours(self) -> None:
        for row in self.canvas.live_rows():
            if (row.by == "us" or row.moved) and not self._has_reason(row) and not self._is_asked(row):
                human = self.canvas.world.users[row.user_id].human
                self.wrong.append(f"left in: row {row.id} of user {row.user_id} ({human}), by {row.by}")

    def _has_reason(self, row: Row) -> bool:
        for seat in self.seats.values():
            match = self.matches.get(seat.participant_id)
            is_theirs = match is not None and match.canvas_user_id == row.user_id
            if seat.id in self.wanted and is_theirs and self._fits(seat, row):
                return True
        return row.moved and self._may_stay(row)

    def _may_stay(self, row: Row) -> bool:
        """Whether somebody moved by a hand is registered for something in that course, or asked about."""
        human = self.canvas.world.users[row.user_id].human
        theirs = [seat for seat in self.seats.values() if seat.participant.name == human]
        home = self.canvas.world.sections[row.section_id].home_id
        return any(
            (seat.id in self.wanted and seat.canvas_course_id in (row.course_id, home))
            or self._waits_for_an_answer(seat)
            for seat in theirs
        )

    @staticmethod
    def _fits(seat: Seat, row: Row) -> bool:
        if seat.canvas_section_id:
            return row.section_id == seat.canvas_section_id
        return row.course_id == seat.canvas_course_id

    def _is_asked(self, row: Row) -> bool:
        stored = self.rows.get(row.id)
        if stored is None:
            return False
        if stored.kept:
            return True
        seats = [one for one in self.seats.values() if row.id == one.canvas_enrollment_id or one.id == stored.seat_id]
        return any(self._waits_for_an_answer(seat) for seat in seats)

    def _waits_for_an_answer(self, seat: Seat) -> bool:
        match = self.matches.get(seat.participant_id)
        # A person who was in a course that is gone waits for the office, too.
        by_cause = seat.cause is not None and (CAUSES[seat.cause].asks or seat.cause == "course_missing")
        return by_cause or (match is not None and match.question is not None)

    def _about_rows_of_hands(self) -> None:
        live = {(row.user_id, row.section_id) for row in self.canvas.live_rows()}
        for row in self.canvas.wrong_ends:
            if (row.user_id, row.section_id) not in live:
                self.wrong.append(f"put out: row {row.id} of user {row.user_id}, made by a hand, was ended by us")

    def _about_doubles(self) -> None:
        for user_id, course_id in {(row.user_id, row.course_id) for row in self.canvas.live_rows()}:
            theirs = [row for row in self.canvas.live_rows() if (row.user_id, row.course_id) == (user_id, course_id)]
            ours = [row for row in theirs if row.by == "us" and not self._is_asked(row)]
            seats = [
                seat
                for seat in self.seats.values()
                if seat.id in self.wanted and any(self._fits(seat, row) for row in theirs)
                if (match := self.matches.get(seat.participant_id)) and match.canvas_user_id == user_id
            ]
            if len(theirs) > 1 and len(ours) > len(seats):
                self.wrong.append(f"doubled: user {user_id} has {[row.id for row in ours]} in course {course_id}")

    def _of(self, seat: Seat) -> str:
        return f"seat {seat.id} (participant {seat.participant_id}, {seat.canvas_course_id}/{seat.canvas_section_id})"
