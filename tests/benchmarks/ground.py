"""What the benchmarks stand on: both databases, a practice Canvas in a process of its own, an office with many people.

Figures are told as ratios and counts wherever they can be, both sides measured in the same run: a time alone says
more about the machine than about us.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
from sqlalchemy import Engine, func, insert, select, text, update

from ascriptica_plugin.cli import upgrade_tables
from ascriptica_plugin.models import Association, Claim, Course, Participant, Registration, Seat

from ..conftest import Office, Practice, a_postgresql, in_use, make_app

REPOSITORY = Path(__file__).parents[2]
COURSE = "ART"


# -- databases --------------------------------------------------------------------------------------------------------


@contextmanager
def databases() -> Iterator[dict[str, str]]:
    """An empty database of each kind with our tables, by its name."""
    with tempfile.TemporaryDirectory() as folder, a_postgresql("ascriptica_benchmark") as postgresql_url:
        urls = {"SQLite": f"sqlite:///{folder}/office.sqlite3", "PostgreSQL": postgresql_url}
        for url in urls.values():
            with in_use(make_app(url)) as app:
                # The tests' server does without what makes a commit last; here it counts.
                _keep_what_is_committed(app.extensions["sqlalchemy"].engine)
                upgrade_tables(app)
        yield urls


def _keep_what_is_committed(engine: Engine) -> None:
    if engine.dialect.name != "postgresql":
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(text(f"ALTER SYSTEM RESET {name}"))
        connection.execute(text("SELECT pg_reload_conf()"))


# -- Canvas -----------------------------------------------------------------------------------------------------------


@contextmanager
def practice_canvas(users: int = 0) -> Iterator[Practice]:
    """A practice Canvas with the course `art` and that many users, whose SIS IDs are S-1, S-2 and so on."""
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "ascriptica", "practice-canvas", "--port", "0"]
    child = subprocess.Popen(command, cwd=REPOSITORY, env=environment(), stdout=subprocess.PIPE, text=True)
    try:
        told = dict(line.rsplit(maxsplit=1) for line in (child.stdout.readline() for _ in range(4)))
        url, token = (next(told[key] for key in told if key.startswith(name)) for name in ("URL", "Token"))
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


def email(number: int) -> str:
    return f"p{number}@example.org"


def environment(**more: str) -> dict[str, str]:
    """Of a child process, which knows the tests' secret."""
    return {**os.environ, "ASCRIPTICA_ALLOW_PRIVATE_CANVAS": "1", **more}


# -- the office -------------------------------------------------------------------------------------------------------


@contextmanager
def an_office(url: str, canvas: Practice, seats: int = 0, **config: object) -> Iterator[Office]:
    """An office connected to the Canvas, with a course associated and that many known people's seats due."""
    with in_use(make_app(url, **config)) as app:
        office = Office(app, canvas)
        office.connect()
        office.course(COURSE, "art")
        add_due_seats(office, seats)
        yield office


def add_due_seats(office: Office, count: int) -> None:
    """Register people, whom Canvas knows by their SIS IDs, by the thousand."""
    session = office.session
    [course_id, canvas_course_id, connection_id] = session.execute(
        select(Association.course_id, Association.canvas_course_id, Association.connection_id)
    ).one()
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
    session.execute(update(Course).values(places_taken=Course.places_taken + count))
    session.commit()


def _put(session, model: type, rows: list[dict]) -> None:
    if rows:
        session.execute(insert(model.__table__), rows)


# -- meters -----------------------------------------------------------------------------------------------------------


@dataclass
class Meter:
    """What passed inside a `with`: seconds of wall time, and of this process's CPU with its ended children's."""

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
