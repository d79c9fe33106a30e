"""An upgrade with real processes: the release before and this one on one database.

    python -m tests.faults.upgrade --before COMMIT --database sqlite|postgresql [--first web|worker]
    python -m tests.faults.upgrade --before COMMIT --database sqlite|postgresql --workers-stopped

COMMIT is the release before. Its wheel is built and unpacked, and its processes run from there, beside no source of
ours, with the packages of this environment. In a rolling upgrade people register and withdraw at its web process while
the tables are upgraded, this release's processes start beside the old ones, in the order asked for, and the old ones
end. In the end Canvas must have exactly who is registered.

With the workers stopped, the new worker neither enrolls nor removes again the people whom the old one has enrolled:
every change that it asks Canvas for is counted.
"""

import argparse
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from sqlalchemy import NullPool, create_engine, text

from ..databases import embedded_postgresql
from ..office_at_work import PASSWORD
from ..processes import REPOSITORY, PracticeCanvas, Process, environment, free_port, until
from ..visitor import Visitor

BEFORE = "b2a3a4b5cda943892091a5cc385581496a4433e5"
"""The release before this one, for `test_upgrade.py`."""

PEOPLE, CODES = 8, ("ART", "BIO")
EMAILS = [f"p{number}@example.org" for number in range(PEOPLE)]
PHASE_ANSWERS = 16
"""So many changes are answered between two steps of an upgrade, at least."""

MAKE_PEOPLE = """
import sys
from wsgi import app
run = app.test_cli_runner().invoke
for name in sys.argv[1:]:
    role = ["--admin"] if name == "boss" else []
    done = run(args=["ascriptica", "create-user", name + "@example.org", "--name", name, *role])
    assert done.exit_code == 0, done.output
"""
"""Each release has the command; one process for all of them takes a tenth of the time."""

WSGI = """
import sys
from pathlib import Path
from ascriptica_plugin.standalone import create_app

app = create_app()
wheel = Path(__file__).with_name("wheel")
ours = [module for name, module in sys.modules.items() if name.partition(".")[0] == "ascriptica_plugin"]
elsewhere = [module.__file__ for module in ours if not Path(module.__file__).is_relative_to(wheel)]
assert not elsewhere, f"Not of the wheel: {elsewhere}"
"""
"""The host of the release before. Each of its processes imports it, and so says where its code is from."""

USED = """
import json
import wsgi
from ascriptica_plugin.tables.columns import Base

def in_new_rows(column):
    return "left out" if column.server_default is not None else "empty" if column.nullable else "filled"

tables = Base.metadata.sorted_tables
print(json.dumps({table.name: {column.name: in_new_rows(column) for column in table.columns} for table in tables}))
"""
"""Prints the tables that a release uses, with their columns, and what it may put there when it makes a row."""


class Release:
    """The processes of one release, which run where its `wsgi.py` is."""

    def __init__(self, folder: Path, logs: Path, name: str, **its_environment: str):
        self.folder, self.logs, self.name = folder, logs, name
        self.environment = its_environment
        self.url = f"http://127.0.0.1:{free_port()}"

    def command(self, *arguments: str, **more: str) -> str:
        """The output of `flask ascriptica ...`."""
        return self.run("-m", "flask", "--app", "wsgi", "ascriptica", *arguments, **more)

    def run(self, *arguments: str, **more: str) -> str:
        """The output of python with these arguments."""
        how = {"cwd": self.folder, "env": os.environ | self.environment | more, "timeout": 240}
        done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, **how)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def web(self) -> Process:
        bind = ["--bind", self.url.removeprefix("http://"), "--threads", "4", "--no-control-socket"]
        process = self._process("web", "-m", "gunicorn", "wsgi:app", *bind, "--log-level", "warning")
        until(lambda: _answers(self.url))
        return process

    def worker(self, **more: str) -> Process:
        return self._process("worker", "-m", "flask", "--app", "wsgi", "ascriptica", "worker", **more)

    def _process(self, what: str, *arguments: str, **more: str) -> Process:
        log = self.logs / f"{self.name}-{what}.log"
        process = Process([sys.executable, *arguments], log, **self.environment, **more)
        process.folder = self.folder
        process.start()
        return process


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/healthz", timeout=2).ok
    except requests.RequestException:
        return False


