"""Reads of the enrollments of a Canvas course."""

import logging

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
