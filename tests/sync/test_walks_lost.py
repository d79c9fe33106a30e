"""Answers that were lost: what Canvas did all the same is found, and nobody is enrolled twice or left in."""

from collections.abc import Callable

import pytest

from ascriptica_plugin.canvas.client import CanvasClient
from ascriptica_plugin.canvas.errors import CanvasDown, CanvasError, Unreachable


def test_a_quick_withdrawal_makes_no_call_though_somebody_else_s_answer_was_lost(office, canvas):
    canvas.faults({"match": "POST /courses/", "times": 1, "fault": "status", "status": 500, "when": "before"})
    office.register(course := office.course("ART", "art"), "kim", sis_user_id="K-100")
    office.deliver()
    office.register(course, "lou")
    office.withdraw(course, "lou")
    assert office.deliver() == []


def test_an_answer_lost_after_the_enrollment_was_made_makes_no_second_one(office, canvas):
    canvas.faults({"match": "POST /courses/", "times": 1, "fault": "reset", "when": "after"})
    course = office.course("ART", "art")
    office.register(course)
    office.deliver()
    office.later(minutes=1)
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}
    office.withdraw(course)
    office.later(minutes=2)
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "deleted"}


def fails_once(monkeypatch, method: str, error: CanvasError) -> list[Callable[[], object]]:
    """The first such call fails; what is in the list then carries it out."""
    call, kept = getattr(CanvasClient, method), []

    def failing(self, *args, **how):
        if kept:
            return call(self, *args, **how)
        kept.append(lambda: call(self, *args, **how))
        raise error

    monkeypatch.setattr(CanvasClient, method, failing)
    return kept


def test_a_person_who_withdrew_is_removed_though_canvas_enrolls_them_late(office, canvas, monkeypatch):
    kept = fails_once(monkeypatch, "enroll", CanvasDown("Canvas did not answer in time."))
    course = office.course("ART", "art")
    office.register(course)
    office.deliver()
    office.withdraw(course)
    office.later(minutes=1)
    office.deliver()
    kept[0]()
    office.later(minutes=2)
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "deleted"}
    assert office.status()["seats"]["removed"] == 1


def test_a_person_who_came_back_is_enrolled_though_canvas_removes_them_late(office, canvas, monkeypatch):
    kept = fails_once(monkeypatch, "unenroll", CanvasDown("Canvas did not answer in time."))
    course = office.course("ART", "art")
    office.register(course)
    office.deliver()
    office.withdraw(course)
    office.deliver()
    office.register(course)
    office.later(minutes=1)
    office.deliver()
    kept[0]()
    office.later(minutes=2)
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}
    assert office.status()["seats"]["enrolled"] == 1


@pytest.mark.parametrize("whom", ["one request", "all"])
def test_a_request_that_never_reached_canvas_is_not_waited_for(office, canvas, monkeypatch, whom):
    for method in ("enroll", "myself") if whom == "all" else ("enroll",):
        fails_once(monkeypatch, method, Unreachable("Canvas could not be reached."))
    course = office.course("ART", "art")
    office.register(course, sis_user_id="K-100")
    office.deliver()
    assert office.status()["connection"] == ("holding" if whom == "all" else "ok")
    office.withdraw(course, sis_user_id="K-100")
    office.later(seconds=30)
    office.deliver()
    assert office.status()["seats"]["removed"] == 1


def test_a_person_who_withdraws_after_a_lost_answer_is_looked_for_and_removed(office, canvas):
    canvas.faults({"match": "POST /courses/", "times": 1, "fault": "reset", "when": "after"})
    course = office.course("ART", "art")
    office.register(course)
    office.deliver()
    office.withdraw(course)
    office.later(minutes=2)
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "deleted"}
    assert office.status()["seats"]["removed"] == 1


def test_looking_for_a_lost_enrollment_leaves_another_seat_s_alone(office, canvas):
    one = office.course("ONE", "art")
    two = office.course("TWO", "art", canvas.ids["section.art.late"])
    canvas.faults({"match": "POST /courses/", "times": 1, "fault": "status", "status": 500, "when": "before"})
    office.register(one, "kim", sis_user_id="K-100")
    office.deliver()
    office.register(two, "kim", sis_user_id="K-100")
    office.deliver()
    office.withdraw(one, "kim", sis_user_id="K-100")
    # Canvas may still carry out the request that failed, so nothing else about Kim is sent before it can't.
    assert office.deliver() == []
    for _ in range(2):
        office.later(minutes=3)
        office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}
    assert office.status()["seats"] == {"due": 0, "held": 0, "parked": 0, "enrolled": 1, "removed": 1}


@pytest.mark.parametrize("lost", [False, True], ids=["known", "unknown"])
def test_requests_of_two_participants_who_are_one_canvas_user_never_cross(office, canvas, lost):
    """Their requests are about one person. If they crossed, the removal could be the last word."""
    one, two, bio = office.course("ONE", "art"), office.course("TWO", "art"), office.course("BIO", "bio")
    office.register(bio, "kim")
    office.deliver()
    office.register(bio, "kim", key="kim at work")
    office.deliver()
    office.one_person()
    office.deliver()
    if lost:
        canvas.faults({"match": "POST /courses/", "times": 1, "fault": "reset", "when": "after"})
    office.register(one, "kim")
    office.deliver()
    office.later(minutes=3)
    office.withdraw(one, "kim")
    office.register(two, "kim", key="kim at work")
    for _ in range(3):
        office.deliver()
        office.later(minutes=1)
    assert canvas.roster("art") == {"kim@example.org": "active"}
    assert office.status()["seats"] == {"due": 0, "held": 0, "parked": 0, "enrolled": 3, "removed": 1}
