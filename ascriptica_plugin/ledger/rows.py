"""Rows: what Canvas last said about each enrollment. `incoming_rows` stores it, `judging` draws the conclusions."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import Table, and_, bindparam, exists, select, update
from sqlalchemy.orm import Session

from ..canvas.shapes import Enrollment
from ..tables.columns import change
from ..tables.ledger import DEFAULT_SECTION, CanvasRow, Claim, Match, Seat
from . import claims

NOT_YET = ("invited", "creation_pending")
"""The states in which somebody may get into a Canvas course, and has not yet."""

LIVE = ("active", *NOT_YET)
"""The states in which somebody is in a Canvas course, or may get in. Every other state is not live."""

_row = cast(Table, CanvasRow.__table__)


class Ended(NamedTuple):
    """How we ended a row (delete, deactivate or conclude), and why: see `sync.endings`."""

    how: str
    why: str = "policy"


@dataclass(frozen=True)
class ShownRow:
    """A row as Canvas showed it.

    `granted`: we let the person in. `ended`: this is the result of our own request to end it. `seat_id`: the seat whose
    place it may be. `asked_at`: when we asked, for a list that may be older than what we know since.
    """

    row: Enrollment
    granted: bool = False
    ended: Ended | None = None
    seat_id: int | None = None
    asked_at: datetime | None = None


class Known(NamedTuple):
    """A row as it is stored."""

    canvas_enrollment_id: int
    created_at: datetime | None
    canvas_user_id: int | None
    canvas_course_id: int
    canvas_section_id: int | None
    state: str
    seen_at: datetime
    granted: bool
    kept: bool
    seat_id: int | None

    @property
    def is_live(self) -> bool:
        """Whether it was live when it was seen last."""
        return self.state in LIVE

    def is_same(self, row: Enrollment) -> bool:
        """Whether Canvas means this row, and has not given its id to another one."""
        return self.created_at in (None, row.created_at)

    def may_be_of(self, canvas_user_id: int | None, *, doubted: bool) -> bool:
        """Whether it may be the row of somebody who is matched with this Canvas user; a doubted match, or a row whose
        user we don't know, leaves that open."""
        return doubted or self.canvas_user_id in (None, canvas_user_id)


def as_known(shown: ShownRow, was: Known | None, now: datetime) -> Known:
    """A row as it will be stored, given what was known about it."""
    row, same = shown.row, was if was is not None and was.is_same(shown.row) else None
    is_live = row.state in LIVE
    return Known(
        row.id,
        row.created_at,
        row.user_id,
        row.course_id,
        row.section_id,
        row.state[:20],
        now,
        # No matter who ended it: the one who lets the person in again grants it.
        is_live and (shown.granted or (same is not None and same.granted)),
        is_live and same is not None and same.kept,
        shown.seat_id or (same.seat_id if same is not None else None),
    )


_ROW = select(*(_row.c[name] for name in Known._fields))
_KNOWN = _ROW.where(_row.c.connection_id == bindparam("connection_id"))
_KNOWN_BY_ID = _KNOWN.where(_row.c.canvas_enrollment_id.in_(bindparam("ids", expanding=True)))
_KNOWN_OF_USER = _KNOWN.where(_row.c.canvas_user_id == bindparam("user_id"))
# If the connection is named, too, SQLite goes through all of its rows.
_LEFT_BY = _ROW.where(_row.c.seat_id == bindparam("seat_id"))


def known(session: Session, connection_id: int, ids: Collection[int]) -> dict[int, Known]:
    """The stored rows with these ids of Canvas."""
    if not ids:
        return {}
    found = session.execute(_KNOWN_BY_ID, {"connection_id": connection_id, "ids": list(ids)})
    return {row[0]: Known(*row) for row in found}


def known_of_user(session: Session, connection_id: int, canvas_user_id: int) -> list[Known]:
    """The stored rows of a Canvas user, the oldest first."""
    values = {"connection_id": connection_id, "user_id": canvas_user_id}
    return _in_order(session.execute(_KNOWN_OF_USER, values))


def _in_order(found: Iterable[Any]) -> list[Known]:
    """The oldest first. Not by the database: to spare the sort, SQLite would go through all rows of the connection."""
    return sorted((Known(*row) for row in found), key=lambda row: row.canvas_enrollment_id)


