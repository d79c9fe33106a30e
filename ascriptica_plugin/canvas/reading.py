"""Reads Canvas's JSON into the shapes.

A Canvas may be broken, or send anything. What is read here can be stored in any database and shown on any page: texts
are `storable`, ids fit their columns, times have a zone.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from .errors import SOMETHING_ELSE, CanvasDown
from .shapes import (
    HIGHEST_ID,
    Account,
    Course,
    Enrollment,
    ListedCourse,
    Progress,
    Scores,
    Section,
    SignIn,
    TokenEnd,
    User,
    Window,
)

T = TypeVar("T")
P = ParamSpec("P")

LONGEST_TEXT = 255
"""Canvas's own limit for a name, a login or a SIS ID, and the size of our columns for them."""

_SPACES = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029]+")
_ADDRESS = re.compile(r"https?://[!-~]{1,1000}")
NOT_STORABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def _reader(read: Callable[Concatenate[dict, P], T]) -> Callable[Concatenate[dict, P], T]:
    """Make the reader raise CanvasDown for a row that lacks a value or has a wrong one."""

    @wraps(read)
    def checked(row: dict, *more: P.args, **named: P.kwargs) -> T:
        try:
            return read(row, *more, **named)
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
            raise CanvasDown(SOMETHING_ELSE, 200) from None

    return checked


def storable(said: str) -> str:
    """A text that any database can store and any page can show: one line, no control characters, no lone surrogates.

    Each of those becomes �, so that no login becomes equal to another one.
    """
    return NOT_STORABLE.sub("\N{REPLACEMENT CHARACTER}", _SPACES.sub(" ", said))


def _text(value: Any) -> str | None:
    return None if value is None else storable(str(value))[:LONGEST_TEXT]


def _id(value: Any) -> int:
    """An id, also as text, which `canvas-string-ids` asks for. Raises OverflowError if it does not fit our columns."""
    digits = isinstance(value, str) and value.isascii() and value.isdigit()
    if not digits and type(value) is not int:
        raise TypeError
    number = int(value)
    if not 0 < number <= HIGHEST_ID:
        raise OverflowError
    return number


def _time(value: str) -> datetime:
    """A time in UTC. Raises ValueError if it has no zone."""
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError
    return moment.astimezone(UTC)


def _time_or_none(value: str | None) -> datetime | None:
    return _time(value) if value else None


def _percent(value: Any) -> float | None:
    """A number, or None. Raises OverflowError if no page could show it."""
    if value is None:
        return None
    if not abs(number := float(value)) < 1e9:
        raise OverflowError
    return number


def _count(value: Any) -> int:
    if type(value) is not int:
        raise TypeError
    if not 0 <= value < 2**31:
        raise OverflowError
    return value


@_reader
def read_user(row: dict) -> User:
    """A user, with login and SIS ID where Canvas shows them [lib/api/v1/user.rb]."""
    return _user(row)


def _user(row: dict) -> User:
    return User(
        _id(row["id"]),
        _text(row.get("name")) or "",
        _text(row.get("login_id")),
        _text(row.get("email")),
        _text(row.get("sis_user_id")),
        "login_id" in row,
        "email" in row,
        _link(row.get("confirmation_url")),
    )


def _link(said: Any) -> str | None:
    """The address, if a mail can have it as a link."""
    return said if isinstance(said, str) and _ADDRESS.fullmatch(said) else None


@_reader
def read_sign_in(row: dict) -> SignIn:
    """A provider that people sign in with [authentication_providers_controller.rb]."""
    return SignIn(_id(row["id"]), _text(row.get("auth_type")) or "")


@_reader
def read_token_end(row: dict, start: str) -> TokenEnd:
    """The end of the token that begins with these characters; unknown if the answer is about another one."""
    if not str(row.get("visible_token") or "").startswith(start):
        return TokenEnd(known=False)
    ends_at = row["expires_at"]
    return TokenEnd(known=True, at=None if ends_at is None else _time(ends_at))


@_reader
def read_account(row: dict) -> Account:
    """An account; a root account has no account above it [lib/api/v1/account.rb]."""
    is_root = row.get("parent_account_id") is None and row.get("root_account_id") is None
    return Account(_id(row["id"]), _text(row.get("name")) or "", is_root)


@_reader
def read_course(row: dict) -> Course:
    """A course, with the dates between which people may enter it: its own, else its term's [lib/api/v1/course.rb]."""
    return Course(
        _id(row["id"]),
        _text(row.get("name")) or "",
        _text(row.get("workflow_state")) or "",
        bool(row.get("concluded")),
        bool(row.get("blueprint") or row.get("template")),
        _window(row if row.get("restrict_enrollments_to_course_dates") else row.get("term") or {}),
        _text(row.get("sis_course_id")),
    )


def _window(row: dict) -> Window:
    return Window(*(_time(row[name]) if row.get(name) else None for name in ("start_at", "end_at")))


@_reader
def read_listed_course(row: dict) -> ListedCourse:
    """A course as a search lists it, with term, teachers and number of students [lib/api/v1/course.rb]."""
    students = row.get("total_students")
    return ListedCourse(
        read_course(row),
        _text(row.get("course_code")) or "",
        _text(row.get("sis_course_id")),
        _text((row.get("term") or {}).get("name")) or "",
        tuple(_text(teacher.get("display_name")) or "" for teacher in row.get("teachers") or []),
        students if type(students) is int else None,
        "blueprint" if row.get("blueprint") else "template" if row.get("template") else "",
    )


@_reader
def read_section(row: dict) -> Section:
    """A section, with its dates if it restricts people to them [lib/api/v1/section.rb]."""
    window = _window(row) if row.get("restrict_enrollments_to_section_dates") else None
    name, sis_id = _text(row.get("name")) or "", _text(row.get("sis_section_id"))
    return Section(_id(row["id"]), name, _id(row["course_id"]), window, sis_id)


@_reader
def read_enrollment(row: dict) -> Enrollment:
    """An enrollment, by whatever call Canvas shows it [lib/api/v1/user.rb, enrollment_json]."""
    user_id = _id(row["user_id"])
    return Enrollment(
        _id(row["id"]),
        user_id,
        _id(row["course_id"]),
        _id(row["course_section_id"]),
        _text(row.get("type")) or "",
        _text(row.get("enrollment_state")) or "",
        _time(row["created_at"]),
        _user({**(row.get("user") or {}), "id": user_id}),
        _time_or_none(row.get("last_activity_at")),
        _time_or_none(row.get("updated_at")),
        _scores(row.get("grades") or {}),
    )


def _scores(grades: dict) -> Scores | None:
    if "final_score" not in grades:
        return None
    return Scores(*(_percent(grades.get(f"{kind}_score")) for kind in ("current", "final", "override")))


@_reader
def read_progress(row: dict) -> Progress:
    """How far a student is in the course's modules [courses_controller.rb, bulk_user_progress]."""
    its = row["progress"]
    requirements, met = (_count(its[name]) for name in ("requirement_count", "requirement_completed_count"))
    return Progress(_id(row["id"]), requirements, met, _time_or_none(its.get("completed_at")))
