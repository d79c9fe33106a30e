"""Rows: what Canvas last told us about each enrollment. Everything that Canvas tells goes through `store`.

It stores the facts, and unsettles the seats that no longer fit them: a place that a hand took away becomes a question,
a row that nobody wants is ended or asked about. It goes by what is stored, not by what happened. Never commits.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import Table, and_, bindparam, exists, select, update
from sqlalchemy.orm import Session

from ..canvas.shapes import Enrollment
from ..tables.canvas import DEFAULT_SECTION, CanvasRow, Claim, Match, Request, Seat
from ..tables.columns import change, upsert_into
from . import claims

LIVE = ("active", "invited", "creation_pending")
"""The states in which somebody is in a Canvas course, or may get in. Every other state is not live."""

_row = cast(Table, CanvasRow.__table__)


@dataclass(frozen=True)
class Told:
    """A row as Canvas told it.

    `granted`: we let the person in. `ended_by_us`: this is the answer to our own request to end it. `seat_id`: the seat
    that it may be the place of. `asked_at`: when we asked, for a list that may be older than what we know since.
    """

    row: Enrollment
    granted: bool = False
    ended_by_us: bool = False
    seat_id: int | None = None
    asked_at: datetime | None = None


class Known(NamedTuple):
    """A row as it is stored."""

    canvas_enrollment_id: int
    created_at: datetime | None
    canvas_user_id: int | None
    canvas_course_id: int
    canvas_section_id: int | None
    state: str
    seen_at: datetime
    granted: bool
    kept: bool
    seat_id: int | None

    @property
    def is_live(self) -> bool:
        return self.state in LIVE

    def is_same(self, row: Enrollment) -> bool:
        """Whether Canvas means this row, and has not given its id to another one."""
        return self.created_at in (None, row.created_at)


def as_known(told: Told, was: Known | None, now: datetime) -> Known:
    """A row as it will be stored, after what is known of it."""
    row, same = told.row, was if was is not None and was.is_same(told.row) else None
    is_live = row.state in LIVE
    return Known(
        row.id,
        row.created_at,
        row.user_id,
        row.course_id,
        row.section_id,
        row.state[:20],
        now,
        # Whoever ended it: who lets the person in again is the one who grants it.
        is_live and (told.granted or (same is not None and same.granted)),
        is_live and same is not None and same.kept,
        told.seat_id or (same.seat_id if same is not None else None),
    )


_KNOWN = select(*(_row.c[name] for name in Known._fields)).where(_row.c.connection_id == bindparam("connection_id"))
_KNOWN_BY_ID = _KNOWN.where(_row.c.canvas_enrollment_id.in_(bindparam("ids", expanding=True)))
_KNOWN_OF_USER = _KNOWN.where(_row.c.canvas_user_id == bindparam("user_id"))
_LEFT_BY = _KNOWN.where(_row.c.seat_id == bindparam("seat_id"))


def known(session: Session, connection_id: int, ids: Collection[int]) -> dict[int, Known]:
    """The stored rows with these ids of Canvas."""
    if not ids:
        return {}
    found = session.execute(_KNOWN_BY_ID, {"connection_id": connection_id, "ids": list(ids)})
    return {row[0]: Known(*row) for row in found}


def known_of_user(session: Session, connection_id: int, canvas_user_id: int) -> list[Known]:
    """The stored rows of a Canvas user, the oldest first."""
    values = {"connection_id": connection_id, "user_id": canvas_user_id}
    return [Known(*row) for row in session.execute(_KNOWN_OF_USER.order_by(_row.c.canvas_enrollment_id), values)]


def left_by(session: Session, connection_id: int, seat_id: int) -> list[Known]:
    """The stored rows that the seat points to, or pointed to, or may have."""
    values = {"connection_id": connection_id, "seat_id": seat_id}
    return [Known(*row) for row in session.execute(_LEFT_BY.order_by(_row.c.canvas_enrollment_id), values)]


def is_of_a_section(session: Session, row: Known, seat_id: int) -> bool:
    """Whether the row is the place of another seat that asked for its very section, and so not the course's default."""
    asked_for = select(Seat.canvas_section_id).where(Seat.id == row.seat_id, Seat.id != seat_id)
    return session.scalar(asked_for) not in (None, DEFAULT_SECTION)


