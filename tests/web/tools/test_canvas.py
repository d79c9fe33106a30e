"""/tools/canvas: who is found there, and what waits for what."""

import re

from sqlalchemy import select, update

from ascriptica_plugin.office import registrations
from ascriptica_plugin.tables.canvas import Seat
from ascriptica_plugin.tables.office import Course

from ...office_at_work import many
from ...pages import words


def test_what_waits_is_grouped_by_cause_and_tried_again_by_a_button(office, admin, canvas):
    course = office.course("ART", "art")
    canvas.options(permissions={"without": ["add_student_to_course", "manage_students"]})
    for who in ("kim", "lou"):
        office.register(course, who)
    office.deliver()
    page = words(admin.get("/tools/canvas"))
    assert "The token's owner may not do this in Canvas" in page
    assert "needs the permission “Users - Students”, add." in page
    assert "Kim" in page
    canvas.options(permissions=None)
    group = {"cause": "permission_missing", "scope": "add_student_to_course"}
    assert "Trying again for 2 people." in words(
        admin.post("/tools/canvas/try-again", data=group, follow_redirects=True)
    )
    office.deliver()
    assert office.status()["seats"]["enrolled"] == 2


def test_everybody_s_access_is_found_filtered_and_paged(office, admin):
    many(office, art := office.course("ART", "art"), 70)
    many(office, office.course("BIO", "bio"), 3)
    session = office.session
    office.deliver()
    in_art = Seat.canvas_course_id == art.association.canvas_course_id
    of_art = session.scalars(select(Seat.id).where(in_art).order_by(Seat.id)).all()
    session.execute(
        update(Seat)
        .where(Seat.id.in_(of_art[:60]))
        .values(settled_version=0, cause="no_account", held=True, canvas_enrollment_id=None)
    )
    session.execute(update(Seat).where(Seat.id == of_art[0]).values(held=False, parked_at=office.now, cause="refused"))
    session.commit()

    def found(query: str) -> list[str]:
        listed = admin.get(f"/tools/canvas{query}").text.partition('id="people"')[2]
        return re.findall(r"Has no Canvas user|Canvas refused|In Canvas|Nobody", listed.partition("</table>")[0])

    # Those that wait come first, over the pages; a page too far is the last.
    assert found("") == ["Has no Canvas user"] * 50
    assert sorted(found("?page=2")) == ["Canvas refused"] + ["Has no Canvas user"] * 9 + ["In Canvas"] * 13
    assert found("?page=99999999999999") == found("?page=2")
    assert "51–73 of 73" in words(admin.get("/tools/canvas?page=2"))
    assert found("?standing=enrolled") == ["In Canvas"] * 13
    assert found("?standing=parked") == found("?standing=refused") == ["Canvas refused"]
    assert len(found("?standing=held&page=2")) == 9
    # A course's code finds its people, anything else is looked for in names, emails and SIS IDs.
    assert found("?search=bio") == ["In Canvas"] * 3
    assert found("?search=ART&standing=enrolled") == ["In Canvas"] * 10
    assert found("?search=p69@example&standing=enrolled") == ["In Canvas"]
    assert found("?search=p69@example&standing=removed") == found("?search=%25") == ["Nobody"]
    assert (
        'href="/tools/canvas?page=1&amp;standing=held#people"' in admin.get("/tools/canvas?standing=held&page=2").text
    )


def test_what_waits_is_told_with_its_courses_the_most_urgent_first(office, admin):
    soon, later = office.course("SOON", "art", starts_at=office.now), office.course("LATE", "bio")
    many(office, soon, 2)
    many(office, later, 3)
    for course, cause in ((soon, "course_missing"), (later, "no_account")):
        of_course = Seat.canvas_course_id == course.association.canvas_course_id
        office.session.execute(update(Seat).where(of_course).values(cause=cause, held=True))
    later.association.published = False
    office.session.commit()
    page = words(admin.get("/tools/canvas"))
    assert re.search("does not exist 2 people .* SOON here 2 people, starts .* Has no Canvas user 3 people", page)
    assert "not published" not in page
    office.session.execute(update(Seat).values(settled_version=Seat.version, settled_at=office.now, was_in=True))
    office.session.execute(update(Seat).values(cause=None, held=False))
    office.session.commit()
    page = words(admin.get("/tools/canvas"))
    assert "Enrolled, but the Canvas course is not published 3 people" in page
    assert "does not exist" not in page


def test_a_course_is_not_counted_twice(office, admin):
    """Two of our courses in one Canvas course that is not published: its people are told once."""
    one, two = office.course("ONE", "art"), office.course("TWO", "art")
    for course in (one, two):
        registrations.register_many(
            office.session, course, [registrations.Entry("kim@example.org", "Kim")], office.now, "boss@example.org"
        )
        course.association.published = False
    office.session.commit()
    office.deliver()
    assert office.session.scalars(select(Course.places_taken)).all() == [1, 1]
    assert "not published 1 person" in words(admin.get("/tools/canvas"))
