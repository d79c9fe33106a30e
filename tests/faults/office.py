"""What people and the office do at the pages, and what the pages said about it."""

import random
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING

import requests

from ascriptica_plugin.shared import clock

from ..processes import until

if TYPE_CHECKING:
    from .stage import Stage

TOO_LATE = 0
"""The status of a page that did not answer in time."""

PLACES: dict[str, list[tuple[str, str | None]]] = {
    "ALONE": [("alone", None)],
    "SHARE-1": [("shared", None)],
    "SHARE-2": [("shared", None)],
    "GROUP-1": [("groups", "one")],
    "GROUP-2": [("groups", "two")],
    "MOVES-1": [("north", None), ("south", None), ("groups", "one")],
    "MOVES-2": [("south", "late"), ("south", None), ("shared", None), ("north", "late")],
    "CLOSES": [("closes", None)],
    "CROSSED": [("crossed", "one")],
    "DOOMED": [("south", None)],
    "CROWD": [("crowd", None)],
}
"""Our courses, and the Canvas courses and sections in which each is taught by turns."""

CODES = [code for code in PLACES if code != "CROWD"]
"""Those that people register for one by one."""

SPARES = 40


@dataclass
class Participant:
    """One person: `confirmed` is what the pages last said for each course, None where no answer came."""

    email: str
    name: str
    cookie: str = ""
    form_token: str = ""
    confirmed: dict[str, bool | None] = field(default_factory=dict)
    unsure: set[str] = field(default_factory=set)
    """The courses for which a request has stayed without an answer, and may have come later than those after it."""


Remembered = list[tuple[Participant, Participant]]
"""Everybody, each with a copy of what they were shown."""


