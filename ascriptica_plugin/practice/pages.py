"""The pages for people: who is in which course, and the latest calls. Every page says that this is not Canvas."""

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Flask, Response, abort, render_template
from werkzeug.exceptions import HTTPException

from .records import Course, Enrollment
from .traffic import Traffic
from .world import World

ROWS_AT_ONCE = 50
CALLS_AT_ONCE = 30
COURSE_STATES = {
    "available": "published",
    "claimed": "unpublished",
    "created": "unpublished",
    "completed": "concluded",
    "deleted": "deleted",
}


@dataclass
class Person:
    """A row of a roster, in words. `gone`: the person is not in the course any more."""

    enrollment_id: int
    name: str
    login: str
    role: str
    section: str
    state: str
    gone: bool
    since: str


@dataclass
class Roster:
    """The people of a course as its page lists them. `hidden` is how many others it doesn't list."""

    course: Course
    state: str
    people: list[Person]
    hidden: int


def mount(app: Flask, world: World, traffic: Traffic) -> None:
    """Add the pages to the app, at the addresses of Canvas's own pages."""
    pages = Blueprint("pages", __name__)

    @pages.get("/")
    @pages.get("/accounts/<int:account_id>")
    @pages.get("/accounts/<int:account_id>/<path:anything>")
    def home(account_id: int | None = None, anything: str = "") -> str:
        return _page("home.html", rosters(world))

    @pages.get("/courses/<int:course_id>")
    @pages.get("/courses/<int:course_id>/<path:anything>")
    def course(course_id: int, anything: str = "") -> str:
        with world.lock:
            if course_id not in world.courses:
                abort(404)
            roster = _roster(world, world.courses[course_id], 20 * ROWS_AT_ONCE)
        return _page("course.html", [roster])

    def _page(template: str, shown: list[Roster]) -> str:
        university = world.accounts[world.root_account_id]
        return render_template("practice/" + template, rosters=shown, university=university, **recent_calls(traffic))

    @app.after_request
    def protect(response: Response) -> Response:
        # Names come from callers of the API, so no inline script may run here.
        response.headers["Content-Security-Policy"] = "default-src 'self'; frame-ancestors 'none'"
        return response

    app.register_blueprint(pages)


def rosters(world: World) -> list[Roster]:
    """The courses with the people in them, each with the latest changes."""
    with world.lock:
        return [_roster(world, course, ROWS_AT_ONCE) for course in world.courses.values()]


def recent_calls(traffic: Traffic) -> dict[str, Any]:
    """The latest `calls`, newest first, and how many there were in `total`."""
    calls = traffic.calls.listed()
    return {"calls": calls["calls"][: -CALLS_AT_ONCE - 1 : -1], "total": calls["total"]}


def failure(error: Exception) -> tuple[str, int]:
    """The page for an HTTP error, such as 404; other errors are raised again."""
    if not isinstance(error, HTTPException):
        raise error
    return render_template("practice/failure.html", error=error), error.code or 500


def _roster(world: World, course: Course, most: int) -> Roster:
    rows = world.rows_of(course_id=course.id)
    rows.sort(key=lambda row: (row.updated_at, row.id), reverse=True)
    people = [_person(world, row) for row in rows[:most]]
    return Roster(course, COURSE_STATES[course.workflow_state], people, max(0, len(rows) - most))


def _person(world: World, row: Enrollment) -> Person:
    user, section = world.users[row.user_id], world.sections[row.course_section_id]
    login = world.login_of(user)
    return Person(
        row.id,
        user.name or "(no name)",
        login.unique_id if login else "none",
        row.type.removesuffix("Enrollment"),
        section.name,
        row.workflow_state,
        row.workflow_state in ("deleted", "rejected"),
        row.updated_at,
    )
