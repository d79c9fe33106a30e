"""How a process of ours writes its log: a line an entry, in UTC, that no text in it can forge."""

import logging
import re
import threading
import time

log = logging.getLogger(__name__)

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


_LINK = re.compile(r"(?<=/links/)[\w-]+")
"""A one-time link's token, which Flask tells with the address where something unforeseen happened."""


class _Lines(logging.Formatter):
    """An entry begins at the line's beginning with its time, and whatever follows in it does not."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def format(self, record: logging.LogRecord) -> str:
        entry = _CONTROLS.sub(lambda found: ascii(found[0])[1:-1], super().format(record))
        return _LINK.sub("...", entry).replace("\n", "\n  | ")


def begin() -> None:
    """Write our own entries and everybody's warnings to standard error; where logging is set up already, not at all."""
    if logging.getLogger().hasHandlers():
        return
    handler = logging.StreamHandler()
    handler.setFormatter(_Lines("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)
    logging.getLogger(__package__).setLevel(logging.INFO)


class Trouble:
    """Says in the log once that something is away, and once that it is back; not each time that it is missed."""

    def __init__(self, what: str, meanwhile: str):
        self.what, self.meanwhile = what, meanwhile
        self._is_away, self._away_at = False, 0.0
        self._lock = threading.Lock()

    def began(self, error: Exception) -> None:
        with self._lock:
            if not self._is_away:
                reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
                log.warning("%s is away (%s: %s). %s", self.what, type(error).__name__, reason, self.meanwhile)
            self._is_away, self._away_at = True, time.monotonic()

    def ended(self, began_at: float | None = None) -> None:
        """It answered. `began_at` is when that was begun, on the monotonic clock: before it went away is no sign."""
        with self._lock:
            if began_at is not None and began_at <= self._away_at:
                return
            if self._is_away:
                log.info("%s is back.", self.what)
            self._is_away = False
