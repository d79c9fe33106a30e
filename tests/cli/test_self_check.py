"""`flask ascriptica check`: a line each, and 1 where anything is wrong."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import delete, make_url, text

import wsgi
from ascriptica_plugin import Ascriptica
from ascriptica_plugin.ledger import metrics
from ascriptica_plugin.mail import HandedOver, Mailer
from ascriptica_plugin.shared import clock
from ascriptica_plugin.tables.canvas import load_settings
from ascriptica_plugin.tables.mails import Mail
from ascriptica_plugin.tables.metrics import Measure
from ascriptica_plugin.worker.redis_bell import Bell

from ..office_at_work import in_use, make_app
from ..processes import until

IN_PRODUCTION = {
    "SECRET_KEY": "0123456789abcdef" * 4,
    "ASCRIPTICA_TOKEN_KEYS": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
    "ASCRIPTICA_ADDRESS": "https://register.example.org",
    "ASCRIPTICA_PROXIES": 1,
    "ASCRIPTICA_ADMIN_SECOND_STEP": True,
}


def check(app, *options: str) -> tuple[int, dict[str, str]]:
    """The command's exit code, and what it says about each part."""
    app.extensions["sqlalchemy"].session.remove()
    result = app.test_cli_runner().invoke(args=["ascriptica", "check", *options])
    lines = [line.split(":", 1) for line in result.output.splitlines()]
    return result.exit_code, {name: words.strip() for name, words in lines}


def wrong(app, *options: str) -> dict[str, str]:
    code, printed = check(app, *options)
    found = {name: words for name, words in printed.items() if words != "OK" and not words.startswith("Note: ")}
    assert code == (1 if found else 0)
    return found


def notes(app, *options: str) -> dict[str, str]:
    """What it says that is no fault, without the word that marks it."""
    printed = check(app, *options)[1].items()
    return {name: words.removeprefix("Note: ") for name, words in printed if words.startswith("Note: ")}


def saw_a_worker(app) -> None:
    """One that looks for work without Redis stored this a moment ago."""
    session = app.extensions["sqlalchemy"].session
    metrics.put(session, {(metrics.WORKER_SEEN,): datetime.now(UTC).timestamp()})
    session.commit()


@contextmanager
def site(sqlite_url: str, **settings: object) -> Iterator[Flask]:
    """A stand-alone site that nobody else can read, and whose worker runs."""
    with in_use(make_app(sqlite_url, **settings)) as app:
        saw_a_worker(app)
        for one in Path(make_url(sqlite_url).database).parent.glob("office*"):
            one.chmod(0o600)
        yield app


@pytest.fixture(autouse=True)
def instance(tmp_path: Path, monkeypatch) -> Path:
    """The `instance/` of the person who runs the tests is not looked at."""
    folder = tmp_path / "instance"
    folder.mkdir(0o700)
    monkeypatch.setattr(wsgi, "HERE", tmp_path / "wsgi.py")
    return folder


@pytest.fixture
def app(app: Flask, instance: Path, monkeypatch) -> Flask:
    monkeypatch.setattr(app, "instance_path", str(instance))
    saw_a_worker(app)
    return app


@pytest.fixture
def private(database_url: str) -> None:
    """Only its owner can read the database's file."""
    if database_url.startswith("sqlite"):
        folder = Path(make_url(database_url).database).parent
        folder.chmod(0o700)
        for file in folder.iterdir():
            file.chmod(0o600)


def test_a_sound_installation_passes_every_check(office, private, valkey, monkeypatch):
    plugin = office.app.extensions["ascriptica"]
    monkeypatch.setattr(plugin, "bell", Bell(valkey.url, [b"x"], "ascriptica-test"))
    monkeypatch.setattr(plugin, "mailer", HandedOver("", "", "", lambda *_: None, give=lambda message: None))
    office.app.config["ASCRIPTICA_ADDRESS"] = "http://127.0.0.1:5000"
    code, printed = check(office.app)
    assert code == 0
    assert printed == dict.fromkeys(
        ("Database", "Configuration", "Address", "Files", "Redis", "Worker", "Canvas", "Clocks", "Mail"), "OK"
    )


def test_what_is_not_set_up_is_said_and_is_no_fault(app, private):
    code, printed = check(app)
    assert code == 0
    assert {name: words.partition(".")[0] for name, words in printed.items() if words != "OK"} == dict.fromkeys(
        ("Redis", "Canvas", "Mail"), "Note: not set up"
    )
    settings = load_settings(app.extensions["sqlalchemy"].session)
    settings.draft_check_at = clock.utc_now()
    app.extensions["sqlalchemy"].session.commit()
    assert notes(app)["Canvas"] == "saved in Course Settings, and not checked yet."


def test_a_canvas_that_is_switched_off_is_said(office, private):
    load_settings(office.session).display_canvas = False
    office.session.commit()
    assert wrong(office.app) == {}
    assert notes(office.app)["Canvas"] == "switched off in Course Settings."


