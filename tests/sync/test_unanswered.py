"""Finds out what became of requests that were never answered."""

from itertools import count

from sqlalchemy import select, update

from ascriptica_plugin.tables.ledger import Match
from ascriptica_plugin.tables.office import Course

from ..office_at_work import Office, during_the_first_call
from ..pages import words


def cut_off(canvas, course: str) -> None:
    """The next request to enroll somebody there reaches nobody, and no answer says so."""
    path = f"POST /courses/{canvas.ids[f'course.{course}']}/"
    canvas.faults({"match": path, "times": 1, "fault": "reset", "when": "before"})


def in_one_and_asked_for_another(office: Office, canvas) -> None:
    """Kim is in ART, and a request for BIO was never answered."""
    office.register(office.course("ART", "art"))
    office.deliver()
    cut_off(canvas, "bio")
    office.register(office.course("BIO", "bio"))
    office.deliver()


def test_a_person_is_not_looked_at_while_a_request_about_them_is_out(office, canvas):
    in_one_and_asked_for_another(office, canvas)
    office.session.execute(update(Match).values(look_at=office.now))
    office.session.commit()
    turns = count()
    # Nothing is to be done, so it has to end without help.
    office.deliver(lambda: next(turns) > 50)
    assert next(turns) < 50
    office.later(minutes=3)
    office.deliver()
    assert office.session.scalars(select(Match.look_at)).one() is None


def test_a_look_after_a_lost_answer_counts_for_the_person_s_other_courses_too(office, canvas):
    in_one_and_asked_for_another(office, canvas)
    [row_id] = [row[2] for row in canvas.rows() if row[:2] == ("kim@example.org", "art")]
    canvas.hand("DELETE", f"courses/{canvas.ids['course.art']}/enrollments/{row_id}", task="conclude")
    office.later(minutes=3)
    office.deliver()
    assert [(seat.cause, seat.cause_scope) for seat in office.seats()] == [
        ("changed_in_canvas", "completed"),
        (None, ""),
    ]


def test_an_answer_to_a_worker_that_has_lost_its_lease_is_looked_up(office, canvas, monkeypatch):
    course = office.course("ART", "art")
    office.register(course)
    course_id = course.id

    def stand_still():
        office.later(seconds=15)
        office.withdraw(office.session.get_one(Course, course_id))
        office.deliver()

    during_the_first_call(office, monkeypatch, stand_still)
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}
    office.later(minutes=3)
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "deleted"}


def test_a_person_moved_by_hand_before_we_ended_their_enrollment_is_asked_about(office, canvas):
    """The answer to our request was lost, so the row may have been ended by the hand alone."""
    course = office.course("ART", "art")
    office.register(course)
    office.deliver()
    [row_id] = [row[2] for row in canvas.rows() if row[:2] == ("kim@example.org", "art")]
    canvas.by_hand("kim", "art", course_section_id=canvas.ids["section.art.late"])
    canvas.hand("DELETE", f"courses/{canvas.ids['course.art']}/enrollments/{row_id}", task="delete")
    path = f"DELETE /courses/{canvas.ids['course.art']}/"
    canvas.faults({"match": path, "times": 1, "fault": "reset", "when": "before"})
    office.withdraw(course)
    office.deliver()
    office.later(minutes=3)
    office.deliver()
    assert [seat.cause for seat in office.seats()] == ["found_there"]


def test_a_look_that_canvas_fails_at_is_repeated_within_a_minute(office, canvas):
    """Nothing about Kim is sent before it is known what became of the request."""
    course = office.course("ART", "art")
    canvas.faults(
        {"match": f"POST /courses/{canvas.ids['course.art']}/", "times": 1, "fault": "reset", "when": "after"}
    )
    office.register(course, sis_user_id="K-100")
    office.deliver()
    office.withdraw(course, sis_user_id="K-100")
    canvas.faults({"match": "GET /users/sis_user_id:K-100/", "times": 1, "fault": "status", "status": 500})
    office.later(minutes=3)
    office.deliver()
    assert canvas.who_is_in("art") == {"kim@example.org"}
    office.later(seconds=61)
    office.deliver()
    assert canvas.who_is_in("art") == set()


def test_an_enrollment_made_by_hand_elsewhere_while_our_request_is_out_is_not_ours(office, admin, canvas):
    """Kim's request for BIO was lost; a teacher adds her to another group of ART meanwhile, and she withdraws."""
    in_one_and_asked_for_another(office, canvas)
    canvas.by_hand("kim", "art", course_section_id=canvas.ids["section.art.late"])
    office.withdraw(office.session.scalars(select(Course).where(Course.code == "BIO")).one())
    office.later(minutes=3)
    office.deliver()
    assert [row[1:] for row in canvas.rows() if row[4] != "active"] == []
    assert [seat.cause for seat in office.seats()] == [None, "found_there"]
    there = canvas.ids["course.art"]
    access = f"In Canvas course {there}; Was enrolled in Canvas before registering here"
    assert access in words(admin.get("/tools/canvas?course=BIO"))
    verdict = f"BIO here They have withdrawn, and are in another Canvas course, {there}."
    assert verdict in words(admin.get("/tools/canvas/person?q=kim"))


def test_an_enrollment_moved_by_hand_while_another_request_is_out_is_shown_as_moved(office, canvas):
    """A teacher moves Kim to another section of ART while her request for BIO is never answered."""
    office.register(office.course("ART", "art", canvas.ids["section.art.late"]))
    office.deliver()
    [row_id] = [row[2] for row in canvas.rows() if row[:2] == ("kim@example.org", "art")]
    cut_off(canvas, "bio")
    office.register(office.course("BIO", "bio"))
    office.deliver()
    canvas.by_hand("kim", "art")
    canvas.hand("DELETE", f"courses/{canvas.ids['course.art']}/enrollments/{row_id}", task="delete")
    office.later(minutes=3)
    office.deliver()
    office.recheck()
    office.deliver()
    assert [(seat.cause, seat.cause_scope) for seat in office.seats()] == [("changed_in_canvas", "moved"), (None, "")]
