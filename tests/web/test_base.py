"""What every page has: whom it is for, the office's clock, Course Settings read once, and numbers that are none."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event, update
from sqlalchemy.orm import Session

from ascriptica_plugin.tables.canvas import Settings
from ascriptica_plugin.tables.office import Course
from ascriptica_plugin.web import base

from ..office_at_work import Office, in_use, make_app, sign_in
from ..pages import all_of, new_course, words


def test_times_are_on_the_office_s_clock(database_url, canvas):
    with in_use(make_app(database_url, ASCRIPTICA_TIMEZONE="America/Denver")) as app:
        client = app.test_client()
        sign_in(client, app, "boss@example.org", admin=True)
        client.post("/tools/courses/new", data=new_course(starts_at="2027-07-01T09:00"))
        [course] = all_of(app, Course)
        assert course.starts_at == datetime(2027, 7, 1, 9, tzinfo=ZoneInfo("America/Denver"))
        form = client.get("/tools/courses/ART/edit")
        assert "2027-07-01T09:00" in form.text
        assert "Times are in the office's time zone: America/Denver." in words(form)
        page = words(client.get("/courses/ART"))
        assert "Thu 01 Jul 2027, 09:00" in page
        assert "Time zone: America/Denver" in page


def test_every_page_tells_the_time_zone(client):
    assert "Time zone: UTC" in words(client.get("/"))
    assert "Time zone: UTC" in words(client.get("/courses/NOPE"))


@pytest.mark.parametrize("path", ["/tools/courses", "/tools/courses/new", "/tools/courses/ART", "/tools/canvas"])
def test_participants_see_no_tools(app, kim, path):
    Office(app, None).course("ART")
    assert kim.get(path).status_code == 403


def test_every_view_says_whom_it_is_for(app):
    unguarded = [
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("ascriptica.")
        and not rule.endpoint.endswith(".static")
        and not hasattr(app.view_functions[rule.endpoint], "guard")
    ]
    assert unguarded == []


ONE_READ = [
    "/",
    "/courses/ART",
    "/my/courses",
    "/my/sign-in",
    "/tools/courses",
    "/tools/courses/new",
    "/tools/courses/ART",
    "/tools/courses/ART/cancel",
    "/tools/",
    "/tools/canvas",
    "/tools/participants",
    "/tools/participants/1",
    "/tools/participants/1/erase",
    "/tools/import",
    "/tools/log",
    "/tools/settings/course-settings",
    "/nowhere",
]
CALLS_CANVAS = ["/tools/courses/ART/edit"]
"""Pages that end their transaction before they call Canvas, and read what they need again after it."""


@pytest.fixture
def admin(app, client):
    sign_in(client, app, "boss@example.org", admin=True)
    return client


def test_a_page_reads_course_settings_once(office, admin):
    office.register(course := office.course("ART", "art"))
    office.register(course, "ann")
    admin.post("/courses/ART/register")
    office.deliver()
    asked = []
    engine = office.app.extensions["sqlalchemy"].engine
    event.listen(engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    for path in ONE_READ + CALLS_CANVAS:
        # A session of its own, as each request has outside of tests.
        office.session.remove()
        asked.clear()
        assert admin.get(path).status_code == (404 if path == "/nowhere" else 200)
        reads = [statement for statement in asked if "FROM ascriptica_settings" in statement]
        assert len(reads) == (2 if path in CALLS_CANVAS else 1), path


def test_a_change_of_course_settings_is_seen_in_the_same_request(app):
    session = app.extensions["sqlalchemy"].session
    with app.test_request_context():
        assert base.settings().on_withdrawal == "delete"
        base.settings().on_withdrawal = "conclude"
        assert base.settings().on_withdrawal == "conclude"
        session.rollback()
        assert base.settings().on_withdrawal == "delete"
        with Session(app.extensions["sqlalchemy"].engine) as colleague:
            colleague.execute(update(Settings).values(on_withdrawal="deactivate"))
            session.rollback()
            colleague.commit()
        assert base.settings().on_withdrawal == "deactivate"
        session.expunge_all()
        assert base.settings() in session


def test_a_number_that_is_no_id_is_no_page(app, admin):
    """On any page with a number in its address, also where nobody thought of it."""
    addresses = app.url_map.bind("localhost")
    with_number = [
        rule
        for rule in app.url_map.iter_rules()
        if "IntegerConverter" in {type(one).__name__ for one in rule._converters.values()}
    ]
    assert len(with_number) > 9
    for rule in with_number:
        for number in (2**31, 2**70):
            path = addresses.build(rule.endpoint, dict.fromkeys(rule.arguments, number))
            for method in rule.methods & {"GET", "POST"}:
                answer = admin.open(path, method=method)
                assert answer.status_code == 404, (method, path)
                assert "There is no such page" in answer.text
