"""The list of everybody's Canvas access at /tools/canvas: search, filter and pages."""

from dataclasses import dataclass

from flask import request
from sqlalchemy import ColumnElement, Select, case, func, not_, select
from sqlalchemy.orm import joinedload

from ...ledger import access, due, standing
from ...ledger.causes import CAUSES
from ...office.people import matching
from ...tables.canvas import Claim, Connection, Match, Seat, Settings
from ...tables.office import Course, Participant, Registration
from ..base import session, typed_search
from ..canvas_access import CanvasAccess, in_words
from ..paging import A_PAGE, page_asked_for, pages_of, start_of
from .canvas_users import Holder, holders_of, matches_of

STANDINGS = ("due", "held", "parked", "enrolled", "removed")

UNSETTLED, SETTLED = Seat.settled_version < Seat.version, Seat.settled_version >= Seat.version


def people(current: Settings) -> dict:
    """The variables of the list: the seats on this page, waiting ones first, and its search, filter and page."""
    search = typed_search("search")
    where = request.args.get("standing", "")
    where = where if where in STANDINGS or where in CAUSES else ""
    stands = standing.standing(standing.connection_state(current) == "ok")
    which = [Seat.connection_id == current.connection_id, *_found_by(search), *_that_stand(where, stands)]
    page = page_asked_for()
    if search:
        ids, total, page = _searched(which, page)
    else:
        # Everybody: two queries, each of which an index already sorts.
        parts = [which] if where else [[*which, UNSETTLED], [*which, SETTLED]]
        totals = [session().scalar(select(func.count()).select_from(Seat).where(*part)) or 0 for part in parts]
        total = sum(totals)
        page = min(page, pages_of(total))
        ids = _ids_of_page(parts, totals, page)
    return {
        "people": _rows(ids, stands, current.connection),
        "total": total,
        "page": page,
        "pages": pages_of(total),
        "search": search,
        "standing": where,
    }


def _found_by(search: str) -> list[ColumnElement[bool]]:
    """Conditions on Seat for the search: a course's code, or words in people's names, emails and SIS IDs."""
    if not search:
        return []
    course_id = session().scalar(select(Course.id).where(func.lower(Course.code) == search.lower()))
    if course_id is not None:
        return [Seat.id.in_(of_course(course_id))]
    return [Seat.participant_id.in_(select(Participant.id).where(matching(search)))]


def of_course(course_id: int) -> Select:
    """The ids of the seats that registrations for this course claim or have claimed."""
    return select(Claim.seat_id).join(Registration).where(Registration.course_id == course_id)


def _that_stand(where: str, stands: ColumnElement[str]) -> list[ColumnElement[bool]]:
    """Conditions on Seat for a standing or a cause. Each begins with a partial index's condition, to use it."""
    if where in ("enrolled", "removed"):
        return [SETTLED, Seat.was_in.expression if where == "enrolled" else not_(Seat.was_in)]
    if where in STANDINGS:
        return [UNSETTLED, stands == where]
    return [due.waits(), Seat.cause == where] if where else []


def _searched(which: list[ColumnElement[bool]], page: int) -> tuple[list[int], int, int]:
    """The seats of one page, the total on all pages, and the page. Beyond the last page, it is the first.

    One query does it all, since searching people takes longer than the rest.
    """
    waiting_first = (case((UNSETTLED, 0), else_=1), Seat.id.desc())
    found = select(Seat.id, func.count().over()).where(*which).order_by(*waiting_first)
    rows = session().execute(found.offset(start_of(page)).limit(A_PAGE)).all()
    if not rows and page > 1:
        return _searched(which, 1)
    return [row[0] for row in rows], rows[0][1] if rows else 0, page


def _ids_of_page(parts: list, totals: list[int], page: int) -> list[int]:
    """The ids of the seats on one page, from one part after the other."""
    ids: list[int] = []
    start = start_of(page)
    for part, total in zip(parts, totals, strict=True):
        if start < total and len(ids) < A_PAGE:
            of_part = select(Seat.id).where(*part).order_by(Seat.id.desc())
            ids += session().scalars(of_part.offset(start).limit(A_PAGE - len(ids)))
        start = max(0, start - total)
    return ids


@dataclass(frozen=True)
class Line:
    """One seat in the list: `where` it stands, `its` access in words, and what is asked about it.

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


def _rows(ids: list[int], stands: ColumnElement[str], connection: Connection | None) -> list[Line]:
    """The seats in the order of the ids."""
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
        its = question = None
        if known is not None:
            its = in_words(known, connection, course.association if course else None, known.wanted)
            question = None if known.is_settled else _asked(seat, known, match)
        title, others = course.title if course else None, holders.get(seat.participant_id, [])
        lines.append(Line(seat, where, title, its, match, question, others))
    return lines


def _asked(seat: Seat, known: access.Access, match: Match | None) -> str | None:
    if match is not None and match.question is not None and not match.doubted and known.wanted:
        return match.question
    return seat.cause if seat.cause in ("found_there", "changed_in_canvas") else None


def _courses(registration_ids: list[int]) -> dict[int, Course]:
    """The courses of registrations, with their associations, by registration."""
    found = session().scalars(
        select(Registration)
        .where(Registration.id.in_(registration_ids))
        .options(joinedload(Registration.course).joinedload(Course.association))
    )
    return {registration.id: registration.course for registration in found}
