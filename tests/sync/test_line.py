"""Whose turn it is: nobody waits behind what can wait."""

import threading
import time
from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ascriptica_plugin.ledger import reads
from ascriptica_plugin.office import courses, registrations
from ascriptica_plugin.office.imports import file, run
from ascriptica_plugin.practice import faults
from ascriptica_plugin.shared import pauses
from ascriptica_plugin.sync import drain, flight, following
from ascriptica_plugin.tables.canvas import load_settings
from ascriptica_plugin.tables.office import Association, Course, Participant

from ..office_at_work import connection_of, many, policy, someone

IN_FLIGHT = flight.FLIGHT + flight.SPARE
FIRST_CONTACT = 3
"""Calls at most: search, create a user, enroll."""


def deliver_while(office, canvas, act, calls: int = 10) -> list[dict]:
    """Deliver what is due, and `act` once Canvas got that many calls. Returns the calls since then.

    Calls that were on their way are among them. By the next turn it is time to look for what is new, however fast or
    slow everything is.
    """
    before: list[int] = []

    def act_once() -> bool:
        if not before and (count := len(canvas.read("calls")["calls"])) >= calls:
            with Session(office.app.extensions["sqlalchemy"].engine) as session:
                act(session)
                session.commit()
            before.append(count)
            time.sleep(pauses.LOOK_SECONDS)
        return False

    canvas.calls()
    drain.drain(office.session, office.canvases, act_once, lambda: office.now)
    return canvas.read("calls")["calls"][before[0] :]


def registering(office, code: str):
    def act(session):
        course = session.scalar(select(Course).where(Course.code == code))
        registrations.register(session, course, someone("newcomer"), office.now)

    return act


def assert_next(calls: list[dict]) -> None:
    """The newcomer goes next: only calls that were on their way, or left in the same moment, may come before."""
    before = next(number for number, call in enumerate(calls) if "newcomer" in str(call))
    assert before < IN_FLIGHT * FIRST_CONTACT < len(calls)


def test_a_newcomer_does_not_wait_behind_a_list_that_was_pasted(office, canvas):
    course = office.course("ART", "art")
    many(office, course, 150)
    calls = deliver_while(office, canvas, registering(office, "ART"))
    assert_next(calls)
    assert office.status()["seats"]["enrolled"] == 151


def test_a_newcomer_does_not_wait_behind_the_canaries_of_all_who_have_no_account(office, canvas):
    policy(office, create_users=False)
    many(office, office.course("ART", "art"), 150)
    office.deliver()
    assert {seat.cause for seat in office.seats()} == {"no_account"}
    office.course("LATE", "bio")
    office.later(minutes=20)
    calls = deliver_while(office, canvas, registering(office, "LATE"))
    assert_next(calls)


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
    assert_next(calls)
    assert office.status()["seats"]["enrolled"] == 61


def rename_all(office) -> None:
    office.session.execute(update(Participant).values(name=Participant.name + " jr"))
    following.find(office.session)
    office.session.commit()


def test_a_newcomer_does_not_wait_behind_the_names_of_all_to_follow(office, canvas):
    many(office, office.course("ART", "art"), 150)
    office.deliver()
    rename_all(office)
    office.course("BIO", "bio")
    calls = deliver_while(office, canvas, registering(office, "BIO"))
    assert_next(calls)


def test_a_newcomer_does_not_wait_behind_the_reads_and_look_ups_of_a_night(office, canvas):
    canvas.seed(users={}, courses={f"c{n}": {"name": f"C{n}"} for n in range(60)} | {"bio": {"name": "Bio"}})
    office.connect()
    connection_id = connection_of(office).id
    for number in range(60):
        course = office.course(f"C{number}", f"c{number}")
        course.association.look_up_at = office.now
        reads.owe(office.session, connection_id, canvas.ids[f"course.c{number}"], office.now)
    office.course("BIO", "bio")
    calls = deliver_while(office, canvas, registering(office, "BIO"))
    assert_next(calls)
    assert len(calls) >= 2 * 50


def test_a_newcomer_does_not_wait_behind_a_file_that_was_imported(office, canvas):
    office.course("ART", "art")
    people = [f"p{number}@example.org" for number in range(150)]
    files = {
        "participants": ["email,name", *(f"{email},P" for email in people)],
        "registrations": ["email,course,status", *(f"{email},ART,registered" for email in people)],
    }
    for kind, lines in files.items():
        rows = file.read(kind, "\n".join(lines).encode()).rows
        run.run(office.session, kind, rows, lambda: office.now, "boss@example.org")
    calls = deliver_while(office, canvas, registering(office, "ART"))
    assert_next(calls)
    assert office.status()["seats"]["enrolled"] == 151


def test_a_course_is_looked_up_though_a_long_drain_is_on_its_way(office, canvas, monkeypatch):
    # However long it takes on a busy machine to find that there is none.
    monkeypatch.setattr(pauses, "SELDOM", 0)
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
        registrations.register(session, made, someone("newcomer"), office.now)

    calls = deliver_while(office, canvas, act)
    looked_up = next(n for n, call in enumerate(calls) if call["path"] == f"/courses/{canvas.ids['course.bio']}")
    assert looked_up < IN_FLIGHT * FIRST_CONTACT < len(calls)
    assert canvas.who_is_in("bio") == {"newcomer@example.org"}