def wanted_ids(session: Session, connection_id: int, ids: Collection[int], but: int = 0) -> set[int]:
    """Those of the rows that a seat with live claims points to, whose participant is the row's user now.

    `but`: a seat that does not count.
    """
    if not ids:
        return set()
    wanting = (
        select(Seat.canvas_enrollment_id)
        .join(Match, and_(Match.connection_id == Seat.connection_id, Match.participant_id == Seat.participant_id))
        .join(
            CanvasRow,
            and_(
                CanvasRow.connection_id == Seat.connection_id,
                CanvasRow.canvas_enrollment_id == Seat.canvas_enrollment_id,
            ),
        )
        .where(Seat.connection_id == connection_id, Seat.canvas_enrollment_id.in_(ids), Seat.id != but)
        .where(Match.canvas_user_id == CanvasRow.canvas_user_id)
        .where(exists().where(Claim.seat_id == Seat.id, Claim.ended_at.is_(None)))
    )
    return {number for number in session.scalars(wanting) if number is not None}


def store(session: Session, connection_id: int, told: Iterable[Told], now: datetime) -> bool:
    """Store what Canvas told, and unsettle what no longer fits. Returns whether Canvas came back from a backup.

    A row of nobody that we know, and that no seat may point to, is not kept. Where a list is older than what we know
    since, or something about the person is out, the person's enrollments are owed a look instead.
    """
    # The last word on a row counts.
    latest = {one.row.id: one for one in told}
    if not latest:
        return False
    before = known(session, connection_id, latest)
    others = {number for number, one in latest.items() if number in before and not before[number].is_same(one.row)}
    if others:
        forget(session, connection_id, others)
        before = {number: row for number, row in before.items() if number not in others}
    users = _matched(session, connection_id, [one for one in latest.values() if one.asked_at is not None])
    values, unsettled = [], []
    for number, one in latest.items():
        was = before.get(number)
        if one.asked_at is not None:
            matched = users.get(one.row.user_id)
            if was is None and matched is None and one.seat_id is None:
                continue
            if _is_outdated(one, was, matched):
                _owe_look(session, connection_id, one.row.user_id, now)
                continue
            if matched is not None:
                _compare(session, connection_id, one, matched)
        values.append({"connection_id": connection_id, **as_known(one, was, now)._asdict()})
        # A list is read to find what was missed, also where a change was stored that nobody could judge then.
        is_missed = one.asked_at is not None and one.row.state not in LIVE
        if was is not None and (_has_changed(was, one.row) or is_missed):
            unsettled.append(number)
    if values:
        upsert = upsert_into(session, CanvasRow)
        fresh = {name: upsert.excluded[name] for name in values[0] if name not in ("connection_id", *_ID)}
        session.execute(upsert.on_conflict_do_update(index_elements=["connection_id", *_ID], set_=fresh), values)
    judge(session, connection_id, unsettled, now, {n for n in unsettled if latest[n].ended_by_us})
    _doubt_those_who_were_merged(session, connection_id, before, latest)
    return bool(others)


_ID = ("canvas_enrollment_id",)


def _has_changed(was: Known, row: Enrollment) -> bool:
    now = (row.state, row.user_id, row.course_id, row.section_id)
    return (was.state, was.canvas_user_id, was.canvas_course_id, was.canvas_section_id) != now


class _Matched(NamedTuple):
    canvas_user_id: int | None
    participant_id: int
    canvas_name: str | None
    canvas_login: str | None
    canvas_sis_user_id: str | None
    doubted: bool
    has_request: bool


def _matched(session: Session, connection_id: int, listed: Collection[Told]) -> dict[int | None, _Matched]:
    """The matches of the users in a list."""
    if not listed:
        return {}
    about = exists().where(Request.connection_id == connection_id, Request.participant_id == Match.participant_id)
    found = select(
        Match.canvas_user_id,
        Match.participant_id,
        Match.canvas_name,
        Match.canvas_login,
        Match.canvas_sis_user_id,
        Match.doubted,
        about,
    ).where(Match.connection_id == connection_id, Match.canvas_user_id.in_({one.row.user_id for one in listed}))
    return {row[0]: _Matched(*row) for row in session.execute(found)}


def _is_outdated(one: Told, was: Known | None, matched: _Matched | None) -> bool:
    asked_at = cast(datetime, one.asked_at)
    return (was is not None and was.seen_at > asked_at) or (matched is not None and matched.has_request)


