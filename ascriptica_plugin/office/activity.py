"""The activity log: who did what, when, to whom, and what Canvas answered. Written in the change's own transaction.

The caller makes sure that `words` hold no secret.
"""

from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Table, delete, insert
from sqlalchemy.orm import Session

from ..tables.columns import change
from ..tables.office import LogEntry

US = "Ascriptica"
"""The `who` of what the worker does."""

_INSERT = insert(cast(Table, LogEntry.__table__))


def note(
    session: Session,
    now: datetime,
    who: str,
    what: str,
    words: str = "",
    *,
    participant_id: int | None = None,
    course_id: int | None = None,
) -> None:
    """Add an entry; it takes effect when the caller commits. `who` is an email or `US`, `what` a verb of ours."""
    write(session, [entry(now, who, what, words, participant_id=participant_id, course_id=course_id)])


def entry(
    now: datetime,
    who: str,
    what: str,
    words: str = "",
    *,
    participant_id: int | None = None,
    course_id: int | None = None,
) -> dict[str, Any]:
    """An entry for `write`; `words` are cut to 2000 characters."""
    whom = {"participant_id": participant_id, "course_id": course_id}
    return {"at": now, "who": who, "what": what, "words": words[:2000], **whom}


def write(session: Session, entries: list[dict[str, Any]]) -> None:
    """Add entries; they take effect when the caller commits."""
    if entries:
        session.execute(_INSERT, entries)


def forget_old(session: Session, now: datetime, kept: timedelta) -> int:
    """Delete entries older than `kept`. Returns how many."""
    return change(session, delete(LogEntry).where(LogEntry.at < now - kept))
