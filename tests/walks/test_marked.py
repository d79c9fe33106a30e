"""A marked token is saved, used, refused and echoed in every way; then all that the processes wrote, served and sent is
searched for it.

Our processes are real and log all that they can. Canvas stands behind an `Echo`, which gives the token back wherever an
answer has room for it.
"""

import base64
import json
import re
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import requests
from cryptography.fernet import Fernet, MultiFernet
from sqlalchemy import select, update

from ascriptica_plugin.standalone.accounts import sessions
from ascriptica_plugin.standalone.accounts.tables import Account
from ascriptica_plugin.tables.canvas import Connection, load_settings
from ascriptica_plugin.tables.columns import Sealed
from ascriptica_plugin.tables.ledger import Seat
from ascriptica_plugin.worker import redis_bell

from ..databases import a_table_gone
from ..disguises import around, disguises
from ..faults.furnishing import signed_in
from ..office_at_work import Office, in_use, make_app
from ..pages import COURSE_SETTINGS, words
from ..practice_canvas import Practice
from ..processes import Process, Valkey, Web, loud, until, worker
from ..servers import Raw, Server, reply
from .echo import FORWARDED, SHAPES, TOKEN, Echo
from .searched import Desk, commands, content_of, files_of_the_database, of_the_system, tables

MARKS = disguises(TOKEN)


@pytest.mark.parametrize(
    "said",
    [
        TOKEN,
        f"https://{TOKEN}.example".lower(),
        TOKEN[:20],
        TOKEN[-20:],
        TOKEN[::-1],
        TOKEN.encode().hex().upper(),
        quote(TOKEN, safe="").replace("~", "%7E").replace("M", "%4D"),
        "".join(f"\\u{ord(letter):04x}" for letter in TOKEN),
        json.dumps(json.dumps("".join(f"\\x{ord(letter):02X}" for letter in TOKEN))),
        "".join(f"&#{ord(letter)};" for letter in TOKEN),
        "".join(f"&#x{ord(letter):x};" for letter in TOKEN),
        "\x00".join(TOKEN),
        *(base64.b64encode(f"{'x' * shift}{TOKEN}".encode()).decode() for shift in range(3)),
        base64.urlsafe_b64encode(f"admin:{TOKEN}".encode()).decode(),
    ],
)
def test_the_search_finds_the_token_in_every_encoding(said):
    assert around(MARKS, f"before {said} after".encode())
    assert not around(MARKS, b"before after")


def connection_of(office: Office) -> Connection:
    office.session.rollback()
    [connection] = office.session.scalars(select(Connection))
    return connection


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="marked-") as folder:
        yield Path(folder)


@pytest.fixture
def elsewhere(raw: Raw) -> Server:
    """A server that nobody has any business with; its answers are a Canvas's."""
    return raw(reply())


@pytest.fixture
def echo(canvas: Practice, raw: Raw, elsewhere: Server) -> Echo:
    echo = Echo(canvas, elsewhere)
    echo.url = raw(lambda request: echo.answer(request)).url
    return echo


@pytest.fixture
def processes(database_url: str, folder: Path) -> Iterator[tuple[Valkey, Web, Process]]:
    """Valkey, gunicorn and the worker; each says all that it can, and writes down what it keeps."""
    valkey = Valkey(folder)
    valkey.arguments += ["--appendonly", "yes", "--loglevel", "debug", "--logfile", f"{folder}/valkey.log"]
    web = loud(Web(database_url, valkey.url, folder / "web.log"))
    web.arguments += ["--log-level", "debug", "--access-logfile", "-", "--error-logfile", "-"]
    at_work = loud(worker(database_url, valkey.url, folder / "worker.log"))
    all_of_them = (valkey, web, at_work)
    try:
        for process in all_of_them:
            process.start()
        yield all_of_them
    finally:
        for process in reversed(all_of_them):
            if process.runs():
                process.end(signal.SIGKILL if process is not web else signal.SIGTERM)


@pytest.fixture
def office(database_url: str, canvas: Practice) -> Iterator[Office]:
    with in_use(make_app(database_url)) as app:
        yield Office(app, canvas)


@pytest.fixture
def desk(office: Office, processes: tuple[Valkey, Web, Process]) -> Iterator[Desk]:
    boss = Account(email="boss@example.org", name="Boss", password_hash="-", is_admin=True)
    office.session.add(boss)
    office.session.flush()
    desk = Desk(processes[1], *signed_in(office.app, sessions.begin_session(office.session, boss, office.now)))
    office.session.commit()
    with desk.session:
        yield desk


PAGES = (
    COURSE_SETTINGS,
    f"{COURSE_SETTINGS}/disconnect",
    f"{COURSE_SETTINGS}/prove",
    "/tools/",
    "/tools/canvas",
    "/",
    "/courses/ART",
    "/my/courses",
    "/tools/log",
    "/tools/courses",
    "/tools/courses/ART",
    "/tools/courses/ART/edit",
    "/tools/courses/ART/move/1",
    "/tools/participants",
    "/tools/participants/1",
    "/tools/participants/1/erase",
    "/tools/import",
    "/healthz",
)


def look_around(desk: Desk) -> None:
    for path in PAGES:
        desk.get(path)
    desk.post("/tools/courses/ART/edit", code="ART", title="ART here", canvas_course="1", sections="1")
    desk.post("/tools/courses/ART/find", find="art")


