"""Reads a Canvas course for a preview, which a person waits for. Writes nothing but the preview."""

from collections.abc import Callable, Collection
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ..canvas.client import CanvasClient
from ..canvas.errors import CanvasError
from ..canvas.shapes import Enrollment
from ..ledger import moves
from ..shared.said import Said
from ..tables.columns import begin_writing, change
from ..tables.office import Course
from ..tables.previews import Preview
from .tasks import Call, Walk


def to_read(session: Session, connection_id: int) -> list[int]:
    """The courses whose previews wait for a Canvas course to be read."""
    waiting = (Preview.connection_id == connection_id, Preview.canvas_course_id.is_not(None))
    return list(session.scalars(select(Preview.course_id).where(*waiting, Preview.read_at.is_(None))))


def preview_walk(session: Session, course_id: int, now: Callable[[], datetime]) -> Walk:
    """The walk that reads who is in the Canvas course of a preview."""
    asked = session.get(Preview, course_id, populate_existing=True)
    if asked is None or asked.canvas_course_id is None:
        return
    asked_at, canvas_course_id = asked.asked_at, asked.canvas_course_id
    roster: list[Enrollment] = []
    problem: Said | None = None
    link = None
    try:
        while True:
            page: tuple[list[Enrollment], str | None] = yield _page(canvas_course_id, link)
            found, link = page
            roster += found
            if link is None:
                break
    except CanvasError as error:
        problem = error.said
    begin_writing(session)
    _store(session, course_id, asked_at, now(), roster, problem)


def _page(canvas_course_id: int, link: str | None) -> Call:
    def call(canvas: CanvasClient) -> tuple[list[Enrollment], str | None]:
        return canvas.course_people(canvas_course_id, link)

    return call


def _store(
    session: Session,
    course_id: int,
    asked_at: datetime,
    now: datetime,
    roster: Collection[Enrollment],
    problem: Said | None,
) -> None:
    """Store what the Canvas course's live enrollments say about the course's people, or the problem of reading them.

    Nothing is kept about anybody else. A preview that was asked for since is still to be read.
    """
    preview = session.get(Preview, course_id, populate_existing=True)
    if preview is None or preview.asked_at != asked_at:
        return
    people = moves.people_of(session, preview, session.get_one(Course, course_id))
    there, teaching = moves.found_in(people, moves.place_of(preview), roster)
    mine = (Preview.course_id == course_id, Preview.asked_at == asked_at)
    values = {"read_at": now, "problem": problem, "there": there, "teaching": teaching}
    change(session, update(Preview).where(*mine).values(**values))


def put_off(session: Session, course_id: int, now: datetime) -> None:
    """Store that reading it failed on our side."""
    asked = session.get(Preview, course_id, populate_existing=True)
    if asked is not None and asked.read_at is None:
        _store(session, course_id, asked.asked_at, now, [], Said("our_side"))
