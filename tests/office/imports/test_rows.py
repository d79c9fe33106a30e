"""Rows: what each kind changes, and which are refused."""

import pytest
from sqlalchemy import select

from ascriptica_plugin.office import registrations
from ascriptica_plugin.office import sis_ids as rules
from ascriptica_plugin.office.imports import run as imports
from ascriptica_plugin.tables.office import Association, Course, LogEntry, Participant, Registration

from ...office_at_work import Office, someone
from ...pages import all_of
from .files import COURSES, PARTICIPANTS, REGISTRATIONS, counts, everything, people_of, statuses


def test_all_three_go_in_and_a_second_time_nothing_changes(app, command):
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


def test_people_are_found_by_email_whatever_its_case(app, command):
    people_of(app, "kim")
    assert counts(command("participants", "email,name\nKIM@Example.ORG,Kim Lee\n", "--rename")[1]) == (0, 1, 0, 0)
    [kim] = all_of(app, Participant)
    assert (kim.name, kim.email) == ("Kim Lee", "kim@example.org")


def test_an_email_with_other_than_ascii_letters_is_found_again(app, command):
    data = "email,name\nÉva@Example.org,Éva\n"
    command("participants", data)
    assert counts(command("participants", data)[1]) == (0, 0, 1, 0)


def test_a_blank_cell_leaves_what_there_is(app, command):
    command("courses", COURSES)
    command("participants", PARTICIPANTS)
    before = everything(app)
    assert counts(command("courses", "code,title,capacity,canvas_course,canvas_section\nart,,,,\n")[1]) == (0, 0, 1, 0)
    assert counts(command("participants", "email,name,sis_user_id\nkim@example.org,,\n")[1]) == (0, 0, 1, 0)
    assert everything(app) == before


def test_formulas_stay_text(app, command):
    command("participants", "email,name\nkim@example.org,=1+1\n")
    assert [one.name for one in all_of(app, Participant)] == ["=1+1"]


def test_what_was_imported_is_in_the_log(app, command):
    command("courses", COURSES)
    command("participants", PARTICIPANTS)
    command("registrations", REGISTRATIONS)
    command("participants", "email,name\nkim@example.org,Kim Lee\n", "--rename")
    entries = [(one.what, one.who) for one in all_of(app, LogEntry)]
    assert {what for what, _ in entries} == {"imported", "made a course", "added", "registered", "corrected"}
    assert {who for _, who in entries} == {"the import command"}
    assert "name: Kim → Kim Lee" in [one.words for one in all_of(app, LogEntry)]


def test_registrations_go_into_canvas_and_out_again(office, command, canvas):
    office.course("ART", "art")
    command("participants", "email,name\nkim@example.org,Kim\nlou@example.org,Lou\nnew@example.org,New\n")
    everybody = "email,course,status\n" + "".join(
        f"{who}@example.org,art,registered\n" for who in ("kim", "lou", "new")
    )
    command("registrations", everybody)
    office.later(seconds=1)
    office.deliver()
    assert canvas.roster("art") == dict.fromkeys(("kim@example.org", "lou@example.org", "new@example.org"), "active")
    command("registrations", everybody)
    assert office.status()["seats"]["due"] == 0
    command("registrations", "email,course,status\nkim@example.org,ART,withdrawn\n")
    office.later(seconds=1)
    office.deliver()
    assert canvas.roster("art")["kim@example.org"] == "deleted"
    assert office.status()["seats"] == {"due": 0, "held": 0, "parked": 0, "enrolled": 2, "removed": 1}


def test_a_changed_canvas_course_is_looked_up_and_people_move(office, command, canvas):
    course = office.course("ART", "art")
    office.register(course)
    office.deliver()
    command("courses", f"code,canvas_course\nART,{canvas.api}/courses/{canvas.ids['course.bio']}\n")
    assert all_of(office.app, Association)[0].canvas_course_id is None
    office.later(minutes=5)
    office.deliver()
    office.deliver()
    assert canvas.roster("bio") == {"kim@example.org": "active"}
    assert canvas.roster("art") == {"kim@example.org": "deleted"}


def test_more_places_let_those_who_wait_move_up(app, command):
    office = Office(app, None)
    course = office.course("ART", capacity=1)
    office.register(course, "kim")
    registrations.register(office.session, course, someone("lou"), office.now, wait=True)
    office.session.commit()
    command("courses", "code,capacity\nART,2\n")
    assert statuses(app) == {("kim@example.org", "ART", "registered"), ("lou@example.org", "ART", "registered")}


