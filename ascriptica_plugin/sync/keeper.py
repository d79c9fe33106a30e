"""Keeps the key to a Canvas working: renews a developer key's token in time, and asks when a pasted token ends.

A refresh kills the earlier access token, so two at once would kill each other's. The connection's row is the lock:
`refreshing_until_at` is taken in one statement, and given back in the transaction that stores the answer.
"""

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import or_, update
from sqlalchemy.orm import Session

from ..canvas.errors import CanvasError, Throttled
from ..canvas.oauth import Grant, KeyRefused
from ..canvas.shapes import TokenEnd
from ..ledger import metrics
from ..shared import pauses
from ..shared.language import SOURCE, in_language
from ..shared.process_log import about, unnamed
from ..shared.said import Said
from ..tables.canvas import Connection
from ..tables.columns import Sealed, begin_writing, change
from ..tables.locks import lock_connection
from . import holding
from .clients import Canvases

log = logging.getLogger(__name__)

Now = Callable[[], datetime]


def keep(session: Session, connection: Connection, canvases: Canvases, now: Now) -> None:
    """Do what is due about the connection's key. Commits; no transaction is open while Canvas works."""
    if is_due(connection, now()):
        renew(session, connection, canvases, now)
    elif connection.key_kind == "token" and not connection.hold_cause:
        _ask_for_end(session, connection, canvases, now())


def is_due(connection: Connection, now: datetime) -> bool:
    """Whether the access token of a developer key has to be replaced."""
    due_at = connection.refresh_at
    return connection.refresh_token is not None and due_at is not None and due_at <= now


def next_refresh(expires_in: float | None, now: datetime) -> datetime | None:
    """When to replace a token that was given now and lives for `expires_in` seconds; None: never."""
    if expires_in is None:
        return None
    life = timedelta(seconds=expires_in)
    return now + life - min(pauses.REFRESH_EARLY, life / 5)


def renew(session: Session, connection: Connection, canvases: Canvases, now: Now) -> None:
    """Replace the access token if that is due, or wait while another process does it. Commits.

    A refusal puts the connection on hold; without an answer, the renewal is due again later.
    """
    until = _take_lock(session, connection.id, now())
    if until is None:
        _wait_for_other(session, connection, now)
        return
    session.refresh(connection)
    secret = connection.client_secret.open(canvases.keys) if connection.client_secret else None
    token = connection.refresh_token.open(canvases.keys) if connection.refresh_token else None
    url, client_id = connection.canvas_url, connection.client_id or ""
    session.commit()
    answer: Grant | CanvasError | None = None
    if secret is not None and token is not None:
        try:
            answer = canvases.oauth(url, client_id, secret).refresh(token)
        except CanvasError as error:
            answer = error
    begin_writing(session)
    lock_connection(session, connection)
    if connection.refreshing_until_at == until:
        _store(session, connection, canvases, answer, now())
    session.commit()


def refused(session: Session, connection: Connection, canvases: Canvases, now: Now) -> None:
    """Replace a developer key's stored token, which Canvas refused before its end. Not while a failed renewal backs
    off."""
    early = update(Connection).where(Connection.id == connection.id, Connection.refresh_tries == 0)
    same = Connection.token == connection.token
    change(session, early.where(same, Connection.refresh_token.is_not(None)).values(refresh_at=now()))
    session.commit()
    renew(session, connection, canvases, now)


def _take_lock(session: Session, connection_id: int, now: datetime) -> datetime | None:
    """Take the lock. Returns until when it is ours; None if nothing is due or another process has it."""
    until = now + pauses.REFRESHING
    free = or_(
        Connection.refreshing_until_at.is_(None),
        Connection.refreshing_until_at <= now,
        # Set by a clock that has stepped back since.
        Connection.refreshing_until_at > now + 2 * pauses.REFRESHING,
    )
    due = (Connection.key_kind == "developer_key", Connection.refresh_token.is_not(None), Connection.refresh_at <= now)
    mine = update(Connection).where(Connection.id == connection_id, *due, free).values(refreshing_until_at=until)
    begin_writing(session)
    taken = change(session, mine) == 1
    session.commit()
    return until if taken else None


