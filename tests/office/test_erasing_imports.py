"""Somebody is erased who is named in the reports of imports, or who sent the file."""

import pytest

from ascriptica_plugin.office import registrations
from ascriptica_plugin.office.imports import uploads
from ascriptica_plugin.shared import clock
from ascriptica_plugin.tables.imports import Import
from ascriptica_plugin.worker import rounds

from ..office_at_work import Office, sign_in, someone
from ..pages import all_of, upload, words
from .erasing import erase, everything_in_the_database, number_of


def test_reports_of_imports_name_nobody(app, admin):
    office = Office(app, None)
    course = office.course("ART", capacity=0)
    registrations.register(office.session, course, someone("kim"), office.now, wait=True)
    office.session.commit()
    file = "email,course,status\nkim@example.org,ART,registered\nkim@example.org,kim@example.org,registered\n"
    upload(admin, "registrations", file + "nobody@example.org,ART,registered\n")
    upload(admin, "participants", "email,name,sis_user_id\nkim@example.org,Kim\tLee,\nlou@,Lou,\n")
    reports = [dict(one.refused) for one in all_of(app, Import)]
    assert reports[0][2] == "This person is on the waitlist of ART here."
    assert [sorted(report) for report in reports] == [[2, 3, 4], [2, 3]]
    for trace in ("kim", "lou", "nobody"):
        assert trace not in str(reports).lower()
    erase(admin, number_of(office))
    office.deliver()
    assert "kim" not in everything_in_the_database(office)


def test_erasing_removes_a_person_s_name_from_reports_about_others(app, admin):
    """Somebody else's row names them, since they have its email under another name, or its SIS ID."""
    office = Office(app, None)
    office.register(office.course("ART"), "kim", sis_user_id="S-1")
    rows = "kim@example.org,Lou,\nnew@example.org,New,S-1\nbad,Bad,\n"
    upload(admin, "participants", f"email,name,sis_user_id\n{rows}")
    [report] = all_of(app, Import)
    assert report.refused[0][1].startswith("Here, the email kim@example.org belongs to Kim.")
    assert "Kim (kim@example.org) has the SIS ID S-1." in report.remarks[0][1]
    erase(admin, number_of(office))
    office.deliver()
    assert "kim" not in everything_in_the_database(office)
    [report] = all_of(app, Import)
    assert [line for line, _ in report.refused] == [2, 4]
    assert [line for line, _ in report.remarks] == [3]
    assert report.refused[1][1].startswith("That is not an email address.")


def test_erasing_removes_the_name_of_who_sent_a_file(app, admin):
    office = Office(app, None)
    other = app.test_client()
    sign_in(other, app, "kim@example.org", admin=True)
    upload(other, "courses", "code,title\nART,Art\n")
    other.post("/courses/ART/register")
    # Signed in last, since the tests' application context keeps who is signed in.
    chief = app.test_client()
    sign_in(chief, app, "chief@example.org", admin=True)
    erase(chief, number_of(office))
    office.deliver()
    assert [one.who for one in all_of(app, Import)] == ["an erased participant"]
    assert "kim@" not in everything_in_the_database(office)


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_file_on_its_way_brings_nobody_back(app, admin, dry_run):
    """What is left of the file is kept until it is imported, and so is a person who is named in it."""
    office = Office(app, None)
    office.register(office.course("ART"), "kim")
    number, session = number_of(office), office.session
    data = b"email,name\nKIM@example.org,Kim\nlou@example.org,Lou\n"
    how = {"dry_run": dry_run, "most_rows": 10}
    uploads.start(session, "participants", "people.csv", data, clock.utc_now(), "boss@example.org", **how)
    session.commit()
    erase(admin, number)
    office.deliver()
    assert "as soon as running imports have finished" in words(admin.get(f"/tools/participants/{number}"))
    rounds.take_files_in(app)
    [report] = all_of(app, Import)
    assert (report.made, report.finished_at is not None) == (1, True)
    assert report.refused == [[2, "Somebody with this email is being erased. Send this row again when that is done."]]
    office.deliver()
    assert "kim@" not in everything_in_the_database(office)
    # Sent later, it is somebody new.
    upload(admin, "participants", "email,name\nkim@example.org,Kim\n")
    assert number_of(office) != number
