"""Which seats are due, and in which order."""

from datetime import timedelta

from ascriptica_plugin import retry
from ascriptica_plugin.ledger import lease

from ..office_at_work import connection_of


def test_of_many_that_wait_one_tries_again_and_the_others_wait_with_it(office, canvas):
    course = office.course("ART", "art")
    canvas.options(permissions={"without": ["add_student_to_course", "manage_students"]})
    for number in range(5):
        office.register(course, f"p{number}")
    office.deliver()
    office.later(minutes=16)
    [tried, why] = office.deliver()
    assert (tried.split()[0], why.split()[0]) == ("POST", "GET")
    assert office.deliver() == []


def test_a_clock_that_steps_back_an_hour_stops_nothing(office, canvas):
    canvas.faults({"match": "POST /courses/", "times": 1, "fault": "status", "status": 500, "when": "before"})
    office.register(office.course("ART", "art"))
    office.deliver()
    lease.take_lease(office.session, connection_of(office).id, office.now)
    office.session.commit()
    office.later(hours=-1)
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}


def test_courses_that_start_soonest_go_first(office, canvas, monkeypatch):
    monkeypatch.setattr(retry, "FLIGHT", 1)
    for code, name, days in (("LATE", "art", 9), ("SOON", "bio", 1)):
        course = office.course(code, name, starts_at=office.now + timedelta(days=days))
        office.register(course, "kim", sis_user_id="K-100")
    calls = office.deliver()
    assert calls == [f"POST /courses/{canvas.ids[f'course.{name}']}/enrollments" for name in ("bio", "art")]