def test_a_withdrawal_goes_first_and_lets_those_who_wait_move_up(app, command):
    office = Office(app, None)
    course = office.course("ART", capacity=2)
    people_of(app, "new", "ann")
    office.register(course, "kim")
    office.register(course, "bea")
    registrations.register(office.session, course, someone("lou"), office.now, wait=True)
    office.session.commit()
    data = (
        "email,course,status\n"
        "new@example.org,ART,registered\nann@example.org,ART,registered\n"
        "kim@example.org,ART,withdrawn\nbea@example.org,ART,withdrawn\n"
    )
    for options in (["--dry-run"], []):
        code, output = command("registrations", data, "--yes", *options)
        assert code == 1
        assert counts(output) == (1, 2, 0, 1)
        assert "line 3: ART here is full." in output
    assert {one for one in statuses(app) if one[2] == "registered"} == {
        ("lou@example.org", "ART", "registered"),
        ("new@example.org", "ART", "registered"),
    }
    assert all_of(app, Course)[0].places_taken == 2
    before = everything(app)
    assert counts(command("registrations", data)[1]) == (0, 0, 3, 1)
    assert everything(app) == before


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
        ("courses", "code,title\nNEW,\u3164\u200b\n", "Give the course a title that can be seen."),
        ("participants", "email,name\nnew@example.org,\u3164\u200b\n", "Enter a name."),
        ("participants", "email,name\nkim,Kim\n", "That is not an email address."),
        ("participants", "email,name\n,Kim\n", "Enter an email address."),
        ("participants", f"email,name\n{'x' * 90}@example.org,Kim\n", "logins of 100 characters"),
        ("participants", "email,name\nnew@example.org,\n", "A new participant needs a name."),
        ("participants", f"email,name\nnew@example.org,{'x' * 256}\n", "Keep the name to 255"),
        ("participants", f"email,name,sis_user_id\nnew@example.org,N,{'x' * 256}\n", "Keep the SIS ID to 255"),
        ("participants", "email,name,sis_user_id\nnew@example.org,N,a\u200bb\n", "control characters"),
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
def test_a_bad_row_is_refused_with_line_and_reason_and_the_others_go_in(app, command, kind, data, reason):
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
    assert f"line 2: {reason}" in output or reason in output
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


def test_a_known_email_with_another_name_is_listed_and_taken_only_when_the_import_says_so(app, command):
    people_of(app, "kim")
    data = "email,name\nkim@example.org,Lou Berg\nnew@example.org,New\n"
    for options in (["--dry-run"], []):
        code, output = command("participants", data, *options)
        assert code == 1
        assert "line 2: Kim has the email kim@example.org here, and no other name." in output
        assert "import it with “Rename people” (--rename)" in output
        assert counts(output) == (1, 0, 0, 1)
    assert {one.name for one in all_of(app, Participant)} == {"Kim", "New"}
    assert counts(command("participants", data, "--rename")[1]) == (0, 1, 1, 0)
    assert {one.name for one in all_of(app, Participant)} == {"Lou Berg", "New"}


@pytest.mark.parametrize("name", ["Émile Zoë", "EMILE  ZOE", "Zoë, Émile", "emile zoe"])
def test_a_name_that_is_only_written_otherwise_is_the_same(app, command, name):
    data = 'email,name\nkim@example.org,"{}"\n'
    command("participants", data.format("Émile Zoë"))
    assert counts(command("participants", data.format(name))[1]) == (0, 0, 1, 0)
    assert [one.name for one in all_of(app, Participant)] == ["Émile Zoë"]


def test_somebody_known_by_their_email_alone_gets_a_name(app, command):
    app.extensions["sqlalchemy"].session.add(Participant(email="kim@example.org", name="kim@example.org"))
    app.extensions["sqlalchemy"].session.commit()
    assert counts(command("participants", "email,name\nkim@example.org,Kim Lee\n")[1]) == (0, 1, 0, 0)
    assert [one.name for one in all_of(app, Participant)] == ["Kim Lee"]


