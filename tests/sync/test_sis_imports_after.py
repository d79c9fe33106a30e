"""An import is believed as far as the roster shows it; until then, and two minutes more, its people wait there."""

import pytest
from sqlalchemy import select

from ascriptica_plugin.sync import sis_imports_after
from ascriptica_plugin.tables.ledger import CanvasRow

from ..masses import PEOPLE, POST_ONE, emails, everybody, imports, in_steps, posted
from ..office_at_work import policy


@pytest.fixture
def full(school):
    """All twelve are in ART, by an import that is over."""
    course = school.course("ART", "art")
    everybody(school, course)
    in_steps(school, until_minutes=4)
    return school, course


def leave(office, course, people) -> None:
    for who in people:
        office.withdraw(course, who, sis_user_id=who.upper())


@pytest.mark.parametrize(
    ("how", "state"), [("delete", "deleted"), ("deactivate", "inactive"), ("conclude", "completed")]
)
def test_many_withdrawals_are_one_import_in_the_way_that_the_school_chose(full, canvas, how, state):
    school, course = full
    policy(school, on_withdrawal=how)
    leave(school, course, PEOPLE[:8])
    calls = in_steps(school, until_minutes=4)
    assert posted(calls, "/sis_imports") == 1
    assert not [call for call in calls if call.startswith("DELETE")]
    assert sorted(row[4] for row in canvas.rows()) == sorted([state] * 8 + ["active"] * 4)
    assert canvas.who_is_in("art") == emails(PEOPLE[8:])
    assert school.status()["seats"] == {"due": 0, "held": 0, "parked": 0, "enrolled": 4, "removed": 8}
    assert {row.granted for row in school.session.scalars(select(CanvasRow)) if row.state == state} == {False}


def test_withdrawals_whose_way_depends_on_activity_are_carried_out_one_by_one(full, canvas):
    school, course = full
    policy(school, on_withdrawal="by_activity")
    leave(school, course, PEOPLE[:8])
    calls = in_steps(school, until_minutes=4)
    assert posted(calls, "/sis_imports") == 0
    assert canvas.who_is_in("art") == emails(PEOPLE[8:])


def test_a_person_who_was_there_before_is_not_ended_by_an_import(school, canvas):
    course = school.course("ART", "art")
    canvas.by_hand("m0", "art")
    school.recheck("art")
    everybody(school, course)
    in_steps(school, until_minutes=4)
    school.later(hours=2)
    leave(school, course, PEOPLE)
    calls = in_steps(school, until_minutes=4)
    assert posted(calls, "/sis_imports") == 1
    assert canvas.who_is_in("art") == {"m0@example.org"}


def test_enrollments_that_an_import_did_not_end_are_ended_one_by_one(full, canvas):
    """The course has another SIS ID by the time when Canvas reads the file."""
    school, course = full
    canvas.options(import_seconds=30)
    leave(school, course, PEOPLE[:8])
    school.deliver()
    canvas.hand("PUT", f"courses/{canvas.ids['course.art']}", **{"course[sis_course_id]": "ART-2"})
    canvas.options(clock_offset_seconds=60)
    calls = in_steps(school)
    assert len([call for call in calls if call.startswith("DELETE")]) == 8
    assert canvas.who_is_in("art") == emails(PEOPLE[8:])


def test_people_in_an_import_are_served_in_their_other_courses_meanwhile(school, canvas):
    canvas.options(import_seconds=60)
    art, bio = school.course("ART", "art"), school.course("BIO", "bio")
    late = school.course("LATE", "art", canvas.ids["section.art.late"])
    everybody(school, art)
    school.deliver()
    assert canvas.who_is_in("art") == set()
    for course in (bio, late):
        school.register(course, "m3", sis_user_id="M3")
    school.register(art, "new")
    calls = in_steps(school, until_minutes=1)
    assert canvas.who_is_in("bio") == {"m3@example.org"}
    # People who come now do not wait for it, and about m3 nothing is asked in this course.
    assert canvas.who_is_in("art") == {"new@example.org"}
    assert posted(calls, POST_ONE) == 2
    canvas.options(clock_offset_seconds=90)
    in_steps(school)
    assert canvas.who_is_in("art") == emails() | {"new@example.org"}
    assert school.status()["seats"]["enrolled"] == 15


def test_people_in_an_import_are_not_looked_at_there_for_two_minutes_after_it(school, canvas):
    course = school.course("ART", "art")
    everybody(school, course)
    school.deliver()
    assert school.status()["seats"]["enrolled"] == 12
    leave(school, course, ["m3"])
    calls = []
    for _ in range(11):
        calls += school.deliver()
        school.later(seconds=10)
    assert not [call for call in calls if call.startswith("DELETE")]
    in_steps(school, until_minutes=1)
    assert canvas.who_is_in("art") == emails() - {"m3@example.org"}


def test_a_registration_that_changed_during_an_import_is_delivered_after_it(school, canvas):
    canvas.options(import_seconds=30)
    course = school.course("ART", "art")
    everybody(school, course)
    school.deliver()
    leave(school, course, ["m3", "m4"])
    school.register(course, "m3", sis_user_id="M3")
    canvas.options(clock_offset_seconds=60)
    in_steps(school)
    assert canvas.who_is_in("art") == emails() - {"m4@example.org"}
    assert school.status()["seats"] == {"due": 0, "held": 0, "parked": 0, "enrolled": 11, "removed": 1}


def test_an_import_that_canvas_does_not_know_any_more_is_given_up(school, canvas):
    canvas.snapshot()
    canvas.options(import_seconds=30)
    course = school.course("ART", "art")
    everybody(school, course)
    school.deliver()
    canvas.restore()
    in_steps(school)
    assert canvas.who_is_in("art") == emails()
    assert "did not arrive" in imports(school)[0].problem


def test_a_roster_that_can_not_be_read_to_its_end_is_read_again(school, canvas):
    """What its first pages have shown is settled at once, and the rest by the next look."""
    canvas.faults({"match": f"GET courses/{canvas.ids['course.art']}/enrollments", "fault": "status", "status": 500})
    course = school.course("ART", "art")
    everybody(school, course)
    in_steps(school, until_minutes=4)
    assert canvas.who_is_in("art") == emails()
    assert [its.problem for its in imports(school)] == [None]


def test_an_import_whose_result_could_not_be_stored_is_stored_by_the_next_look(school, canvas, monkeypatch):
    real, failures = sis_imports_after._store, [ValueError("once")]

    def store(*args, **how):
        if failures:
            raise failures.pop()
        return real(*args, **how)

    monkeypatch.setattr(sis_imports_after, "_store", store)
    course = school.course("ART", "art")
    everybody(school, course)
    calls = in_steps(school, until_minutes=8)
    assert (posted(calls, "/sis_imports"), posted(calls, POST_ONE)) == (1, 0)
    assert school.status()["seats"]["enrolled"] == 12
