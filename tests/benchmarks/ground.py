"""What the benchmarks stand on: both databases, a practice Canvas in a process of its own, an office with many people.

Figures are reported as ratios and counts wherever they can be, both sides measured in the same run: a time alone says
more about the machine than about us.
"""

import logging
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path

import flask
import requests
from flask_wtf.csrf import generate_csrf
from sqlalchemy import Engine, func, insert, select, text, update

from ascriptica_plugin.standalone.accounts import sessions
from ascriptica_plugin.standalone.accounts.tables import Account
from ascriptica_plugin.tables.ledger import Claim, Seat
from ascriptica_plugin.tables.office import Association, Course, Participant, Registration
from ascriptica_plugin.tables.upgrade import upgrade_tables

from ..databases import a_postgresql
from ..office_at_work import Office, in_use, make_app
from ..practice_canvas import Practice
from ..processes import Valkey, until, worker

# A drain's reports are formatted as in a worker, and written nowhere.
logging.basicConfig(level=logging.INFO, filename=os.devnull, force=True)

REPOSITORY = Path(__file__).parents[2]
COURSE = "ART"


def report(line: str) -> None:
    """Print a line of the result at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


# -- databases --------------------------------------------------------------------------------------------------------


@contextmanager
def databases() -> Iterator[dict[str, str]]:
    """An empty database of each kind with our tables, by its name."""
    with tempfile.TemporaryDirectory() as folder, a_postgresql("ascriptica_benchmark") as postgresql_url:
        urls = {"SQLite": f"sqlite:///{folder}/office.sqlite3", "PostgreSQL": postgresql_url}
        for url in urls.values():
            with in_use(make_app(url)) as app:
                # The tests' server does not make commits durable; here the time for that counts.
                keep_what_is_committed(app.extensions["sqlalchemy"].engine)
                upgrade_tables(app)
        yield urls


def keep_what_is_committed(engine: Engine) -> None:
    """Make the tests' PostgreSQL keep commits through a power cut, as a real one does."""
    if engine.dialect.name != "postgresql":
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for name in ("fsync", "full_page_writes"):
            connection.execute(text(f"ALTER SYSTEM RESET {name}"))
        connection.execute(text("SELECT pg_reload_conf()"))


# -- Canvas -----------------------------------------------------------------------------------------------------------


@contextmanager
def practice_canvas(users: int = 0) -> Iterator[Practice]:
    """A practice Canvas with the course `art` and that many users, whose SIS IDs are S-1, S-2 and so on."""
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "ascriptica", "practice-canvas", "--port", "0"]
    child = subprocess.Popen(command, cwd=REPOSITORY, env=environment(), stdout=subprocess.PIPE, text=True)
    try:
        printed = dict(line.rsplit(maxsplit=1) for line in (child.stdout.readline() for _ in range(4)))
        url, token = (next(printed[key] for key in printed if key.startswith(name)) for name in ("URL", "Token"))
        with requests.Session() as session, requests.Session() as admin:
            admin.headers["Authorization"] = f"Bearer {token}"
            canvas = Practice(url.removesuffix("/api/v1"), token, session, admin)
            people = range(1, users + 1)
            seed = {f"u{n}": {"name": f"P{n}", "login": email(n), "sis_user_id": f"S-{n}"} for n in people}
            answer = session.post(
                f"{canvas.url}/practice/seed",
                json={"given": {"users": seed, "courses": {"art": {"name": "Art"}}}},
                timeout=120,
            )
            canvas.ids = answer.json()["ids"]
            yield canvas
    finally:
        child.terminate()
        child.communicate()


@dataclass
class QuickCanvas(Practice):
    """`quick` in a process of its own, with the practice Canvas's methods as far as it has them."""

    def calls(self) -> list[str]:
        """It keeps no list."""
        return []

    def latency(self, seconds: float) -> None:
        self.session.post(f"{self.url}/latency/{seconds}", timeout=10).raise_for_status()

    def counts(self) -> dict[str, int]:
        """How many calls came since the last look, and how many were in flight at once."""
        return self.session.get(f"{self.url}/calls", timeout=10).json()

    def enrolled(self) -> dict[str, float]:
        """When each person was first enrolled, by their numbers."""
        return self.session.get(f"{self.url}/enrolled", timeout=10).json()

    def flight(self) -> list[tuple[float, int]]:
        """How many calls were in flight since when, at the latest 10,000 changes."""
        return self.session.get(f"{self.url}/flight", timeout=10).json()


@contextmanager
def quick_canvas() -> Iterator[QuickCanvas]:
    """A Canvas whose calls take exactly the time that is set."""
    command = [sys.executable, "-m", "tests.benchmarks.quick"]
    child = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    try:
        url = f"http://127.0.0.1:{child.stdout.readline().strip()}"
        with requests.Session() as session:
            yield QuickCanvas(url, "a token", session, session, {"account.root": 1, "course.art": 42})
    finally:
        child.terminate()
        child.communicate()


def email(number: int) -> str:
    return f"p{number}@example.org"


def environment(**more: str) -> dict[str, str]:
    """The environment of a child process, with the tests' secret."""
    return {**os.environ, "ASCRIPTICA_ALLOW_PRIVATE_CANVAS": "1", **more}


