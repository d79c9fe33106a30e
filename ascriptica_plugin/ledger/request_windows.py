"""Windows that stay open: a request may have made an enrollment in a course that was gone when we looked. Never
commits."""

from collections.abc import Collection

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ..canvas.shapes import Enrollment
from ..shared import pauses
from ..tables.columns import change
from ..tables.ledger import DEFAULT_SECTION
from ..tables.requests import Window
from .requests import Out
from .rows import LIVE, ShownRow


def keep(session: Session, connection_id: int, out: Out, canvas_user_id: int) -> None:
    """Remember the request until the course is back."""
    session.add(
        Window(
            connection_id=connection_id,
            canvas_user_id=canvas_user_id,
            canvas_course_id=out.canvas_course_id,
            canvas_section_id=out.canvas_section_id or DEFAULT_SECTION,
            seat_id=out.seat_id,
            opens_at=out.first_sent_at - pauses.CLOCK_TOLERANCE,
            closes_at=out.carried_out_by + pauses.CLOCK_TOLERANCE,
        )
    )
    session.flush()


def of(session: Session, connection_id: int, shown: Collection[ShownRow]) -> list[Window]:
    """The open windows of the users whose live rows were shown."""
    users = {one.row.user_id for one in shown if one.row.state in LIVE and not one.granted}
    if not users:
        return []
    theirs = (Window.connection_id == connection_id, Window.canvas_user_id.in_(users))
    return list(session.scalars(select(Window).where(*theirs)))


def close(session: Session, windows: list[Window], row: Enrollment) -> int | None:
    """Close the window through which this new row came. Returns its seat, or None if there is none."""
    for one in windows:
        asked_for = one.canvas_section_id or one.canvas_course_id
        is_there = asked_for == (row.section_id if one.canvas_section_id else row.course_id)
        is_theirs = one.canvas_user_id == row.user_id and row.state in LIVE
        if is_there and is_theirs and one.opens_at <= row.created_at <= one.closes_at:
            change(session, delete(Window).where(Window.id == one.id))
            return one.seat_id
    return None
