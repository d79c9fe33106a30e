"""Reading Canvas courses: what is owed is read once, whoever's clock it was written with."""

import logging
from datetime import timedelta

from sqlalchemy import select

from ascriptica_plugin.ledger import reads
from ascriptica_plugin.tables.canvas import CourseRead, load_settings


def test_a_course_that_may_be_gone_is_asked_for_again_when_canvas_fails_at_that(office, canvas, caplog):
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


def test_a_read_that_was_asked_for_by_a_clock_ahead_of_ours_is_done_once(office, canvas):
    office.course("ART", "art")
    office.deliver()
    connection_id = load_settings(office.session).connection_id
    reads.owe(office.session, connection_id, canvas.ids["course.art"], office.now + timedelta(minutes=3))
    office.session.commit()
    a_read = f"GET /courses/{canvas.ids['course.art']}/enrollments"
    asked = []
    assert office.deliver(stop=lambda: len(asked.append(1) or asked) > 50) == [a_read]
    assert office.deliver() == []
