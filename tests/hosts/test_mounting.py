"""Nothing of a host's changes by mounting us: its answers, its names, its hooks, its database."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask_talisman import Talisman
from flask_wtf import CSRFProtect
from sqlalchemy import Engine, text

from ascriptica_plugin.office import mails_to_administrators, mails_to_participants
from ascriptica_plugin.tables.office import Registration
from ascriptica_plugin.tables.upgrade import upgrade_tables

from ..office_at_work import in_use
from ..pages import all_of, new_course
from .foreign import make_site, mount

ITS_OWN = [
    ("GET", "/", {}),
    ("GET", "/?dean=1", {}),
    ("GET", "/guestbook", {}),
    ("POST", "/guestbook", {"data": {"name": "Ann"}}),
    ("POST", "/guestbook", {"data": {}}),
    ("POST", "/api/ping", {"json": {"a": 1}}),
    ("POST", "/only/looked/at", {}),
    ("DELETE", "/", {}),
    ("GET", "/nowhere", {}),
    ("GET", "/broken", {}),
    ("OPTIONS", "/guestbook", {}),
    ("GET", "/static/none.css", {}),
]
"""Requests for the site's own pages."""


def answers(site: Flask) -> list[tuple]:
    """What the site answers to them, word for word."""
    client = site.test_client()
    found = [client.open(path, method=method, **what) for method, path, what in ITS_OWN]
    return [(one.status_code, one.get_data(), sorted(one.headers)) for one in found]


def test_the_host_s_own_pages_answer_as_before(tmp_path):
    site = make_site(f"sqlite:///{tmp_path}/one.sqlite3")
    with in_use(site):
        before = answers(site)
    with_us = make_site(f"sqlite:///{tmp_path}/other.sqlite3")
    called = mount(with_us)
    with in_use(with_us):
        upgrade_tables(with_us)
        assert answers(with_us) == before
        # Nor is the host asked who is there: its session, and a query, may be needed for it.
        assert called == []


def names_and_hooks(site: Flask) -> dict[str, set]:
    """The names and hooks that an app has for all of its routes."""
    hooks = ("before_request_funcs", "after_request_funcs", "teardown_request_funcs", "template_context_processors")
    more = ("url_value_preprocessors", "url_default_functions")
    found = {name: set(getattr(site, name)[None]) for name in hooks + more}
    handlers = {(code, kind) for code, kinds in site.error_handler_spec[None].items() for kind in kinds}
    return found | {
        "handlers": handlers,
        "globals": set(site.jinja_env.globals),
        "filters": set(site.jinja_env.filters),
        "tests": set(site.jinja_env.tests),
        "config": set(site.config),
        "settings": {(name, repr(value)) for name, value in site.config.items() if not name.startswith("ASCRIPTICA_")},
        "shell": set(site.shell_context_processors),
        "teardown": set(site.teardown_appcontext_funcs),
        "templates": set(site.jinja_env.list_templates()),
        "endpoints": set(site.view_functions),
        "extensions": set(site.extensions),
        "commands": set(site.cli.commands),
        "middleware": {site.wsgi_app, site.session_interface, site.response_class, site.request_class},
    }


def test_nothing_is_added_for_all_routes_but_names_with_our_prefix(tmp_path):
    site = make_site(f"sqlite:///{tmp_path}/site.sqlite3")
    before = names_and_hooks(site)
    mount(site)
    after = names_and_hooks(site)
    for kind, names in before.items():
        assert names <= after[kind], kind
        assert {name for name in after[kind] - names if not str(name).lower().startswith("ascriptica")} == set(), kind


def with_nothing(site: Flask) -> None:
    pass


def with_protection(site: Flask) -> None:
    del site.jinja_env.globals["csrf_token"]
    CSRFProtect(site)


def with_protection_that_checks_nothing(site: Flask) -> None:
    site.config["WTF_CSRF_CHECK_DEFAULT"] = False
    CSRFProtect(site)


def with_us_exempted(site: Flask) -> None:
    protection = CSRFProtect(site)
    protection.exempt("ascriptica_plugin.web.registering.register")
    protection._exempt_blueprints.add("ascriptica")


def with_a_field_of_another_name(site: Flask) -> None:
    site.config["WTF_CSRF_FIELD_NAME"] = "_token"
    CSRFProtect(site)


@pytest.fixture
def site(tmp_path) -> Flask:
    return make_site(f"sqlite:///{tmp_path}/site.sqlite3")


@pytest.mark.parametrize(
    "protect",
    [
        with_nothing,
        with_protection,
        with_protection_that_checks_nothing,
        with_us_exempted,
        with_a_field_of_another_name,
    ],
)
def test_our_forms_need_their_token_whatever_the_host_has(site, protect: Callable[[Flask], None]):
    protect(site)
    mount(site)
    with in_use(site):
        upgrade_tables(site)
        ann = site.test_client()
        ann.get("/sign-in/1")
        field = site.config.get("WTF_CSRF_FIELD_NAME", "csrf_token")
        form = ann.get("/registration/tools/courses/new").text
        [token] = re.findall(rf'name="{field}" value="([^"]+)"', form)
        for wrong in ({}, {field: "made up"}):
            assert ann.post("/registration/tools/courses/new", data=new_course() | wrong).status_code == 400
        # Without a session of its own a token is worth nothing.
        assert site.test_client().post("/registration/courses/ART/register", data={field: token}).status_code == 400
        assert ann.post("/registration/tools/courses/new", data=new_course() | {field: token}).status_code == 302
        assert ann.post("/registration/courses/ART/register").status_code == 400
        assert all_of(site, Registration) == []
        assert ann.post("/registration/courses/ART/register", data={field: token}).status_code == 302
        assert len(all_of(site, Registration)) == 1


