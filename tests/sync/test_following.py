"""The Canvas users that we created follow a corrected name."""

from datetime import timedelta

from ascriptica_plugin.office import people
from ascriptica_plugin.sync import following
from ascriptica_plugin.tables.ledger import Match
from ascriptica_plugin.tables.office import Participant

from ..office_at_work import Office


def rename(office: Office, name: str) -> None:
    people.correct(office.session, office.session.query(Participant).one(), office.now, "admin", name=name)
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


def test_a_canvas_user_that_was_there_before_keeps_its_name(office, canvas):
    office.register(office.course("ART", "art"), "kim")
    office.deliver()
    rename(office, "Somebody Else")
    assert office.deliver() == []
    assert name_in_canvas(canvas, "kim@example.org") == "Kim Lee"


def test_a_name_that_could_not_be_changed_in_canvas_is_shown_and_tried_again(office, canvas):
    office.register(office.course("ART", "art"), "new")
    office.deliver()
    rename(office, "Nora Newer")
    canvas.faults({"match": "PUT /users/", "times": 1, "fault": "denied", "when": "before"})
    office.deliver()
    assert office.session.query(Match).one().follow_problem
    office.later(minutes=16)
    office.deliver()
    assert name_in_canvas(canvas, "new@example.org") == "Nora Newer"


def test_a_name_changed_without_a_notice_is_found_and_follows(office, canvas):
    office.register(office.course("ART", "art"), "new")
    office.deliver()
    office.session.query(Participant).one().name = "Nora Newer"
    office.session.commit()
    assert following.find(office.session) == 1
    office.session.commit()
    office.deliver()
    assert name_in_canvas(canvas, "new@example.org") == "Nora Newer"
    assert following.find(office.session) == 0


def test_a_person_whose_name_is_right_is_no_longer_due_to_follow(office):
    office.register(office.course("ART", "art"), "new")
    office.deliver()
    office.session.query(Match).one().follow_at = office.now - timedelta(minutes=1)
    office.session.commit()
    assert following.to_follow(office.session, 1, office.now) == []
    following.find(office.session)
    office.session.commit()
    assert office.session.query(Match).one().follow_at is None
