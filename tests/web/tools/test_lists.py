"""Lists in a growing office: as many statements for many rows as for few, and pages that hold together."""

import html
import re

import pytest
from sqlalchemy import select, update

from ascriptica_plugin.office import registrations
from ascriptica_plugin.tables.canvas import Seat
from ascriptica_plugin.tables.office import Course
from ascriptica_plugin.web.tools import activity

from ...conftest import Office, sign_in
from ...web.test_pages import words
from ...web.tools.test_activity import entries
from ...web.tools.test_participants import queries
from ...web.tools.test_roster import many

LISTS = (
    "/",
    "/my/courses",
    "/tools/courses",
    "/tools/courses/C-0",
    "/tools/participants",
    "/tools/participants/1",
    "/tools/canvas",
    "/tools/canvas?search=p1&standing=held",
    "/tools/canvas?search=c-0",
    "/tools/canvas?standing=no_account",
    "/tools/log",
    "/tools/log?q=example",
    "/tools/import",
)


@pytest.fixture
def admin(app, client):
    sign_in(client, app, "boss@example.org", admin=True)
    return client


def fill(office: Office, first: int, courses: int, people: int) -> None:
    """So many more courses and people in each; every third seat waits, for one cause or another."""
    boss = {"key": "account:1", "email": "boss@example.org"}
    for number in range(first, first + courses):
        course = office.course(f"C-{number}", "art" if number % 2 else "bio", starts_at=office.now)
        course.association.published = number % 3 > 0
        course.association.problem = "Canvas has no such course." if number % 4 == 1 else None
        office.session.commit()
        office.register(course, "boss", **boss)
        many(office, course, people)
    session = office.session
    for number, cause in enumerate(("no_account", "who_is_it", "course_missing")):
        waits = {"cause": cause, "cause_scope": str(number), "held": True}
        session.execute(update(Seat).where(Seat.id % 9 == number).values(**waits))
    session.execute(update(Seat).where(Seat.id % 9 > 4).values(settled_version=Seat.version, settled_at=office.now))
    session.execute(update(Seat).where(Seat.id % 9 > 4).values(enrolled=True, cause=None))
    session.commit()


def test_no_list_asks_more_for_more(office, admin):
    fill(office, 0, courses=3, people=12)
    few = asked(office, admin)
    fill(office, 3, courses=9, people=70)
    # One more where a list has grown longer than its page.
    assert {path: n for path, n in asked(office, admin).items() if n > few[path] + 1} == {}
    assert max(few.values()) <= 20


def asked(office: Office, admin) -> dict[str, int]:
    """How many statements each list takes, with nothing known from the one before."""
    found = {}
    for path in LISTS:
        office.session.remove()
        found[path] = queries(office.app, admin, path)
    office.session.remove()
    return found


def test_everybody_s_access_is_found_filtered_and_paged(office, admin):
    many(office, art := office.course("ART", "art"), 70)
    many(office, office.course("BIO", "bio"), 3)
    session = office.session
    session.execute(update(Seat).values(settled_version=Seat.version, settled_at=office.now, enrolled=True))
    in_art = Seat.canvas_course_id == art.association.canvas_course_id
    of_art = session.scalars(select(Seat.id).where(in_art).order_by(Seat.id)).all()
    session.execute(
        update(Seat).where(Seat.id.in_(of_art[:60])).values(settled_version=0, cause="no_account", held=True)
    )
    session.execute(update(Seat).where(Seat.id == of_art[0]).values(held=False, parked_at=office.now, cause="refused"))
    session.commit()

    def found(query: str) -> list[str]:
        listed = admin.get(f"/tools/canvas{query}").text.partition('id="people"')[2]
        return re.findall(r"Has no Canvas user|Canvas refused|In Canvas|Nobody", listed)

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
    office.session.execute(update(Seat).values(settled_version=Seat.version, settled_at=office.now, enrolled=True))
    office.session.execute(update(Seat).values(cause=None, held=False))
    office.session.commit()
    page = words(admin.get("/tools/canvas"))
    assert "Enrolled, but the Canvas course is not published 3 people" in page
    assert "does not exist" not in page


def test_a_long_log_is_searched_a_stretch_at_a_time(office, admin, monkeypatch):
    monkeypatch.setattr(activity, "A_LOOK", 50)
    session = office.session
    entries(session, 1, words="needle")
    entries(session, 120, words="hay")
    path = "/tools/log?q=needle"
    for _ in range(2):
        page = admin.get(path).text
        assert "Nothing like that was found so far." in page
        assert "Searched back to" in page
        path = html.unescape(re.search(r'rel="next" href="([^"]+)', page)[1])
    page = admin.get(path).text
    assert '<span class="under address">needle</span>' in page
    assert 'rel="next"' not in page


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
