"""Rows of courses, by the same rules as the course's form."""

import re
from datetime import datetime, tzinfo
from typing import Any

from ...canvas import addresses
from ...shared.language import t
from ...shared.said import Said
from ...tables.canvas import load_settings
from ...tables.office import Course
from .. import courses, names
from ..places import NotPossible
from . import times
from .file import Row
from .kind import Kind
from .times import TIMES


class Courses(Kind):
    """Rows of courses: makes those whose code is new, and changes the others."""

    about = ("code",)

    def look_up(self, rows: list[Row]) -> None:
        self.found = courses.by_code(self.session, [row.cells["code"] for row in rows], lock=not self.dry_run)
        self.connection = load_settings(self.session).connection
        self.saving: list[tuple[Course, dict[str, Any]]] = []

    def take(self, row: Row) -> str:
        course = self.found.get(row.cells["code"].lower())
        facts = _facts(row.cells, course) | _times(row.cells, course, self.timezone)
        if place := self._place(row.cells, course):
            self.brake(course, course is not None and course.places_taken > 0)
            facts["association"] = courses.to_look_up(self.connection, *place, self.now)
        if course is None:
            self._note_difference(row, Course(), {name: facts[name] for name in TIMES if name in facts})
            self.saving.append((Course(), {"code": row.cells["code"], **facts}))
            return "made"
        if not (changed := courses.changes(course, facts)):
            return "unchanged"
        self._note_difference(row, course, changed)
        self.saving.append((course, facts))
        return "changed"

    def _note_difference(self, row: Row, course: Course, facts: dict[str, Any]) -> None:
        if differing := courses.differences(course, facts, self.timezone):
            self.differences[row.line] = Said("changes", changes=differing)

    def moved(self, rows: list[Row]) -> list[Course]:
        """The courses with people in them that the rows give another Canvas course or section."""
        self.look_up(rows)
        found: dict[int, Course] = {}
        for row in rows:
            course = self.found.get(row.cells["code"].lower())
            try:
                if course is not None and course.places_taken and self._place(row.cells, course):
                    found[course.id] = course
            except (NotPossible, ValueError):
                # The row is refused for that.
                continue
        return list(found.values())

    def write(self) -> None:
        for course, facts in self.saving:
            courses.save(self.session, course, self.now, self.by, by_import=True, **facts)

    def _place(self, cells: dict[str, str], course: Course | None) -> tuple[str, str] | None:
        """The new Canvas course and section; None leaves the association as it is."""
        now = course.association if course else None
        typed, section = cells.get("canvas_course", ""), cells.get("canvas_section", "")
        canvas_url = self.connection.canvas_url if self.connection else None
        if typed:
            typed = addresses.canvas_course(typed, canvas_url)
        elif section and now is None:
            raise NotPossible(t("Name the Canvas course that the section belongs to."))
        if section:
            section = addresses.canvas_section(section, canvas_url)
        if max(len(typed), len(section)) > 300:
            raise NotPossible(t("That is too long for a Canvas course or section."))
        if now is None:
            return (typed, section) if typed else None
        wanted = typed or now.canvas_course
        if wanted == now.canvas_course:
            section = section or now.canvas_section
        is_here = now.connection_id == (self.connection.id if self.connection else None)
        same = (wanted, section) == (now.canvas_course, now.canvas_section)
        return None if same and (is_here or not typed) else (wanted, section)


def _facts(cells: dict[str, str], course: Course | None) -> dict[str, Any]:
    """The columns of Course that the row gives. Raises NotPossible."""
    code, title, capacity = cells["code"], cells.get("title", ""), cells.get("capacity", "")
    if len(code) > 40 or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", code):
        raise NotPossible(t("A code has 1 to 40 letters, digits, dots, dashes and underscores."))
    if course is None and not title:
        raise NotPossible(t("A new course needs a title."))
    if len(title) > 255:
        raise NotPossible(t("Keep the title to 255 characters."))
    if title and not names.shows(title):
        raise NotPossible(t("Give the course a visible title."))
    facts: dict[str, Any] = {"title": title} if title else {}
    if capacity:
        if not re.fullmatch("[0-9]{1,7}", capacity) or int(capacity) > 1_000_000:
            raise NotPossible(t("The capacity has to be a whole number, or blank."))
        facts["capacity"] = int(capacity)
        if course is not None and facts["capacity"] < course.places_taken:
            raise NotPossible(
                t(
                    "{registered} people are registered, more than {capacity}.",
                    registered=course.places_taken,
                    capacity=capacity,
                )
            )
    return facts


def _times(cells: dict[str, str], course: Course | None, timezone: tzinfo) -> dict[str, datetime]:
    """The times that the row gives, past or future. A time without an offset is in `timezone`. Raises NotPossible."""
    given = {name: times.read(name, typed, timezone) for name in TIMES if (typed := cells.get(name, ""))}
    for first, last, problem in (
        ("starts_at", "ends_at", t("The course can't end before it starts.")),
        ("registration_opens_at", "registration_closes_at", t("Registration can't close before it opens.")),
    ):
        begins, ends = (given.get(name) or getattr(course, name, None) for name in (first, last))
        if begins and ends and ends < begins and {first, last} & given.keys():
            raise NotPossible(problem)
    return given
