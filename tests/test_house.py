"""The house itself: imports flow one way, tables and migration agree, two hosts are as different as they may be."""

import ast
import importlib.resources
import re
import warnings
from pathlib import Path

import alembic.command
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import inspect, text

import ascriptica_plugin
import wsgi
from ascriptica_plugin import Ascriptica, Person
from ascriptica_plugin.cli import upgrade_tables
from ascriptica_plugin.models import Base

from .conftest import in_use, make_app

PACKAGE, TESTS = Path(ascriptica_plugin.__file__).parent, Path(__file__).parent

FLOORS = [
    {"causes", "csvfile", "models", "passwords", "process_log", "transport"},
    {"canvas"},
    {"addresses", "allowances", "log"},
    {"claims"},
    {"seats"},
    {"standing"},
    {"identity", "people"},
    {"registrations"},
    {"kinds", "sign_ins"},
    {"imports", "privacy", "second_step"},
    {"connections", "delivery", "forms"},
    {"drain", "mail"},
    {"jobs"},
    {"worker"},
    {"cli", "views"},
    {"accounts", "extension", "site"},
    {"standalone"},
]
"""The rooms from the ground up: each may import only from floors below its own."""

NEVER = {
    "canvas": {"flask", "sqlalchemy", "rq", "redis"},
    "transport": {"flask", "sqlalchemy", "rq", "redis"},
    "models": {"flask", "flask_sqlalchemy", "rq", "redis", "requests"},
    "passwords": {"flask", "sqlalchemy", "rq", "redis", "requests"},
    "allowances": {"flask", "rq", "redis", "requests"},
    "second_step": {"flask", "rq", "redis", "requests"},
    "sign_ins": {"flask", "rq", "redis", "requests"},
    "mail": {"flask", "rq", "redis", "requests"},
    "people": {"flask", "rq", "redis", "requests"},
    "imports": {"flask", "rq", "redis", "requests"},
    "privacy": {"flask", "rq", "redis", "requests"},
    "kinds": {"flask", "rq", "redis", "requests"},
    "csvfile": {"flask", "sqlalchemy", "rq", "redis", "requests"},
    "registrations": {"flask", "rq", "redis", "requests"},
    "claims": {"flask", "rq", "redis", "requests"},
    "seats": {"flask", "rq", "redis", "requests"},
    "delivery": {"flask", "rq", "redis", "requests"},
    "connections": {"flask", "rq", "redis", "requests"},
    "drain": {"flask", "rq", "redis", "requests"},
    "views": {"rq", "redis", "requests"},
}


def imports_of(path: Path) -> tuple[set[str], set[str]]:
    """Rooms of ours, and packages of others, that a file imports."""
    ours, others = set(), set()
    depth = len(path.relative_to(PACKAGE).parts)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            others |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            others.add(node.module.split(".")[0])
        elif isinstance(node, ast.ImportFrom) and node.level == depth:
            ours |= {node.module.split(".")[0]} if node.module else {alias.name for alias in node.names}
    return ours - {"__version__"}, others


def rooms() -> dict[str, list[Path]]:
    found = {path.stem: [path] for path in PACKAGE.glob("*.py") if path.stem != "__init__"}
    return found | {name: list((PACKAGE / name).glob("*.py")) for name in ("accounts", "standalone", "views")}


def test_every_room_has_its_floor():
    assert set(rooms()) == set().union(*FLOORS)


@pytest.mark.parametrize("room", sorted(rooms()))
def test_imports_flow_one_way(room):
    floor = next(number for number, here in enumerate(FLOORS) if room in here)
    below = set().union(*FLOORS[:floor])
    for path in rooms()[room]:
        ours, others = imports_of(path)
        assert ours - {room, "practice"} <= below, path
        assert not others & NEVER.get(room, set()), path


