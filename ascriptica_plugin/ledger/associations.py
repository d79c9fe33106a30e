"""Leads a course's people to a Canvas course: that one is read again, and their seats are claimed there. Never
commits."""

from datetime import datetime

from sqlalchemy.orm import Session

from ..tables.office import Association
from . import claims, reads


def lead_to(session: Session, course_id: int, association: Association, now: datetime) -> None:
    """Store the course's association, and claim the matching seats for its registered participants.

    The caller holds the course row's lock. Without a Canvas course, the worker is woken to look it up.
    """
    before = session.get(Association, course_id)
    at = before.canvas_course_id if before is not None else None
    association.course_id = course_id
    for column in Association.__table__.columns:
        # merge() copies only what is set, so facts of the old association would stay where the new one has none.
        if column.key not in vars(association):
            setattr(association, column.key, column.default.arg if column.default is not None else None)
    session.merge(association)
    session.flush()
    if association.canvas_course_id is None:
        session.info[claims.RANG] = True
    elif association.connection_id is not None:
        # The course is read before anybody is enrolled; what was read for another course of ours may be too old.
        owe = reads.owe_first if at == association.canvas_course_id else reads.owe
        owe(session, association.connection_id, association.canvas_course_id, now)
    claims.claim(session, course_id, now)
