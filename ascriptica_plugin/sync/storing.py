"""Stores the results of one turn of the drain: what was learned, which seats are settled, and what failed."""

import logging
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from .. import retry
from ..ledger import enrollments, settling
from ..ledger.causes import CAUSES
from ..ledger.work import Work
from ..office import activity
from . import failures
from .tasks import SeatTask

log = logging.getLogger(__name__)


def store(session: Session, connection_id: int, tasks: list[SeatTask], ours: bool, now: datetime) -> None:
    """Store what the seats' walks learned, and the result of each walk that has ended. Never commits.

    `ours`: the drain's lease is still ours. Facts are stored in any case; seats are settled only if it is.
    """
    enrollments.note_facts(session, connection_id, [task.work for task in tasks], ours)
    settled = [task.work for task in tasks if task.call is None and task.error is None]
    if ours:
        settling.settle(session, connection_id, settled, now)
        activity.write(
            session, [_entry(work, now, "enrolled in Canvas" if work.wanted else "ended in Canvas") for work in settled]
        )
    else:
        settling.make_due_again(session, settled, now)
    for task in tasks:
        if task.error is not None:
            _store_failure(session, connection_id, task.work, task.error, now)


def _store_failure(session: Session, connection_id: int, work: Work, error: BaseException, now: datetime) -> None:
    its = failures.of_seat(error, work.attempts)
    if its.parked:
        settling.park(session, work, its.cause, its.detail, now)
        log.error("%s is parked after %d tries: %s An administrator can try again.", work, retry.TRIES, its.detail)
        activity.write(session, [_entry(work, now, "parked", its.detail)])
    elif its.again_in is not None:
        due_at = now + its.again_in
        settling.retry_later(session, work, its.cause, its.detail, due_at)
        at = f"{due_at:%H:%M:%S} UTC"
        if its.unforeseen:
            log.error("%s: unforeseen. We try again at %s.", work, at, exc_info=error)
        else:
            log.warning("%s: %s We try again at %s.", work, its.detail, at)
    else:
        settling.hold(session, connection_id, work, its.cause, its.scope, its.detail, now)
        log.warning("%s waits: %s. %s", work, CAUSES[its.cause].title, its.detail)
        if (its.cause, its.scope) != (work.cause, work.cause_scope):
            activity.write(session, [_entry(work, now, "waits", f"{CAUSES[its.cause].title}. {its.detail}")])


def _entry(work: Work, now: datetime, what: str, words: str = "") -> dict[str, Any]:
    words = f"Canvas course {work.canvas_course_id}. {words}".strip()
    return activity.entry(now, activity.US, what, words, participant_id=work.participant_id)