class Office:
    """Everybody at their browsers."""

    def __init__(self, stage: "Stage"):
        self.stage = stage
        self.people: list[Participant] = []
        self.chosen: dict[str, list[Participant]] = {}
        self.newcomers: list[Participant] = []
        """People whom the office registered and Canvas did not know."""
        self.now_called: dict[str, str] = {}
        """Emails that were corrected → those that people have now."""
        self.moved_at: dict[str, datetime] = {}
        self.spares = [f"spare{number}" for number in range(SPARES)]
        self.stands: dict[str, tuple[str, str | None] | None] = {}
        self.changes = 0
        self.answers: Counter[int | None] = Counter()
        self.desk = stage.exits.enter_context(new_browser())
        self._counting, self._door = threading.Lock(), threading.Condition()
        self._inside, self._closed = 0, False

    def everybody(self) -> list[Participant]:
        """Those who have a sign-in."""
        return [*self.people, *(one for some in self.chosen.values() for one in some)]

    def emails_of(self, user: dict) -> list[str]:
        """Which of our people this Canvas user is, by their emails of today; several after a merge."""
        now = [self.now_called.get(login, login) for login in user["logins"]]
        return sorted({email for email in now if email.endswith("@example.org")})

    # -- the door -------------------------------------------------------------------------------------------------

    @contextmanager
    def _at_the_door(self) -> Iterator[None]:
        with self._door:
            self._door.wait_for(lambda: not self._closed)
            self._inside += 1
        try:
            yield
        finally:
            with self._door:
                self._inside -= 1
                self._door.notify_all()

    @contextmanager
    def closed(self) -> Iterator[None]:
        """While this lasts, nobody's request is on its way."""
        with self._door:
            self._closed = True
            self._door.wait_for(lambda: not self._inside)
        try:
            yield
        finally:
            with self._door:
                self._closed = False
                self._door.notify_all()

    def remember(self) -> Remembered:
        """What people were shown until now, for a database that comes back from a backup."""
        return [(one, deepcopy(one)) for one in self.everybody()]

    def forget_since(self, then: Remembered) -> None:
        for one, was in then:
            one.confirmed, one.unsure = deepcopy(was.confirmed), set(was.unsure)
        self.stands.clear()

    # -- forms ----------------------------------------------------------------------------------------------------

    def post(self, browser: requests.Session, who: Participant, path: str, **form: str) -> int | None:
        """Send a form; the answer's status, or None where none came."""
        return self._send(browser, who, path, form)[0]

    def _send(
        self, browser: requests.Session, who: Participant, path: str, form: dict[str, str]
    ) -> tuple[int | None, str]:
        """The answer's status, and where it leads."""
        leads_to = ""
        try:
            answer = browser.post(
                f"{self.stage.web.url}{path}",
                data={"csrf_token": who.form_token, **form},
                headers={"Cookie": f"session={who.cookie}"},
                allow_redirects=False,
                timeout=20,
            )
        except requests.Timeout:
            # It may still be done at any time.
            status = TOO_LATE
        except requests.RequestException:
            status = None
        else:
            status, leads_to = answer.status_code, answer.headers.get("Location", "")
        with self._counting:
            self.answers[status] += 1
        return status, leads_to

    def look(self, browser: requests.Session, who: Participant, path: str) -> str:
        """A page; empty where none came."""
        try:
            headers = {"Cookie": f"session={who.cookie}"}
            return browser.get(f"{self.stage.web.url}{path}", headers=headers, timeout=20).text
        except requests.RequestException:
            return ""

    # -- people ---------------------------------------------------------------------------------------------------

    def change(
        self, browser: requests.Session, rng: random.Random, people: list[Participant], code: str | None = None
    ) -> None:
        """Somebody registers or withdraws; what the page says of it is kept."""
        who, code = rng.choice(people), code or rng.choice(CODES)
        registering = not who.confirmed.get(code, False)
        with self._at_the_door():
            status = self.post(browser, who, f"/courses/{code}/{'register' if registering else 'withdraw'}")
            if status == 302:
                # It is done, by this request or by an earlier one whose answer did not come: shown either way.
                who.confirmed[code] = registering
                with self._counting:
                    self.changes += 1
            else:
                who.confirmed[code] = None
                if status == TOO_LATE:
                    who.unsure.add(code)

    def open(self, queues: int, pause: float, move_every: float) -> None:
        """Let people come, each queue with its own share of them; the office moves courses and tries again."""
        rng = self.stage.rng
        for number in range(queues):
            self.stage.run(self._serve, random.Random(rng.random()), self.people[number::queues], pause)
        self.stage.run(self._move_about, random.Random(rng.random()), move_every)
        self.stage.run(self._be_impatient)

    def _serve(self, rng: random.Random, people: list[Participant], pause: float) -> None:
        with new_browser() as browser:
            while not self.stage.ending.is_set():
                self.change(browser, rng, people)
                time.sleep(rng.uniform(0, 2 * pause))

    # -- the office -----------------------------------------------------------------------------------------------

    def move(self, code: str, canvas_course: str, section: str | None) -> bool:
        """The office associates a course of ours. Returns whether the page took it."""
        section_id = str(self.stage.ids[f"section.{canvas_course}.{section}"]) if section else ""
        course_id = str(self.stage.ids[f"course.{canvas_course}"])
        form = {"code": code, "title": f"Course {code}", "canvas_course": course_id, "canvas_section": section_id}
        with self._at_the_door():
            done = self.post(self.desk, self.itself, f"/tools/courses/{code}/edit", **form)
            if done == 303:
                self._confirm(code)
            is_so = done in (302, 303) and self._association_of(code) == f"{course_id}|{section_id}"
            # Saved as it is, nothing changes; where no answer came, nobody knows how it is.
            if self.stands.get(code) != (canvas_course, section):
                self.moved_at[code] = clock.utc_now()
            self.stands[code] = (canvas_course, section) if is_so else None
        return is_so

    def move_for_sure(self, code: str, canvas_course: str, section: str | None) -> None:
        until(lambda: self.move(code, canvas_course, section))

    def _confirm(self, code: str) -> None:
        """The office confirms what the move would do to people, once the worker has read the Canvas course.

        Where that has changed since the page was shown, the page shows it anew, or reads the Canvas course again.
        """
        path = f"/tools/courses/{code}/preview"
        for _ in range(60):
            page = self.look(self.desk, self.itself, path)
            if seen := re.search('name="seen" value="(.*?)"', page):
                number = re.search(r"Type (\d+) to confirm", page)
                form = {"seen": seen[1], "number": number[1] if number else ""}
                status, leads_to = self._send(self.desk, self.itself, path, form)
                is_shown_anew = status in (409, 422) or (status == 302 and leads_to.endswith("/preview"))
                if not is_shown_anew:
                    return
            time.sleep(0.3)

    def _association_of(self, code: str) -> str:
        page = self.look(self.desk, self.itself, f"/tools/courses/{code}/edit")
        shown = re.search('name="canvas_shown"[^>]*value="(.*?)"', page)
        return shown[1] if shown else ""

    def _move_about(self, rng: random.Random, every: float) -> None:
        moving = [code for code, places in PLACES.items() if len(places) > 1]
        while not self.stage.ending.wait(rng.uniform(0.5, 1.5) * every):
            code = rng.choice(moving)
            self.move(code, *rng.choice(PLACES[code]))

    def register_newcomer(self) -> Participant:
        """The office registers somebody whom Canvas does not know yet; in the end everybody else is known there."""
        number = len(self.newcomers)
        self.newcomers.append(made := Participant(f"new{number}@example.org", f"Newcomer {number:04}"))
        person = {"name": made.name, "email": made.email}
        with self._at_the_door():
            until(lambda: self.post(self.desk, self.itself, "/tools/courses/ALONE", **person) in (302, 422))
        return made

    def register_crowd(self, people: list[Participant]) -> None:
        """The office pastes a list of people into the course that only crowds register for."""
        form = {"people": "\n".join(f"{one.name} <{one.email}>" for one in people), "anyway": "1"}
        with self._at_the_door():
            until(lambda: self.post(self.desk, self.itself, "/tools/courses/CROWD", **form) in (302, 422))
            for one in people:
                one.confirmed["CROWD"] = True

    def correct(self, who: Participant, email: str | None = None, sis_user_id: str = "") -> bool:
        """The office corrects a participant's email or SIS ID. Returns whether the page took it."""
        with self._at_the_door():
            found = self.look(self.desk, self.itself, f"/tools/participants?q={who.email}")
            number = re.search(r'href="/tools/participants/(\d+)"', found)
            if number is None:
                return False
            facts = {"name": who.name, "email": email or who.email, "sis_user_id": sis_user_id}
            done = self.post(self.desk, self.itself, f"/tools/participants/{number[1]}", **facts) == 302
            if done and email:
                earlier = [old for old, new in self.now_called.items() if new == who.email]
                self.now_called |= dict.fromkeys([who.email, *earlier], email)
                who.email = email
            return done

    def try_again(self, browser: requests.Session) -> None:
        """The administrator's button."""
        with self._at_the_door():
            self.post(browser, self.itself, "/tools/canvas/try-again")

    def _be_impatient(self) -> None:
        with new_browser() as browser:
            while not self.stage.ending.wait(2):
                self.try_again(browser)


def new_browser() -> requests.Session:
    browser = requests.Session()
    browser.trust_env = False
    browser.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return browser
