"""One unsettled seat, loaded with everything that is needed to act on it.

Whether it should be enrolled is derived from its live claims, in the same statement that reads its version.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, bindparam, exists, false, func, select
from sqlalchemy.orm import Session, aliased

from .. import retry
from ..tables.canvas import CanvasUser, Claim, Seat
from ..tables.office import Course, Participant, Registration


@dataclass
class Work:
    """One unsettled seat as it was when it was loaded, with everything that is needed to act on it."""

    seat_id: int
    participant_id: int
    canvas_course_id: int
    canvas_section_id: int
    version: int
    attempts: int
    cause: str | None
    cause_scope: str
    held: bool
    first_tried_at: datetime | None
    in_doubt_until: datetime | None
    in_doubt_enrolls: bool
    canvas_enrollment_id: int | None
    granted: bool
    name: str
    email: str
    sis_user_id: str | None
    canvas_user_id: int | None
    login_sent: str | None
    create_new: bool
    on_withdrawal: str | None
    """What to do on withdrawal, from the course whose claim ended last; None: what Course Settings say."""
    wanted: bool
    shared: bool
    """Another wanted seat has the same Canvas enrollment, so ending this one removes nothing."""
    moving: bool
    """A registration's newest claim is here, and its older claims elsewhere end once this seat is settled."""

    facts: dict[str, Any] = field(default_factory=dict)
    """What was learned about the seat and is not stored yet, by Seat's columns."""
    user_facts: dict[str, Any] = field(default_factory=dict)
    """What was learned about the participant's Canvas user and is not stored yet, by CanvasUser's columns."""
    removed: int | None = None
    """The Canvas enrollment that was removed for this seat."""

    def note(self, **facts: Any) -> None:
        """Remember what Canvas said about the seat."""
        self.facts |= facts

    def note_user(self, **facts: Any) -> None:
        """Remember what was learned about the participant's Canvas user."""
        self.user_facts |= facts

    def note_try(self, tried_at: datetime | None) -> None:
        """Remember when the first request to enroll is sent, on Canvas's clock; None: none has made an enrollment."""
        self.first_tried_at = tried_at
        self.note(first_tried_at=tried_at)

    def note_sent(self, until: datetime) -> None:
        """Remember that a request is sent, and that Canvas may carry it out until then even without an answer."""
        self.note(in_doubt_until=until, in_doubt_enrolls=self.wanted)

    def note_answered(self) -> None:
        """Remember that the request was answered; what was in doubt before it still is."""
        self.note(in_doubt_until=self.in_doubt_until)

    def waits_until(self, now: datetime) -> datetime | None:
        """Until when Canvas may still carry out an unanswered request for the opposite, which would undo our change."""
        until = self.in_doubt_until
        in_doubt = until is not None and now < until < now + retry.LATE * 1.5
        return until if in_doubt and self.in_doubt_enrolls != self.wanted else None

    def __str__(self) -> str:
        return f"seat {self.seat_id} ({self.name} in Canvas course {self.canvas_course_id})"


def _load_statement() -> Select:
    other = aliased(Seat)
    shared = exists().where(
        other.connection_id == Seat.connection_id,
        other.canvas_enrollment_id == Seat.canvas_enrollment_id,
        other.id != Seat.id,
        exists().where(Claim.seat_id == other.id, Claim.ended_at.is_(None)),
    )
    here, older = aliased(Claim), aliased(Claim)
    moving = exists().where(
        here.seat_id == Seat.id,
        here.ended_at.is_(None),
        older.registration_id == here.registration_id,
        older.ended_at.is_(None),
        older.id < here.id,
    )
    let_go_last = (
        select(Course.on_withdrawal)
        .join(Registration, Registration.course_id == Course.id)
        .join(Claim, Claim.registration_id == Registration.id)
        .where(Claim.seat_id == Seat.id)
        .order_by(Claim.ended_at.desc(), Claim.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    return (
        select(
            Seat.id,
            Seat.participant_id,
            Seat.canvas_course_id,
            Seat.canvas_section_id,
            Seat.version,
            Seat.attempts,
            Seat.cause,
            Seat.cause_scope,
            Seat.held,
            Seat.first_tried_at,
            Seat.in_doubt_until,
            Seat.in_doubt_enrolls,
            Seat.canvas_enrollment_id,
            Seat.granted,
            Participant.name,
            Participant.email,
            Participant.sis_user_id,
            CanvasUser.canvas_user_id,
            CanvasUser.login_sent,
            func.coalesce(CanvasUser.create_new, false()),
            let_go_last,
            exists().where(Claim.seat_id == Seat.id, Claim.ended_at.is_(None)),
            shared,
            moving,
        )
        .join(Participant, Participant.id == Seat.participant_id)
        .outerjoin(
            CanvasUser,
            and_(CanvasUser.connection_id == Seat.connection_id, CanvasUser.participant_id == Seat.participant_id),
        )
        .where(Seat.id.in_(bindparam("seat_ids", expanding=True)), Seat.settled_version < Seat.version)
    )


# A statement that runs for every seat is built once, because building it costs more than running it.
_LOAD = _load_statement()


def load(session: Session, seat_ids: Iterable[int]) -> list[Work]:
    """Load those of the seats that are still unsettled."""
    return [Work(*row) for row in session.execute(_LOAD, {"seat_ids": list(seat_ids)})]