def test_the_token_is_nowhere(office, processes, desk, echo, elsewhere, folder, database_url):
    valkey, web, at_work = processes
    found = desk.seen
    right = {
        "display_canvas": "y",
        "canvas_url": echo.url,
        "canvas_token": TOKEN,
        "canvas_root_id": str(echo.canvas.ids["account.root"]),
    }

    def save(**other: str) -> requests.Response:
        return desk.post(COURSE_SETTINGS, **right | other)

    def in_use_again() -> None:
        echo.shape = "as it is"
        # Calls that the worker has in hand could put everything on hold once more.
        until(lambda: connection_of(office).drain_until_at is None)
        assert "Connected to" in words(save())

    # Saved wrong, and right.
    for wrong in (
        {"canvas_token": f"{TOKEN} x"},
        {"canvas_token": TOKEN[:-1]},
        {"canvas_root_id": "99"},
        {"canvas_url": "https://[::1"},
        {"canvas_url": elsewhere.url, "canvas_token": ""},
        {"canvas_url": f"{echo.url}/accounts/1?access_token={TOKEN}", "canvas_root_id": "99"},
        {"canvas_url": f"{echo.url}/accounts/1#{TOKEN}"},
    ):
        save(**wrong)
        desk.get(COURSE_SETTINGS)
    desk.post("/tools/courses/new", code="ART", title="Art", canvas_course=str(echo.canvas.ids["course.art"]))
    # Answered in every way, when it is checked, and when somebody is looked for: all of them at once.
    for shape in [*FORWARDED, *SHAPES]:
        echo.shape = shape
        save()
        desk.get(COURSE_SETTINGS)
    in_use_again()
    # Not "throttled", which would keep the others waiting for as long as it lasts.
    shapes = [*FORWARDED[1:], *(shape for shape in SHAPES if shape != "throttled")]
    who = ["kim", "lou", *(f"p{number}" for number in range(2, len(shapes)))]
    echo.shapes = {f"{name}@example.org": shape for name, shape in zip(who, shapes, strict=True)}
    echo.met.clear()
    desk.post("/tools/courses/ART", people="\n".join(f"{email}, {email.split('@')[0]}" for email in echo.shapes))
    until(lambda: echo.met >= set(shapes))
    # Answered so to whatever is asked: everybody waits, and the page says what for.
    for number, shape in enumerate(("dead", "error page", "moved to a host")):
        in_use_again()
        echo.shape = shape
        desk.post("/tools/courses/ART", name="Late", email=f"late{number}@example.org")
        desk.post("/tools/canvas/try-again")
        until(lambda: connection_of(office).hold_cause)
        look_around(desk)
    # No key opens it.
    in_use_again()
    gone = Sealed.seal(TOKEN, MultiFernet([Fernet(Fernet.generate_key())]))
    office.session.execute(update(Connection).values(token=gone))
    office.session.commit()
    desk.post("/tools/canvas/try-again")
    until(lambda: connection_of(office).hold_cause == "token_unreadable")
    look_around(desk)
    found += commands(database_url, ["rotate-keys"])
    # Something unforeseen happens to both processes while they have it in hand.
    in_use_again()
    with a_table_gone(office.app, "ascriptica_log"):
        # SQLite reports this as if all of the database were away.
        assert save(enroll="invited").status_code in (500, 503)
        office.session.execute(update(Seat).values(version=Seat.version + 1, due_at=None, held=False, parked_at=None))
        office.session.commit()
        redis_bell.Bell(valkey.url, [b"a key"], office.app.extensions["ascriptica"].bell.queue).ring()
        until(
            lambda: re.search(rb"no such table: ascriptica_log|ascriptica_log. does not", at_work.log_file.read_bytes())
        )
    in_use_again()
    look_around(desk)
    desk.post("/tools/participants/1/export")
    desk.post("/tools/courses/ART/roster.csv")
    found += commands(database_url, ["status"], ["status", "--json"], ["rotate-keys"])

    found += [said for process in processes for said in of_the_system(process.child.pid)]
    with valkey.client() as client:
        found += [client.dump(key) or b"" for key in client.scan_iter()]
    for process in (web, at_work):
        assert process.end()[0] == 0
    found += tables(office)
    found += [file.read_bytes() for file in folder.rglob("*") if file.is_file()]
    kept = connection_of(office)
    assert kept.token.open(office.canvases.keys) == TOKEN
    settings, client = load_settings(office.session), office.canvases.client(kept)
    for thing in (kept, kept.token, vars(kept), settings, vars(settings), office.canvases, client):
        found.append(repr(thing).encode())

    assert [place for said in found for place in around(MARKS, said)] == []
    # Megabytes of what is free or old too; whatever is escaped in them was found in the tables.
    files = [(file, content_of(file)) for file in files_of_the_database(office)]
    assert sum(len(said) for _, said in files) > 100_000
    assert [file for file, said in files if any(mark in said for mark in MARKS)] == []
    # For an address typed without a token we only ask whether a Canvas answers there.
    [asked] = elsewhere.requests
    assert asked.startswith(b"GET /api/v1/users/self ")
    assert around(MARKS, asked) == []
