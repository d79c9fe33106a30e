"""Disconnects from a Canvas: its key is forgotten here, and Canvas is asked to end it."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from ..canvas.errors import CanvasError, TokenRefused
from ..canvas.oauth import KeyRefused
from ..tables.canvas import Connection, Settings
from ..tables.columns import Sealed
from ..tables.locks import lock_connection, lock_settings
from .checking import TOKEN_UNREADABLE
from .clients import Canvases
from .connecting import DeveloperKey, forget_draft


@dataclass(frozen=True)
class Key:
    """The key to a Canvas, decrypted: an access token, and the developer key that gave it. None: it can't be read."""

    url: str
    token: str | None = field(repr=False)
    developer_key: DeveloperKey | None


def forget(session: Session, settings: Settings, connection: Connection, canvases: Canvases, now: datetime) -> Key:
    """Stop using this connection, and delete its secrets. What it knows about Canvas stays, in case somebody connects
    to it again. Returns the key as it was. Never commits."""
    lock_settings(session)
    # Another process may have renewed the key meanwhile.
    lock_connection(session, connection)
    secret, refresh_token = (
        sealed.open(canvases.keys) if sealed else None
        for sealed in (connection.client_secret, connection.refresh_token)
    )
    key = None
    if connection.client_id is not None and secret is not None:
        key = DeveloperKey(connection.client_id, secret, refresh_token)
    was = Key(connection.canvas_url, connection.token.open(canvases.keys), key)
    connection.token = Sealed.seal("", canvases.keys)
    connection.client_id = connection.client_secret = connection.refresh_token = None
    # An answer that is still on its way is not stored.
    connection.refresh_at = connection.refreshing_until_at = None
    connection.token_expires_at, connection.token_end_known = None, False
    connection.disconnected_at = now
    settings.connection, settings.display_canvas = None, False
    forget_draft(settings)
    return was


def end_in_canvas(key: Key, canvases: Canvases) -> None:
    """Have Canvas end the token, and with it a developer key's approval. Raises CanvasError if it may still work."""
    if key.token is None:
        raise CanvasError(TOKEN_UNREADABLE.sentence)
    try:
        canvases.revoke(key.url, key.token)
    except TokenRefused:
        its = key.developer_key
        if its is None or its.refresh_token is None:
            return
        # The access token's hour is over, but the approval still holds.
        try:
            grant = canvases.oauth(key.url, its.client_id, its.client_secret).refresh(its.refresh_token)
        except KeyRefused:
            return
        canvases.revoke(key.url, grant.access_token)
