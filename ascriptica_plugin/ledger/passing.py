"""Decides who has passed a course, which is up to us and not to Canvas: by the course's rule, or by hand.

A pass is given once. It is taken away only by hand, whatever Canvas says later. Never commits.
"""

from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from .. import signals
from ..tables.columns import change
from ..tables.office import Registration
from ..tables.results import CourseResults, Result
from .results import announce, store


def decide(session: Session, course_id: int, now: datetime) -> None:
    """Give a pass to everybody who meets the course's rule, if nothing is decided about them yet.

    For a score it is the final one, or what a teacher set instead: in a running course the current one leaves out what
    is still to come.
    """
    wishes = session.get(CourseResults, course_id)
    if wishes is None or wishes.passes_by is None:
        return
    counts = func.coalesce(Result.override_score, Result.final_score)
    rule = Result.completed_at.is_not(None) if wishes.passes_by == "completed" else counts >= wishes.passes_from
    here = select(Registration.id).where(Registration.course_id == course_id)
    undecided = (Result.registration_id.in_(here), Result.passed.is_(None))
    if signals.is_awaited(signals.result_changed):
        announce(session, Registration.id.in_(select(Result.registration_id).where(*undecided, rule)))
    passed = {"passed": True, "passed_how": wishes.passes_by, "passed_at": now}
    change(session, update(Result).where(*undecided, rule).values(**passed))


def decide_by_hand(session: Session, registration_id: int, passed: bool, now: datetime) -> None:
    """The office says whether somebody has passed, whatever Canvas says."""
    values = {"registration_id": registration_id, "passed": passed, "passed_how": "hand", "passed_at": now}
    store(session, [values])