def _ready_worker(new: Release) -> Process:
    """A worker of this release that has begun; the release before can't tell that."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("")
        systemd.settimeout(180)
        process = new.worker(NOTIFY_SOCKET=systemd.getsockname().decode().replace("\0", "@"))
        assert systemd.recv(100) == b"READY=1"
    return process


class Load:
    """People who register and withdraw all the time, each in a thread of their own."""

    def __init__(self, urls: list[str]):
        self.urls, self.stopped = urls, threading.Event()
        self.answers: list[int] = []
        self.threads = [threading.Thread(target=self._person, args=(email,)) for email in EMAILS]
        for thread in self.threads:
            thread.start()

    def _person(self, email: str) -> None:
        chance = random.Random(email)
        visitor = Visitor(lambda: chance.choice(self.urls))
        visitor.sign_in(email)
        while not self.stopped.wait(chance.uniform(0.1, 0.6)):
            code, what = chance.choice(CODES), chance.choice(("register", "register", "withdraw"))
            try:
                self.answers.append(visitor.post(f"/courses/{code}/{what}", page=f"/courses/{code}").status_code)
            except requests.ConnectionError:
                self.answers.append(0)

    def go_on(self, running: dict[str, Process]) -> None:
        """Wait until more changes were answered, and the workers that run have enrolled somebody."""
        logs = [process.log_file for name, process in running.items() if "worker" in name]
        many, enrolled = len(self.answers) + PHASE_ANSWERS, _enrolled(logs)
        until(lambda: len(self.answers) >= many and _enrolled(logs) > enrolled)

    def end(self) -> None:
        self.stopped.set()
        for thread in self.threads:
            thread.join()


def _enrolled(logs: list[Path]) -> int:
    return sum(log.read_text().count(": enrolled.") for log in logs)


def roll(before: Path, database_url: str, logs: Path, first: str) -> str | None:
    """Upgrade under load. Returns what is wrong in the end, None where nothing is."""
    canvas, old, new = _office_of(before, database_url, logs)
    running = {"old web": old.web(), "old worker": old.worker()}
    ids = _connect(old, canvas)
    load = Load([old.url])
    try:
        load.go_on(running)
        new.command("upgrade")
        load.go_on(running)
        for kind in ("web", "worker") if first == "web" else ("worker", "web"):
            running[f"new {kind}"] = new.web() if kind == "web" else _ready_worker(new)
            if kind == "web":
                load.urls.append(new.url)
            load.go_on(running)
            if kind == "web":
                load.urls.remove(old.url)
            running.pop(f"old {kind}").end()
            load.go_on(running)
        load.end()
        until(lambda: '"due": 0' in new.command("status", "--json"), 240)
        return _verdict(database_url, canvas, ids, load.answers)
    finally:
        load.end()
        for process in [*running.values(), canvas]:
            process.end()


def _office_of(before: Path, database_url: str, logs: Path) -> tuple[PracticeCanvas, Release, Release]:
    """A practice Canvas, and both releases on a database with the old one's tables and people."""
    canvas = PracticeCanvas(logs)
    canvas.start()
    old, new = releases(before, database_url, logs)
    old.command("upgrade")
    names = [email.partition("@")[0] for email in EMAILS]
    old.run("-c", MAKE_PEOPLE, *names, "boss", ASCRIPTICA_PASSWORD=PASSWORD)
    return canvas, old, new


def releases(before: Path, database_url: str, logs: Path) -> tuple[Release, Release]:
    """The release before, as `unpacked` left it, and this one, on one database."""
    shared = environment(database_url) | {"SECRET_KEY": "only for tests " * 3}
    old = Release(before, logs, "old", **shared, PYTHONPATH=str(before / "wheel"))
    return old, Release(REPOSITORY, logs, "new", **shared)


