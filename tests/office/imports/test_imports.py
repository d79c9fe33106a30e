"""Imports by command and by upload: what goes in, what is refused, and that a second time changes nothing."""

import io
import random
import re
from contextlib import suppress

import pytest
from sqlalchemy import event, select

from ascriptica_plugin import clock
from ascriptica_plugin.office import registrations
from ascriptica_plugin.office.imports import file as csvfile
from ascriptica_plugin.office.imports import rows as kinds
from ascriptica_plugin.office.imports import run as imports
from ascriptica_plugin.office.places import NotPossible
from ascriptica_plugin.tables.canvas import Claim, Seat
from ascriptica_plugin.tables.office import Association, Course, Import, LogEntry, Participant, Registration
from ascriptica_plugin.web.tools import imports as page
from ascriptica_plugin.worker import rounds

from ...conftest import Office, sign_in, someone
from ...web.test_pages import all_of, words


@pytest.fixture
def command(app, tmp_path):
    """Runs `flask ascriptica import`; answers exit code and output."""

    def run(kind: str, data: str | bytes, *options: str) -> tuple[int, str]:
        path = tmp_path / "file.csv"
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        ran = app.test_cli_runner().invoke(args=["ascriptica", "import", kind, str(path), *options])
        assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
        return ran.exit_code, ran.output

    return run


@pytest.fixture
def admin(app, client):
    sign_in(client, app, "boss@example.org", admin=True)
    return client


def upload(client, kind: str, data: str | bytes, name: str = "file.csv", **more):
    file = (io.BytesIO(data.encode() if isinstance(data, str) else data), name)
    return client.post("/tools/import", data={"kind": kind, "file": file, **more}, follow_redirects=True)


def upload_bytes(client, data: str):
    """A large upload, whose body the test client would keep in a file that it leaves open."""
    parts = [
        '--x\r\nContent-Disposition: form-data; name="kind"\r\n\r\nparticipants',
        f'--x\r\nContent-Disposition: form-data; name="file"; filename="f.csv"\r\n\r\n{data}',
        "--x--\r\n",
    ]
    return client.post(
        "/tools/import", data="\r\n".join(parts), content_type="multipart/form-data; boundary=x", follow_redirects=True
    )


def counts(output: str) -> tuple[int, ...]:
    """New, changed, unchanged, refused."""
    return tuple(map(int, re.search(r"(\d+) new, (\d+) changed, (\d+) unchanged, (\d+) refused", output).groups()))


def people_of(app, *names: str) -> None:
    """Participants whom the office entered."""
    session = app.extensions["sqlalchemy"].session
    session.add_all([Participant(email=f"{name}@example.org", name=name.title()) for name in names])
    session.commit()


def statuses(app) -> set[tuple[str, str, str]]:
    return {(one.participant.email, one.course.code, one.status) for one in all_of(app, Registration)}


def everything(app) -> list[str]:
    """All that an import could change, the log included."""
    found = []
    for model in (Participant, Course, Association, Registration, Claim, LogEntry, Seat):
        columns = model.__table__.columns
        found += sorted(str([getattr(one, column.key) for column in columns]) for one in all_of(app, model))
    return found


# -- what goes in -----------------------------------------------------------------------------------------------------

COURSES = "code,title,capacity,canvas_course,canvas_section\nART,Art,20,42,7\nBIO,Biology,,,\n"
PARTICIPANTS = "email,name,sis_user_id\nkim@example.org,Kim,K-1\nlou@example.org,Lou,\n"
REGISTRATIONS = "email,course,status\nkim@example.org,ART,registered\nlou@example.org,ART,withdrawn\n"


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


@pytest.mark.parametrize(
    "data",
    [
        "\ufeffemail,name\nkim@example.org,Kim\n",
        "name;email\r\nKim;kim@example.org\r\n",
        "Name\tE M A I L\nKim\tkim@example.org\n".replace("E M A I L", " EMAIL "),
        'NAME,Email,SIS user ID,,\n"Kim",kim@example.org,,,\n\n',
        "\n\nname,email\n Kim , kim@example.org ",
        "name,email\rKim,kim@example.org\r",
    ],
)
def test_a_file_as_spreadsheets_write_it(app, command, data):
    assert command("participants", data)[0] == 0
    assert [(one.email, one.name) for one in all_of(app, Participant)] == [("kim@example.org", "Kim")]


def test_people_are_found_by_email_whatever_its_case(app, command):
    people_of(app, "kim")
    assert counts(command("participants", "email,name\nKIM@Example.ORG,Kim Lee\n")[1]) == (0, 1, 0, 0)
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
    command("participants", "email,name\nkim@example.org,Kim Lee\n")
    entries = [(one.what, one.who) for one in all_of(app, LogEntry)]
    assert {what for what, _ in entries} == {"made a course", "added", "registered", "corrected"}
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


