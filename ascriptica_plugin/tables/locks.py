"""Locks rows in one order, so that there are no deadlocks: Course Settings, connections by id, courses by id,
participants by id, seats by id, then all else.

Code that locks several kinds keeps to this order. Only this module locks rows, with two exceptions: a drain shares the
row of its lease (`ledger.settling`), which is a connection's; and the stand-alone site locks its accounts, by id, after
participants.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import ColumnElement, Select, Table, bindparam, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from ..shared import pauses
from .canvas import Connection, Settings
from .columns import begin_writing, change
from .ledger import Seat
from .mails import Mail
from .office import Course, Participant

_seat = cast(Table, Seat.__table__)


def lock_settings(session: Session) -> None:
    """Let only this transaction change Course Settings until it ends."""
    begin_writing(session)
    session.execute(select(Settings.id).with_for_update())


def lock_people(session: Session) -> None:
    """Let only this transaction add people until it ends, so that nobody is added twice.

    Call it before any course is locked, and before looking up who exists.
    """
    # There is no row of people who don't exist yet, so the one of Course Settings stands for them.
    lock_settings(session)


def lock_connections(session: Session, *which: ColumnElement[bool]) -> Sequence[Connection]:
    """Let only this transaction change the connections that match the conditions until it ends. Returns them, as they
    are now, by id."""
    begin_writing(session)
    found = select(Connection).where(*which).order_by(Connection.id)
    # Meanwhile, other transactions can still make seats that refer to them.
    locked = found.with_for_update(key_share=True).execution_options(populate_existing=True)
    return session.scalars(locked).all()


def lock_connection(session: Session, connection: Connection) -> None:
    """The same for one connection; its values are read again."""
    lock_connections(session, Connection.id == connection.id)


def lock_course(session: Session, course: Course) -> None:
    """Let only this transaction change the course until it ends; the course's values are then read again."""
    begin_writing(session)
    session.flush()
    change(session, update(Course).where(Course.id == course.id).values(places_taken=Course.places_taken))
    session.expire(course)


def locking_courses(statement: Select) -> Select:
    """The statement, which selects courses in the order of their ids, so that it locks them and reads them again."""
    return statement.with_for_update(of=Course).execution_options(populate_existing=True)


def lock_participant(session: Session, participant: Participant) -> None:
    """Let no other transaction change the participant, or make rows that refer to them, until this one ends; their
    values are read again."""
    session.refresh(participant, with_for_update=True)


def lock_participants(session: Session, ids: Collection[int]) -> None:
    """Let only this transaction change these participants until it ends; their values are read again.

    For code that changes several of them: another participant's own request may wait for a SIS ID that one of them is
    given.
    """
    begin_writing(session)
    which = select(Participant).where(Participant.id.in_(ids)).order_by(Participant.id)
    # Meanwhile, other transactions can still make rows that refer to them.
    locked = which.with_for_update(key_share=True).execution_options(populate_existing=True)
    session.scalars(locked).all()


def lock_seats(session: Session, which: ColumnElement[bool], values: Mapping[str, Any] | None = None) -> int:
    """Lock the seats that match the condition, in the order of their ids. Returns how many.

    `values` are those of the parameters that the condition names.
    """
    return len(session.execute(select(Seat.id).where(which).order_by(Seat.id).with_for_update(), values).all())


def lock_seats_of(session: Session, participant_ids: Collection[int]) -> None:
    """Lock all seats of these participants at once, for code that changes them one after another in another order."""
    lock_seats(session, Seat.participant_id.in_(participant_ids))


def lock_mails(session: Session, which: ColumnElement[bool]) -> Sequence[Mail]:
    """Lock the mails that match the condition, and return them, by id."""
    return session.scalars(select(Mail).where(which).order_by(Mail.id).with_for_update()).all()


def lock_free_seats(session: Session, ids: Collection[int]) -> set[int]:
    """Lock those of the seats that nobody else has locked, without waiting. Returns the ids of the others.

    The statements are built once, because every unit of work of a drain runs them.
    """
    locked = set(session.scalars(_FREE, {"seat_ids": list(ids)}))
    left = [seat_id for seat_id in ids if seat_id not in locked]
    return set(session.scalars(_THERE, {"seat_ids": left})) if left else set()


_THERE = select(_seat.c.id).where(_seat.c.id.in_(bindparam("seat_ids", expanding=True)))


def locking_what_is_free(statement: Select) -> Select:
    """The statement, so that it locks the rows that it selects and leaves out those that somebody else has locked. It
    waits for nobody, so their order doesn't matter."""
    return statement.with_for_update(skip_locked=True)


_FREE = locking_what_is_free(_THERE.order_by(_seat.c.id))


def wait_briefly(session: Session) -> None:
    """Let this transaction wait only briefly for somebody else's lock, then fail: see `is_in_the_way`."""
    if session.connection().dialect.name == "postgresql":
        session.execute(_BRIEFLY)


_BRIEFLY = text(f"SET LOCAL lock_timeout = '{pauses.LOCK_SECONDS}s'")


def is_in_the_way(error: BaseException) -> bool:
    """Whether the database refused only because somebody else had locked the same rows: the unit may be repeated."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in IN_THE_WAY


IN_THE_WAY = ("40001", "40P01", "55P03")
"""PostgreSQL's codes for a transaction that conflicted with another, for a deadlock, and for a lock that was not free
in time."""
