"""What seats know of enrollments in Canvas, and storing what Canvas answered."""

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
    """What a seat knows of a Canvas enrollment: whether it is ours to end, and when the seat gave it up, if it did."""

    seat_id: int
    granted: bool
    ended_at: datetime | None


def note_facts(session: Session, connection_id: int, works: Iterable[Work], ours: bool) -> None:
    """Store what was learned of seats and of who is who in Canvas: true whoever holds the lease now.

    Except that no request to enroll is out: where the lease is not ours any more, its holder may have sent one.
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
"""By dialect and by the names of what was learned, of which there are a handful."""


# Of an erased person's seat SQLite gives the id to the next one that is made, so what was learned is about both.
_NOTE_SEAT = update(_seat).where(_seat.c.id == bindparam("seat_id"), _seat.c.participant_id == bindparam("whose"))


def known_of(session: Session, connection_id: int, canvas_enrollment_ids: list[int]) -> dict[int, list[Known]]:
    """What seats know already of these Canvas enrollments."""
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
    """Those of the Canvas enrollments that other seats know as theirs."""
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
    """Whether another seat has sent a request for this one's Canvas enrollment since it was last removed."""
    if work.canvas_enrollment_id is None:
        return False
    another = select(_seat.c.id).where(
        _seat.c.connection_id == connection_id,
        _seat.c.canvas_enrollment_id == work.canvas_enrollment_id,
        _seat.c.id != work.seat_id,
        _seat.c.first_tried_at.is_not(None),
    )
    return session.scalar(another.limit(1)) is not None