def test_an_import_rings_the_bell(office, command, monkeypatch):
    office.course("ART", "art")
    people_of(office.app, "kim")
    rung = []
    monkeypatch.setattr(office.app.extensions["ascriptica"].bell, "ring", lambda: rung.append(1))
    row = "email,course,status\nkim@example.org,ART,registered\n"
    command("registrations", row, "--dry-run")
    assert rung == []
    command("registrations", row)
    assert rung != []
    rung.clear()
    command("registrations", row)
    assert rung == []


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
        code, output = command("registrations", data, *options)
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


def test_capacity_holds_across_batches(app, command, monkeypatch):
    monkeypatch.setattr(imports, "BATCH", 3)
    Office(app, None).course("ART", capacity=7)
    people_of(app, *(f"p{n}" for n in range(12)))
    data = "email,course,status\n" + "".join(f"p{n}@example.org,ART,registered\n" for n in range(12))
    for options in (["--dry-run"], []):
        assert counts(command("registrations", data, *options)[1]) == (7, 0, 0, 5)
    assert all_of(app, Course)[0].places_taken == 7


def test_a_dry_run_tells_the_same_and_changes_nothing(app, monkeypatch):
    """Whatever is in the file: random ones, with everything that goes in and much that does not, and people waiting."""
    monkeypatch.setattr(imports, "BATCH", 7)
    dice = random.Random(7)
    office = Office(app, None)
    session = office.session
    courses = [office.course(code, capacity=4) for code in ("ART", "BIO", "CHEM")]
    people_of(app, *(f"p{n}" for n in range(12)))
    people = all_of(app, Participant)
    for _ in range(7):
        for course in courses:
            for one in dice.sample(people, 8):
                with suppress(NotPossible):
                    registrations.register(session, course, one, office.now, wait=True)
            # A place that is free while somebody waits, as where a course ended and is held again.
            course.capacity = max(4, course.places_taken) + dice.randrange(2)
        session.commit()
        rows = [
            f"p{dice.randrange(14)}@example.org,{dice.choice(['ART', 'bio', 'Chem', 'NO'])},"
            f"{dice.choice(['registered', 'withdrawn', '?'])}"
            for _ in range(40)
        ]
        rows = csvfile.read("registrations", ("email,course,status\n" + "\n".join(rows)).encode())
        before = everything(app)
        dry = imports.run(session, "registrations", rows, clock.utc_now, "x", dry_run=True)
        assert everything(app) == before
        assert imports.run(session, "registrations", rows, clock.utc_now, "x") == dry
        again = everything(app)
        report = imports.run(session, "registrations", rows, clock.utc_now, "x")
        assert (report.made, report.changed) == (0, 0)
        assert everything(app) == again
        for course in all_of(app, Course):
            live = session.query(Registration).filter_by(course_id=course.id, status="registered").count()
            assert course.places_taken == live <= course.capacity


@pytest.mark.parametrize("batch", [1, 500])
def test_who_moves_up_to_a_place_that_the_file_frees_is_registered_already(app, command, monkeypatch, batch):
    monkeypatch.setattr(imports, "BATCH", batch)
    office = Office(app, None)
    course = office.course("ART", capacity=1)
    people_of(app, "kim", "lou")
    for one in sorted(all_of(app, Participant), key=lambda one: one.name):
        registrations.register(office.session, course, one, office.now, wait=True)
    office.session.commit()
    data = "email,course,status\nlou@example.org,ART,registered\nkim@example.org,ART,withdrawn\n"
    for options in (["--dry-run"], []):
        assert counts(command("registrations", data, *options)[1]) == (0, 1, 1, 0)
    assert statuses(app) == {("kim@example.org", "ART", "withdrawn"), ("lou@example.org", "ART", "registered")}


# -- what does not ----------------------------------------------------------------------------------------------------


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


def test_lines_are_counted_as_an_editor_does(command):
    data = 'email,name\n\nkim@example.org,"Kim\nLee"\nlou@example.org,Lou\nnobody,No\n'
    output = command("participants", data)[1]
    assert "line 3: Take the line breaks" in output
    assert "line 6: That is not an email address" in output


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
        assert "line 4: Line 2 says otherwise about the same" in output
        assert counts(output)[3] == 1


