"""How a course stands in Canvas, and reading it again by a button."""

from sqlalchemy import update

from ascriptica_plugin.ledger import reads
from ascriptica_plugin.office import registrations
from ascriptica_plugin.tables.ledger import Seat
from ascriptica_plugin.tables.requests import CourseRead

from ...office_at_work import logged, someone
from ...pages import all_of, words


def test_the_page_says_that_canvas_agrees_only_after_a_read(office, admin, canvas):
    art = office.course("ART")
    office.associate(art, "art", read=False)
    office.register(art)
    office.session.query(CourseRead).delete()
    office.session.commit()
    office.deliver()
    page = words(admin.get("/tools/courses/ART"))
    assert "Nothing waits. Not read from Canvas yet." in page
    page = words(admin.post("/tools/courses/ART/recheck", follow_redirects=True))
    assert "ART here is being read from Canvas." in page
    assert "Being read from Canvas …" in page
    assert "agrees" not in page
    office.later(minutes=1)
    at = f"GET /courses/{canvas.ids['course.art']}"
    assert sorted(office.deliver()) == [at, f"{at}/enrollments"]
    page = words(admin.get("/tools/courses/ART"))
    assert f"Canvas agrees with this list. Last read from Canvas: {office.now:%d %b %Y, %H:%M}" in page
    assert "Canvas has confirmed each change since then." in page
    assert ("boss@example.org", "asked to read", None) in logged(office)


def test_a_change_by_hand_is_shown_after_a_read_and_counted_if_it_is_left(office, admin, canvas):
    art = office.course("ART", "art")
    for who in ("kim", "lou"):
        office.register(art, who)
    office.deliver()
    row = next(row for login, _, row, _, _ in canvas.rows() if login == "lou@example.org")
    canvas.hand("DELETE", f"courses/{canvas.ids['course.art']}/enrollments/{row}", task="delete")
    admin.post("/tools/courses/ART/recheck")
    office.later(minutes=1)
    office.deliver()
    page = admin.get("/tools/courses/ART")
    assert "1 person waits for you" in words(page)
    assert "agrees" not in words(page)
    assert 'href="/tools/canvas?search=lou@example.org#people"' in page.text
    assert "Try again" not in words(page).partition("Who is registered")[2].partition("everybody")[2]
    seat = next(seat for seat in office.seats() if seat.held)
    admin.post(f"/tools/canvas/{seat.id}/hand", data={"answer": "leave"})
    office.deliver()
    assert "Canvas agrees with this list, except for 1 person left as in Canvas." in words(
        admin.get("/tools/courses/ART")
    )


def test_a_course_that_is_read_again_is_looked_up_too(office, admin, canvas):
    office.register(office.course("ART", "art"))
    office.deliver()
    assert "Published" in words(admin.get("/tools/courses/ART"))
    art = canvas.ids["course.art"]
    canvas.admin.put(f"{canvas.api}/courses/{art}", data={"course[event]": "claim"}, timeout=10)
    admin.post("/tools/courses/ART/recheck")
    office.later(minutes=1)
    office.deliver()
    assert "Not published" in words(admin.get("/tools/courses/ART"))
    assert "0 of 1" in words(admin.get("/tools/courses"))


def test_a_failed_read_is_shown_without_an_agreement(office, admin, canvas):
    office.register(office.course("ART", "art"))
    office.deliver()
    where = f"GET /courses/{canvas.ids['course.art']}/enrollments"
    canvas.faults({"match": where, "times": None, "when": "before", "fault": "status", "status": 500})
    admin.post("/tools/courses/ART/recheck")
    office.later(minutes=1)
    office.deliver()
    page = words(admin.get("/tools/courses/ART"))
    assert "The latest try to read it failed: " in page
    assert "agrees" not in page


def test_a_read_before_the_association_is_not_shown_as_an_agreement(office, admin, canvas):
    office.register(office.course("ART", "art"))
    office.deliver()
    before = office.now
    office.later(minutes=30)
    office.associate(office.course("LATER"), "art", read=False)
    page = words(admin.get("/tools/courses/LATER"))
    assert "agrees" not in page
    office.deliver()
    page = words(admin.get("/tools/courses/LATER?q=none"))
    assert f"Canvas agrees with this list. Last read from Canvas: {office.now:%d %b %Y, %H:%M}" in page
    assert before < office.now


def test_a_course_without_a_canvas_course_is_not_read(office, admin):
    office.course("ART")
    page = words(admin.post("/tools/courses/ART/recheck", follow_redirects=True))
    assert "ART here has no Canvas course to read." in page
    assert reads.to_read(office.session, 1, office.now, 9) == []


def test_a_registration_for_another_course_is_not_counted_here(office, admin, canvas):
    """Somebody who withdrew here may wait for the same Canvas course in another course of ours."""
    canvas.options(permissions={"without": ["add_student_to_course", "manage_students"]})
    one, two = office.course("ONE", "art"), office.course("TWO", "art")
    for course in (one, two):
        registrations.register(office.session, course, someone("kim"), office.now)
    office.session.commit()
    office.deliver()
    office.withdraw(one)
    office.deliver()
    assert "waits for you" not in words(admin.get("/tools/courses/ONE"))
    assert "1 person waits for you" in words(admin.get("/tools/courses/TWO"))
    assert len(all_of(office.app, CourseRead)) == 1


def test_people_are_counted_once_whatever_they_did_before(office, admin):
    art = office.course("ART", "art")
    for who in ("ann", "bob", "cho"):
        office.register(art, who)
    office.deliver()
    office.withdraw(art, "bob")
    office.register(art, "bob")
    assert "3 people are withdrawn from the course." in words(admin.get("/tools/courses/ART/cancel"))
    admin.post("/tools/courses/ART/cancel", data={"number": "3"})
    page = words(admin.get("/tools/courses/ART"))
    assert "All 4 Registered 0 On the waitlist 0 Withdrawn 4" in page
    assert "3 people on the way to or from Canvas." in page


def test_a_person_who_waits_in_two_canvas_courses_is_one_person(office, admin):
    art = office.course("ART", "art")
    office.register(art, "kim")
    office.deliver()
    office.associate(art, "bio")
    office.session.execute(update(Seat).values(cause="no_account", held=True, settled_version=Seat.version - 1))
    office.session.commit()
    assert len(office.seats()) == 2
    page = words(admin.get("/tools/courses/ART"))
    assert "1 person waits for you" in page
    assert "Try again for everybody" in page


def test_a_cancelled_course_takes_nobody_until_it_is_reopened(office, admin):
    office.course("ART")
    admin.post("/tools/courses/ART/cancel")
    page = words(admin.get("/tools/courses/ART"))
    assert "This course is cancelled. Nobody can be registered for it until it is reopened." in page
    office.course("OLD", ends_at=office.now)
    page = words(admin.get("/tools/courses/OLD"))
    assert "This course has ended. Nobody can be registered for it any more." in page
