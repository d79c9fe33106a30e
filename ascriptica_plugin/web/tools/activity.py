"""/tools/log, the activity log: who did what, when, to whom, and what Canvas answered."""

from datetime import datetime

from flask import render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import joinedload

from ...office import people
from ...tables.office import Course, LogEntry, Participant
from ..base import blueprint, for_administrators, plugin, session, typed_search

A_PAGE = 100
A_LOOK = 100_000
"""One request searches this many entries, so that it takes no longer when the log is long."""

LATELY = 5000


@blueprint.get("/tools/log")
@for_administrators
def log_entries() -> ResponseReturnValue:
    """The entries, newest first. `before` is the id at which the previous page or search ended."""
    q = typed_search("q")
    what = request.args.get("what", "").replace("\x00", "")
    before = request.args.get("before", type=int)
    end = _newest() + 1
    end = max(0, min(before, end)) if before is not None else end
    which = [LogEntry.id < end, LogEntry.id >= end - A_LOOK]
    which += [LogEntry.what == what] if what else []
    which += [_matches(q)] if q else []
    found = session().scalars(
        select(LogEntry)
        .where(*which)
        .options(joinedload(LogEntry.participant), joinedload(LogEntry.course))
        .order_by(LogEntry.id.desc())
        .limit(A_PAGE + 1)
    )
    entries = found.all()
    older, searched_to = entries[A_PAGE - 1].id if len(entries) > A_PAGE else None, None
    if older is None and (searched_to := _newest_before(end - A_LOOK)):
        older = end - A_LOOK
    return render_template(
        "ascriptica/log.html",
        entries=entries[:A_PAGE],
        older=older,
        searched_to=searched_to,
        before=before,
        q=q,
        what=what,
        verbs=sorted({*_verbs(), what} - {""}),
        days=plugin().log_kept.days,
    )


def _newest() -> int:
    return session().scalar(select(func.max(LogEntry.id))) or 0


def _newest_before(number: int) -> datetime | None:
    """The time of the newest entry below this id, if there is one."""
    older = select(LogEntry.at).where(LogEntry.id < number).order_by(LogEntry.id.desc()).limit(1)
    return session().scalar(older)


def _matches(q: str) -> ColumnElement[bool]:
    return or_(
        LogEntry.who.icontains(q, autoescape=True),
        LogEntry.words.icontains(q, autoescape=True),
        LogEntry.participant_id.in_(select(Participant.id).where(people.matching(q))),
        LogEntry.course_id.in_(select(Course.id).where(Course.code.icontains(q, autoescape=True))),
    )


def _verbs() -> list[str]:
    """The kinds of the latest entries; for all kinds the whole log would have to be read."""
    lately = select(LogEntry.what).order_by(LogEntry.id.desc()).limit(LATELY).subquery()
    return list(session().scalars(select(lately.c.what).distinct()))
