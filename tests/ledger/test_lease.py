"""The lease: one worker, and what a frozen one may still do."""

from sqlalchemy import select

from ascriptica_plugin.ledger import lease
from ascriptica_plugin.shared import pauses
from ascriptica_plugin.tables.office import Course
from ascriptica_plugin.tables.requests import Request

from ..office_at_work import connection_of, during_the_first_call


def test_a_worker_whose_lease_has_passed_on_settles_nothing(office, canvas, monkeypatch):
    office.register(office.course("ART", "art"))
    connection_id = connection_of(office).id
    office.session.commit()
    taken = []

    def another_takes_over():
        later = office.now + pauses.LEASE
        taken.append(lease.take_lease(office.session, connection_id, later))
        office.session.commit()

    during_the_first_call(office, monkeypatch, another_takes_over)
    office.deliver()
    assert taken[0]
    [seat] = office.seats()
    assert seat.settled_version < seat.version
    assert seat.canvas_enrollment_id is not None

    office.later(minutes=1)
    office.deliver()
    assert office.status()["seats"]["enrolled"] == 1


def another_worker_takes_over(office) -> None:
    office.now += 1.5 * pauses.LEASE
    office.deliver()


def withdraw_and_deliver(office, course_id: int) -> None:
    office.withdraw(office.session.get(Course, course_id), "kim")
    for _ in range(2):
        office.deliver()
        office.later(minutes=20)


def test_a_person_who_withdrew_before_a_frozen_worker_s_request_arrived_is_taken_out(office, canvas, monkeypatch):
    """The worker that took over finds nothing in Canvas; then the first one's request gets there."""
    course_id = office.register(office.course("ART", "art"), "kim").course_id
    office.session.commit()

    def meanwhile():
        office.withdraw(office.session.get(Course, course_id), "kim")
        office.later(minutes=3)
        another_worker_takes_over(office)

    during_the_first_call(office, monkeypatch, meanwhile, on_its_way_there=True)
    office.deliver()
    office.later(minutes=3)
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "deleted"}
    assert office.status()["seats"]["removed"] == 1


def test_a_frozen_worker_s_late_removal_leaves_people_who_came_back_enrolled(office, canvas, monkeypatch):
    course = office.course("ART", "art")
    course_id = office.register(course, "kim").course_id
    office.deliver()
    office.withdraw(course, "kim")

    def meanwhile():
        office.register(office.session.get(Course, course_id), "kim")
        office.later(minutes=3)
        another_worker_takes_over(office)

    during_the_first_call(office, monkeypatch, meanwhile, "unenroll")
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}
    withdraw_and_deliver(office, course_id)
    assert canvas.roster("art") == {"kim@example.org": "deleted"}


def test_a_frozen_worker_s_late_refusal_leaves_people_who_were_enrolled_meanwhile_in(office, canvas, monkeypatch):
    course_id = office.register(office.course("ART", "art"), "kim").course_id
    office.session.commit()
    canvas.options(permissions={"without": ["add_student_to_course", "manage_students"]})

    def meanwhile():
        canvas.options(permissions=None)
        another_worker_takes_over(office)

    during_the_first_call(office, monkeypatch, meanwhile)
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}
    withdraw_and_deliver(office, course_id)
    assert canvas.roster("art") == {"kim@example.org": "deleted"}


def test_a_worker_that_lost_the_lease_writes_down_nothing_that_it_does_not_send(office, canvas, monkeypatch):
    """Otherwise everybody would wait for an answer that never comes."""
    office.register(office.course("ART", "art"), "new")
    office.session.commit()
    during_the_first_call(office, monkeypatch, lambda: another_worker_takes_over(office), "search_users")
    office.deliver()
    assert canvas.who_is_in("art") == {"new@example.org"}
    assert office.session.scalars(select(Request)).all() == []


def test_only_one_worker_drains_a_connection(office):
    connection_id = connection_of(office).id
    assert lease.take_lease(office.session, connection_id, office.now)
    office.session.commit()
    office.register(office.course("ART", "art"))
    assert office.deliver() == []
    office.later(seconds=11)
    assert office.deliver() != []


def test_a_drain_that_is_stopped_ends_and_gives_the_lease_back(office, canvas):
    course = office.course("ART", "art")
    for number in range(20):
        office.register(course, f"p{number}")
    canvas.options(latency_seconds=0.1)
    asked = iter([False] * 4 + [True] * 1000)
    assert office.deliver(stop=lambda: next(asked)) != []
    assert connection_of(office).drain_until_at is None
    seats = office.status()["seats"]
    assert seats["due"] > 0
    assert seats["due"] + seats["enrolled"] == 20
