"""Looking up courses and sections, also while an association changes."""

import threading

import pytest
from sqlalchemy.orm import Session

from ascriptica_plugin.office import courses
from ascriptica_plugin.sync import checking, connecting
from ascriptica_plugin.tables.canvas import load_settings
from ascriptica_plugin.tables.office import Association, Course

from ..office_at_work import connection_of, during_the_first_call


def associate_as_typed(office, session, course_id: int, **more) -> None:
    made = Association(canvas_course=str(office.canvas.ids["course.art"]), look_up_at=office.now, **more)
    courses.associate(session, session.get(Course, course_id), made, office.now)


def test_one_canvas_s_answer_about_a_course_is_not_stored_for_another_canvas(office, canvas, monkeypatch):
    course_id, first = office.course("ART").id, connection_of(office).id
    associate_as_typed(office, office.session, course_id, connection_id=first)
    office.session.commit()

    def move_to_another_canvas():
        settings, url = load_settings(office.session), canvas.api.replace("127.0.0.1", "localhost")
        connecting.keep_draft(settings, office.canvases, url, canvas.ids["account.root"], canvas.token)
        found = checking.Findings("Practice Admin", "Another University", ())
        other = connecting.adopt(office.session, settings, office.canvases, found, office.now)
        associate_as_typed(office, office.session, course_id, connection_id=other.id)
        office.session.commit()

    during_the_first_call(office, monkeypatch, move_to_another_canvas, "course")
    office.deliver()
    office.session.expire_all()
    assert office.session.get(Association, course_id).connection_id != first


def test_an_association_that_a_colleague_makes_during_a_look_up_is_kept(office, canvas, monkeypatch):
    course_id, connection_id = office.course("ART").id, connection_of(office).id
    associate_as_typed(office, office.session, course_id, connection_id=connection_id)
    office.session.commit()
    bio = canvas.ids["course.bio"]

    with Session(office.app.extensions["sqlalchemy"].engine) as session:

        def a_colleague_saves():
            made = {"connection_id": connection_id, "canvas_course_id": bio, "looked_up_at": office.now}
            found = Association(canvas_course=str(bio), **made)
            courses.associate(session, session.get(Course, course_id), found, office.now)
            # The look-up has to wait for this commit before it can store what it found.
            threading.Timer(0.5, session.commit).start()

        during_the_first_call(office, monkeypatch, a_colleague_saves, "course")
        office.deliver()
    office.session.expire_all()
    association = office.session.get(Association, course_id)
    assert (association.canvas_course, association.canvas_course_id) == (str(bio), bio)


def test_a_missing_section_is_distinguished_from_a_missing_course(office, canvas):
    late = canvas.ids["section.art.late"]
    course = office.course("ART", "art", late)
    canvas.admin.delete(f"{canvas.api}/sections/{late}", timeout=10).raise_for_status()
    office.register(course, "kim", sis_user_id="K-100")
    office.deliver()
    assert [(seat.cause, seat.cause_scope) for seat in office.seats()] == [("section_missing", str(late))]


def test_a_root_account_that_canvas_does_not_know_is_named(office, canvas):
    connection = connection_of(office)
    connection.canvas_root_id = 99999
    office.session.commit()
    office.register(office.course("ART", "art"), "new")
    office.deliver()
    assert [(seat.cause, seat.cause_scope) for seat in office.seats()] == [("root_id_wrong", "99999")]


def test_an_unpublished_course_takes_people_in(office, canvas):
    where = f"{canvas.api}/courses/{canvas.ids['course.art']}"
    canvas.admin.put(where, data={"course[event]": "claim"}, timeout=10)
    office.register(office.course("ART", "art"))
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}


@pytest.mark.parametrize("kind", ["blueprint", "template"])
@pytest.mark.parametrize("lacking", [[], ["add_student_to_course", "manage_students"]])
def test_a_course_that_takes_no_students_is_distinguished_from_a_missing_permission(office, canvas, kind, lacking):
    """Canvas refuses both in the same way, and no permission would help."""
    canvas.seed(users={"kim": {"name": "Kim", "login": "kim@example.org"}}, courses={"plan": {"name": "Plan", kind: 1}})
    office.connect()
    plan = canvas.ids["course.plan"]
    canvas.options(lacking={plan: lacking})
    office.register(office.course("PLAN", "plan"))
    calls = office.deliver()
    assert f"POST /courses/{plan}/enrollments" in calls
    assert f"GET /courses/{plan}" in calls
    assert [(seat.cause, seat.cause_scope) for seat in office.seats()] == [("course_closed_to_students", str(plan))]
    assert connection_of(office).hold_cause is None
