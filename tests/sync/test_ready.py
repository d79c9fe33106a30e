"""Calls that are made ready while others are on their way: when they leave, and that they are taken back."""

import time
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from ascriptica_plugin.ledger import lease, reads
from ascriptica_plugin.shared import pauses
from ascriptica_plugin.sync import flight
from ascriptica_plugin.sync.ready import Ready
from ascriptica_plugin.sync.run import Run
from ascriptica_plugin.sync.tasks import Probe, SeatTask, SmallTask
from ascriptica_plugin.tables.canvas import load_settings
from ascriptica_plugin.tables.ledger import Seat
from ascriptica_plugin.tables.requests import Request

from ..office_at_work import Office, connection_of, many, many_to_remove
from ..pages import all_of
from ..practice_canvas import Practice

NOW = datetime(2030, 1, 1, tzinfo=UTC)


class Places:
    """A flight with so many free places."""

    def __init__(self, free: int, *flying):
        self.free, self.flying = free, dict.fromkeys(flying, 0.0)

    def carry(self, task) -> None:
        self.free -= 1
        self.flying[task] = 0.0


class Heard:
    """A seat's work, which counts how often it hears that its request is not out any more."""

    knew_of_restore = None

    def __init__(self, canvas_course_id: int) -> None:
        self.canvas_course_id, self.heard = canvas_course_id, 0

    def hear(self) -> None:
        self.heard += 1


def seat_task(
    kind: str | None = None, course: int = 1, *, since=timedelta(0), tries: int = 1, can_wait: bool = False
) -> SeatTask:
    sends = {"kind": kind, "tries": tries, "until_at": NOW + pauses.LATE - since} if kind else None
    return SeatTask(walk=iter(()), work=Heard(course), sends=sends, can_wait=can_wait)


def waiting(*tasks) -> Ready:
    ready = Ready()
    for task in tasks:
        ready.add(task)
    return ready


def test_what_can_wait_leaves_after_all_else():
    in_bulk, alone, small = seat_task(can_wait=True), seat_task(), SmallTask(iter(()), put_off=None, key=("course", 1))
    ready = waiting(in_bulk, alone, small)
    again = seat_task(can_wait=True)
    ready.add_before_all(again)
    assert ready.leave(Places(3), all_is_stored=True) == [again, alone, small]
    assert list(ready) == [in_bulk]


def test_nothing_leaves_beside_a_probe():
    probe, other = Probe(), seat_task()
    ready, places = waiting(probe, other), Places(5)
    assert ready.leave(places, all_is_stored=True) == [probe]
    places.flying.clear()
    assert ready.leave(places, all_is_stored=True) == [other]


def test_what_ends_somebody_s_access_leaves_only_when_all_that_was_heard_is_stored():
    enrolling, ending, behind = seat_task("enroll"), seat_task("end"), seat_task("enroll")
    ready = waiting(enrolling, ending, behind)
    assert ready.leave(Places(5), all_is_stored=False) == [enrolling]
    assert ready.next(all_is_stored=False) is None
    assert ready.leave(Places(5), all_is_stored=True) == [ending, behind]


def test_what_fits_no_more_is_taken_back_and_nobody_waits_for_its_answer():
    """What puts somebody back stays written down, since nothing else would have it made again; and what repeats a
    request does, since the first one may have arrived."""
    looking, enrolling, back, again = (
        seat_task(),
        seat_task("enroll"),
        seat_task("put_back"),
        seat_task("create", tries=2),
    )
    ready = waiting(looking, enrolling, back, again)
    assert ready.take_back(NOW, True, (), None) == [enrolling, back, again]
    assert list(ready) == [looking]
    assert [task.work.heard for task in (enrolling, back, again)] == [1, 0, 0]
    assert [(task.call, task.error.until) for task in (enrolling, back, again)] == [(None, NOW)] * 3


def test_what_fits_no_more_is_old_or_about_a_course_that_hangs_or_ends_access_since_a_restore():
    old, back, hanging = seat_task("enroll", since=pauses.LATE), seat_task("put_back", 2), seat_task("enroll", 2)
    looking, ending, other = seat_task(None, 2), seat_task("end"), seat_task("enroll")
    ready = waiting(old, back, hanging, looking, ending, other)
    assert ready.take_back(NOW, False, (), None) == [old]
    assert ready.take_back(NOW, False, (2,), None) == [hanging]
    assert ready.take_back(NOW, False, (), NOW) == [ending]
    assert list(ready) == [back, looking, other]


