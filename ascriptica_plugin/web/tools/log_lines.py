"""The lines of a page of the activity log. What the worker does to people one by one in a Canvas course is one line for
each day.

An entry has the number of the Canvas course; here it gets its name.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from sqlalchemy import ColumnElement, Row, Select, String, and_, exists, func, not_, or_, select, tuple_, type_coerce
from sqlalchemy.orm import Session, aliased, joinedload

from ...ledger import activity
from ...office import acts
from ...shared.said import Said
from ...tables.office import Association, Course, LogEntry

READ = (300, 5000)
"""How many entries are read for a page: the first number, then the second if the first makes too few lines."""

MOST_COURSES = 20
"""A search by course finds what the worker did in the Canvas courses of at most this many of our courses."""

AS_STORED = type_coerce(LogEntry.words, String)


Kind = tuple[str, str, date]
"""What the entries of one line have in common: what was done, what they add, and the day."""


@dataclass
class _Found:
    """An entry; or several of the worker that differ only in the person (`whom`): the newest of them, and the first."""

    newest: int
    first: int
    first_at: datetime
    whom: set[int] = field(default_factory=set)
    people: int = 0


@dataclass
class Line:
    """A line of the page. If it stands for several entries, `entry` is the newest, and `people` is how many people."""

    entry: LogEntry
    first: int
    first_at: datetime
    people: int


def read(
    session: Session,
    which: Sequence[ColumnElement[bool]],
    start: int,
    end: int,
    most: int,
    timezone: tzinfo,
    *,
    together: bool,
    goes_on: bool,
) -> tuple[list[Line], int | None]:
    """At most `most` lines, of the entries from the id `start` to below the id `end`. Also returns the id below which
    older entries may be left, or None.

    `together`: what the worker did to several people becomes one line. Such a line is on the page of its newest entry,
    and counts all of its entries, older ones too. `goes_on`: there is a page before this one.
    """
    columns = (LogEntry.id, LogEntry.at, LogEntry.who, LogEntry.what, LogEntry.participant_id, AS_STORED.label("words"))
    within = [*which, LogEntry.id < end, LogEntry.id >= start]
    if together and goes_on and (newest_at := newest_before(session, end)):
        within += _not_shown(session, which, end, newest_at.astimezone(timezone).date(), timezone)
    for at_once in READ:
        newest_first = select(*columns).where(*within).order_by(LogEntry.id.desc()).limit(at_once)
        entries = session.execute(newest_first).all()
        found, same, older = _put_together(entries, most, timezone if together else None)
        if older is not None or len(entries) < at_once:
            break
        older = entries[-1].id
    if same:
        _complete(session, which, start if older is None else older, same, timezone)
    by_id = {one.id: one for one in _entries(session, [one.newest for one in found])}
    known = [one for one in found if one.newest in by_id]
    return [Line(by_id[one.newest], one.first, one.first_at, one.people or len(one.whom)) for one in known], older


def _put_together(
    entries: Iterable[Row], most: int, timezone: tzinfo | None
) -> tuple[list[_Found], dict[Kind, _Found], int | None]:
    found: list[_Found] = []
    same: dict[Kind, _Found] = {}
    last = None
    for one in entries:
        about_one = timezone and one.who == activity.US and one.participant_id and one.what in acts.BY_THE_WORKER
        kind = (one.what, one.words, one.at.astimezone(timezone).date()) if about_one else None
        if kind is None or kind not in same:
            if len(found) == most:
                return found, same, last
            found.append(_Found(one.id, one.id, one.at))
            if kind is not None:
                same[kind] = found[-1]
        if kind is not None:
            its = same[kind]
            its.whom.add(one.participant_id)
            its.first, its.first_at = one.id, one.at
        last = one.id
    return found, same, None


def _not_shown(
    session: Session, which: Sequence[ColumnElement[bool]], end: int, day: date, timezone: tzinfo
) -> list[ColumnElement[bool]]:
    """Conditions on LogEntry: it does not belong to a line on an earlier page."""
    shown = [(one.what, one.words) for one in _across(session, which, end, day, timezone)]
    kind = tuple_(LogEntry.what, AS_STORED)
    return [not_(and_(*_by_the_worker(day, timezone), kind.in_(shown)))] if shown else []


def _complete(
    session: Session, which: Sequence[ColumnElement[bool]], border: int, same: dict[Kind, _Found], timezone: tzinfo
) -> None:
    """Some lines have entries below the border too: count these as well. Only lines of the oldest day can have any."""
    day = min(day for _, _, day in same)
    for one in _across(session, which, border, day, timezone):
        if its := same.get((one.what, one.words, day)):
            its.first, its.first_at, its.people = one.first, one.first_at, one.people


def _across(
    session: Session, which: Sequence[ColumnElement[bool]], border: int, day: date, timezone: tzinfo
) -> Sequence[Row]:
    """The lines of a day that have entries on both sides of an id."""
    kind = (LogEntry.what, AS_STORED.label("words"))
    ends = (func.min(LogEntry.id).label("first"), func.max(LogEntry.id).label("last"))
    by_person = select(*kind, *ends, func.min(LogEntry.at).label("first_at")).where(
        *which, *_by_the_worker(day, timezone)
    )
    # Grouped twice, because PostgreSQL would sort all entries to count different people.
    each = by_person.group_by(*kind, LogEntry.participant_id).subquery().c
    first, last = func.min(each.first), func.max(each.last)
    lines = select(
        each.what,
        each.words,
        first.label("first"),
        func.min(each.first_at).label("first_at"),
        func.count().label("people"),
    )
    lines = lines.group_by(each.what, each.words).having(first < border, last >= border)
    return session.execute(lines).all()


def _by_the_worker(day: date, timezone: tzinfo) -> list[ColumnElement[bool]]:
    begins, ends = (datetime.combine(one, time(), timezone).astimezone(UTC) for one in (day, day + timedelta(days=1)))
    return [
        LogEntry.at >= begins,
        LogEntry.at < ends,
        LogEntry.who == activity.US,
        LogEntry.participant_id.is_not(None),
        LogEntry.what.in_(acts.BY_THE_WORKER),
    ]


def newest_before(session: Session, number: int) -> datetime | None:
    """The time of the newest entry below this id, if there is one."""
    older = select(LogEntry.at).where(LogEntry.id < number).order_by(LogEntry.id.desc()).limit(1)
    return session.scalar(older)


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
    """What each entry adds, by its id. A Canvas course is shown by its name, if known, and its number."""
    said = {one.id: one.words for one in entries if one.words}
    numbers = {_canvas_course(words) for words in said.values()} - {None}
    named = select(Association.canvas_course_id, Association.canvas_course_name).where(
        Association.canvas_course_id.in_(numbers), Association.canvas_course_name != ""
    )
    found = session.execute(named).all() if numbers else []
    names: dict[int | None, str] = {one.canvas_course_id: one.canvas_course_name for one in found}
    return {number: _named(words, names) for number, words in said.items()}


def courses_in_canvas(session: Session, entries: Iterable[LogEntry]) -> dict[int, str]:
    """The codes of our courses that have the Canvas course of an entry now, by the id of the entry."""
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
