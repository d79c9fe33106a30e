"""Two histories in one database: the host's migrations leave our tables alone, and ours the host's."""

import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import alembic.command
import pytest
from alembic.script import ScriptDirectory
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Connection, MetaData, create_engine, inspect, select, text

from ascriptica_plugin.tables.upgrade import UnknownDatabase, upgrade_tables

from ..office_at_work import in_use
from ..tables.test_migrations import migrations
from .foreign import make_site, mount

HOST = """
import os
from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from ascriptica_plugin import Ascriptica
from ascriptica_plugin.migrations import not_ours

app = Flask("host")
app.config.update(SECRET_KEY="x", SQLALCHEMY_DATABASE_URI=os.environ["DATABASE_URL"])
db = SQLAlchemy(app)

class Room(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(40), index=True)
    # more

Migrate(app, db{how})
Ascriptica(app, load_participant=lambda: None, may_administer=lambda: False)
"""
SAFE, UNSAFE = HOST.replace("{how}", ", include_object=not_ours"), HOST.replace("{how}", "")


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request, tmp_path: Path) -> Iterator[str]:
    """An empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/host.sqlite3"
        return
    server = create_engine(request.getfixturevalue("postgresql_url"), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text("CREATE DATABASE ascriptica_beside"))
        yield server.url.set(database="ascriptica_beside").render_as_string(hide_password=False)
        connection.execute(text("DROP DATABASE ascriptica_beside WITH (FORCE)"))
    server.dispose()


@pytest.fixture
def flask(empty_url: str, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess]:
    """The flask command of a host, as its developer types it."""

    def run(*command: str, fails: bool = False) -> subprocess.CompletedProcess:
        done = subprocess.run(
            [sys.executable, "-m", "flask", "--app", "host", *command],
            cwd=tmp_path,
            env=os.environ | {"DATABASE_URL": empty_url, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.returncode != 0) is fails, done.stdout + done.stderr
        return done

    (tmp_path / "host.py").write_text(SAFE)
    return run


def tables(url: str) -> set[str]:
    engine = create_engine(url)
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def test_both_histories_go_up_and_down_beside_each_other(flask, empty_url, tmp_path):
    flask("db", "init")
    flask("db", "migrate")
    flask("db", "upgrade")
    flask("ascriptica", "upgrade")
    flask("db", "check")
    # The host goes up by one revision, and back to nothing.
    host = tmp_path / "host.py"
    host.write_text(SAFE.replace("# more", "floor = db.Column(db.Integer)"))
    flask("db", "migrate")
    [newest] = [one for one in (tmp_path / "migrations/versions").glob("*.py") if "floor" in one.read_text()]
    assert "ascriptica" not in newest.read_text()
    flask("db", "upgrade")
    assert {"room", "ascriptica_seat", "alembic_version"} <= tables(empty_url)
    flask("db", "downgrade", "base")
    assert "room" not in tables(empty_url)
    flask("ascriptica", "upgrade")
    assert "ascriptica_seat" in tables(empty_url)
    # Ours alone goes down to nothing.
    flask("db", "upgrade")
    engine, config = create_engine(empty_url), migrations()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        alembic.command.downgrade(config, "base")
        connection.commit()
    engine.dispose()
    assert tables(empty_url) == {"room", "alembic_version", "ascriptica_alembic_version"}
    flask("db", "check")


def test_check_warns_a_host_that_would_drop_our_tables(flask, tmp_path):
    flask("db", "init")
    flask("ascriptica", "upgrade")
    (tmp_path / "host.py").write_text(UNSAFE)
    printed = flask("ascriptica", "check", fails=True).stdout
    assert "Migrations:    This app's next migration would drop our tables." in printed
    assert "include_object=not_ours" in printed
    # The warning is right.
    flask("db", "migrate")
    [drafted] = (tmp_path / "migrations/versions").glob("*.py")
    assert "drop_table('ascriptica_seat')" in drafted.read_text()
    drafted.unlink()
    (tmp_path / "host.py").write_text(SAFE)
    # No worker runs here.
    assert "Migrations:    OK" in flask("ascriptica", "check", fails=True).stdout


SAMPLES = {
    int: 1,
    str: "x",
    bool: False,
    float: 1.0,
    bytes: b"x",
    object: [],  # JSON
    dict: [],
    datetime: datetime(2026, 1, 1, tzinfo=UTC),
}
SPECIAL = {"status": "registered", "email": "ann@example.org", "kind": "participants"}


def put_something_in(connection: Connection) -> dict[str, int]:
    """Put a row into each table of ours that has none yet. Returns how many each has."""
    found = MetaData()
    found.reflect(connection, only=lambda name, _: name.startswith("ascriptica_") and "alembic" not in name)
    for table in found.sorted_tables:
        if connection.execute(select(table)).first() is None:
            needed = (one for one in table.columns if not one.nullable and one.server_default is None)
            row = {one.name: SPECIAL.get(one.name, SAMPLES[one.type.python_type]) for one in needed}
            if table.name == "ascriptica_one_time_link":
                row["account_id"] = 1  # one of two has to be there
            connection.execute(table.insert().values(row))
    connection.commit()
    return {table.name: len(connection.execute(select(table)).all()) for table in found.sorted_tables}


def test_every_revision_is_upgraded_with_data_in_it_beside_a_host(empty_url):
    config = migrations()
    revisions = [one.revision for one in ScriptDirectory.from_config(config).walk_revisions()][::-1]
    assert len(revisions) >= 9
    site = make_site(empty_url)
    mount(site)
    with in_use(site), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Skipped unsupported reflection")
        engine = site.extensions["sqlalchemy"].engine
        for revision in revisions:
            with engine.connect() as connection:
                connection.execute(text("DELETE FROM member"))
                connection.execute(text("INSERT INTO member VALUES (7, 'Ann', 'ann@example.org')"))
                connection.commit()
                config.attributes["connection"] = connection
                alembic.command.upgrade(config, revision)
                connection.commit()
                filled = put_something_in(connection)
                assert set(filled.values()) == {1}
            upgrade_tables(site)
            assert site.test_client().get("/registration/healthz").status_code == 200
            site.extensions["sqlalchemy"].session.remove()
            with engine.connect() as connection:
                now = put_something_in(connection)
                assert {name: now[name] for name in filled} == filled, revision
                config.attributes["connection"] = connection
                alembic.command.downgrade(config, "base")
                connection.commit()
                assert connection.execute(text("SELECT name FROM member")).scalars().all() == ["Ann"]


def test_another_database_is_refused_before_anything_is_made():
    site = Flask("host")
    no_driver = SimpleNamespace(paramstyle="format", version_info=(1, 4, 6, "final", 1), Error=Exception)
    site.config.update(
        SECRET_KEY="x",
        SQLALCHEMY_DATABASE_URI="mysql+pymysql://nobody@127.0.0.1:1/host",
        SQLALCHEMY_ENGINE_OPTIONS={"module": no_driver},
    )
    SQLAlchemy(site)
    mount(site)
    sentence = "Ascriptica needs SQLite or PostgreSQL, and this one is mysql. Nothing was created."
    with pytest.raises(UnknownDatabase, match=sentence):
        upgrade_tables(site)
    upgrade = site.test_cli_runner().invoke(args=["ascriptica", "upgrade"])
    assert (upgrade.exit_code, upgrade.output.strip()) == (1, f"Error: {sentence}")
    assert f"Database:      {sentence}" in site.test_cli_runner().invoke(args=["ascriptica", "check"]).output
