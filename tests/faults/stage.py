"""The stage: every process for real, an office of people who are signed in, and what they were told."""

import json
import random
import re
import secrets
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.cookiejar import DefaultCookiePolicy
from itertools import count
from pathlib import Path

import requests
from flask import Flask
from itsdangerous import URLSafeTimedSerializer
from sqlalchemy import insert, select

from ascriptica_plugin.standalone.accounts import sessions
from ascriptica_plugin.standalone.accounts.tables import Account
from ascriptica_plugin.tables.canvas import Connection, load_settings
from ascriptica_plugin.tables.columns import Sealed
from ascriptica_plugin.tables.office import Course

from ..databases import embedded_postgresql, with_tables
from ..office_at_work import in_use, make_app
from ..processes import PracticeCanvas, Process, Valkey, Web, environment, until

IN = ("active", "invited", "creation_pending")
ROOT_ID = 100
SPARES = 40
CHOSEN = 6
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
    "DOOMED": [("south", None)],
}
"""Our courses, and the Canvas courses and sections in which each is taught by turns."""


@contextmanager
def a_database(kind: str, folder: Path) -> Iterator[str]:
    """The URL of an empty database with our tables: "sqlite", in this folder, or "postgresql"."""
    if kind == "sqlite":
        yield with_tables(f"sqlite:///{folder}/office.sqlite3")
    else:
        with embedded_postgresql() as url:
            yield with_tables(url)


def signed_in(app: Flask, token: str) -> tuple[str, str]:
    """The session cookie of somebody who is signed in, and the token that their forms carry."""
    raw = secrets.token_hex(20)
    content = {"_user_id": token, "_fresh": True, "csrf_token": raw}
    cookie = app.session_interface.get_signing_serializer(app).dumps(content)
    return cookie, URLSafeTimedSerializer(app.secret_key, salt="wtf-csrf-token").dumps(raw)


def utc_now() -> datetime:
    return datetime.now(UTC)


Key = tuple[str, int, int]
"""A person's email, the Canvas course, and the section in it; 0 is the default section."""


@dataclass
class Participant:
    """One person: `told` is what the pages last confirmed for each course, None where no answer came."""

    email: str
    name: str
    cookie: str
    form_token: str
    told: dict[str, bool | None] = field(default_factory=dict)
    unsure: set[str] = field(default_factory=set)
    """The courses for which a request has stayed without an answer, and may have come later than those after it."""


