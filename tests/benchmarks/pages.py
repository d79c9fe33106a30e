"""How long list pages take in a large office: 500 courses, 40,000 participants, 100,000 seats, 300,000 log entries.

    python -m tests.benchmarks.pages
    python -m tests.benchmarks.pages largest [FOLDER]

Fills SQLite and PostgreSQL, asks for each page as a browser would, and prints the median and the longest time and
how many statements it took. Ends with 1 where a page takes longer than 200 ms.

`largest` fills PostgreSQL only, with 200,000 participants, 1,000,000 seats and 20,000 people in one course. In FOLDER
the database is kept, and measured again as it is the next time.
"""

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, insert, select, text

from ascriptica_plugin import clock
from ascriptica_plugin.standalone.accounts import sessions
from ascriptica_plugin.standalone.accounts.tables import Account
from ascriptica_plugin.tables.canvas import CanvasRow, Claim, Connection, Match, Seat, load_settings
from ascriptica_plugin.tables.columns import Sealed
from ascriptica_plugin.tables.office import Association, Course, LogEntry, Participant, Registration
from ascriptica_plugin.tables.upgrade import upgrade_tables

from ..databases import a_postgresql, embedded_postgresql
from ..office_at_work import in_use, make_app

COURSES = 500


@dataclass(frozen=True)
class Size:
    """How much there is in the office; so many people are registered for its first course."""

    participants: int
    seats: int
    entries: int
    largest_course: int


LARGE, LARGEST = Size(40_000, 100_000, 300_000, 5000), Size(200_000, 1_000_000, 300_000, 20_000)

BOUND_MS = 200
TIMES = 7

FIRST = ("Ada", "Ben", "Cleo", "Eva", "Finn", "Gina", "Hugo", "Ida", "Jan", "Kim", "Lou", "Mia", "Nils", "Olga", "Pia")
LAST = ("Abel", "Berg", "Cruz", "Dorn", "Engel", "Falk", "Gold", "Hahn", "Jung", "Kern", "Lenz", "Moor", "Otto", "Pohl")

WAITING = {
    # cause, its scope (None: the participant), how many, given up
    "permission_missing": ("add_student_to_course", 150, False),
    "course_concluded": ("course", 120, False),
    "course_missing": ("course", 60, False),
    "who_is_it": (None, 80, False),
    "no_account": (None, 90, False),
    "found_there": (None, 40, False),
    "refused": ("", 60, True),
}

NOW = datetime.now(UTC)


# -- the office -------------------------------------------------------------------------------------------------------


def fill(app: Flask, size: Size) -> None:
    """A large office, the same in every run; every row goes in by the thousand."""
    session = app.extensions["sqlalchemy"].session
    chance = random.Random(1)
    keys = app.extensions["ascriptica"].canvases.keys
    connection = Connection(
        canvas_url="https://canvas.example.org/api/v1",
        canvas_root_id=1,
        account_name="Example University",
        token=Sealed.seal("no token", keys),
        token_owner="Admin",
        token_saved_at=NOW,
    )
    session.add(connection)
    session.flush()
    settings = load_settings(session)
    settings.connection, settings.display_canvas = connection, True
    session.commit()

    def put(model: type, rows: list[dict]) -> None:
        for start in range(0, len(rows), 10_000):
            session.execute(insert(model.__table__), rows[start : start + 10_000])
        session.commit()

    people = [_participant(number, chance) for number in range(1, size.participants + 1)]
    put(Participant, people)
    places = _places(size, chance)
    taken = [0] * (COURSES + 1)
    for course_id, _ in places:
        taken[course_id] += 1
    put(Course, [_course(number, taken[number]) for number in range(1, COURSES + 1)])
    put(Association, [_association(number, connection.id) for number in range(1, COURSES + 1)])
    put(Match, [_match(person, number, connection.id) for number, person in enumerate(people, 1)])
    put(Registration, [
        {"course_id": course_id, "participant_id": participant_id,
         "status": "withdrawn" if number % 10 == 0 else "registered", "registered_at": NOW - timedelta(days=9),
         "withdrawn_at": NOW if number % 10 == 0 else None}
        for number, (course_id, participant_id) in enumerate(places, 1)
    ])  # fmt: skip
    put(Seat, [_seat(number, *place, connection.id) for number, place in enumerate(places, 1)])
    put(CanvasRow, [_row(number, *place, connection.id) for number, place in enumerate(places, 1)])
    put(Claim, [
        {"registration_id": number, "seat_id": number, "made_at": NOW, "ended_at": NOW if number % 10 == 0 else None}
        for number in range(1, size.seats + 1)
    ])  # fmt: skip
    numbers = range(size.entries)
    put(LogEntry, [_entry(size.entries - number, number, places[number % size.seats]) for number in numbers])
    _let_some_wait(session, size, chance)
    session.commit()
    for number in range(1, 4):
        session.add(Account(email=f"person{number}@example.org", name="P", password_hash="none", is_admin=number == 1))
    session.commit()
    engine = app.extensions["sqlalchemy"].engine
    if engine.dialect.name == "postgresql":
        # As autovacuum has done by the time that an office is that large; SQLite knows of no such thing.
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as raw:
            raw.execute(text("VACUUM ANALYZE"))


