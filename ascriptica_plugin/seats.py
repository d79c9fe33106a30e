"""The ledger of seats: what is due, who drains, what is settled, and what waits for what.

Knows the tables, not Canvas, Flask or RQ. Never commits: whoever opened the unit of work does. Every time is an
argument. What a seat should be is derived from its live claims when it is loaded, in the same statement as its
version; settling writes that version back, so a change made meanwhile keeps the seat due.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Executable,
    Select,
    and_,
    bindparam,
    case,
    exists,
    false,
    func,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session, aliased

from . import claims, log
from .causes import CAUSES
from .models import (
    CanvasUser,
    Claim,
    Connection,
    Course,
    Participant,
    Registration,
    Seat,
    begin_writing,
    upsert_into,
)

LEASE = timedelta(seconds=10)
FIRST_BACK_OFF = timedelta(seconds=5)
LONGEST_BACK_OFF = timedelta(minutes=15)
CANARY = timedelta(minutes=15)
LATE = timedelta(minutes=2)
"""For how long after it was sent Canvas may still carry out a request; we listen for half a minute at most."""

_seat, _claim = Seat.__table__, Claim.__table__


@dataclass
class Work:
    """One unsettled seat as it was at the moment of loading, with all that delivery needs to act on it."""

    seat_id: int
    participant_id: int
    canvas_course_id: int
    canvas_section_id: int
    version: int
    attempts: int
    cause: str | None
    cause_scope: str
    held: bool
    first_tried_at: datetime | None
    in_doubt_until: datetime | None
    in_doubt_enrolls: bool
    canvas_enrollment_id: int | None
    granted: bool
    name: str
    email: str
    sis_user_id: str | None
    canvas_user_id: int | None
    login_sent: str | None
    create_new: bool
    on_withdrawal: str | None
    """What the course that let go last says of withdrawals; None: as Course Settings say."""
    wanted: bool
    shared: bool
    """Another wanted seat is the same Canvas enrollment, so this one's end removes nothing."""
    moving: bool
    """A registration's newest claim is here, and older ones elsewhere end once this seat is settled."""

    facts: dict[str, Any] = field(default_factory=dict)
    """What was learned of the seat and is not stored yet, by Seat's columns."""
    user_facts: dict[str, Any] = field(default_factory=dict)
    """What was learned of who the participant is in Canvas and is not stored yet, by CanvasUser's columns."""
    removed: int | None = None
    """The Canvas enrollment that was removed for this seat."""

    def note(self, **facts: Any) -> None:
        """Remember what Canvas said of the seat."""
        self.facts |= facts

    def note_user(self, **facts: Any) -> None:
        """Remember who the participant is in Canvas."""
        self.user_facts |= facts

    def note_try(self, tried_at: datetime | None) -> None:
        """Remember when, on Canvas's clock, the first request to enroll leaves; None: none has reached a row."""
        self.first_tried_at = tried_at
        self.note(first_tried_at=tried_at)

    def note_sent(self, until: datetime) -> None:
        """Remember that Canvas is asked, and may do it until then whether or not we hear of it."""
        self.note(in_doubt_until=until, in_doubt_enrolls=self.wanted)

    def note_answered(self) -> None:
        """Remember that we did hear of it; what was in doubt before remains so."""
        self.note(in_doubt_until=self.in_doubt_until)

    def has_to_wait(self, now: datetime) -> bool:
        """Whether an unanswered request for the opposite may still be carried out, and undo what we would do now."""
        in_doubt = self.in_doubt_until is not None and now < self.in_doubt_until < now + LATE * 1.5
        return in_doubt and self.in_doubt_enrolls != self.wanted

    def __str__(self) -> str:
        return f"seat {self.seat_id} ({self.name} in Canvas course {self.canvas_course_id})"


class Known(NamedTuple):
    """What a seat knows of a Canvas enrollment: whether it is ours to end, and when the seat gave it up, if it did."""

    seat_id: int
    granted: bool
    ended_at: datetime | None


# -- what is due ------------------------------------------------------------------------------------------------------


def _unsettled(connection_id: int) -> ColumnElement[bool]:
    return and_(Seat.connection_id == connection_id, Seat.settled_version < Seat.version)


def due(connection_id: int, now: datetime) -> ColumnElement[bool]:
    """SQL for the seats that are acted on now."""
    # A time further off than the longest back-off was set by a clock that has stepped back since: due.
    time_has_come = or_(Seat.due_at.is_(None), Seat.due_at <= now, Seat.due_at > now + LONGEST_BACK_OFF * 1.5)
    return and_(_unsettled(connection_id), Seat.parked_at.is_(None), not_(Seat.held), time_has_come)


