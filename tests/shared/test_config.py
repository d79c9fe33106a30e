"""Settings: what can't be right is refused at the start."""

from pathlib import Path

import pytest

import wsgi
from ascriptica_plugin.shared import config

from ..office_at_work import in_use, make_app


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"SMTP_URL": "smtp://mail.example.org"}, "MAIL_FROM"),
        ({"SMTP_URL": "smtp://mail.example.org", "MAIL_FROM": "a@example.org"}, "ASCRIPTICA_ADDRESS"),
        ({"SMTP_URL": "mail.example.org", "MAIL_FROM": "a@b.org", "ASCRIPTICA_ADDRESS": "http://a.org"}, "SMTP_URL"),
        ({"ASCRIPTICA_ADDRESS": "register.example.org"}, "ASCRIPTICA_ADDRESS"),
        ({"ASCRIPTICA_ADDRESS": "https://register.example.org/path"}, "ASCRIPTICA_ADDRESS"),
        ({"ASCRIPTICA_ADDRESS": "https://[x"}, "ASCRIPTICA_ADDRESS"),
        ({"ASCRIPTICA_PROXIES": "yes"}, "ASCRIPTICA_PROXIES"),
    ],
)
def test_settings_that_can_t_be_right_are_refused_at_the_start(config, sentence):
    with pytest.raises(RuntimeError, match=sentence):
        make_app("sqlite://", **config)


def test_a_host_without_a_secret_is_refused():
    with pytest.raises(RuntimeError, match="SECRET_KEY"):
        make_app("sqlite://", SECRET_KEY=None)


def test_a_file_without_certificates_is_refused(tmp_path):
    (tmp_path / "empty.pem").touch()
    for path in (tmp_path / "empty.pem", tmp_path / "none.pem", Path(__file__)):
        with pytest.raises(RuntimeError, match="CA_FILE must be a PEM file"):
            make_app("sqlite://", ASCRIPTICA_CANVAS_CA_FILE=str(path))


@pytest.mark.parametrize("days", ["0", "-1", "a year", "1.5", ""])
def test_a_log_period_that_is_no_number_of_days_is_refused(days):
    with pytest.raises(RuntimeError, match="ASCRIPTICA_LOG_DAYS"):
        make_app("sqlite://", ASCRIPTICA_LOG_DAYS=days)


@pytest.mark.parametrize("seats", ["0", "many", "1000000"])
def test_an_import_size_that_is_no_number_of_people_is_refused(seats):
    with pytest.raises(RuntimeError, match="ASCRIPTICA_MASS_SEATS must be a whole number from 1 to 999999"):
        make_app("sqlite://", ASCRIPTICA_MASS_SEATS=seats)


@pytest.mark.parametrize("name", ["Mars/Base", "America", "/etc/passwd", "x" * 300])
def test_an_unknown_time_zone_is_refused(name):
    with pytest.raises(RuntimeError, match="ASCRIPTICA_TIMEZONE must name a time zone"):
        make_app("sqlite://", ASCRIPTICA_TIMEZONE=name)


@pytest.mark.parametrize("url", ["localhost:6379", "redis://localhost:port", "http://localhost"])
def test_an_invalid_queue_address_is_refused(url):
    with pytest.raises(RuntimeError, match="REDIS_URL must look like"):
        make_app("sqlite://", REDIS_URL=url)


@pytest.mark.parametrize(
    "url", ["office.db", "mysql://me:secret@db/office", "postgresql://me:secret@db:port/office", "sqlite+nope://"]
)
def test_an_invalid_database_address_is_refused_and_not_shown(monkeypatch, url):
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(RuntimeError, match="DATABASE_URL must look like") as refused:
        wsgi.create_app()
    assert "secret" not in str(refused.value)


def test_a_driver_that_is_missing_is_named():
    with pytest.raises(RuntimeError, match="pg8000 is missing; DATABASE_URL needs it"):
        make_app("postgresql+pg8000://me@db/office")


@pytest.mark.parametrize("name", ["ASCRIPTICA_ALLOW_PRIVATE_CANVAS", "ASCRIPTICA_ADMIN_SECOND_STEP"])
def test_a_switch_that_is_neither_on_nor_off_is_refused(monkeypatch, name):
    """Otherwise somebody could believe that administrators need a second step, and be wrong."""
    for value, on in (("1", True), ("0", False), ("", False)):
        monkeypatch.setenv(name, value)
        assert wsgi.create_app({"SQLALCHEMY_DATABASE_URI": "sqlite://"}).config[name] is on
    monkeypatch.setenv(name, "true")
    with pytest.raises(RuntimeError, match=f"{name} must be 1, or left out"):
        wsgi.create_app({"SQLALCHEMY_DATABASE_URI": "sqlite://"})


def test_invalid_keys_are_refused():
    with pytest.raises(RuntimeError, match="Fernet"):
        make_app("sqlite://", ASCRIPTICA_TOKEN_KEYS="not a key")


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
    """This holds on SQLAlchemy 2.0 as well, which would choose psycopg2."""
    monkeypatch.setenv("DATABASE_URL", given)
    with in_use(wsgi.create_app()) as app:
        assert app.extensions["sqlalchemy"].engine.driver == driver


def test_a_driver_that_is_named_is_left_alone():
    assert config.with_driver("postgresql+pg8000://me@db/office") == "postgresql+pg8000://me@db/office"
