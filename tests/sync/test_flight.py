"""How many calls are on their way at once, and what throttling does."""

import pytest

from ascriptica_plugin import retry
from ascriptica_plugin.sync import drain

from ..office_at_work import connection_of


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


def test_no_more_calls_are_in_flight_than_canvas_allows(office, canvas):
    course = office.course("ART", "art")
    for number in range(40):
        office.register(course, f"p{number}")
    canvas.options(latency_seconds=0.02)
    drain.drain(office.session, office.canvases)
    assert 2 < canvas.read("calls")["max_in_flight"] <= retry.FLIGHT
    assert office.status()["seats"]["enrolled"] == 40
