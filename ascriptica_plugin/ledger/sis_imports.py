"""SIS imports: what is written down of one, what waits for it, and when it is over. Never commits.

From the moment a seat is put into an import until the import is over, nothing else is asked about its participant in
its Canvas course.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, func, insert, or_, select, update
from sqlalchemy.orm import Session

from ..canvas.sis import NewUser
from ..shared import pauses
from ..shared.said import Said
from ..tables.canvas import Settings
from ..tables.columns import change, upsert_into
from ..tables.ledger import Match, Seat
from ..tables.locks import lock_seats
from ..tables.office import Participant
from ..tables.sis_imports import MassImport, MassSeat
from . import claims, sis_import_candidates, ways_in
from .sis_import_candidates import AT_ONCE, Candidate


def open_import(session: Session, connection_id: int) -> MassImport | None:
    """The import that is under way."""
    here = (MassImport.connection_id == connection_id, MassImport.over_at.is_(None))
    return session.scalar(select(MassImport).where(*here).execution_options(populate_existing=True))


def anything_to_do(session: Session, connection_id: int, now: datetime, least: int) -> bool:
    """Whether an import has to be continued now, or begun because at least `least` seats can go by it."""
    under_way = open_import(session, connection_id)
    if under_way is not None:
        return under_way.next_at <= now or under_way.next_at > now + 2 * pauses.LATE
    wanted = select(Settings.id).where(Settings.mass_by_sis, ~Settings.by_invitation)
    if session.scalar(wanted) is None:
        return False
    lately = (MassImport.connection_id == connection_id, MassImport.problem.is_not(None))
    if session.scalar(select(MassImport.id).where(*lately, MassImport.over_at > now - pauses.MASS_AGAIN).limit(1)):
        return False
    return sis_import_candidates.are_so_many(session, connection_id, now, least)


def begin(session: Session, connection_id: int, now: datetime) -> int | None:
    """Begin an import with nobody in it yet. Returns its number, or None if another worker has begun one."""
    made = upsert_into(session, MassImport).values(connection_id=connection_id, begun_at=now, next_at=now, seats=0)
    return session.scalar(made.on_conflict_do_nothing().returning(MassImport.id))


def put_in(session: Session, import_id: int, chosen: Sequence[Candidate], now: datetime) -> None:
    """Put these seats into the import, and put them off."""
    if chosen:
        session.execute(insert(MassSeat), [{"import_id": import_id, **one._asdict()} for one in chosen])
        _put_off(session, [one.seat_id for one in chosen], now)


def put_some_off(session: Session, import_id: int, now: datetime) -> bool:
    """Put some of the import's seats off that would be due soon. Returns whether more are left."""
    soon = or_(Seat.due_at.is_(None), Seat.due_at < now + pauses.MASS_BLOCKS / 2)
    some = (
        select(Seat.id)
        .join(MassSeat, MassSeat.seat_id == Seat.id)
        .where(MassSeat.import_id == import_id, Seat.settled_version < Seat.version, soon)
        .limit(AT_ONCE)
    )
    found = session.scalars(some).all()
    _put_off(session, found, now)
    return len(found) == AT_ONCE


def _put_off(session: Session, seat_ids: Sequence[int], now: datetime) -> None:
    lock_seats(session, Seat.id.in_(seat_ids))
    theirs = (Seat.id.in_(seat_ids), Seat.settled_version < Seat.version)
    change(session, update(Seat).where(*theirs).values(due_at=now + pauses.MASS_BLOCKS))


def seats_of(session: Session, import_id: int, after: int = 0, limit: int | None = None) -> list[Candidate]:
    """What is in the import, in the order of the seats' ids, from the first one `after` that id."""
    columns = [getattr(MassSeat, name) for name in Candidate._fields]
    these = select(*columns).where(MassSeat.import_id == import_id, MassSeat.seat_id > after)
    return [Candidate._make(row) for row in session.execute(these.order_by(MassSeat.seat_id).limit(limit))]


def places_of(session: Session, import_id: int) -> list[tuple[int, int]]:
    """The Canvas courses and sections of the import's seats."""
    places = select(MassSeat.canvas_course_id, MassSeat.canvas_section_id).where(MassSeat.import_id == import_id)
    return sorted((row[0], row[1]) for row in session.execute(places.distinct()))