def test_forms_outlive_a_new_secret_key(site):
    mount(site)
    with in_use(site):
        upgrade_tables(site)
        ann = site.test_client()
        ann.get("/sign-in/1")
        [token] = re.findall('name="csrf_token" value="([^"]+)"', ann.get("/registration/tools/courses/new").text)
        site.config.update(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["older", "the site's own"])
        form = new_course() | {"csrf_token": token}
        assert ann.post("/registration/tools/courses/new", data=form).status_code == 302
        site.config["SECRET_KEY_FALLBACKS"] = ["older"]
        assert ann.post("/registration/tools/courses/new", data=form).status_code == 400


def test_a_form_sent_over_https_must_come_from_this_site(site):
    mount(site)
    with in_use(site):
        upgrade_tables(site)
        ann = site.test_client()
        where = {"base_url": "https://site.example"}
        ann.get("/sign-in/1", **where)
        page = ann.get("/registration/tools/courses/new", **where).text
        [token] = re.findall('name="csrf_token" value="([^"]+)"', page)
        for number, (referrer, status) in enumerate(
            [(None, 400), ("https://evil.example/", 400), ("https://site.example/x", 302)]
        ):
            answer = ann.post(
                "/registration/tools/courses/new",
                data=new_course(code=f"C{number}", csrf_token=token),
                headers={"Referer": referrer} if referrer else {},
                **where,
            )
            assert answer.status_code == status


def test_our_headers_are_on_our_pages_alone_and_the_host_s_win(site):
    mount(site)
    with in_use(site):
        upgrade_tables(site)
        client = site.test_client()
        ours = client.get("/registration/").headers
        assert ours["X-Frame-Options"] == "SAMEORIGIN"
        assert ours["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in ours["Content-Security-Policy"]
        assert ours["Cache-Control"] == "no-store"
        # The host's own page, though the address is below our prefix.
        missing = client.get("/registration/courses/NONE")
        assert missing.text == "The site's own page for 404."
        for its_own in (client.get("/").headers, missing.headers):
            assert not {"Content-Security-Policy", "Permissions-Policy", "Cache-Control"} & set(its_own.keys())


@pytest.mark.parametrize("report_only", [False, True])
def test_talisman_s_headers_win(site, report_only):
    policy = {"default-src": "'self' https://cdn.example"}
    how = {"content_security_policy_report_only": report_only, "content_security_policy_report_uri": "/reports"}
    Talisman(site, force_https=False, content_security_policy=policy, referrer_policy="no-referrer", **how)
    mount(site)
    with in_use(site):
        upgrade_tables(site)
        client = site.test_client()
        own, ours = client.get("/").headers, client.get("/registration/").headers
        for name, value in own.items():
            assert name in ("Content-Length", "Vary", "Set-Cookie") or ours[name] == value, name
        assert ("Content-Security-Policy" in ours) is not report_only


def test_the_host_s_error_pages_answer_for_ours(site):
    mount(site)
    with in_use(site):
        client = site.test_client()
        for path, method, code in [
            ("/registration/nowhere", "GET", 404),
            ("/registration/courses/ART", "DELETE", 405),
            ("/registration/courses/ART/register", "POST", 400),
            # Its tables are not there yet.
            ("/registration/", "GET", 503),
        ]:
            answer = client.open(path, method=method)
            assert (answer.status_code, answer.text) == (code, f"The site's own page for {code}.")
        upgrade_tables(site)
        client.get("/sign-in/2")
        assert client.get("/registration/tools/courses").text == "The site's own page for 403."
        # Our own sentences stay where they belong to a form of ours.
        client.get("/sign-in/1")
        site.config["WTF_CSRF_ENABLED"] = False
        answer = client.post("/registration/tools/courses/new", data={"code": ""})
        assert answer.status_code == 422
        assert "error-summary" in answer.text


def test_the_host_s_database_is_set_up_as_before(site):
    def set_up(engine: Engine) -> tuple:
        with engine.connect() as connection:
            journal = connection.scalar(text("PRAGMA journal_mode"))
        of_engine, of_pool = ("begin", "before_cursor_execute"), ("first_connect", "connect", "checkout")
        listeners = [len(getattr(engine.dispatch, name)) for name in of_engine]
        return journal, listeners + [len(getattr(engine.pool.dispatch, name)) for name in of_pool]

    with in_use(site):
        engine = site.extensions["sqlalchemy"].engine
        before = set_up(engine)
        mount(site)
        upgrade_tables(site)
        site.test_client().get("/registration/")
        assert set_up(engine) == before


def test_the_texts_of_all_mails_come_with_the_package(tmp_path):
    site = make_site(f"sqlite:///{tmp_path}/site.sqlite3")
    mount(site)
    for kind in (*mails_to_administrators.KINDS, *mails_to_participants.KINDS):
        assert site.jinja_env.get_template(f"ascriptica/mails/{kind}.txt"), kind
