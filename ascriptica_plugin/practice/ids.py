"""The forms of an id that Canvas accepts, in a path or a parameter (lib/api.rb)."""

import re
from typing import TypeVar

from .records import Account, Course, Section, Token, User
from .rules import NotFound
from .world import World

Row = TypeVar("Row")


def find_user(world: World, caller: Token, text: str, gone_too: bool = False) -> User:
    """A user by any form of id. Raises NotFound if there is none, if only a deleted login leads there, or, unless
    `gone_too`, if the user was deleted or merged away."""
    if text.strip() == "self":
        user = world.users.get(caller.user_id)
    else:
        form, value = _read(text)
        if form == "id":
            user = world.users.get(int(value))
        else:
            by_form = {
                "sis_user_id": lambda: world.login_by_sis_id.get(value),
                "sis_login_id": lambda: world.login_by_unique_id.get(value.lower()),
                "sis_integration_id": lambda: _by(world.logins, "integration_id", value),
            }
            login = by_form[form]() if form in by_form else None
            user = world.users[login.user_id] if login and login.workflow_state != "deleted" else None
    if user is None or (user.workflow_state == "deleted" and not gone_too):
        raise NotFound
    return user


def find_account(world: World, text: str) -> Account:
    """An account by any form of id. Raises NotFound."""
    if text.strip() in ("self", "default", "site_admin"):
        return world.accounts[world.root_account_id]
    return _find(world.accounts, text, {"sis_account_id": "sis_account_id"})


def find_course(world: World, text: str, gone_too: bool = False) -> Course:
    """A course by any form of id. Raises NotFound for a deleted one, unless `gone_too`."""
    course = _find(world.courses, text, {"sis_course_id": "sis_course_id", "sis_integration_id": "integration_id"})
    if course.workflow_state == "deleted" and not gone_too:
        raise NotFound
    return course


def find_section(world: World, text: str, course: Course | None = None) -> Section:
    """A section by any form of id. Raises NotFound if it or its course is deleted, or it is not in `course`."""
    section = _find(world.sections, text, {"sis_section_id": "sis_section_id", "sis_integration_id": "integration_id"})
    owner = world.courses[section.course_id]
    if section.workflow_state == "deleted" or owner.workflow_state == "deleted" or course not in (None, owner):
        raise NotFound
    return section


def number(text: str) -> int:
    """An id that Canvas accepts only as a number. Raises NotFound for anything else."""
    form, value = _read(text)
    if form != "id":
        raise NotFound
    return int(value)


def _find(rows: dict[int, Row], text: str, fields: dict[str, str]) -> Row:
    """The row with that id, or with that value in the field that the form names."""
    form, value = _read(text)
    row = None
    if form == "id":
        row = rows.get(int(value))
    elif form in fields:
        row = _by(rows, fields[form], value)
    if row is None:
        raise NotFound
    return row


def _by(rows: dict[int, Row], field: str, value: str) -> Row | None:
    """The row with this value. It looks at all rows: courses and sections are few, and users rarely found this way."""
    return next((row for row in rows.values() if getattr(row, field) == value), None)


def _read(text: str) -> tuple[str, str]:
    """The form and the value; forms that Canvas doesn't know are returned as they are and match nothing."""
    text = text.strip()
    if re.fullmatch(r"[0-9]{1,19}", text):
        return "id", text
    form, colon, value = text.partition(":")
    if form == "hex":
        form, colon, value = value.partition(":")
        try:
            value = bytes.fromhex(value).decode()
        except ValueError:
            raise NotFound from None
    if not colon or form == "id":
        raise NotFound
    return form, value
