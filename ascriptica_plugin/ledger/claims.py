"""Claims: which registrations need which seats. A seat becomes due when its claims change.

The office writes them in its own unit of work. Never commits.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any, cast

from sqlalchemy import BindParameter, ColumnElement, Table, and_, bindparam, exists, insert, select, update
from sqlalchemy.orm import Session, aliased

from ..tables.columns import change, upsert_into
from ..tables.ledger import DEFAULT_SECTION, Claim, Seat
from ..tables.locks import lock_seats
from ..tables.office import Association, Registration

RANG = "ascriptica_bell"
"""`session.info` holds this once something became due in the session's transaction."""


FRESH = {
    "due_at": None,
    "attempts": 0,
    "cause": None,
    "cause_scope": "",
    "cause_detail": None,
    "held": False,
    "parked_at": None,
}
"""The columns of a seat that nothing blocks."""

MANY = 20
"""A change of more seats than this at once counts as done in bulk: people who act one by one go first."""

NEW_WISH = {**FRESH, "was_in": False}
"""The same for a seat whose wish has changed: we forget what somebody did by hand in Canvas about the old wish."""


def claim(
    session: Session,
    course_id: int,
    now: datetime,
    registration_id: int | Collection[int] | None = None,
    *,
    in_bulk: bool = False,
) -> None:
    """Claim seats in the course's Canvas course for its registered participants, or for one or some registrations.

    A registration whose newest claim is there already is left alone. The caller holds the course row's lock. Older
    claims elsewhere stay until the new seat has settled: people enter the new place before they leave the old one.
    `in_bulk`: it is a part of something larger.
    """
    association = session.get(Association, course_id, populate_existing=True)
    if association is None or association.canvas_course_id is None or association.connection_id is None:
        return
    place = {
        "connection_id": association.connection_id,
        "canvas_course_id": association.canvas_course_id,
        "canvas_section_id": association.canvas_section_id or DEFAULT_SECTION,
    }
    there = {f"its_{name}": value for name, value in place.items()}
    if registration_id is None:
        moving = session.execute(_TO_MOVE, {**there, "course": course_id}).all()
    else:
        some = [registration_id] if isinstance(registration_id, int) else list(registration_id)
        moving = session.execute(_SOME_TO_MOVE, {**there, "course": course_id, "some": some}).all()
    if not moving:
        return
    in_bulk = in_bulk or len(moving) > MANY
    upsert = upsert_into(session, Seat)
    upsert = upsert.on_conflict_do_update(
        index_elements=["connection_id", "participant_id", "canvas_course_id", "canvas_section_id"],
        set_={"version": Seat.version + 1, "changed_at": now, "in_bulk": in_bulk, **NEW_WISH},
    )
    for start in range(0, len(moving), 500):
        part = moving[start : start + 500]
        people = sorted({row.participant_id for row in part})
        theirs = {**there, "people": people, "registrations": [row.id for row in part], "at": now}
        lock_seats(session, _THEIRS, theirs)
        wish = {**place, "version": 1, "changed_at": now, "in_bulk": in_bulk}
        session.execute(upsert, [{**wish, "participant_id": one} for one in people])
        session.execute(_END_THERE, theirs)
        session.execute(_CLAIM, theirs)
    session.info[RANG] = True


# Everybody who registers waits for these statements. They are built once, because building one costs more than running
# it.
_claim, _newer = cast(Table, Claim.__table__), aliased(Claim)
_place = ("connection_id", "canvas_course_id", "canvas_section_id")
_IN_PLACE = and_(*(getattr(Seat, name) == bindparam(f"its_{name}") for name in _place))
_NEWEST_IS_THERE = (
    select(Claim.id)
    .join(Seat, Seat.id == Claim.seat_id)
    .where(Claim.registration_id == Registration.id, Claim.ended_at.is_(None), _IN_PLACE)
    .where(
        ~exists().where(
            _newer.registration_id == Claim.registration_id, _newer.ended_at.is_(None), _newer.id > Claim.id
        )
    )
)
_TO_MOVE = select(Registration.id, Registration.participant_id).where(
    Registration.course_id == bindparam("course"), Registration.status == "registered", ~_NEWEST_IS_THERE.exists()
)
_SOME_TO_MOVE = _TO_MOVE.where(Registration.id.in_(bindparam("some", expanding=True)))

# Named one by one: PostgreSQL would be slow to find them in a course that has just grown large.
_THEIRS = and_(Seat.participant_id.in_(bindparam("people", expanding=True)), _IN_PLACE)
_OF_THEM: BindParameter = bindparam("registrations", expanding=True)
# On the way back (A, B, A) a new claim replaces the old one, so that the new claim is the newest; both in one
# transaction, so the seat always has one.
_END_THERE = (
    update(_claim)
    .where(
        _claim.c.registration_id.in_(_OF_THEM),
        _claim.c.ended_at.is_(None),
        _claim.c.seat_id.in_(select(Seat.id).where(_THEIRS)),
    )
    .values(ended_at=bindparam("at"))
)
_CLAIM = insert(_claim).from_select(
    ["registration_id", "seat_id", "made_at"],
    select(Registration.id, Seat.id, bindparam("at", type_=_claim.c.made_at.type))
    .join(Seat, Seat.participant_id == Registration.participant_id)
    .where(Registration.id.in_(_OF_THEM), _IN_PLACE),
)


def end_for(session: Session, registrations: ColumnElement[bool], now: datetime, *, in_bulk: bool = False) -> None:
    """End every live claim of the registrations that match the condition on Registration."""
    end(session, Claim.registration_id.in_(select(Registration.id).where(registrations)), now, in_bulk=in_bulk)


def end(session: Session, which: ColumnElement[bool], now: datetime, *, in_bulk: bool = False) -> None:
    """End the live claims that match the condition on Claim; `in_bulk`: it is a part of something larger."""
    live = and_(which, Claim.ended_at.is_(None))
    of_them = Seat.id.in_(select(Claim.seat_id).where(live))
    in_bulk = lock_seats(session, of_them) > MANY or in_bulk
    wish = {"changed_at": now, "in_bulk": in_bulk, **NEW_WISH}
    change(session, update(Seat).where(of_them).values(version=Seat.version + 1, **wish))
    change(session, update(Claim).where(live).values(ended_at=now))
    session.info[RANG] = True


def look_again(session: Session, which: ColumnElement[bool], **values: Any) -> None:
    """Make the matching seats due, because what fulfilled them may not do so any more. The wish is the same."""
    in_bulk = lock_seats(session, which) > MANY
    change(session, update(Seat).where(which).values(version=Seat.version + 1, in_bulk=in_bulk, **FRESH, **values))
    session.info[RANG] = True
