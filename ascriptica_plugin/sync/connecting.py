"""Connects to a Canvas: what was typed is kept as a draft until Canvas confirms it, and then adopted."""

import logging
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from .. import retry
from ..ledger import claims, due, reads
from ..tables.canvas import Connection, Seat, Settings
from ..tables.columns import Sealed, begin_writing, change
from ..tables.office import Association
from .checking import TOKEN_MISSING, TOKEN_OF_ANOTHER, TOKEN_UNREADABLE, Findings, Outcome, check_connection
from .clients import Canvases

log = logging.getLogger(__name__)


def is_another(settings: Settings, url: str, root_id: int) -> bool:
    """Whether adopting these would replace the connection in use by another one."""
    now = settings.connection
    return now is not None and (now.canvas_url, now.canvas_root_id) != (url, root_id)


def in_use(settings: Settings, canvases: Canvases, url: str, root_id: int, token: str) -> bool:
    """Whether exactly these are the connection in use."""
    now = settings.connection
    return now is not None and not is_another(settings, url, root_id) and now.token.open(canvases.keys) == token


def kept_token(settings: Settings, canvases: Canvases, url: str) -> str | None:
    """The saved token that an empty field stands for: one saved for exactly this URL, never for another."""
    if settings.draft_token is not None and settings.draft_url == url:
        return settings.draft_token.open(canvases.keys)
    if settings.connection is not None and settings.connection.canvas_url == url:
        return settings.connection.token.open(canvases.keys)
    return None


def why_a_token_is_needed(settings: Settings, url: str) -> Outcome:
    """What to say if no token was typed for this URL and none is saved."""
    now = settings.connection
    return TOKEN_OF_ANOTHER if now is not None and now.canvas_url != url else TOKEN_MISSING


class _Draft(NamedTuple):
    """What `settings.draft_*` hold while there is a draft."""

    url: str
    root_id: int
    token: Sealed


def _draft(settings: Settings) -> _Draft | None:
    url, root_id, token = settings.draft_url, settings.draft_root_id, settings.draft_token
    return _Draft(url, root_id, token) if url is not None and root_id is not None and token is not None else None


def adopt(session: Session, settings: Settings, canvases: Canvases, found: Findings, now: datetime) -> Connection:
    """Make the draft, which the findings are about, the connection in use, and release everything that waited for it.

    Raises ValueError if there is no draft.
    """
    draft = _draft(settings)
    if draft is None:
        raise ValueError("There is no draft to adopt.")
    connection = session.scalar(
        select(Connection).where(Connection.canvas_url == draft.url, Connection.canvas_root_id == draft.root_id)
    )
    if connection is None:
        connection = Connection(canvas_url=draft.url, canvas_root_id=draft.root_id)
        session.add(connection)
    if connection.token is None or connection.token.open(canvases.keys) != draft.token.open(canvases.keys):
        connection.token, connection.token_saved_at = draft.token, now
    connection.account_name, connection.token_owner = found.account_name, found.owner
    connection.missing_permissions = ",".join(found.missing_permissions)
    connection.last_worked_at = now
    session.flush()
    lift_hold(session, connection, now)
    settings.connection = connection
    forget_draft(settings)
    not_looked_up = update(Association).where(Association.connection_id.is_(None))
    change(session, not_looked_up.values(connection_id=connection.id, look_up_at=now))
    waiting_for_it = Seat.cause.in_(("permission_missing", "root_id_wrong"))
    due.release(session, Seat.connection_id == connection.id, waiting_for_it)
    session.info[claims.RANG] = True
    return connection


def forget_draft(settings: Settings) -> None:
    """Delete the draft."""
    settings.draft_url = settings.draft_root_id = settings.draft_token = None
    settings.draft_problem = settings.draft_check_at = None


def lift_hold(session: Session, connection: Connection, now: datetime) -> None:
    """Allow calls again. After a long hold every Canvas course in use is owed a read."""
    since = connection.hold_since_at
    connection.hold_cause = connection.hold_detail = connection.hold_since_at = connection.hold_until_at = None
    connection.hold_tries = 0
    if since is not None and now - since > retry.LONG_OUTAGE:
        # Much may have been done in Canvas meanwhile, or it was restored.
        reads.owe_everything(session, connection.id, now, in_use=True)


def keep_draft(settings: Settings, canvases: Canvases, url: str, root_id: int, token: str) -> None:
    """Keep what was typed until Canvas confirms it; the token is sealed at once."""
    settings.draft_url, settings.draft_root_id = url, root_id
    settings.draft_token = Sealed.seal(token, canvases.keys)
    settings.draft_problem = settings.draft_check_at = None


def check_draft(session: Session, settings: Settings, canvases: Canvases, now: datetime) -> None:
    """If it is time, check the draft, which could not be checked when it was saved; adopt it if it is right.

    Commits, so that no transaction is open during the calls to Canvas.
    """
    if settings.draft_check_at is None:
        return
    # A time later than any pause allows was set by a clock that has stepped back since.
    is_time = or_(Settings.draft_check_at <= now, Settings.draft_check_at > now + 2 * retry.CHECK_AGAIN)
    mine = update(Settings).where(Settings.id == 1, is_time).values(draft_check_at=now + retry.CHECK_AGAIN)
    is_mine = change(session, mine) == 1
    session.commit()
    draft = _draft(settings) if is_mine else None
    if draft is None:
        return
    token = draft.token.open(canvases.keys)
    session.commit()
    outcome = TOKEN_UNREADABLE
    if token is not None:
        try:
            outcome = check_connection(
                draft.url,
                token,
                draft.root_id,
                allow_private=canvases.allow_private,
                ca_file=canvases.ca_file,
                seconds=5 * retry.PAGE_SECONDS,
            )
        except Exception:
            # It is checked again later, and no due seat waits for that.
            log.exception("Checking what was typed in Course Settings failed in an unforeseen way.")
            return
    if outcome.is_unanswered:
        return
    begin_writing(session)
    session.refresh(settings)
    if settings.draft_token is not None and settings.draft_token.ciphertext == draft.token.ciphertext:
        settings.draft_problem, settings.draft_check_at = outcome.sentence or None, None
        if outcome.findings is not None and not is_another(settings, draft.url, draft.root_id):
            adopt(session, settings, canvases, outcome.findings, now)
    session.commit()
