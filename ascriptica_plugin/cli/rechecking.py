"""flask ascriptica recheck: have Canvas courses read again, and wait until they were."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from .. import clock, retry, signals
from ..ledger import reads
from ..ledger.causes import CAUSES
from ..sync import drain
from ..sync.clients import Canvases
from ..tables.canvas import Connection, CourseRead, load_settings
from ..tables.columns import begin_writing
from ..tables.office import Association, Course

LOOK_SECONDS = 0.5
"""How often we look whether the courses were read."""


@dataclass
class Recheck:
    """The courses of one connection that were asked for at `since`, and those of them that are not read yet."""

    engine: Engine
    connection_id: int
    since: datetime
    waiting: set[int]
    problems: dict[int, str] = field(default_factory=dict)
    looked_at: float = 0.0
    moved_at: float = field(default_factory=time.monotonic)

    def is_over(self) -> bool:
        """Whether all were read or failed, or nothing happened for `retry.RECHECK_SECONDS`. Asks now and then."""
        if time.monotonic() - self.looked_at >= LOOK_SECONDS:
            self._look()
            self.looked_at = time.monotonic()
        return not self.waiting or time.monotonic() - self.moved_at > retry.RECHECK_SECONDS

    def _look(self) -> None:
        # A session of its own: the drain's is in the middle of something.
        with Session(self.engine) as session:
            here = (CourseRead.connection_id == self.connection_id, CourseRead.canvas_course_id.in_(self.waiting))
            found = session.scalars(select(CourseRead).where(*here)).all()
        before = len(self.waiting)
        for read in found:
            if read.problem and read.tried_at is not None and read.tried_at >= self.since:
                self.problems[read.canvas_course_id] = read.problem
            elif read.owed_at is not None and read.owed_at <= self.since:
                continue
            self.waiting.discard(read.canvas_course_id)
        if len(self.waiting) < before:
            self.moved_at = time.monotonic()


def recheck(
    session: Session, engine: Engine, canvases: Canvases, code: str | None, *, everything: bool
) -> Iterator[str]:
    """Have one course, everything in use, or everything that we ever used read; yields a line for each Canvas course.

    Reads by itself if no other worker drains, else waits for that one. Raises ValueError with a sentence if nothing can
    be read, and TimeoutError if not everything was.
    """
    settings = load_settings(session)
    connection = settings.connection
    if connection is None or not settings.display_canvas:
        raise ValueError("Canvas is switched off, or not connected yet.")
    now = clock.database_clock(session)()
    begin_writing(session)
    waiting = _ask(session, connection, code, everything=everything, now=now)
    if connection.hold_cause:
        # Because a person asked, Canvas is tried at once.
        connection.hold_until_at = now
    session.commit()
    asked, run = sorted(waiting), Recheck(engine, connection.id, now, waiting)
    # As in the worker, the drain keeps one connection to the database.
    with engine.connect() as kept, Session(kept) as own:
        signals.listen(own)
        while not run.is_over():
            drain.drain(own, canvases, run.is_over)
            session.refresh(connection)
            hold = connection.hold_cause
            session.commit()
            if hold and not run.is_over():
                raise TimeoutError(f"{CAUSES[hold].title}. What is left is read as soon as that is over.")
            if not run.is_over():
                time.sleep(LOOK_SECONDS)
    names = _names(session, connection.id)
    for canvas_course_id in asked:
        state = run.problems.get(canvas_course_id, "not read yet" if canvas_course_id in run.waiting else "read")
        yield f"Canvas course {canvas_course_id}{names.get(canvas_course_id, '')}: {state}"
    if run.waiting:
        raise TimeoutError("Not everything was read in time. The worker goes on with it.")


def _ask(session: Session, connection: Connection, code: str | None, *, everything: bool, now: datetime) -> set[int]:
    """Write down what is to be read. Returns the Canvas courses."""
    if code is None:
        reads.owe_everything(session, connection.id, now, in_use=not everything)
        owed = select(CourseRead.canvas_course_id).where(
            CourseRead.connection_id == connection.id, CourseRead.owed_at == now
        )
        return set(session.scalars(owed))
    course = session.scalar(select(Course).where(func.lower(Course.code) == code.lower()))
    if course is None:
        raise ValueError(f"There is no course {code}.")
    association = course.association
    at = association.canvas_course_id if association and association.connection_id == connection.id else None
    if at is None:
        raise ValueError(f"{course.code} has no Canvas course that could be read.")
    reads.owe(session, connection.id, at, now)
    return {at}


def _names(session: Session, connection_id: int) -> dict[int, str]:
    """Our courses in each Canvas course, as the end of a phrase."""
    found = session.execute(
        select(Association.canvas_course_id, Course.code)
        .join(Course, Course.id == Association.course_id)
        .where(Association.connection_id == connection_id)
        .order_by(Course.code)
    )
    codes: dict[int, list[str]] = {}
    for canvas_course_id, code in found:
        if canvas_course_id is not None:
            codes.setdefault(canvas_course_id, []).append(code)
    return {number: f" ({', '.join(ours)})" for number, ours in codes.items()}
