"""Tools → Import: days and times in a file of courses."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from ascriptica_plugin.tables.office import Course

from ...pages import all_of, new_course, pressed, upload, words


def test_a_trial_shows_the_times_of_courses_in_the_office_s_zone_also_of_new_ones(app, admin):
    app.extensions["ascriptica"].timezone = ZoneInfo("Europe/Berlin")
    file = "code,title,starts_at,ends_at,registration_closes_at\nART,Art,1.3.2027,26.04.2027,2/28/2027 6:00 PM\n"
    times = "starts: 2027-03-01 00:00 CET; ends: 2027-04-26 23:59 CEST; registration closes: 2027-02-28 18:00 CET"
    tried = upload(admin, "courses", file, dry_run="y")
    assert f"Line 2 New: ART, Art, 1.3.2027, 26.04.2027, 2/28/2027 6:00 PM {times}" in words(tried)
    pressed(admin, tried, "Import these now")
    [course] = all_of(app, Course)
    assert course.ends_at == datetime(2027, 4, 26, 21, 59, tzinfo=UTC)
    tried = upload(admin, "courses", "code,ends_at\nART,27.4.2027\n", dry_run="y")
    assert "ends: 2027-04-26 23:59 CEST → 2027-04-27 23:59 CEST" in words(tried)
    assert "Unchanged 1" in words(upload(admin, "courses", file))


def test_a_course_may_begin_and_end_on_one_day(app, admin):
    page = upload(admin, "courses", "code,title,starts_at,ends_at\nART,Art,2027-03-01 18:00,2027-03-01\n")
    assert "The file is imported." in words(page)


def test_saving_the_form_of_an_imported_course_leaves_its_last_day(app, admin):
    """The form has no seconds."""
    upload(admin, "courses", "code,title,ends_at\nART,Art,2027-04-26\n")
    [course] = all_of(app, Course)
    shown = re.search(r'name="ends_at"[^>]* value="([^"]+)"', admin.get("/tools/courses/ART/edit").text)[1]
    admin.post("/tools/courses/ART/edit", data=new_course(title="Art anew", ends_at=shown))
    [course] = all_of(app, Course)
    assert (course.title, course.ends_at) == ("Art anew", datetime(2027, 4, 26, 23, 59, tzinfo=UTC))


def test_dates_are_the_office_s_and_may_be_past(app, admin):
    app.extensions["ascriptica"].timezone = ZoneInfo("Europe/Berlin")
    times = "2020-03-01,2020-07-01 18:00,2020-02-28T12:00+00:00"
    rows = f"code,title,starts_at,ends_at,registration_closes_at\nOLD,Old,{times}\n"
    assert "The file is imported." in words(upload(admin, "courses", rows))
    [course] = all_of(app, Course)
    assert course.starts_at == datetime(2020, 2, 29, 23, tzinfo=UTC)
    assert course.ends_at == datetime(2020, 7, 1, 16, tzinfo=UTC)
    assert course.registration_closes_at == datetime(2020, 2, 28, 12, tzinfo=UTC)
    wrong = "code,starts_at,ends_at\nOLD,soon,\nOLD,,2019-01-01\n"
    page = words(upload(admin, "courses", wrong))
    assert "Line 2 Write the first day like 2027-03-01 18:00 (starts_at)." in page
    assert "Line 3 The course can't end before it starts." in page
