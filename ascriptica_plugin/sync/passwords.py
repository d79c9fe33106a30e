"""The links by which people whom we create in Canvas choose a password: we mail them, or ask Canvas to do so.

We ask Canvas if the link was lost on its way to us. Each person gets one mail, ours or Canvas's.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

from sqlalchemy import Update, select, update
from sqlalchemy.orm import Session

from .. import mail
from ..canvas.errors import CanvasError
from ..ledger import activity, ways_in
from ..ledger.work import Work
from ..tables.columns import change
from ..tables.ledger import Match
from .tasks import Walk

AT_ONCE = 20


def store(session: Session, connection_id: int, works: Iterable[Work], now: datetime) -> None:
    """Queue a mail with each link that Canvas gave us, and note whose link was lost; never commits.

    Once for a user: after another worker has found the user by a look-up, a late answer with the link is ignored.
    """
    for work in works:
        if not work.was_created or work.who.way_in != ways_in.ASKED:
            continue
        registration_id = ways_in.to_be_mailed(session, work.seat_id) if work.link is not None else None
        sent = ways_in.OUR_MAIL if registration_id is not None else ways_in.NOT_MAILED
        came_of_it = sent if work.link is not None else ways_in.LOST
        asked = _from(ways_in.ASKED, connection_id, work.participant_id)
        if change(session, asked.values(way_in=came_of_it)) and came_of_it == ways_in.OUR_MAIL:
            mail.send(session, now, "way_in", work.email, registration_id=registration_id, link=work.link)


def to_mail(session: Session, connection_id: int) -> list[int]:
    """Participants to whom Canvas has to mail a link."""
    lost = select(Match.participant_id).where(Match.connection_id == connection_id, Match.way_in == ways_in.LOST)
    return list(session.scalars(lost.order_by(Match.participant_id).limit(AT_ONCE)))


def mail_walk(session: Session, connection_id: int, participant_id: int, now: Callable[[], datetime]) -> Walk:
    """Ask Canvas once. If it can't mail the link, "Forgot password" in Canvas sends the same mail, and a page says so
    to the person."""
    match = session.get_one(Match, (connection_id, participant_id), populate_existing=True)
    login, came_of_it, problem = match.login_sent or "", ways_in.CANVAS_MAIL, None
    try:
        yield lambda canvas: canvas.mail_password_link(login)
    except CanvasError as error:
        came_of_it, problem = ways_in.NOT_MAILED, error.said
    change(session, _from(ways_in.LOST, connection_id, participant_id).values(way_in=came_of_it))
    what = "had a link mailed" if came_of_it == ways_in.CANVAS_MAIL else "mailed no link"
    activity.note(session, now(), activity.US, what, problem, participant_id=participant_id)


def put_off(session: Session, connection_id: int, participant_id: int, now: datetime) -> None:
    """Store that it failed on our side. It is not tried again."""
    change(session, _from(ways_in.LOST, connection_id, participant_id).values(way_in=ways_in.NOT_MAILED))


def _from(way_in: str, connection_id: int, participant_id: int) -> Update:
    its = update(Match).where(Match.connection_id == connection_id, Match.participant_id == participant_id)
    return its.where(Match.way_in == way_in)
