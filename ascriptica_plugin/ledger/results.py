"""The results of a course: what Canvas says about completions and scores, and what is known about each registration.

Never commits. Whether somebody has passed is decided in `passing`.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from .. import signals
from ..canvas.shapes import Enrollment, Progress
from ..tables.columns import upsert_into
from ..tables.ledger import Match
from ..tables.office import Association, Course, Participant, Registration
from ..tables.results import Result
from . import rows

THERE = (*rows.LIVE, "completed")
"""The states of an enrollment whose score Canvas shows."""


# -- what Canvas says -------------------------------------------------------------------------------------------------


def store_progress(
    session: Session, course_id: int, place: tuple[int, int], found: Iterable[Progress], now: datetime
) -> None:
    """Store how far people are. `place`: the connection and the Canvas course."""
    by_user = {one.user_id: one for one in found}
    values = []
    for registration_id, user_id in _registered(session, course_id, place[0], by_user):
        one = by_user[user_id]
        completed = {"completed_at": one.completed_at, "first_completed_at": one.completed_at}
        values.append(
            _values(registration_id, place)
            | completed
            | {"progress_at": now, "requirements": one.requirements, "requirements_met": one.met}
        )
    first = func.coalesce(Result.first_completed_at, upsert_into(session, Result).excluded.first_completed_at)
    store(session, values, first_completed_at=first)


def store_scores(
    session: Session, course_id: int, place: tuple[int, int], found: Sequence[Enrollment], now: datetime
) -> None:
    """Store people's scores. Rows that are not live any more, and scores that nobody may see, change nothing."""
    listed = [one for one in found if one.scores is not None and one.state in THERE]
    by_user = {one.user_id: one.scores for one in listed}
    values = []
    for registration_id, user_id in _registered(session, course_id, place[0], by_user):
        its = by_user[user_id]
        if its is not None:
            scores = {"current_score": its.current, "final_score": its.final, "override_score": its.override}
            values.append(_values(registration_id, place) | scores | {"scores_at": now})
    store(session, values)


def still_there(found: Iterable[Enrollment]) -> set[int]:
    """The Canvas users who are in the course, or were until it ended."""
    return {one.user_id for one in found if one.state in THERE}


def anybody_gone(session: Session, course_id: int, connection_id: int, there: set[int]) -> bool:
    """Whether somebody registered, whose score Canvas showed before, is not there any more."""
    found = (
        select(Match.canvas_user_id)
        .join(Registration, Registration.participant_id == Match.participant_id)
        .join(Result, Result.registration_id == Registration.id)
        .where(Match.connection_id == connection_id, Registration.course_id == course_id)
        .where(Registration.status == "registered", Result.scores_at.is_not(None))
    )
    return any(number not in there for number in session.scalars(found))


def _values(registration_id: int, place: tuple[int, int]) -> dict[str, Any]:
    return {"registration_id": registration_id, "connection_id": place[0], "canvas_course_id": place[1]}


def _registered(session: Session, course_id: int, connection_id: int, users: Collection[int]) -> list[tuple[int, int]]:
    """The course's registrations of these Canvas users, with the users' ids."""
    found = (
        select(Registration.id, Match.canvas_user_id)
        .join(Match, and_(Match.participant_id == Registration.participant_id, Match.connection_id == connection_id))
        .where(Registration.course_id == course_id, Registration.status == "registered")
        .where(Match.canvas_user_id.in_(users))
        .order_by(Registration.id)
    )
    return [(row[0], row[1]) for row in session.execute(found) if row[1] is not None] if users else []


def store(session: Session, values: list[dict[str, Any]], **better: ColumnElement) -> None:
    """Store these columns of results, and announce what changes. `better`: what a column gets instead of its value."""
    if not values:
        return
    _announce_changes(session, values)
    upsert = upsert_into(session, Result)
    fresh = {name: upsert.excluded[name] for name in values[0] if name != "registration_id"} | better
    session.execute(upsert.on_conflict_do_update(index_elements=["registration_id"], set_=fresh), values)


SAID_OF = ("completed_at", "current_score", "final_score", "override_score", "passed")
"""A change of one of these sends the host a signal."""


def _announce_changes(session: Session, values: list[dict[str, Any]]) -> None:
    """Send a host what changes in these results. Called before they are stored."""
    if not signals.is_awaited(signals.result_changed):
        return
    ids = [one["registration_id"] for one in values]
    stored = select(Result).where(Result.registration_id.in_(ids)).execution_options(populate_existing=True)
    before = {one.registration_id: one for one in session.scalars(stored)}
    named = [name for name in SAID_OF if name in values[0]]
    changed = {
        one["registration_id"]
        for one in values
        if any(one[name] != getattr(before.get(one["registration_id"]), name, None) for name in named)
    }
    announce(session, Registration.id.in_(changed))


def announce(session: Session, which: ColumnElement[bool]) -> None:
    """Send a host the signal about the results of these registrations once the transaction is committed."""
    people = (
        select(Registration.id, Participant.key, Participant.email, Course.code)
        .join(Participant, Participant.id == Registration.participant_id)
        .join(Course, Course.id == Registration.course_id)
    )
    for number, key, email, code in session.execute(people.where(which)):
        what = {"key": key, "email": email, "course": code, "registration_id": number}
        signals.later(session, signals.result_changed, **what)


# -- what is known ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Known:
    """One registration's result. `score` is in percent; `score_kind`: override, final, or current while it runs.

    `undone`: it was completed, and Canvas says now that requirements are missing. `passed`: None is not decided.
    """

    registration_id: int
    completed_at: datetime | None
    requirements: int | None
    requirements_met: int | None
    undone: bool
    score: float | None
    score_kind: str | None
    passed: bool | None
    passed_how: str | None
    passed_at: datetime | None
    fetched_at: datetime | None


def of_registrations(session: Session, ids: Collection[int], now: datetime) -> dict[int, Known]:
    """What is known about these registrations, by their ids."""
    found = session.execute(
        select(Result, Course.ends_at, Association.concluded)
        .join(Registration, Registration.id == Result.registration_id)
        .join(Course, Course.id == Registration.course_id)
        .outerjoin(Association, Association.course_id == Course.id)
        .where(Result.registration_id.in_(ids))
    )
    return {its.registration_id: _known(its, _is_over(ends_at, concluded, now)) for its, ends_at, concluded in found}


def _is_over(ends_at: datetime | None, concluded: bool | None, now: datetime) -> bool:
    return bool(concluded) or (ends_at is not None and ends_at <= now)


def _known(its: Result, is_over: bool) -> Known:
    score, kind = its.override_score, "override"
    if score is None:
        score, kind = (its.final_score, "final") if is_over else (its.current_score, "current")
    times = [at for at in (its.progress_at, its.scores_at) if at is not None]
    return Known(
        its.registration_id,
        its.completed_at,
        its.requirements,
        its.requirements_met,
        its.completed_at is None and its.first_completed_at is not None,
        score,
        kind if score is not None else None,
        its.passed,
        its.passed_how,
        its.passed_at,
        max(times, default=None),
    )
