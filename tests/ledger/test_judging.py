"""What the stored rows mean for their seats, however they came to be stored."""

import pytest
from sqlalchemy import select, update

from ascriptica_plugin.ledger import judging
from ascriptica_plugin.tables.ledger import CanvasRow, Match, Seat

from ..office_at_work import Office, connection_of


@pytest.fixture
def row(office) -> int:
    """Kim is in, and her seat settled; the row's id."""
    office.register(office.course("ART", "art"))
    office.deliver()
    [seat] = office.seats()
    return seat.canvas_enrollment_id


def judged(office: Office, row: int, state: str = "active", **about) -> Seat:
    """Kim's seat, once her row is stored with this state and judged."""
    connection_id = connection_of(office).id
    office.session.execute(update(CanvasRow).values(state=state))
    judging.judge(office.session, connection_id, [row], office.now, **about)
    office.session.commit()
    [seat] = office.seats()
    return seat


def test_a_row_that_is_as_it_was_changes_nothing(office, row):
    seat = judged(office, row)
    assert (seat.settled_version, seat.cause) == (seat.version, None)


@pytest.mark.parametrize("state", ["deleted", "inactive", "completed", "rejected"])
def test_an_enrollment_removed_by_hand_is_asked_about_and_not_restored(office, row, state):
    seat = judged(office, row, state)
    assert (seat.cause, seat.cause_scope, seat.held) == ("changed_in_canvas", state, True)
    assert [call for call in office.deliver() if not call.startswith("GET")] == []


def test_an_enrollment_that_we_ended_is_not_taken_for_a_change_by_hand_and_the_seat_is_due_again(office, row):
    seat = judged(office, row, "deleted", ended_by_us=[row])
    assert (seat.cause, seat.held) == (None, False)
    assert seat.settled_version < seat.version


def test_people_in_a_course_that_has_ended_are_not_asked_about_one_by_one(office, canvas, row):
    seat = judged(office, row, "completed", concluded=[canvas.ids["course.art"]])
    assert (seat.cause, seat.held) == ("course_concluded", True)


def test_an_unwanted_row_that_becomes_live_again_is_looked_at(office):
    course = office.course("ART", "art")
    office.register(course)
    office.deliver()
    [seat] = office.seats()
    row = seat.canvas_enrollment_id
    office.withdraw(course)
    office.deliver()
    settled = judged(office, row, "deleted")
    assert settled.settled_version == settled.version
    seat = judged(office, row, "active")
    assert seat.settled_version < seat.version


def test_a_row_changes_nothing_while_a_request_about_its_person_is_out(office, canvas, row):
    """A request for another course was never answered."""
    path = f"POST /courses/{canvas.ids['course.bio']}/"
    canvas.faults({"match": path, "times": 1, "fault": "reset", "when": "before"})
    office.register(office.course("BIO", "bio"))
    office.deliver()
    office.session.execute(update(CanvasRow).values(state="deleted"))
    judging.judge(office.session, connection_of(office).id, [row], office.now)
    office.session.commit()
    assert office.status()["changed_in_canvas"] == 0
    assert office.session.scalars(select(Match.look_at)).one() == office.now
