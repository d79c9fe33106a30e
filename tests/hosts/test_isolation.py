"""A host whose engine is stricter than ours: nobody gets an error because somebody else was faster."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy import text

from ascriptica_plugin.tables.office import Course, Registration

from ..office_at_work import Office, in_use
from ..pages import all_of
from .foreign import make_site, mount

MANY = 40


@pytest.fixture(params=["REPEATABLE READ", "SERIALIZABLE"])
def site(request, postgresql: str) -> Flask:
    """A site that asks its database in each request, before we come to it."""
    options = {"isolation_level": request.param, "pool_size": 15, "max_overflow": 30}
    site = make_site(postgresql, SQLALCHEMY_ENGINE_OPTIONS=options, WTF_CSRF_ENABLED=False)
    db = site.extensions["sqlalchemy"]

    @site.before_request
    def look_around():
        db.session.execute(text("SELECT count(*) FROM member")).all()

    @site.get("/level")
    def level():
        return db.session.execute(text("SHOW TRANSACTION ISOLATION LEVEL")).scalar_one()

    mount(site)
    return site


def at_once(site: Flask, path: str) -> Counter:
    """How often MANY people got which answer."""
    together = threading.Barrier(MANY)

    def post(number: int) -> int:
        client = site.test_client()
        with client.session_transaction() as cookie:
            cookie["member"] = number + 1
        together.wait()
        return client.post(path).status_code

    with ThreadPoolExecutor(MANY) as threads:
        return Counter(threads.map(post, range(MANY)))


def test_a_rush_for_a_course_is_no_error_for_anybody(site):
    with in_use(site):
        Office(site, None).course("ART", capacity=25)
    assert at_once(site, "/registration/courses/ART/register") == {302: MANY}
    with in_use(site):
        [course] = all_of(site, Course)
        assert course.places_taken == 25
        assert Counter(one.status for one in all_of(site, Registration)) == {"registered": 25}
    assert at_once(site, "/registration/courses/ART/withdraw") == {302: MANY}
    with in_use(site):
        [course] = all_of(site, Course)
        assert course.places_taken == 0
        # The host's own transactions are as strict as before, after ours too.
        level = site.config["SQLALCHEMY_ENGINE_OPTIONS"]["isolation_level"].lower()
        client = site.test_client()
        assert [client.get("/level").text, client.get("/registration/").status_code, client.get("/level").text] == [
            level,
            200,
            level,
        ]
        site.extensions["sqlalchemy"].session.execute(text("DROP TABLE member"))
        site.extensions["sqlalchemy"].session.commit()
