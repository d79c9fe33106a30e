"""The waitlist: who waits, and who moves up."""

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import select

from ascriptica_plugin.office import waitlist
from ascriptica_plugin.office.places import NotPossible
from ascriptica_plugin.tables import locks
from ascriptica_plugin.tables.office import Course, Registration

from .at_once import at_once, join, joining, standings, withdrawing


def test_a_withdrawal_moves_up_the_person_who_waits_longest(here):
    course = here.course(capacity=1)
    join(here, course, "a", "b", "c")
    assert standings(here.session, course) == {"a": "registered", "b": "waitlisted", "c": "waitlisted"}
    joined_at = here.session.scalars(select(Registration.registered_at).order_by(Registration.id)).all()[1]
    here.later(hours=1)
    here.withdraw(course, "a")
    assert standings(here.session, course) == {"b": "registered", "c": "waitlisted"}
    assert course.places_taken == 1
    assert here.session.get(Registration, 2).registered_at == joined_at


def test_a_person_who_waits_has_no_seat_until_moving_up(office):
    course = office.course("ART", "art", capacity=1)
    join(office, course, "a", "b")
    assert [seat.participant.key for seat in office.seats()] == ["a"]
    office.withdraw(course, "a")
    assert [seat.participant.key for seat in office.seats()] == ["a", "b"]


def test_nobody_is_passed_over_even_where_a_place_seems_free(here):
    course = here.course(capacity=1)
    join(here, course, "a", "b")
    course.capacity = 3  # by somebody who moved nobody up
    here.session.commit()
    with pytest.raises(NotPossible, match="is full"):
        here.register(course, "c")
    here.session.rollback()
    join(here, course, "c")
    assert set(standings(here.session, course).values()) == {"registered"}
    assert course.places_taken == 3


def test_waitlist_positions_are_counted_for_each_course(here):
    for code in ("ART", "BIO"):
        course = here.course(code, capacity=1)
        join(here, course, "a", "b", "c")
    everybody = list(here.session.scalars(select(Registration).order_by(Registration.id)))
    assert waitlist.positions(here.session, everybody) == {2: 1, 3: 2, 5: 1, 6: 2}


def test_nobody_moves_up_into_a_course_that_has_ended(here):
    course = here.course(capacity=1)
    join(here, course, "a", "b")
    course.ends_at = here.now - timedelta(hours=1)
    here.session.commit()
    here.withdraw(course, "a")
    assert standings(here.session, course) == {"b": "waitlisted"}


def test_places_and_waitlist_stay_true_while_people_come_and_go(here):
    course = here.course(capacity=4)
    course_id = course.id
    join(here, course, *(f"p{n}" for n in range(8)))
    for turn in range(4):
        leaving = [withdrawing(course_id, f"p{n}", here.now) for n in range(turn, 12, 2)]
        coming = [joining(course_id, f"p{n}", here.now) for n in range(12)]
        at_once(here, leaving + coming)
        now = list(standings(here.session, course).values())
        assert now.count("registered") == course.places_taken <= 4
        assert course.places_taken == 4 or "waitlisted" not in now
        # Nobody was passed over: the people who wait came after everybody who is in.
        assert now == sorted(now)
        here.session.commit()


def test_the_first_ones_who_wait_get_the_places(here):
    course = here.course(capacity=5)
    course_id = course.id
    join(here, course, *(f"in{n}" for n in range(5)), *(f"w{n}" for n in range(7)))
    here.session.commit()
    actions = [withdrawing(course_id, f"in{n}", here.now) for n in range(5)]
    actions += [withdrawing(course_id, "w1", here.now), *(joining(course_id, f"n{n}", here.now) for n in range(6))]
    assert set(at_once(here, actions)) == {"done"}
    now = standings(here.session, course)
    assert [now.get(f"w{n}") for n in (0, 2, 3, 4)] == ["registered"] * 4
    assert Counter(now.values()) == {"registered": 5, "waitlisted": 7}
    assert list(now.values()) == sorted(now.values())
    assert course.places_taken == 5


def test_a_raised_capacity_beside_withdrawals_fills_every_place(here):
    course = here.course(capacity=2)
    course_id = course.id
    join(here, course, *(f"p{n}" for n in range(12)))
    here.session.commit()

    def raise_capacity(session):
        found = session.get(Course, course_id)
        locks.lock_course(session, found)
        found.capacity = 6
        waitlist.move_up(session, found, here.now)

    assert set(at_once(here, [raise_capacity, *(withdrawing(course_id, f"p{n}", here.now) for n in range(4))])) == {
        "done"
    }
    assert standings(here.session, course) == {f"p{n}": "registered" if n < 10 else "waitlisted" for n in range(4, 12)}
