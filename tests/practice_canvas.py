"""The practice Canvas over a socket, as tests arrange it and look into it."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from ascriptica_plugin.practice import create_practice_canvas, serve


@dataclass
class Practice:
    """A practice Canvas on a real socket. `session` carries no credentials, `admin` the admin's token."""

    url: str
    token: str
    session: requests.Session
    admin: requests.Session
    ids: dict[str, int] = field(default_factory=dict)

    @property
    def api(self) -> str:
        return f"{self.url}/api/v1"

    def seed(self, **given: object) -> dict[str, int]:
        """Make a new world, and set everything else as at the start. Returns the ids of what was made."""
        self.ids = self.session.post(f"{self.url}/practice/seed", json={"given": given}, timeout=10).json()["ids"]
        self.session.delete(f"{self.url}/practice/faults", timeout=10)
        self.session.delete(f"{self.url}/practice/calls", timeout=10)
        return self.ids

    def options(self, **options: object) -> dict[str, object]:
        answer = self.session.post(f"{self.url}/practice/options", json=options, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def faults(self, *faults: dict[str, object]) -> None:
        self.session.post(f"{self.url}/practice/faults", json=list(faults), timeout=10).raise_for_status()

    def read(self, handle: str) -> dict:
        return self.session.get(f"{self.url}/practice/{handle}", timeout=10).json()

    def calls(self) -> list[str]:
        """The calls since the last look, as METHOD and path."""
        made = [f"{call['method']} {call['path']}" for call in self.read("calls")["calls"]]
        self.session.delete(f"{self.url}/practice/calls", timeout=10)
        return made

    def roster(self, course: str) -> dict[str, str]:
        """login → state of every student row of the course NAME, deleted ones included."""
        world = self.read("world")
        logins = {user["id"]: user["login"] for user in world["users"]}
        return {
            logins[row["user_id"]]: row["state"]
            for row in world["enrollments"]
            if row["course_id"] == self.ids[f"course.{course}"] and row["type"] == "StudentEnrollment"
        }

    def rows(self) -> list[tuple[str, str, int, str, str]]:
        """(login, course NAME, id, Student or Teacher .., state) of every enrollment, in that order."""
        world = self.read("world")
        logins = {user["id"]: str(user["login"]) for user in world["users"]}
        names = {
            number: name.removeprefix("course.") for name, number in self.ids.items() if name.startswith("course.")
        }
        return sorted(
            (
                logins[row["user_id"]],
                names.get(row["course_id"], "?"),
                row["id"],
                row["type"].removesuffix("Enrollment"),
                row["state"],
            )
            for row in world["enrollments"]
        )

    def who_is_in(self, course: str) -> set[str]:
        """The logins of those with an active enrollment as a student in the course NAME."""
        return {
            login for login, name, _, kind, state in self.rows() if (name, kind, state) == (course, "Student", "active")
        }

    def hand(self, method: str, path: str, **form: object) -> Any:
        """What a person does in Canvas: the answer to METHOD and PATH (after /api/v1/). It is not counted in calls(),
        meets no fault, and may do everything. Raises HTTPError for an answer that is not 200."""
        answer = self.admin.request(
            method, f"{self.api}/{path}", data=form, headers={"Practice-Hand": "yes"}, timeout=10
        )
        answer.raise_for_status()
        return answer.json()

    def by_hand(self, user: str, course: str, **enrollment: object) -> dict[str, Any]:
        """A person enrolls the user NAME, or a user by a form of id, in the course NAME; active unless it is said."""
        form = {"user_id": self.ids.get(f"user.{user}", user), "enrollment_state": "active", **enrollment}
        fields = {f"enrollment[{name}]": value for name, value in form.items()}
        return self.hand("POST", f"courses/{self.ids[f'course.{course}']}/enrollments", **fields)

    def by_hand_before(self, user: str, course: str, **enrollment: object) -> dict[str, Any]:
        """As `by_hand`, an hour ago."""
        self.options(clock_offset_seconds=-3600)
        made = self.by_hand(user, course, **enrollment)
        self.options(clock_offset_seconds=0)
        return made

    def merge(self, source: str, target: str) -> None:
        """A person merges the user NAME into another."""
        self.hand("PUT", f"users/{self.ids[f'user.{source}']}/merge_into/{self.ids[f'user.{target}']}")

    def crosslist(self, section: str, course: str) -> None:
        """A person cross-lists the section COURSE.NAME to the course NAME."""
        self.hand("POST", f"sections/{self.ids[f'section.{section}']}/crosslist/{self.ids[f'course.{course}']}")

    def change_state(self, row_id: int, state: str) -> None:
        """Change an enrollment's state, also as no call of Canvas's API can, such as to `rejected`."""
        self._order(f"enrollments/{row_id}", state=state)

    def was_active(self, row_id: int, at: datetime) -> None:
        """The person of an enrollment did something in the course."""
        self._order(f"enrollments/{row_id}", last_activity_at=at.isoformat())

    def snapshot(self) -> None:
        """Back the whole world up, for restore(); options and faults are no part of it."""
        self._order("snapshot")

    def restore(self) -> None:
        """Put the world back as it was at the snapshot; ids are given out again."""
        self._order("restore")

    def developer_key(self, *redirect_uris: str, **fields: object) -> dict[str, str]:
        """A new developer key: its `client_id` and `client_secret`. `fields`: those of practice/records.py."""
        order = {"redirect_uris": redirect_uris, **fields}
        return self.session.post(f"{self.url}/practice/developer-keys", json=order, timeout=10).json()

    def change_key(self, key: dict[str, str], **fields: object) -> None:
        """Change a developer key, or with `revoke` end its tokens."""
        self._order(f"developer-keys/{key['client_id']}", **fields)

    def approve(self, key: dict[str, str], back: str, *, refuse: bool = False, **query: str) -> dict[str, str]:
        """The admin's browser approves the key on Canvas's page, or refuses: what it brings back to our address."""
        form = {"client_id": key["client_id"], "redirect_uri": back, **query, "refuse" if refuse else "approve": "1"}
        answer = self.session.post(f"{self.url}/login/oauth2/accept", data=form, allow_redirects=False, timeout=10)
        return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}

    def _order(self, order: str, **values: object) -> None:
        self.session.post(f"{self.url}/practice/{order}", json=values, timeout=30).raise_for_status()