BAD_FILES = [
    (b"", "The file is empty."),
    (b" \n\n", "The file is empty."),
    (b"email,name\n", "The file has a header and no rows."),
    ("email,name\nkim@example.org,Zoë\n".encode("cp1252"), "not in UTF-8"),
    ("email,name\nkim@example.org,Kim\n".encode("utf-16"), "not in UTF-8"),
    (b"name\nKim\n", "There is no column email."),
    (b"kim@example.org,Kim\n", "There is no column email."),
    (b"email,nmae\nkim@example.org,Kim\n", "“nmae” is no column of participants."),
    (b"email,name,,sis_user_id\nkim@example.org,Kim,,\n", "is no column"),
    (b"email,name,name\nkim@example.org,Kim,Kim\n", "The column name is there twice."),
    (b'email,name\nkim@example.org,"' + b"x" * 140_000, "Line 2 can't be read."),
    (b"\x00\xff\xfe", "not in UTF-8"),
]


@pytest.mark.parametrize(("data", "sentence"), BAD_FILES)
def test_a_file_that_can_t_be_used_is_a_sentence(app, command, admin, data, sentence):
    code, output = command("participants", data)
    assert code == 2
    assert sentence in output
    answer = upload(admin, "participants", data)
    assert answer.status_code == 422
    assert sentence in words(answer)
    assert all_of(app, Participant) == []


@pytest.mark.parametrize(
    ("name", "status"),
    [("people.CSV", 200), ("people.txt", 200), ("people.tsv", 200), ("people.xlsx", 422), ("csv", 422)],
)
def test_a_file_is_told_by_the_ending_of_its_name(app, admin, name, status):
    answer = upload(admin, "participants", "email\nkim@example.org\n", name=name)
    assert answer.status_code == status
    assert ("Choose a CSV file, whose name ends with .csv." in words(answer)) == (status == 422)


def test_files_have_bounds(monkeypatch):
    monkeypatch.setattr(csvfile, "LARGEST_FILE", 40)
    with pytest.raises(csvfile.Unusable, match="larger than"):
        csvfile.read("participants", b"email\n" + b"x" * 40)
    monkeypatch.undo()
    rows = b"email\n" + b"a@b.org\n" * 11
    assert len(csvfile.read("participants", rows, 11)) == 11
    with pytest.raises(csvfile.Unusable, match="more than 10 rows"):
        csvfile.read("participants", rows, 10)


def test_no_file_and_no_such_kind_end_with_2(app, tmp_path):
    runner = app.test_cli_runner()
    missing = runner.invoke(args=["ascriptica", "import", "courses", str(tmp_path / "nothing.csv")])
    unknown = runner.invoke(args=["ascriptica", "import", "teachers", str(tmp_path)])
    assert (missing.exit_code, unknown.exit_code) == (2, 2)


def test_long_files_tell_their_progress(app, command, monkeypatch):
    data = "email,name\n" + "".join(f"p{n}@example.org,P\n" for n in range(2001))
    output = command("participants", data, "--dry-run")[1]
    assert "1,000 of 2,001 rows" in output
    assert "2,000 of 2,001 rows" in output


def test_a_course_made_by_somebody_else_meanwhile_is_found(app, monkeypatch):
    """Between the look-up and the commit another transaction may make the same course."""
    session = app.extensions["sqlalchemy"].session
    Office(app, None).course("ART")
    found = kinds._courses
    monkeypatch.setattr(kinds, "_courses", lambda *args, **more: blind.pop()() if blind else found(*args, **more))
    blind = [dict]
    rows = csvfile.read("courses", b"code,title\nART,Art anew\n")
    report = imports.run(session, "courses", rows, clock.utc_now, "x")
    assert (report.made, report.changed) == (0, 1)
    assert [course.title for course in all_of(app, Course)] == ["Art anew"]


@pytest.mark.parametrize("kind", ["participants", "registrations"])
def test_an_import_asks_no_more_for_more_rows(app, kind):
    """Within one batch: a second import, where all is unchanged."""
    session = app.extensions["sqlalchemy"].session
    Office(app, None).course("ART")
    people_of(app, *(f"p{n}" for n in range(200)))
    asked = []
    event.listen(session.get_bind(), "before_cursor_execute", lambda *args: asked.append(args[2]))
    numbers = []
    for n in (10, 200):
        if kind == "participants":
            data = "email,name\n" + "".join(f"p{i}@example.org,P{i}\n" for i in range(n))
        else:
            data = "email,course,status\n" + "".join(f"p{i}@example.org,ART,withdrawn\n" for i in range(n))
        rows = csvfile.read(kind, data.encode())
        asked.clear()
        report = imports.run(session, kind, rows, clock.utc_now, "x")
        assert report.unchanged == n
        numbers.append(len(asked))
    assert numbers[0] == numbers[1]


