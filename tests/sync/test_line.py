"""Whose turn it is: nobody waits behind what can wait."""

import threading
import time
from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ascriptica_plugin.ledger import reads
from ascriptica_plugin.office import courses, registrations
from ascriptica_plugin.sync import drain
from ascriptica_plugin.tables.canvas import load_settings
from ascriptica_plugin.tables.office import Association, Course, Participant

from ..office_at_work import connection_of, many, policy, someone

SOON_ENOUGH = 30
"""A newcomer's first call comes after so many others at most, of hundreds."""


def deliver_while(office, canvas, act, calls: int = 10) -> list[dict]:
    """Deliver what is due, `act` once Canvas got that many calls; the calls."""
    done = threading.Event()

    def watch():
        while not done.is_set():
            if len(canvas.read("calls")["calls"]) >= calls:
                with office.app.app_context(), Session(office.app.extensions["sqlalchemy"].engine) as session:
                    act(session)
                    session.commit()
                return
            time.sleep(0.02)

    canvas.calls()
    canvas.options(latency_seconds=0.02)
    thread = threading.Thread(target=watch)
    thread.start()
    drain.drain(office.session, office.canvases, lambda: False, lambda: office.now)
    done.set()
    thread.join()
    return canvas.read("calls")["calls"]


def registering(office, code: str):
    def act(session):
        course = session.scalar(select(Course).where(Course.code == code))
        registrations.register(session, course, someone("newcomer"), office.now)

    return act


def before_the_newcomer(calls: list[dict]) -> int:
    """How many calls came before the first about the newcomer, after the tenth, when they registered."""
    return next(number for number, call in enumerate(calls) if "newcomer" in str(call)) - 10


def test_a_newcomer_does_not_wait_behind_a_list_that_was_pasted(office, canvas):
    course = office.course("ART", "art")
    many(office, course, 150)
    calls = deliver_while(office, canvas, registering(office, "ART"))
    assert before_the_newcomer(calls) < SOON_ENOUGH
    assert office.status()["seats"]["enrolled"] == 151


def test_a_newcomer_does_not_wait_behind_the_canaries_of_all_who_have_no_account(office, canvas):
    policy(office, create_users=False)
    many(office, office.course("ART", "art"), 150)
    office.deliver()
    assert {seat.cause for seat in office.seats()} == {"no_account"}
    office.course("LATE", "bio")
    office.later(minutes=20)
    calls = deliver_while(office, canvas, registering(office, "LATE"))
    assert before_the_newcomer(calls) < SOON_ENOUGH


def test_a_newcomer_does_not_wait_behind_all_who_are_released_at_once(office, canvas):
    canvas.options(permissions={"without": ["add_student_to_course", "manage_students"]})
    course = office.course("ART", "art")
    for number in range(60):
        registrations.register(office.session, course, someone(f"p{number}"), office.now)
    office.session.commit()
    office.deliver()
    assert office.status()["seats"]["held"] == 60
    canvas.options(permissions=None)
    office.later(minutes=16)
    calls = deliver_while(office, canvas, registering(office, "ART"))
    assert before_the_newcomer(calls) < SOON_ENOUGH
    assert office.status()["seats"]["enrolled"] == 61


def test_a_newcomer_does_not_wait_behind_the_names_of_all_to_follow(office, canvas):
    many(office, office.course("ART", "art"), 150)
    office.deliver()
    office.session.execute(update(Participant).values(name=Participant.name + " jr"))
    office.session.commit()
    office.course("BIO", "bio")
    calls = deliver_while(office, canvas, registering(office, "BIO"))
    assert before_the_newcomer(calls) < SOON_ENOUGH


def test_a_newcomer_does_not_wait_behind_the_reads_of_a_night(office, canvas):
    canvas.seed(users={}, courses={f"c{n}": {"name": f"C{n}"} for n in range(80)} | {"bio": {"name": "Bio"}})
    office.connect()
    connection_id = connection_of(office).id
    for number in range(80):
        reads.owe(office.session, connection_id, canvas.ids[f"course.c{number}"], office.now)
    office.course("BIO", "bio")
    calls = deliver_while(office, canvas, registering(office, "BIO"))
    assert before_the_newcomer(calls) < SOON_ENOUGH
    assert len(calls) > 80


def test_a_course_is_looked_up_though_a_long_drain_is_on_its_way(office, canvas):
    many(office, office.course("ART", "art"), 150)

    def act(session):
        made = Course(code="SOON", title="Soon", starts_at=office.now + timedelta(minutes=10))
        session.add(made)
        session.flush()
        typed = Association(
            connection_id=load_settings(session).connection_id,
            canvas_course=str(canvas.ids["course.bio"]),
            look_up_at=office.now - timedelta(seconds=1),
        )
        courses.associate(session, made, typed, office.now)

    calls = deliver_while(office, canvas, act)
    looked_up = next(n for n, call in enumerate(calls) if call["path"] == f"/courses/{canvas.ids['course.bio']}")
    # What small tasks there are is looked for twice a second.
    assert looked_up < 150 < len(calls)