def stop_workers(before: Path, database_url: str, logs: Path) -> str | None:
    """Upgrade with the workers stopped and the web serving. Returns what is wrong in the end, None where nothing is."""
    canvas, old, new = _office_of(before, database_url, logs)
    running = {"canvas": canvas, "web": old.web(), "worker": old.worker()}
    try:
        ids = _connect(old, canvas)
        people = [Visitor(lambda: old.url) for _ in EMAILS]
        for one, email in zip(people, EMAILS, strict=True):
            one.sign_in(email)
        _have_a_teacher_add("p0@example.org", canvas, ids)
        # Some were never enrolled, some are out again, and the last two do something while no worker runs.
        for number, one in enumerate(people[:-1]):
            for code in CODES[: 1 + number % 2]:
                one.post(f"/courses/{code}/register", page=f"/courses/{code}")
        until(lambda: '"due": 0' in old.command("status", "--json"), 120)
        for one in people[1:5]:
            one.post("/courses/ART/withdraw", page="/courses/ART")
        until(lambda: '"due": 0' in old.command("status", "--json"), 120)
        running.pop("worker").end()
        was = canvas.look("world")["enrollments"]
        requests.delete(f"{canvas.url}/practice/calls", headers=canvas.headers, timeout=10).raise_for_status()
        people[-1].post("/courses/ART/register", page="/courses/ART")
        new.command("upgrade")
        people[-2].post("/courses/ART/withdraw", page="/courses/ART")
        running["new worker"] = new.worker()
        until(lambda: '"due": 0' in new.command("status", "--json"), 120)
        calls = [f"{call['method']} {call['path']}" for call in canvas.look("calls")["calls"]]
        new.command("recheck", "--everything")
        return _what_the_first_drain_did(calls, was, new, _verdict(database_url, canvas, ids, []))
    finally:
        for process in running.values():
            process.end()


def _have_a_teacher_add(email: str, canvas: PracticeCanvas, ids: dict[str, int]) -> None:
    """Somebody who is in a course before they register is not ours, before the upgrade and after it."""
    api, who = f"{canvas.url}/api/v1", {"headers": canvas.headers, "timeout": 10}
    made = {"user[name]": "P 0", "pseudonym[unique_id]": email, "communication_channel[address]": email}
    user = requests.post(f"{api}/accounts/{ids['account.root']}/users", data=made, **who).json()
    place = {"enrollment[user_id]": user["id"], "enrollment[type]": "StudentEnrollment"}
    place["enrollment[enrollment_state]"] = "active"
    requests.post(f"{api}/courses/{ids['course.art']}/enrollments", data=place, **who).raise_for_status()


def _what_the_first_drain_did(calls: list[str], was: list[dict], new: Release, wrong: str | None) -> str | None:
    changes = Counter(call.partition(" ")[0] for call in calls if not call.startswith("GET "))
    status = json.loads(new.command("status", "--json"))
    print(
        f"{len(was)} enrollments before. The first drain asked {len(calls)} times, of which changes: {dict(changes)}."
    )
    print(f"Status after everything was read again: {status}")
    found = {
        "in Canvas": wrong,
        # One is new to Canvas and so made there, too; one has withdrawn.
        "changes": None if changes == {"POST": 2, "DELETE": 1} else dict(changes),
        "questions": status["questions"] + status["changed_in_canvas"],
        "waiting": status["seats"]["held"] + status["seats"]["parked"] + status["seats"]["due"],
    }
    wrong_ones = {what: which for what, which in found.items() if which}
    return str(wrong_ones) if wrong_ones else None