# -- our processes ----------------------------------------------------------------------------------------------------


@contextmanager
def a_valkey() -> Iterator[Valkey]:
    """A Valkey of the run's own."""
    with tempfile.TemporaryDirectory(prefix="valkey-") as folder:
        server = Valkey(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.send(signal.SIGCONT)
            server.end(signal.SIGKILL)


@contextmanager
def a_worker(url: str, redis_url: str = "") -> Iterator[subprocess.Popen]:
    """`flask ascriptica worker` on this database and Redis; nobody reads what it logs, so it goes nowhere."""
    process = worker(url, redis_url)
    child = subprocess.Popen(process.arguments, cwd=REPOSITORY, env=process.environment, stderr=subprocess.DEVNULL)
    try:
        yield child
    finally:
        child.terminate()
        child.wait()


@contextmanager
def a_website(url: str, redis_url: str = "", workers: int = 2) -> Iterator[tuple[str, subprocess.Popen]]:
    """The web processes under gunicorn, as the README has them; their address and the first of them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    options = f"--worker-class gthread --workers {workers} --threads 4 --no-control-socket --log-level error"
    command = [sys.executable, "-m", "gunicorn", "wsgi:app", *options.split(), "--bind", address]
    environs = environment(DATABASE_URL=url, REDIS_URL=redis_url)
    child = subprocess.Popen(command, cwd=REPOSITORY, env=environs, stderr=subprocess.DEVNULL)
    try:
        until(lambda: _serves(f"http://{address}/healthz"))
        yield f"http://{address}", child
    finally:
        child.terminate()
        child.wait()


def _serves(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).status_code == 200
    except requests.RequestException:
        return False


def accounts(office: Office, count: int) -> list[dict[str, dict[str, str]]]:
    """Sign-ins for so many people; for each the cookie and the form fields of somebody who is signed in already."""
    session, app = office.session, office.app
    session.execute(
        insert(Account.__table__),
        [{"email": email(n), "name": f"P{n}", "password_hash": "none", "is_admin": False} for n in range(1, count + 1)],
    )
    session.commit()
    with app.test_request_context():
        field, secret = generate_csrf(), flask.session["csrf_token"]
    people = []
    for account in session.scalars(select(Account).order_by(Account.id)).all():
        token = sessions.begin_session(session, account, office.now)
        client = app.test_client()
        with client.session_transaction() as cookie:
            cookie.update(_user_id=token, _fresh=True, csrf_token=secret)
        cookie = f"session={client.get_cookie('session').value}"
        people.append({"headers": {"Cookie": cookie}, "data": {"csrf_token": field}})
    session.commit()
    return people


def browser() -> requests.Session:
    """Connections for many people: it keeps no cookie of its own."""
    web = requests.Session()
    web.trust_env = False
    web.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return web


# -- the office -------------------------------------------------------------------------------------------------------


@contextmanager
def an_office(url: str, canvas: Practice, seats: int = 0, **config: object) -> Iterator[Office]:
    """An office connected to the Canvas, with a course associated and that many known people's seats due."""
    with in_use(make_app(url, **config)) as app:
        office = Office(app, canvas)
        office.connect()
        if office.session.scalar(select(func.count()).select_from(Course)) == 0:
            office.course(COURSE, "art")
        add_due_seats(office, seats)
        yield office


def add_due_seats(office: Office, count: int) -> None:
    """Register people in batches of a thousand; Canvas knows them by their SIS IDs."""
    session = office.session
    places = select(Association.course_id, Association.canvas_course_id, Association.connection_id)
    [course_id, canvas_course_id, connection_id] = session.execute(places.order_by(Association.course_id)).first()
    first = (session.scalar(select(func.max(Seat.id))) or 0) + 1
    for start in range(first, first + count, 10_000):
        numbers = range(start, min(start + 10_000, first + count))
        _put(session, Participant, [
            {"id": n, "email": email(n), "name": f"P{n}", "sis_user_id": f"S-{n}"} for n in numbers
        ])  # fmt: skip
        _put(session, Registration, [
            {"id": n, "course_id": course_id, "participant_id": n, "status": "registered",
             "registered_at": office.now} for n in numbers
        ])  # fmt: skip
        _put(session, Seat, [
            {"id": n, "connection_id": connection_id, "participant_id": n, "canvas_course_id": canvas_course_id,
             "changed_at": office.now} for n in numbers
        ])  # fmt: skip
        _put(session, Claim, [
            {"registration_id": n, "seat_id": n, "made_at": office.now} for n in numbers
        ])  # fmt: skip
    more = {"places_taken": Course.places_taken + count, "capacity": None}
    session.execute(update(Course).where(Course.id == course_id).values(**more))
    session.commit()


def _put(session, model: type, rows: list[dict]) -> None:
    if rows:
        session.execute(insert(model.__table__), rows)


# -- meters -----------------------------------------------------------------------------------------------------------


@dataclass
class Meter:
    """The time spent inside a `with`: seconds of wall time, and of this process's CPU with its ended children's."""

    wall: float = 0
    cpu: float = 0

    def __enter__(self) -> "Meter":
        self.wall, self.cpu = time.monotonic(), _cpu()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall, self.cpu = time.monotonic() - self.wall, _cpu() - self.cpu


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
