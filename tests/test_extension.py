"""What is asked of a host, and what the plugin becomes in it."""

from email.message import EmailMessage

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from ascriptica_plugin import mail
from ascriptica_plugin.extension import Ascriptica
from ascriptica_plugin.office.people import Person

from .office_at_work import Office, in_use, make_app, wait_for


def test_every_address_and_cookie_moves_under_a_prefix(database_url, canvas):
    with in_use(make_app(database_url, ASCRIPTICA_URL_PREFIX="/registration")) as app:
        client = app.test_client()
        assert client.get("/registration/").status_code == 200
        assert client.get("/registration/sign-in").status_code == 200
        assert client.get("/registration/healthz").status_code == 200
        assert client.get("/sign-in").status_code == 404


def test_a_host_keeps_its_own_cookies_and_headers(database_url):
    host = Flask("host")
    host.config.update(SECRET_KEY="x", SQLALCHEMY_DATABASE_URI=database_url, WTF_CSRF_ENABLED=False)
    host.add_url_rule("/own", view_func=lambda: "own")
    SQLAlchemy(host)
    somebody = Person(key="17", email="ann@example.org", name="Ann")
    Ascriptica(host, load_participant=lambda: somebody, may_administer=lambda: True)
    with in_use(host):
        own = host.test_client().get("/own").headers
        assert not {"Content-Security-Policy", "Permissions-Policy", "Cross-Origin-Opener-Policy"} & set(own.keys())
        ours = host.test_client().get("/tools/participants")
        assert "camera=()" in ours.headers["Permissions-Policy"]
        assert host.config["SESSION_COOKIE_NAME"] == "session"


def test_the_host_s_database_object_can_be_named(tmp_path):
    host, nobody = Flask("host"), {"load_participant": lambda: None, "may_administer": lambda: False}
    host.config.update(SECRET_KEY="x", SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path}/host.sqlite3")
    db = SQLAlchemy(host)
    with pytest.raises(RuntimeError, match="db is not the SQLAlchemy object"):
        Ascriptica(host, db=SQLAlchemy(), **nobody)
    Ascriptica(host, db=db, **nobody)


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


def test_a_host_sends_our_mails_itself_and_has_its_own_texts(database_url, tmp_path):
    (tmp_path / "ascriptica" / "mails").mkdir(parents=True)
    (tmp_path / "ascriptica" / "mails" / "moved_up.txt").write_text("Hooray: {{ course }}\n{{ name }}, see {{ page }}")
    host, sent = Flask("host", template_folder=str(tmp_path)), []
    host.config.update(SECRET_KEY="x", SQLALCHEMY_DATABASE_URI=database_url)
    host.config["ASCRIPTICA_ADDRESS"] = "https://campus.example.org"
    SQLAlchemy(host)

    def give(message: EmailMessage) -> None:
        sent.append(message)
        if len(sent) == 1:
            raise ConnectionError("the provider is away")

    Ascriptica(host, load_participant=lambda: None, may_administer=lambda: False, send_mail=give)
    with in_use(host):
        here = Office(host, None)
        course = here.course("ART", capacity=1)
        here.register(course, "kim")
        wait_for(here, course, "max")
        here.withdraw(course, "kim")
        mailer = host.extensions["ascriptica"].mailer
        assert mail.send_due(here.session, mailer, lambda: here.now) == 0
        here.later(minutes=5)
        assert mail.send_due(here.session, mailer, lambda: here.now) == 1
        assert (sent[1]["To"], sent[1]["Subject"], sent[1]["From"]) == ("max@example.org", "Hooray: ART here", None)
        assert sent[1].get_content() == "Max, see https://campus.example.org/courses/ART\n"


def test_setting_up_an_app_twice_is_refused(app):
    with pytest.raises(RuntimeError, match="already"):
        Ascriptica(app, load_participant=lambda: None, may_administer=lambda: False)
