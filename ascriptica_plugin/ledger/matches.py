"""Matches: which Canvas user a participant is, and what to do when that is learned or changes. Never commits."""

import re
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple, cast

from sqlalchemy import ColumnElement, Executable, Table, and_, bindparam, exists, or_, select, update
from sqlalchemy.orm import Session

from ..canvas.shapes import User
from ..shared import pauses
from ..tables.columns import change, upsert_into
from ..tables.folding import fold
from ..tables.ledger import Match, Seat
from ..tables.office import Participant
from ..tables.requests import Request
from . import claims, due, sis_imports
from .work import Work


def store(session: Session, connection_id: int, works: Iterable[Work]) -> None:
    """Store what was learned about who participants are. Matches that gave way to others are forgotten first."""
    of_users: dict[tuple, list[dict]] = {}
    for work in works:
        for participant_id in work.yields:
            forget(session, connection_id, participant_id)
        if work.who_facts:
            user = {"connection_id": connection_id, "participant_id": work.participant_id, **work.who_facts}
            of_users.setdefault(tuple(work.who_facts), []).append(user)
            if work.was_user_id not in (None, work.who.canvas_user_id):
                # In their other courses, the former user is still enrolled.
                _look_again(session, connection_id, work.participant_id, Seat.id != work.seat_id)
    for names, rows in of_users.items():
        session.execute(_note(session, names), rows)


def _note(session: Session, names: tuple[str, ...]) -> Executable:
    known = (session.get_bind().dialect.name, names)
    if known not in _NOTE:
        upsert = upsert_into(session, Match)
        learned = {name: upsert.excluded[name] for name in names}
        key = ["connection_id", "participant_id"]
        _NOTE[known] = upsert.on_conflict_do_update(index_elements=key, set_=learned)
    return _NOTE[known]


_NOTE: dict[tuple[str, tuple[str, ...]], Executable] = {}
"""By dialect and by the names of what was learned; there are only a few."""


class Holder(NamedTuple):
    """A participant who is matched with a Canvas user."""

    participant_id: int
    name: str
    email: str
    sis_user_id: str | None
    how: str | None
    from_sis_user_id: str | None
    from_email: str | None
    doubted: bool
    canvas_login: str | None
    canvas_sis_user_id: str | None
    shared: bool

    def may_yield(self, user: User) -> bool:
        """Whether the match rests on something that the participant does not have any more, or Canvas gave this user
        the number of the participant's former user, because it came back from a backup."""
        rests_on = (self.from_sis_user_id, self.from_email)
        is_stale = self.how != "admin" and (self.doubted or rests_on != (self.sis_user_id, self.email))
        was, now = (self.canvas_login, self.canvas_sis_user_id), (user.login_id, user.sis_user_id)
        return is_stale or (None not in (self.canvas_login, user.login_id) and was != now)


def participants_of(session: Session, connection_id: int, canvas_user_ids: Collection[int]) -> dict[int, int]:
    """Which participants these Canvas users are, by the users' ids."""
    theirs = select(Match.canvas_user_id, Match.participant_id).where(
        Match.connection_id == connection_id, Match.canvas_user_id.in_(canvas_user_ids)
    )
    return {row[0]: row[1] for row in session.execute(theirs) if row[0] is not None}


def holders(session: Session, connection_id: int, canvas_user_id: int, participant_id: int) -> list[Holder]:
    """The other participants who are this Canvas user. Empty once an administrator has said that this participant is
    it, too."""
    return others(holders_of(session, connection_id, [canvas_user_id])[canvas_user_id], participant_id)


def holders_of(session: Session, connection_id: int, canvas_user_ids: Collection[int]) -> dict[int, list[Holder]]:
    """All participants who are one of these Canvas users, by the users' ids."""
    found: dict[int, list[Holder]] = {number: [] for number in canvas_user_ids}
    if found:
        for user_id, *row in session.execute(_HOLDERS, {"connection_id": connection_id, "user_ids": list(found)}):
            found[user_id].append(Holder._make(row))
    # Not by the database: to spare the sort, SQLite would go through all matches of the connection.
    return {user_id: sorted(holding) for user_id, holding in found.items()}


def others(holding: list[Holder], participant_id: int) -> list[Holder]:
    """The other participants who are this Canvas user. Empty if the user is shared with this one."""
    if any(one.shared for one in holding if one.participant_id == participant_id):
        return []
    return [one for one in holding if one.participant_id != participant_id]


_match, _person = cast(Table, Match.__table__), cast(Table, Participant.__table__)