def _wait_for_other(session: Session, connection: Connection, now: Now) -> None:
    """Wait until no process has the lock any more, but no longer than one call for a token may take."""
    end = time.monotonic() + pauses.REFRESH_SECONDS
    session.refresh(connection)
    while (until := connection.refreshing_until_at) is not None and until > now() and time.monotonic() < end:
        session.commit()
        time.sleep(pauses.REFRESH_AGAIN_SECONDS)
        session.refresh(connection)
    session.commit()


def _store(
    session: Session, connection: Connection, canvases: Canvases, answer: Grant | CanvasError | None, now: datetime
) -> None:
    connection.refreshing_until_at = None
    if isinstance(answer, Grant):
        canvases.tally.count(metrics.REFRESHES, 1)
        connection.token, connection.token_saved_at = Sealed.seal(answer.access_token, canvases.keys), now
        if answer.refresh_token is not None:
            connection.refresh_token = Sealed.seal(answer.refresh_token, canvases.keys)
        connection.refresh_at, connection.refresh_tries = next_refresh(answer.expires_in, now), 0
        if connection.hold_cause in ("key_refused", "token_unreadable"):
            holding.lift_hold(session, connection, now)
        elif connection.hold_cause:
            connection.hold_until_at = None
    elif answer is None:
        connection.refresh_at = now + pauses.CANARY
        holding.put_on_hold(session, connection, "token_unreadable", "", now)
    elif isinstance(answer, KeyRefused):
        if answer.error == "invalid_client":
            # The key may be switched on again, so we ask again, but seldom.
            connection.refresh_at = now + pauses.CANARY * pauses.stretch(0.8, 1.2)
        else:
            connection.refresh_token = connection.refresh_at = None
        holding.put_on_hold(session, connection, "key_refused", _why(answer), now)
    else:
        pause = pauses.back_off(connection.refresh_tries)
        if isinstance(answer, Throttled):
            pause = max(pause, timedelta(seconds=answer.pause_seconds))
        connection.refresh_at, connection.refresh_tries = now + pause, connection.refresh_tries + 1
        with in_language(SOURCE):
            why = unnamed(answer.said.again())
        seconds = pause.total_seconds()
        its = about(connection=connection.id, pause_seconds=round(seconds, 1), reason=why)
        log.warning("Canvas gave no new access token; we ask again in %.0f s. %s", seconds, why, extra=its)


def _why(refused: KeyRefused) -> Said:
    """Why Canvas gives no more tokens, as a sentence before the remedy [oauth2_provider_controller.rb]."""
    if refused.error == "invalid_client":
        return Said("key_secret_changed" if "invalid" in refused.words else "key_unknown")
    if "refresh_token not found" in refused.words:
        return Said("key_not_approved")
    return refused.said


def _ask_for_end(session: Session, connection: Connection, canvases: Canvases, now: datetime) -> None:
    """Ask once a day when the pasted token ends. Only one process asks."""
    asked_at = connection.token_end_asked_at
    if asked_at is not None and abs(now - asked_at) < pauses.ASK_FOR_END:
        return
    same = Connection.token_end_asked_at.is_(None) if asked_at is None else Connection.token_end_asked_at == asked_at
    mine = update(Connection).where(Connection.id == connection.id, same).values(token_end_asked_at=now)
    taken = change(session, mine) == 1
    session.commit()
    client, token = canvases.client(connection), connection.token
    if not taken or client is None:
        return
    session.commit()
    try:
        found = client.within(pauses.PAGE_SECONDS).token_end()
    except CanvasError:
        # The drain finds out what is wrong with Canvas; what we knew still holds.
        return
    session.refresh(connection)
    if connection.token.ciphertext == token.ciphertext:
        note_end(connection, found)
    session.commit()


def note_end(connection: Connection, found: TokenEnd) -> None:
    """Store when the pasted token ends, as Canvas said."""
    connection.token_expires_at, connection.token_end_known = found.at, found.known
