"""An administrator's answers: who a participant is in Canvas, and whether an enrollment stays. Never commits."""

from datetime import datetime

from sqlalchemy.orm import Session

from ..ledger import due
from ..ledger.due import release
from ..tables.canvas import CanvasUser, Seat
from ..tables.office import Participant
from . import activity


def decide(session: Session, seat: Seat, stays: bool, now: datetime, by: str) -> None:
    """Keep or remove an enrollment that we did not grant, and that nobody is registered for any more."""
    if stays:
        seat.settled_version, seat.settled_at, seat.kept = seat.version, now, True
        seat.held, seat.cause, seat.cause_scope, seat.cause_detail, seat.due_at = False, None, "", None, None
    else:
        seat.granted = True
        session.flush()
        release(session, Seat.id == seat.id)
    words = f"Canvas course {seat.canvas_course_id}: the enrollment that was there before us"
    activity.note(session, now, by, "kept" if stays else "removed", words, participant_id=seat.participant_id)
    session.flush()


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
    """Store an administrator's answer: the participant is this Canvas user, or a new one with that login.

    Raises ValueError with a sentence where the user is not among the candidates, neither is given, or the question is
    already answered.
    """
    known = session.get(CanvasUser, (connection_id, participant.id))
    if known is None or known.candidates is None:
        raise ValueError(f"The Canvas user of {participant.name} is already known. Nothing was changed.")
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
    due.release(session, Seat.cause == "who_is_it", *theirs)
    activity.note(session, now, by, "chose", words, participant_id=participant.id)