def _canaries(connection_id: int, now: datetime):
    return (
        select(func.min(Seat.id))
        .where(_unsettled(connection_id), Seat.held, Seat.parked_at.is_(None), Seat.due_at.is_not(None))
        .group_by(Seat.cause, Seat.cause_scope)
        .having(or_(func.min(Seat.due_at) <= now, func.max(Seat.due_at) > now + CANARY * 1.5))
    )


def anything_due(session: Session, connection_id: int, now: datetime) -> bool:
    """Whether a drain would find work, told without a lock."""
    one = select(Seat.id).where(due(connection_id, now)).limit(1)
    return session.scalar(one) is not None or session.scalar(_canaries(connection_id, now).limit(1)) is not None


def due_ids(session: Session, connection_id: int, now: datetime, limit: int, without: Collection[int]) -> list[int]:
    """Ids of due seats, courses that start soonest first, a canary of everything held among them."""
    canaries = list(session.scalars(_canaries(connection_id, now)))
    soonest = (
        select(func.min(Course.starts_at))
        .join(Registration, Registration.course_id == Course.id)
        .join(Claim, Claim.registration_id == Registration.id)
        .where(Claim.seat_id == Seat.id)
        .scalar_subquery()
    )
    found = (
        select(Seat.id)
        .where(due(connection_id, now))
        .order_by(soonest.nulls_last(), Seat.changed_at, Seat.id)
        .limit(limit + len(without))
    )
    return [seat_id for seat_id in [*session.scalars(found), *canaries] if seat_id not in without]


