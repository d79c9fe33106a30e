"""What becomes of a seat whose call failed."""

from datetime import timedelta

import pytest

from ascriptica_plugin.canvas import errors
from ascriptica_plugin.canvas.client import CanvasClient
from ascriptica_plugin.shared import pauses
from ascriptica_plugin.sync import failures

from ..office_at_work import connection_of


@pytest.mark.parametrize(
    ("error", "all_of_canvas", "tried_again", "cause"),
    [
        (errors.CanvasDown("down", 500), True, True, "no_answer"),
        (errors.AddressRefused("private"), True, True, "refused"),
        (errors.TokenRefused("no", 401), True, True, "refused"),
        (errors.PermissionMissing("no", 403), False, False, "permission_missing"),
        (errors.NotFound("gone", 404), False, True, "refused"),
        (errors.Refused("no", 400), False, True, "refused"),
        (ZeroDivisionError(), False, True, "our_fault"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_each_error_has_one_consequence(error, all_of_canvas, tried_again, cause):
    assert failures.may_be_all_of_canvas(error) is all_of_canvas
    first, last = failures.of_seat(error, 0, None), failures.of_seat(error, pauses.TRIES - 1, cause)
    assert first.cause == last.cause == cause
    assert (first.again_in is not None and first.again_in > timedelta(0)) is tried_again
    assert last.parked is (cause == "refused")
    assert not first.parked


def test_an_unanswered_call_does_not_count_as_a_refusal(office, canvas):
    office.register(office.course("ART", "art"), "kim")
    refused = {"match": "POST /courses/", "fault": "status", "when": "before"}
    canvas.faults(
        refused | {"match": "GET /accounts/", "status": 503, "times": pauses.TRIES},
        refused | {"status": 422, "times": 2},
    )
    for _ in range(pauses.TRIES + 2):
        office.deliver()
        office.later(minutes=20)
    assert [(seat.cause, seat.attempts, seat.parked_at) for seat in office.seats()] == [("refused", 2, None)]
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}


def test_a_seat_that_canvas_cannot_serve_does_not_stop_the_others(office, canvas):
    course = office.course("ART", "art")
    office.register(course, "kim", sis_user_id="K-100")
    office.register(office.course("BIO", "bio"), "lou")
    art = canvas.ids["course.art"]
    canvas.faults({"match": f"POST /courses/{art}/", "times": None, "fault": "status", "status": 500, "when": "before"})
    office.deliver()
    assert canvas.roster("bio") == {"lou@example.org": "active"}
    assert connection_of(office).hold_cause is None
    assert sorted(seat.attempts for seat in office.seats()) == [0, 1]

    for _ in range(pauses.TRIES):
        office.later(minutes=20)
        office.deliver()
    # Canvas may be at fault for hours. Nobody is given up for that.
    assert office.status()["seats"]["due"] + office.status()["seats"]["held"] == 1
    assert [seat.cause for seat in office.seats()] == ["no_answer", None]

    canvas.session.delete(f"{canvas.url}/practice/faults", timeout=10)
    office.later(minutes=20)
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}


@pytest.mark.parametrize("denied_status", [401, 403])
@pytest.mark.parametrize("permission", ["add_student_to_course", "manage_user_logins", "read_roster"])
def test_a_missing_permission_is_named_and_released_by_one_canary(office, canvas, permission, denied_status):
    course = office.course("ART", "art")
    canvas.options(permissions={"without": [permission, "manage_students"]}, denied_status=denied_status)
    for number in range(5):
        office.register(course, f"p{number}")
    office.deliver()
    scope = f"{permission} {canvas.ids['course.art']}" if permission == "add_student_to_course" else permission
    assert {(seat.cause, seat.cause_scope) for seat in office.seats()} == {("permission_missing", scope)}
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
        patch.setattr(CanvasClient, "search_users", lambda *_: 1 / 0)
        office.deliver()
    assert [(seat.cause, seat.attempts) for seat in office.seats()] == [("our_fault", 1)]
    assert "ZeroDivisionError" in caplog.text
    office.later(minutes=1)
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}
