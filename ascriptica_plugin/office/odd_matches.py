"""Matches to check: people whose name has no word in common with that of their Canvas user. Never commits."""

from typing import cast

from sqlalchemy import ColumnElement, Table, bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from ..ledger.matches import share_a_word
from ..tables.ledger import Match
from ..tables.office import Participant

AT_ONCE = 1000

_NAMES = Match.canvas_name + "\n" + Participant.name


def compare(session: Session) -> int:
    """Compare the names of matches that are new, or that have changed: at most `AT_ONCE`. Returns how many."""
    changed = or_(Match.names_compared.is_(None), Match.names_compared != _NAMES)
    found = session.execute(
        select(Match.connection_id, Match.participant_id, Match.canvas_name, Participant.name)
        .join(Participant, Participant.id == Match.participant_id)
        .where(Match.canvas_user_id.is_not(None), Match.canvas_name.is_not(None), changed)
        .limit(AT_ONCE)
    ).all()
    compared = [
        {
            "connection": connection_id,
            "participant": participant_id,
            "names": f"{canvas_name}\n{name}",
            "differ": not share_a_word(canvas_name or "", name),
        }
        for connection_id, participant_id, canvas_name, name in found
    ]
    if compared:
        session.connection().execute(_NOTE, compared)
    return len(compared)


_match = cast(Table, Match.__table__)
_NOTE = (
    update(_match)
    .where(_match.c.connection_id == bindparam("connection"), _match.c.participant_id == bindparam("participant"))
    .values(names_compared=bindparam("names"), names_differ=bindparam("differ"))
)


def odd(connection_id: int) -> list[ColumnElement[bool]]:
    """Conditions on Match and Participant: the names differ, and no administrator has confirmed the match."""
    chosen = func.coalesce(Match.how, "") == "admin"
    return [
        Match.connection_id == connection_id,
        Match.names_differ.expression,
        Match.names_compared == _NAMES,
        Match.canvas_user_id.is_not(None),
        Match.question.is_(None),
        ~chosen,
    ]


def number(session: Session, connection_id: int) -> int:
    """How many odd matches there are."""
    counted = select(func.count()).select_from(Match).join(Participant, Participant.id == Match.participant_id)
    return session.scalar(counted.where(*odd(connection_id))) or 0
