"""Course Settings, as pages read them: once a request."""

import pytest
from sqlalchemy import event, update
from sqlalchemy.orm import Session

from ascriptica_plugin.tables.canvas import Settings
from ascriptica_plugin.web import base

from ..office_at_work import sign_in
from ..pages import new_course

ONE_READ = [
    "/",
    "/courses/ART",
    "/my/courses",
    "/my/sign-in",
    "/tools/courses",
    "/tools/courses/new",
    "/tools/courses/ART",
    "/tools/courses/ART/edit",
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


@pytest.fixture
def admin(app, client):
    sign_in(client, app, "boss@example.org", admin=True)
    return client


def reads_of_settings(asked: list[str]) -> int:
    return sum("FROM ascriptica_settings" in statement for statement in asked)


def test_a_page_reads_course_settings_once(office, admin, canvas):
    office.register(course := office.course("ART", "art"))
    office.register(course, "ann")
    admin.post("/courses/ART/register")
    office.deliver()
    asked = []
    engine = office.app.extensions["sqlalchemy"].engine
    event.listen(engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    for path in ONE_READ:
        # A session of its own, as each request has outside of tests.
        office.session.remove()
        asked.clear()
        assert admin.get(path).status_code == (404 if path == "/nowhere" else 200)
        assert reads_of_settings(asked) == 1, path
    # One that calls Canvas ends its transaction before, and reads what it needs again after it.
    form = new_course(canvas_course=str(canvas.ids["course.art"]), sections="1")
    office.session.remove()
    asked.clear()
    assert "Late group" in admin.post("/tools/courses/ART/edit", data=form).text
    assert reads_of_settings(asked) == 2


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