def _participant(number: int, chance: random.Random) -> dict:
    name = f"{chance.choice(FIRST)} {chance.choice(LAST)}"
    email = f"{name.replace(' ', '.').lower()}.{number}@example.org"
    # The first three have signed in, with the accounts that are made below.
    return {
        "key": f"account:{number}" if number < 4 else None,
        "email": email,
        "name": name,
        "sis_user_id": f"S-{number:06}",
    }


def _places(size: Size, chance: random.Random) -> list[tuple[int, int]]:
    """(course, participant) of every registration: one very large course, the others alike."""
    found = {(1, person) for person in range(1, size.largest_course + 1)} | {(course, 2) for course in range(2, 42)}
    while len(found) < size.seats:
        found.add((chance.randint(2, COURSES), chance.randint(1, size.participants)))
    return sorted(found, key=lambda _: chance.random())


def _course(number: int, taken: int) -> dict:
    return {
        "code": f"C-{number:03}",
        "title": f"{LAST[number % len(LAST)]} for beginners, group {number}",
        "description": "What everybody should know about it, with time to try it. " * 4,
        "starts_at": NOW + timedelta(days=number % 90 - 10),
        "ends_at": NOW + timedelta(days=number % 90 + 20),
        "registration_opens_at": None,
        "registration_closes_at": None,
        "capacity": taken + 20 if number % 3 else None,
        "places_taken": taken,
        "on_withdrawal": None,
        "cancelled_at": None,
    }


def _association(number: int, connection_id: int) -> dict:
    return {
        "course_id": number,
        "connection_id": connection_id,
        "canvas_course": str(number + 5000),
        "canvas_section": "",
        "canvas_course_id": number + 5000,
        "canvas_section_id": None,
        "canvas_course_name": f"Course {number} in Canvas",
        "canvas_section_name": "",
        "published": number % 4 != 0,
        "concluded": False,
        "looked_up_at": NOW,
        "look_up_at": None,
        "problem": None,
    }


def _seat(number: int, course_id: int, participant_id: int, connection_id: int) -> dict:
    return {
        "connection_id": connection_id,
        "participant_id": participant_id,
        "canvas_course_id": course_id + 5000,
        "canvas_section_id": 0,
        "version": 1,
        "settled_version": 1,
        "changed_at": NOW,
        "due_at": None,
        "attempts": 0,
        "cause": None,
        "cause_scope": "",
        "cause_detail": None,
        "held": False,
        "parked_at": None,
        "canvas_enrollment_id": number + 100_000,
        "was_in": number % 10 != 0,
        "settled_at": NOW,
    }


