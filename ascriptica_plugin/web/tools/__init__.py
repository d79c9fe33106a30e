"""The administrators' pages: a module for each entry of the Tools menu, and for what several of them share."""

from . import (
    activity,
    canvas,
    canvas_person,
    canvas_retry,
    canvas_users,
    course_standing,
    courses,
    imports,
    moving,
    office,
    overview,
    participants,
    results,
    roster,
    settings,
    sis_ids,
)

__all__ = [
    "activity",
    "canvas",
    "canvas_person",
    "canvas_retry",
    "canvas_users",
    "course_standing",
    "courses",
    "imports",
    "moving",
    "office",
    "overview",
    "participants",
    "results",
    "roster",
    "settings",
    "sis_ids",
]