def write_down(session: Session, its: MassImport, sha256: str, sent_at: datetime) -> None:
    """Write down that what is in the import is sent now, in a file with this hash."""
    its.sha256, its.sent_at = sha256, sent_at
    its.seats = session.scalar(select(func.count()).where(MassSeat.import_id == its.id)) or 0
    session.flush()


def is_in_one(connection_id: Any, participant_id: Any, *which: ColumnElement[bool]) -> ColumnElement[bool]:
    """SQL: the participant is in an import that is under way. `which`: conditions on MassSeat. Ids may be columns."""
    return exists().where(
        MassImport.connection_id == connection_id,
        MassImport.over_at.is_(None),
        MassSeat.import_id == MassImport.id,
        MassSeat.participant_id == participant_id,
        *which,
    )


def waiting(session: Session, connection_id: int, participant_ids: Collection[int]) -> set[tuple[int, int]]:
    """The Canvas courses into which these participants are being imported, by participant."""
    if not participant_ids:
        return set()
    found = (
        select(MassSeat.participant_id, MassSeat.canvas_course_id)
        .join(MassImport, MassImport.id == MassSeat.import_id)
        .where(MassImport.connection_id == connection_id, MassImport.over_at.is_(None))
        .where(MassSeat.participant_id.in_(participant_ids))
    )
    return {(row[0], row[1]) for row in session.execute(found)}


def leave_out(session: Session, import_id: int, seat_ids: Collection[int]) -> None:
    """Take these seats out of the import. What is left to do for them is done one by one."""
    some = (MassSeat.import_id == import_id, MassSeat.seat_id.in_(seat_ids))
    people = session.scalars(select(MassSeat.participant_id).where(*some)).all()
    theirs = and_(Seat.participant_id.in_(people), Seat.settled_version < Seat.version)
    lock_seats(session, theirs)
    change(session, update(Seat).where(theirs, ~Seat.held, Seat.cause.is_(None)).values(due_at=None))
    change(session, delete(MassSeat).where(*some))


def undone(session: Session, import_id: int) -> int:
    """How many seats are still as they were when they were put in: the import did nothing for them."""
    same = (Seat.version == MassSeat.version, Seat.settled_version < Seat.version)
    found = select(func.count()).select_from(MassSeat).join(Seat, Seat.id == MassSeat.seat_id)
    return session.scalar(found.where(MassSeat.import_id == import_id, *same)) or 0


def unknown_people(session: Session, import_id: int) -> list[int]:
    """Ids of the seats of people whose SIS IDs Canvas does not know, so that the import did not let them in, and who
    are still wanted there."""
    nobody = ~exists().where(Match.connection_id == Seat.connection_id, Match.participant_id == MassSeat.participant_id)
    found = (
        select(MassSeat.seat_id)
        .join(Seat, Seat.id == MassSeat.seat_id)
        .where(MassSeat.import_id == import_id, MassSeat.status == "active", nobody)
        .where(Seat.version == MassSeat.version, Seat.settled_version < Seat.version)
    )
    return list(session.scalars(found))


def make_users(session: Session, import_id: int, another_id: int) -> None:
    """Move those who are left in this import into another one, which makes users for them."""
    left = update(MassSeat).where(MassSeat.import_id == import_id)
    change(session, left.values(import_id=another_id, makes_user=True))


def people_to_make(session: Session, import_id: int) -> dict[int, NewUser]:
    """The participants for whom the import makes users. The login is the email, as when we create one user."""
    mailed = ways_in.is_mailed(MassSeat.seat_id)
    found = (
        select(Participant.id, MassSeat.sis_user_id, Participant.email, Participant.name, Participant.email, mailed)
        .join(MassSeat, MassSeat.participant_id == Participant.id)
        .where(MassSeat.import_id == import_id, MassSeat.makes_user)
    )
    return {row[0]: NewUser(*row[1:]) for row in session.execute(found)}


def leave_people_out(session: Session, import_id: int, participant_ids: Collection[int]) -> None:
    """Take these people out of the import."""
    theirs = (MassSeat.import_id == import_id, MassSeat.participant_id.in_(participant_ids))
    leave_out(session, import_id, session.scalars(select(MassSeat.seat_id).where(*theirs)).all())


def end(session: Session, its: MassImport, now: datetime, problem: Said | str | None = None) -> None:
    """End the import: nobody is left in it, and nothing of it is under way any more."""
    its.over_at, its.problem = now, problem
    session.info[claims.RANG] = True
    session.flush()