def test_families_with_one_address_read_what_to_do(app, command):
    output = command("participants", "email,name\nfam@example.org,Ann Alt\nFAM@example.org,Ben Alt\n")[1]
    assert (
        "line 3: Line 2 has other values for the same email: a name. If these are two people, such as a family"
        in output
    )
    assert "each needs an email of their own" in output
    assert [one.name for one in all_of(app, Participant)] == ["Ann Alt"]


# -- SIS IDs ----------------------------------------------------------------------------------------------------------


def sis_ids(app) -> dict[str, tuple[str | None, str | None]]:
    """By name: the SIS ID, and the one that was left out."""
    return {one.name: (one.sis_user_id, one.sis_user_id_refused) for one in all_of(app, Participant)}


@pytest.mark.parametrize("batch", [1, 500])
def test_a_sis_id_of_somebody_else_is_left_out_and_the_line_names_them(app, command, monkeypatch, batch):
    monkeypatch.setattr(imports, "BATCH", batch)
    people_of(app, "kim", "bea")
    all_of(app, Participant)[0].sis_user_id = "S-1"
    app.extensions["sqlalchemy"].session.commit()
    rows = "lou@example.org,Lou,S-1", "bea@example.org,Bea,S-1", "ann@example.org,Ann,S-2", "eve@example.org,Eve,S-2"
    data = "email,name,sis_user_id\n" + "\n".join(rows) + "\n"
    for options in (["--dry-run"], []):
        code, output = command("participants", data, *options)
        assert code == 1
        assert counts(output) == (3, 1, 0, 0)
        for line in (2, 3):
            assert f"line {line}: Taken without the SIS ID. Kim (kim@example.org) has the SIS ID S-1." in output
        assert "line 5: Taken without the SIS ID. " in output
    assert sis_ids(app) == {
        "Kim": ("S-1", None),
        "Bea": (None, "S-1"),
        "Lou": (None, "S-1"),
        "Ann": ("S-2", None),
        "Eve": (None, "S-2"),
    }
    before = everything(app)
    code, output = command("participants", data)
    assert (code, counts(output)) == (1, (0, 0, 4, 0))
    assert everything(app) == before


@pytest.mark.parametrize("cell", ["#N/A", "#REF!", "1.00E+11", "0", "n/a", "-"])
def test_what_a_spreadsheet_made_of_a_sis_id_refuses_the_row(app, command, cell):
    code, output = command("participants", f"email,name,sis_user_id\nkim@example.org,Kim,{cell}\nlou@x.org,Lou,S-1\n")
    assert code == 1
    assert f"line 2: “{cell}” is" in output
    assert sis_ids(app) == {"Lou": ("S-1", None)}


def test_a_sis_id_that_somebody_gets_meanwhile_is_left_out(app, command, monkeypatch):
    """Between the look-up and the commit of a batch a sign-in may bring the same one."""
    people_of(app, "kim", "lou")
    look_up = rules.others_with
    blind = [lambda *_: {}]
    monkeypatch.setattr(rules, "others_with", lambda *args: blind.pop()(*args) if blind else look_up(*args))
    all_of(app, Participant)[0].sis_user_id = "S-1"
    app.extensions["sqlalchemy"].session.commit()
    output = command("participants", "email,sis_user_id\nlou@example.org,S-1\n")[1]
    assert "line 2: Taken without the SIS ID. Kim (kim@example.org) has the SIS ID S-1." in output
    assert sis_ids(app) == {"Kim": ("S-1", None), "Lou": (None, "S-1")}


@pytest.mark.parametrize(
    "typed",
    [
        "kim@xn--mnchen-3ya.example",
        "KIM@MÜNCHEN.EXAMPLE",
        "kim@mu\u0308nchen.example",
        "\u202akim@mün\u00adchen.example\u202c",
        "\ufeffkim\u200b@münchen.example",
    ],
)
def test_an_email_is_the_same_however_it_is_written_and_whatever_is_copied_along(app, command, typed):
    Office(app, None).course("ART")
    command("participants", "email,name\nkim@münchen.example,Kim\n")
    data = f"email,name,sis_user_id\n{typed},Kim,K-1\n"
    assert counts(command("participants", data)[1]) == (0, 1, 0, 0)
    [kim] = all_of(app, Participant)
    assert (kim.email, kim.sis_user_id) == ("kim@xn--mnchen-3ya.example", "K-1")
    assert counts(command("registrations", f"email,course,status\n{typed},ART,registered\n")[1]) == (1, 0, 0, 0)
