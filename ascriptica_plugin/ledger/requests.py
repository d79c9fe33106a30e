"""Requests that are out: each may change something in Canvas, and is written down before it is sent.

While one is out, nothing else about that person is sent, except a repeat of itself. One that was never answered stays
out until Canvas can't carry it out any more; then we look up what became of it. Never commits.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import Table, and_, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from ..canvas.shapes import Enrollment, address_of
from ..shared import pauses
from ..tables.columns import change
from ..tables.ledger import Match
from ..tables.office import Participant
from ..tables.requests import Request
from .work import Work

_request = cast(Table, Request.__table__)

_THIS = _request.c.id == bindparam("request_id")
_THESE = _request.c.id.in_(bindparam("request_ids", expanding=True))
_CROSS_OUT = delete(_request).where(_THESE)
_REMEMBER_ANSWER = update(_request).where(_THESE).values(answered=True)
_REPEAT = update(_request).where(_THIS).values(tries=_request.c.tries + 1, until_at=bindparam("until"))
_WRITE_DOWN = insert(_request)


def cross_out_answered(session: Session, works: Iterable[Work]) -> None:
    """Cross out the requests that were answered.

    An answer to a repeat says nothing about the tries before it, so such a request stays out until it is looked up.
    """
    over: list[int] = []
    answered: list[int] = []
    for work in works:
        if work.answered is not None:
            (over if work.is_over else answered).append(work.answered)
    if over:
        session.execute(_CROSS_OUT, {"request_ids": over})
    if answered:
        session.execute(_REMEMBER_ANSWER, {"request_ids": answered})


def write_down(session: Session, connection_id: int, works: Iterable[Work]) -> None:
    """Write down the requests that are sent next."""
    repeated: list[dict[str, Any]] = []
    new: list[dict[str, Any]] = []
    for work in works:
        if work.sends is None:
            continue
        if work.sends["tries"] > 1:
            repeated.append({"request_id": work.sends["id"], "until": work.sends["until_at"]})
        else:
            new.append({**work.sends, "connection_id": connection_id, "participant_id": work.participant_id})
    if repeated:
        session.execute(_REPEAT, repeated)
    if new:
        session.execute(_WRITE_DOWN, new)


def out_about(session: Session, connection_id: int, works: Collection[Work]) -> dict[int | str, int | None]:
    """The names (`Work.names`) of people about whom a request is out, each with the participant for whom it was sent.

    Only requests about people who share a name with one of these works.
    """
    names = {name for work in works for name in work.names}
    if not names:
        return {}
    users = [name for name in names if isinstance(name, int)]
    texts = [name for name in names if isinstance(name, str)]
    sis_ids = [work.sis_user_id for work in works if work.sis_user_id]
    found = session.execute(
        _OUT_ABOUT, {"connection_id": connection_id, "users": users, "texts": texts, "sis_ids": sis_ids}
    )
    out: dict[int | str, int | None] = {}
    for participant_id, *theirs, sis_user_id in found:
        out |= dict.fromkeys((name for name in (*theirs, address_of(sis_user_id, None)) if name), participant_id)
    return out


_match, _person = cast(Table, Match.__table__), cast(Table, Participant.__table__)

_OUT_ABOUT = (
    select(
        _request.c.participant_id,
        _request.c.canvas_user_id,
        _request.c.address,
        _match.c.canvas_user_id,
        _match.c.address,
        func.lower(_person.c.email),
        _person.c.sis_user_id,
    )
    .outerjoin(_person, _person.c.id == _request.c.participant_id)
    .outerjoin(
        _match,
        and_(_match.c.connection_id == _request.c.connection_id, _match.c.participant_id == _request.c.participant_id),
    )
    .where(_request.c.connection_id == bindparam("connection_id"))
    .where(
        or_(
            _request.c.canvas_user_id.in_(bindparam("users", expanding=True)),
            _match.c.canvas_user_id.in_(bindparam("users", expanding=True)),
            _request.c.address.in_(bindparam("texts", expanding=True)),
            _match.c.address.in_(bindparam("texts", expanding=True)),
            func.lower(_person.c.email).in_(bindparam("texts", expanding=True)),
            _person.c.sis_user_id.in_(bindparam("sis_ids", expanding=True)),
        )
    )
)


def to_look_up(session: Session, connection_id: int, now: datetime, limit: int) -> list[tuple[int, int | None]]:
    """Ids of requests that Canvas can't carry out any more, and the participants they are about.

    They were never answered, or only as a repeat.
    """
    over = or_(
        Request.until_at <= now,
        # Set by a clock that has stepped back since.
        Request.until_at > now + pauses.LONGEST_BACK_OFF * 1.5,
    )
    found = select(Request.id, Request.participant_id).where(Request.connection_id == connection_id, over)
    return [(row[0], row[1]) for row in session.execute(found.order_by(Request.until_at).limit(limit))]


class Out(NamedTuple):
    """A request that is out."""

    id: int
    kind: str
    participant_id: int | None
    seat_id: int | None
    address: str
    canvas_user_id: int | None
    canvas_course_id: int | None
    canvas_section_id: int | None
    canvas_enrollment_id: int | None
    row_created_at: datetime | None
    first_sent_at: datetime
    tries: int

    @property
    def carried_out_by(self) -> datetime:
        """A time on Canvas's clock: nothing that Canvas made later can be the request's result. A repeat is sent while
        it is out, so each try adds `pauses.LATE` at most."""
        return self.first_sent_at + self.tries * pauses.LATE

    def may_have_made(self, moment: datetime | None) -> bool:
        """Whether what happened in Canvas at that moment may be this request's doing."""
        if moment is None:
            return False
        return self.first_sent_at - pauses.CLOCK_TOLERANCE <= moment <= self.carried_out_by + pauses.CLOCK_TOLERANCE


def get(session: Session, request_id: int) -> Out | None:
    """A request that is out, unless it was crossed out meanwhile."""
    found = session.execute(select(*(_request.c[name] for name in Out._fields)).where(_request.c.id == request_id))
    return next((Out._make(row) for row in found), None)


def put_off(session: Session, request_id: int, until: datetime) -> None:
    """Look it up later. Until then it counts as answered, so that it is not repeated."""
    change(session, update(Request).where(Request.id == request_id).values(until_at=until, answered=True))


def put_back_instead(session: Session, request_id: int, ended: Enrollment) -> None:
    """The request ended the wrong row. From now on it stands for the request that lets that person in again."""
    at = {"address": str(ended.user.address or ended.user_id), "canvas_user_id": ended.user_id}
    place = {"canvas_course_id": ended.course_id, "canvas_section_id": ended.section_id}
    change(session, update(Request).where(Request.id == request_id).values(kind="put_back", **at, **place))


def cross_out(session: Session, request_id: int) -> None:
    """Delete the request: what became of it is known now."""
    change(session, delete(Request).where(Request.id == request_id))
