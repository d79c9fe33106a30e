"""Finds the seats that can go by SIS import, as far as we know: those of people whom Canvas knows by SIS IDs. Only
reads.

Seats are looked at in batches: right after a crowd has come, PostgreSQL still assumes that its tables are empty, and
would go through all seats once for each seat.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Select, and_, case, exists, false, func, literal, null, or_, select
from sqlalchemy.orm import Session, aliased

from ..shared import pauses
from ..tables.canvas import Connection, load_settings
from ..tables.ledger import DEFAULT_SECTION, CanvasRow, Claim, Match, Seat
from ..tables.office import Participant
from ..tables.requests import CourseRead, Request
from . import due, rows
from .loading import policy_of_course

STATUSES = {"delete": "deleted", "deactivate": "inactive", "conclude": "completed"}
"""What an import calls each way to end an enrollment [sis_csv.md]."""

AT_ONCE = 500
"""How many seats are named in one statement, and stored in one unit of work."""


class Candidate(NamedTuple):
    """A seat that can go by import; the columns of `MassSeat` have the same names."""

    seat_id: int
    participant_id: int
    version: int
    canvas_course_id: int
    canvas_section_id: int
    sis_user_id: str
    status: str
    canvas_enrollment_id: int | None
    makes_user: bool


def due_seats(session: Session, connection_id: int, now: datetime, limit: int | None = None) -> list[int]:
    """Ids of the seats among which candidates are looked for."""
    found = select(Seat.id).where(due.due(connection_id, now), Seat.cause.is_(None)).order_by(Seat.id)
    return list(session.scalars(found.limit(limit)))


def are_so_many(session: Session, connection_id: int, now: datetime, least: int) -> bool:
    """Whether at least `least` seats can go by import."""
    if len(due_seats(session, connection_id, now, least)) < least:
        return False
    found, seats = 0, due_seats(session, connection_id, now)
    for at in range(0, len(seats), AT_ONCE):
        found += len(among(session, connection_id, seats[at : at + AT_ONCE], now))
        if found >= least:
            return True
    return False


def among(session: Session, connection_id: int, seat_ids: Sequence[int], now: datetime) -> list[Candidate]:
    """Which of these seats can go by import, as they are now."""
    found = [*session.execute(_to_let_in(connection_id, seat_ids))]
    if not session.scalar(select(Connection.restored_at.is_not(None)).where(Connection.id == connection_id)):
        found += session.execute(_to_end(connection_id, seat_ids, load_settings(session).on_withdrawal, now))
    return sorted(map(Candidate._make, found))


_MATCHED = and_(
    Match.canvas_user_id.is_not(None),
    ~Match.doubted,
    Match.question.is_(None),
    ~Match.shared,
    Match.canvas_sis_user_id.is_not(None),
    or_(
        and_(
            Match.from_email == Participant.email, Match.from_sis_user_id.is_not_distinct_from(Participant.sis_user_id)
        ),
        Match.how == "admin",
    ),
)
"""Canvas knows the participant by a SIS ID, and nothing about that is open."""


def _candidates(connection_id: int, seat_ids: Sequence[int], *columns: object) -> Select:
    out = exists().where(Request.connection_id == connection_id, Request.participant_id == Seat.participant_id)
    return (
        select(
            Seat.id,
            Seat.participant_id,
            Seat.version,
            Seat.canvas_course_id,
            Seat.canvas_section_id,
            func.coalesce(Match.canvas_sis_user_id, Participant.sis_user_id),
            *columns,
        )
        .join(Participant, Participant.id == Seat.participant_id)
        .outerjoin(Match, and_(Match.connection_id == connection_id, Match.participant_id == Seat.participant_id))
        .where(due.unsettled(connection_id), Seat.cause.is_(None), ~out, Participant.erase_at.is_(None))
        .where(Seat.id.in_(seat_ids))
    )


def _is_wanted() -> ColumnElement[bool]:
    return exists().where(Claim.seat_id == Seat.id, Claim.ended_at.is_(None))


def _to_let_in(connection_id: int, seat_ids: Sequence[int]) -> Select:
    # A SIS ID is trusted without a look if nobody else is in the course: see `users.address`.
    others = exists().where(
        CourseRead.connection_id == connection_id,
        CourseRead.canvas_course_id == Seat.canvas_course_id,
        CourseRead.has_others,
    )
    unmatched = and_(Match.participant_id.is_(None), Participant.sis_user_id.is_not(None), ~others)
    is_in = exists().where(
        CanvasRow.connection_id == connection_id,
        CanvasRow.canvas_user_id == Match.canvas_user_id,
        CanvasRow.canvas_course_id == Seat.canvas_course_id,
        CanvasRow.state.in_(rows.LIVE),
    )
    found = _candidates(connection_id, seat_ids, literal("active"), null(), false())
    return found.where(_is_wanted(), ~is_in, or_(_MATCHED, unmatched))


def _to_end(connection_id: int, seat_ids: Sequence[int], on_withdrawal: str, now: datetime) -> Select:
    """Rows that we granted, that were seen live within the day, and that are the person's only ones in their course.

    An import's answer has no `created_at`, so rows about which less is certain are ended one by one.
    """
    row, other, another = aliased(CanvasRow), aliased(CanvasRow), aliased(Seat)
    policy = func.coalesce(policy_of_course(), on_withdrawal)
    is_other = (other.canvas_enrollment_id != row.canvas_enrollment_id, other.state.in_(rows.LIVE))
    # Asked one by one, because for both at once SQLite goes through all rows of the connection.
    of_user = exists().where(
        other.connection_id == connection_id,
        other.canvas_user_id == row.canvas_user_id,
        other.canvas_course_id == row.canvas_course_id,
        *is_other,
    )
    of_seat = exists().where(other.seat_id == Seat.id, *is_other)
    of_another = exists().where(
        another.connection_id == connection_id,
        another.canvas_enrollment_id == row.canvas_enrollment_id,
        another.id != Seat.id,
        exists().where(Claim.seat_id == another.id, Claim.ended_at.is_(None)),
    )
    found = _candidates(connection_id, seat_ids, case(STATUSES, value=policy), row.canvas_enrollment_id, false())
    return (
        found.join(
            row,
            and_(row.connection_id == connection_id, row.canvas_enrollment_id == Seat.canvas_enrollment_id),
        )
        .where(~_is_wanted(), _MATCHED, policy.in_(STATUSES))
        .where(row.granted, ~row.kept, row.state.in_(rows.LIVE), row.created_at.is_not(None))
        .where(row.seen_at > now - pauses.READ_FRESH, row.seat_id == Seat.id)
        .where(row.canvas_user_id == Match.canvas_user_id, row.canvas_course_id == Seat.canvas_course_id)
        .where(or_(Seat.canvas_section_id == DEFAULT_SECTION, Seat.canvas_section_id == row.canvas_section_id))
        .where(~of_user, ~of_seat, ~of_another)
    )
