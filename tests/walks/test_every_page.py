"""Every page: who may come in, that looking changes nothing, and what is logged of refusals."""

import re
import shutil
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from sqlalchemy import select
from werkzeug.routing import Rule

from ascriptica_plugin.office import registrations
from ascriptica_plugin.office.imports import uploads
from ascriptica_plugin.shared import pauses
from ascriptica_plugin.standalone.accounts import accounts, links, passwords, sign_ups
from ascriptica_plugin.tables.imports import Import
from ascriptica_plugin.tables.office import LogEntry, Participant, Registration

from ..office_at_work import PASSWORD, Office, in_use, make_app, sign_in
from ..pages import all_of, everything, rules_of, words
from ..standalone.accounts.visitors import NOW, Visitor, visitor


@pytest.fixture
def site(empty_sqlite, tmp_path) -> Iterator[Flask]:
    """A host with a course ART, for which Ann is registered."""
    shutil.copy(empty_sqlite, tmp_path / "office.sqlite3")
    with in_use(make_app(f"sqlite:///{tmp_path}/office.sqlite3")) as app:
        office = Office(app, None)
        course = office.course("ART")
        account = accounts.add_account(office.session, office.now, "ann@example.org", "Ann Private", PASSWORD)
        office.session.flush()
        registrations.register(office.session, course, accounts.person_of(account), office.now)
        data = b"email,name\nx@example.org,X\n"
        how = {"dry_run": False, "most_rows": 10}
        uploads.start(office.session, "participants", "x.csv", data, office.now, "boss@example.org", **how)
        sign_ups.sign_up(office.session, office.now, "new@example.org", "New Private", "hash", by_mail=False)
        office.session.commit()
        yield app


def signed_in(app: Flask, email: str, admin: bool = False) -> Visitor:
    client = visitor(app)
    sign_in(client, app, email, admin=admin)
    return client


def address(app: Flask, rule: Rule) -> str:
    """The rule's address with what is there; a rule with a new kind of value needs an example here."""
    session = app.extensions["sqlalchemy"].session
    examples = {
        "code": "ART",
        "kind": "courses",
        "participant_id": session.scalar(select(Participant.id).where(Participant.name == "Ann Private")),
        "seat_id": 1,
        "registration_id": session.scalar(select(Registration.id)),
        "account_id": 1,
        "import_id": session.scalar(select(Import.id)),
        "entry_id": session.scalar(select(LogEntry.id)),
        "sign_up_id": sign_ups.waiting(session)[0].id,
        "token": "no-such-token",
    }
    with app.test_request_context():
        return app.url_map.bind("localhost").build(rule.endpoint, {name: examples[name] for name in rule.arguments})


def test_every_view_lets_in_only_the_people_it_names(site):
    stranger, bob = visitor(site), signed_in(site, "bob@example.org")
    before = everything(site)
    seen = set()
    for rule in rules_of(site):
        guard = getattr(site.view_functions[rule.endpoint], "guard", None)
        assert guard in ("everybody", "participants", "administrators"), f"nobody guards {rule}"
        seen.add(guard)
        for method in rule.methods & {"GET", "POST"}:
            where = address(site, rule)
            if guard != "everybody":
                answer = stranger.open(where, method=method)
                assert (answer.status_code, answer.location.partition("?")[0]) == (302, "/sign-in"), rule
            if guard == "administrators":
                answer = bob.open(where, method=method)
                assert answer.status_code == 403, rule
                assert "Private" not in answer.text
        assert rule.methods <= {"GET", "HEAD", "OPTIONS", "POST"}, rule
    assert seen == {"everybody", "participants", "administrators"}
    assert everything(site) == before


def test_a_get_request_changes_nothing(site):
    boss = signed_in(site, "boss@example.org", admin=True)
    before = everything(site)
    looked_at = 0
    for rule in rules_of(site):
        if "GET" in rule.methods:
            assert boss.get(address(site, rule)).status_code in (200, 302, 404, 410), rule
            assert everything(site) == before, rule
            looked_at += 1
        else:
            assert boss.get(address(site, rule)).status_code in (200, 302, 405), rule
    assert looked_at > 15
    assert everything(site) == before


def test_nothing_changes_without_the_form_s_own_token(site):
    site.config["WTF_CSRF_ENABLED"] = True
    boss = signed_in(site, "boss@example.org", admin=True)
    before = everything(site)
    sent_to = 0
    for rule in rules_of(site):
        if "POST" in rule.methods:
            for data in ({}, {"csrf_token": "made up"}):
                answer = boss.post(address(site, rule), data=data)
                assert (answer.status_code, "open too long" in words(answer)) == (400, True), rule
            sent_to += 1
    assert sent_to > 15
    assert everything(site) == before


