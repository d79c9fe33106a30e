"""Reading Canvas courses: a read that is owed is done once, no matter whose clock wrote it."""

import logging
from datetime import timedelta

from sqlalchemy import select

from ascriptica_plugin.ledger import reads
from ascriptica_plugin.tables.canvas import load_settings
from ascriptica_plugin.tables.requests import CourseRead


def test_a_course_that_may_be_gone_is_asked_for_again_after_canvas_failed(office, canvas, caplog):
    course_id = canvas.ids["course.art"]
    canvas.hand("DELETE", f"courses/{course_id}", event="delete")
    # The course itself, and not what is below its address.
    only = f"GET /courses/[{str(course_id)[0]}]{str(course_id)[1:]}"
    canvas.faults({"match": only, "times": 1, "fault": "status", "status": 500})
    reads.owe(office.session, load_settings(office.session).connection_id, course_id, office.now)
    office.session.commit()
    caplog.set_level(logging.ERROR)
    office.deliver()
    assert caplog.records == []
    [read] = office.session.scalars(select(CourseRead)).all()
    assert (read.tried_at, read.owed_at is not None) == (office.now, True)
    assert read.due_at > office.now


def test_a_read_asked_for_by_a_clock_ahead_of_ours_is_done_once(office, canvas):
    office.course("ART", "art")
    office.deliver()
    connection_id = load_settings(office.session).connection_id
    reads.owe(office.session, connection_id, canvas.ids["course.art"], office.now + timedelta(minutes=3))
    office.session.commit()
    a_read = f"GET /courses/{canvas.ids['course.art']}/enrollments"
    asked = []
    assert office.deliver(stop=lambda: len(asked.append(1) or asked) > 50) == [a_read]
    assert office.deliver() == []


def course_event(canvas, event: str) -> None:
    canvas.hand("PUT", f"courses/{canvas.ids['course.art']}", **{"course[event]": event})


def test_a_concluded_course_is_one_cause_and_not_a_question_about_each_person(office, canvas):
    course = office.course("ART", "art")
    registrations = [office.register(course, who) for who in ("kim", "lou")]
    office.deliver()
    course_event(canvas, "conclude")
    office.recheck("art")
    assert office.deliver() == [
        f"GET /courses/{canvas.ids['course.art']}/enrollments",
        f"GET /courses/{canvas.ids['course.art']}",
    ]
    scope = str(canvas.ids["course.art"])
    assert {(seat.cause, seat.cause_scope) for seat in office.seats()} == {("course_concluded", scope)}
    assert (office.status()["changed_in_canvas"], office.status()["seats"]["held"]) == (0, 2)
    assert "concluded" in office.sentence(registrations[0])
    course_event(canvas, "offer")
    office.later(minutes=16)
    office.deliver()
    assert canvas.who_is_in("art") == {"kim@example.org", "lou@example.org"}
    assert office.status()["seats"]["enrolled"] == 2


def test_a_person_who_is_concluded_by_hand_in_a_course_that_goes_on_is_asked_about(office, canvas):
    office.register(office.course("ART", "art"), "kim")
    office.deliver()
    [row] = canvas.read("world")["enrollments"]
    canvas.hand("DELETE", f"courses/{row['course_id']}/enrollments/{row['id']}", task="conclude")
    office.recheck("art")
    office.deliver()
    assert [(seat.cause, seat.cause_scope) for seat in office.seats()] == [("changed_in_canvas", "completed")]


def test_people_in_a_course_that_is_gone_wait_for_it_and_are_in_again_when_it_is_back(office, canvas):
    course = office.course("ART", "art")
    registration = office.register(course, "kim")
    office.deliver()
    course_event(canvas, "delete")
    office.recheck("art")
    office.deliver()
    scope = str(canvas.ids["course.art"])
    assert [(seat.cause, seat.cause_scope, seat.held) for seat in office.seats()] == [("course_missing", scope, True)]
    assert "in the Canvas course" not in office.sentence(registration)
    [read] = office.session.scalars(select(CourseRead)).all()
    assert (read.owed_at, read.problem is not None) == (None, True)
    # Nothing more is asked until a canary's time has come.
    assert office.deliver() == []
    course_event(canvas, "undelete")
    office.later(minutes=16)
    office.deliver()
    assert canvas.who_is_in("art") == {"kim@example.org"}
    office.withdraw(course, "kim")
    office.deliver()
    assert canvas.who_is_in("art") == set()
