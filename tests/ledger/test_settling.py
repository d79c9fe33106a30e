"""How a seat's delivery is settled, also if something changed meanwhile."""

from ascriptica_plugin.ledger import settling
from ascriptica_plugin.ledger.loading import load
from ascriptica_plugin.shared import pauses

from ..office_at_work import during_the_first_call


def test_a_withdrawal_during_the_call_is_not_lost(office, canvas, monkeypatch):
    course = office.course("ART", "art")
    office.register(course)
    course_id = course.id
    office.session.commit()

    def withdraw():
        office.withdraw(office.session.get(type(course), course_id))

    during_the_first_call(office, monkeypatch, withdraw)
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "deleted"}
    assert office.status()["seats"]["removed"] == 1


def test_a_seat_that_was_held_and_then_parked_stays_parked(office, canvas):
    course = office.course("ART", "art")
    canvas.options(permissions={"without": ["add_student_to_course", "manage_students"]})
    office.register(course, "kim", sis_user_id="K-100")
    office.deliver()
    canvas.options(permissions=None)
    canvas.faults({"match": "POST /courses/", "times": None, "fault": "status", "status": 422, "when": "before"})
    for _ in range(pauses.TRIES):
        office.later(minutes=20)
        assert len(office.deliver()) == 1
    office.later(minutes=20)
    assert office.deliver() == []
    assert office.status()["seats"]["parked"] == 1


def test_a_seat_that_recovers_releases_no_other_parked_seat(office, canvas):
    art, bio = (canvas.ids[f"course.{name}"] for name in ("art", "bio"))
    office.register(office.course("ART", "art"), "kim", sis_user_id="K-100")
    canvas.faults({"match": f"POST /courses/{art}/", "times": None, "fault": "status", "status": 422, "when": "before"})
    for _ in range(pauses.TRIES):
        office.deliver()
        office.later(minutes=20)
    assert office.status()["seats"]["parked"] == 1
    canvas.faults({"match": f"POST /courses/{bio}/", "times": 1, "fault": "status", "status": 500, "when": "before"})
    office.register(office.course("BIO", "bio"), "lou")
    office.deliver()
    office.later(minutes=1)
    office.deliver()
    assert canvas.roster("bio") == {"lou@example.org": "active"}
    assert office.status()["seats"]["parked"] == 1


def test_a_late_failure_leaves_a_seat_that_another_worker_has_settled(office, canvas):
    office.register(office.course("ART", "art"))
    [work] = load(office.session, [office.seats()[0].id])
    office.deliver()
    settling.retry_later(office.session, work, "no_answer", "No answer in time.", office.now, 1)
    office.session.commit()
    assert [(seat.cause, seat.due_at) for seat in office.seats()] == [(None, None)]
