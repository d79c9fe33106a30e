"""The process log: one line per entry, in UTC, so written that no text in an entry can pass for another entry."""

import logging
import re
import threading
import time

log = logging.getLogger(__name__)

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


_LINK = re.compile(r"(?<=/links/)[\w-]+")
"""A one-time link's token. Flask logs the address of a request that failed unexpectedly."""


class _Lines(logging.Formatter):
    """An entry starts at the beginning of a line with its time; its further lines are indented."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def format(self, record: logging.LogRecord) -> str:
        entry = _CONTROLS.sub(lambda found: ascii(found[0])[1:-1], super().format(record))
        return _LINK.sub("...", entry).replace("\n", "\n  | ")


def begin() -> None:
    """Write our own entries and all warnings to standard error, unless logging is set up already."""
    if logging.getLogger().hasHandlers():
        return
    handler = logging.StreamHandler()
    handler.setFormatter(_Lines("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)
    logging.getLogger(__package__).setLevel(logging.INFO)


class Trouble:
    """Logs once that something is away, and once that it is back, not each time that it is needed."""

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
        """It answered. An answer to a request begun (`began_at`, monotonic) before the last failure does not count."""
        with self._lock:
            if began_at is not None and began_at <= self._away_at:
                return
            if self._is_away:
                log.info("%s is back.", self.what)
            self._is_away = False
