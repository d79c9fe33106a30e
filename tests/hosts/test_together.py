"""Several installations: in one process, on one Redis, below a path of a bigger site."""

import html
import re
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import select

from ascriptica_plugin import Ascriptica, Person
from ascriptica_plugin.office import registrations
from ascriptica_plugin.tables.office import Course, Registration
from ascriptica_plugin.tables.upgrade import upgrade_tables

from ..office_at_work import PASSWORD, Office, in_use, make_app, someone
from ..pages import all_of
from .foreign import make_site, mount


def opened(site: Flask, *courses: str) -> Flask:
    """The app with our tables and these courses."""
    with in_use(site):
        upgrade_tables(site)
        for code in courses:
            Office(site, None).course(code)
    return site


def test_one_ascriptica_object_serves_several_apps_made_by_a_factory(tmp_path):
    ascriptica = Ascriptica(load_participant=lambda: Person("1", "ann@example.org", "Ann"), may_administer=lambda: True)
    sites = []
    for name, prefix in (("spring", "/registration"), ("autumn", "/courses-and-more")):
        site = make_site(f"sqlite:///{tmp_path}/{name}.sqlite3", WTF_CSRF_ENABLED=False, ASCRIPTICA_URL_PREFIX=prefix)
        ascriptica.init_app(site)
        sites.append(opened(site, name.upper()))
    for site, prefix, own, other in (
        (sites[0], "/registration", "SPRING", "AUTUMN"),
        (sites[1], "/courses-and-more", "AUTUMN", "SPRING"),
    ):
        client = site.test_client()
        assert client.post(f"{prefix}/courses/{own}/register").location == f"{prefix}/courses/{own}"
        assert client.get(f"{prefix}/courses/{other}").status_code == 404
        with in_use(site):
            assert [one.course.code for one in all_of(site, Registration)] == [own]


@pytest.fixture
def pair(tmp_path, valkey) -> Iterator[list[Flask]]:
    """Two installations with one Redis, and even one SECRET_KEY."""
    sites = [make_site(f"sqlite:///{tmp_path}/{name}.sqlite3", REDIS_URL=valkey.url) for name in ("a", "b")]
    for site in sites:
        mount(site)
        opened(site, "ART")
    yield sites
    for site in sites:
        site.extensions["ascriptica"].bell._redis.close()


def test_two_installations_on_one_redis_hear_only_their_own_bell(pair, valkey):
    a, b = (site.extensions["ascriptica"].bell for site in pair)
    with in_use(pair[0]):
        session = pair[0].extensions["sqlalchemy"].session
        for number in range(2):
            registrations.register(
                session, session.scalars(select(Course)).one(), someone(f"p{number}"), Office(pair[0], None).now
            )
            session.commit()
    with valkey.client() as client:
        client.delete(a.flag)
        a.ring()
        b.ring()
        # b's flag is its own: a's ringing did not stop it from ringing.
        assert [client.llen(f"rq:queue:{bell.queue}") for bell in (a, b)] == [1, 1]
        b.hear(client)
        assert (a.heard_at(), b.heard_at() is not None) == (None, True)
        b.hear_no_more(client)
        assert b.heard_at() is None
        for key in client.keys("*bell*") + client.keys("*heard*"):
            assert key.decode().split(":")[0] in (a.queue, b.queue)


def test_processes_of_one_installation_have_one_queue(tmp_path):
    def queue(**config: object) -> str:
        site = make_site(f"sqlite:///{tmp_path}/site.sqlite3", **config)
        mount(site)
        return site.extensions["ascriptica"].bell.queue

    assert queue() == queue() != queue(ASCRIPTICA_QUEUE="own")
    assert queue(ASCRIPTICA_QUEUE="own") == "own"
    with pytest.raises(RuntimeError, match="ASCRIPTICA_QUEUE must be a name"):
        queue(ASCRIPTICA_QUEUE="a b")