def test_each_line_has_a_space_after_the_name(app, private):
    for options in ([], ["--deploy"]):
        lines = app.test_cli_runner().invoke(args=["ascriptica", "check", *options]).output.splitlines()
        assert len({len(re.match(r"[A-Z][a-z]+( [a-zA-Z]+)?: +", line)[0]) for line in lines}) == 1


def test_tables_of_another_version_are_reported(app, private):
    with app.extensions["sqlalchemy"].engine.begin() as connection:
        newest = connection.scalar(text("SELECT version_num FROM ascriptica_alembic_version"))
        connection.execute(text("UPDATE ascriptica_alembic_version SET version_num = '0001'"))
    try:
        assert "flask ascriptica upgrade" in wrong(app)["Database"]
    finally:
        with app.extensions["sqlalchemy"].engine.begin() as connection:
            connection.execute(text(f"UPDATE ascriptica_alembic_version SET version_num = '{newest}'"))


def test_a_setting_that_does_not_exist_is_reported(app, private, monkeypatch):
    monkeypatch.setenv("ASCRIPTICA_PROXYS", "1")
    assert wrong(app)["Configuration"] == "There is no setting ASCRIPTICA_PROXYS. Is ASCRIPTICA_PROXIES meant?"
    monkeypatch.delenv("ASCRIPTICA_PROXYS")
    app.config["ASCRIPTICA_X"] = "anything"
    assert wrong(app) == {"Configuration": "There is no setting ASCRIPTICA_X. Remove it."}


def test_a_database_that_is_not_there_is_reported_and_not_made(tmp_path):
    with in_use(make_app(f"sqlite:///{tmp_path}/new.sqlite3")) as app:
        assert "flask ascriptica upgrade" in wrong(app)["Database"]
    assert not (tmp_path / "new.sqlite3").exists()
    with in_use(make_app("postgresql+psycopg://nobody@127.0.0.1:1/none")) as app:
        assert "can't be used" in wrong(app)["Database"]


@pytest.mark.parametrize("name", ["", "-wal"])
def test_a_database_that_others_can_read_is_reported(sqlite_url, tmp_path, name):
    with site(sqlite_url) as app:
        file = tmp_path / f"office.sqlite3{name}"
        file.touch()
        file.chmod(0o600)
        assert wrong(app) == {}
        file.chmod(0o644)
        assert f"chmod go= {file}" in wrong(app)["Files"]
        file.chmod(0o600)
        tmp_path.chmod(0o755)
        assert f"chmod go= {tmp_path}" in wrong(app)["Files"]


def test_a_secret_in_instance_that_others_can_read_is_reported(app, private, instance):
    (instance / "environment").write_text("SECRET_KEY=x")
    (instance / "environment").chmod(0o640)
    assert wrong(app) == {
        "Files": f"Other users of this machine can access {instance}/environment. Run: chmod go= {instance}/environment"
    }


def test_redis_and_the_worker_are_reported(ringing, private, valkey, at_work):
    assert list(wrong(ringing.app)) == ["Worker"]
    at_work.start()
    until(lambda: "Worker" not in wrong(ringing.app))
    valkey.end()
    assert "REDIS_URL" in wrong(ringing.app)["Redis"]


def test_canvas_is_asked_for_the_token_and_its_rights(office, canvas, private):
    assert wrong(office.app) == {}
    canvas.options(permissions={"without": ["read_roster"]})
    assert "read_roster" in wrong(office.app)["Canvas"]
    canvas.options(token="revoked")
    assert "token" in wrong(office.app)["Canvas"]
    canvas.options(token="active", down=True)
    assert wrong(office.app)["Canvas"].startswith("It can't be asked from here:")


def test_the_reason_for_a_hold_is_reported_without_a_call_to_canvas(office, canvas, private):
    canvas.calls()
    connection = load_settings(office.session).connection
    connection.hold_cause, connection.hold_detail = "token_dead", "Canvas said: no."
    office.session.commit()
    assert wrong(office.app)["Canvas"].startswith("Canvas no longer accepts the token. Canvas said: no.")
    assert canvas.calls() == []


def test_work_that_waits_without_a_worker_is_reported(office, private):
    office.now = clock.utc_now() - timedelta(minutes=5)
    office.register(office.course("ART", "art"))
    assert "flask ascriptica worker" in wrong(office.app)["Worker"]


def test_a_worker_that_nobody_has_seen_is_reported_without_redis_too(app, private):
    app.extensions["sqlalchemy"].session.execute(delete(Measure))
    app.extensions["sqlalchemy"].session.commit()
    assert "flask ascriptica worker" in wrong(app)["Worker"]


def test_unsent_mails_are_reported(app, private):
    session, then = app.extensions["sqlalchemy"].session, clock.utc_now() - timedelta(hours=1)
    session.add(Mail(kind="new_password", email="kim@example.org", made_at=then, try_at=then))
    session.commit()
    assert "SMTP_URL" in wrong(app)["Mail"]


