"""A course's places, also when everybody comes at once."""

import threading
from collections import Counter
from datetime import timedelta

import pytest

from ascriptica_plugin.office.places import NotPossible
from ascriptica_plugin.tables import locks

from .at_once import at_once, live, registering, withdrawing


def test_registering_for_a_full_course_waits_for_no_lock(here):
    course = here.course(capacity=1)
    here.register(course, "ann")
    code = course.id
    # Somebody is in the middle of a change of the course.
    locks.lock_course(here.session, course)
    refusals: list[str] = []
    refused = threading.Thread(target=lambda: refusals.extend(at_once(here, [registering(code, "bob", here.now)])))
    refused.start()
    refused.join(20)
    assert refusals == ["ART here is full."]
    here.session.rollback()


def test_a_full_course_takes_nobody(here):
    course = here.course(capacity=1)
    here.register(course, "kim")
    with pytest.raises(NotPossible, match="is full"):
        here.register(course, "lou")
    here.session.rollback()
    assert live(here.session, course) == 1


@pytest.mark.parametrize(
    ("window", "words"),
    [
        ({"registration_opens_at": 1}, "not opened yet"),
        ({"registration_closes_at": -1}, "has closed"),
        ({"ends_at": -1}, "has ended"),
    ],
)
def test_a_course_takes_nobody_outside_its_registration_window(here, window, words):
    course = here.course(**{name: here.now + timedelta(hours=hours) for name, hours in window.items()})
    with pytest.raises(NotPossible, match=words):
        here.register(course)
    here.session.rollback()
    assert live(here.session, course) == 0


def test_thirty_people_and_ten_places_make_ten_registrations(here):
    course = here.course(capacity=10)
    course_id = course.id
    here.session.commit()
    results = Counter(at_once(here, [registering(course_id, f"p{n}", here.now) for n in range(30)]))
    assert results == {"done": 10, "ART here is full.": 20}
    here.session.expire_all()
    assert live(here.session, course) == course.places_taken == 10


def test_places_stay_true_while_people_come_and_go(here):
    course = here.course(capacity=5)
    course_id = course.id
    here.session.commit()
    for _ in range(3):
        at_once(here, [act(course_id, f"p{n}", here.now) for n in range(6) for act in (registering, withdrawing)])
    here.session.expire_all()
    assert live(here.session, course) == course.places_taken <= 5