# -- the page ---------------------------------------------------------------------------------------------------------


def test_an_upload_is_reported_as_the_command_does(app, admin):
    data = PARTICIPANTS + "nobody,No\n"
    answer = upload(admin, "participants", data, dry_run="y")
    assert "only tried out" in words(answer)
    assert '<a class="btn btn-primary" href="/tools/import?kind=participants">' in answer.text
    assert '<option selected value="participants">' in admin.get("/tools/import?kind=participants").text
    assert words_of_counts(answer) == ["New", "2", "Changed", "0", "Unchanged", "0", "Refused", "1"]
    assert "Line 4 That is not an email address." in words(answer)
    assert all_of(app, Participant) == []
    answer = upload(admin, "participants", data)
    assert "2 of 3 rows are in" in words(answer)
    assert len(all_of(app, Participant)) == 2
    assert {one.who for one in all_of(app, LogEntry)} == {"boss@example.org"}
    assert "The file is in." in words(upload(admin, "courses", COURSES))


def words_of_counts(answer) -> list[str]:
    return re.search(r"New \d+ Changed \d+ Unchanged \d+ Refused \d+", words(answer))[0].split()


def test_what_was_chosen_is_kept(admin):
    answer = admin.post("/tools/import", data={"kind": "registrations", "dry_run": "y"})
    assert answer.status_code == 422
    assert "Choose a file." in words(answer)
    assert '<option selected value="registrations">' in answer.text
    assert "checked" in answer.text


def test_only_some_of_many_refused_rows_are_shown(admin):
    answer = upload(admin, "participants", "email,name\n" + "x,X\n" * 250)
    assert "The first 200 of 250." in words(answer)
    assert answer.text.count("That is not an email address") == 200


def test_an_upload_may_be_larger_than_other_forms_but_not_without_end(admin, monkeypatch):
    row = "new@example.org,New\n"
    data = "email,name\n" + row + "\n" * 1_500_000
    assert upload_bytes(admin, data).status_code == 200
    assert admin.post("/tools/participants", data={"x": "y" * 1_500_000}).status_code in (405, 413)
    assert admin.post("/tools/courses/new", data={"title": "y" * 1_500_000}).status_code == 413
    answer = upload_bytes(admin, "email,name\n" + row + "\n" * page.LARGEST)
    assert answer.status_code == 422
    assert "larger than 5 MB" in words(answer)
    monkeypatch.setattr(csvfile, "LARGEST_FILE", page.LARGEST)
    assert upload_bytes(admin, "email,name\n" + row + "\n" * 7_000_000).status_code == 413
    monkeypatch.setattr(page, "MOST_ROWS", 3)
    answer = upload(admin, "participants", "email,name\n" + row * 4)
    assert "more than 3 rows" in words(answer)


def test_a_long_file_moves_on_in_the_worker_and_its_page_tells_how_far(app, admin, monkeypatch):
    monkeypatch.setattr(imports, "BATCH", 3)
    monkeypatch.setattr(page, "AT_ONCE_SECONDS", 0)
    data = "email,name\nnobody,No\n" + "".join(f"p{n}@example.org,P{n}\n" for n in range(9))
    answer = upload(admin, "participants", data)
    address = answer.request.path
    assert "0 of 10 rows done" in words(answer)
    assert "data-moving" in answer.text
    assert "on its way" in words(admin.get("/tools/import"))
    session, steps = app.extensions["sqlalchemy"].session, iter([False, False, True])
    assert imports.go_on(session, clock.utc_now, lambda: next(steps))
    assert "6 of 10 rows done" in words(admin.get(address))
    assert len(all_of(app, Participant)) == 5
    rounds.take_files_in(app)
    answer = admin.get(address)
    assert "9 of 10 rows are in" in words(answer)
    assert "Line 2 That is not an email address." in words(answer)
    assert "data-moving" not in answer.text
    assert all_of(app, Import)[0].file is None
    assert len(all_of(app, Participant)) == 9
    assert words_of_counts(upload(admin, "participants", data, dry_run="y"))[1] == "0"
    rounds.take_files_in(app)
    before = everything(app)
    assert len(all_of(app, Import)) == 2
    upload(admin, "participants", data)
    rounds.take_files_in(app)
    assert everything(app) == before
    first, *again = sorted(all_of(app, Import), key=lambda one: one.id)
    assert (first.made, first.changed, first.unchanged) == (9, 0, 0)
    assert [(one.made, one.changed, one.unchanged) for one in again] == [(0, 0, 9)] * 2


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_killed_import_goes_on_where_it_was_once_its_time_has_passed(app, monkeypatch, dry_run):
    """The first row is contradicted by one that comes after the kill, which only its memory can tell."""
    monkeypatch.setattr(imports, "BATCH", 2)
    session, now = app.extensions["sqlalchemy"].session, clock.utc_now()
    data = b"email,name\nx,X\na@example.org,A\nb@example.org,B\nc@example.org,C\na@example.org,Other\n"
    imports.start(session, "participants", "f.csv", data, now, "boss", dry_run=dry_run, most_rows=9)
    session.commit()
    look_up, batches = kinds.Participants.look_up, []

    def killed(self, rows):
        if batches.append(rows) or len(batches) == 2:
            raise SystemExit
        return look_up(self, rows)

    with monkeypatch.context() as patch:
        patch.setattr(kinds.Participants, "look_up", killed)
        with pytest.raises(SystemExit):
            imports.go_on(session, lambda: now, lambda: False)
    session.rollback()
    assert len(all_of(app, Participant)) == (0 if dry_run else 1)
    assert not imports.go_on(session, lambda: now, lambda: False)
    assert imports.go_on(session, lambda: now + imports.TAKEN, lambda: False)
    [its] = all_of(app, Import)
    assert (its.done, its.made, its.unchanged, its.file) == (5, 3, 0, None)
    assert [line for line, _ in its.refused] == [2, 6]
    assert "Line 3 says otherwise" in its.refused[1][1]
    assert len(all_of(app, Participant)) == (0 if dry_run else 3)


