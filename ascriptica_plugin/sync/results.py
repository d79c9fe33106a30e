"""Fetches the results of a course: completions and scores, a page at a time, behind the people who just registered."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session

from ..canvas.client import CanvasClient
from ..canvas.errors import CanvasError, NotFound, PermissionMissing, Refused
from ..canvas.shapes import Enrollment, Progress
from ..ledger import activity, last_activity, results, results_to_fetch
from ..shared.said import Said
from ..tables.columns import begin_writing
from ..tables.office import Association
from .tasks import Call, Walk

AT_ONCE = 1
"""How many courses' results are fetched at once, so that most of the flight is left to people."""


def fetch_walk(session: Session, connection_id: int, course_id: int, now: Callable[[], datetime]) -> Walk:
    """The walk that fetches one course's results: what the course wants, or everything if somebody asked for a course
    that wants nothing. If something can't be fetched, that is noted and stops nothing else."""
    since, wishes = now(), results_to_fetch.wishes_of(session, course_id)
    completed, score, owed_at = wishes.completed, wishes.score, wishes.owed_at
    if not (completed or score):
        completed = score = True
    at = session.get_one(Association, course_id).canvas_course_id
    if at is None:
        return
    place, problems = (connection_id, at), []
    try:
        if completed:
            problems += yield from _progress(session, course_id, place, now)
        if score:
            problems += yield from _scores(session, course_id, place, now)
    except NotFound:
        problems = ["course_gone"]
    except CanvasError as error:
        begin_writing(session)
        results_to_fetch.tried(session, course_id, now(), error.said)
        return
    begin_writing(session)
    for problem in results_to_fetch.done(session, course_id, since, owed_at, now(), problems):
        words = results_to_fetch.in_words(problem)
        activity.note(session, now(), activity.US, "missed results", words, course_id=course_id)


def put_off(session: Session, course_id: int, now: datetime) -> None:
    """Store that a fetch failed on our side."""
    results_to_fetch.tried(session, course_id, now, Said("our_side"))


def _progress(session: Session, course_id: int, place: tuple[int, int], now: Callable[[], datetime]) -> Walk:
    link = None
    while True:
        try:
            page: tuple[list[Progress], str | None] = yield _page(CanvasClient.course_progress, place[1], link)
        except PermissionMissing:
            return ["progress_refused"]
        except Refused:
            return ["no_modules"]
        found, link = page
        begin_writing(session)
        results.store_progress(session, course_id, place, found, now())
        if link is None:
            return []


def _scores(session: Session, course_id: int, place: tuple[int, int], now: Callable[[], datetime]) -> Walk:
    link, refused, seen = None, False, set[int]()
    while True:
        page: tuple[list[Enrollment], str | None] = yield _page(CanvasClient.course_enrollments, place[1], link)
        found, link = page
        refused = refused or any(one.scores is None for one in found)
        seen |= results.still_there(found)
        begin_writing(session)
        last_activity.note(session, place[0], found, now())
        results.store_scores(session, course_id, place, found, now())
        if link is None:
            break
    problems = ["scores_refused"] if refused else []
    return problems + (["people_gone"] if results.anybody_gone(session, course_id, place[0], seen) else [])


def _page(method: Callable, canvas_course_id: int, link: str | None) -> Call:
    return lambda canvas: method(canvas, canvas_course_id, link)
