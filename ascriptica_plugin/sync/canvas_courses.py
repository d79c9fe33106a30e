"""When the worker looks up the Canvas courses and sections of our courses, and what it does with the answers."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, and_, case, not_, or_, select, update
from sqlalchemy.orm import Session

from ..canvas.errors import CanvasError
from ..ledger import associations, claims
from ..shared import pauses
from ..shared.process_log import about
from ..shared.said import Said
from ..tables import locks
from ..tables.columns import change
from ..tables.office import Association, Course
from .looking_up import look_up, state_of
from .tasks import Walk

log = logging.getLogger(__name__)

OUR_FAULT = Said("our_side")

AT_ONCE = 20
"""At most this many courses are looked up at once, so seats never wait for all of them."""


def to_look_up(session: Session, connection_id: int, now: datetime) -> list[int]:
    """The courses whose association is due to be looked up: those not found yet, and those whose Canvas course may have
    been published, unpublished, concluded or renamed since."""
    looked_up_at, shut = Association.looked_up_at, _is_shut(now)
    aged = or_(looked_up_at <= now - pauses.LOOK_UP_FRESH, and_(shut, looked_up_at <= now - pauses.LOOK_UP_AGAIN))
    asked = or_(
        Association.look_up_at <= now,
        # A time later than any pause allows was set by a clock that has stepped back since.
        Association.look_up_at > now + 2 * pauses.LOOK_UP_AGAIN,
        and_(Association.look_up_at.is_(None), aged),
    )
    still_on = and_(Course.cancelled_at.is_(None), or_(Course.ends_at.is_(None), Course.ends_at > now))
    return list(
        session.scalars(
            select(Association.course_id)
            .join(Course, Course.id == Association.course_id)
            .where(Association.connection_id == connection_id, asked)
            .where(or_(Association.canvas_course_id.is_(None), still_on))
            .order_by(Association.looked_up_at.nulls_first())
            .limit(AT_ONCE)
        )
    )


def _is_shut(now: datetime) -> ColumnElement[bool]:
    """SQL for the associations of Canvas courses that people can't enter now, or when our course starts."""
    starts = select(Course.starts_at).where(Course.id == Association.course_id).correlate(Association).scalar_subquery()
    return or_(
        not_(Association.published),
        Association.concluded,
        Association.trouble.is_not(None),
        Association.opens_at > now,
        Association.closes_at <= case((starts > now, starts), else_=now),
    )


def look_up_again(session: Session, connection_id: int, now: datetime) -> int:
    """Have the courses that were not found, or take nobody, looked up now, because a person asked. Returns how many."""
    waiting = or_(Association.problem.is_not(None), _is_shut(now))
    asked = update(Association).where(Association.connection_id == connection_id, waiting).values(look_up_at=now)
    session.info[claims.RANG] = True
    return change(session, asked)


def look_up_too(session: Session, connection_id: int, canvas_course_id: int, now: datetime) -> None:
    """Have the course's state and dates looked up, too: a person asked for a read, which shows only people."""
    there = (Association.connection_id == connection_id, Association.canvas_course_id == canvas_course_id)
    change(session, update(Association).where(*there).values(look_up_at=now))


def look_up_walk(session: Session, course_id: int, now: Callable[[], datetime]) -> Walk:
    """The walk that looks up one association, and then gives the course's participants their seats."""
    typed = session.get_one(Association, course_id, populate_existing=True)
    if typed.canvas_course_id is not None:
        yield from _refresh(session, typed, now)
        return
    found = Association(
        course_id=course_id,
        connection_id=typed.connection_id,
        canvas_course=typed.canvas_course,
        canvas_section=typed.canvas_section,
    )
    try:
        outcome = yield lambda canvas: look_up(canvas, found, now())
        problem = outcome.sentence
    except CanvasError as failed:
        problem = failed.said
    except Exception:
        its = about(connection=found.connection_id, course=course_id, looked_for=found.canvas_course)
        log.exception("Looking up %s in Canvas failed unexpectedly.", found.canvas_course, extra=its)
        problem = OUR_FAULT
    course = session.get_one(Course, course_id)
    locks.lock_course(session, course)
    still = session.get(Association, course_id, populate_existing=True)
    asked_for = ("connection_id", "canvas_course", "canvas_section")
    if still is None or any(getattr(still, name) != getattr(found, name) for name in asked_for):
        return
    if problem:
        still.problem, still.look_up_at = problem, now() + pauses.LOOK_UP_AGAIN
        session.flush()
    else:
        associations.lead_to(session, course_id, found, now())


def put_off(session: Session, connection_id: int, course_id: int, now: datetime) -> None:
    """Store that a look-up failed on our side. What we know of the Canvas course stays."""
    typed = session.get(Association, course_id, populate_existing=True)
    if typed is not None and typed.connection_id == connection_id:
        typed.look_up_at = now + pauses.LOOK_UP_AGAIN
        if typed.canvas_course_id is None:
            typed.problem = OUR_FAULT


def _refresh(session: Session, known: Association, now: Callable[[], datetime]) -> Walk:
    """Get the current name, state and dates of a Canvas course that was found before. Its id stays, even if the SIS ID
    that was typed now belongs to another course: only a person moves people."""
    course_id, canvas_section_id = known.course_id, known.canvas_section_id
    connection_id, canvas_course_id = cast(int, known.connection_id), cast(int, known.canvas_course_id)
    values: dict[str, Any] = {"look_up_at": None, "looked_up_at": now()}
    try:
        values |= yield lambda canvas: state_of(canvas, canvas_course_id, canvas_section_id)
    except Exception as error:
        if not isinstance(error, CanvasError):
            its = about(connection=connection_id, course=course_id, canvas_course=canvas_course_id)
            log.exception("Refreshing Canvas course %s failed unexpectedly.", canvas_course_id, extra=its)
        values = {"look_up_at": now() + pauses.LOOK_UP_AGAIN}
    keep(session, course_id, connection_id, canvas_course_id, values)


def keep(session: Session, course_id: int, connection_id: int, canvas_course_id: int, values: dict[str, Any]) -> None:
    """Store the state of a Canvas course, unless our course has another Canvas course by now."""
    same = (Association.connection_id == connection_id, Association.canvas_course_id == canvas_course_id)
    change(session, update(Association).where(Association.course_id == course_id, *same).values(**values))