@pytest.mark.parametrize("left_out", [None, *IN_PRODUCTION])
def test_each_setting_that_production_needs_is_reported_if_it_is_missing(sqlite_url, tmp_path, left_out):
    settings = {name: value for name, value in IN_PRODUCTION.items() if name != left_out}
    with site(sqlite_url, **settings) as app:
        only_here = "Address" if left_out == "ASCRIPTICA_PROXIES" else None
        assert list(wrong(app)) == ([only_here] if only_here else [])
        found = wrong(app, "--deploy")
        assert len(found) == (1 if left_out else 0)
        assert left_out is None or left_out in next(iter(found.values()))


def test_debugging_is_reported(sqlite_url):
    with site(sqlite_url, **IN_PRODUCTION) as app:
        app.debug = True
        assert "Turn debugging off" in wrong(app, "--deploy")["Debugging"]


def test_an_address_without_https_is_reported_as_one(sqlite_url):
    with site(sqlite_url, **IN_PRODUCTION | {"ASCRIPTICA_ADDRESS": "http://register.example.org"}) as app:
        assert wrong(app) == {}
        found = wrong(app, "--deploy")
        assert list(found) == ["Address"]
        assert "ASCRIPTICA_ADDRESS is http://register.example.org: passwords" in found["Address"]


def test_mails_without_links_are_reported(app, private):
    app.extensions["ascriptica"].mailer = HandedOver("", "", "", lambda *_: None, give=lambda message: None)
    assert list(wrong(app)) == ["Address"]
    assert "no links" in wrong(app)["Address"]
    app.config["ASCRIPTICA_ADDRESS"] = "https://register.example.org"
    assert "counts as one visitor" in wrong(app)["Address"]
    app.config["ASCRIPTICA_PROXIES"] = 1
    assert wrong(app) == {}


def test_a_canvas_that_may_be_inside_is_said_and_is_no_fault(sqlite_url):
    with site(sqlite_url, **IN_PRODUCTION) as app:
        assert wrong(app, "--deploy") == {}
        assert "ASCRIPTICA_ALLOW_PRIVATE_CANVAS is on" in notes(app, "--deploy")["Private Canvas"]
        assert "Private Canvas" not in notes(app)
    with site(sqlite_url, **IN_PRODUCTION, ASCRIPTICA_ALLOW_PRIVATE_CANVAS=False) as app:
        assert check(app, "--deploy")[1]["Private Canvas"] == "OK"


def test_a_host_of_its_own_is_not_asked_for_what_the_stand_alone_site_needs(sqlite_url):
    host = Flask("host")
    host.config.update(SECRET_KEY="0123456789abcdef" * 4, SQLALCHEMY_DATABASE_URI=sqlite_url)
    host.config["ASCRIPTICA_TOKEN_KEYS"] = IN_PRODUCTION["ASCRIPTICA_TOKEN_KEYS"]
    SQLAlchemy(host)
    Ascriptica(host, load_participant=lambda: None, may_administer=lambda: False)
    with in_use(host):
        saw_a_worker(host)
        assert set(wrong(host, "--deploy")) <= {"Files"}


def test_a_database_whose_clock_differs_is_reported(app, private, monkeypatch):
    monkeypatch.setattr(clock, "utc_now", lambda: datetime.now(UTC) + timedelta(seconds=90))
    found = wrong(app)
    assert ("the database's are 90 s apart" in found.get("Clocks", "")) == (
        app.extensions["sqlalchemy"].engine.dialect.name == "postgresql"
    )


@pytest.mark.parametrize("token", ["active", "revoked"])
def test_a_canvas_whose_clock_differs_is_reported(office, canvas, private, token):
    canvas.options(clock_offset_seconds=-90, token=token)
    found = wrong(office.app)
    # Its answers have whole seconds, and took a moment.
    assert re.search(r"Canvas's are 9[0-3] s apart", found["Clocks"])
    assert ("Canvas" in found) == (token == "revoked")
    canvas.options(clock_offset_seconds=0, token="active")
    assert wrong(office.app) == {}


def test_a_mail_server_that_is_away_is_reported(app, private):
    plugin = app.extensions["ascriptica"]
    plugin.mailer = Mailer("smtp://127.0.0.1:1", "a@example.org", "http://localhost", lambda *_: None)
    assert "Check SMTP_URL" in wrong(app)["Mail"]


def test_the_age_of_backups_is_reported(sqlite_url, tmp_path):
    backups = tmp_path / "backups"
    backups.mkdir(mode=0o700)
    with site(sqlite_url, **IN_PRODUCTION) as app:
        assert "ASCRIPTICA_BACKUPS" in notes(app, "--deploy")["Backups"]
    with site(sqlite_url, **IN_PRODUCTION, ASCRIPTICA_BACKUPS=str(backups)) as app:
        assert "There is no backup" in wrong(app, "--deploy")["Backups"]
        (backups / "last-night.sqlite3").touch()
        assert "There is no backup" in wrong(app, "--deploy")["Backups"]
        (backups / "before.sqlite3").write_text("x")
        assert check(app, "--deploy")[1]["Backups"] == "OK"
        then = (clock.utc_now() - timedelta(hours=30)).timestamp()
        os.utime(backups / "before.sqlite3", (then, then))
        assert "30 hours old" in wrong(app, "--deploy")["Backups"]
