"""The list of everybody's Canvas access at /tools/canvas: filters, pages, and the export."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from flask import request
from sqlalchemy import ColumnElement, Select, and_, exists, false, func, not_, or_, select
from sqlalchemy.orm import aliased, joinedload

from ...canvas.shapes import HIGHEST_ID
from ...ledger import access, blocked_courses, due, seat_states, shut_out
from ...ledger.causes import CAUSES
from ...office.people import matching
from ...shared import clock
from ...tables.canvas import Settings
from ...tables.columns import one_of_few
from ...tables.ledger import Claim, Match, Seat
from ...tables.office import Course, Participant, Registration
from ..address_values import HIGHEST_ID as HIGHEST_ID_OF_OURS
from ..base import session, settings
from ..canvas_access import in_words
from ..canvas_access_words import CanvasAccess
from ..paging import A_PAGE, Key, Page, page_by_keys
from ..spreadsheet import csv_line
from ..times import file_time
from .canvas_users import Holder, holders_of, matches_of

STANDINGS = ("due", "held", "parked", "enrolled", "removed")

CANT_ENTER = ("cant_enter", "invited")
"""People who are enrolled and can't enter, for any reason; people who have not accepted the invitation."""

UNSETTLED, SETTLED = Seat.settled_version < Seat.version, Seat.settled_version >= Seat.version


FEW = 5000
"""If there are at most this many seats, they are looked up by their ids and then sorted by name."""

FEW_PEOPLE = 1000
"""If a search finds at most this many people, it runs once for all queries of a page."""

A_CHUNK = 500
"""Lines of the export that are read at once."""


@dataclass(frozen=True)
class Wanted:
    """What the list is limited to: words in people's names, emails, SIS IDs or Canvas IDs; our course's code; a
    standing or a cause."""

    search: str
    course: str
    standing: str

    @classmethod
    def typed(cls, typed: Mapping[str, str]) -> "Wanted":
        """Read from a query string or a form, cut to what any database can handle."""
        search, course, where = (typed.get(name, "").replace("\x00", "").strip()[:200] for name in cls.__annotations__)
        return cls(search, course, where if where in (*STANDINGS, *CANT_ENTER) or where in CAUSES else "")

    @property
    def as_query(self) -> dict[str, Any]:
        """The arguments of an address that shows the same."""
        return {name: value for name, value in asdict(self).items() if value}


def conditions(wanted: Wanted, current: Settings) -> list[ColumnElement[bool]]:
    """Conditions on Seat."""
    return _with_standing(limits(wanted, current), wanted, current)


def _with_standing(which: list[ColumnElement[bool]], wanted: Wanted, current: Settings) -> list[ColumnElement[bool]]:
    return [*which, or_(*(and_(*part) for _, part in _parts(wanted, current)))] if wanted.standing else which


def limits(wanted: Wanted, current: Settings) -> list[ColumnElement[bool]]:
    """Conditions on Seat, except for the standing. They are made once for all queries of a page."""
    which = [Seat.connection_id == current.connection_id]
    if wanted.course:
        # Given as the course's number: PostgreSQL can estimate how many people a number has.
        its = session().scalar(select(Course.id).where(func.lower(Course.code) == wanted.course.lower()))
        which.append(Seat.id.in_(of_course(its or 0)))
    if wanted.search:
        which.append(_of_people(wanted.search, current))
    return which


def _of_people(search: str, current: Settings) -> ColumnElement[bool]:
    """Condition on Seat: its participant is found by these words.

    To find nobody, or a few, the database reads everybody. If many are found, it is faster to check one seat's
    participant after the other until the page is full. SQLite would check all of them and then sort, so there everybody
    is found once.
    """
    found = people_found(search, current)
    some = session().scalars(found.limit(FEW_PEOPLE + 1)).all()
    if len(some) <= FEW_PEOPLE:
        return Seat.participant_id.in_(some)
    if session().get_bind().dialect.name != "postgresql":
        return Seat.participant_id.in_(found)
    return found.where(Participant.id == Seat.participant_id).correlate(Seat).scalar_subquery().is_not(None)


def can_be_tried(wanted: Wanted, current: Settings, which: list[ColumnElement[bool]], waiting_for: list[str]) -> bool:
    """Whether trying again helps anybody on the list. For causes that ask, only an answer helps. `which` are its
    `limits`."""
    tried = [name for name in waiting_for if name not in seat_states.ASKS]
    if not tried or wanted.standing in ("enrolled", "removed", *CANT_ENTER, *seat_states.ASKS):
        return False
    # A settled seat waits for nothing, so the first part is enough.
    _, waiting = next(_parts(wanted, current))
    of_them = (*which, *waiting, due.waits(), Seat.cause.in_(tried))
    return session().scalar(select(Seat.id).where(*of_them).limit(1)) is not None


