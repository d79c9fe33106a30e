"""Who is who: an administrator's answer to it, and names and emails that Canvas users created by us follow.

Knows the tables and, as a walk in the manner of `delivery`, the client; no Flask, no RQ. Never commits.
"""

from collections.abc import Callable, Generator
from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from . import log, seats
from .canvas import CanvasError, NotFound
from .models import CanvasUser, Participant, Seat

FOLLOW_AGAIN = timedelta(minutes=15)


def choose(
    session: Session,
    connection_id: int,
    participant: Participant,
    now: datetime,
    by: str,
    *,
    canvas_user_id: int | None = None,
    new_login: str | None = None,
) -> None:
    """Keep an administrator's answer: the participant is this Canvas user, or a new one with that login.

    Raises ValueError with a sentence where the user was none of the candidates, neither was given, or nobody asks.
    """
    known = session.get(CanvasUser, (connection_id, participant.id))
    if known is None or known.candidates is None:
        raise ValueError(f"Who {participant.name} is in Canvas is known by now. Nothing was changed.")
    if canvas_user_id is not None:
        if canvas_user_id not in [candidate["id"] for candidate in known.candidates]:
            raise ValueError("Choose one of the Canvas users that are shown.")
        known.canvas_user_id, known.created_by_us, known.create_new = canvas_user_id, False, False
        words = f"is Canvas user {canvas_user_id}"
    elif new_login:
        if not new_login.isprintable():
            raise ValueError("Take the line breaks and control characters out of the login.")
        known.canvas_user_id, known.login_sent, known.create_new = None, new_login, True
        words = f"is none of them; a new Canvas user with the login {new_login}"
    else:
        raise ValueError("Choose who it is, or enter the login of a new Canvas user.")
    known.candidates = None
    session.flush()
    theirs = (Seat.connection_id == connection_id, Seat.participant_id == participant.id)
    seats.release(session, Seat.cause == "who_is_it", *theirs)
    log.note(session, now, by, "chose", words, participant_id=participant.id)


def to_follow(session: Session, connection_id: int, now: datetime) -> list[int]:
    """Participants whose Canvas user, created by us, still has an older name or email, and is due to follow."""
    return list(
        session.scalars(
            select(CanvasUser.participant_id)
            .join(Participant, Participant.id == CanvasUser.participant_id)
            .where(
                CanvasUser.connection_id == connection_id,
                CanvasUser.created_by_us,
                CanvasUser.canvas_user_id.is_not(None),
                or_(CanvasUser.name_sent != Participant.name, CanvasUser.email_sent != Participant.email),
                or_(CanvasUser.follow_at.is_(None), CanvasUser.follow_at <= now),
            )
        )
    )


def follow_walk(session: Session, connection_id: int, participant_id: int, now: Callable[[], datetime]) -> Generator:
    """Give a Canvas user that we created the participant's present name and email; a failure is tried again."""
    known = session.get_one(CanvasUser, (connection_id, participant_id), populate_existing=True)
    participant = session.get_one(Participant, participant_id, populate_existing=True)
    user_id, name, email = known.canvas_user_id, participant.name, participant.email
    problem = None
    try:
        yield lambda canvas: canvas.update_user(user_id, name=name, email=email)
    except NotFound:
        problem = "The Canvas user was deleted."
    except CanvasError as error:
        problem = str(error)
    known = session.get_one(CanvasUser, (connection_id, participant_id), populate_existing=True)
    known.follow_problem = problem
    if problem:
        known.follow_at = now() + FOLLOW_AGAIN
    else:
        known.name_sent, known.email_sent, known.follow_at = name, email, None
    words = problem or f"The Canvas user is now {name}, {email}."
    log.note(session, now(), log.US, "followed", words, participant_id=participant_id)
    session.flush()
