"""Times in a file of courses, as people and spreadsheets write them. Knows nothing but the cell."""

import re
from datetime import UTC, date, datetime, time, tzinfo

from ...shared.language import Marked, t
from ..places import NotPossible

TIMES: Marked[dict[str, str]] = {
    "starts_at": "the first day",
    "ends_at": "the last day",
    "registration_opens_at": "when registration opens",
    "registration_closes_at": "when registration closes",
}
"""What each column of times means."""

LAST = ("ends_at", "registration_closes_at")
"""The columns in which a day alone means the end of that day."""

END_OF_DAY = time(23, 59)
"""The last time of a day that the course's form can show: it has no seconds, and the next midnight is another day."""

CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?(?:\s?([ap])\.?m\.?)?", re.IGNORECASE)
"""18:00, 18:00:00, 6:00 PM."""

DAYS = (
    re.compile(r"(?P<year>[0-9]{4})-(?P<month>[0-9]{1,2})-(?P<day>[0-9]{1,2})(?:,?\s+(?P<clock>.+))?"),
    re.compile(r"(?P<day>[0-9]{1,2})\.(?P<month>[0-9]{1,2})\.(?P<year>[0-9]{4})(?:,?\s+(?P<clock>.+))?"),
)
"""2027-03-01 and 1.3.2027, each with a time or without."""

SLASHED = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})(?:,?\s+(.+))?")
"""3/1/2027, whose first number is the month or the day."""


def read(name: str, typed: str, timezone: tzinfo) -> datetime:
    """The time in this column's cell, in UTC; without an offset, it is one of `timezone`. Raises NotPossible."""
    try:
        readings = _readings(typed, END_OF_DAY if name in LAST else time())
        in_utc = [(at if at.tzinfo else at.replace(tzinfo=timezone)).astimezone(UTC) for at in readings]
    except (ValueError, OverflowError):
        words = t(TIMES[name])
        raise NotPossible(t("Write {words} like 2027-03-01 18:00 ({name}).", words=words, name=name)) from None
    if len(in_utc) > 1:
        one, other = (f"{at:%Y-%m-%d %H:%M}" if ":" in typed else f"{at:%Y-%m-%d}" for at in readings)
        raise NotPossible(
            t(
                "{typed} can be read as {one} or as {other}. Write the one that you mean ({name}).",
                typed=typed,
                one=one,
                other=other,
                name=name,
            )
        )
    return in_utc[0]


def _readings(typed: str, at_a_day: time) -> list[datetime]:
    """All times that may be meant; a day alone gets the time `at_a_day`. Raises ValueError."""
    if slashed := SLASHED.fullmatch(typed):
        first, second, year = map(int, slashed.groups()[:3])
        clock = _clock(slashed[4], at_a_day)
        # No month has a number above 12. Where both have, there is no such date.
        orders = {(month, day) for month, day in ((first, second), (second, first)) if month <= 12} or {(first, second)}
        return [datetime.combine(date(year, month, day), clock) for month, day in sorted(orders)]
    for day in DAYS:
        if found := day.fullmatch(typed):
            on = date(int(found["year"]), int(found["month"]), int(found["day"]))
            return [datetime.combine(on, _clock(found["clock"], at_a_day))]
    if len(typed) <= len("2027-03-01"):
        # 20270301 or 2027-W09-1.
        return [datetime.combine(date.fromisoformat(typed), at_a_day)]
    return [datetime.fromisoformat(typed)]


def _clock(typed: str | None, at_a_day: time) -> time:
    if typed is None:
        return at_a_day
    if not (found := CLOCK.fullmatch(typed)):
        return time.fromisoformat(typed)
    hour, half = int(found[1]), (found[4] or "").lower()
    if half and not 1 <= hour <= 12:
        raise ValueError(typed)
    return time(hour % 12 + 12 * (half == "p") if half else hour, int(found[2]), int(found[3] or 0))