def test_a_worker_that_stops_takes_back_the_requests_that_never_left(office, canvas):
    many(office, office.course("ART", "art"), 60)
    office.deliver(lambda: len(canvas.read("calls")["calls"]) >= 60)
    assert 0 < office.status()["seats"]["enrolled"] < 60
    # Nobody waits until Canvas can't carry them out any more.
    assert office.session.scalars(select(Request)).all() == []
    office.deliver()
    assert office.status()["seats"]["enrolled"] == 60


def test_a_worker_that_stood_still_lets_nothing_leave_before_it_has_seen_its_lease(office, canvas, monkeypatch):
    monkeypatch.setattr(pauses, "LEASE", timedelta(seconds=1))
    many(office, office.course("ART", "art"), 60)
    connection_id, sent = connection_of(office).id, []

    def stand_still() -> bool:
        if not sent and len(canvas.read("calls")["calls"]) >= 30:
            with Session(office.app.extensions["sqlalchemy"].engine) as session:
                assert lease.take_lease(session, connection_id, office.now + pauses.LEASE)
                session.commit()
            # What is in flight gets there meanwhile.
            time.sleep(1)
            sent.append(len(canvas.read("calls")["calls"]))
        return False

    assert len(office.deliver(stand_still)) == sent[0]


def removals_before_the_read(office: Office, canvas: Practice, calls_before: int) -> list[str]:
    """Canvas turns out to have come back from a backup after so many calls. Returns the removals that it got from then
    on, before the course was read again; afterwards, the others are removed."""
    connection_id, here = connection_of(office).id, f"/courses/{canvas.ids['course.art']}/enrollments"
    known: list[int] = []

    def get_to_know() -> bool:
        if not known and (count := len(canvas.read("calls")["calls"])) >= calls_before:
            with Session(office.app.extensions["sqlalchemy"].engine) as session:
                reads.note_restored(session, connection_id, office.now)
                session.commit()
            known.append(count)
            canvas.options(latency_seconds=0)
        return False

    calls = office.deliver(get_to_know)[known[0] :]
    assert canvas.who_is_in("art") == set()
    return [call for call in calls[: calls.index(f"GET {here}")] if call.startswith("DELETE")]


def test_no_removal_leaves_once_canvas_is_known_to_have_come_back_from_a_backup(office, canvas):
    """What was decided before may be about somebody else's row by now. Once the course was read, removals go on."""
    many_to_remove(office, office.course("ART", "art"), 60)
    assert len(removals_before_the_read(office, canvas, 20)) <= flight.FLIGHT + flight.SPARE


def test_a_removal_that_is_throttled_once_canvas_is_known_to_have_come_back_from_a_backup_is_not_repeated(
    office, canvas, monkeypatch
):
    many_to_remove(office, office.course("ART", "art"), 2)
    # So that it is known before the answers arrive.
    monkeypatch.setattr(pauses, "RENEW_SECONDS", 0)
    canvas.options(latency_seconds=2)
    canvas.faults({"match": "DELETE /courses/", "times": 2, "fault": "throttle", "when": "before"})
    assert removals_before_the_read(office, canvas, 2) == []


def test_what_another_worker_repeats_by_now_is_not_taken_back(office, canvas):
    """It never left here, but the other worker's call may have arrived without an answer."""
    office.register(office.course("ART", "art"), "kim", sis_user_id="K-100")
    office.deliver()
    office.register(office.course("BIO", "bio"), "kim", sis_user_id="K-100")
    connection, settings = connection_of(office), load_settings(office.session)
    [due_id] = office.session.scalars(select(Seat.id).where(Seat.settled_version < Seat.version))
    term = lease.take_lease(office.session, connection.id, office.now)
    frozen = Run(office.session, settings, connection, office.canvases, term, lambda: False, lambda: office.now)
    frozen.key.client.myself()
    [task] = frozen.units.write([], [due_id], ())
    task.sends = task.work.sends
    assert task.kind == "enroll"
    frozen.ready.add(task)

    office.later(seconds=11)
    canvas.faults({"match": "POST /courses/", "times": None, "fault": "reset", "when": "after"})
    assert [call for call in office.deliver() if call.startswith("POST")] != []
    assert [request.tries for request in all_of(office.app, Request)] == [2]
    frozen.units.write(frozen.ready.take_back(office.now, True, (), None), [], ())
    assert frozen.units.lost
    assert [request.tries for request in all_of(office.app, Request)] == [2]