def test_whoever_froze_over_an_import_writes_nothing_when_another_went_on(app, monkeypatch):
    monkeypatch.setattr(imports, "BATCH", 2)
    session, now = app.extensions["sqlalchemy"].session, clock.utc_now()
    data = "email,course,status\n" + "".join(f"p{n}@example.org,ART,registered\n" for n in range(5))
    people_of(app, *(f"p{n}" for n in range(5)))
    Office(app, None).course("ART")
    imports.start(session, "registrations", "f.csv", data.encode(), now, "boss", dry_run=False, most_rows=9)
    session.commit()
    frozen = []

    def stop() -> bool:
        if not frozen:
            frozen.append(imports.go_on(session, lambda: now + imports.TAKEN, lambda: False))
        return False

    assert imports.go_on(session, lambda: now, stop)
    assert frozen == [True]
    [its] = all_of(app, Import)
    assert (its.done, its.made, its.unchanged) == (5, 5, 0)
    assert len(all_of(app, Registration)) == all_of(app, Course)[0].places_taken == 5


def test_an_import_that_can_not_go_on_says_so_and_keeps_no_file(app, admin, monkeypatch):
    monkeypatch.setattr(kinds.Participants, "look_up", lambda *_: 1 / 0)
    answer = upload(admin, "participants", PARTICIPANTS)
    assert "Something unforeseen ended this after 0 of 2 rows." in words(answer)
    [its] = all_of(app, Import)
    assert (its.file, its.broken) == (None, True)
    session = app.extensions["sqlalchemy"].session
    imports.forget_old(session, its.started_at + imports.KEPT)
    assert len(all_of(app, Import)) == 1
    imports.forget_old(session, its.started_at + imports.KEPT + imports.TAKEN)
    assert all_of(app, Import) == []
    assert admin.get(answer.request.path).status_code == 404


def test_participants_import_nothing(app, client):
    sign_in(client, app, "kim@example.org")
    assert client.get("/tools/import").status_code == 403
    assert upload(client, "participants", PARTICIPANTS).status_code == 403


def test_a_course_to_be_looked_up_rings_the_bell(app, command, monkeypatch):
    rung = []
    monkeypatch.setattr(app.extensions["ascriptica"].bell, "ring", lambda: rung.append(1))
    command("courses", COURSES)
    assert rung == [1]
    command("courses", COURSES)
    assert rung == [1]


class Unread(io.BytesIO):
    """A body that nobody may read."""

    def read(self, *_) -> bytes:
        raise AssertionError("the body was read")

    readinto = readline = read


@pytest.mark.parametrize("who", [None, "kim@example.org"])
def test_nothing_is_read_of_what_somebody_sends_who_may_not_open_the_page(app, client, monkeypatch, who):
    """The check of the form's own token would read it."""
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)
    if who:
        sign_in(client, app, who)
    sent = Unread(bytes(20_000_000))
    answer = client.post("/tools/import", input_stream=sent, content_type="multipart/form-data; boundary=x")
    assert answer.status_code == (403 if who else 302)
    assert who or answer.location == "/sign-in"