def _owe_look(session: Session, connection_id: int, canvas_user_id: int, now: datetime) -> None:
    theirs = (Match.connection_id == connection_id, Match.canvas_user_id == canvas_user_id, Match.look_at.is_(None))
    change(session, update(Match).where(*theirs).values(look_at=now))


def _compare(session: Session, connection_id: int, one: Told, matched: _Matched) -> None:
    """Doubt a match whose user has another login or SIS ID now; learn the name that Canvas shows."""
    user = one.row.user
    if not user.shows_login:
        return
    theirs = (Match.connection_id == connection_id, Match.canvas_user_id == matched.canvas_user_id)
    shown, remembered = (user.login_id, user.sis_user_id), (matched.canvas_login, matched.canvas_sis_user_id)
    if remembered[0] is None or shown == remembered:
        if (user.name, *shown, False) != (matched.canvas_name, *remembered, matched.doubted):
            learned = {"canvas_name": user.name, "canvas_login": user.login_id, "canvas_sis_user_id": user.sis_user_id}
            address = {"address": user.address} if user.address else {}
            change(session, update(Match).where(*theirs).values(doubted=False, **learned, **address))
    elif not matched.doubted:
        doubt(session, connection_id, Match.participant_id == matched.participant_id)


def doubt(session: Session, connection_id: int, which: Any) -> None:
    """Have the matches that meet the condition on Match looked up anew, before their seats are judged."""
    change(session, update(Match).where(Match.connection_id == connection_id, which).values(doubted=True))
    theirs = select(Match.participant_id).where(Match.connection_id == connection_id, which)
    wanting = exists().where(Claim.seat_id == Seat.id, Claim.ended_at.is_(None))
    of_them = and_(Seat.connection_id == connection_id, Seat.participant_id.in_(theirs), wanting)
    claims.look_again(session, of_them)


def _doubt_those_who_were_merged(
    session: Session, connection_id: int, before: dict[int, Known], latest: dict[int, Told]
) -> None:
    """The same row with another user: the user was merged into that one."""
    merged = {
        was.canvas_user_id
        for number, was in before.items()
        if was.canvas_user_id not in (None, latest[number].row.user_id) and was.seat_id is not None
    }
    if merged:
        doubt(session, connection_id, Match.canvas_user_id.in_(merged))


def forget(session: Session, connection_id: int, ids: Collection[int]) -> None:
    """Forget rows that Canvas does not know any more, or whose ids belong to other rows now.

    No hand did that, so it is no question: the seats are due again.
    """
    theirs = and_(Seat.connection_id == connection_id, Seat.canvas_enrollment_id.in_(ids))
    claims.look_again(session, theirs, canvas_enrollment_id=None)
    gone = _row.delete().where(_row.c.connection_id == connection_id, _row.c.canvas_enrollment_id.in_(ids))
    session.execute(gone)


def set_aside(session: Session, connection_id: int, canvas_course_id: int, now: datetime) -> None:
    """The Canvas course is gone, so nobody is in there. What was ours is ours again if the course comes back."""
    there = (CanvasRow.connection_id == connection_id, CanvasRow.canvas_course_id == canvas_course_id)
    change(session, update(CanvasRow).where(*there, CanvasRow.state.in_(LIVE)).values(state="deleted", seen_at=now))


class _Pointing(NamedTuple):
    """A seat that points to a row."""

    seat_id: int
    canvas_enrollment_id: int
    participant_id: int
    canvas_course_id: int
    canvas_section_id: int
    was_in: bool
    is_settled: bool
    cause: str | None
    canvas_user_id: int | None
    doubted: bool | None
    wanted: bool
    has_request: bool


def take(session: Session, connection_id: int, taken: dict[int, int]) -> None:
    """Known rows, by their ids, that these seats point to from now on. One that another seat wants stays that one's."""
    for number, seat_id in taken.items():
        if not wanted_ids(session, connection_id, [number]):
            here = (CanvasRow.connection_id == connection_id, CanvasRow.canvas_enrollment_id == number)
            change(session, update(CanvasRow).where(*here).values(seat_id=seat_id))


