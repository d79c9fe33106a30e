"""How long list pages take in a large office: 500 courses, 40,000 participants, 100,000 seats, 300,000 log entries.

    python -m tests.benchmarks.pages
    python -m tests.benchmarks.pages largest [FOLDER]

Fills SQLite and PostgreSQL, asks for each page as a browser would, and prints the median and the longest time and
how many statements it took. Ends with 1 where a page takes longer than 200 ms.

`largest` fills PostgreSQL only, with 200,000 participants, 1,000,000 seats and 20,000 people in one course, and
measures twice: as on an ordinary day, with 1,600 seats open, and with 72,000 held. In FOLDER both databases are kept,
and measured again as they are the next time.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, event, make_url, select, text

from ascriptica_plugin.shared import clock
from ascriptica_plugin.standalone.accounts import sessions
from ascriptica_plugin.standalone.accounts.tables import Account
from ascriptica_plugin.tables.upgrade import upgrade_tables

from ..databases import a_postgresql, embedded_postgresql
from ..office_at_work import in_use, make_app
from .large_office import LARGE, LARGEST, Size, fill, hold_many

BOUND_MS = 200
TIMES = 7

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
    "Canvas access, by name": ("/tools/canvas?sort=name", 1),
    "Canvas access, waiting by name": ("/tools/canvas?sort=name&standing=held", 1),
    "Canvas access, removed by name": ("/tools/canvas?sort=name&standing=removed", 1),
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
    """Fill the database unless it is filled, and print its table. Returns the longest median."""
    app = make_app(url)
    with in_use(app):
        begun = time.perf_counter()
        upgrade_tables(app)
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


def _with_many_held(url: str) -> str:
    """The URL of a second database on the same server: the first one, with many seats held."""
    first, name = make_url(url), "ascriptica_held"
    second = first.set(database=name).render_as_string(hide_password=False)
    server = create_engine(first.set(database="template1"), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        if connection.scalar(text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": name}) is None:
            connection.execute(text(f'CREATE DATABASE {name} TEMPLATE "{first.database}"'))
            app = make_app(second)
            with in_use(app):
                hold_many(app)
    server.dispose()
    return second


def main() -> None:
    """Both databases, one after the other; or PostgreSQL alone with the largest office."""
    if sys.argv[1:2] == ["largest"]:
        with embedded_postgresql(Path(sys.argv[2]) if sys.argv[2:] else None) as url:
            worst = run(url, "PostgreSQL, an ordinary day", LARGEST)
            worst = max(worst, run(_with_many_held(url), "PostgreSQL, 72,000 held", LARGEST))
    else:
        with tempfile.TemporaryDirectory() as folder:
            worst = run(f"sqlite:///{Path(folder) / 'office.sqlite3'}", "SQLite")
        with a_postgresql("ascriptica_pages") as url:
            worst = max(worst, run(url, "PostgreSQL"))
    sys.exit(worst > BOUND_MS)


if __name__ == "__main__":
    main()
