"""When all of Canvas or the token fails: everything waits, nothing is counted, and it heals."""

import pytest
from cryptography.fernet import Fernet, MultiFernet

from ..office_at_work import connection_of


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
def test_an_outage_of_canvas_holds_everything_counts_no_tries_and_ends_automatically(office, canvas, fault):
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
        "questions": 0,
        "changed_in_canvas": 0,
        "oldest_due_seconds": None,
        "connection": "ok",
        "hold": None,
        "waits_for": None,
        "worker_seen_seconds": None,
        "canvas_key": "token",
        "token_expires_at": None,
    }


def test_a_dead_token_holds_everything_until_a_working_one_is_saved(office, canvas):
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


def test_a_401_for_a_single_call_is_not_taken_for_a_dead_token(office, canvas):
    canvas.faults({"match": "POST /courses/", "times": 1, "fault": "revoked", "when": "before"})
    office.register(office.course("ART", "art"))
    office.deliver()
    assert connection_of(office).hold_cause is None
    office.later(minutes=1)
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}


def test_a_token_whose_key_is_gone_is_asked_for_again(office, canvas):
    office.register(office.course("ART", "art"))
    keys, office.canvases.keys = office.canvases.keys, MultiFernet([Fernet(Fernet.generate_key())])
    assert office.deliver() == []
    assert connection_of(office).hold_cause == "token_unreadable"
    office.canvases.keys = keys


@pytest.mark.parametrize(("hours", "reads"), [(0.5, False), (1.5, True)])
def test_every_course_in_use_is_read_again_after_a_long_outage(office, canvas, hours, reads):
    """Meanwhile a teacher may have removed people, or Canvas may have been restored."""
    art = office.course("ART", "art")
    office.course("OVER", "bio", ends_at=office.now)
    office.register(art)
    office.deliver()
    canvas.options(down=True)
    office.register(art, "lou")
    office.deliver()
    assert connection_of(office).hold_cause == "canvas_down"
    canvas.options(down=False)
    office.later(hours=hours)
    calls = office.deliver()
    assert (f"GET /courses/{canvas.ids['course.art']}/enrollments" in calls) == reads
    assert f"GET /courses/{canvas.ids['course.bio']}/enrollments" not in calls
    assert connection_of(office).hold_cause is None