def judge(
    session: Session, connection_id: int, ids: Collection[int], now: datetime, ended_by_us: Collection[int] = ()
) -> None:
    """Unsettle the seats whose rows no longer are what they settled on, and those of rows that nobody wants."""
    if not ids:
        return
    rows = known(session, connection_id, ids)
    pointing = _pointing(session, connection_id, ids)
    wanted = {
        seat.canvas_enrollment_id
        for seat in pointing
        if seat.wanted and rows[seat.canvas_enrollment_id].canvas_user_id == seat.canvas_user_id
    }
    for seat in pointing:
        row = rows[seat.canvas_enrollment_id]
        if not seat.wanted:
            continue
        if row.is_live and _is_of(seat, row):
            _is_in_again(session, seat)
        elif seat.is_settled or seat.cause == "changed_in_canvas":
            _is_not_in(session, connection_id, seat, row, now, row.canvas_enrollment_id in ended_by_us)
    unwanted = [
        row.seat_id
        for number, row in rows.items()
        if row.is_live and number not in wanted and row.seat_id is not None and not row.kept
    ]
    if unwanted:
        claims.look_again(session, and_(Seat.connection_id == connection_id, Seat.id.in_(unwanted)))


def _pointing(session: Session, connection_id: int, ids: Collection[int]) -> list[_Pointing]:
    about = exists().where(Request.connection_id == connection_id, Request.participant_id == Seat.participant_id)
    found = (
        select(
            Seat.id,
            Seat.canvas_enrollment_id,
            Seat.participant_id,
            Seat.canvas_course_id,
            Seat.canvas_section_id,
            Seat.was_in,
            Seat.settled_version >= Seat.version,
            Seat.cause,
            Match.canvas_user_id,
            Match.doubted,
            exists().where(Claim.seat_id == Seat.id, Claim.ended_at.is_(None)),
            about,
        )
        .outerjoin(Match, and_(Match.connection_id == connection_id, Match.participant_id == Seat.participant_id))
        .where(Seat.connection_id == connection_id, Seat.canvas_enrollment_id.in_(ids))
    )
    return [_Pointing._make(row) for row in session.execute(found)]


def _is_of(seat: _Pointing, row: Known) -> bool:
    there = (
        row.canvas_section_id in (None, seat.canvas_section_id)
        if seat.canvas_section_id
        else row.canvas_course_id == seat.canvas_course_id
    )
    return there and row.canvas_user_id == seat.canvas_user_id


def _is_in_again(session: Session, seat: _Pointing) -> None:
    """What a hand had taken away is there again, so nothing is left to ask."""
    if seat.cause == "changed_in_canvas":
        claims.look_again(session, Seat.id == seat.seat_id)


def _is_not_in(
    session: Session, connection_id: int, seat: _Pointing, row: Known, now: datetime, ended_by_us: bool
) -> None:
    if seat.doubted or seat.canvas_user_id != row.canvas_user_id:
        # Who is it? That comes first; `doubt` has made the seat due.
        claims.look_again(session, Seat.id == seat.seat_id)
    elif ended_by_us:
        # Another seat of the same row let it go, and this one wants it.
        claims.look_again(session, Seat.id == seat.seat_id)
    elif seat.has_request:
        _owe_look(session, connection_id, cast(int, row.canvas_user_id), now)
    elif seat.was_in:
        _ask_about_a_hand(session, connection_id, seat, row)
    elif seat.cause != "changed_in_canvas":
        claims.look_again(session, Seat.id == seat.seat_id)


def _ask_about_a_hand(session: Session, connection_id: int, seat: _Pointing, row: Known) -> None:
    """The place was fulfilled, and a hand in Canvas ended or moved it: put back, or leave. It is not fought."""
    what, there = row.state, None
    if row.is_live:
        what = "moved"
    for other in known_of_user(session, connection_id, cast(int, row.canvas_user_id)):
        is_free = other.seat_id in (None, seat.seat_id) and other.canvas_enrollment_id != row.canvas_enrollment_id
        if other.is_live and is_free and other.canvas_course_id in (row.canvas_course_id, seat.canvas_course_id):
            what, there = "moved", other.canvas_enrollment_id
            break
    values: dict[str, Any] = {"cause": "changed_in_canvas", "cause_scope": what, "cause_detail": None}
    if there is not None:
        values["canvas_enrollment_id"] = there
        here = (CanvasRow.connection_id == connection_id, CanvasRow.canvas_enrollment_id == there)
        change(session, update(CanvasRow).where(*here).values(seat_id=seat.seat_id))
    # The participants' changes raise the version, so that a drain that has the seat in hand does not settle it.
    asked = update(Seat).where(Seat.id == seat.seat_id)
    change(session, asked.values(version=Seat.version + 1, held=True, due_at=None, parked_at=None, **values))
