"""What is known about one person's access to one Canvas course, for pages and exports. Only reads the ledger.

A seat is a wish and says nothing about Canvas. What a page may say about Canvas is in the rows.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, case, exists, false, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from ..shared import pauses
from ..tables.ledger import CanvasRow, Claim, Match, Seat
from ..tables.office import Participant
from ..tables.requests import Request
from .rows import LIVE
from .seat_states import standing


class Row(NamedTuple):
    """An enrollment as Canvas last showed it. `wanted`: some registration asks for it."""

    state: str
    seen_at: datetime
    canvas_course_id: int
    kept: bool
    wanted: bool = False


@dataclass
class Access:
    """One seat of a registration, with what Canvas said about it; `standing` is one of the states of `standing()`.

    `wanted`: some registration claims the seat. `is_sure`: nothing is open about who the participant is in Canvas.
    `row` is the enrollment that the seat points to; while the seat is wanted, only if it is the participant's.
    `ending`: a request to end it is out. `matched_at`: since when we know who they are in Canvas, `login` is what they
    sign in there with, `way_in` what was done so that they can, while they are new to Canvas, `settled_at` when Canvas
    last agreed with the seat. `canvas_name` is what Canvas calls them, `question` the open question who they are.
    `out_until`: until when Canvas may carry out a request about them that is out, `out_again` whether a repeat of it
    was answered. `still`: live enrollments of theirs in that Canvas course, and those elsewhere that the seat left,
    looked up only for a seat that nobody wants.
    """

    registration_id: int
    seat_id: int
    connection_id: int
    canvas_course_id: int
    standing: str
    cause: str | None
    scope: str
    detail: str | None
    wanted: bool
    is_sure: bool
    row: Row | None
    ending: bool
    canvas_user_id: int | None
    matched_at: datetime | None = None
    login: str | None = None
    settled_at: datetime | None = None
    way_in: str | None = None
    canvas_name: str | None = None
    question: str | None = None
    out_until: datetime | None = None
    out_again: bool | None = None
    still: list[Row] = field(default_factory=list)

    @property
    def is_settled(self) -> bool:
        """Whether nothing is open: Canvas agreed with the seat when it was settled."""
        return self.standing in ("enrolled", "removed")

    @property
    def there(self) -> Row | None:
        """The live enrollment that the seat points to, unless it is uncertain whose it is, or it is being ended."""
        sure = self.is_sure and not self.ending
        return self.row if sure and self.row is not None and self.row.state in LIVE else None

    @property
    def as_known(self) -> Row | None:
        """The live enrollment of the Canvas user whom we knew, while the office is asked whether that is the
        participant."""
        asked = self.wanted and self.question is not None and not self.ending
        return self.row if asked and self.row is not None and self.row.state in LIVE else None

    def unanswered_until(self, now: datetime) -> datetime | None:
        """How long we wait: Canvas left a request about them without an answer, and may still carry it out."""
        if self.out_until is None or self.out_until <= now:
            return None
        return self.out_until if self.out_again or self.out_until - pauses.LATE + pauses.ANSWERED <= now else None

    @property
    def still_in(self) -> Row | None:
        """An active enrollment of somebody whose registration asks for none: through another registration, or one that
        stays. In that Canvas course, or else in another one; None if we know of none."""
        through = self.there if self.wanted else None
        active = (row for row in (through, *self.still) if row is not None and row.state == "active")
        return min(active, key=lambda row: row.canvas_course_id != self.canvas_course_id, default=None)


def of_registrations(session: Session, registration_ids: Collection[int]) -> dict[int, Access]:
    """The access at each registration's newest seat, by the registration's id; a registration that never claimed one is
    left out."""
    newest = select(func.max(Claim.id)).where(Claim.registration_id.in_(registration_ids))
    found = _load(session, newest.group_by(Claim.registration_id))
    return {access.registration_id: access for access in found}


def of_seats(session: Session, seat_ids: Collection[int]) -> dict[int, Access]:
    """The access at each seat, by the seat's id, with the registration that claims it or, if none does, the one that
    claimed it last."""
    newest_live = func.max(Claim.id).filter(Claim.ended_at.is_(None))
    its = select(func.coalesce(newest_live, func.max(Claim.id))).where(Claim.seat_id.in_(seat_ids))
    newest = its.group_by(Claim.seat_id)
    return {access.seat_id: access for access in _load(session, newest)}


IS_THEIRS = and_(Match.connection_id == Seat.connection_id, Match.participant_id == Seat.participant_id)
"""Joins the match of a seat's participant."""

IS_POINTED_TO = and_(
    CanvasRow.connection_id == Seat.connection_id,
    CanvasRow.canvas_enrollment_id == Seat.canvas_enrollment_id,
)
"""Joins the row that a seat points to."""

IS_SURE = func.coalesce(
    and_(
        ~Match.doubted,
        Match.question.is_(None),
        or_(
            Match.how == "admin",
            and_(
                Match.from_email == Participant.email,
                Match.from_sis_user_id.is_not_distinct_from(Participant.sis_user_id),
            ),
        ),
    ),
    false(),
)
"""Nothing is open about who a participant is in Canvas: the match rests on what they have."""

