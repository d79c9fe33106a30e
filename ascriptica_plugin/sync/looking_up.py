"""Looks up in Canvas what somebody typed: a Canvas course with its section, or a user.

Also the state of a Canvas course that was found before.
"""

from datetime import datetime
from typing import Any

from ..canvas.client import CanvasClient
from ..canvas.errors import NotFound
from ..canvas.shapes import Course, Section, User
from ..shared.formats import listed
from ..shared.language import t
from ..shared.said import Said
from ..tables.office import Association
from .checking import IN_COURSES, OLDER_NAME, Outcome


def look_up(canvas: CanvasClient, association: Association, now: datetime) -> Outcome:
    """Fill in the association with what Canvas says about its course and section, if Canvas has them.

    Raises every CanvasError except NotFound, because the others show the worker the state of Canvas.
    """
    try:
        course = canvas.course(association.canvas_course)
    except NotFound:
        return Outcome("canvas_course", Said("no_course", course=association.canvas_course))
    if course.takes_no_students:
        return Outcome("canvas_course", Said("no_students", course=course.name))
    section = None
    if association.canvas_section:
        try:
            section = canvas.section(course.id, association.canvas_section)
        except NotFound:
            said = Said("no_section", course=course.name, section=association.canvas_section)
            return Outcome("canvas_section", said)
    association.missing_permissions = ",".join(missing_in(canvas, course.id))
    association.canvas_course_id, association.trouble = course.id, None
    association.canvas_section_id = section.id if section else None
    association.canvas_section_name = section.name if section else ""
    for name, value in _state(course, section).items():
        setattr(association, name, value)
    association.looked_up_at, association.look_up_at, association.problem = now, None, None
    return Outcome()


def state_of(canvas: CanvasClient, course_id: int, section_id: int | None) -> dict[str, Any]:
    """The present state of a Canvas course that was found before, as values of the association's columns. It takes one
    call or two.

    Raises every CanvasError except NotFound.
    """
    try:
        course = canvas.course(course_id)
    except NotFound:
        return {"trouble": "course_missing"}
    if course.takes_no_students:
        return {"trouble": "course_closed_to_students", **_state(course, None)}
    try:
        section = canvas.section(course_id, section_id) if section_id else None
    except NotFound:
        return {"trouble": "section_missing", **_state(course, None)}
    return {"trouble": None, **_state(course, section)}


def _state(course: Course, section: Section | None) -> dict[str, Any]:
    window = section.window if section is not None and section.window is not None else course.window
    return {
        "canvas_course_name": course.name,
        "published": course.published,
        "concluded": course.concluded,
        "opens_at": window.opens_at,
        "closes_at": window.closes_at,
    }


def missing_in(canvas: CanvasClient, course_id: int) -> list[str]:
    """The rights that an association needs and that the token's owner lacks in this course. The owner may have fewer
    rights here than elsewhere."""
    try:
        answers = canvas.course_permissions(course_id, [*IN_COURSES, OLDER_NAME])
    except NotFound:
        # The token may see the course, but not the rights in it.
        return []
    return [] if answers[OLDER_NAME] else [name for name in IN_COURSES if not answers[name]]


FORMS = ("sis_user_id:", "sis_login_id:")
"""How Canvas lets a user be named other than by number [api.rb api_find]."""


def look_up_user(canvas: CanvasClient, typed: str) -> User:
    """The Canvas user with this number, login or SIS ID.

    Raises ValueError with a sentence if there is none, or if it is not clear which one is meant; CanvasError if Canvas
    does not answer.
    """
    ways: list[str | int] = [typed] if typed.startswith(FORMS) else [f"{form}{typed}" for form in FORMS]
    if typed.isascii() and typed.isdigit():
        ways.append(int(typed[:19]))
    found: dict[int, User] = {}
    for way in ways:
        try:
            user = canvas.user(way)
        except NotFound:
            continue
        found[user.id] = user
    if not found:
        raise ValueError(
            t("Canvas has no user with the ID, login or SIS ID {typed}, or the token may not see them.", typed=typed)
        )
    if len(found) > 1:
        users = [
            t("{name} (ID {id}, login {login})", name=user.name, id=user.id, login=user.login_id)
            for user in found.values()
        ]
        raise ValueError(
            t("{typed} leads to {names}. Type the login of the right one.", typed=typed, names=listed(users))
        )
    return next(iter(found.values()))
