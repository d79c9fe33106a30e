"""The lines of a page of the activity log: what the worker does one by one in a Canvas course is one line a day.

Which Canvas course that is, an entry has as a number; here it has its name.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo

from sqlalchemy import ColumnElement, Row, Select, String, and_, exists, or_, select, type_coerce
from sqlalchemy.orm import Session, aliased, joinedload

from ...ledger import activity
from ...office import acts
from ...shared.said import Said
from ...tables.office import Association, Course, LogEntry

READ = (300, 5000)
"""How many entries are read for a page; the second where too few lines come of the first."""

MOST_COURSES = 20
"""In the Canvas courses of so many of our courses it is looked for what the worker did."""

AS_STORED = type_coerce(LogEntry.words, String)


@dataclass
class _Found:
    """An entry, or several of the worker that differ only in `whom` they are about: the newest, and the first."""

    newest: int
    first: int
    first_at: datetime
    whom: set[int] = field(default_factory=set)


@dataclass
class Line:
    """A line of the page. Where it stands for several entries, `entry` is the newest, and `people` are several."""

    entry: LogEntry
    first: int
    first_at: datetime
    people: int


def read(
    session: Session, which: Sequence[ColumnElement[bool]], end: int, most: int, timezone: tzinfo, *, together: bool
) -> tuple[list[Line], int | None]:
    """At most so many lines of entries below the id `end`, and the id at which older ones end, if there may be any.

    `together`: what the worker does is put together.
    """
    columns = (LogEntry.id, LogEntry.at, LogEntry.who, LogEntry.what, LogEntry.participant_id, AS_STORED.label("words"))
    for at_once in READ:
        newest_first = select(*columns).where(*which, LogEntry.id < end).order_by(LogEntry.id.desc()).limit(at_once)
        entries = session.execute(newest_first).all()
        found, older = _put_together(entries, most, timezone if together else None)
        if older is not None or len(entries) < at_once:
            break
        older = entries[-1].id
    by_id = {one.id: one for one in _entries(session, [one.newest for one in found])}
    known = [one for one in found if one.newest in by_id]
    return [Line(by_id[one.newest], one.first, one.first_at, len(one.whom)) for one in known], older


def _put_together(entries: Iterable[Row], most: int, timezone: tzinfo | None) -> tuple[list[_Found], int | None]:
    found: list[_Found] = []
    same: dict[tuple[str, str, date], _Found] = {}
    last = None
    for one in entries:
        about_one = timezone and one.who == activity.US and one.participant_id and one.what in acts.BY_THE_WORKER
        kind = (one.what, one.words, one.at.astimezone(timezone).date()) if about_one else None
        if kind is None or kind not in same:
            if len(found) == most:
                return found, last
            found.append(_Found(one.id, one.id, one.at))
            if kind is not None:
                same[kind] = found[-1]
        if kind is not None:
            its = same[kind]
            its.whom.add(one.participant_id)
            its.first, its.first_at = one.id, one.at
        last = one.id
    return found, None


def _entries(session: Session, ids: Collection[int]) -> list[LogEntry]:
    with_both = (joinedload(LogEntry.participant), joinedload(LogEntry.course))
    return list(session.scalars(select(LogEntry).where(LogEntry.id.in_(ids)).options(*with_both)))


def like(newest: int, first: int) -> list[ColumnElement[bool]]:
    """Conditions on LogEntry: those of one line."""
    its = aliased(LogEntry)
    same = exists().where(
        its.id == newest,
        its.what == LogEntry.what,
        type_coerce(its.words, String) == type_coerce(LogEntry.words, String),
    )
    return [LogEntry.who == activity.US, same, LogEntry.id <= newest, LogEntry.id >= first]


def in_canvas(session: Session, courses: Select) -> list[ColumnElement[bool]]:
    """Conditions on LogEntry: what the worker did in the Canvas course of one of these courses, given by their ids."""
    used = select(Association.canvas_course_id).where(
        Association.course_id.in_(courses), Association.canvas_course_id.is_not(None)
    )
    numbers = session.scalars(used.order_by(Association.course_id.desc()).limit(MOST_COURSES)).all()
    ends = [AS_STORED.contains(f'"course": {number}{sign}') for number in numbers for sign in (",", "}")]
    return [and_(LogEntry.who == activity.US, or_(*ends))] if ends else []


def with_names(session: Session, entries: Iterable[LogEntry]) -> dict[int, str]:
    """What each entry adds, by its id; a Canvas course by its name as far as it is known, the number behind."""
    said = {one.id: one.words for one in entries if one.words}
    numbers = {_canvas_course(words) for words in said.values()} - {None}
    named = select(Association.canvas_course_id, Association.canvas_course_name).where(
        Association.canvas_course_id.in_(numbers), Association.canvas_course_name != ""
    )
    found = session.execute(named).all() if numbers else []
    names: dict[int | None, str] = {one.canvas_course_id: one.canvas_course_name for one in found}
    return {number: _named(words, names) for number, words in said.items()}


def courses_in_canvas(session: Session, entries: Iterable[LogEntry]) -> dict[int, str]:
    """By the id of an entry of what was done in a Canvas course: the codes of our courses that have it now."""
    numbers = {one.id: number for one in entries if one.words and (number := _canvas_course(one.words)) is not None}
    ours = (
        select(Association.canvas_course_id, Course.code)
        .join(Course, Course.id == Association.course_id)
        .where(Association.canvas_course_id.in_(set(numbers.values())))
        .order_by(Course.code)
    )
    codes: dict[int, list[str]] = {}
    for number, code in session.execute(ours) if numbers else ():
        codes.setdefault(number or 0, []).append(code)
    return {entry_id: ", ".join(codes.get(number, ())) for entry_id, number in numbers.items()}


def _canvas_course(words: str) -> int | None:
    number = words.about.get("course") if isinstance(words, Said) else None
    return number if isinstance(number, int) else None


def _named(words: str, names: dict[int | None, str]) -> str:
    name = names.get(number := _canvas_course(words))
    return (
        Said(words.code, **{**words.about, "course": f"{name} ({number})"})
        if name and isinstance(words, Said)
        else words
    )
