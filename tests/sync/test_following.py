"""The Canvas users that we created follow a corrected name."""

from ascriptica_plugin.tables.ledger import Match
from ascriptica_plugin.tables.office import Participant

from ..office_at_work import Office


def rename(office: Office, name: str) -> None:
    participant = office.session.query(Participant).one()
    participant.name = name
    office.session.commit()


def name_in_canvas(canvas, login: str) -> str:
    where = f"{canvas.api}/users/sis_login_id:{login}"
    return canvas.admin.get(where, timeout=10).json()["name"]


def test_a_canvas_user_that_we_created_follows_a_changed_name(office, canvas):
    office.register(office.course("ART", "art"), "new")
    office.deliver()
    rename(office, "Nora Newer")
    office.deliver()
    assert name_in_canvas(canvas, "new@example.org") == "Nora Newer"
    canvas.calls()
    assert office.deliver() == []


def test_one_that_was_there_is_left_alone(office, canvas):
    office.register(office.course("ART", "art"), "kim")
    office.deliver()
    rename(office, "Somebody Else")
    assert office.deliver() == []
    assert name_in_canvas(canvas, "kim@example.org") == "Kim Lee"


def test_what_could_not_follow_is_told_and_tried_again(office, canvas):
    office.register(office.course("ART", "art"), "new")
    office.deliver()
    rename(office, "Nora Newer")
    canvas.faults({"match": "PUT /users/", "times": 1, "fault": "denied", "when": "before"})
    office.deliver()
    assert office.session.query(Match).one().follow_problem
    office.later(minutes=16)
    office.deliver()
    assert name_in_canvas(canvas, "new@example.org") == "Nora Newer"
