"""Rows of courses, and what they change for people."""

from ascriptica_plugin.office import registrations
from ascriptica_plugin.tables.office import Association

from ...office_at_work import Office, someone
from ...pages import all_of
from .files import statuses


def test_a_changed_canvas_course_is_looked_up_and_people_move(office, command, canvas):
    course = office.course("ART", "art")
    office.register(course)
    office.deliver()
    command("courses", f"code,canvas_course\nART,{canvas.api}/courses/{canvas.ids['course.bio']}\n")
    assert all_of(office.app, Association)[0].canvas_course_id is None
    office.later(minutes=5)
    office.deliver()
    office.deliver()
    assert canvas.roster("bio") == {"kim@example.org": "active"}
    assert canvas.roster("art") == {"kim@example.org": "deleted"}


def test_people_who_wait_move_up_when_there_are_more_places(app, command):
    office = Office(app, None)
    course = office.course("ART", capacity=1)
    office.register(course, "kim")
    registrations.register(office.session, course, someone("lou"), office.now, wait=True)
    office.session.commit()
    command("courses", "code,capacity\nART,2\n")
    assert statuses(app) == {("kim@example.org", "ART", "registered"), ("lou@example.org", "ART", "registered")}
