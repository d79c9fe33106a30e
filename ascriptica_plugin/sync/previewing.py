"""Reads a Canvas course for a preview, which a person waits for. Writes nothing but the preview."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session

from ..canvas.client import CanvasClient
from ..canvas.errors import CanvasError
from ..canvas.shapes import Enrollment
from ..office import previews
from ..shared.said import Said
from ..tables.asking import Preview
from ..tables.columns import begin_writing
from .tasks import Call, Walk


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
    previews.heard(session, course_id, asked_at, now(), roster, problem)


def _page(canvas_course_id: int, link: str | None) -> Call:
    def call(canvas: CanvasClient) -> tuple[list[Enrollment], str | None]:
        return canvas.course_people(canvas_course_id, link)

    return call


def put_off(session: Session, course_id: int, now: datetime) -> None:
    """Store that reading it failed on our side."""
    asked = session.get(Preview, course_id, populate_existing=True)
    if asked is not None and asked.read_at is None:
        previews.heard(session, course_id, asked.asked_at, now, [], Said("our_side"))
