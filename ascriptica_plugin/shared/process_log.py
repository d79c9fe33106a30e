"""The process log: one line for each event, in UTC, as key=value or JSON. No text in it can pass for another event, and
no line contains an email."""

import json
import logging
import math
import re
import threading
import time
from typing import Any

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")

_LINK = re.compile(r"(?<=/links/)[\w-]+")
"""A one-time link's token. Flask logs the address of a request that failed unexpectedly."""

_EMAIL = re.compile(r"(?:\"[^\"]{1,254}\"|[^\s\"'<>()\[\]{}|,;:=/&?@]{1,254})(?:@|%40)[\w.-]+")

_BARE = re.compile(r"[\w.:/+-]+", re.ASCII)
"""A value that needs no quotation marks."""

_NOT_IN_NAMES = re.compile(r"\W+", re.ASCII)


def about(**fields: Any) -> dict[str, Any]:
    """The facts of an event, for programs: `log.info("...", extra=about(mail=7))`. What is None or "" is left out."""
    return {"about": {name: value for name, value in fields.items() if value not in (None, "")}}


class _Lines(logging.Formatter):
    """`time=... level=... logger=... message="..."`, then what the event is `about`, and the trace if there is one."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def format(self, record: logging.LogRecord) -> str:
        return " ".join(f"{name}={_quoted(value)}" for name, value in self._fields(record).items())

    def _fields(self, record: logging.LogRecord) -> dict[str, Any]:
        own = {
            "time": self.formatTime(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        more = getattr(record, "about", {})
        # Another package may log something else by that name.
        more = more if isinstance(more, dict) else {}
        # They stand after the event's own fields, and never take the place of one.
        fields = {**own, **{_NOT_IN_NAMES.sub("_", str(name)): value for name, value in more.items()}, **own}
        if record.exc_info:
            fields["trace"] = self.formatException(record.exc_info)
        return {name: _harmless(value) for name, value in fields.items()}


class _JSON(_Lines):
    """The same, as one JSON object on each line."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(self._fields(record), allow_nan=False)


def unnamed(text: str) -> str:
    """The text without emails: for Canvas's own words, which may get into a host's own log."""
    return _EMAIL.sub("(email)", text)


def _harmless(value: Any) -> Any:
    """The value as JSON can have it, with nothing in any text of it that may not be in a log."""
    if isinstance(value, dict):
        return {_harmless_text(str(name)): _harmless(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_harmless(one) for one in value]
    if value is None or isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return _harmless_text(str(value))


def _harmless_text(text: str) -> str:
    text = _CONTROLS.sub(lambda found: ascii(found[0])[1:-1], text)
    return unnamed(_LINK.sub("...", text))


def _quoted(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if _BARE.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def formatter(shape: str) -> logging.Formatter:
    """What gives each event the shape `text` or `json`."""
    return _JSON() if shape == "json" else _Lines()


def begin(shape: str = "text") -> None:
    """Write our own events and all warnings to standard error, unless logging is set up already.

    `shape` is `text` or `json`.
    """
    if logging.getLogger().hasHandlers():
        return
    handler = logging.StreamHandler()
    handler.setFormatter(formatter(shape))
    logging.getLogger().addHandler(handler)
    logging.getLogger("ascriptica_plugin").setLevel(logging.INFO)


class Trouble:
    """Logs once that something is away, and once that it is back, not every time somebody needs it.

    `log` is the log of the module that needs `part`, which `what` names at the beginning of a sentence.
    """

    def __init__(self, log: logging.Logger, part: str, what: str, meanwhile: str):
        self.log, self.part, self.what, self.meanwhile = log, part, what, meanwhile
        self._is_away, self._away_at = False, 0.0
        self._lock = threading.Lock()

    def began(self, error: Exception) -> None:
        """Note that it is away; the process log says so once."""
        with self._lock:
            if not self._is_away:
                reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
                kind = type(error).__name__
                its = about(part=self.part, error=kind, reason=reason)
                self.log.warning("%s is away (%s: %s). %s", self.what, kind, reason, self.meanwhile, extra=its)
            self._is_away, self._away_at = True, time.monotonic()

    def ended(self, began_at: float | None = None) -> None:
        """It answered. An answer to a request begun (`began_at`, monotonic) before the last failure does not count."""
        with self._lock:
            if began_at is not None and began_at <= self._away_at:
                return
            if self._is_away:
                self.log.info("%s is back.", self.what, extra=about(part=self.part))
            self._is_away = False
