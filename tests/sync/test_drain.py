"""What goes wrong, who it stops, and how it heals: each cause through the practice Canvas."""

import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from ascriptica_plugin import retry
from ascriptica_plugin.canvas.client import CanvasClient
from ascriptica_plugin.ledger import due, lease, settling
from ascriptica_plugin.office import courses
from ascriptica_plugin.sync import connecting, drain, users
from ascriptica_plugin.tables.canvas import Connection
from ascriptica_plugin.tables.office import Association, Course


def connection_of(office) -> Connection:
    return office.session.scalars(select(Connection).execution_options(populate_existing=True)).one()


# -- all of Canvas ----------------------------------------------------------------------------------------------------


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
    monkeypatch.setattr("ascriptica_plugin.canvas.client._pause_seconds", lambda response: 0.05)
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


# -- one cause for many -----------------------------------------------------------------------------------------------


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


def test_of_many_that_wait_one_tries_again_and_the_others_wait_with_it(office, canvas):
    course = office.course("ART", "art")
    canvas.options(permissions={"without": ["add_student_to_course", "manage_students"]})
    for number in range(5):
        office.register(course, f"p{number}")
    office.deliver()
    office.later(minutes=16)
    assert len(office.deliver()) == 1
    assert office.deliver() == []


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


# -- one drainer, and what was changed meanwhile ----------------------------------------------------------------------


def during_the_first_call(office, monkeypatch, act, method: str = "enroll", *, on_its_way_there: bool = False) -> None:
    """Do something from outside while the answer of the first such call, or the call itself, is on its way."""
    happened = threading.Event()
    call = getattr(CanvasClient, method)

    def happen() -> None:
        happened.set()
        with office.app.app_context():
            act()

    def interrupted(self, *args, **how):
        first = not happened.is_set()
        if first and on_its_way_there:
            happen()
        try:
            return call(self, *args, **how)
        finally:
            if first and not on_its_way_there:
                happen()

    monkeypatch.setattr(CanvasClient, method, interrupted)


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


def test_a_worker_whose_lease_has_passed_on_settles_nothing(office, canvas, monkeypatch):
    office.register(office.course("ART", "art"))
    connection_id = connection_of(office).id
    office.session.commit()
    taken = []

    def another_takes_over():
        later = office.now + retry.LEASE
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
    office.now += 1.5 * retry.LEASE
    office.deliver()


def withdraw_and_deliver(office, course_id: int) -> None:
    office.withdraw(office.session.get(Course, course_id), "kim")
    for _ in range(2):
        office.deliver()
        office.later(minutes=20)


def test_who_withdrew_before_a_frozen_worker_s_request_arrived_is_taken_out(office, canvas, monkeypatch):
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


def test_a_frozen_worker_s_removal_hides_nobody_who_came_back_meanwhile(office, canvas, monkeypatch):
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


def test_a_frozen_worker_s_refusal_hides_nobody_who_was_let_in_meanwhile(office, canvas, monkeypatch):
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


def test_only_one_worker_drains_a_connection(office):
    connection_id = connection_of(office).id
    assert lease.take_lease(office.session, connection_id, office.now)
    office.session.commit()
    office.register(office.course("ART", "art"))
    assert office.deliver() == []
    office.later(seconds=11)
    assert office.deliver() != []


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


def seats_settings(office):
    from ascriptica_plugin.tables.canvas import load_settings

    return load_settings(office.session)


def test_told_to_stop_it_ends_and_gives_the_lease_back(office, canvas):
    course = office.course("ART", "art")
    for number in range(20):
        office.register(course, f"p{number}")
    canvas.options(latency_seconds=0.1)
    asked = iter([False] * 4 + [True] * 1000)
    office.deliver(stop=lambda: next(asked))
    assert connection_of(office).drain_until_at is None
    assert 0 < office.status()["seats"]["due"] < 20 or office.status()["seats"]["enrolled"] < 20


def test_no_more_calls_are_in_flight_than_canvas_allows(office, canvas):
    course = office.course("ART", "art")
    for number in range(40):
        office.register(course, f"p{number}")
    canvas.options(latency_seconds=0.02)
    drain.drain(office.session, office.canvases)
    assert 2 < canvas.read("calls")["max_in_flight"] <= retry.FLIGHT
    assert office.status()["seats"]["enrolled"] == 40


# -- what a careful reader found --------------------------------------------------------------------------------------


