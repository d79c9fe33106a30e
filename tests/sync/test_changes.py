"""An outage in which Canvas can be read and takes no changes, and a Canvas course that takes none."""

from datetime import timedelta

import pytest

from ascriptica_plugin.shared import pauses
from ascriptica_plugin.sync import flight

from ..office_at_work import connection_of
from ..practice_canvas import posts


def well_again(canvas) -> None:
    canvas.session.delete(f"{canvas.url}/practice/faults", timeout=10)


def no_changes(canvas, fault: str = "status", where: str = "") -> None:
    changes = ("POST", "DELETE")
    canvas.faults(*({"match": f"{verb} /{where}", "times": None, "fault": fault, "status": 503} for verb in changes))


def two_courses(office, people: int) -> None:
    art, bio = office.course("ART", "art"), office.course("BIO", "bio")
    for number in range(people):
        office.register(art if number % 2 else bio, f"p{number}")


@pytest.mark.parametrize(("people", "fault"), [(3, "status"), (3, "reset"), (12, "status")])
def test_an_outage_in_which_canvas_can_be_read_parks_nobody(office, canvas, people, fault):
    two_courses(office, people)
    no_changes(canvas, fault)
    for _ in range(40):
        office.deliver()
        office.later(minutes=1)
    well_again(canvas)
    office.settle()
    assert office.status()["seats"]["enrolled"] == people, office.causes()
    assert connection_of(office).hold_cause is None


def test_five_failed_changes_in_a_row_are_an_outage_that_one_change_a_minute_probes(office, canvas):
    # These calls may be on their way when the fifth fails; whoever they are about is looked up before another try.
    at_once, others = pauses.FAILED_CHANGES + flight.FLIGHT + flight.SPARE, 4
    two_courses(office, at_once + others)
    no_changes(canvas)
    calls = office.deliver()
    assert connection_of(office).hold_cause == "takes_no_changes"
    assert len(posts(calls)) <= at_once
    tried = set()
    for _ in range(others):
        office.later(seconds=75)
        assert len(posts(office.deliver())) == 1
        tried |= {seat.id for seat in office.seats() if seat.due_at is not None and seat.due_at > office.now}
    # Different people in turn.
    assert len(tried) == others
    assert office.deliver() == []
    well_again(canvas)
    office.later(seconds=75)
    office.deliver()
    # Unanswered requests are looked up once Canvas can't carry them out any more.
    office.later(minutes=3)
    office.settle(rounds=3, minutes=1)
    assert office.status()["seats"]["enrolled"] == at_once + others, office.causes()


def test_five_failed_changes_in_a_row_are_an_outage_across_processes(office, canvas):
    art, bio = office.course("ART", "art"), office.course("BIO", "bio")
    no_changes(canvas)
    for number in range(pauses.FAILED_CHANGES):
        assert connection_of(office).hold_cause is None
        office.new_worker()
        office.register(art if number % 2 else bio, f"p{number}", sis_user_id=f"X-{number}")
        office.deliver()
    assert connection_of(office).hold_cause == "takes_no_changes"


def test_one_course_that_takes_no_changes_rests_for_every_process(office, canvas):
    art = office.course("ART", "art")
    no_changes(canvas, where=f"courses/{canvas.ids['course.art']}/")
    for number in range(pauses.FAILED_CHANGES):
        office.new_worker()
        office.register(art, f"p{number}", sis_user_id=f"X-{number}")
        office.deliver()
    office.new_worker()
    office.register(art, "kim", sis_user_id="K-100")
    assert office.deliver() == []
    assert connection_of(office).hold_cause is None


def test_five_failed_changes_are_no_outage_if_one_in_between_works(office, canvas):
    art, bio = office.course("ART", "art"), office.course("BIO", "bio")
    no_changes(canvas, where=f"courses/{canvas.ids['course.art']}/")
    for number in range(4):
        office.register(art, f"p{number}")
        office.register(bio, f"w{number}")
    office.deliver()
    assert connection_of(office).hold_cause is None
    assert len(canvas.who_is_in("bio")) == 4


def test_a_course_that_takes_no_changes_waits_alone_and_is_tried_once_a_minute(office, canvas):
    art = office.course("ART", "art", starts_at=office.now + timedelta(days=1))
    for number in range(12):
        office.register(art, f"p{number}")
    no_changes(canvas, where=f"courses/{canvas.ids['course.art']}/")
    calls = posts(office.deliver())
    of_art = f"POST /courses/{canvas.ids['course.art']}/enrollments"
    assert calls.count(of_art) <= pauses.FAILED_CHANGES + 1
    assert connection_of(office).hold_cause is None
    bio = office.course("BIO", "bio")
    office.register(bio, "kim", sis_user_id="K-100")
    assert f"POST /courses/{canvas.ids['course.bio']}/enrollments" in office.deliver()
    office.later(seconds=61)
    assert office.deliver().count(of_art) == 1
    well_again(canvas)
    office.later(seconds=61)
    office.deliver()
    office.later(minutes=3)
    office.settle(rounds=3, minutes=1)
    assert len(canvas.who_is_in("art")) == 12, office.causes()


def test_failed_removals_count_as_failed_changes_too(office, canvas):
    art, bio = office.course("ART", "art"), office.course("BIO", "bio")
    for number in range(4):
        office.register(art, f"p{number}")
        office.register(bio, f"w{number}")
    office.deliver()
    for number in range(4):
        office.withdraw(art, f"p{number}")
        office.withdraw(bio, f"w{number}")
    no_changes(canvas)
    office.deliver()
    assert connection_of(office).hold_cause == "takes_no_changes"