def people_found(search: str, current: Settings) -> Select:
    """The ids of participants with these words in name, email or SIS ID, or with this Canvas ID."""
    is_found = matching(search)
    if search.isascii() and search.isdigit():
        number = Match.canvas_user_id == min(int(search[:19]), HIGHEST_ID)
        its = select(Match.participant_id).where(Match.connection_id == current.connection_id, number)
        is_found = or_(is_found, Participant.id.in_(its))
    return select(Participant.id).where(is_found)


def _stands(current: Settings) -> ColumnElement[str]:
    return seat_states.standing(seat_states.connection_state(current) == "ok")


def of_course(course_id: int) -> Select:
    """The ids of the seats that registrations for this course claim or, if none claims them any more, have claimed.

    If two courses share a Canvas course and a person has withdrawn from one, the seat belongs only to the other.
    """
    live = aliased(Claim)
    nobody_claims = ~exists().where(live.seat_id == Claim.seat_id, live.ended_at.is_(None))
    its = select(Claim.seat_id).join(Registration).where(Registration.course_id == course_id)
    return its.where(or_(Claim.ended_at.is_(None), nobody_claims))


def people(wanted: Wanted, current: Settings, which: list[ColumnElement[bool]]) -> dict:
    """The variables of the list: the seats on this page, and the cursors of the pages before and after. `which` are its
    `limits`.

    Waiting seats come first; with `sort=name` all are sorted by the people's names. The people of one course can't be
    sorted by name here, because that would read everybody's names; the roster has them by name.
    """
    if request.args.get("sort") == "name" and not wanted.course:
        page = _by_name(wanted, current, which)
        ids = [number for (number,) in page.rows]
        return {"people": _rows(ids, current), "after": page.on, "back": page.back, "wanted": wanted, "sort": "name"}
    ids, after = _ids(wanted, current, which, request.args.get("page", ""), A_PAGE)
    back = "" if request.args.get("page") else None
    return {"people": _rows(ids, current), "after": after, "back": back, "wanted": wanted, "sort": None}


def _by_name(wanted: Wanted, current: Settings, which: list[ColumnElement[bool]]) -> Page:
    """A page of seats by the names of their people, in the order of an index of the participants.

    If they are few, they are looked up by their ids: in the order of all names they could be far apart.
    """
    which = _with_standing(which, wanted, current)
    if wanted.as_query:
        some = session().scalars(select(Seat.id).where(*which).limit(FEW + 1)).all()
        which = [Seat.id.in_(some)] if len(some) <= FEW else which
    found = select(Seat.id).join(Participant, Participant.id == Seat.participant_id).where(*which)
    return page_by_keys(session(), found, [Key(Participant.sorted_by), Key(Participant.id), Key(Seat.id)])


def _ids(
    wanted: Wanted, current: Settings, which: list[ColumnElement[bool]], cursor: str, many: int
) -> tuple[list[int], str | None]:
    """The seats of one page, and the cursor of the next: those that wait, then the others, each newest first.

    A cursor is the part in which the page before ended, and the last id there.
    """
    begun = re.fullmatch(r"(waiting|settled)-(\d{1,10})", cursor)
    if begun:
        before = Seat.id < min(int(begun[2]), HIGHEST_ID_OF_OURS)
        which = [*which, and_(SETTLED, before) if begun[1] == "settled" else or_(SETTLED, before)]
    found: list[tuple[int, bool]] = []
    for is_of_settled, part in _parts(wanted, current):
        if begun and begun[1] == "settled" and not is_of_settled:
            continue
        of_part = select(Seat.id, SETTLED).where(*which, *part).order_by(Seat.id.desc()).limit(many + 1 - len(found))
        found += [(number, is_settled) for number, is_settled in session().execute(of_part)]
        if len(found) > many:
            last, is_settled = found[many - 1]
            return [number for number, _ in found[:many]], f"{'settled' if is_settled else 'waiting'}-{last}"
    return [number for number, _ in found], None


def _parts(wanted: Wanted, current: Settings) -> Iterator[tuple[bool, list[ColumnElement[bool]]]]:
    """The conditions of the list's queries, in order, each with whether it is about settled seats: waiting seats come
    first. Each begins with the condition of a partial index, so that the database uses that index and need not sort.

    A query that the standing rules out is left out: it would search all seats and find none.
    """
    where, waiting = wanted.standing, [UNSETTLED]
    if wanted.course:
        waits = select(Seat.id).where(Seat.connection_id == current.connection_id, UNSETTLED)
        waiting.append(one_of_few(session(), Seat.id.expression, waits))
    if not where:
        yield False, waiting
        yield True, [SETTLED]
    elif where == "enrolled":
        yield True, [SETTLED, Seat.was_in.expression]
    elif where == "removed":
        yield True, [SETTLED, not_(Seat.was_in), Seat.canvas_enrollment_id.is_not(None)]
    elif where in STANDINGS:
        yield False, [*waiting, _stands(current) == where]
    else:
        if where not in CANT_ENTER:
            yield False, [due.waits(), Seat.cause == where, *waiting[1:]]
        yield from _in_courses(where, current)