class Hands:
    """Somebody who works in Canvas by hand, with what they did last and when: (email, course, section) → in or out."""

    def __init__(self, stage: "Stage"):
        self.stage = stage
        self.did: dict[tuple[str, int, int], tuple[datetime, bool]] = {}
        self.made: set[int] = set()
        """Enrollments that were there before ours: no withdrawal ends them."""
        self.untouchable: set[int] = set()
        """Those of them that nobody but a hand may end, whatever the office does."""

    def call(self, method: str, path: str, **form: object) -> dict:
        """A call of the admin's, in good weather."""
        answer = self.stage.admin.request(method, f"{self.stage.canvas.url}/api/v1/{path}", data=form, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def note(self, keys: list[Key], inside: bool) -> None:
        """These people are now in or out by hand."""
        self.did |= dict.fromkeys(keys, (utc_now(), inside))


class Stage:
    """All processes, started and ended together; `database_url` has our tables, and nothing in them."""

    def __init__(self, folder: Path, database_url: str, seed: int, people: int, workers: int, speed: float = 1):
        self.folder, self.database_url = folder, database_url
        self.rng = random.Random(seed)
        self.clock_file = folder / "clock"
        self.valkey = Valkey(folder)
        self.canvas = PracticeCanvas(folder)
        self.web = Web(database_url, self.valkey.url, folder / "web.log")
        self.workers: list[Process] = []
        self.wanted_workers = workers
        self.speed = speed
        self.newcomers = count()
        self.spares = [f"spare{number}" for number in range(SPARES)]
        self.deleted_courses: list[str] = []
        self.moved_at: dict[str, datetime] = {}
        self.stands: dict[str, tuple[str, str | None] | None] = {}
        self.redis_is_away = False
        self.changes = 0
        self.answers: Counter[int | None] = Counter()
        self.ending = threading.Event()
        self._handling, self._counting = threading.Lock(), threading.Lock()
        self.exits = ExitStack()
        self.hands = Hands(self)
        self._threads: list[threading.Thread] = []
        self._people = people

    # -- processes ------------------------------------------------------------------------------------------------

    def __enter__(self) -> "Stage":
        try:
            self.app = self.exits.enter_context(in_use(make_app(self.database_url)))
            self.engine = self.app.extensions["sqlalchemy"].engine
            self.session = self.app.extensions["sqlalchemy"].session
            starting = [threading.Thread(target=one.start) for one in (self.valkey, self.canvas, self.web)]
            for thread in starting:
                thread.start()
            for thread in starting:
                thread.join()
            self.practice = self.exits.enter_context(requests.Session())
            self.admin = self.exits.enter_context(requests.Session())
            self._furnish()
            self.full_strength()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        for process in [*self.workers, self.web, self.canvas, self.valkey]:
            if process.child is not None:
                process.send(signal.SIGCONT)
                process.end(signal.SIGKILL if process is not self.web else signal.SIGTERM)
        self.exits.close()

    def start_worker(self, point: str | None = None) -> Process:
        """One more worker; `point` names where it is to kill itself."""
        options = [str(self.clock_file), str(self.speed), *([point] if point else [])]
        command = [sys.executable, "-m", "tests.faults.child", *options]
        log_file = self.folder / f"worker-{len(self.workers)}.log"
        process = Process(command, log_file, **environment(self.database_url, self.valkey.url))
        process.start()
        self.workers.append(process)
        return process

    def living_workers(self) -> list[Process]:
        return [process for process in self.workers if process.runs()]

    def without_redis(self, seconds: float) -> None:
        """Redis is gone from now on, and comes back after so many seconds."""
        self.redis_is_away = True
        self.valkey.end(signal.SIGKILL)
        self._run(self._bring_redis_back, seconds)

    def _bring_redis_back(self, seconds: float) -> None:
        self.ending.wait(seconds)
        self.valkey.start()
        self.redis_is_away = False

    def end_workers(self, number: int) -> None:
        for process in self.living_workers():
            process.end(number)

    def full_strength(self) -> None:
        """As many workers as there should be, at work."""
        while len(self.living_workers()) < self.wanted_workers:
            self.start_worker()
        for process in self.living_workers():
            began = self.folder / f"began-{process.child.pid}"
            until(lambda began=began, process=process: began.exists() or not process.runs())

    # -- the office and Canvas ------------------------------------------------------------------------------------

    def _furnish(self) -> None:
        """A Canvas with courses, half of the people and some who were there before; an office connected to it."""
        people = [(f"p{number}@example.org", f"Person {number:04}") for number in range(self._people)]
        known = {f"p{n}": {"name": name, "login": email} for n, (email, name) in enumerate(people) if n % 2}
        strangers = {f"s{n}": {"name": f"Stranger {n}", "login": f"s{n}@elsewhere.org"} for n in range(20)}
        names = {canvas for places in PLACES.values() for canvas, _ in places}
        sections = {name: {"name": name} for name in ("one", "two", "late")}
        self.ids = self.handle(
            "seed",
            given={
                "users": known | strangers,
                "courses": {name: {"name": name, "sections": sections} for name in [*sorted(names), *self.spares]},
                # In Canvas before they were known here, which no withdrawal ends.
                "enrollments": {f"before{n}": {"user": f"p{n}", "course": "alone"} for n in (1, 3)}
                | {"teacher": {"user": "p5", "course": "shared", "type": "TeacherEnrollment"}},
            },
        )["ids"]
        token = _kept_token(self.canvas.data_file)
        self.sections = {number for name, number in self.ids.items() if name.startswith("section.")}
        self.admin.headers["Authorization"] = f"Bearer {token}"
        self.hands.untouchable = {row["id"] for row in self.world()["enrollments"]}
        self.hands.made |= self.hands.untouchable
        session = self.session
        now = utc_now()
        accounts = [{"email": email, "name": name, "password_hash": "-", "is_admin": False} for email, name in people]
        accounts.append({"email": "office@example.org", "name": "The Office", "password_hash": "-", "is_admin": True})
        session.execute(insert(Account), accounts)
        plugin = self.app.extensions["ascriptica"]
        connection = Connection(
            canvas_url=f"{self.canvas.url}/api/v1",
            canvas_root_id=ROOT_ID,
            account_name="Practice University",
            token=Sealed.seal(token, plugin.canvases.keys),
            token_owner="Practice Admin",
            token_saved_at=now,
        )
        session.add_all([connection, *(Course(code=code, title=f"Course {code}") for code in PLACES)])
        session.flush()
        settings = load_settings(session)
        settings.connection_id, settings.display_canvas = connection.id, True
        session.commit()
        everybody = session.scalars(select(Account)).all()
        tokens = {account.email: sessions.begin_session(session, account, now) for account in everybody}
        session.commit()
        self.people = [Participant(email, name, *signed_in(self.app, tokens[email])) for email, name in people]
        # Some are left to the faults, which have plans with them.
        self.people, self.chosen = self.people[:-CHOSEN], self.people[-CHOSEN:]
        office = "office@example.org"
        self.office = Participant(office, "The Office", *signed_in(self.app, tokens[office]))
        self.desk = self.exits.enter_context(new_browser())
        for code, places in PLACES.items():
            assert self.move(code, *places[0]), code

    def handle(self, name: str, **content: object) -> dict:
        """Pull a handle of the practice Canvas's; waits while its process is away."""
        return self._practice("POST", name, content)

    def faults(self, *orders: dict[str, object]) -> None:
        self._practice("POST", "faults", list(orders))

    def good_weather(self) -> None:
        """No fault is left in Canvas."""
        self._practice("DELETE", "faults")
        self.handle("options", down=False, token="active", permissions=None, latency_seconds=0)

    def world(self) -> dict:
        return self._practice("GET", "world")

    def calls(self) -> int:
        return self._practice("GET", "calls")["total"]

    def _practice(self, method: str, name: str, content: object = None) -> dict:
        while True:
            try:
                with self._handling:
                    url = f"{self.canvas.url}/practice/{name}"
                    answer = self.practice.request(method, url, json=content, headers=self.canvas.headers, timeout=10)
            except requests.RequestException:
                assert self.canvas.runs() or not self.ending.is_set()
                time.sleep(0.1)
                continue
            answer.raise_for_status()
            return answer.json()

    # -- what people do -------------------------------------------------------------------------------------------

    def post(self, browser: requests.Session, who: Participant, path: str, **form: str) -> int | None:
        """Send a form; the answer's status, or None where none came."""
        try:
            answer = browser.post(
                f"{self.web.url}{path}",
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
            status = answer.status_code
        with self._counting:
            self.answers[status] += 1
        return status

    def change(self, browser: requests.Session, rng: random.Random, people: list[Participant]) -> None:
        """Somebody registers or withdraws; what the page says of it is kept."""
        who, code = rng.choice(people), rng.choice(list(PLACES))
        registering = not who.told.get(code, False)
        status = self.post(browser, who, f"/courses/{code}/{'register' if registering else 'withdraw'}")
        if status == 302:
            # Done now, or had been done by the request before whose answer did not come: told either way.
            who.told[code] = registering
            with self._counting:
                self.changes += 1
        else:
            who.told[code] = None
            if status == TOO_LATE:
                who.unsure.add(code)

    def move(self, code: str, canvas_course: str, section: str | None) -> bool:
        """The office associates a course of ours; whether the page took it."""
        section_id = str(self.ids[f"section.{canvas_course}.{section}"]) if section else ""
        form = {"code": code, "title": f"Course {code}", "canvas_course": str(self.ids[f"course.{canvas_course}"])}
        done = self.post(self.desk, self.office, f"/tools/courses/{code}/edit", **form, canvas_section=section_id)
        if done == 303:
            done = self.confirm(code)
        # Saved as it is, nothing changes; where no answer came, nobody knows how it is.
        if self.stands.get(code) != (canvas_course, section):
            self.moved_at[code] = utc_now()
        self.stands[code] = (canvas_course, section) if done == 302 else None
        return done == 302

    def confirm(self, code: str) -> int | None:
        """The office confirms what the move would do to people, once the worker has read the Canvas course."""
        path, done = f"/tools/courses/{code}/preview", None
        for _ in range(60):
            page = self.look(self.desk, self.office, path)
            if seen := re.search('name="seen" value="(.*?)"', page):
                number = re.search(r"Type (\d+) to confirm", page)
                form = {"seen": seen[1], "number": number[1] if number else ""}
                done = self.post(self.desk, self.office, path, **form)
                if done not in (409, 422):
                    break
            time.sleep(0.5)
        return done

    def look(self, browser: requests.Session, who: Participant, path: str) -> str:
        """A page; empty where none came."""
        try:
            headers = {"Cookie": f"session={who.cookie}"}
            return browser.get(f"{self.web.url}{path}", headers=headers, timeout=20).text
        except requests.RequestException:
            return ""

    def register_newcomer(self) -> None:
        """The office registers somebody whom Canvas does not know yet; in the end everybody else is known there."""
        number = next(self.newcomers)
        person = {"name": f"Newcomer {number:04}", "email": f"new{number}@example.org"}
        until(lambda: self.post(self.desk, self.office, "/tools/courses/ALONE", **person) in (302, 422), 30)

    def try_again(self, browser: requests.Session) -> None:
        """The administrator's button."""
        self.post(browser, self.office, "/tools/canvas/try-again")

    def key(self, world: dict, row: dict) -> Key | None:
        """Whose enrollment a row of the world is, by the login of a living user; None for a stranger's."""
        user = next(user for user in world["users"] if user["id"] == row["user_id"])
        email = next((login for login in user["logins"] if login.endswith("@example.org")), None)
        section_id = row["section_id"] if row["section_id"] in self.sections else 0
        return (email, row["course_id"], section_id) if email else None

    def open(self, queues: int, pause: float, move_every: float) -> None:
        """Let people come, each queue with its own share of them; the office moves courses and tries again."""
        for number in range(queues):
            self._run(self._serve, random.Random(self.rng.random()), self.people[number::queues], pause)
        self._run(self._move_about, random.Random(self.rng.random()), move_every)
        self._run(self._be_impatient)

    def _run(self, target: Callable, *args: object) -> None:
        self._threads.append(threading.Thread(target=target, args=args, daemon=True))
        self._threads[-1].start()

    def _move_about(self, rng: random.Random, every: float) -> None:
        moving = [code for code, places in PLACES.items() if len(places) > 1]
        while not self.ending.wait(rng.uniform(0.5, 1.5) * every):
            code = rng.choice(moving)
            self.move(code, *rng.choice(PLACES[code]))

    def _be_impatient(self) -> None:
        with new_browser() as browser:
            while not self.ending.wait(2):
                self.try_again(browser)

    def _serve(self, rng: random.Random, people: list[Participant], pause: float) -> None:
        with new_browser() as browser:
            while not self.ending.is_set():
                self.change(browser, rng, people)
                time.sleep(rng.uniform(0, 2 * pause))

    def close(self) -> None:
        """Nobody comes any more."""
        self.ending.set()
        for thread in self._threads:
            thread.join()

    def heal(self) -> None:
        """Everything that was broken works again."""
        self.clock_file.unlink(missing_ok=True)
        for process in (self.valkey, self.canvas):
            if not process.runs() and not (process is self.valkey and self.redis_is_away):
                process.start()
        for process in (self.valkey, self.canvas, *self.living_workers()):
            process.send(signal.SIGCONT)
        self.good_weather()
        until(self.web.serves)
        self.full_strength()


def new_browser() -> requests.Session:
    browser = requests.Session()
    browser.trust_env = False
    browser.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return browser


def _kept_token(data_file: Path) -> str:
    return json.loads(data_file.read_text())["admin_token"]