def _connect(old: Release, canvas: PracticeCanvas) -> dict[str, int]:
    given = {"courses": {"art": {}, "bio": {}}}
    ids = requests.post(f"{canvas.url}/practice/seed", json={"given": given}, headers=canvas.headers, timeout=10).json()
    boss = Visitor(lambda: old.url)
    boss.sign_in("boss@example.org")
    boss.post(
        "/tools/settings/course-settings",
        display_canvas="y",
        canvas_url=f"{canvas.url}/api/v1",
        canvas_token=canvas.headers["Authorization"].removeprefix("Bearer "),
        canvas_root_id=str(ids["ids"]["account.root"]),
        missing_users="create",
        enroll="active",
        canvas_mail="silent",
        on_withdrawal="delete",
    )
    for code in CODES:
        canvas_course = str(ids["ids"][f"course.{code.lower()}"])
        made = boss.post("/tools/courses/new", code=code, title=code, canvas_course=canvas_course, withdrawal="")
        assert made.ok, made.text
    return ids["ids"]


def _verdict(database_url: str, canvas: PracticeCanvas, ids: dict[str, int], answers: list[int]) -> str | None:
    with create_engine(database_url, poolclass=NullPool).connect() as database:
        registered = {
            (email, code)
            for email, code in database.execute(
                text(
                    "SELECT p.email, c.code FROM ascriptica_registration r "
                    "JOIN ascriptica_participant p ON p.id = r.participant_id "
                    "JOIN ascriptica_course c ON c.id = r.course_id WHERE r.status = 'registered'"
                )
            )
        }
    world = canvas.look("world")
    logins = {user["id"]: user["login"] for user in world["users"]}
    codes = {ids[f"course.{code.lower()}"]: code for code in CODES}
    live = [
        (logins[row["user_id"]], codes[row["course_id"]])
        for row in world["enrollments"]
        if row["course_id"] in codes and row["state"] == "active" and row["type"] == "StudentEnrollment"
    ]
    refused = sorted({status for status in answers if status not in (0, 200, 503)})
    print(f"{len(answers)} changes, {len(registered)} places in the end, {answers.count(0)} met a closed door.")
    print(f"{answers.count(503)} were asked to come again in half a minute.")
    found = {
        "lost": registered - set(live),
        "left in": set(live) - registered,
        "doubled": len(live) - len(set(live)),
        "failed answers": refused,
    }
    wrong = {what: which for what, which in found.items() if which}
    return str(wrong) if wrong else None


@contextmanager
def empty_database(kind: str, folder: Path) -> Iterator[str]:
    """A database of this kind without our tables."""
    if kind == "sqlite":
        yield f"sqlite:///{folder}/office.sqlite3"
    else:
        with embedded_postgresql() as url:
            yield url


def unpacked(commit: str, folder: Path) -> Path:
    """The folder, with this commit's wheel in `wheel`, and with a `wsgi.py` that runs it."""
    source, wheel = folder / "source", folder / "wheel"
    source.mkdir(parents=True)
    archive = subprocess.run(["git", "archive", commit], cwd=REPOSITORY, capture_output=True, check=True).stdout
    subprocess.run(["tar", "x", "-C", source], input=archive, check=True)
    # By pip, since what builds a wheel then comes from where this environment's packages come from.
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, source]
    subprocess.run(build, check=True, timeout=300)
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as packed:
        packed.extractall(wheel)
    (folder / "wsgi.py").write_text(WSGI)
    return folder


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.upgrade", description=__doc__)
    parser.add_argument("--before", required=True)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), required=True)
    parser.add_argument("--first", choices=("web", "worker"), default="worker")
    parser.add_argument("--workers-stopped", action="store_true")
    asked = parser.parse_args()
    logs = Path(tempfile.mkdtemp(prefix="upgrade-"))
    before = unpacked(asked.before, logs / "before")
    with empty_database(asked.database, logs) as url:
        stopped = asked.workers_stopped
        wrong = stop_workers(before, url, logs) if stopped else roll(before, url, logs, asked.first)
    print(f"Wrong: {wrong}. The logs are in {logs}." if wrong else "Nobody was lost, left in or doubled.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
