"""Which seats go by SIS import, what is written down of it, and when it is over. Never commits.

Putting seats in only puts them off for a moment. When the file is sent, a request about each of its people is written
down, as for any other, so nothing else about them is sent until it is known what came of it.
"""

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Select, and_, delete, exists, func, insert, or_, select, update
from sqlalchemy.orm import Session

from .. import retry
from ..canvas.shapes import address_of
from ..tables.canvas import CanvasRow, Claim, Match, Seat, Settings
from ..tables.columns import change
from ..tables.mass import MassImport, MassSeat
from ..tables.office import Participant
from ..tables.requests import CourseRead, Request
from . import claims, due, rows


class Candidate(NamedTuple):
    """A seat that can go by import; the columns of `MassSeat` have the same names."""

    seat_id: int
    participant_id: int
    version: int
    canvas_course_id: int
    canvas_section_id: int
    sis_user_id: str
    canvas_user_id: int | None


def open_import(session: Session, connection_id: int) -> MassImport | None:
    """The import that is under way."""
    here = (MassImport.connection_id == connection_id, MassImport.over_at.is_(None))
    return session.scalar(select(MassImport).where(*here).execution_options(populate_existing=True))


def anything_to_do(session: Session, connection_id: int, now: datetime, least: int) -> bool:
    """Whether an import is to be begun, as at least so many seats can go by it, or to be gone on with now."""
    under_way = open_import(session, connection_id)
    if under_way is not None:
        return under_way.next_at <= now or under_way.next_at > now + 2 * retry.LATE
    wanted = select(Settings.id).where(Settings.mass_by_sis, ~Settings.by_invitation)
    if session.scalar(wanted) is None:
        return False
    lately = (MassImport.connection_id == connection_id, MassImport.problem.is_not(None))
    if session.scalar(select(MassImport.id).where(*lately, MassImport.over_at > now - retry.MASS_AGAIN).limit(1)):
        return False
    many = select(Seat.id).where(due.due(connection_id, now), Seat.cause.is_(None)).limit(least).subquery()
    if (session.scalar(select(func.count()).select_from(many)) or 0) < least:
        return False
    return len(candidates(session, connection_id, now, least)) >= least


def candidates(session: Session, connection_id: int, now: datetime, limit: int | None = None) -> list[Candidate]:
    """Due seats of people who are to be let in, about whom nothing is out, and whom Canvas knows by a SIS ID."""
    is_due = select(Seat.id).where(due.due(connection_id, now), Seat.cause.is_(None)).order_by(Seat.id)
    return _candidates(session, connection_id, session.scalars(is_due).all(), limit)


def still_so(session: Session, connection_id: int, import_id: int) -> list[Candidate]:
    """The seats in an import that are as they were when they were put in, and whose people are not in by now."""
    version_of = {one.seat_id: one.version for one in put_in(session, import_id)}
    found = _candidates(session, connection_id, list(version_of))
    return [one for one in found if one.version == version_of[one.seat_id]]


def _candidates(
    session: Session, connection_id: int, seat_ids: Sequence[int], limit: int | None = None
) -> list[Candidate]:
    """Which of these seats can go by import.

    Some at a time: right after a crowd has come, PostgreSQL takes its tables for empty and would go through all seats
    once for each.
    """
    found: list[Candidate] = []
    for at in range(0, len(seat_ids), AT_ONCE):
        some = _which(connection_id).where(Seat.id.in_(seat_ids[at : at + AT_ONCE]))
        found += map(Candidate._make, session.execute(some))
        if limit is not None and len(found) >= limit:
            break
    return found


def _which(connection_id: int) -> Select:
    known = and_(Match.canvas_user_id.is_not(None), ~Match.doubted, Match.question.is_(None), ~Match.shared)
    rests = and_(
        Match.from_email == Participant.email, Match.from_sis_user_id.is_not_distinct_from(Participant.sis_user_id)
    )
    matched = and_(known, Match.canvas_sis_user_id.is_not(None), or_(rests, Match.how == "admin"))
    # A SIS ID is taken at its word where nobody else is in the course: see `users.address`.
    others = exists().where(
        CourseRead.connection_id == connection_id,
        CourseRead.canvas_course_id == Seat.canvas_course_id,
        CourseRead.has_others,
    )
    unmatched = and_(Match.participant_id.is_(None), Participant.sis_user_id.is_not(None), ~others)
    out = exists().where(Request.connection_id == connection_id, Request.participant_id == Seat.participant_id)
    is_in = exists().where(
        CanvasRow.connection_id == connection_id,
        CanvasRow.canvas_user_id == Match.canvas_user_id,
        CanvasRow.canvas_course_id == Seat.canvas_course_id,
        CanvasRow.state.in_(rows.LIVE),
    )
    wanted = exists().where(Claim.seat_id == Seat.id, Claim.ended_at.is_(None))
    return (
        select(
            Seat.id,
            Seat.participant_id,
            Seat.version,
            Seat.canvas_course_id,
            Seat.canvas_section_id,
            func.coalesce(Match.canvas_sis_user_id, Participant.sis_user_id),
            Match.canvas_user_id,
        )
        .join(Participant, Participant.id == Seat.participant_id)
        .outerjoin(Match, and_(Match.connection_id == connection_id, Match.participant_id == Seat.participant_id))
        .where(due.unsettled(connection_id), Seat.cause.is_(None), wanted, ~out, ~is_in)
        .where(Participant.erase_at.is_(None), or_(matched, unmatched))
        .order_by(Seat.id)
    )


