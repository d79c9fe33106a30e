"""The process log: one line for each event, in UTC, as key=value or JSON. No text in it can pass for another event, and
no line contains an email."""

import json
import logging
import re
import threading
import time
from typing import Any

log = logging.getLogger(__name__)

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")

_LINK = re.compile(r"(?<=/links/)[\w-]+")
"""A one-time link's token. Flask logs the address of a request that failed unexpectedly."""

_EMAIL = re.compile(r"[^\s\"'<>()\[\]{}|,;:=/&?@]{1,254}(?:@|%40)[\w.-]+")

_BARE = re.compile(r"[\w.:/+-]+", re.ASCII)
"""A value that needs no quotation marks."""


class _Lines(logging.Formatter):
    """`time=... level=... logger=... message="..."`, then what the event is about, and the trace if there is one.

    An event says what it is about, for programs, in `extra={"about": {...}}`.
    """

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def format(self, record: logging.LogRecord) -> str:
        return " ".join(f"{name}={_quoted(value)}" for name, value in self._fields(record).items())

    def _fields(self, record: logging.LogRecord) -> dict[str, Any]:
        fields = {
            "time": self.formatTime(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "about", {}),
        }
        if record.exc_info:
            fields["trace"] = self.formatException(record.exc_info)
        return {name: _harmless(value) if isinstance(value, str) else value for name, value in fields.items()}


class _JSON(_Lines):
    """The same, as one JSON object on each line."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(self._fields(record), default=str)


def unnamed(text: str) -> str:
    """The text without emails: for Canvas's own words, which may get into a host's own log."""
    return _EMAIL.sub("(email)", text)


def _harmless(text: str) -> str:
    text = _CONTROLS.sub(lambda found: ascii(found[0])[1:-1], text)
    return unnamed(_LINK.sub("...", text))


def _quoted(value: Any) -> str:
    text = str(value)
    return text if _BARE.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def begin(shape: str = "text") -> None:
    """Write our own events and all warnings to standard error, unless logging is set up already.

    `shape` is `text` or `json`.
    """
    if logging.getLogger().hasHandlers():
        return
    handler = logging.StreamHandler()
    handler.setFormatter(_JSON() if shape == "json" else _Lines())
    logging.getLogger().addHandler(handler)
    logging.getLogger("ascriptica_plugin").setLevel(logging.INFO)


class Trouble:
    """Logs once that something is away, and once that it is back, not every time somebody needs it."""

    def __init__(self, what: str, meanwhile: str):
        self.what, self.meanwhile = what, meanwhile
        self._is_away, self._away_at = False, 0.0
        self._lock = threading.Lock()

    def began(self, error: Exception) -> None:
        """Note that it is away; the process log says so once."""
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
