"""What is asked of a host, and what the plugin becomes in it."""

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from ascriptica_plugin.extension import Ascriptica
from ascriptica_plugin.office.people import Person

from .office_at_work import in_use, make_app


def test_under_a_prefix_everything_moves(database_url, canvas):
    with in_use(make_app(database_url, ASCRIPTICA_URL_PREFIX="/registration")) as app:
        client = app.test_client()
        assert client.get("/registration/").status_code == 200
        assert client.get("/registration/sign-in").status_code == 200
        assert client.get("/registration/healthz").status_code == 200
        assert client.get("/sign-in").status_code == 404


def test_a_host_of_its_own_keeps_its_cookies_and_its_headers(database_url):
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


def test_set_up_twice_is_refused(app):
    with pytest.raises(RuntimeError, match="already"):
        Ascriptica(app, load_participant=lambda: None, may_administer=lambda: False)
