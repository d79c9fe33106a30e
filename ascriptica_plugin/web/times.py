"""Times and numbers as pages and files show them: in the office's time zone, and the page's language."""

from datetime import datetime, timedelta

from ..shared import clock, formats
from ..shared.language import number, tn
from .base import blueprint, plugin

blueprint.add_app_template_filter(number, "ascriptica_number")
blueprint.add_app_template_filter(formats.percent, "ascriptica_percent")


@blueprint.app_template_filter("ascriptica_time")
def office_time(value: datetime | None, shown: str = "weekday date time") -> str:
    """A UTC time in the office's time zone; `shown` is one of `formats.TIMES`."""
    return formats.moment(value, shown, plugin().timezone) if value else ""


def file_time(value: datetime | None, pattern: str = "%Y-%m-%d %H:%M") -> str:
    """A UTC time in the office's time zone, for a file: the same in all languages."""
    return value.astimezone(plugin().timezone).strftime(pattern) if value else ""


@blueprint.app_template_filter("ascriptica_seen_time")
def seen_time(value: datetime) -> str:
    """When something was seen, in the office's time zone; with the year if it is not this year."""
    this_year = file_time(value, "%Y") == file_time(clock.utc_now(), "%Y")
    return office_time(value, "day time" if this_year else "date time")


@blueprint.app_template_filter("ascriptica_starts")
def starts(value: datetime, now: datetime) -> str:
    """When a course starts or started: "starts in 2 hours". Below two of a unit, the next smaller one is used."""
    left, begins = abs(value - now), value > now
    if left >= timedelta(days=2):
        n = left // timedelta(days=1)
        if begins:
            return tn("starts in {count} day", "starts in {count} days", n)
        return tn("started {count} day ago", "started {count} days ago", n)
    if left >= timedelta(hours=2):
        n = left // timedelta(hours=1)
        if begins:
            return tn("starts in {count} hour", "starts in {count} hours", n)
        return tn("started {count} hour ago", "started {count} hours ago", n)
    n = left // timedelta(minutes=1)
    if begins:
        return tn("starts in {count} minute", "starts in {count} minutes", n)
    return tn("started {count} minute ago", "started {count} minutes ago", n)