def test_a_seat_that_was_held_and_then_parked_stays_parked(office, canvas):
    course = office.course("ART", "art")
    canvas.options(permissions={"without": ["add_student_to_course", "manage_students"]})
    office.register(course, "kim", sis_user_id="K-100")
    office.deliver()
    canvas.options(permissions=None)
    canvas.faults({"match": "POST /courses/", "times": None, "fault": "status", "status": 422, "when": "before"})
    for _ in range(retry.TRIES):
        office.later(minutes=20)
        assert len(office.deliver()) == 1
    office.later(minutes=20)
    assert office.deliver() == []
    assert office.status()["seats"]["parked"] == 1


def test_one_seat_s_recovery_tries_nobody_else_who_was_given_up(office, canvas):
    art, bio = (canvas.ids[f"course.{name}"] for name in ("art", "bio"))
    office.register(office.course("ART", "art"), "kim", sis_user_id="K-100")
    canvas.faults({"match": f"POST /courses/{art}/", "times": None, "fault": "status", "status": 500, "when": "before"})
    for _ in range(retry.TRIES):
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


# -- an association that changes while it is looked up ----------------------------------------------------------------


def associate_as_typed(office, session, course_id: int, **more) -> None:
    made = Association(canvas_course=str(office.canvas.ids["course.art"]), look_up_at=office.now, **more)
    courses.associate(session, session.get(Course, course_id), made, office.now)


def test_what_one_canvas_said_of_a_course_is_not_taken_for_another_s(office, canvas, monkeypatch):
    course_id, first = office.course("ART").id, connection_of(office).id
    associate_as_typed(office, office.session, course_id, connection_id=first)
    office.session.commit()

    def move_to_another_canvas():
        settings, url = seats_settings(office), canvas.api.replace("127.0.0.1", "localhost")
        connecting.keep_draft(settings, office.canvases, url, canvas.ids["account.root"], canvas.token)
        found = connecting.Findings("Practice Admin", "Another University", ())
        other = connecting.adopt(office.session, settings, office.canvases, found, office.now)
        associate_as_typed(office, office.session, course_id, connection_id=other.id)
        office.session.commit()

    during_the_first_call(office, monkeypatch, move_to_another_canvas, "course")
    office.deliver()
    office.session.expire_all()
    assert office.session.get(Association, course_id).connection_id != first


def test_a_colleague_s_association_in_the_moment_of_a_look_up_is_kept(office, canvas, monkeypatch):
    course_id, connection_id = office.course("ART").id, connection_of(office).id
    associate_as_typed(office, office.session, course_id, connection_id=connection_id)
    office.session.commit()
    bio = canvas.ids["course.bio"]

    with Session(office.app.extensions["sqlalchemy"].engine) as session:

        def a_colleague_saves():
            made = {"connection_id": connection_id, "canvas_course_id": bio, "looked_up_at": office.now}
            found = Association(canvas_course=str(bio), **made)
            courses.associate(session, session.get(Course, course_id), found, office.now)
            # What the look-up found waits for it.
            threading.Timer(0.5, session.commit).start()

        during_the_first_call(office, monkeypatch, a_colleague_saves, "course")
        office.deliver()
    office.session.expire_all()
    association = office.session.get(Association, course_id)
    assert (association.canvas_course, association.canvas_course_id) == (str(bio), bio)


def test_a_missing_section_is_told_apart_from_a_missing_course(office, canvas):
    late = canvas.ids["section.art.late"]
    course = office.course("ART", "art", late)
    canvas.admin.delete(f"{canvas.api}/sections/{late}", timeout=10).raise_for_status()
    office.register(course, "kim", sis_user_id="K-100")
    office.deliver()
    assert [(seat.cause, seat.cause_scope) for seat in office.seats()] == [("section_missing", str(late))]


def test_a_root_account_that_canvas_does_not_know_is_named(office, canvas):
    connection = connection_of(office)
    connection.canvas_root_id = 99999
    office.session.commit()
    office.register(office.course("ART", "art"), "new")
    office.deliver()
    assert [(seat.cause, seat.cause_scope) for seat in office.seats()] == [("root_id_wrong", "99999")]


def test_an_unpublished_course_takes_people_in(office, canvas):
    where = f"{canvas.api}/courses/{canvas.ids['course.art']}"
    canvas.admin.put(where, data={"course[event]": "claim"}, timeout=10)
    office.register(office.course("ART", "art"))
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}
