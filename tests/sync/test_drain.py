"""The drain: outages, throttling, held and freed again."""

import threading
import time

import pytest
from sqlalchemy.exc import OperationalError

from ascriptica_plugin import retry
from ascriptica_plugin.canvas.client import CanvasClient
from ascriptica_plugin.ledger import due, settling
from ascriptica_plugin.office import courses
from ascriptica_plugin.sync import drain, users
from ascriptica_plugin.tables.office import Association

from ..office_at_work import connection_of, during_the_first_call, seats_settings


@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "status", "status": 500},
        {"fault": "html", "status": 503},
        {"fault": "html", "status": 200},
        {"fault": "broken_json"},
        {"fault": "reset"},
    ],
    ids=lambda fault: f"{fault['fault']}-{fault.get('status', '')}",
)
def test_canvas_down_holds_all_counts_nothing_and_heals_by_itself(office, canvas, fault):
    course = office.course("ART", "art")
    for who in ("kim", "lou", "new"):
        office.register(course, who)
    canvas.faults({"match": "* *", "times": None, "when": "before", **fault})
    office.deliver()
    assert connection_of(office).hold_cause == "canvas_down"
    assert {seat.attempts for seat in office.seats()} == {0}
    assert office.status()["connection"] == "holding"
    assert office.status()["seats"]["held"] == 3

    # While it holds, one probe asks now and then, and no seat is tried.
    office.later(minutes=2)
    assert set(office.deliver()) <= {"GET /users/self"}

    canvas.session.delete(f"{canvas.url}/practice/faults", timeout=10)
    office.later(minutes=2)
    office.deliver()
    assert office.status() | {"hold": None} == {
        "seats": {"due": 0, "held": 0, "parked": 0, "enrolled": 3, "removed": 0},
        "oldest_due_seconds": None,
        "connection": "ok",
        "hold": None,
        "waits_for": None,
        "worker_seen_seconds": None,
    }


def test_one_seat_that_canvas_cannot_serve_does_not_stop_the_others(office, canvas):
    course = office.course("ART", "art")
    office.register(course, "kim", sis_user_id="K-100")
    office.register(office.course("BIO", "bio"), "lou")
    art = canvas.ids["course.art"]
    canvas.faults({"match": f"POST /courses/{art}/", "times": None, "fault": "status", "status": 500, "when": "before"})
    office.deliver()
    assert canvas.roster("bio") == {"lou@example.org": "active"}
    assert connection_of(office).hold_cause is None
    assert sorted(seat.attempts for seat in office.seats()) == [0, 1]

    for _ in range(retry.TRIES):
        office.later(minutes=20)
        office.deliver()
    assert office.status()["seats"]["parked"] == 1
    office.later(days=1)
    assert office.deliver() == []

    canvas.session.delete(f"{canvas.url}/practice/faults", timeout=10)
    due.release(office.session)
    office.session.commit()
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}


@pytest.mark.parametrize("status", [403, 429])
def test_throttling_slows_down_and_loses_nothing(office, canvas, status, monkeypatch):
    monkeypatch.setattr("ascriptica_plugin.canvas.answers.pause_seconds", lambda response: 0.05)
    course = office.course("ART", "art")
    for number in range(6):
        office.register(course, f"p{number}")
    canvas.faults({"match": "POST /courses/", "times": 4, "fault": "throttle", "status": status, "when": "before"})
    office.deliver()
    assert office.status()["seats"]["enrolled"] == 6
    assert {seat.attempts for seat in office.seats()} == {0}
    assert connection_of(office).hold_cause is None


def test_a_dead_token_holds_all_until_a_working_one_is_saved(office, canvas):
    course = office.course("ART", "art")
    canvas.options(token="revoked")
    office.register(course)
    office.deliver()
    assert connection_of(office).hold_cause == "token_dead"
    assert [seat.attempts for seat in office.seats()] == [0]
    canvas.options(token="active")
    office.connect()
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}


def test_a_401_for_one_call_alone_is_no_dead_token(office, canvas):
    canvas.faults({"match": "POST /courses/", "times": 1, "fault": "revoked", "when": "before"})
    office.register(office.course("ART", "art"))
    office.deliver()
    assert connection_of(office).hold_cause is None
    office.later(minutes=1)
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}


def test_a_token_whose_key_is_gone_is_asked_for_again(office, canvas):
    from cryptography.fernet import Fernet, MultiFernet

    office.register(office.course("ART", "art"))
    keys, office.canvases.keys = office.canvases.keys, MultiFernet([Fernet(Fernet.generate_key())])
    assert office.deliver() == []
    assert connection_of(office).hold_cause == "token_unreadable"
    office.canvases.keys = keys


@pytest.mark.parametrize("denied_status", [401, 403])
@pytest.mark.parametrize("permission", ["add_student_to_course", "manage_user_logins", "read_roster"])
def test_a_missing_permission_is_named_and_heals_by_one_canary(office, canvas, permission, denied_status):
    course = office.course("ART", "art")
    canvas.options(permissions={"without": [permission, "manage_students"]}, denied_status=denied_status)
    for number in range(5):
        office.register(course, f"p{number}")
    office.deliver()
    assert {(seat.cause, seat.cause_scope) for seat in office.seats()} == {("permission_missing", permission)}
    assert office.deliver() == []

    canvas.options(permissions=None)
    office.later(minutes=16)
    office.deliver()
    assert office.status()["seats"]["enrolled"] == 5


