"""Rows of registrations: into Canvas and out again, withdrawals first, and of people who are new."""

import pytest

from ascriptica_plugin.office import mails_to_participants, registrations
from ascriptica_plugin.office.imports import run as imports
from ascriptica_plugin.tables.mails import Mail
from ascriptica_plugin.tables.office import Course, LogEntry, Participant

from ...office_at_work import Office, someone
from ...pages import all_of
from .files import counts, everything, people_of, statuses


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


def test_an_import_mails_nobody_unless_the_importer_wants_it(office, command, canvas):
    office.course("ART", "art")
    people_of(office.app, "kim", "lou")

    def mails() -> list[tuple[str, str]]:
        office.settle(2)
        mails_to_participants.note_who_is_in(office.session, office.now, by_mail=True)
        return [(one.kind, one.email) for one in all_of(office.app, Mail)]

    command("registrations", "email,course,status\nkim@example.org,ART,registered\n")
    assert mails() == []
    command("registrations", "email,course,status\nlou@example.org,ART,registered\n", "--notify")
    assert mails() == [("in", "lou@example.org")]
    command("registrations", "email,course,status\nlou@example.org,ART,withdrawn\n")
    assert mails() == [("in", "lou@example.org")]
    command("registrations", "email,course,status\nkim@example.org,ART,withdrawn\n", "--notify")
    assert mails() == [("in", "lou@example.org"), ("removed", "kim@example.org")]


def test_withdrawals_come_first_so_that_people_who_wait_move_up(app, command):
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


def test_a_file_with_names_registers_people_who_are_new(office, command, canvas):
    office.course("ART", "art")
    office.course("BIO")
    people_of(office.app, "kim")
    data = (
        "email,name,sis_user_id,course,status\n"
        'ines@example.org,"Alt, Ines",S-1,ART,registered\nINES@example.org,Ines Alt,S-1,BIO,registered\n'
        "kim@example.org,Kim,,ART,registered\nines@example.org,,,BIO,registered\n"
    )
    _, tried = command("registrations", data, "--dry-run")
    assert "1 new person; 3 new, 0 changed, 1 unchanged, 0 refused" in tried
    assert [one.name for one in all_of(office.app, Participant)] == ["Kim"]
    code, output = command("registrations", data)
    assert code == 0
    assert tried.startswith(output.strip().rstrip("."))
    new = next(one for one in all_of(office.app, Participant) if one.name != "Kim")
    assert (new.name, new.email, new.sis_user_id) == ("Ines Alt", "ines@example.org", "S-1")
    assert ("added", new.id) in {(one.what, one.participant_id) for one in all_of(office.app, LogEntry)}
    office.settle(2)
    assert canvas.roster("art") == {"ines@example.org": "active", "kim@example.org": "active"}
    before = everything(office.app)
    assert counts(command("registrations", data)[1]) == (0, 0, 4, 0)
    assert everything(office.app) == before


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("nobody,No,ART,registered", "That is not an email address. An email address looks like ann@example.org."),
        (",No,ART,registered", "Enter an email address."),
        ("new@example.org,,ART,registered", "Write their name beside it, and they are added."),
        ("new@example.org,New,ART,withdrawn", "There is no participant with this email."),
        ("new@example.org,New,FULL,registered", "FULL here is full."),
        ("new@example.org,New,NONE,registered", "There is no course with this code."),
        ("kim@example.org,Lou,ART,registered", "Here, the email kim@example.org belongs to Kim."),
        ("kim@example.org,Lou,ART,withdrawn", "Here, the email kim@example.org belongs to Kim."),
    ],
)
def test_a_row_that_is_refused_makes_nobody(app, command, row, reason):
    office = Office(app, None)
    office.course("ART")
    office.register(office.course("FULL", capacity=1), "ann")
    people_of(app, "kim")
    before = everything(app)
    for options in (["--dry-run"], []):
        code, output = command("registrations", f"email,name,course,status\n{row}\n", *options)
        assert code == 1
        assert f"line 2: {reason}" in output.replace("There is no participant with this email. Write", "Write")
    assert everything(app) == before


def test_two_people_with_one_email_are_not_mixed_up(app, command):
    office = Office(app, None)
    office.course("ART")
    office.course("BIO")
    data = "email,name,course,status\nlee@example.org,Ann,ART,registered\nlee@example.org,Mia,BIO,registered\n"
    for options in (["--dry-run"], []):
        output = command("registrations", data, *options)[1]
        assert "line 3: Line 2 has other values for the same email: a name. If these are two people" in output
    assert statuses(app) == {("lee@example.org", "ART", "registered")}


def test_somebody_new_is_counted_once_in_a_long_file(app, command, monkeypatch):
    monkeypatch.setattr(imports, "BATCH", 1)
    office = Office(app, None)
    office.course("ART")
    office.course("BIO")
    data = "email,name,course,status\nlee@example.org,Ann,ART,registered\nlee@example.org,Ann,BIO,registered\n"
    for options in (["--dry-run"], []):
        assert "1 new person; 2 new, 0 changed, 0 unchanged, 0 refused" in command("registrations", data, *options)[1]
    assert len(all_of(app, Participant)) == 1
