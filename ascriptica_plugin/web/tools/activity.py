"""/tools/log, the activity log: who did what, when, to whom, and what Canvas answered. Each act has one line."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from flask import request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from sqlalchemy import ColumnElement, Select, exists, func, or_, select
from sqlalchemy.orm import aliased, joinedload

from ...ledger import activity
from ...office import acts, emails, people
from ...office.courses import called
from ...shared import clock
from ...shared.language import tn
from ...shared.said import codes_saying
from ...tables.columns import begin_writing
from ...tables.office import Course, LogEntry, Participant
from ..address_values import typed_search
from ..base import blueprint, plugin, session
from ..guards import for_administrators, person
from ..showing import show
from ..spreadsheet import csv_file, csv_line
from ..times import file_time
from . import log_lines

A_PAGE = 100
A_CHUNK = 1000
A_LOOK = 25_000
"""One request searches this many entries, so that it takes no longer when the log is long."""

COLUMNS = ("time", "who", "what", "whom", "email", "course", "details")


@dataclass(frozen=True)
class Filters:
    """What is looked for: words in the name of the person who did it (`who`), in that of the person concerned (`whom`),
    or in any part (`q`); a course's code; a day in the office's time zone; a group of acts; the parts of one act; or
    the entries of one line of the worker, from the entry `since` to the entry `line`."""

    q: str
    who: str
    whom: str
    course: str
    day: date | None
    kind: str
    act: int | None
    line: int | None
    since: int | None

    @property
    def for_links(self) -> dict[str, str | int | None]:
        """The arguments of an address with the same filters."""
        return {
            name: getattr(self, name) or None
            for name in ("q", "who", "whom", "course", "day", "kind", "act", "line", "since")
        }


def _asked_for() -> Filters:
    kind = request.args.get("kind", "")
    return Filters(
        q=typed_search("q"),
        who=typed_search("who"),
        whom=typed_search("whom"),
        course=typed_search("course"),
        day=request.args.get("day", type=date.fromisoformat),
        kind=kind if kind in acts.KINDS else "",
        act=request.args.get("act", type=_number),
        line=request.args.get("line", type=_number),
        since=request.args.get("since", type=_number),
    )


def _number(typed: str) -> int:
    return min(int(typed[:19]), 2**31 - 1)


@blueprint.get("/tools/log")
@for_administrators
def log_entries() -> ResponseReturnValue:
    """The acts, newest first. `page` is the id at which the previous page or search ended."""
    filters, before = _asked_for(), request.args.get("page", type=_number)
    end = _newest() + 1
    end = max(0, min(before, end)) if before is not None else end
    start = end - A_LOOK
    which = _which(filters)
    # The entries found by a person or a word are shown one by one.
    together = not (filters.q or filters.whom or filters.line or filters.act)
    how = {"together": together, "goes_on": before is not None}
    lines, older = log_lines.read(session(), which, start, end, A_PAGE, plugin().timezone, **how)
    searched_to = None
    if older is None and (searched_to := log_lines.newest_before(session(), start)):
        older = start
    opened = session().get(LogEntry, filters.act) if filters.act is not None else None
    entries = [line.entry for line in lines]
    shown = [*entries, opened] if opened is not None else entries
    return show(
        "ascriptica/log.html",
        lines=lines,
        opened=opened,
        said={line.entry.id: in_words(line.entry, line) for line in lines}
        | ({opened.id: in_words(opened)} if opened is not None else {}),
        added=log_lines.with_names(session(), shown),
        names=_names(shown),
        opened_below={entry.id for entry in entries if _opens_below(entry)},
        older=older,
        searched_to=searched_to,
        before=before,
        filters=filters,
        kinds=acts.KINDS,
        days=plugin().log_kept.days,
    )


@blueprint.post("/tools/log.csv")
@for_administrators
def log_csv() -> ResponseReturnValue:
    """The entries that match the filters, as a CSV file, with each part of an act. The activity log records who
    exported it."""
    which = _which(_asked_for(), with_parts=True)
    begin_writing(session())
    activity.note(session(), clock.utc_now(), person().email, "exported the log")
    session().commit()
    return csv_file("activity-log.csv", COLUMNS, _rows(which))


def _rows(which: list[ColumnElement[bool]]) -> Iterator[str]:
    end = _newest() + 1
    while chunk := _entries([*which, LogEntry.id < end], A_CHUNK):
        end = chunk[-1].id
        names, added = _names(chunk), log_lines.with_names(session(), chunk)
        codes = log_lines.courses_in_canvas(session(), chunk)
        yield "".join(csv_line(_cells(one, names, added.get(one.id, ""), codes.get(one.id, ""))) for one in chunk)
        session().expunge_all()


def _cells(entry: LogEntry, names: dict[str, str], added: str, in_canvas: str) -> tuple[str, ...]:
    whom, course = entry.participant, entry.course
    parts = {"whom": whom.name if whom else _so_many(entry), "course": course.title if course else None}
    done = acts.sentence(entry, parts, str)
    return (
        file_time(entry.at, "%Y-%m-%d %H:%M:%S"),
        entry.who,
        f"{names.get(emails.as_compared(entry.who), entry.who)} {done}",
        whom.name if whom else "",
        whom.email if whom else "",
        course.code if course else in_canvas,
        added,
    )


def _entries(which: list[ColumnElement[bool]], most: int) -> list[LogEntry]:
    with_both = (joinedload(LogEntry.participant), joinedload(LogEntry.course))
    found = select(LogEntry).where(*which).options(*with_both).order_by(LogEntry.id.desc()).limit(most)
    return list(session().scalars(found))


def _which(filters: Filters, *, with_parts: bool = False) -> list[ColumnElement[bool]]:
    """Conditions on LogEntry. One line stands for an act, unless somebody looks for its parts."""
    which: list[ColumnElement[bool]] = []
    if filters.q:
        which.append(or_(LogEntry.who.icontains(filters.q, autoescape=True), _says(filters.q), _about(filters.q)))
    if filters.who:
        theirs = LogEntry.who.in_(select(Participant.email).where(people.matching(filters.who)))
        which.append(or_(LogEntry.who.icontains(filters.who, autoescape=True), theirs))
    if filters.whom:
        which.append(LogEntry.participant_id.in_(select(Participant.id).where(people.matching(filters.whom))))
    if filters.course:
        ours = LogEntry.course_id.in_(_courses(filters.course))
        which.append(or_(ours, *log_lines.in_canvas(session(), _courses(filters.course))))
    if filters.day is not None:
        starts = datetime.combine(filters.day, time(), plugin().timezone)
        which += [LogEntry.at >= starts.astimezone(UTC), LogEntry.at < (starts + timedelta(days=1)).astimezone(UTC)]
    if filters.kind == acts.OTHER:
        which.append(LogEntry.what.not_in(acts.GROUPED))
    elif filters.kind:
        which.append(LogEntry.what.in_(acts.GROUPS[filters.kind]))
    if filters.line is not None:
        which += log_lines.like(filters.line, filters.since or 0)
    if filters.act is not None:
        which.append(LogEntry.part_of == filters.act)
    elif not (filters.q or with_parts):
        act = aliased(LogEntry)
        # If the search is for a person or a course, the parts of an act about them are shown where the act itself is
        # not.
        shown: list[ColumnElement[bool]] = [LogEntry.part_of.is_(None)]
        if filters.whom:
            others = act.participant_id.is_distinct_from(LogEntry.participant_id)
            shown.append(exists().where(act.id == LogEntry.part_of, others))
        elif filters.course:
            others = act.course_id.is_distinct_from(LogEntry.course_id)
            shown.append(exists().where(act.id == LogEntry.part_of, others))
        which.append(or_(*shown))
    return which


def _says(q: str) -> ColumnElement[bool]:
    """Condition: these words are in the parameters that an entry adds to its act, or in what their code says.

    The names of parameters are found as well.
    """
    codes = (LogEntry.words.contains(f'"code": "{code}"', autoescape=True) for code in codes_saying(q))
    return or_(LogEntry.words.icontains(json.dumps(q, ensure_ascii=False)[1:-1], autoescape=True), *codes)


def _about(q: str) -> ColumnElement[bool]:
    them = LogEntry.participant_id.in_(select(Participant.id).where(people.matching(q)))
    return or_(them, LogEntry.course_id.in_(_courses(q)))


def _courses(typed: str) -> Select:
    return select(Course.id).where(called(typed))


def _newest() -> int:
    return session().scalar(select(func.max(LogEntry.id))) or 0


# -- in words ---------------------------------------------------------------------------------------------------------


def in_words(entry: LogEntry, line: log_lines.Line | None = None) -> Markup:
    """What was done, to follow the name of who did it, with links to the person and the course that it is about."""
    return acts.sentence(entry, _linked(entry, line), Markup)


def _linked(entry: LogEntry, line: log_lines.Line | None) -> dict[str, Markup | None]:
    """The person and the course that an entry is about, as links; several people lead to the list of them."""
    link = Markup('<a href="{}">{}</a>')
    whom = course = None
    if line is not None and line.people > 1:
        number = tn("{count} person", "{count} people", line.people)
        whom = link.format(url_for(".log_entries", line=entry.id, since=line.first), number)
    elif entry.participant is not None:
        address = url_for(".participant", participant_id=entry.participant_id)
        is_self = emails.as_compared(entry.who) == emails.as_compared(entry.participant.email)
        whom = None if is_self else link.format(address, entry.participant.name)
    elif several := _so_many(entry):
        whom = link.format(url_for(".log_entries", act=entry.id), several)
    if entry.course is not None:
        course = link.format(url_for(".roster", code=entry.course.code), entry.course.title)
    return {"whom": whom, "course": course}


def _opens_below(entry: LogEntry) -> bool:
    """Whether this is an act with parts, and its sentence has no link to them."""
    leads = entry.participant_id is None and "{whom}" in acts.SENTENCES.get(entry.what, "")
    return entry.people is not None and not leads


def _so_many(entry: LogEntry) -> str | None:
    return tn("{count} person", "{count} people", entry.people) if entry.people else None


def _names(entries: Iterable[LogEntry]) -> dict[str, str]:
    """The names of the people who did it, by email as compared. People who are not participants are missing."""
    found = people.by_email(session(), {one.who for one in entries if "@" in one.who})
    return {email: those[0].name for email, those in found.items()}
