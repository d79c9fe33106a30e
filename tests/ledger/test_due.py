"""Which seats are due, and in which order."""

from datetime import timedelta

from sqlalchemy import insert, select

from ascriptica_plugin.ledger import lease
from ascriptica_plugin.sync import flight
from ascriptica_plugin.sync.units import RELEASED
from ascriptica_plugin.tables.ledger import Claim, Seat
from ascriptica_plugin.tables.office import Participant, Registration

from ..office_at_work import connection_of


def test_one_of_many_that_wait_is_tried_again_while_the_others_wait(office, canvas):
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
    monkeypatch.setattr(flight, "FLIGHT", 1)
    monkeypatch.setattr(flight, "SPARE", 0)
    for code, name, days in (("LATE", "art", 9), ("SOON", "bio", 1)):
        course = office.course(code, name, starts_at=office.now + timedelta(days=days))
        office.register(course, "kim", sis_user_id="K-100")
    calls = office.deliver()
    assert calls == [f"POST /courses/{canvas.ids[f'course.{name}']}/enrollments" for name in ("bio", "art")]


def test_canaries_try_different_people_in_turn(office, canvas):
    course = office.course("ART", "art")
    canvas.options(permissions={"without": ["add_student_to_course", "manage_students"]})
    for number in range(4):
        office.register(course, f"p{number}", sis_user_id=f"S-{number}")
    office.deliver()
    tried = []
    for _ in range(4):
        office.later(minutes=16)
        office.deliver()
        tried.append(max(office.seats(), key=lambda seat: seat.due_at).id)
    assert len(set(tried)) == 4


def test_a_right_that_is_missing_in_one_canvas_course_holds_nobody_in_another(office, canvas):
    """A course that never takes anybody must not be the canary of all the others."""
    art, bio = office.course("ART", "art"), office.course("BIO", "bio")
    canvas.faults({"match": f"POST /courses/{canvas.ids['course.art']}/", "times": None, "fault": "denied"})
    office.register(art, "kim", sis_user_id="K-100")
    canvas.faults({"match": f"POST /courses/{canvas.ids['course.bio']}/", "times": 1, "fault": "denied"})
    office.register(bio, "lou")
    office.deliver()
    assert len({seat.cause_scope for seat in office.seats()}) == 2
    office.later(minutes=16)
    office.deliver()
    assert canvas.who_is_in("bio") == {"lou@example.org"}


def test_a_course_that_never_takes_anybody_does_not_hold_those_of_others(office, canvas):
    blue, art = office.course("BLUE", "blue"), office.course("ART", "art")
    office.register(blue, "kim", sis_user_id="K-100")
    office.deliver()
    canvas.options(permissions={"without": ["add_student_to_course", "manage_students"]})
    office.register(art, "lou")
    office.deliver()
    assert len({(seat.cause, seat.cause_scope) for seat in office.seats() if seat.held}) == 2
    canvas.options(permissions=None)
    office.later(minutes=16)
    office.deliver()
    assert canvas.who_is_in("art") == {"lou@example.org"}


def add_held(office, like: Seat, count: int) -> None:
    """Add so many people who wait for the same as this seat."""
    session, numbers = office.session, range(1_000_000, 1_000_000 + count)
    [registration] = session.scalars(select(Registration)).all()
    people = [{"id": n, "email": f"q{n}@example.org", "name": f"Q {n}", "sorted_by": "q"} for n in numbers]
    columns = ("connection_id", "canvas_course_id", "changed_at", "due_at", "cause", "cause_scope", "held")
    known = {name: getattr(like, name) for name in columns}
    registered = {"course_id": registration.course_id, "status": "registered", "registered_at": office.now}
    for table, rows in {
        Participant: people,
        Registration: [{"id": n, "participant_id": n, **registered} for n in numbers],
        Seat: [{"id": n, "participant_id": n, **known} for n in numbers],
        Claim: [{"registration_id": n, "seat_id": n, "made_at": office.now} for n in numbers],
    }.items():
        session.execute(insert(table.__table__), rows)
    session.commit()


def test_seventy_thousand_who_wait_for_one_cause_are_released_some_at_a_time(office, canvas):
    """That is more than a statement can name one by one."""
    canvas.options(permissions={"without": ["add_student_to_course", "manage_students"]})
    office.register(office.course("ART", "art"), "kim", sis_user_id="K-100")
    office.deliver()
    add_held(office, office.seats()[0], 70_000)
    canvas.options(permissions=None)
    office.later(minutes=16)
    office.deliver(stop=lambda: canvas.read("calls")["total"] > 100)
    assert "kim@example.org" in canvas.who_is_in("art")
    status = office.status()["seats"]
    assert status["enrolled"] > 1
    assert status["due"] >= RELEASED - status["enrolled"]
    assert sum(status.values()) == 70_001