def test_what_starts_next_goes_before_what_started_long_ago(office, canvas):
    old = office.course("OLD", "art", starts_at=office.now - timedelta(days=900))
    soon = office.course("SOON", "bio", starts_at=office.now + timedelta(minutes=10))
    for number in range(20):
        office.register(old, f"p{number}")
    office.deliver()
    for number in range(20):
        office.withdraw(old, f"p{number}")
    office.register(soon, "kim", sis_user_id="K-100")
    assert f"POST /courses/{canvas.ids['course.bio']}/enrollments" in office.deliver()[:8]


def test_a_course_that_hangs_keeps_a_quarter_of_the_flight_and_nobody_else(office, canvas):
    client = office.canvases.client(load_settings(office.session).connection)
    client.deadline_seconds = client.timeout_seconds = 2
    sick, well = office.course("SICK", "art", starts_at=office.now), office.course("WELL", "bio")
    canvas.faults({"match": f"POST /courses/{canvas.ids['course.art']}/", "times": None, "fault": "hang"})
    for number in range(30):
        office.register(sick, f"p{number}", sis_user_id=f"X-{number}")
    for number in range(30):
        office.register(well, f"w{number}", sis_user_id=f"W-{number}")
    began_at, all_in = time.monotonic(), []

    def watch():
        while time.monotonic() < began_at + 10:
            if len(canvas.who_is_in("bio")) == 30:
                all_in.append(time.monotonic() - began_at)
                return
            time.sleep(0.05)

    thread = threading.Thread(target=watch)
    thread.start()
    office.deliver(stop=lambda: bool(all_in))
    thread.join()
    assert all_in
    tried = {seat.participant.email for seat in office.seats() if seat.cause == "no_answer"}
    assert len(tried) <= 5


def test_a_course_that_begins_to_hang_lets_others_go_after_a_second(office, canvas):
    """All of the flight was one course's, since it answered; two places more are spared for the others."""
    client = office.canvases.client(load_settings(office.session).connection)
    client.deadline_seconds = client.timeout_seconds = 5
    sick = office.course("SICK", "art", starts_at=office.now)
    office.course("WELL", "bio")
    canvas.faults({"match": f"POST /courses/{canvas.ids['course.art']}/", "times": None, "fault": "hang", "skip": 12})
    for number in range(40):
        office.register(sick, f"p{number}", sis_user_id=f"X-{number}")
    got_in: list[float] = []

    def watch():
        began_at = time.monotonic()
        while canvas.read("calls")["max_in_flight"] < 8 and time.monotonic() < began_at + 5:
            time.sleep(0.02)
        with office.app.app_context(), Session(office.app.extensions["sqlalchemy"].engine) as session:
            registering(office, "WELL")(session)
            session.commit()
        began_at = time.monotonic()
        while not got_in and time.monotonic() < began_at + 10:
            if canvas.who_is_in("bio"):
                got_in.append(time.monotonic() - began_at)
            time.sleep(0.05)

    thread = threading.Thread(target=watch)
    thread.start()
    office.deliver(stop=lambda: bool(got_in))
    thread.join()
    assert got_in
    assert got_in[0] < 4


def test_somebody_new_with_forty_places_costs_one_first_contact_and_39_calls(office, canvas):
    canvas.seed(users={}, courses={f"c{n}": {"name": f"C{n}"} for n in range(40)})
    office.connect()
    for number in range(40):
        office.register(office.course(f"C{number}", f"c{number}"), "new")
    canvas.options(latency_seconds=0.01)
    calls = office.deliver()
    canvas.options(latency_seconds=0)
    first_contact = ["search", "create a user", "enroll"]
    assert len(calls) == len(first_contact) + 39
    assert office.status()["seats"]["enrolled"] == 40


def test_names_that_cannot_follow_cost_one_call_each_quarter_of_an_hour(office, canvas):
    many(office, office.course("ART", "art"), 30)
    office.deliver()
    canvas.faults({"match": "PUT /users/", "times": None, "fault": "denied"})
    office.session.execute(update(Participant).values(name=Participant.name + " jr"))
    office.session.commit()
    calls = []
    for _ in range(4):
        calls += office.deliver()
        office.later(minutes=16)
    assert 4 <= sum(call.startswith("PUT") for call in calls) <= 8
    canvas.session.delete(f"{canvas.url}/practice/faults", timeout=10)
    office.deliver()
    assert {user["name"][-2:] for user in canvas.read("world")["users"] if user["login"].startswith("p")} == {"jr"}
