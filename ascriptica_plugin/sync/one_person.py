"""Looks at one person in Canvas now, because somebody asks on a page: at most five calls."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime

from sqlalchemy.orm import Session

from ..canvas.client import CanvasClient
from ..canvas.errors import NotFound
from ..canvas.shapes import Enrollment
from ..ledger import claims, last_activity, matches, rows
from ..ledger.rows import ShownRow
from ..tables.canvas import Connection
from ..tables.ledger import Match
from ..tables.office import Association
from . import canvas_courses, looking_up, storing

COURSES = 2
"""How many Canvas courses are looked at, in two calls each; one call reads the person's enrollments."""


def look(
    session: Session,
    ask: Callable[[Connection], AbstractContextManager[CanvasClient]],
    connection: Connection,
    participant_id: int,
    associations: Sequence[Association],
    now: Callable[[], datetime],
) -> bool:
    """Read the person's enrollments and the first `COURSES` Canvas courses, and store what Canvas says; commits.

    Returns whether we know who the person is in Canvas, and Canvas showed them. Raises CanvasError with a sentence.
    """
    connection_id, asked_at = connection.id, now()
    known = session.get(Match, (connection_id, participant_id), populate_existing=True)
    user_id = known.canvas_user_id if known is not None else None
    at = (known.address if known is not None else None) or user_id
    places = [
        (one.course_id, one.canvas_course_id, one.canvas_section_id)
        for one in associations
        if one.canvas_course_id is not None
    ][:COURSES]
    theirs: list[Enrollment] | None = None
    with ask(connection) as canvas:
        try:
            theirs = canvas.enrollments_of(at) if user_id is not None and at is not None else None
        except NotFound:
            # The worker's look finds out who they are now.
            theirs = None
        states = [looking_up.state_of(canvas, course, section) for _, course, section in places]
    if theirs is not None and user_id is not None:
        used = {row.canvas_course_id for row in rows.known_of_user(session, connection_id, user_id)}
        # Finding out whether an enrollment was concluded by hand, or ended with its course, takes more calls. The
        # worker does that.
        shown = [
            ShownRow(row, asked_at=asked_at) for row in theirs if row.course_id in used and row.state != "completed"
        ]
        storing.store_shown(session, connection_id, shown, now())
        last_activity.note(session, connection_id, theirs, now())
    if user_id is not None:
        matches.look_later(session, connection_id, participant_id, now())
        session.info[claims.RANG] = True
    for (course_id, canvas_course_id, _), state in zip(places, states, strict=True):
        canvas_courses.keep(session, course_id, connection_id, canvas_course_id, state | {"looked_up_at": now()})
    session.commit()
    return theirs is not None
