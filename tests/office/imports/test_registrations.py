"""Rows of registrations: into Canvas and out again, withdrawals first."""

from ascriptica_plugin.office import notices, registrations
from ascriptica_plugin.tables.mails import Mail
from ascriptica_plugin.tables.office import Course

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
        notices.note_who_is_in(office.session, office.now, by_mail=True)
        return [(one.kind, one.email) for one in all_of(office.app, Mail)]

    command("registrations", "email,course,status\nkim@example.org,ART,registered\n")
    assert mails() == []
    command("registrations", "email,course,status\nlou@example.org,ART,registered\n", "--notify")
    assert mails() == [("in", "lou@example.org")]
    command("registrations", "email,course,status\nlou@example.org,ART,withdrawn\n")
    assert mails() == [("in", "lou@example.org")]
    command("registrations", "email,course,status\nkim@example.org,ART,withdrawn\n", "--notify")
    assert mails() == [("in", "lou@example.org"), ("removed", "kim@example.org")]


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
