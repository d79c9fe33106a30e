"""How a process of ours writes its log: a line an entry, with the time in UTC, that nothing which is told can forge."""

import logging
import re
import time

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_LINK = re.compile(r"(?<=/links/)[\w-]+")
"""A one-time link's token, which Flask tells with the address where something unforeseen happened."""


class _Lines(logging.Formatter):
    """An entry begins at the line's beginning with its time, and whatever follows in it does not."""

    converter = time.gmtime
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