def test_the_host_s_own_redis_address_is_left_alone(tmp_path):
    site = make_site(
        f"sqlite:///{tmp_path}/site.sqlite3",
        REDIS_URL="redis://127.0.0.1:1/0",
        ASCRIPTICA_REDIS_URL="redis://127.0.0.1:2/0",
    )
    mount(site)
    assert site.extensions["ascriptica"].bell.url == "redis://127.0.0.1:2/0"
    assert site.config["REDIS_URL"] == "redis://127.0.0.1:1/0"


def test_an_old_secret_key_still_opens_after_a_new_one_is_set(tmp_path, valkey):
    before, after = (
        make_site(f"sqlite:///{tmp_path}/site.sqlite3", REDIS_URL=valkey.url, ASCRIPTICA_QUEUE="one") for _ in "12"
    )
    mount(before)
    after.config.update(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["the site's own"])
    mount(after)
    old, new = before.extensions["ascriptica"], after.extensions["ascriptica"]
    sealed = old.canvases.keys.encrypt(b"a token")
    assert new.canvases.keys.decrypt(sealed) == b"a token"
    # Secrets that are sealed from now on need the new key.
    assert old.canvases.keys._fernets[0]._signing_key != new.canvases.keys._fernets[0]._signing_key
    with valkey.client() as client:
        old.bell.hear(client)
        assert new.bell.heard_at() is not None
        new.bell.hear(client)
        assert old.bell.heard_at() is None
    for plugin in (old, new):
        plugin.bell._redis.close()


# -- below a path of a bigger site: the server says so by SCRIPT_NAME --------------------------------------------------

ROOT = "/reg"


def links(page: str) -> set[str]:
    """Where a page leads: links, forms, files."""
    found = re.findall(r'(?:href|action|src)="([^"]*)"', page)
    return {html.unescape(one) for one in found if not one.startswith(("#", "http", "data:"))}


def test_every_link_and_redirect_keeps_the_path_below_which_we_are_mounted(database_url, canvas):
    with in_use(make_app(database_url)) as app:
        Office(app, None).course("ART")
    boss = app.test_client()
    there = {"base_url": f"http://localhost{ROOT}"}
    made = app.test_cli_runner(env={"ASCRIPTICA_PASSWORD": PASSWORD}).invoke(
        args=["ascriptica", "create-user", "boss@example.org", "--name", "Boss", "--admin"]
    )
    assert made.exit_code == 0, made.output
    # A visitor comes for a course, and is there after signing in.
    assert f'href="{ROOT}/sign-in?next={ROOT}/courses/ART"' in boss.get("/courses/ART", **there).text
    asked = boss.get("/my/courses?a=b", **there)
    assert asked.location == f"{ROOT}/sign-in?next={ROOT}/my/courses?a%3Db"
    signed_in = boss.post(
        f"/sign-in?next={ROOT}/courses/ART", data={"email": "boss@example.org", "password": PASSWORD}, **there
    )
    assert signed_in.location == f"{ROOT}/courses/ART"
    pages, seen = [f"{ROOT}/", f"{ROOT}/nowhere", f"{ROOT}/sign-up"], set()
    while pages:
        path = pages.pop()
        if path in seen:
            continue
        seen.add(path)
        answer = boss.get(path.removeprefix(ROOT), **there)
        answer.close()
        if answer.status_code == 302:
            assert answer.location.startswith(f"{ROOT}/"), path
            continue
        assert answer.status_code in (200, 404, 405), path
        for link in links(answer.text) if answer.mimetype == "text/html" else ():
            assert link.startswith((f"{ROOT}/", "?")), (path, link)
            if link.startswith(ROOT) and "sign-out" not in link:
                pages.append(link)
    assert len(seen) > 15
    assert boss.post("/courses/ART/register", **there).location == f"{ROOT}/courses/ART"
    assert boss.post("/sign-out", **there).location == f"{ROOT}/"
    with in_use(app):
        """Its connections are closed."""
