"""What an answer about an enrollment may do, from what the model Canvas and the office know; the product's own list of
what it asks about has no say in it."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from ascriptica_plugin.tables.ledger import CanvasRow, Claim, Match, Seat

from .model_canvas import ModelCanvas, Row


class Answered:
    """What becomes of enrollments by the answer about a seat. Made before the answer, asked after it."""

    def __init__(self, session: Session, seat: Seat, canvas: ModelCanvas):
        self.session, self.seat, self.canvas = session, seat, canvas
        self.before = self._stored()

    def _stored(self) -> dict[int, tuple[bool, bool]]:
        its = select(CanvasRow.canvas_enrollment_id, CanvasRow.granted, CanvasRow.kept)
        found = self.session.execute(its.where(CanvasRow.connection_id == self.seat.connection_id))
        return {number: (granted, kept) for number, granted, kept in found}

    def rows(self) -> list[Row]:
        """Those in Canvas that the answer was about. Raises AssertionError if it was about one that it must not
        touch."""
        about = [number for number, what in self._stored().items() if what != self.before[number]]
        found = []
        for number in about:
            assert not self.before[number][0], f"answered about row {number}, which we granted"
            known = self.session.get(CanvasRow, (self.seat.connection_id, number))
            row = self.canvas.world.rows.get(number)
            if row is None or known is None or row.created_at != known.created_at:
                continue
            found.append(row)
            as_known = (known.canvas_user_id, known.canvas_course_id, known.canvas_section_id)
            # We could not know what somebody changed in Canvas since we looked.
            if as_known == (row.user_id, row.course_id, row.section_id):
                self._check(row)
        return found

    def _check(self, row: Row) -> None:
        match = self._match(self.seat)
        if match is None or not match.doubted:
            whose = match.canvas_user_id if match is not None else None
            assert row.user_id == whose, f"answered about row {row.id} of user {row.user_id}, and they are {whose}"
        live = select(Claim.seat_id).where(Claim.ended_at.is_(None))
        for other in self.session.scalars(select(Seat).where(Seat.id.in_(live))):
            theirs = self._match(other)
            is_theirs = theirs is not None and theirs.canvas_user_id == row.user_id
            points = other.canvas_enrollment_id == row.id
            assert not (is_theirs and points), f"answered about row {row.id}, for which seat {other.id} is registered"

    def _match(self, seat: Seat) -> Match | None:
        whose = (Match.connection_id == seat.connection_id, Match.participant_id == seat.participant_id)
        return self.session.scalar(select(Match).where(*whose))
