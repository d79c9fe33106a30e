"""How many calls are on their way at once, and what throttling does."""

import threading
import time
from datetime import timedelta

import pytest

from ascriptica_plugin.canvas.responses import RESERVED
from ascriptica_plugin.ledger import page_calls
from ascriptica_plugin.shared import clock, pauses
from ascriptica_plugin.sync import drain
from ascriptica_plugin.sync.flight import FLIGHT, KEPT, SPARE, Flight
from ascriptica_plugin.sync.tasks import Task

from ..office_at_work import connection_of, many


@pytest.fixture(autouse=True)
def no_call_is_silent(monkeypatch):
    """On a busy machine each call may look like one that hangs, and others would get its place."""
    monkeypatch.setattr(pauses, "SILENT_SECONDS", 60)


@pytest.mark.parametrize("status", [403, 429])
def test_throttling_slows_calls_down_and_loses_none(office, canvas, status, monkeypatch):
    monkeypatch.setattr("ascriptica_plugin.canvas.responses.pause_seconds", lambda response: 0.05)
    course = office.course("ART", "art")
    for number in range(6):
        office.register(course, f"p{number}")
    canvas.faults({"match": "POST /courses/", "times": 4, "fault": "throttle", "status": status, "when": "before"})
    office.deliver()
    assert office.status()["seats"]["enrolled"] == 6
    assert {seat.attempts for seat in office.seats()} == {0}
    assert connection_of(office).hold_cause is None


def deliver_many(office, canvas, people: int = 60) -> dict:
    """Deliver so many people's seats at 100 ms a call. Returns what the practice Canvas says about the calls."""
    many(office, office.course("ART", "art"), people)
    canvas.options(latency_seconds=0.1)
    canvas.calls()
    drain.drain(office.session, office.canvases)
    canvas.options(latency_seconds=0)
    assert office.status()["seats"]["enrolled"] == people
    return canvas.read("calls")


def test_ten_calls_are_in_flight_while_canvas_has_room_for_them(office, canvas):
    canvas.options(throttle={"enabled": True})
    seen = deliver_many(office, canvas)
    assert FLIGHT < seen["max_in_flight"] <= FLIGHT + SPARE
    assert seen["throttled"] == 0


def test_a_drain_leaves_two_calls_to_a_page_that_asks(office, canvas):
    connection_id = connection_of(office).id
    # The call itself is not made, so that all calls are the drain's.
    assert page_calls.take(office.session, connection_id, clock.utc_now() + timedelta(hours=1)) is not None
    office.session.commit()
    assert deliver_many(office, canvas)["max_in_flight"] <= FLIGHT


@pytest.mark.parametrize("calls", [2, 4])
def test_a_canvas_with_little_room_has_to_refuse_few_calls(office, canvas, calls):
    """Each call reserves 50 of its bucket; from the high-water mark on it refuses.

    Code that goes by refusals alone meets nine and four of them here. On a busy machine a call is on its way for so
    long that Canvas answers another without having seen it.
    """
    canvas.options(throttle={"enabled": True, "hwm": calls * 50 + 40})
    assert deliver_many(office, canvas, 40)["throttled"] <= 2
    # Others use the token no more.
    canvas.options(throttle={"enabled": True, "hwm": 600})
    many(office, office.course("BIO", "bio"), 60)
    canvas.options(latency_seconds=0.1)
    canvas.session.delete(f"{canvas.url}/practice/calls", timeout=10)
    drain.drain(office.session, office.canvases)
    assert FLIGHT < canvas.read("calls")["max_in_flight"] <= FLIGHT + SPARE


def test_two_calls_are_left_to_pages_where_canvas_does_not_report_its_rate_limit(office, canvas, monkeypatch):
    monkeypatch.setattr("ascriptica_plugin.canvas.calling.left_in_bucket", lambda response: None)
    assert deliver_many(office, canvas)["max_in_flight"] <= FLIGHT


class Silent:
    """A Canvas that says nothing of its room."""

    def least_left(self):
        return None


def leaving(flight: Flight, answered: threading.Event | None = None) -> Task:
    """A task that has left, whose call is answered at once, or once the event is set."""
    task = Task(iter(()), lambda canvas: answered is None or answered.wait(60))
    flight.carry(task)
    return task


def nobody_else() -> bool:
    """No other call is ready."""
    return False


class Full:
    """A Canvas that has room for one more call beside those that were out when it answered last."""

    def least_left(self):
        return KEPT + RESERVED, time.monotonic()


def test_calls_that_left_in_the_place_of_others_do_not_count_beside_them():
    """So many were never out at once, so nothing is known of whether they fit."""
    flight, over = Flight(Full()), threading.Event()
    for _ in range(4):
        leaving(flight)

    def refill() -> bool:
        leaving(flight, over)
        return True

    assert len(flight.gather(20, refill)) == 4
    assert len(flight.flying) == 4
    assert flight.size == 4
    over.set()
    flight.end(wait=True)


def test_an_answer_waits_for_what_left_with_it_and_for_nothing_else(monkeypatch):
    monkeypatch.setattr(pauses, "GATHER_SECONDS", 20)
    flight, over, began_at = Flight(Silent()), threading.Event(), time.monotonic()
    long_ago = leaving(flight, over)
    flight.flying[long_ago] -= 60
    one = leaving(flight)
    assert flight.gather(20, nobody_else) == [one]
    assert time.monotonic() < began_at + 20
    together = {leaving(flight), leaving(flight)}
    assert set(flight.gather(20, nobody_else)) == together
    over.set()
    assert flight.gather(20, nobody_else) == [long_ago]
    flight.end(wait=True)


def hanging(flight: Flight, answered: threading.Event, calls: int) -> None:
    """So many calls have left long ago."""
    for _ in range(calls):
        flight.flying[leaving(flight, answered)] -= 120


def test_further_calls_find_out_how_many_fit_although_the_first_ones_hang():
    flight, over = Flight(Silent()), threading.Event()
    first = flight.free
    hanging(flight, over, first)
    assert 0 < flight.free < first
    over.set()
    flight.end(wait=True)


def test_after_a_throttled_answer_calls_go_one_at_a_time_beside_those_that_hang():
    flight, over = Flight(Silent()), threading.Event()
    hanging(flight, over, FLIGHT)
    flight.slow_down(0)
    assert flight.free == 1
    other = leaving(flight, over)
    assert flight.free == 0
    flight.flying[other] -= 120
    assert flight.free == 1
    over.set()
    flight.end(wait=True)
