"""The place where each cause can be put right: a page of ours, a field on it, or a page of Canvas."""

from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlsplit

from flask import url_for

from ...ledger.blocked_groups import Group, Where
from ...shared.language import mark, t
from ...tables.canvas import Connection


class Place(NamedTuple):
    """A link to the place where somebody acts."""

    words: str
    address: str


def canvas_host(connection: Connection) -> str:
    """Scheme and host of Canvas."""
    parts = urlsplit(connection.canvas_url)
    return f"{parts.scheme}://{parts.netloc}"


def _setting(field: str, words: str) -> Callable[[Connection], Place]:
    return lambda connection: Place(t(words), url_for("ascriptica.course_settings", _anchor=field))


def _unreadable(connection: Connection) -> Place:
    if connection.key_kind == "developer_key":
        return _setting("canvas_client_secret", mark("Paste the client secret again"))(connection)
    return _setting("canvas_token", mark("Paste the token again"))(connection)


def _permissions(connection: Connection) -> Place:
    address = f"{canvas_host(connection)}/accounts/{connection.canvas_root_id}/permissions"
    return Place(t("Open permissions in Canvas"), address)


OF_CANVAS: dict[str, Callable[[Connection], Place]] = {
    "token_dead": _setting("canvas_token", mark("Paste a new token")),
    "key_refused": _setting("approve", mark("Approve the developer key again")),
    "scope_missing": _setting("approve-again", mark("Approve the developer key again")),
    "token_unreadable": _unreadable,
    "address_refused": _setting("canvas_url", mark("Check the Canvas address")),
    "root_id_wrong": _setting("canvas_root_id", mark("Check the root ID")),
    "no_account": _setting("missing_users", mark("Let us create users")),
    "sign_in_missing": _setting("way_in", mark("Choose another sign-in")),
    "permission_missing": _permissions,
}
"""Causes with one place for everybody."""


OfACourse = Callable[[Connection, str, int | None], Place]
"""Makes the place from our course's code and its Canvas course."""


def _edit(field: str, words: str) -> OfACourse:
    return lambda connection, code, _: Place(t(words), url_for("ascriptica.edit_course", code=code, _anchor=field))


def _in_canvas(page: str, words: str) -> OfACourse:
    def place(connection: Connection, code: str, canvas_course_id: int | None) -> Place:
        return Place(t(words), f"{canvas_host(connection)}/courses/{canvas_course_id}{page}")

    return place


_CHOOSE = _edit("canvas_course", mark("Choose another Canvas course"))

OF_A_COURSE: dict[str, OfACourse] = {
    "course_missing": _CHOOSE,
    "course_closed_to_students": _CHOOSE,
    "not_looked_up": _CHOOSE,
    "other_canvas": _edit("canvas_course", mark("Associate it again")),
    "section_missing": _edit("canvas_section", mark("Choose another section")),
    "course_concluded": _in_canvas("/settings", mark("Open its settings in Canvas")),
    "outside_dates": _in_canvas("/settings", mark("Change its dates in Canvas")),
    "course_unpublished": _in_canvas("", mark("Publish it in Canvas")),
}
"""Causes with a place for each course."""


def place_of(group: Group, connection: Connection) -> Place | None:
    """The place to put right the cause of the whole group; if the group has only one course, that course's place."""
    if group.name in OF_CANVAS:
        return OF_CANVAS[group.name](connection)
    if group.cause.asks:
        return Place(t("Answer"), url_for("ascriptica.canvas_access", standing=group.name, _anchor="people"))
    return place_in(group, group.courses[0], connection) if len(group.courses) == 1 else None


def place_in(group: Group, where: Where, connection: Connection) -> Place | None:
    """The place to put right the cause for this course of the group; None if it is the same for all courses."""
    its = OF_A_COURSE.get(group.name)
    return its(connection, where.code, where.canvas_course_id) if its else None
