"""Gives the Canvas users that we created the current name, email and login of their participants."""

from collections.abc import Callable
from datetime import datetime
from typing import cast

from sqlalchemy import ColumnElement, and_, exists, or_, select, update
from sqlalchemy.orm import Session

from ..canvas.errors import CanvasError, NotFound, PermissionMissing
from ..ledger import activity, matches
from ..shared import pauses
from ..shared.clock import LONG_AGO
from ..shared.said import Said
from ..tables.columns import change
from ..tables.ledger import Match
from ..tables.locks import locking_what_is_free
from ..tables.office import Participant
from ..tables.requests import Request
from .tasks import Walk

AT_ONCE = 20
"""At most this many are updated at once, so seats never wait for all of them."""

FOUND = 1000
"""How many are made due, or not due any more, in one transaction."""

_DIFFERS = or_(Match.name_sent != Participant.name, Match.email_sent != Participant.email)


def to_follow(session: Session, connection_id: int, now: datetime) -> list[int]:
    """Participants whose Canvas user was created by us, has an older name or email, and is due for an update.

    Somebody whose new email was not looked up in Canvas yet has to wait: it may belong to another user.
    """
    about = exists().where(Request.connection_id == connection_id, Request.participant_id == Match.participant_id)
    looked_up = and_(Match.from_email == Participant.email, ~Match.doubted, Match.question.is_(None))
    return list(
        session.scalars(
            select(Match.participant_id)
            .join(Participant, Participant.id == Match.participant_id)
            .where(Match.connection_id == connection_id, Match.created_by_us, Match.canvas_user_id.is_not(None))
            .where(Match.follow_at <= now, _DIFFERS, looked_up, ~about)
            .order_by(Match.follow_at)
            .limit(AT_ONCE)
        )
    )


def find(session: Session) -> int:
    """Make exactly those people due who have another name or email in Canvas. At most `FOUND` are changed each way.

    A correction marks its person. This compares everybody, and so finds people whom nothing marked. Returns how many it
    changed.
    """
    differs = exists().where(Participant.id == Match.participant_id, _DIFFERS)
    missed = and_(Match.follow_at.is_(None), Match.created_by_us, Match.canvas_user_id.is_not(None), differs)
    too_many = and_(Match.follow_at.is_not(None), ~differs)
    return _set(session, missed, LONG_AGO) + _set(session, too_many, None)


def _set(session: Session, which: ColumnElement[bool], follow_at: datetime | None) -> int:
    some = select(Match.connection_id, Match.participant_id).where(which).limit(FOUND)
    # In the same order as the drain's own updates, and without waiting for them.
    found = session.execute(locking_what_is_free(some.order_by(Match.participant_id))).all()
    for connection_id in {row[0] for row in found}:
        theirs = [row[1] for row in found if row[0] == connection_id]
        these = (Match.connection_id == connection_id, Match.participant_id.in_(theirs))
        change(session, update(Match).where(*these).values(follow_at=follow_at))
    return len(found)


def follow_walk(
    session: Session, connection_id: int, root_id: int, participant_id: int, now: Callable[[], datetime]
) -> Walk:
    """The walk that updates one Canvas user. A failure is stored, and tried again after `pauses.FOLLOW_AGAIN`.

    If the login was the old email, it changes too: otherwise somebody else could be found by the old login.
    """
    known = session.get_one(Match, (connection_id, participant_id), populate_existing=True)
    participant = session.get_one(Participant, participant_id, populate_existing=True)
    user_id, name, email = cast(int, known.canvas_user_id), participant.name, participant.email
    login_sent, has_other_email = known.login_sent, known.email_sent != email
    problem: Said | None = None
    login = None
    try:
        yield lambda canvas: canvas.update_user(user_id, name=name, email=email)
        if has_other_email and login_sent and login_sent == known.email_sent:
            logins: dict[str, int] = yield lambda canvas: canvas.logins(user_id)
            if (number := logins.get(login_sent)) is not None:
                yield lambda canvas: canvas.change_login(root_id, number, email)
                login = email
    except NotFound:
        problem = Said("user_deleted")
        matches.doubt(session, connection_id, Match.participant_id == participant_id)
    except CanvasError as error:
        problem = error.said
        if isinstance(error, PermissionMissing):
            _let_all_wait(session, connection_id, now())
    known = session.get_one(Match, (connection_id, participant_id), populate_existing=True)
    known.follow_problem = problem
    if problem:
        known.follow_at = now() + pauses.FOLLOW_AGAIN
    else:
        known.name_sent, known.email_sent, known.follow_at = name, email, None
        known.canvas_name = name
        if login:
            known.login_sent = known.canvas_login = login
            if known.address == f"sis_login_id:{login_sent}":
                known.address = f"sis_login_id:{login}"
    words = problem or Said("canvas_follows", name=name, email=email)
    activity.note(session, now(), activity.US, "followed", words, participant_id=participant_id)
    session.flush()


def _let_all_wait(session: Session, connection_id: int, now: datetime) -> None:
    """The token may not do this, so trying the others is pointless until it is time to try one again."""
    all_due = update(Match).where(Match.connection_id == connection_id, Match.created_by_us, Match.follow_at <= now)
    change(session, all_due.values(follow_at=now + pauses.FOLLOW_AGAIN))


def put_off(session: Session, connection_id: int, participant_id: int, now: datetime) -> None:
    """Store that the update of a Canvas user failed on our side."""
    known = session.get(Match, (connection_id, participant_id), populate_existing=True)
    if known is not None:
        known.follow_problem = Said("our_side")
        known.follow_at = now + pauses.FOLLOW_AGAIN
        activity.note(session, now, activity.US, "followed", Said("our_side"), participant_id=participant_id)
