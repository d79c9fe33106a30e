"""Saves a course, or associates it with a Canvas course. Never commits."""

from collections.abc import Collection
from datetime import UTC, datetime, tzinfo
from textwrap import shorten
from typing import Any

from sqlalchemy import ColumnElement, String, func, literal, or_, select
from sqlalchemy.orm import Session, joinedload

from ..ledger import activity, associations, claims
from ..shared.said import Said, change_of
from ..tables.canvas import Connection
from ..tables.columns import UTCDateTime, begin_writing
from ..tables.folding import fold
from ..tables.locks import lock_course, locking_courses
from ..tables.office import Association, Course, Registration
from . import mails_to_participants
from .waitlist import move_up

NO_DATE = datetime(9000, 1, 1, tzinfo=UTC)
"""The date by which courses without a first day are sorted."""


def by_code(session: Session, codes: Collection[str], *, lock: bool) -> dict[str, Course]:
    """The courses with these codes, whatever their case, by the code in small letters.

    With `lock`, their rows are locked, always in the same order, so that transactions can't deadlock.
    """
    statement = (
        select(Course)
        .where(func.lower(Course.code).in_({code.lower() for code in codes}))
        .options(joinedload(Course.association))
        .order_by(Course.id)
    )
    if lock:
        statement = locking_courses(statement)
    return {course.code.lower(): course for course in session.scalars(statement)}


def by_title() -> ColumnElement[str]:
    """The text by which courses are sorted and searched: the title without case and accents."""
    # During an upgrade, the previous release still makes courses without `sorted_by`.
    return func.coalesce(func.nullif(Course.sorted_by, ""), func.lower(Course.title), type_=String())


def by_start() -> ColumnElement[datetime]:
    """The key that sorts courses by time: the first day. Courses without one come last."""
    return func.coalesce(Course.starts_at, literal(NO_DATE, UTCDateTime()))


def called(words: str) -> ColumnElement[bool]:
    """Condition on Course: its code or its title contains these words, whatever the case and accents."""
    return or_(Course.code.icontains(words, autoescape=True), by_title().contains(fold(words), autoescape=True))


def changes(course: Course, facts: dict[str, Any]) -> dict[str, Any]:
    """The facts that differ from the course's, and the association if it is among them."""
    return {name: value for name, value in facts.items() if name == "association" or getattr(course, name) != value}


def save(session: Session, course: Course, now: datetime, by: str, *, by_import: bool = False, **facts: Any) -> int:
    """Save an existing or new course with these facts: its columns, and `association` to give it a new one.

    Returns how many people moved up from the waitlist. Raises IntegrityError if another course has the code, or more
    people are registered than there would be places.
    """
    begin_writing(session)
    is_new = course.id is None
    if not is_new:
        lock_course(session, course)
    facts = changes(course, facts)
    associates, association = "association" in facts, facts.pop("association", None)
    differing = differences(course, {**facts, "association": association} if associates else facts)
    for name, value in facts.items():
        setattr(course, name, value)
    session.add(course)
    session.flush()
    if associates:
        associate(session, course, association, now)
    moved_up = 0 if is_new else move_up(session, course, now)
    if differing:
        what = "made a course" if is_new else "changed a course"
        words = Said("changes_by_import" if by_import else "changes", changes=differing)
        activity.note(session, now, by, what, words, course_id=course.id)
    return moved_up


def differences(course: Course, facts: dict[str, Any], timezone: tzinfo = UTC) -> list[Said]:
    """What saving these facts, which `changes` returned, would change, in words; times in this zone."""
    changed = [
        (name, _said(getattr(course, name), timezone), _said(value, timezone))
        for name, value in facts.items()
        if name != "association" or not _same_place(course.association, value)
    ]
    return [
        change_of(name, before, after) if before else Said("set", of=Said(f"of_{name}"), after=after)
        for name, before, after in changed
        if before or after
    ]


def _same_place(one: Association | None, other: Association | None) -> bool:
    typed = ("connection_id", "canvas_course", "canvas_section")
    return all(getattr(one, name, None) == getattr(other, name, None) for name in typed)


def _leads_to_the_same(one: Association | None, other: Association) -> bool:
    """Whether people enter the same Canvas course as before, as far as that is known yet."""
    if one is None or one.connection_id != other.connection_id:
        return False
    return one.canvas_course == other.canvas_course or one.canvas_course_id == other.canvas_course_id


def _said(value: Any, timezone: tzinfo) -> str:
    if isinstance(value, Association):
        return f"{value.canvas_course} {value.canvas_section or ''}".strip()
    if isinstance(value, datetime):
        return f"{value.astimezone(timezone):%Y-%m-%d %H:%M %Z}"
    return "" if value is None else shorten(str(value), 80, placeholder="…")


def to_look_up(connection: Connection | None, canvas_course: str, canvas_section: str, now: datetime) -> Association:
    """An association as typed, which the worker looks up. Without a connection, it goes to the first one made."""
    return Association(
        connection_id=connection.id if connection else None,
        canvas_course=canvas_course,
        canvas_section=canvas_section,
        look_up_at=now,
    )


def associate(session: Session, course: Course, association: Association | None, now: datetime) -> None:
    """Give the course this association, or none, and its registered participants the matching seats.

    If it leads to another Canvas course, people move: first into the new one, then out of the old one. If it is None,
    they lose access to the old one.
    """
    lock_course(session, course)
    if association is None:
        if course.association is not None:
            session.delete(course.association)
        claims.end_for(session, Registration.course_id == course.id, now)
        return
    if not _leads_to_the_same(course.association, association):
        mails_to_participants.mail_again(session, course)
    associations.lead_to(session, course.id, association, now)