@pytest.fixture(scope="session")
def practice() -> Iterator[Practice]:
    app = create_practice_canvas()
    server = serve(app, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    token = app.extensions["practice"].admin_token
    with requests.Session() as session, requests.Session() as admin:
        admin.headers["Authorization"] = f"Bearer {token}"
        yield Practice(f"http://127.0.0.1:{server.port}", token, session, admin)
    server.shutdown()
    thread.join()


@pytest.fixture
def canvas(practice: Practice) -> Practice:
    """The practice Canvas with courses `art`, `bio` and the blueprint `blue`, and two users that the office does not
    know yet."""
    practice.seed(
        users={
            "kim": {"name": "Kim Lee", "login": "kim@example.org", "sis_user_id": "K-100"},
            "lou": {"name": "Lou Berg", "login": "lou@example.org"},
        },
        courses={
            "art": {"name": "Art", "sis_course_id": "ART-1", "sections": {"late": {"name": "Late group"}}},
            "bio": {"name": "Biology", "sis_course_id": "BIO-1"},
            "blue": {"name": "Blueprint", "blueprint": True},
        },
    )
    practice.options(
        latency_seconds=0, down=False, denied_status=403, token="active", permissions=None, clock_offset_seconds=0
    )
    return practice


def posts(calls):
    return [call for call in calls if call.startswith(("POST", "DELETE", "PUT"))]


def enroll_by_hand(canvas, user, course, **enrollment):
    made = canvas.by_hand(user, course, **enrollment)
    canvas.calls()
    return made