def begin(session: Session, connection_id: int, chosen: Sequence[Candidate], now: datetime) -> int:
    """Put these seats into a new import, and put them off, so that the ordinary road leaves them alone for a moment."""
    made = MassImport(connection_id=connection_id, begun_at=now, next_at=now, seats=len(chosen))
    session.add(made)
    session.flush()
    names = [name for name in Candidate._fields if name != "canvas_user_id"]
    values = [{name: getattr(one, name) for name in names} | {"import_id": made.id} for one in chosen]
    session.execute(insert(MassSeat), values)
    _seats_of(session, made.id, due_at=now + retry.MASS_PREPARES)
    return made.id


def write_down(
    session: Session, its: MassImport, chosen: Sequence[Candidate], sha256: str, sent_at: datetime, now: datetime
) -> None:
    """Write down that these seats are sent, in a file with this hash; nobody else is in it."""
    keep = {one.seat_id for one in chosen}
    _leave_out(session, its.id, [number for number in _seat_ids(session, its.id) if number not in keep])
    until = now + retry.MASS_BLOCKS
    people = {one.participant_id: one for one in chosen}
    session.execute(
        insert(Request),
        [
            {
                "id": secrets.randbits(62),
                "connection_id": its.connection_id,
                "participant_id": number,
                "kind": "import",
                "address": address_of(one.sis_user_id, None),
                "canvas_user_id": one.canvas_user_id,
                "first_sent_at": sent_at,
                "until_at": until,
            }
            for number, one in people.items()
        ],
    )
    its.sha256, its.sent_at, its.seats = sha256, sent_at, len(chosen)
    _seats_of(session, its.id, due_at=until)
    session.flush()


def block_longer(session: Session, its: MassImport, now: datetime) -> None:
    """Keep its people's requests out while Canvas works."""
    theirs = (*_requests(its), Request.until_at < now + retry.MASS_BLOCKS / 2)
    if change(session, update(Request).where(*theirs).values(until_at=now + retry.MASS_BLOCKS)):
        _seats_of(session, its.id, due_at=now + retry.MASS_BLOCKS)


def put_in(session: Session, import_id: int) -> list[MassSeat]:
    """What is in the import."""
    return list(session.scalars(select(MassSeat).where(MassSeat.import_id == import_id).order_by(MassSeat.seat_id)))


def let_go(session: Session, its: MassImport, seat_ids: Collection[int]) -> None:
    """It is known what came of these people: nothing about them is out any more."""
    some = select(MassSeat.participant_id).where(MassSeat.seat_id.in_(seat_ids), MassSeat.import_id == its.id)
    people = session.scalars(some).all()
    of_import = (Request.connection_id == its.connection_id, Request.kind == "import")
    change(session, delete(Request).where(*of_import, Request.participant_id.in_(people)))
    _leave_out(session, its.id, seat_ids)


def end(session: Session, its: MassImport, now: datetime, problem: str | None = None) -> None:
    """Nothing of the import is under way any more; what it did not do goes the ordinary road."""
    change(session, delete(Request).where(*_requests(its)))
    _leave_out(session, its.id, _seat_ids(session, its.id))
    its.over_at, its.problem = now, problem
    session.info[claims.RANG] = True
    session.flush()


def _requests(its: MassImport) -> tuple[ColumnElement[bool], ...]:
    people = select(MassSeat.participant_id).where(MassSeat.import_id == its.id)
    return Request.connection_id == its.connection_id, Request.kind == "import", Request.participant_id.in_(people)


def _seat_ids(session: Session, import_id: int) -> list[int]:
    return list(session.scalars(select(MassSeat.seat_id).where(MassSeat.import_id == import_id)))


def _leave_out(session: Session, import_id: int, seat_ids: Collection[int]) -> None:
    """These seats are in no import any more, and due."""
    for at in range(0, len(ids := list(seat_ids)), AT_ONCE):
        some = ids[at : at + AT_ONCE]
        people = select(MassSeat.participant_id).where(MassSeat.import_id == import_id, MassSeat.seat_id.in_(some))
        theirs = (Seat.participant_id.in_(people), Seat.settled_version < Seat.version)
        change(session, update(Seat).where(*theirs, ~Seat.held, Seat.cause.is_(None)).values(due_at=None))
        change(session, delete(MassSeat).where(MassSeat.import_id == import_id, MassSeat.seat_id.in_(some)))


def _seats_of(session: Session, import_id: int, due_at: datetime) -> None:
    here = select(MassSeat.seat_id).where(MassSeat.import_id == import_id)
    change(session, update(Seat).where(Seat.id.in_(here), Seat.settled_version < Seat.version).values(due_at=due_at))


AT_ONCE = 500
"""How many seats are named in one statement."""
