"""Rows of all kinds: what they change, which are refused, and that a second time nothing changes."""

import pytest
from sqlalchemy import select

from ascriptica_plugin.office.imports import run as imports
from ascriptica_plugin.tables.office import Course, LogEntry, Participant, Registration

from ...office_at_work import Office
from ...pages import all_of
from .files import COURSES, PARTICIPANTS, REGISTRATIONS, counts, everything, people_of, statuses


def test_all_three_kinds_are_imported_and_a_second_import_changes_nothing(app, command):
    assert counts(command("courses", COURSES)[1]) == (2, 0, 0, 0)
    assert counts(command("participants", PARTICIPANTS)[1]) == (2, 0, 0, 0)
    assert counts(command("registrations", REGISTRATIONS)[1]) == (1, 0, 1, 0)
    art, bio = sorted(all_of(app, Course), key=lambda course: course.code)
    assert (art.title, art.capacity, art.places_taken) == ("Art", 20, 1)
    assert (art.association.canvas_course, art.association.canvas_section) == ("42", "7")
    assert art.association.look_up_at is not None
    assert (bio.capacity, bio.association) == (None, None)
    assert [(one.key, one.sis_user_id) for one in all_of(app, Participant)] == [(None, "K-1"), (None, None)]
    assert statuses(app) == {("kim@example.org", "ART", "registered")}
    before = everything(app)
    for kind, data in (("courses", COURSES), ("participants", PARTICIPANTS), ("registrations", REGISTRATIONS)):
        code, output = command(kind, data)
        assert code == 0
        assert counts(output) == (0, 0, 2, 0)
    assert everything(app) == before


def test_a_blank_cell_leaves_the_stored_value(app, command):
    command("courses", COURSES)
    command("participants", PARTICIPANTS)
    before = everything(app)
    assert counts(command("courses", "code,title,capacity,canvas_course,canvas_section\nart,,,,\n")[1]) == (0, 0, 1, 0)
    assert counts(command("participants", "email,name,sis_user_id\nkim@example.org,,\n")[1]) == (0, 0, 1, 0)
    assert everything(app) == before


def test_an_import_is_written_to_the_activity_log(app, command):
    command("courses", COURSES)
    command("participants", PARTICIPANTS)
    command("registrations", REGISTRATIONS)
    command("participants", "email,name\nkim@example.org,Kim Lee\n", "--rename")
    entries = [(one.what, one.who) for one in all_of(app, LogEntry)]
    assert {what for what, _ in entries} == {"imported", "made a course", "added", "registered", "corrected"}
    assert {who for _, who in entries} == {"the import command"}
    assert "name: Kim → Kim Lee" in [one.words for one in all_of(app, LogEntry)]