def test_a_participant_reaches_only_what_is_their_own_whatever_ids_they_guess(site):
    session = site.extensions["sqlalchemy"].session
    [registration] = all_of(site, Registration)
    bob = signed_in(site, "bob@example.org")
    guesses = {
        "participant_id": registration.participant_id,
        "registration_id": registration.id,
        "id": registration.id,
        "key": "account:1",
        "email": "ann@example.org",
        "name": "Bob",
        "account_id": 1,
    }
    for path in ("/", "/my/courses", "/courses/ART", "/my/sign-in", "/my/sessions", "/my/password", "/my/second-step"):
        page = bob.get(path, query_string=guesses)
        assert "Private" not in page.text, path
        assert "Withdraw" not in words(page), path
    assert "You are not registered for any course." in words(bob.get("/my/courses", query_string=guesses))
    bob.post("/courses/ART/withdraw", data=guesses, query_string=guesses)
    bob.post("/my/password", data=guesses | {"old_password": PASSWORD, "password": "four words that differ"})
    assert [(it.participant_id, it.status) for it in all_of(site, Registration)] == [
        (registration.participant_id, "registered")
    ]
    bob.post("/courses/ART/register", data=guesses, query_string=guesses)
    mine = session.scalars(select(Participant).where(Participant.email == "bob@example.org")).one()
    assert [it.participant_id for it in all_of(site, Registration)] == [registration.participant_id, mine.id]
    bob.post("/courses/ART/withdraw", data=guesses)
    assert [it.status for it in all_of(site, Registration)] == ["registered", "withdrawn"]
    assert accounts.account_with(session, "ann@example.org").name == "Ann Private"
    assert passwords.fits(PASSWORD, accounts.account_with(session, "ann@example.org").password_hash)

    ann = visitor(site)
    ann.post("/sign-in", data={"email": "ann@example.org", "password": PASSWORD})
    assert "Withdraw" in words(ann.get("/my/courses"))
    with bob.session_transaction() as cookie:
        cookie["_user_id"] = "1"
    assert bob.get("/my/courses").status_code == 302, "a session is not known by an id"


def test_a_refusal_is_logged_with_who_asked_and_without_what_is_secret(site, caplog):
    bob = signed_in(site, "bob@example.org")
    bob.get("/tools/participants/1?q=Private")
    visitor(site).put("/links/secret-token")
    site.config["WTF_CSRF_ENABLED"] = True
    visitor(site).post("/links/secret-token", data={"password": PASSWORD}, environ_base={"REMOTE_ADDR": "10.0.0.9"})
    visitor(site).post("/sign-in", data={"email": "x" * 2_000_000})
    assert [record.getMessage() for record in caplog.records if record.name.endswith("web.refusals")] == [
        "403 for GET /tools/participants/<int:participant_id>, asked by account:2 from 127.0.0.1.",
        "405 for PUT no page of ours, asked by a stranger from 127.0.0.1.",
        "400 for POST /links/<token>, asked by a stranger from 10.0.0.9.",
        "413 for POST /sign-in, asked by a stranger from 127.0.0.1.",
    ]
    for secret in ("secret-token", PASSWORD, "Private", "bob@"):
        assert secret not in caplog.text


def test_a_failure_in_the_database_is_logged_without_its_values(site, caplog):
    with site.extensions["sqlalchemy"].engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE ascriptica_sign_up")
    assert visitor(site).sign_up("kim@example.org", "Kim Lee").status_code == 503
    assert "INSERT INTO ascriptica_sign_up" in caplog.text
    for secret in ("kim@", "Kim Lee", f"{passwords.METHOD}$"):
        assert secret not in caplog.text


@pytest.mark.parametrize("method", ["TRACE", "PUT", "PATCH", "DELETE", "MADEUP"])
def test_a_method_that_no_page_has_is_refused(site, method):
    for rule in rules_of(site):
        assert visitor(site).open(address(site, rule), method=method).status_code == 405, rule


def test_every_answer_has_the_security_headers(site):
    client = visitor(site)
    own = "/static/ascriptica"
    for path, content in (
        ("/", "text/html; charset=utf-8"),
        ("/sign-in", "text/html; charset=utf-8"),
        ("/tools/courses", "text/html; charset=utf-8"),
        ("/nope", "text/html; charset=utf-8"),
        ("/healthz", "application/json"),
        (f"{own}/ascriptica.css", "text/css; charset=utf-8"),
        (f"{own}/mark.svg", "image/svg+xml; charset=utf-8"),
        (f"{own}/live.js", "text/javascript; charset=utf-8"),
        (f"{own}/", "text/html; charset=utf-8"),
    ):
        with client.get(path) as answer:
            headers = answer.headers
        assert headers["Content-Type"] == content, path
        assert "Access-Control-Allow-Origin" not in headers, path
        policy = headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy, path
        assert "frame-ancestors 'none'" in policy, path
        assert "object-src 'none'" in policy, path
        assert "base-uri 'none'" in policy, path
        assert "unsafe" not in policy, path
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert headers["Referrer-Policy"] == "same-origin", path
        assert "camera=()" in headers["Permissions-Policy"], path
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin", path
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin", path
        assert "Strict-Transport-Security" not in headers, path
        assert "no-" in headers["Cache-Control"], path
    assert client.get("/sign-in").headers["Cache-Control"] == "no-store"


def test_no_page_has_a_script_or_a_style_in_it(site):
    boss = signed_in(site, "boss@example.org", admin=True)
    for rule in rules_of(site):
        if "GET" in rule.methods:
            text = boss.get(address(site, rule)).text
            assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", text), rule


def test_a_cookie_signed_in_another_way_opens_nothing(site):
    bob = signed_in(site, "bob@example.org")
    cookie = bob.get_cookie("session").value
    content = site.session_interface.get_signing_serializer(site).loads(cookie)
    assert bob.get("/my/courses").status_code == 200
    bob.set_cookie("session", SecureCookieSessionInterface().get_signing_serializer(site).dumps(content))
    assert bob.get("/my/courses").status_code == 302, "Flask's own way is SHA-1"


@pytest.mark.parametrize("target", ["https://evil.example", "//evil.example", "/\\evil.example", "/\t/evil.example"])
def test_a_sign_up_leads_to_no_other_site(site, target):
    client = visitor(site)
    client.sign_up("lou@example.org", path=target)
    session = site.extensions["sqlalchemy"].session
    [made] = sign_ups.waiting(session, email="lou@example.org")
    token = links.make_link(session, NOW, pauses.LINK_LASTS * 9999, to=made)
    session.commit()
    assert client.post(f"/links/{token}", data={"password": PASSWORD}).location == "/"