def test_a_course_that_starts_next_goes_before_one_that_started_long_ago(office, canvas):
    old = office.course("OLD", "art", starts_at=office.now - timedelta(days=900))
    soon = office.course("SOON", "bio", starts_at=office.now + timedelta(minutes=10))
    for number in range(20):
        office.register(old, f"p{number}")
    office.deliver()
    for number in range(20):
        office.withdraw(old, f"p{number}")
    office.register(soon, "kim", sis_user_id="K-100")
    assert f"POST /courses/{canvas.ids['course.bio']}/enrollments" in office.deliver()[:8]


class Hanging:
    """Canvas's answers about one of its courses hang until `over` is set, but for the first `skip`."""

    def __init__(self, office, course: str, monkeypatch, skip: int = 0):
        self.over, self.canvas = threading.Event(), office.canvas
        self.path = f"/courses/{self.canvas.ids[f'course.{course}']}/"
        monkeypatch.setitem(faults.RAW, "hang", lambda connection: self.over.wait(60))
        self.canvas.faults({"match": f"POST {self.path}", "times": None, "skip": skip, "fault": "hang"})
        # However long it takes on a busy machine until the others are in.
        office.canvases.client(connection_of(office)).timeout_seconds = 60

    def count(self) -> int:
        """How many hang now."""
        calls = self.canvas.read("calls")["calls"]
        return sum(call["status"] is None and call["path"].startswith(self.path) for call in calls)


def register_some(office, code: str, canvas_course: str, people: int, **columns) -> None:
    course = office.course(code, canvas_course, **columns)
    for number in range(people):
        office.register(course, f"{code}{number}", sis_user_id=f"{code}-{number}")


def test_a_course_that_hangs_keeps_a_quarter_of_the_flight_and_nobody_else(office, canvas, monkeypatch):
    hanging, seen = Hanging(office, "art", monkeypatch), []
    register_some(office, "SICK", "art", 30, starts_at=office.now)
    register_some(office, "WELL", "bio", 30)

    def all_are_in() -> bool:
        seen.append(hanging.count())
        if len(canvas.who_is_in("bio")) == 30:
            hanging.over.set()
        return hanging.over.is_set()

    office.deliver(stop=all_are_in)
    assert hanging.over.is_set()
    assert 1 <= seen[-1] == max(seen) <= IN_FLIGHT // 4


def test_a_course_that_begins_to_hang_stops_nobody_else(office, canvas, monkeypatch):
    """All of the flight was one course's, since it answered and nobody else was due. Others go beside all that hangs,
    and Canvas, which counts what hangs, need hardly refuse any of them."""
    canvas.options(throttle={"enabled": True})
    hanging, seen = Hanging(office, "art", monkeypatch, skip=12), []
    register_some(office, "SICK", "art", 40, starts_at=office.now)

    def others_are_in() -> bool:
        if not seen and hanging.count() >= flight.FLIGHT:
            register_some(office, "WELL", "bio", 10)
            seen.append(hanging.count())
        if len(canvas.who_is_in("bio")) == 10:
            seen.append(hanging.count())
            hanging.over.set()
        return hanging.over.is_set()

    office.deliver(stop=others_are_in)
    assert hanging.over.is_set()
    # One more may have left just before the others came, and not have hung yet.
    assert flight.FLIGHT <= seen[0] <= seen[1] <= IN_FLIGHT
    # On a busy machine a call is on its way for so long that Canvas answers another without having seen it.
    assert canvas.read("calls")["throttled"] <= 2


def test_a_course_that_refuses_everybody_keeps_a_quarter_of_the_flight(office, canvas):
    register_some(office, "SICK", "art", 60, starts_at=office.now)
    register_some(office, "WELL", "bio", 20)
    sick, well = (f"POST /courses/{canvas.ids[f'course.{name}']}/enrollments" for name in ("art", "bio"))
    canvas.faults({"match": sick, "times": None, "fault": "status", "status": 422})
    canvas.options(latency_seconds=0.02)
    calls = [call for call in office.deliver() if call in (sick, well)]
    canvas.options(latency_seconds=0)
    assert len(canvas.who_is_in("bio")) == 20
    # Its people start sooner: with all of the flight, most of them would go before anybody else.
    half_of_the_sick = [number for number, call in enumerate(calls) if call == sick][29]
    assert calls[:half_of_the_sick].count(well) >= 5


def test_a_new_person_with_forty_places_costs_one_first_contact_and_39_calls(office, canvas):
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
    rename_all(office)
    calls = []
    for _ in range(4):
        calls += office.deliver()
        office.later(minutes=16)
    assert 4 <= sum(call.startswith("PUT") for call in calls) <= 8
    canvas.session.delete(f"{canvas.url}/practice/faults", timeout=10)
    office.deliver()
    assert {user["name"][-2:] for user in canvas.read("world")["users"] if user["login"].startswith("p")} == {"jr"}