def _in_courses(where: str, current: Settings) -> list[tuple[bool, list[ColumnElement[bool]]]]:
    """People whose Canvas course has a problem, or who can't enter: `where` is a cause, or one of CANT_ENTER."""
    connection = current.connection
    if connection is None:
        return [(True, [false()])] if where in CANT_ENTER else []
    if where == "invited":
        return [(True, [shut_out.invited(connection)])]
    names = blocked_courses.SHUT if where == "cant_enter" else (where,)
    if where not in (*blocked_courses.LOOKED_UP, "cant_enter"):
        return []
    found = [one for one in blocked_courses.troubles(session(), connection, clock.utc_now()) if one.name in names]
    its = shut_out.in_them(found)
    if where == "cant_enter":
        its = or_(its, shut_out.invited(connection))
    return [(True, [its])] if found or where == "cant_enter" else []


def lines_of_csv(wanted: Wanted) -> Iterator[str]:
    """Everybody on the list, in its order."""
    cursor: str | None = ""
    # The settings are read here: the view's session has ended by the time the first line is sent.
    which = limits(wanted, settings())
    while cursor is not None:
        current = settings()
        ids, cursor = _ids(wanted, current, which, cursor, A_CHUNK)
        yield "".join(csv_line(_cells(line)) for line in _rows(ids, current))
        session().expunge_all()


COLUMNS = ("name", "email", "sis_user_id", "course", "canvas_course_id", "canvas_user_id", "status", "access", "cause",
           "canvas_answer", "since")  # fmt: skip


def _cells(line: "Line") -> tuple[str, ...]:
    seat, who = line.seat, line.seat.participant
    user_id = line.match.canvas_user_id if line.match else None
    return (
        who.name,
        who.email,
        who.sis_user_id or "",
        line.title or "",
        str(seat.canvas_course_id),
        str(user_id or ""),
        line.where,
        line.its.in_a_cell if line.its else "",
        CAUSES[seat.cause].title if seat.cause else "",
        seat.cause_detail or "",
        file_time(line.since),
    )


@dataclass(frozen=True)
class Line:
    """One seat in the list: `where` says its state, `its` is the access in words, and the rest is what is asked about
    it.

    `question` is who or still or same_user, found_there or changed_in_canvas. `holders` are the other participants of
    same_user.
    """

    seat: Seat
    where: str
    title: str | None
    its: CanvasAccess | None
    match: Match | None
    question: str | None
    holders: list[Holder]
    elsewhere: int | None = None
    """The Canvas course of the enrollment that is asked about, if it is not the seat's."""

    @property
    def since(self) -> datetime:
        """Since when it has been in this state."""
        is_settled = self.where in ("enrolled", "removed")
        return self.seat.settled_at if is_settled and self.seat.settled_at else self.seat.changed_at


def _rows(ids: list[int], current: Settings) -> list[Line]:
    """The seats in the order of the ids."""
    connection, stands = current.connection, _stands(current)
    if connection is None or not ids:
        return []
    rows = session().execute(select(Seat, stands).where(Seat.id.in_(ids)).options(joinedload(Seat.participant))).all()
    found = access.of_seats(session(), ids)
    courses = _courses([one.registration_id for one in found.values()])
    theirs = matches_of([seat.participant_id for seat, _ in rows])
    holders = holders_of(theirs.values())
    lines = []
    for seat, where in sorted(rows, key=lambda row: ids.index(row[0].id)):
        known = found.get(seat.id)
        course = courses.get(known.registration_id) if known is not None else None
        match = theirs.get(seat.participant_id)
        its = question = elsewhere = None
        if known is not None:
            its = in_words(known, connection, course.association if course else None, known.wanted)
            question = None if known.is_settled else _asked(seat, known, match)
            elsewhere = _elsewhere(known) if question == "found_there" else None
        title, others = course.title if course else None, holders.get(seat.participant_id, [])
        lines.append(Line(seat, where, title, its, match, question, others, elsewhere))
    return lines


def _asked(seat: Seat, known: access.Access, match: Match | None) -> str | None:
    if match is not None and match.question is not None and not match.doubted and known.wanted:
        return match.question
    return seat.cause if seat.cause in ("found_there", "changed_in_canvas") else None


def _elsewhere(known: access.Access) -> int | None:
    asked = {row.canvas_course_id for row in known.still if not (row.kept or row.wanted)}
    return min(asked) if asked and known.canvas_course_id not in asked else None


def _courses(registration_ids: list[int]) -> dict[int, Course]:
    """The courses of registrations, with their associations, by registration."""
    found = session().scalars(
        select(Registration)
        .where(Registration.id.in_(registration_ids))
        .options(joinedload(Registration.course).joinedload(Course.association))
    )
    return {registration.id: registration.course for registration in found}