def test_security_names_no_test_that_is_not_there():
    rows = re.findall(r"^\| (?:\*\*V)?\d.*$", (TESTS.parent / "docs" / "security.md").read_text(), re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([a-z0-9_]+)`", row.rsplit("|", 2)[1])}
    there = {name for file in TESTS.rglob("test_*.py") for name in re.findall(r"def test_(\w+)", file.read_text())}
    assert len(named) > 80
    assert named - there == set()


def test_the_practice_canvas_stands_alone():
    for path in (PACKAGE / "practice").glob("*.py"):
        assert imports_of(path)[0] == set(), path


# -- tables -----------------------------------------------------------------------------------------------------------


def migrations() -> Config:
    config = Config()
    config.set_main_option("script_location", str(importlib.resources.files("ascriptica_plugin.migrations")))
    return config


def test_migrations_and_models_agree_and_go_down_to_nothing(app):
    engine = app.extensions["sqlalchemy"].engine
    config = migrations()
    with engine.connect() as connection, warnings.catch_warnings():
        # Alembic can't compare an index on lower(...) on SQLite, and says so.
        warnings.filterwarnings("ignore", "autogenerate skipping")
        warnings.filterwarnings("ignore", "Skipped unsupported reflection")
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        ours = compare_metadata(context, Base.metadata)
        assert [change for change in ours if "ascriptica_alembic_version" not in str(change)] == []
        config.attributes["connection"] = connection
        alembic.command.downgrade(config, "base")
        connection.commit()
        assert inspect(connection).get_table_names() == ["ascriptica_alembic_version"]
        alembic.command.upgrade(config, "head")
        connection.commit()


def test_a_host_s_own_tables_are_left_alone(app):
    with app.extensions["sqlalchemy"].engine.begin() as connection:
        connection.execute(text("CREATE TABLE host_thing (id INTEGER PRIMARY KEY)"))
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
    upgrade_tables(app)
    with app.extensions["sqlalchemy"].engine.begin() as connection:
        assert {"host_thing", "alembic_version", "ascriptica_seat"} <= set(inspect(connection).get_table_names())
        connection.execute(text("DROP TABLE host_thing"))
        connection.execute(text("DROP TABLE alembic_version"))


def test_upgrading_twice_changes_nothing(app):
    upgrade_tables(app)
    assert app.test_client().get("/healthz").status_code == 200


# -- hosts ------------------------------------------------------------------------------------------------------------


def test_a_host_with_users_of_its_own(database_url):
    """A host that has people already gives two functions, and leaves accounts out."""
    host = Flask("host")
    host.config.update(SECRET_KEY="x", SQLALCHEMY_DATABASE_URI=database_url, WTF_CSRF_ENABLED=False)
    SQLAlchemy(host)
    somebody = Person(key="17", email="ann@example.org", name="Ann")
    Ascriptica(host, load_participant=lambda: somebody, may_administer=lambda: True)
    with in_use(host):
        client = host.test_client()
        assert client.get("/").status_code == 200
        assert client.post("/tools/courses/new", data={"code": "ART", "title": "Art"}).status_code == 302
        assert client.post("/courses/ART/register").status_code == 302
        assert "Ann" in client.get("/tools/courses/ART").text
        assert client.get("/sign-in").status_code == 404


def test_writers_wait_their_turn_on_sqlite(sqlite_url):
    with in_use(make_app(sqlite_url)) as app, app.extensions["sqlalchemy"].engine.connect() as connection:
        assert connection.scalar(text("PRAGMA busy_timeout")) == 30_000


def test_a_host_without_a_secret_is_refused():
    with pytest.raises(RuntimeError, match="SECRET_KEY"):
        make_app("sqlite://", SECRET_KEY=None)


def test_set_up_twice_is_refused(app):
    with pytest.raises(RuntimeError, match="already"):
        Ascriptica(app, load_participant=lambda: None, may_administer=lambda: False)


def test_a_file_without_certificates_is_refused(tmp_path):
    (tmp_path / "empty.pem").touch()
    for path in (tmp_path / "empty.pem", tmp_path / "none.pem", Path(__file__)):
        with pytest.raises(RuntimeError, match="CA_FILE must be a PEM file"):
            make_app("sqlite://", ASCRIPTICA_CANVAS_CA_FILE=str(path))


@pytest.mark.parametrize("days", ["0", "-1", "a year", "1.5", ""])
def test_a_log_kept_for_no_number_of_days_is_refused(days):
    with pytest.raises(RuntimeError, match="ASCRIPTICA_LOG_DAYS"):
        make_app("sqlite://", ASCRIPTICA_LOG_DAYS=days)


@pytest.mark.parametrize("name", ["Mars/Base", "America", "/etc/passwd", "x" * 300])
def test_a_time_zone_that_is_none_is_refused(name):
    with pytest.raises(RuntimeError, match="ASCRIPTICA_TIMEZONE must name a time zone"):
        make_app("sqlite://", ASCRIPTICA_TIMEZONE=name)


@pytest.mark.parametrize("url", ["localhost:6379", "redis://localhost:port", "http://localhost"])
def test_a_queue_s_address_that_is_none_is_refused(url):
    with pytest.raises(RuntimeError, match="REDIS_URL must look like"):
        make_app("sqlite://", REDIS_URL=url)


@pytest.mark.parametrize(
    "url", ["office.db", "mysql://me:secret@db/office", "postgresql://me:secret@db:port/office", "sqlite+nope://"]
)
def test_a_database_s_address_that_is_none_is_refused_and_not_shown(url):
    with pytest.raises(RuntimeError, match="DATABASE_URL must look like") as refused:
        make_app(url)
    assert "secret" not in str(refused.value)


def test_a_driver_that_is_missing_is_named():
    with pytest.raises(RuntimeError, match="pg8000 is missing; DATABASE_URL needs it"):
        make_app("postgresql+pg8000://me@db/office")


@pytest.mark.parametrize(
    ("given", "driver"),
    [
        ("postgres://me@db/office", "psycopg"),
        ("postgresql://me@db/office", "psycopg"),
        ("postgresql+psycopg://me@db/office", "psycopg"),
        ("sqlite:////nowhere/office.sqlite3", "pysqlite"),
    ],
)
def test_a_database_s_address_without_a_driver_gets_the_one_that_is_installed(monkeypatch, given, driver):
    """On SQLAlchemy 2.0 as well, which would take psycopg2."""
    monkeypatch.setenv("DATABASE_URL", given)
    with in_use(wsgi.create_app()) as app:
        assert app.extensions["sqlalchemy"].engine.driver == driver


def test_a_driver_that_is_named_is_left_alone():
    assert wsgi.with_driver("postgresql+pg8000://me@db/office") == "postgresql+pg8000://me@db/office"


@pytest.mark.parametrize("name", ["ASCRIPTICA_ALLOW_PRIVATE_CANVAS", "ASCRIPTICA_ADMIN_SECOND_STEP"])
def test_a_switch_is_on_off_or_refused(monkeypatch, name):
    """Nobody believes that administrators need a second step, and is wrong."""
    for value, on in (("1", True), ("0", False), ("", False)):
        monkeypatch.setenv(name, value)
        assert wsgi.create_app({"SQLALCHEMY_DATABASE_URI": "sqlite://"}).config[name] is on
    monkeypatch.setenv(name, "true")
    with pytest.raises(RuntimeError, match=f"{name} must be 1, or left out"):
        wsgi.create_app({"SQLALCHEMY_DATABASE_URI": "sqlite://"})


def test_keys_that_are_none_are_refused():
    with pytest.raises(RuntimeError, match="Fernet"):
        make_app("sqlite://", ASCRIPTICA_TOKEN_KEYS="not a key")
