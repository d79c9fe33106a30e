"""What all of Canvas's rules share: the ways to refuse a request, and the caller's rights."""

from typing import Any

from .records import Course, Token

TRUE_WORDS = {"true", "1", "yes", "on", "t", "y"}


class NotFound(Exception):
    """Canvas never says which record is missing."""


class Denied(Exception):
    """The token is valid, but its owner may not do this."""


class Refused(Exception):
    """The request can't be carried out; Canvas answers `body`."""

    def __init__(self, body: Any, status: int = 400) -> None:
        super().__init__(body)
        self.body, self.status = body, status


def may(caller: Token, *permissions: str, course: Course | None = None) -> bool:
    """Whether the caller has one of the permissions, in that course if one is given."""
    lacking = caller.lacking.get(str(course.id), ()) if course and caller.lacking else ()
    return any(name in caller.permissions and name not in lacking for name in permissions)


def require(caller: Token, *permissions: str, course: Course | None = None) -> None:
    """Raises Denied unless the caller has one of the permissions, in the course where one is given."""
    if not may(caller, *permissions, course=course):
        raise Denied


def is_true(value: str | None) -> bool:
    """Whether Canvas takes the text for true (lib/canvas/plugin.rb, value_to_boolean)."""
    return (value or "").strip().lower() in TRUE_WORDS


def checked_term(term: str) -> str:
    """A search term in lower case. Raises Refused if it is too short (lib/search_term_helper.rb)."""
    if len(term.strip()) < 2:
        message = "2 or more characters is required"
        raise Refused({"errors": [{"field": "search_term", "code": "invalid", "message": message}]})
    return term.strip().lower()