def _load_statement() -> Select:
    other = aliased(Seat)
    shared = exists().where(
        other.connection_id == Seat.connection_id,
        other.canvas_enrollment_id == Seat.canvas_enrollment_id,
        other.id != Seat.id,
        exists().where(Claim.seat_id == other.id, Claim.ended_at.is_(None)),
    )
    here, older = aliased(Claim), aliased(Claim)
    moving = exists().where(
        here.seat_id == Seat.id,
        here.ended_at.is_(None),
        older.registration_id == here.registration_id,
        older.ended_at.is_(None),
        older.id < here.id,
    )
    let_go_last = (
        select(Course.on_withdrawal)
        .join(Registration, Registration.course_id == Course.id)
        .join(Claim, Claim.registration_id == Registration.id)
        .where(Claim.seat_id == Seat.id)
        .order_by(Claim.ended_at.desc(), Claim.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    return (
        select(
            Seat.id,
            Seat.participant_id,
            Seat.canvas_course_id,
            Seat.canvas_section_id,
            Seat.version,
            Seat.attempts,
            Seat.cause,
            Seat.cause_scope,
            Seat.held,
            Seat.first_tried_at,
            Seat.in_doubt_until,
            Seat.in_doubt_enrolls,
            Seat.canvas_enrollment_id,
            Seat.granted,
            Participant.name,
            Participant.email,
            Participant.sis_user_id,
            CanvasUser.canvas_user_id,
            CanvasUser.login_sent,
            func.coalesce(CanvasUser.create_new, false()),
            let_go_last,
            exists().where(Claim.seat_id == Seat.id, Claim.ended_at.is_(None)),
            shared,
            moving,
        )
        .join(Participant, Participant.id == Seat.participant_id)
        .outerjoin(
            CanvasUser,
            and_(CanvasUser.connection_id == Seat.connection_id, CanvasUser.participant_id == Seat.participant_id),
        )
        .where(Seat.id.in_(bindparam("seat_ids", expanding=True)), Seat.settled_version < Seat.version)
    )


# Statements that run for every seat are built once: building one costs more than running it.
_LOAD = _load_statement()


def load(session: Session, seat_ids: Iterable[int]) -> list[Work]:
    """The seats that are still unsettled, each with its version and its live claims read in the same statement."""
    return [Work(*row) for row in session.execute(_LOAD, {"seat_ids": list(seat_ids)})]


# -- the drain lease --------------------------------------------------------------------------------------------------


def take_lease(session: Session, connection_id: int, now: datetime) -> int | None:
    """The term of a new lease on draining this connection, or None while another holder's runs."""
    statement = (
        update(Connection)
        .where(Connection.id == connection_id)
        .where(
            or_(
                Connection.drain_until_at.is_(None),
                Connection.drain_until_at <= now,
                # Set by a clock that has stepped back since.
                Connection.drain_until_at > now + 2 * LEASE,
            )
        )
        .values(drain_term=Connection.drain_term + 1, drain_until_at=now + LEASE)
        .returning(Connection.drain_term)
        .execution_options(synchronize_session=False)
    )
    return session.scalar(statement)


def renew_lease(session: Session, connection_id: int, term: int, now: datetime) -> bool:
    """Whether the lease is still ours; if so it runs anew from `now`."""
    return _set_lease(session, connection_id, term, now + LEASE)


def give_lease_back(session: Session, connection_id: int, term: int) -> None:
    """Let another worker drain at once, unless the lease is not ours any more."""
    _set_lease(session, connection_id, term, None)


def _set_lease(session: Session, connection_id: int, term: int, until: datetime | None) -> bool:
    changed = session.execute(
        update(Connection)
        .where(Connection.id == connection_id, Connection.drain_term == term)
        .values(drain_until_at=until)
        .execution_options(synchronize_session=False)
    )
    return changed.rowcount == 1


# -- what came of it --------------------------------------------------------------------------------------------------


def begin_unit(session: Session, connection_id: int, term: int, works: list[Work], next_ids: list[int]) -> bool:
    """Open the unit of work that writes what came of these seats and takes up the next; False where our lease has
    passed to another worker.

    The lease can't pass on before the unit ends. Every seat that it may change is locked at once, in the order of ids.
    """
    begin_writing(session)
    lease = {"connection_id": connection_id, "term": term}
    ours = session.scalar(_OUR_LEASE, lease) is not None
    if session.connection().dialect.name == "sqlite":
        # BEGIN IMMEDIATE has locked everything.
        return ours
    ids = {work.seat_id for work in works} | set(next_ids)
    for work in works:
        if work.moving:
            ids.update(row.seat_id for row in session.execute(_OLDER_CLAIMS, {"seat_id": work.seat_id}))
        if work.held:
            ids.update(session.scalars(select(Seat.id).where(*_waits_for_the_same(connection_id, work))))
        if work.removed:
            ids.update(session.scalars(select(Seat.id).where(_same_enrollment(connection_id, work))))
    session.execute(_LOCK, {"seat_ids": list(ids)})
    return ours


_OUR_LEASE = (
    select(Connection.id)
    .where(Connection.id == bindparam("connection_id"), Connection.drain_term == bindparam("term"))
    .with_for_update(read=True)
)
_LOCK = (
    select(_seat.c.id).where(_seat.c.id.in_(bindparam("seat_ids", expanding=True))).order_by(_seat.c.id)
).with_for_update()

_here = _claim.alias()
_OLDER_CLAIMS = (
    select(_claim.c.id, _claim.c.seat_id)
    .join(_here, _here.c.registration_id == _claim.c.registration_id)
    .where(_here.c.seat_id == bindparam("seat_id"), _here.c.ended_at.is_(None))
    .where(_claim.c.ended_at.is_(None), _claim.c.id < _here.c.id)
)
"""The older claims of every registration whose newest claim is on the seat."""


def note_facts(session: Session, connection_id: int, works: Iterable[Work], ours: bool) -> None:
    """Store what was learned of seats and of who is who in Canvas: true whoever holds the lease now.

    Except that no request to enroll is out: where the lease is not ours any more, its holder may have sent one.
    """
    of_seats: dict[tuple, list[dict]] = {}
    of_users: dict[tuple, list[dict]] = {}
    for work in works:
        facts = work.facts if ours else {name: fact for name, fact in work.facts.items() if fact is not None}
        if facts:
            seat = {"seat_id": work.seat_id, "whose": work.participant_id, **facts}
            of_seats.setdefault(tuple(facts), []).append(seat)
        if work.user_facts:
            user = {"connection_id": connection_id, "participant_id": work.participant_id, **work.user_facts}
            of_users.setdefault(tuple(work.user_facts), []).append(user)
    for rows in of_seats.values():
        session.execute(_NOTE_SEAT, rows)
    for names, rows in of_users.items():
        session.execute(_note_user(session, names), rows)


def _note_user(session: Session, names: tuple[str, ...]) -> Executable:
    known = (session.get_bind().dialect.name, names)
    if known not in _NOTE_USER:
        upsert = upsert_into(session, CanvasUser)
        learned = {name: upsert.excluded[name] for name in names}
        key = ["connection_id", "participant_id"]
        _NOTE_USER[known] = upsert.on_conflict_do_update(index_elements=key, set_=learned)
    return _NOTE_USER[known]


_NOTE_USER: dict[tuple[str, tuple[str, ...]], Executable] = {}
"""By dialect and by the names of what was learned, of which there are a handful."""

# Of an erased person's seat SQLite gives the id to the next one that is made, so what was learned is about both.
_NOTE_SEAT = update(_seat).where(_seat.c.id == bindparam("seat_id"), _seat.c.participant_id == bindparam("whose"))


def known_of(session: Session, connection_id: int, canvas_enrollment_ids: list[int]) -> dict[int, list[Known]]:
    """What seats know already of these Canvas enrollments."""
    # What no column holds, no seat knows.
    ids = [one for one in canvas_enrollment_ids if one < 2**63]
    found: dict[int, list[Known]] = {}
    for canvas_enrollment_id, *known in (
        session.execute(_KNOWN_OF, {"connection_id": connection_id, "ids": ids}) if ids else ()
    ):
        found.setdefault(canvas_enrollment_id, []).append(Known(*known))
    return found


_KNOWN_OF = (
    select(
        _seat.c.canvas_enrollment_id, _seat.c.id, _seat.c.granted, case((not_(_seat.c.enrolled), _seat.c.settled_at))
    )
    .where(_seat.c.connection_id == bindparam("connection_id"))
    .where(_seat.c.canvas_enrollment_id.in_(bindparam("ids", expanding=True)))
)


def known_elsewhere(session: Session, connection_id: int, work: Work, canvas_enrollment_ids: list[int]) -> set[int]:
    """Those of the Canvas enrollments that other seats know as theirs."""
    return set(
        session.scalars(
            select(_seat.c.canvas_enrollment_id).where(
                _seat.c.connection_id == connection_id,
                _seat.c.canvas_enrollment_id.in_(canvas_enrollment_ids),
                _seat.c.id != work.seat_id,
            )
        )
    )


def tried_by_another(session: Session, connection_id: int, work: Work) -> bool:
    """Whether another seat has sent a request for this one's Canvas enrollment since it was last removed."""
    if work.canvas_enrollment_id is None:
        return False
    another = select(_seat.c.id).where(
        _seat.c.connection_id == connection_id,
        _seat.c.canvas_enrollment_id == work.canvas_enrollment_id,
        _seat.c.id != work.seat_id,
        _seat.c.first_tried_at.is_not(None),
    )
    return session.scalar(another.limit(1)) is not None


def settle(session: Session, connection_id: int, works: list[Work], now: datetime) -> None:
    """Canvas agrees with the versions that were loaded. To be called in a unit that `begin_unit` opened as ours.

    A success also releases everything held for the cause that its seat was held for, and ends the older claims of
    registrations that were moving here.
    """
    # A change made meanwhile has made the seat fresh already, so doing it here again takes nothing away.
    for version in {work.version for work in works}:
        of_it = [work for work in works if work.version == version]
        which = {"seat_ids": [work.seat_id for work in of_it], "whose": [work.participant_id for work in of_it]}
        session.execute(_SETTLE, {**which, "loaded_version": version, "now": now})
    for work in works:
        if work.held:
            release(session, *_waits_for_the_same(connection_id, work))
        if work.removed:
            _tell_others(session, connection_id, work, now)
        if work.moving and work.wanted:
            older = session.execute(_OLDER_CLAIMS, {"seat_id": work.seat_id}).all()
            claims.end(session, Claim.id.in_([row.id for row in older]), now)


_SETTLE = (
    update(_seat)
    .where(_seat.c.id.in_(bindparam("seat_ids", expanding=True)))
    .where(_seat.c.participant_id.in_(bindparam("whose", expanding=True)))
    .values(settled_version=bindparam("loaded_version"), settled_at=bindparam("now"), **claims.FRESH)
)


def make_due_again(session: Session, works: list[Work], now: datetime) -> None:
    """The lease has passed to another worker, and these answers may have come after that worker's."""
    if works:
        claims.make_due(session, Seat.id.in_([work.seat_id for work in works]), now)


def _tell_others(session: Session, connection_id: int, work: Work, now: datetime) -> None:
    """After an enrollment was removed: a seat that wants it has learned of it only now, so it enrolls again; the
    others, which left it to this one, have nothing in Canvas any more."""
    same = _same_enrollment(connection_id, work)
    wants_it = exists().where(Claim.seat_id == Seat.id, Claim.ended_at.is_(None))
    others = session.execute(select(Seat.id, wants_it).where(same)).all()
    if any(wanting for _, wanting in others):
        claims.make_due(session, and_(same, wants_it), now)
    if others:
        left_it = update(Seat).where(same, not_(wants_it)).values(first_tried_at=None)
        session.execute(left_it.execution_options(synchronize_session=False))


def _same_enrollment(connection_id: int, work: Work) -> ColumnElement[bool]:
    return and_(
        Seat.connection_id == connection_id,
        Seat.canvas_enrollment_id == work.removed,
        Seat.id != work.seat_id,
    )


def _waits_for_the_same(connection_id: int, work: Work) -> tuple[ColumnElement[bool], ...]:
    same = (Seat.cause == work.cause, Seat.cause_scope == work.cause_scope)
    return (_unsettled(connection_id), or_(Seat.held, Seat.parked_at.is_not(None)), *same)


def retry_later(session: Session, work: Work, cause: str, detail: str, due_at: datetime) -> None:
    """Count an attempt and try again at `due_at`; a change made meanwhile keeps its own, earlier time."""
    counted = {"attempts": work.attempts + 1, "due_at": due_at, "held": False}
    _unless_changed(session, work, cause=cause, cause_scope="", cause_detail=detail, **counted)


def put_off(session: Session, work: Work, due_at: datetime) -> None:
    """Not now, for a reason that is nobody's fault."""
    _unless_changed(session, work, due_at=due_at, held=False)


def hold(session: Session, connection_id: int, work: Work, cause: str, scope: str, detail: str, now: datetime) -> None:
    """Wait until whoever the cause names has acted; one of all that wait for it tries again by itself.

    If this seat was that one, the others' next canary waits as long as a new one's.
    """
    again = now + CANARY if CAUSES[cause].heals_itself else None
    _unless_changed(
        session,
        work,
        cause=cause,
        cause_scope=scope,
        cause_detail=detail,
        held=True,
        due_at=again,
        attempts=0,
    )
    if (work.held, work.cause, work.cause_scope) != (True, cause, scope):
        return
    session.execute(
        update(Seat)
        .where(*_waits_for_the_same(connection_id, work), Seat.held)
        .values(due_at=again)
        .execution_options(synchronize_session=False)
    )


def park(session: Session, work: Work, cause: str, detail: str, now: datetime) -> None:
    """Give up until somebody asks."""
    _unless_changed(session, work, cause=cause, cause_scope="", cause_detail=detail, parked_at=now, held=False)


def _unless_changed(session: Session, work: Work, **values: Any) -> None:
    session.execute(
        update(Seat)
        .where(Seat.id == work.seat_id, Seat.participant_id == work.participant_id, Seat.version == work.version)
        .values(**values)
        .execution_options(synchronize_session=False)
    )


def waits() -> ColumnElement[bool]:
    """SQL for the seats that something stands in the way of: held, parked, or put off after a counted attempt."""
    return and_(Seat.settled_version < Seat.version, Seat.cause.is_not(None))


def try_again(session: Session, connection: Connection, now: datetime, *which: ColumnElement[bool]) -> int:
    """`release` because a person asks; a connection on hold asks Canvas at once too, since else nothing would move."""
    if connection.hold_cause:
        connection.hold_until_at = now
        session.info[claims.RANG] = True
    return release(session, Seat.connection_id == connection.id, *which)


def release(session: Session, *which: ColumnElement[bool]) -> int:
    """Make due now what waits of the seats that the conditions pick; answers how many."""
    released = session.execute(
        update(Seat).where(waits(), *which).values(**claims.FRESH).execution_options(synchronize_session=False)
    )
    if released.rowcount:
        session.info[claims.RANG] = True
    return released.rowcount


def decide(session: Session, seat: Seat, stays: bool, now: datetime, by: str) -> None:
    """An administrator's answer for an enrollment that we did not grant and nobody is registered for any more."""
    if stays:
        seat.settled_version, seat.settled_at, seat.kept = seat.version, now, True
        seat.held, seat.cause, seat.cause_scope, seat.cause_detail, seat.due_at = False, None, "", None, None
    else:
        seat.granted = True
        session.flush()
        release(session, Seat.id == seat.id)
    words = f"Canvas course {seat.canvas_course_id}: the enrollment that was there before us"
    log.note(session, now, by, "kept" if stays else "removed", words, participant_id=seat.participant_id)
    session.flush()