def _match(participant: dict, number: int, connection_id: int) -> dict:
    return {
        "connection_id": connection_id,
        "participant_id": number,
        "canvas_user_id": number + 1000,
        "address": f"sis_user_id:{participant['sis_user_id']}",
        "canvas_name": participant["name"],
        "how": "sis",
        "from_sis_user_id": participant["sis_user_id"],
        "from_email": participant["email"],
        "matched_at": NOW,
    }


def _row(number: int, course_id: int, participant_id: int, connection_id: int) -> dict:
    return {
        "connection_id": connection_id,
        "canvas_enrollment_id": number + 100_000,
        "created_at": NOW,
        "canvas_user_id": participant_id + 1000,
        "canvas_course_id": course_id + 5000,
        "canvas_section_id": course_id + 7000,
        "state": "deleted" if number % 10 == 0 else "active",
        "seen_at": NOW,
        "granted": number % 10 != 0,
        "seat_id": number,
    }


def _entry(age: int, number: int, place: tuple[int, int]) -> dict:
    course_id, participant_id = place
    mine = number % 3 == 0
    return {
        "at": NOW - timedelta(seconds=40 * age),
        "who": f"person.{participant_id}@example.org" if mine else "Ascriptica",
        "what": ("registered", "enrolled in Canvas", "waits", "withdrew")[number % 4],
        "participant_id": participant_id,
        "course_id": course_id if mine else None,
        "words": "" if mine else f"Canvas course {course_id + 5000}.",
    }


def _let_some_wait(session, size: Size, chance: random.Random) -> None:
    seats = iter(chance.sample(range(1, size.seats + 1), 1000))
    session.execute(text("UPDATE ascriptica_seat SET settled_version = 0 WHERE id % 1001 = 0"))
    for cause, (scope, many, given_up) in WAITING.items():
        for seat_id in (next(seats) for _ in range(many)):
            seat = session.get(Seat, seat_id)
            seat.settled_version, seat.cause, seat.held = 0, cause, not given_up
            seat.parked_at = NOW if given_up else None
            seat.cause_scope = str(seat.participant_id if scope is None else seat.canvas_course_id % 7 + 5000)
            if scope is not None and scope != "course":
                seat.cause_scope = scope
            seat.cause_detail = "Canvas said: user not authorized to perform that action"


# -- the pages --------------------------------------------------------------------------------------------------------

PAGES = {
    "catalogue": ("/", 2),
    "one course": ("/courses/C-001", 2),
    "my courses (40)": ("/my/courses", 2),
    "courses": ("/tools/courses", 1),
    "largest roster": ("/tools/courses/C-001", 1),
    "roster, last page": ("/tools/courses/C-001?page=100", 1),
    "roster, two words": ("/tools/courses/C-001?q=kim+berg", 1),
    "roster, no hit": ("/tools/courses/C-001?q=nobody", 1),
    "another roster, registered": ("/tools/courses/C-100?status=registered", 1),
    "participants": ("/tools/participants", 1),
    "participants, late page": ("/tools/participants?page=790", 1),
    "participants, one word": ("/tools/participants?q=kim", 1),
    "participants, two words": ("/tools/participants?q=kim+berg", 1),
    "participants, no hit": ("/tools/participants?q=nobody", 1),
    "one participant": ("/tools/participants/2", 1),
    "Canvas access": ("/tools/canvas", 1),
    "overview": ("/tools/", 1),
    "Canvas access, late page": ("/tools/canvas?page=settled-100", 1),
    "Canvas access, a Canvas ID": ("/tools/canvas?search=12345", 1),
    "Canvas access, in Canvas": ("/tools/canvas?standing=enrolled", 1),
    "Canvas access, waiting": ("/tools/canvas?standing=held", 1),
    "Canvas access, one cause": ("/tools/canvas?standing=who_is_it", 1),
    "Canvas access, a course": ("/tools/canvas?course=c-001", 1),
    "Canvas access, one word": ("/tools/canvas?search=kim", 1),
    "Canvas access, two words": ("/tools/canvas?search=kim+berg", 1),
    "Canvas access, word and filter": ("/tools/canvas?search=kim&standing=removed", 1),
    "Canvas access, no hit": ("/tools/canvas?search=nobody", 1),
    "log": ("/tools/log", 1),
    "log, one word": ("/tools/log?q=kim", 1),
    "log, two words": ("/tools/log?q=kim+berg", 1),
    "log, a kind": ("/tools/log?kind=Registrations", 1),
    "log, word and kind": ("/tools/log?q=kim&kind=Canvas+access", 1),
    "log, a rare kind": ("/tools/log?kind=Files", 1),
    "log, no hit": ("/tools/log?q=nobody", 1),
    "log, late page": ("/tools/log?page=1000", 1),
    "log, further back": ("/tools/log?q=nobody&page=150000", 1),
    "import": ("/tools/import", 1),
    "healthz": ("/healthz", None),
}
"""path and who asks: account 1 administers, account 2 has registered for forty courses."""


