"""Times on pages: on the office's clock, with its time zone named."""

from datetime import datetime
from zoneinfo import ZoneInfo

from ascriptica_plugin.tables.office import Course

from ..office_at_work import in_use, make_app, sign_in
from ..pages import all_of, new_course, words


def test_times_are_shown_in_the_office_s_time_zone(database_url, canvas):
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


def test_every_page_names_the_time_zone(client):
    assert "Time zone: UTC" in words(client.get("/"))
    assert "Time zone: UTC" in words(client.get("/courses/NOPE"))
