"""Stores what Canvas answered, and finds what seats know about Canvas enrollments."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple, cast

from sqlalchemy import Executable, Table, bindparam, case, not_, select, update
from sqlalchemy.orm import Session

from ..tables.canvas import CanvasUser, Seat
from ..tables.columns import upsert_into
from .work import Work

_seat = cast(Table, Seat.__table__)


class Known(NamedTuple):
    """What a seat knows about a Canvas enrollment: whether we may end it, and when this seat ended it, if it did."""

    seat_id: int
    granted: bool
    ended_at: datetime | None


def note_facts(session: Session, connection_id: int, works: Iterable[Work], ours: bool) -> None:
    """Store what was learned about seats and Canvas users. It is true whichever worker holds the lease now.

    The one exception is that no request to enroll is out. If the lease is not ours any more, the worker that holds it
    may have sent one, so facts that are None are left out.
    """
    of_seats: dict[tuple, list[dict]] = {}
    of_users: dict[tuple, list[dict]] = {}
    for work in works:
        facts = work.facts if ours else {name: fact for name, fact in work.facts.items() if fact is not None}
        if facts:
            seat = {"seat_id": work.seat_id, "whose": work.participant_id, **facts}
            of_seats.setdefault(tuple(facts), []).append(seat)
        if work.user_facts:
            user = {"connection_id": connection_id, "participant_id": work.participant_id, **work.user_facts}
            of_users.setdefault(tuple(work.user_facts), []).append(user)
    for rows in of_seats.values():
        session.execute(_NOTE_SEAT, rows)
    for names, rows in of_users.items():
        session.execute(_note_user(session, names), rows)


def _note_user(session: Session, names: tuple[str, ...]) -> Executable:
    known = (session.get_bind().dialect.name, names)
    if known not in _NOTE_USER:
        upsert = upsert_into(session, CanvasUser)
        learned = {name: upsert.excluded[name] for name in names}
        key = ["connection_id", "participant_id"]
        _NOTE_USER[known] = upsert.on_conflict_do_update(index_elements=key, set_=learned)
    return _NOTE_USER[known]


_NOTE_USER: dict[tuple[str, tuple[str, ...]], Executable] = {}
"""By dialect and by the names of what was learned; there are only a few."""


# SQLite gives the id of an erased person's seat to the next new seat, so the participant has to match too.
_NOTE_SEAT = update(_seat).where(_seat.c.id == bindparam("seat_id"), _seat.c.participant_id == bindparam("whose"))


def known_of(session: Session, connection_id: int, canvas_enrollment_ids: list[int]) -> dict[int, list[Known]]:
    """What seats already know about these Canvas enrollments, by their ids."""
    ids = canvas_enrollment_ids
    found: dict[int, list[Known]] = {}
    for canvas_enrollment_id, *known in (
        session.execute(_KNOWN_OF, {"connection_id": connection_id, "ids": ids}) if ids else ()
    ):
        found.setdefault(canvas_enrollment_id, []).append(Known(*known))
    return found


_KNOWN_OF = (
    select(
        _seat.c.canvas_enrollment_id, _seat.c.id, _seat.c.granted, case((not_(_seat.c.enrolled), _seat.c.settled_at))
    )
    .where(_seat.c.connection_id == bindparam("connection_id"))
    .where(_seat.c.canvas_enrollment_id.in_(bindparam("ids", expanding=True)))
)


def known_elsewhere(session: Session, connection_id: int, work: Work, canvas_enrollment_ids: list[int]) -> set[int]:
    """The ids among these that other seats have stored as their own enrollments."""
    return set(
        session.scalars(
            select(_seat.c.canvas_enrollment_id).where(
                _seat.c.connection_id == connection_id,
                _seat.c.canvas_enrollment_id.in_(canvas_enrollment_ids),
                _seat.c.id != work.seat_id,
            )
        )
    )


def tried_by_another(session: Session, connection_id: int, work: Work) -> bool:
    """Whether another seat has sent a request for this seat's Canvas enrollment since it was last removed."""
    if work.canvas_enrollment_id is None:
        return False
    another = select(_seat.c.id).where(
        _seat.c.connection_id == connection_id,
        _seat.c.canvas_enrollment_id == work.canvas_enrollment_id,
        _seat.c.id != work.seat_id,
        _seat.c.first_tried_at.is_not(None),
    )
    return session.scalar(another.limit(1)) is not None