def test_a_missing_course_holds_its_people_and_nobody_else(office, canvas):
    office.register(office.course("BIO", "bio"), "lou")
    course = office.course("ART", "art")
    canvas.admin.delete(f"{canvas.api}/courses/{canvas.ids['course.art']}", data={"event": "delete"}, timeout=10)
    for who in ("kim", "new"):
        office.register(course, who)
    office.deliver()
    assert canvas.roster("bio") == {"lou@example.org": "active"}
    art = str(canvas.ids["course.art"])
    assert [(seat.cause, seat.cause_scope) for seat in office.seats()][1:] == [("course_missing", art)] * 2


def test_a_concluded_course_waits_and_takes_everybody_once_it_is_open_again(office, canvas):
    course = office.course("ART", "art")
    where = f"{canvas.api}/courses/{canvas.ids['course.art']}"
    canvas.admin.put(where, data={"course[event]": "conclude"}, timeout=10)
    office.register(course)
    office.deliver()
    assert [seat.cause for seat in office.seats()] == ["course_concluded"]
    canvas.admin.put(where, data={"course[event]": "offer"}, timeout=10)
    office.later(minutes=16)
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}


def test_something_unforeseen_is_logged_kept_and_tried_again(office, canvas, monkeypatch, caplog):
    office.register(office.course("ART", "art"))
    with monkeypatch.context() as patch:
        patch.setattr(users, "_describe", None)
        patch.setattr(CanvasClient, "search_users", lambda *_: 1 / 0)
        office.deliver()
    assert [(seat.cause, seat.attempts) for seat in office.seats()] == [("our_fault", 1)]
    assert "ZeroDivisionError" in caplog.text
    office.later(minutes=1)
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}


def test_when_the_database_fails_nobody_goes_on_before_the_calls_on_their_way_have_ended(office, canvas, monkeypatch):
    course = office.course("ART", "art")
    for who in ("kim", "lou"):
        office.register(course, who)
    office.deliver()
    for who in ("kim", "lou"):
        office.withdraw(course, who)
    office.deliver()
    for who in ("kim", "lou"):
        office.register(course, who)
    lou, lou_is_in = canvas.ids["user.lou"], threading.Event()
    enroll, settle = CanvasClient.enroll, settling.settle

    def slow_for_lou(self, course_id, user_id, *args, **how):
        time.sleep(0.5 if user_id == lou else 0)
        answer = enroll(self, course_id, user_id, *args, **how)
        if user_id == lou:
            lou_is_in.set()
        return answer

    def gone(*args):
        monkeypatch.setattr(settling, "settle", settle)
        raise OperationalError("UPDATE", {}, Exception("the server closed the connection unexpectedly"))

    monkeypatch.setattr(CanvasClient, "enroll", slow_for_lou)
    monkeypatch.setattr(settling, "settle", lambda session, connection_id, works, now: gone() if works else None)
    with pytest.raises(OperationalError):
        office.deliver()
    office.withdraw(course, "lou")
    office.later(minutes=2)
    office.deliver()
    assert lou_is_in.wait(5)
    assert canvas.roster("art") == {"kim@example.org": "active", "lou@example.org": "deleted"}


def test_nothing_is_sent_while_canvas_is_not_displayed_and_all_of_it_afterwards(office, canvas):
    course = office.course("ART", "art")
    settings = seats_settings(office)
    settings.display_canvas = False
    office.session.commit()
    office.register(course)
    assert office.deliver() == []
    assert office.status()["connection"] == "off"
    settings.display_canvas = True
    office.session.commit()
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}


def test_no_more_calls_are_in_flight_than_canvas_allows(office, canvas):
    course = office.course("ART", "art")
    for number in range(40):
        office.register(course, f"p{number}")
    canvas.options(latency_seconds=0.02)
    drain.drain(office.session, office.canvases)
    assert 2 < canvas.read("calls")["max_in_flight"] <= retry.FLIGHT
    assert office.status()["seats"]["enrolled"] == 40


def test_switching_canvas_off_stops_a_drain_on_its_way(office, canvas, monkeypatch):
    monkeypatch.setattr(retry, "RENEW_SECONDS", 0)
    monkeypatch.setattr(retry, "FLIGHT", 1)
    course = office.course("ART", "art")
    for number in range(20):
        office.register(course, f"p{number}")

    def switch_off():
        seats_settings(office).display_canvas = False
        office.session.commit()

    during_the_first_call(office, monkeypatch, switch_off)
    office.deliver()
    office.session.expire_all()
    assert office.status()["seats"]["enrolled"] == 1


def test_what_course_settings_say_holds_for_a_drain_on_its_way(office, canvas, monkeypatch):
    monkeypatch.setattr(retry, "RENEW_SECONDS", 0)
    monkeypatch.setattr(retry, "FLIGHT", 1)
    course = office.course("ART", "art")
    for number in range(5):
        office.register(course, f"p{number}")

    def create_nobody():
        seats_settings(office).create_users = False
        office.session.commit()

    during_the_first_call(office, monkeypatch, create_nobody)
    office.deliver()
    assert sorted(seat.cause or "" for seat in office.seats()) == ["", *["no_account"] * 4]


def test_what_one_row_of_canvas_s_cannot_be_stored_stops_nobody(office, canvas, monkeypatch):
    canvas.seed(
        users={"kim": {"name": "Kim", "login": "kim@example.org"}},
        courses={"art": {"name": "A" * 300}, "bio": {"name": "B"}},
    )
    office.connect()
    office.register(office.course("BIO", "bio"), "kim")
    course = office.course("ART")
    found = Association(connection_id=1, canvas_course=str(canvas.ids["course.art"]), look_up_at=office.now)
    courses.associate(office.session, course, found, office.now)
    office.session.commit()
    office.deliver()
    assert canvas.roster("bio") == {"kim@example.org": "active"}
    assert course.association.canvas_course_name == "A" * 255
