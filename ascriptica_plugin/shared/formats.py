"""Times and lists as the present language writes them."""

import functools
from datetime import datetime
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from babel.lists import format_list
from babel.numbers import format_decimal

from .language import Marked, present, t

TIMES: Marked[dict[str, str]] = {
    "weekday date time": "EEE dd MMM yyyy, HH:mm",
    "weekday date": "EEE dd MMM yyyy",
    "weekday day time": "EEE dd MMM, HH:mm",
    "date time seconds": "dd MMM yyyy, HH:mm:ss",
    "date time": "dd MMM yyyy, HH:mm",
    "date": "dd MMM yyyy",
    "day time": "dd MMM, HH:mm",
    "time seconds": "HH:mm:ss",
    "time": "HH:mm",
}
"""The parts of a time that are shown, as Babel's patterns: https://babel.pocoo.org/en/latest/dates.html#date-fields.

They are translated like other texts: a translation has the order and the signs of its language. """


def moment(at: datetime, shown: str, zone: ZoneInfo) -> str:
    """The time in this zone; `shown` is one of `TIMES`."""
    # All but the times with seconds are the same for a whole minute.
    at = at if shown.endswith("seconds") else at.replace(second=0, microsecond=0)
    return _moment(at, t(TIMES[shown]), zone, present())


@functools.lru_cache(10_000)
def _moment(at: datetime, pattern: str, zone: ZoneInfo, language: str) -> str:
    # Babel is slow, and a page of a list has hundreds of times, many of them in the same minute.
    return format_datetime(at, pattern, tzinfo=zone, locale=language)


def percent(value: float) -> str:
    """The number as percent, with four digits at most: 87.5 %."""
    return t("{number} %", number=format_decimal(float(f"{value:.4g}"), "#,##0.####", locale=present()))


def listed(parts: list[str]) -> str:
    """The parts as a list in a sentence: "Ann, Bob, and Kim"."""
    return format_list(parts, locale=present())
