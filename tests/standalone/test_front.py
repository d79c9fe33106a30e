"""The site as browsers meet it: headers, cookies, and proxies before it."""

import re
import shutil

from flask import Flask

from ascriptica_plugin.shared import clock
from ascriptica_plugin.standalone.accounts import accounts

from ..office_at_work import PASSWORD, in_use, make_app
from .accounts.visitors import visitor


def make_site(empty_sqlite, tmp_path, **config) -> Flask:
    shutil.copy(empty_sqlite, tmp_path / "office.sqlite3")
    app = make_app(f"sqlite:///{tmp_path}/office.sqlite3", WTF_CSRF_ENABLED=True, **config)
    with in_use(app):
        session = app.extensions["sqlalchemy"].session
        accounts.add_account(session, clock.utc_now(), "ann@example.org", "Ann", PASSWORD)
        session.commit()
    return app


def signs_in(app: Flask, **request) -> tuple[int, str]:
    """A sign-in with the form of the page, as a browser does it; its status and the session's cookie."""
    client = app.test_client()
    page = client.get("/sign-in", **request)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)[1]
    request["headers"] = {**request.get("headers", {}), "Referer": "https://register.example.org/sign-in"}
    form = {"csrf_token": token, "email": "ann@example.org", "password": PASSWORD}
    answer = client.post("/sign-in", data=form, **request)
    assert answer.location == "/"
    [cookie] = [one for one in answer.headers.getlist("Set-Cookie") if "session=" in one]
    return answer.status_code, cookie


def test_a_site_behind_an_https_proxy_sets_secure_cookies_and_checks_the_host(empty_sqlite, tmp_path):
    app = make_site(empty_sqlite, tmp_path, ASCRIPTICA_PROXIES="1", ASCRIPTICA_ADDRESS="https://register.example.org/")
    headers = {"X-Forwarded-For": "1.2.3.4, 10.0.0.7", "X-Forwarded-Proto": "https"}
    headers |= {"X-Forwarded-Host": "register.example.org"}
    client = app.test_client()
    assert (
        client.get("/", headers=headers).headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    )
    status, cookie = signs_in(app, headers=headers)
    assert status == 302
    assert cookie.startswith("__Host-session=")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    for host, status in (("evil.example", 400), ("register.example.org", 200), ("127.0.0.1:5000", 200)):
        assert client.get("/", headers=headers | {"X-Forwarded-Host": host}).status_code == status, host
    assert client.get("/healthz", headers={"Host": "127.0.0.1:5000"}).status_code == 200


def test_forwarded_headers_are_ignored_without_a_configured_proxy(empty_sqlite, tmp_path):
    app = make_site(empty_sqlite, tmp_path)
    headers = {"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}
    answer = app.test_client().get("/sign-in", headers=headers)
    assert "Strict-Transport-Security" not in answer.headers
    assert "evil" not in answer.text
    status, cookie = signs_in(app, headers=headers)
    assert (status, cookie.startswith("session=")) == (302, True)
    assert "Secure" not in cookie, "it works on http://127.0.0.1"
    assert {"HttpOnly", "SameSite=Lax"} <= set(cookie.split("; "))


def test_a_cookie_given_over_https_goes_over_https_only_though_nobody_configured_an_address(empty_sqlite, tmp_path):
    app = make_site(empty_sqlite, tmp_path, ASCRIPTICA_PROXIES="1")
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "register.example.org"}
    cookie = signs_in(app, headers=headers)[1]
    assert "Secure" in cookie.split("; ")
    assert cookie.startswith("__Host-session=")


def test_guesses_are_counted_for_the_visitor_and_not_for_the_proxy(empty_sqlite, tmp_path):
    app = make_site(empty_sqlite, tmp_path, ASCRIPTICA_PROXIES="1")
    app.config["WTF_CSRF_ENABLED"] = False
    with in_use(app):
        client, status = visitor(app), []
        for n in range(12):
            headers = {"X-Forwarded-For": f"{n}.9.9.9, 1.2.3.4"}
            status.append(client.sign_in(password="wrong password", headers=headers).status_code)
        assert status == [422] * 10 + [429] * 2
        assert client.sign_in(headers={"X-Forwarded-For": "1.2.3.4"}).status_code == 429
        assert client.sign_in(headers={"X-Forwarded-For": "1.2.3.5"}).status_code == 302


def test_a_proxy_that_nobody_configured_is_named_once_in_the_log(empty_sqlite, tmp_path, caplog):
    """Behind it everybody counts as one visitor."""
    app = make_site(empty_sqlite, tmp_path, ASCRIPTICA_ADDRESS="https://register.example.org")
    on_this_machine = {"base_url": "http://127.0.0.1"}
    app.test_client().get("/healthz", **on_this_machine)
    assert "ASCRIPTICA_PROXIES" not in caplog.text
    for name in ("X-Forwarded-For", "X-Forwarded-Proto", "Forwarded"):
        app.test_client().get("/healthz", headers={name: "for=1.2.3.4"}, **on_this_machine)
    lines = [record.getMessage() for record in caplog.records if "ASCRIPTICA_PROXIES" in record.getMessage()]
    assert [text.partition(" though")[0] for text in lines] == ["A request carried X-Forwarded-For,"]
    assert "1.2.3.4" not in caplog.text
    behind = make_app("sqlite://", ASCRIPTICA_PROXIES="1")
    caplog.clear()
    behind.test_client().get("/healthz", headers={"X-Forwarded-For": "1.2.3.4"})
    assert "ASCRIPTICA_PROXIES" not in caplog.text
