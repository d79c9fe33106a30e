"""The activity log: who did what, when, to whom, and what Canvas answered. Written in the change's own transaction.

The details of an entry are a code with parameters (`said`). The caller makes sure that they hold no secret.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Table, delete, func, insert, select, update
from sqlalchemy.orm import Session

from ..shared.said import Said
from ..tables.columns import change
from ..tables.office import LogEntry

US = "Ascriptica"
"""The `who` of entries about what the worker does."""

_ACT = "ascriptica_act"
"""In `session.info`: the id of the act whose parts are being written."""

_INSERT = insert(cast(Table, LogEntry.__table__))


def note(
    session: Session,
    now: datetime,
    who: str,
    what: str,
    words: Said | None = None,
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
    words: Said | None = None,
    *,
    participant_id: int | None = None,
    course_id: int | None = None,
) -> dict[str, Any]:
    """An entry for `write`."""
    whom = {"participant_id": participant_id, "course_id": course_id}
    return {"at": now, "who": who, "what": what, "words": words, **whom}


def write(session: Session, entries: list[dict[str, Any]]) -> None:
    """Add entries; they take effect when the caller commits. Within an act they are parts of it."""
    if entries:
        act_id = session.info.get(_ACT)
        session.execute(_INSERT, [{"part_of": act_id, **one} for one in entries])


def begin_act(
    session: Session,
    now: datetime,
    who: str,
    what: str,
    words: Said | None = None,
    *,
    participant_id: int | None = None,
    course_id: int | None = None,
) -> int:
    """Add the entry of an act that has parts, such as one on several people; they are written `within` it. It may be
    part of another act. Returns its id."""
    made = entry(now, who, what, words, participant_id=participant_id, course_id=course_id)
    made["part_of"] = session.info.get(_ACT)
    return session.scalars(insert(LogEntry).values(**made).returning(LogEntry.id)).one()


@contextmanager
def within(session: Session, act_id: int, words: Said | None = None) -> Iterator[None]:
    """Make entries that are written meanwhile parts of the act. Then store in it how many people they are about, and
    its `words` if given."""
    before = session.info.get(_ACT)
    session.info[_ACT] = act_id
    try:
        yield
    finally:
        session.info[_ACT] = before
    people = select(func.count(LogEntry.participant_id.distinct())).where(LogEntry.part_of == act_id)
    facts: dict[str, Any] = {"people": people.scalar_subquery()}
    if words is not None:
        facts["words"] = words
    change(session, update(LogEntry).where(LogEntry.id == act_id).values(**facts))


def is_within(session: Session) -> bool:
    """Whether entries that are written now are parts of an act."""
    return session.info.get(_ACT) is not None


def forget_old(session: Session, now: datetime, kept: timedelta) -> int:
    """Delete entries older than `kept`. Returns how many."""
    return change(session, delete(LogEntry).where(LogEntry.at < now - kept))
