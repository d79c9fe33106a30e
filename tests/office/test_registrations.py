"""Who may register and withdraw, and what that changes."""

from collections import Counter

import pytest
from sqlalchemy import func, select

from ascriptica_plugin.office import registrations
from ascriptica_plugin.office.places import NotPossible
from ascriptica_plugin.office.registrations import Entry
from ascriptica_plugin.tables.office import Course, Participant, Registration

from .at_once import at_once, join, live, registering, standings, withdrawing


def test_registering_takes_a_place_and_withdrawing_gives_it_back(here):
    course = here.course(capacity=1)
    here.register(course)
    assert course.places_taken == 1
    here.withdraw(course)
    assert course.places_taken == 0
    here.register(course)
    assert [row.status for row in here.session.scalars(select(Registration).order_by(Registration.id))] == [
        "withdrawn",
        "registered",
    ]


def test_registering_twice_is_refused_and_takes_one_place(here):
    course = here.course()
    here.register(course)
    with pytest.raises(NotPossible, match="already registered"):
        here.register(course)
    here.session.rollback()
    assert course.places_taken == 1


def test_only_a_registered_person_can_withdraw(here):
    course = here.course()
    here.register(course, "kim")
    with pytest.raises(NotPossible, match="not registered"):
        here.withdraw(course, "lou")
    here.session.rollback()
    assert course.places_taken == 1


def test_a_person_who_moved_up_since_the_page_was_read_gives_a_place_back(here):
    course = here.course(capacity=1)
    course_id = course.id
    join(here, course, "a", "b")
    read = list(here.session.scalars(select(Registration).order_by(Registration.id)))
    assert read[1].status == "waitlisted"
    assert at_once(here, [withdrawing(course_id, "a", here.now)]) == ["done"]
    here.withdraw(course, "b")
    assert (standings(here.session, course), course.places_taken) == ({}, 0)


def test_a_full_course_refuses_people_who_did_not_ask_to_wait(here):
    course = here.course(capacity=1)
    join(here, course, "a")
    with pytest.raises(NotPossible, match="is full"):
        here.register(course, "b")
    here.session.rollback()
    assert standings(here.session, course) == {"a": "registered"}


def test_one_person_pressing_five_times_registers_once(here):
    course = here.course()
    course_id = course.id
    here.session.commit()
    results = Counter(at_once(here, [registering(course_id, "kim", here.now)] * 5))
    assert results["done"] == 1
    here.session.expire_all()
    assert live(here.session, course) == course.places_taken == 1
    assert here.session.scalar(select(func.count()).select_from(Participant)) == 1


def test_two_clerks_who_enter_the_same_people_in_two_courses_enter_each_once(here):
    courses = [here.course("ART").id, here.course("BIO").id]
    here.session.commit()
    entries = [Entry(f"p{n}@example.org", f"P{n}") for n in range(20)]

    def entering(course_id: int):
        def act(session):
            course = session.get(Course, course_id)
            registrations.register_many(session, course, entries, here.now, "boss@example.org")

        return act

    assert at_once(here, [entering(course_id) for course_id in courses]) == ["done"] * 2
    here.session.expire_all()
    assert here.session.scalar(select(func.count()).select_from(Participant)) == 20
    assert here.session.scalar(select(func.count()).select_from(Registration)) == 40


def test_a_person_who_can_t_be_registered_gets_no_sis_id_either(here):
    course = here.course("ART")
    registrations.register_many(here.session, course, [Entry("kim@example.org", "Kim")], here.now, "boss@example.org")
    here.session.commit()
    entries = [Entry("kim@example.org", "Kim", "S-1"), Entry("lou@example.org", "Lou", "S-2")]
    results = registrations.register_many(here.session, course, entries, here.now, "boss@example.org")
    here.session.commit()
    assert isinstance(results[0], NotPossible)
    people = here.session.scalars(select(Participant).order_by(Participant.id))
    assert [(one.name, one.sis_user_id) for one in people] == [("Kim", None), ("Lou", "S-2")]
