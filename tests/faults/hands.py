"""Somebody who works in Canvas by hand, and what Canvas has in the end."""

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from ascriptica_plugin.shared import clock

if TYPE_CHECKING:
    from .stage import Stage

IN = ("active", "invited", "creation_pending")

Key = tuple[str, int, int]
"""A person's email, the Canvas course, and the section in it; 0 is the default section."""


@dataclass
class Memory:
    """What hands did last and when: (email, course, section) → in or out.

    `made`: enrollments that were there before ours, so no withdrawal ends them; `untouchable`: those of them that only
    a hand may end. `deleted_courses` by name.
    """

    did: dict[Key, tuple[datetime, bool]] = field(default_factory=dict)
    made: set[int] = field(default_factory=set)
    untouchable: set[int] = field(default_factory=set)
    deleted_courses: list[str] = field(default_factory=list)


class Hands:
    """A teacher or administrator in Canvas."""

    def __init__(self, stage: "Stage"):
        self.stage, self.memory = stage, Memory()

    def begin(self) -> None:
        """Whatever is in Canvas now was there before us."""
        self.sections = {number for name, number in self.stage.ids.items() if name.startswith("section.")}
        self.memory.untouchable = {row["id"] for row in self.stage.world()["enrollments"]}
        self.memory.made |= self.memory.untouchable

    def remember(self) -> Memory:
        """A copy of what was done until now, for a Canvas that comes back from a backup."""
        return deepcopy(self.memory)

    def call(self, method: str, path: str, **form: object) -> dict:
        """A call by the admin, which no fault disturbs."""
        answer = self.try_to(method, path, **form)
        answer.raise_for_status()
        return answer.json()

    def try_to(self, method: str, path: str, **form: object):
        """The same, which Canvas may refuse."""
        return self.stage.admin.request(method, f"{self.stage.canvas.url}/api/v1/{path}", data=form, timeout=10)

    def note(self, keys: Iterable[Key | None], inside: bool) -> None:
        """These people are now in or out by hand."""
        self.memory.did |= dict.fromkeys([key for key in keys if key], (clock.utc_now(), inside))

    def enroll(self, user_id: int, course: str, section_id: int | None = None, kind: str = "StudentEnrollment") -> dict:
        """Add somebody. A person who was not there before is there by hand from now on."""
        before = {row["id"] for row in self.stage.world()["enrollments"]}
        how = {"user_id": user_id, "type": kind, "enrollment_state": "active"}
        how |= {"course_section_id": section_id} if section_id else {}
        form = {f"enrollment[{name}]": value for name, value in how.items()}
        row = self.call("POST", f"courses/{self.stage.ids[f'course.{course}']}/enrollments", **form)
        if row["id"] not in before:
            self.memory.made.add(row["id"])
        return row

    def add(self, user_id: int, course: str, section_id: int | None = None) -> None:
        """Add one of our people."""
        row = self.enroll(user_id, course, section_id)
        world = self.stage.world()
        self.note([self.key(world, one) for one in world["enrollments"] if one["id"] == row["id"]], True)

    def end(self, world: dict, row: dict, task: str = "delete") -> None:
        """Take one of our people out."""
        if self.try_to("DELETE", f"courses/{row['course_id']}/enrollments/{row['id']}", task=task).ok:
            self.note([self.key(world, row)], False)

    def ours(self, world: dict) -> list[dict]:
        """The living enrollments of the office's people which a hand may touch."""
        rows = [row for row in world["enrollments"] if row["state"] in IN and row["type"] == "StudentEnrollment"]
        return [row for row in rows if row["id"] not in self.memory.untouchable and self.key(world, row)]

    def make_user(self, name: str, login: str) -> dict:
        return self.call("POST", "accounts/self/users", **_new_user(name, login))

    def user_of(self, email: str) -> dict:
        """The Canvas user with that login; made by hand where there is none yet."""
        for user in self.stage.world()["users"]:
            if email in user["logins"]:
                return user
        answer = self.try_to("POST", "accounts/self/users", **_new_user(f"{email} by hand", email))
        # Somebody may have been faster.
        assert answer.ok or answer.status_code == 400, answer.text
        return self.user_of(email)

    def key(self, world: dict, row: dict) -> Key | None:
        """Whose enrollment a row of the world is, by the logins of its user; None for a stranger's."""
        user = next(user for user in world["users"] if user["id"] == row["user_id"])
        emails = self.stage.office.emails_of(user)
        return (emails[0], row["course_id"], self.section(row["section_id"])) if emails else None

    def section(self, section_id: int) -> int:
        """0 for a default section."""
        return section_id if section_id in self.sections else 0


def _new_user(name: str, login: str) -> dict[str, str]:
    return {"user[name]": name, "pseudonym[unique_id]": login, "user[skip_registration]": "true"}
