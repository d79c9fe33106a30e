"""What Canvas answers, as small frozen dataclasses, and reading them from its JSON."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any, TypeVar

from .errors import SOMETHING_ELSE, CanvasDown

T = TypeVar("T")


@dataclass(frozen=True)
class User:
    """A Canvas user. `login_id`, `email` and `sis_user_id` are None also where the token may not see them."""

    id: int
    name: str
    login_id: str | None
    email: str | None
    sis_user_id: str | None
    shows_login: bool


@dataclass(frozen=True)
class Account:
    id: int
    name: str
    is_root: bool


@dataclass(frozen=True)
class Course:
    """`workflow_state`: available (published), claimed or created (unpublished), completed [courses_controller.rb]."""

    id: int
    name: str
    workflow_state: str
    concluded: bool

    @property
    def published(self) -> bool:
        return self.workflow_state in ("available", "completed")


@dataclass(frozen=True)
class Section:
    id: int
    name: str
    course_id: int


@dataclass(frozen=True)
class Enrollment:
    id: int
    user_id: int
    section_id: int
    type: str
    state: str
    created_at: datetime


def _reader(read: Callable[[dict], T]) -> Callable[[dict], T]:
    """A reader of rows that tells a row without what it needs by a CanvasError."""

    @wraps(read)
    def checked(row: dict) -> T:
        try:
            return read(row)
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
            raise CanvasDown(SOMETHING_ELSE, 200) from None

    return checked


def _text(value: Any) -> str | None:
    """A text of Canvas's, made to fit a database: no longer than Canvas's own limit."""
    return None if value is None else str(value)[:255]


@_reader
def read_user(row: dict) -> User:
    return User(
        int(row["id"]),
        _text(row.get("name")) or "",
        _text(row.get("login_id")),
        _text(row.get("email")),
        _text(row.get("sis_user_id")),
        "login_id" in row,
    )


@_reader
def read_account(row: dict) -> Account:
    is_root = row.get("parent_account_id") is None and row.get("root_account_id") is None
    return Account(int(row["id"]), _text(row.get("name")) or "", is_root)


@_reader
def read_course(row: dict) -> Course:
    return Course(
        int(row["id"]), _text(row.get("name")) or "", row.get("workflow_state") or "", bool(row.get("concluded"))
    )


@_reader
def read_section(row: dict) -> Section:
    return Section(int(row["id"]), _text(row.get("name")) or "", int(row["course_id"]))


@_reader
def read_enrollment(row: dict) -> Enrollment:
    return Enrollment(
        int(row["id"]),
        int(row["user_id"]),
        int(row["course_section_id"]),
        row.get("type") or "",
        row.get("enrollment_state") or "",
        datetime.fromisoformat(row["created_at"]),
    )
