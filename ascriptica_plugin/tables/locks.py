"""In which order rows are locked, so that nobody waits in a circle: people, courses by id, participants, seats by id.

Whoever locks several kinds begins with the first. The drain's lease (`ledger.lease`) is locked before any seat.
"""

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from .canvas import Seat, Settings
from .columns import begin_writing, change
from .office import Course


def lock_people(session: Session) -> None:
    """Be the only one who enters people until the transaction ends, so that nobody is entered twice.

    To be called before any course is locked, and before looking for who is there.
    """
    begin_writing(session)
    session.execute(select(Settings.id).with_for_update())


def lock_course(session: Session, course: Course) -> None:
    """Be the only one who changes the course until the transaction ends; what is read of it afterwards is true."""
    begin_writing(session)
    session.flush()
    change(session, update(Course).where(Course.id == course.id).values(places_taken=Course.places_taken))
    session.expire(course)


def lock_seats(session: Session, which: ColumnElement[bool]) -> None:
    """Lock the seats that the condition picks, in the order of their ids."""
    session.execute(select(Seat.id).where(which).order_by(Seat.id).with_for_update())