def left_by(session: Session, connection_id: int, seat_id: int, points_to: int | None) -> dict[int, Known]:
    """The stored rows that the seat points to, or pointed to, or may have, by their ids."""
    left = {row.canvas_enrollment_id: row for row in _in_order(session.execute(_LEFT_BY, {"seat_id": seat_id}))}
    if points_to is not None and points_to not in left:
        # Another seat pointed to it last.
        left |= known(session, connection_id, [points_to])
    return left


def is_of_a_section(session: Session, row: Known, seat_id: int) -> bool:
    """Whether the row is the place of another seat that asked for exactly this section, and so is not the course's
    default one."""
    asked_for = select(Seat.canvas_section_id).where(Seat.id == row.seat_id, Seat.id != seat_id)
    return session.scalar(asked_for) not in (None, DEFAULT_SECTION)


def has_others(session: Session, connection_id: int, canvas_course_id: int, since: datetime) -> bool:
    """Whether the Canvas course showed somebody since then who is not a participant."""
    matched = exists().where(
        Match.connection_id == CanvasRow.connection_id, Match.canvas_user_id == CanvasRow.canvas_user_id
    )
    found = (
        select(CanvasRow.canvas_enrollment_id)
        .where(CanvasRow.connection_id == connection_id, CanvasRow.canvas_course_id == canvas_course_id)
        .where(CanvasRow.state.in_(LIVE), CanvasRow.seen_at >= since, ~matched)
    )
    return session.scalar(found.limit(1)) is not None


def wanted_ids(session: Session, connection_id: int, ids: Collection[int], but: int = 0) -> set[int]:
    """Which of these rows are wanted: a seat with live claims points to them, and its participant is the row's user
    now.

    `but`: a seat that does not count.
    """
    if not ids:
        return set()
    wanting = (
        select(Seat.canvas_enrollment_id)
        .join(Match, and_(Match.connection_id == Seat.connection_id, Match.participant_id == Seat.participant_id))
        .join(
            CanvasRow,
            and_(
                CanvasRow.connection_id == Seat.connection_id,
                CanvasRow.canvas_enrollment_id == Seat.canvas_enrollment_id,
            ),
        )
        .where(Seat.connection_id == connection_id, Seat.canvas_enrollment_id.in_(ids), Seat.id != but)
        .where(Match.canvas_user_id == CanvasRow.canvas_user_id)
        .where(exists().where(Claim.seat_id == Seat.id, Claim.ended_at.is_(None)))
    )
    return {number for number in session.scalars(wanting) if number is not None}


def forget(session: Session, connection_id: int, ids: Collection[int]) -> None:
    """Forget rows that Canvas does not know any more, or whose ids belong to other rows now.

    Nobody did that by hand, so nobody is asked: the seats are due again.
    """
    theirs = and_(Seat.connection_id == connection_id, Seat.canvas_enrollment_id.in_(ids))
    claims.look_again(session, theirs, canvas_enrollment_id=None)
    gone = _row.delete().where(_row.c.connection_id == connection_id, _row.c.canvas_enrollment_id.in_(ids))
    session.execute(gone)


def set_aside(session: Session, connection_id: int, canvas_course_id: int, now: datetime) -> None:
    """The Canvas course is gone, so nobody is in there. What was ours is ours again if the course comes back."""
    there = (CanvasRow.connection_id == connection_id, CanvasRow.canvas_course_id == canvas_course_id)
    change(session, update(CanvasRow).where(*there, CanvasRow.state.in_(LIVE)).values(state="deleted", seen_at=now))


def take(session: Session, connection_id: int, taken: dict[int, int]) -> None:
    """Note that these seats point to known rows, by their ids, from now on. A row that another seat wants stays with
    that seat."""
    for number, seat_id in taken.items():
        # The seat itself points to it by now.
        if not wanted_ids(session, connection_id, [number], but=seat_id):
            here = (CanvasRow.connection_id == connection_id, CanvasRow.canvas_enrollment_id == number)
            change(session, update(CanvasRow).where(*here).values(seat_id=seat_id))
