"""This process's Canvas clients, each made from a connection's saved token."""

import threading

from cryptography.fernet import MultiFernet

from ..canvas.client import CanvasClient
from ..canvas.oauth import OAuth, revoke
from ..ledger.metrics import Tally
from ..shared import pauses
from ..tables.canvas import Connection


class Canvases:
    """This process's clients, one for each Canvas, with its latest token; and the keys that decrypt tokens. `tally`
    counts calls.

    `mass_seats`: how many seats have to be due for a SIS import, if Course Settings allow one. `by_mail`: this
    installation can mail people.
    """

    def __init__(self, keys: MultiFernet, allow_private: bool, ca_file: str | None = None, *, mass_seats: int):
        self.keys = keys
        self.allow_private = allow_private
        self.ca_file = ca_file
        self.mass_seats, self.by_mail = mass_seats, False
        self.tally = Tally()
        self._clients: dict[tuple[str, str], CanvasClient] = {}
        self._lock = threading.Lock()

    def client(self, connection: Connection) -> CanvasClient | None:
        """The client for a connection; None if none of our keys opens its token, or if the token was forgotten."""
        token = connection.token.open(self.keys)
        if not token:
            return None
        with self._lock:
            key = (connection.canvas_url, token)
            if key not in self._clients:
                # A replaced token is not needed again, and its pool would stay open for ever.
                before = next((v for k, v in self._clients.items() if k[0] == connection.canvas_url), None)
                self._clients = {k: v for k, v in self._clients.items() if k[0] != connection.canvas_url}
                self._clients[key] = new = CanvasClient(
                    connection.canvas_url,
                    token,
                    allow_private=self.allow_private,
                    ca_file=self.ca_file,
                    watcher=self.tally,
                )
                if before is not None:
                    new.take_time_of(before)
            return self._clients[key]

    def oauth(self, url: str, client_id: str, client_secret: str) -> OAuth:
        """The token calls of a developer key."""
        return OAuth(
            url,
            client_id,
            client_secret,
            allow_private=self.allow_private,
            ca_file=self.ca_file,
            seconds=pauses.REFRESH_SECONDS,
        )

    def revoke(self, url: str, token: str) -> None:
        """End a token in Canvas. Raises CanvasError if Canvas did not do so."""
        revoke(url, token, allow_private=self.allow_private, ca_file=self.ca_file, seconds=pauses.REFRESH_SECONDS)