_HOLDERS = (
    select(
        _match.c.canvas_user_id,
        _match.c.participant_id,
        _person.c.name,
        _person.c.email,
        _person.c.sis_user_id,
        _match.c.how,
        _match.c.from_sis_user_id,
        _match.c.from_email,
        _match.c.doubted,
        _match.c.canvas_login,
        _match.c.canvas_sis_user_id,
        _match.c.shared,
    )
    .join(_person, _person.c.id == _match.c.participant_id)
    .where(_match.c.connection_id == bindparam("connection_id"))
    .where(_match.c.canvas_user_id.in_(bindparam("user_ids", expanding=True)))
)
"""Built once: a drain runs it at every turn, and building it takes longer than running it."""


def forget(session: Session, connection_id: int, participant_id: int) -> None:
    """Forget who the participant is in Canvas. Their wanted seats become due, and find out who they are."""
    here = (Match.connection_id == connection_id, Match.participant_id == participant_id)
    nobody = {"canvas_user_id": None, "address": None, "how": None, "doubted": False, "created_by_us": False}
    change(session, update(Match).where(*here).values(**nobody, shared=False, question=None, candidates=None))
    _look_again(session, connection_id, participant_id)


def let_go(session: Session, participant_id: int) -> None:
    """The participant is about to be erased: other people, about whom the office is asked because of the same Canvas
    user, are looked up again."""
    for theirs in session.scalars(select(Match).where(Match.participant_id == participant_id)).all():
        asked = select(Match).where(Match.connection_id == theirs.connection_id, Match.question == "same_user")
        for other in session.scalars(asked).all():
            if theirs.canvas_user_id in [candidate["id"] for candidate in other.candidates or []]:
                other.question = other.candidates = None
                session.flush()
                _look_again(session, theirs.connection_id, other.participant_id)


def revise(session: Session, participant_id: int) -> None:
    """The participant's email or SIS ID has changed, so look up again who they are in Canvas.

    Do so even if no match is stored yet: a look-up by what they had before may be on its way.
    """
    connections = select(Seat.connection_id).where(Seat.participant_id == participant_id).distinct()
    for connection_id in session.scalars(connections).all():
        _look_again(session, connection_id, participant_id)
    asked = update(Match).where(Match.participant_id == participant_id, Match.question.is_not(None))
    change(session, asked.values(question=None, candidates=None))


def _look_again(session: Session, connection_id: int, participant_id: int, *which: ColumnElement[bool]) -> None:
    theirs = (Seat.connection_id == connection_id, Seat.participant_id == participant_id, *which)
    created = exists().where(
        Match.connection_id == connection_id, Match.participant_id == participant_id, Match.created_by_us
    )
    claims.look_again(session, and_(*theirs, due.matters() | created))


def to_look_at(session: Session, connection_id: int, now: datetime, limit: int) -> list[int]:
    """Participants whose enrollments in Canvas have to be read; not while a request about them is out, because such a
    read would count for nothing and be owed again at once."""
    owed = (Match.connection_id == connection_id, Match.look_at.is_not(None), Match.canvas_user_id.is_not(None))
    theirs = or_(Request.participant_id == Match.participant_id, Request.canvas_user_id == Match.canvas_user_id)
    something_out = exists().where(Request.connection_id == connection_id, theirs)
    nothing_out = ~or_(something_out, sis_imports.is_in_one(connection_id, Match.participant_id))
    found = select(Match.participant_id, Match.look_at).where(*owed, nothing_out).order_by(Match.look_at).limit(limit)
    late = now + 2 * pauses.LOOK_AGAIN
    return [number for number, at in session.execute(found) if at is not None and (at <= now or at > late)]


def look_later(session: Session, connection_id: int, participant_id: int, at: datetime | None) -> None:
    """Read the person's enrollments at that time; None: they were read."""
    here = (Match.connection_id == connection_id, Match.participant_id == participant_id)
    change(session, update(Match).where(*here).values(look_at=at))


def doubt(session: Session, connection_id: int, which: ColumnElement[bool]) -> None:
    """Have the matches that meet the condition on Match looked up again before their seats are judged."""
    change(session, update(Match).where(Match.connection_id == connection_id, which).values(doubted=True))
    theirs = select(Match.participant_id).where(Match.connection_id == connection_id, which)
    of_them = and_(Seat.connection_id == connection_id, Seat.participant_id.in_(theirs), due.matters())
    claims.look_again(session, of_them)


def owe_look(session: Session, connection_id: int, canvas_user_id: int, now: datetime) -> None:
    """Have the enrollments of this Canvas user read, unless that is owed already."""
    theirs = (Match.connection_id == connection_id, Match.canvas_user_id == canvas_user_id, Match.look_at.is_(None))
    change(session, update(Match).where(*theirs).values(look_at=now))


def share_a_word(one: str, other: str) -> bool:
    """Whether the names have a word in common, whatever their accents and case."""
    first, second = (set(re.findall(r"\w+", fold(name))) for name in (one, other))
    return bool(first & second)
