"""The key to Canvas that a run of a drain uses: always the stored one, which a person or another process may
replace."""

import time
from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session

from ..canvas.client import CanvasClient
from ..shared import pauses
from ..tables.canvas import Connection
from . import keeper
from .clients import Canvases


class CurrentKey:
    """`client` makes calls with the connection's key. It is None if none of our keys could open that at the start.

    `is_gone`: since then, somebody has disconnected, or has sealed the key with one that we don't have. The earlier
    client stays, and the next drain finds out which of the two it is. All methods commit.
    """

    def __init__(self, session: Session, connection: Connection, canvases: Canvases, now: Callable[[], datetime]):
        self.session, self.connection_id, self.canvases, self.now = session, connection.id, canvases, now
        self.client = canvases.client(connection)
        self.is_gone = False
        self._refresh_at, self._seen_at = connection.refresh_at, time.monotonic()
        self._last_resort: CanvasClient | None = None
        """The client whose token replaced one that Canvas refused before its end."""

    def keep(self) -> None:
        """Take the stored key if it was not looked at lately. Renew a developer key's token in time."""
        due = self._refresh_at is not None and self._refresh_at <= self.now()
        if not due and time.monotonic() - self._seen_at < pauses.KEY_SECONDS:
            return
        connection = self._connection()
        if keeper.is_due(connection, self.now()):
            keeper.renew(self.session, connection, self.canvases, self.now)
        self._take(connection)

    def is_another(self, refused: CanvasClient | None, *, may_renew: bool) -> bool:
        """Whether a client that got a 401 no longer has the stored key, or its token could be replaced now."""
        connection = self._connection()
        self._take(connection)
        may_renew = may_renew and connection.key_kind == "developer_key"
        if refused is self.client and may_renew and self.client is not self._last_resort:
            keeper.refused(self.session, connection, self.canvases, self.now)
            self._take(connection)
            self._last_resort = self.client
        return refused is not self.client

    def _take(self, connection: Connection) -> None:
        self._refresh_at, self._seen_at = connection.refresh_at, time.monotonic()
        if (client := self.canvases.client(connection)) is not None:
            self.client = client
        else:
            self.is_gone = True
        self.session.commit()

    def _connection(self) -> Connection:
        return self.session.get_one(Connection, self.connection_id, populate_existing=True)