def measure(app: Flask) -> Iterator[tuple[str, float, float, int]]:
    """(page, median ms, longest ms, statements) of every page."""
    clients = {number: app.test_client() for number in (1, 2, None)}
    with app.app_context():
        session = app.extensions["sqlalchemy"].session
        for number in (1, 2):
            token = sessions.begin_session(session, session.get(Account, number), clock.utc_now())
            with clients[number].session_transaction() as cookie:
                cookie.update(_user_id=token, _fresh=True)
        session.commit()
    for name, (path, who) in PAGES.items():
        yield name, *_timed(app, lambda path=path, who=who: _get(clients[who], path))
    runner = app.test_cli_runner()
    yield "flask ascriptica status", *_timed(app, lambda: runner.invoke(args=["ascriptica", "status"]))


def _get(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200, (path, answer.status_code)


def _timed(app: Flask, ask: Callable[[], object]) -> tuple[float, float, int]:
    ask()
    with _counted(app) as asked:
        ask()
    spent = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        ask()
        spent.append((time.perf_counter() - begun) * 1000)
    return statistics.median(spent), max(spent), len(asked)


@contextmanager
def _counted(app: Flask) -> Iterator[list[str]]:
    asked: list[str] = []
    with app.app_context():
        engine = app.extensions["sqlalchemy"].engine

    def note(*args):
        asked.append(args[2])

    event.listen(engine, "before_cursor_execute", note)
    yield asked
    event.remove(engine, "before_cursor_execute", note)


def say(line: str) -> None:
    """One line of the table, as soon as it is known."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def run(url: str, database: str, size: Size = LARGE) -> float:
    """Fill the database unless it is filled, print its table; answers the longest median."""
    app = make_app(url)
    with in_use(app):
        begun = time.perf_counter()
        upgrade_tables(app)
        # Accounts are stored last, so an office with one is complete.
        is_new = app.extensions["sqlalchemy"].session.scalar(select(Account.id).limit(1)) is None
        if is_new:
            fill(app, size)
        say(f"\n{database}, {f'filled in {time.perf_counter() - begun:.0f} s' if is_new else 'as it was kept'}\n")
    say("| page | median ms | longest ms | queries |\n|---|---:|---:|---:|")
    worst = 0.0
    for name, median, longest, queries in measure(app):
        worst = max(worst, median)
        say(f"| {name} | {median:.0f}{' (!)' if median > BOUND_MS else ''} | {longest:.0f} | {queries} |")
    with app.app_context():
        app.extensions["sqlalchemy"].engine.dispose()
    return worst


def main() -> None:
    """Both databases, one after the other; or PostgreSQL alone with the largest office."""
    if sys.argv[1:2] == ["largest"]:
        with embedded_postgresql(Path(sys.argv[2]) if sys.argv[2:] else None) as url:
            worst = run(url, "PostgreSQL", LARGEST)
    else:
        with tempfile.TemporaryDirectory() as folder:
            worst = run(f"sqlite:///{Path(folder) / 'office.sqlite3'}", "SQLite")
        with a_postgresql("ascriptica_pages") as url:
            worst = max(worst, run(url, "PostgreSQL"))
    sys.exit(worst > BOUND_MS)


if __name__ == "__main__":
    main()
