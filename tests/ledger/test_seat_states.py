"""How everything stands, for `status`: every seat is counted once, in the state that it is in."""

from datetime import timedelta

import pytest

from ascriptica_plugin.ledger import seat_states
from ascriptica_plugin.tables.canvas import load_settings

from ..office_at_work import policy

COUNTS = ("due", "held", "parked", "enrolled", "removed")


def counted(office) -> dict[str, int]:
    seats = office.status()["seats"]
    assert sum(seats.values()) == len(office.seats())
    never_in = sum(one.canvas_enrollment_id is None and one.settled_version >= one.version for one in office.seats())
    shown = seat_states.counts_up_to(office.session, load_settings(office.session), 100)
    assert shown == seats | {"removed": seats["removed"] - never_in}
    return {name: seats[name] for name in COUNTS if seats[name]}


def test_every_seat_is_counted_once_in_its_state(office, canvas):
    art, gone = office.course("ART", "art"), office.course("BIO", "bio")
    for who in ("kim", "lou", "ann"):
        office.register(art, who)
    office.deliver()
    office.withdraw(art, "lou")
    office.deliver()
    policy(office, create_users=False)
    office.register(gone, "nobody")
    office.deliver()
    office.register(gone, "kim")
    assert counted(office) == {"due": 1, "held": 1, "enrolled": 2, "removed": 1}
    policy(office, display_canvas=False)
    assert counted(office) == {"held": 2, "enrolled": 2, "removed": 1}
    assert office.status()["connection"] == "off"


def test_an_invited_person_counts_as_enrolled_and_one_removed_by_hand_as_held(office, canvas, admin):
    policy(office, by_invitation=True)
    office.register(office.course("ART", "art"))
    office.deliver()
    assert [row[4] for row in canvas.rows()] == ["invited"]
    assert counted(office) == {"enrolled": 1}
    canvas.hand("DELETE", f"courses/{canvas.ids['course.art']}/enrollments/{canvas.rows()[0][2]}", task="delete")
    admin.post("/tools/courses/ART/recheck")
    office.later(minutes=1)
    office.deliver()
    assert counted(office) == {"held": 1}
    assert office.status()["changed_in_canvas"] == 1
    admin.post(f"/tools/canvas/{office.seats()[0].id}/hand", data={"answer": "leave"})
    office.deliver()
    assert counted(office) == {"removed": 1}
    assert office.status()["changed_in_canvas"] == 0


def test_seats_are_counted_up_to_a_limit(office, canvas):
    art = office.course("ART", "art")
    for who in ("kim", "lou", "ann", "max"):
        office.register(art, who)
    office.deliver()
    office.withdraw(art, "lou")
    office.deliver()
    for number in range(4):
        office.register(art, f"new{number}")
    settings = load_settings(office.session)
    assert seat_states.counts_up_to(office.session, settings, 1)["enrolled"] == 2, "more than one"
    shown = seat_states.counts_up_to(office.session, settings, 3)
    assert shown == {"due": 4, "held": 0, "parked": 0, "enrolled": 3, "removed": 1}


@pytest.mark.parametrize(("minutes", "delays"), [(0, None), (2, "worker")])
def test_seats_that_stay_due_while_nobody_drains_wait_for_a_worker(office, minutes, delays):
    office.register(office.course("ART", "art"))
    later = office.now + timedelta(minutes=minutes)
    assert seat_states.what_delays(office.session, load_settings(office.session), later) == delays


@pytest.mark.parametrize("longest_in_bulk", [True, False])
def test_the_longest_due_seat_is_found_among_single_and_bulk_registrations(office, longest_in_bulk):
    course = office.course("ART", "art")
    for who, minutes, in_bulk in (("kim", 5, longest_in_bulk), ("lou", 2, not longest_in_bulk), ("ann", 9, False)):
        office.register(course, who)
        seat = office.seats()[-1]
        seat.changed_at, seat.in_bulk, seat.held = office.now - timedelta(minutes=minutes), in_bulk, who == "ann"
        office.session.commit()
    assert office.status()["oldest_due_seconds"] == 300