@pytest.mark.parametrize(
    ("kind", "data", "reason"),
    [
        ("courses", "code,title\nA B,Art\n", "A code has 1 to 40 letters"),
        ("courses", "code,title\n,Art\n", "A code has 1 to 40 letters"),
        ("courses", "code,title\nNEW,\n", "A new course needs a title."),
        ("courses", f"code,title\nNEW,{'x' * 256}\n", "Keep the title to 255"),
        ("courses", "code,title,capacity\nNEW,N,many\n", "has to be a whole number"),
        ("courses", "code,title,capacity\nNEW,N,-1\n", "has to be a whole number"),
        ("courses", "code,title,capacity\nNEW,N,9999999\n", "has to be a whole number"),
        ("courses", "code,capacity\nFULL,0\n", "1 people are registered, more than 0."),
        ("courses", "code,title,canvas_course\nNEW,N,art\n", "the number after /courses/"),
        ("courses", "code,title,canvas_course,canvas_section\nNEW,N,4,x\n", "Enter the Canvas section's ID"),
        ("courses", "code,title,canvas_section\nNEW,N,4\n", "Name the Canvas course that the section belongs to."),
        ("courses", f"code,title,canvas_course\nNEW,N,sis_course_id:{'x' * 300}\n", "too long for a Canvas course"),
        ("courses", "code,title\nNEW,\u3164\u200b\n", "Give the course a visible title."),
        ("participants", "email,name\nnew@example.org,\u3164\u200b\n", "Enter a name."),
        ("participants", "email,name\nkim,Kim\n", "That is not an email address."),
        ("participants", "email,name\n,Kim\n", "Enter an email address."),
        ("participants", f"email,name\n{'x' * 90}@example.org,Kim\n", "logins of 100 characters"),
        ("participants", "email,name\nnew@example.org,\n", "A new participant needs a name."),
        ("participants", f"email,name\nnew@example.org,{'x' * 256}\n", "Keep the name to 255"),
        ("participants", f"email,name,sis_user_id\nnew@example.org,N,{'x' * 256}\n", "Keep the SIS ID to 255"),
        ("participants", "email,name,sis_user_id\nnew@example.org,N,a\u2028b\n", "control characters"),
        ("participants", "email,name\nnew@example.org,J\ufffdrg\n", "Letters of the name were lost"),
        ("participants", "email,name\nnew@example.org,JÃ¶rg\n", "Letters of the name were lost"),
        ("participants", "email,name\ntwo@example.org,Two\n", "2 participants have this email"),
        ("participants", 'email,name\nnew@example.org,"a\nb"\n', "line breaks and control characters"),
        ("participants", "email,name\nnew@example.org,a\x00b\n", "line breaks and control characters"),
        ("participants", f"email,name\nnew@example.org,{'x' * 1001}\n", "longer than 1,000 characters"),
        ("participants", "email,name\nnew@example.org,a,b\n", "more cells than the first line"),
        ("registrations", "email,course,status\nno@example.org,ART,registered\n", "no participant with this email"),
        ("registrations", "email,course,status\ntwo@example.org,ART,registered\n", "2 participants have this email"),
        ("registrations", "email,course,status\nkim@example.org,NO,registered\n", "There is no course with this code."),
        ("registrations", "email,course,status\nkim@example.org,ART,maybe\n", "registered or withdrawn"),
        ("registrations", "email,course,status\nkim@example.org,ART\n", "registered or withdrawn"),
        ("registrations", "email,course,status\nkim@example.org,FULL,registered\n", "FULL here is full."),
        ("registrations", "email,course,status\nkim@example.org,OFF,registered\n", "This course is cancelled."),
        ("registrations", "email,course,status\nwaits@example.org,FULL,registered\n", "on the waitlist of FULL here"),
    ],
)
def test_a_bad_row_is_refused_with_line_and_reason_and_the_others_are_imported(app, command, kind, data, reason):
    office = Office(app, None)
    office.course("ART")
    full = office.course("FULL", capacity=1)
    office.register(full, "lou")
    office.course("OFF", cancelled_at=office.now)
    people_of(app, "kim", "two", "TWO", "waits")
    waits = office.session.scalars(select(Participant).where(Participant.email == "waits@example.org")).one()
    office.session.add(
        Registration(course_id=full.id, participant_id=waits.id, status="waitlisted", registered_at=office.now)
    )
    two = office.session.scalars(select(Participant).where(Participant.name == "Two")).all()
    assert len(two) == 2
    office.session.commit()
    good = {
        "courses": {"code": "GOOD", "title": "Good"},
        "participants": {"email": "good@example.org", "name": "Good"},
        "registrations": {"email": "kim@example.org", "course": "ART", "status": "registered"},
    }[kind]
    if kind == "courses" and "title" not in data.split("\n")[0]:
        good = {"code": "ART", "capacity": "9"}
    columns = data.split("\n")[0].split(",")
    data += ",".join(good.get(column, "") for column in columns) + "\n"
    code, output = command(kind, data)
    assert code == 1
    [refusal] = [line for line in output.splitlines() if reason in line]
    assert refusal.strip().startswith("line 2: ")
    made, changed, unchanged, refused = counts(output)
    assert (made + changed, unchanged, refused) == (1, 0, 1)


@pytest.mark.parametrize(
    ("kind", "header", "row", "other"),
    [
        ("participants", "email,name", "kim@example.org,Kim", "KIM@example.org,Kimberly"),
        ("courses", "code,title", "ART,Art", "art,Arts"),
        ("registrations", "email,course,status", "kim@example.org,ART,withdrawn", "kim@example.org,art,registered"),
    ],
)
def test_rows_that_contradict_an_earlier_one_are_refused(app, command, monkeypatch, kind, header, row, other):
    """Else a second import of the file would change things to and fro."""
    if kind == "registrations":
        office = Office(app, None)
        people_of(app, "kim")
        office.course("ART")
    for batch in (500, 1):
        monkeypatch.setattr(imports, "BATCH", batch)
        output = command(kind, f"{header}\n{row}\n{row}\n{other}\n")[1]
        assert "line 4: Line 2 has other values for the same" in output
        assert counts(output)[3] == 1