IS_ASKED = and_(~Match.doubted, Match.question.is_not(None))
"""Only an administrator can say who a participant is in Canvas. Until then, the user whom we knew counts."""

IS_BEING_ENDED = exists().where(
    Request.connection_id == Seat.connection_id,
    Request.canvas_enrollment_id == Seat.canvas_enrollment_id,
    Request.kind == "end",
)
"""A request to end the row that a seat points to is out."""


OUT = aliased(Request)
IS_OUT_ABOUT_THEM = and_(OUT.connection_id == Seat.connection_id, OUT.participant_id == Seat.participant_id)
"""Joins the one request about a seat's participant that is out."""

IS_NEW_THERE = case((and_(Match.created_by_us, CanvasRow.last_activity_at.is_(None)), Match.way_in))
"""The way in of somebody whom we created in Canvas and never saw in the course."""


def _load(session: Session, claim_ids: Select) -> list[Access]:
    found = session.execute(
        select(
            Claim.registration_id,
            Seat.id,
            Seat.connection_id,
            Seat.canvas_course_id,
            standing(),
            Seat.cause,
            Seat.cause_scope,
            Seat.cause_detail,
            _is_claimed(Seat.id),
            IS_SURE,
            IS_BEING_ENDED,
            Match.canvas_user_id,
            Match.matched_at,
            Match.canvas_login,
            Seat.settled_at,
            IS_NEW_THERE,
            Match.canvas_name,
            case((IS_ASKED, Match.question)),
            OUT.until_at,
            OUT.answered,
            CanvasRow.canvas_user_id,
            CanvasRow.state,
            CanvasRow.seen_at,
            CanvasRow.canvas_course_id,
            CanvasRow.kept,
        )
        .join(Seat, Seat.id == Claim.seat_id)
        .join(Participant, Participant.id == Seat.participant_id)
        .outerjoin(Match, IS_THEIRS)
        .outerjoin(CanvasRow, IS_POINTED_TO)
        .outerjoin(OUT, IS_OUT_ABOUT_THEM)
        .where(Claim.id.in_(claim_ids))
    )
    read = [_access(*tuple(row)) for row in found]
    _add_what_is_still_there(session, [access for access in read if not access.wanted])
    return read


def _access(*columns: Any) -> Access:
    of_seat, (is_sure, *of_match), (whose, state, seen_at, course_id, kept) = columns[:9], columns[9:20], columns[20:]
    row = Row(state, seen_at, course_id, kept) if state is not None else None
    access = Access(*(*of_seat, is_sure, row, *of_match))
    user_id = access.canvas_user_id
    if access.wanted and whose not in (None, user_id):
        access.row = None
    return access


def _add_what_is_still_there(session: Session, let_go: list[Access]) -> None:
    """Add other live enrollments: nobody is out of a Canvas course while another enrollment lets them in."""
    if not let_go:
        return
    places: dict[tuple, list[Access]] = {}
    seats: dict[int | None, list[Access]] = {}
    for access in let_go:
        places.setdefault((access.connection_id, access.canvas_user_id, access.canvas_course_id), []).append(access)
        seats.setdefault(access.seat_id, []).append(access)
    pointing = aliased(Seat)
    wanted = exists().where(
        pointing.connection_id == CanvasRow.connection_id,
        pointing.canvas_enrollment_id == CanvasRow.canvas_enrollment_id,
        _is_claimed(pointing.id),
    )
    of_them = and_(
        CanvasRow.connection_id.in_({access.connection_id for access in let_go}),
        CanvasRow.canvas_user_id.in_({access.canvas_user_id for access in let_go if access.canvas_user_id}),
    )
    found = session.execute(
        select(
            CanvasRow.connection_id,
            CanvasRow.canvas_user_id,
            CanvasRow.seat_id,
            CanvasRow.state,
            CanvasRow.seen_at,
            CanvasRow.canvas_course_id,
            CanvasRow.kept,
            wanted,
        ).where(CanvasRow.state.in_(LIVE), or_(of_them, CanvasRow.seat_id.in_(seats)))
    )
    for connection_id, user_id, seat_id, state, seen_at, course_id, kept, is_wanted in found:
        row = Row(state, seen_at, course_id, kept, is_wanted)
        in_that_course = places.get((connection_id, user_id, row.canvas_course_id), []) if user_id is not None else []
        for access in [*in_that_course, *seats.get(seat_id, [])]:
            # Another Canvas user's enrollments are that user's now.
            is_theirs = access.canvas_user_id in (None, user_id)
            if is_theirs and row not in access.still:
                access.still.append(row)


def _is_claimed(seat_id: ColumnElement[int] | InstrumentedAttribute[int]) -> ColumnElement[bool]:
    live = aliased(Claim)
    return exists().where(live.seat_id == seat_id, live.ended_at.is_(None))
