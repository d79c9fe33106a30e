"""Locks rows in one order, so that there are no deadlocks: people, courses by id, participants, seats by id.

Code that locks several kinds keeps to this order. The drain's lease (`ledger.lease`) is locked before any seat.
"""

from collections.abc import Collection
from typing import cast

from sqlalchemy import ColumnElement, Table, bindparam, select, update
from sqlalchemy.orm import Session

from .canvas import Seat, Settings
from .columns import begin_writing, change
from .office import Course, Participant

_seat = cast(Table, Seat.__table__)


def lock_people(session: Session) -> None:
    """Let only this transaction add people until it ends, so that nobody is added twice.

    Call it before any course is locked, and before looking up who exists.
    """
    begin_writing(session)
    session.execute(select(Settings.id).with_for_update())


def lock_course(session: Session, course: Course) -> None:
    """Let only this transaction change the course until it ends; the course's values are read anew afterwards."""
    begin_writing(session)
    session.flush()
    change(session, update(Course).where(Course.id == course.id).values(places_taken=Course.places_taken))
    session.expire(course)


def lock_participants(session: Session, ids: Collection[int]) -> None:
    """Let only this transaction change these participants until it ends; their values are read anew.

    For whoever changes several of them: a SIS ID that one is given may be waited for by another's own request.
    """
    begin_writing(session)
    which = select(Participant).where(Participant.id.in_(ids)).order_by(Participant.id)
    # Rows that refer to them can still be made meanwhile.
    locked = which.with_for_update(key_share=True).execution_options(populate_existing=True)
    session.scalars(locked).all()


def lock_seats(session: Session, which: ColumnElement[bool]) -> None:
    """Lock the seats that match the condition, in the order of their ids."""
    session.execute(select(Seat.id).where(which).order_by(Seat.id).with_for_update())


def lock_seats_by_id(session: Session, ids: Collection[int]) -> None:
    """The same for seats whose IDs are known: built once, since every unit of work of a drain runs it."""
    session.execute(_BY_ID, {"seat_ids": list(ids)})


_BY_ID = (
    select(_seat.c.id).where(_seat.c.id.in_(bindparam("seat_ids", expanding=True))).order_by(_seat.c.id)
).with_for_update()
