"""The list of everybody's Canvas access at /tools/canvas: search, filter and pages."""

from flask import request
from sqlalchemy import ColumnElement, Select, and_, case, func, not_, select
from sqlalchemy.orm import joinedload

from ...ledger import due, standing
from ...ledger.causes import CAUSES
from ...office.people import matching
from ...tables.canvas import Claim, Match, Seat, Settings
from ...tables.office import Course, Participant, Registration
from ..base import session, typed_search
from ..paging import A_PAGE, page_asked_for, pages_of, start_of

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
        "people": _rows(ids, stands),
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


def _rows(ids: list[int], stands: ColumnElement[str]) -> list:
    """(seat, its standing, our course's title, the candidates) in the order of the ids."""
    title = (
        select(Course.title)
        .join(Registration, Registration.course_id == Course.id)
        .join(Claim, Claim.registration_id == Registration.id)
        .where(Claim.seat_id == Seat.id)
        .order_by(Claim.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    of_seat = and_(Match.connection_id == Seat.connection_id, Match.participant_id == Seat.participant_id)
    found = session().execute(
        select(Seat, stands, title, Match.candidates)
        .outerjoin(Match, of_seat)
        .where(Seat.id.in_(ids))
        .options(joinedload(Seat.participant))
    )
    return sorted(found, key=lambda row: ids.index(row[0].id))
