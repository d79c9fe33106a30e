"""/tools/: who can't get into what starts this week, what waits for whom, and where it is cured."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from ascriptica_plugin.ledger.causes import CAUSES
from ascriptica_plugin.office import registrations
from ascriptica_plugin.standalone.accounts import sign_ups
from ascriptica_plugin.tables.canvas import load_settings
from ascriptica_plugin.tables.ledger import Seat
from ascriptica_plugin.tables.office import Course
from ascriptica_plugin.web.times import starts

from ...office_at_work import Office, many
from ...pages import queries, words


def soon(office: Office, **by: float) -> datetime:
    return office.now + timedelta(**by)


def number(page: str) -> str | None:
    """What the menu says beside Overview."""
    found = re.search(r"Overview (\d+) to do", page)
    return found[1] if found else None


def test_the_first_line_counts_people_and_each_course_says_why_they_can_t_get_in(office, admin, canvas):
    soon_art = office.course("ART", "art", starts_at=soon(office, hours=2, minutes=5))
    many(office, soon_art, 3)
    many(office, office.course("BIO", "bio", starts_at=soon(office, days=3)), 2)
    office.course("EMPTY", starts_at=soon(office, days=4))
    office.course("FAR", starts_at=soon(office, days=8))
    office.course("OFF", starts_at=soon(office, days=1), cancelled_at=office.now)
    office.deliver()
    page = words(admin.get("/tools/"))
    assert "Starting this week: 3 courses. 5 of 5 people can get in." in page
    assert page.index("ART here") < page.index("BIO here") < page.index("EMPTY here")
    assert "FAR here" not in page
    assert "OFF here" not in page
    assert "Nothing waits for you." in page
    assert number(page) is None

    session = office.session
    art = Seat.canvas_course_id == canvas.ids["course.art"]
    one = session.query(Seat.id).filter(art).order_by(Seat.id).first()[0]
    waits = {"settled_version": 0, "cause": "no_account", "held": True, "canvas_enrollment_id": None}
    session.execute(update(Seat).where(Seat.id == one).values(**waits))
    session.commit()
    answer = admin.get("/tools/")
    page = words(answer)
    assert "4 of 5 people can get in." in page
    assert "2 of 3 can get in" in page
    assert "1 no Canvas user" in page
    assert 'href="/tools/canvas?course=ART&amp;standing=no_account#people"' in answer.text
    assert "ART here starts in 2 hours: 1 of 3 can't get in" in page
    assert number(page) == "1"
    assert '<rect width="66.67" height="6" class="share-good">' in answer.text


def test_the_worst_consequence_comes_first(office, admin):
    """Two people who start in an hour weigh more than ten who start next month."""
    many(office, late := office.course("LATE", "art", starts_at=soon(office, days=30)), 10)
    many(office, today := office.course("TODAY", "bio", starts_at=soon(office, hours=1)), 2)
    for course, cause in ((late, "course_missing"), (today, "no_account")):
        of_course = Seat.canvas_course_id == course.association.canvas_course_id
        office.session.execute(update(Seat).where(of_course).values(cause=cause, held=True))
    office.session.commit()
    page = words(admin.get("/tools/")).partition("What waits for you")[2]
    assert page.index("Has no Canvas user 2 people") < page.index("The Canvas course does not exist 10 people")
    assert number(words(admin.get("/tools/courses"))) == "2"


@pytest.mark.parametrize(
    ("first", "second"),
    [("who_is_it", "found_there"), ("found_there", "who_is_it"), ("changed_in_canvas", "same_user")],
)
def test_cards_with_questions_stand_by_their_people_and_how_soon_the_course_starts(office, admin, first, second):
    """Two people who start in an hour, and three who start in a month."""
    for name, days, cause, n in (("art", 1 / 24, first, 2), ("bio", 30, second, 3)):
        many(office, course := office.course(name.upper(), name, starts_at=soon(office, days=days)), n)
        of_course = Seat.canvas_course_id == course.association.canvas_course_id
        office.session.execute(update(Seat).where(of_course).values(cause=cause, held=True))
    office.session.commit()
    page = words(admin.get("/tools/")).partition("What waits for you")[2]
    assert page.index(f"{CAUSES[first].title} 2 people") < page.index(f"{CAUSES[second].title} 3 people")


def test_one_card_stands_for_everybody_while_all_of_canvas_waits(office, admin, canvas):
    canvas.options(token="revoked")
    many(office, office.course("ART", "art", starts_at=soon(office, days=1)), 8)
    office.deliver()
    answer = admin.get("/tools/")
    page = words(answer)
    assert "0 of 8 people can get in." in page
    assert "8 token not accepted" in page
    assert "ART here starts in 23 hours: 8 of 8 can't get in" in page
    assert page.count("Canvas no longer accepts the token 8 people") == 1
    assert 'href="/tools/settings/course-settings#canvas_token"' in answer.text
    assert number(page) == "1"


def test_the_number_counts_what_an_administrator_can_change(office, admin, canvas):
    canvas.options(down=True)
    many(office, office.course("ART", "art"), 2)
    office.deliver()
    page = words(admin.get("/tools/"))
    assert "Canvas is not answering 2 people" in page
    assert number(page) is None


def test_the_overview_needs_no_more_queries_for_more_people(app, office, admin):
    def asked() -> int:
        return queries(app, admin, "/tools/")

    many(office, office.course("ONE", "art", starts_at=soon(office, days=1)), 2)
    office.session.execute(update(Seat).values(cause="no_account", held=True))
    office.session.commit()
    before = asked()
    for n in range(4):
        many(office, office.course(f"C{n}", "bio", starts_at=soon(office, days=2)), 5)
    office.session.execute(update(Seat).values(cause="no_account", held=True))
    office.session.commit()
    assert asked() == before


def test_a_sign_up_counts_for_the_office_only_where_no_mail_confirms_it(here, admin):
    assert number(words(admin.get("/tools/courses"))) is None
    sign_ups.sign_up(here.session, here.now, "new@example.org", "Nora New", "hash", by_mail=False)
    here.session.commit()
    assert "1 sign-up waits to be confirmed" in words(admin.get("/tools/"))
    assert number(words(admin.get("/tools/courses"))) == "1"


def test_the_overview_says_what_is_known_without_canvas(here, admin):
    many(here, here.course("ART", starts_at=soon(here, days=1)), 2)
    page = words(admin.get("/tools/"))
    assert "Starting this week: 1 course. 2 people are registered." in page
    assert "No Canvas is connected yet." in page
    assert "What waits for you" not in page


def test_nothing_counts_as_waiting_while_canvas_is_switched_off(office, admin):
    many(office, office.course("ART", "art"), 2)
    office.session.execute(update(Seat).values(cause="no_account", held=True))
    load_settings(office.session).display_canvas = False
    office.session.commit()
    page = words(admin.get("/tools/"))
    assert "No course starts this week." in page
    assert "Canvas is switched off." in page
    assert number(page) is None


def test_a_token_s_end_is_shown_with_where_to_paste_the_next(office, admin):
    office.connect().token_expires_at = datetime.now(UTC) + timedelta(days=5, hours=1)
    office.session.commit()
    answer = admin.get("/tools/")
    assert "The token ends" in words(answer)
    assert "5 days left Paste a new token" in words(answer)


def test_the_time_to_a_start_is_given_in_the_largest_unit_of_which_there_are_two():
    now = datetime(2027, 3, 1, 9, tzinfo=UTC)
    said = {
        timedelta(minutes=1): "starts in 1 minute",
        timedelta(minutes=119): "starts in 119 minutes",
        timedelta(hours=2): "starts in 2 hours",
        timedelta(hours=47): "starts in 47 hours",
        timedelta(days=9): "starts in 9 days",
        -timedelta(hours=3): "started 3 hours ago",
    }
    assert {by: starts(now + by, now) for by in said} == said


def test_an_administrator_starts_at_the_overview(app, admin, client):
    """Unless another page was wanted."""
    from ...office_at_work import PASSWORD

    form = {"email": "boss@example.org", "password": PASSWORD}
    client.post("/sign-out")
    for wanted, leads_to in (("", "/tools/"), ("?next=/my/courses", "/my/courses")):
        answer = client.post(f"/sign-in{wanted}", data=form)
        assert leads_to in answer.location


def test_waiting_people_are_grouped_by_cause_and_tried_again_by_a_button(office, admin, canvas):
    course = office.course("ART", "art")
    canvas.options(permissions={"without": ["add_student_to_course", "manage_students"]})
    for who in ("kim", "lou"):
        office.register(course, who)
    office.deliver()
    page = words(admin.get("/tools/"))
    assert "The token's owner lacks a permission in Canvas" in page
    assert "needs the permission “Users - Students”, add." in page
    canvas.options(permissions=None)
    group = {"cause": "permission_missing", "scope": "add_student_to_course"}
    assert "Trying again for 2 people." in words(
        admin.post("/tools/canvas/try-again", data=group, follow_redirects=True)
    )
    office.deliver()
    assert office.status()["seats"]["enrolled"] == 2


def test_causes_are_shown_with_their_courses_the_most_urgent_first(office, admin):
    soon, later = office.course("SOON", "art", starts_at=office.now), office.course("LATE", "bio")
    many(office, soon, 2)
    many(office, later, 3)
    for course, cause in ((soon, "course_missing"), (later, "no_account")):
        of_course = Seat.canvas_course_id == course.association.canvas_course_id
        office.session.execute(update(Seat).where(of_course).values(cause=cause, held=True))
    later.association.published = False
    office.session.commit()
    page = words(admin.get("/tools/"))
    assert re.search(
        "does not exist 2 people SOON here started .*: 2 of 2 can't get in .* Has no Canvas user 3 people", page
    )
    assert "not published" not in page
    office.session.execute(update(Seat).values(settled_version=Seat.version, settled_at=office.now, was_in=True))
    office.session.execute(update(Seat).values(cause=None, held=False))
    office.session.commit()
    page = words(admin.get("/tools/"))
    assert "Enrolled, but the Canvas course is not published 3 people" in page
    assert "does not exist" not in page


def test_a_course_is_not_counted_twice(office, admin):
    """Two of our courses in one Canvas course that is not published: its people are counted once."""
    one, two = office.course("ONE", "art"), office.course("TWO", "art")
    for course in (one, two):
        registrations.register_many(
            office.session, course, [registrations.Entry("kim@example.org", "Kim")], office.now, "boss@example.org"
        )
        course.association.published = False
    office.session.commit()
    office.deliver()
    assert office.session.scalars(select(Course.places_taken)).all() == [1, 1]
    assert "not published 1 person" in words(admin.get("/tools/"))


def test_a_waiting_person_is_counted_in_the_course_that_wants_the_place(office, admin):
    """Two of our courses in one Canvas course, and one that is in another by now, with a place to be ended there."""
    one, two, gone = office.course("ONE", "art"), office.course("TWO", "art"), office.course("GONE", "bio")
    many(office, one, 2)
    many(office, gone, 1)
    registrations.register_many(
        office.session, two, [registrations.Entry("zoe@example.org", "Zoe")], office.now, "boss@example.org"
    )
    office.session.commit()
    office.deliver()
    office.associate(gone, None)
    seats = update(Seat).values(cause="permission_missing", cause_scope="add_student_to_course 7", held=True)
    office.session.execute(seats.values(settled_version=Seat.version - 1))
    office.session.execute(update(Seat).where(Seat.participant.has(name="Zoe")).values(cause="no_account"))
    office.session.commit()
    page = words(admin.get("/tools/"))
    assert "Has no Canvas user 1 person TWO here : 1 of 1 can't get in" in page
    assert "ONE here : 2 of 2 can't get in" in page
    assert "GONE here : 1 person waits to be taken out" in page


def test_a_withdrawn_person_counts_as_waiting_for_removal_and_not_as_unable_to_get_in(office, admin, canvas):
    """Canvas is away: one person registers, one withdraws; in another course the only one who waits has withdrawn."""
    art = office.course("ART", "art", starts_at=soon(office, days=2, hours=1))
    bio = office.course("BIO", "bio", starts_at=soon(office, days=35, hours=1))
    for who in ("ann", "bob", "cid", "dan"):
        office.register(art, who)
    for who in ("pat", "rita"):
        office.register(bio, who)
    office.deliver()
    canvas.options(down=True)
    office.register(art, "ola")
    office.withdraw(art, "bob")
    office.withdraw(bio, "pat")
    office.deliver()
    page = words(admin.get("/tools/"))
    assert "3 of 4 people can get in." in page
    assert "ART here starts in 2 days: 1 of 4 can't get in, 1 person waits to be taken out" in page
    assert "BIO here starts in 35 days: 1 person waits to be taken out" in page
    assert "Canvas is not answering 3 people" in page
    # The same where each waits for a cause of its own, and was tried.
    office.session.execute(update(Seat).where(Seat.settled_version < Seat.version).values(cause="refused", held=True))
    load_settings(office.session).connection.hold_cause = None
    office.session.commit()
    page = words(admin.get("/tools/"))
    assert "ART here starts in 2 days: 1 of 4 can't get in, 1 person waits to be taken out" in page
    assert "BIO here starts in 35 days: 1 person waits to be taken out" in page


def test_a_place_that_another_registration_still_wants_is_not_counted_as_left(office, admin, canvas):
    """Two of our courses in one Canvas course: a person who has withdrawn from one of them is not removed."""
    one, two = office.course("ONE", "art"), office.course("TWO", "art")
    office.register(one)
    office.register(two)
    office.deliver()
    office.withdraw(one)
    office.session.execute(update(Seat).values(cause="refused", held=True, settled_version=0))
    office.session.commit()
    page = words(admin.get("/tools/"))
    assert "TWO here : 1 of 1 can't get in" in page
    assert "taken out" not in page


@pytest.mark.parametrize("left", [0, 1], ids=["the older one", "the newer one"])
def test_a_person_who_has_withdrawn_from_one_of_two_courses_waits_in_the_other_alone(office, admin, left):
    """Both are in one Canvas course, where the person has no place yet."""
    both = [office.course("ONE", "art", starts_at=soon(office, days=1)), office.course("TWO", "art")]
    for course in both:
        office.register(course)
        office.register(course, "lou")
    office.withdraw(both[left])
    office.session.execute(update(Seat).values(cause="no_account", held=True))
    office.session.commit()
    page = words(admin.get("/tools/")).partition("What waits for you")[2]
    counts = {course.code: int(n) for course in both for n in re.findall(rf"{course.code} here [^:]*: (\d) of", page)}
    assert counts == {both[left].code: 1, both[1 - left].code: 2}
    assert "taken out" not in page
    listed = words(admin.get(f"/tools/canvas?course={both[left].code}&standing=no_account"))
    assert "Lou" in listed
    assert "Kim" not in listed
    kim = admin.get(f"/tools/canvas?course={both[1 - left].code}&search=kim").text
    assert f">{both[1 - left].title}<span" in kim


def test_the_overview_says_when_everybody_could_get_in_while_canvas_is_away(office, admin, canvas):
    many(office, office.course("ART", "art", starts_at=soon(office, days=1)), 2)
    office.deliver()
    assert "Everybody can get in." in words(admin.get("/tools/"))
    office.later(minutes=5)
    canvas.options(down=True)
    office.register(office.course("FAR", "bio"))
    office.deliver()
    page = words(admin.get("/tools/"))
    assert "Everybody can get in." not in page
    [at] = re.findall(r"Everybody could get in at (.*?\d\d:\d\d) \.", page)
    assert f"2 of 2 people can get in. Canvas last answered at {at} ; nothing newer is known." in page
    assert f"Canvas last answered {at}" in page


def test_the_card_of_changes_by_hand_says_what_was_changed(office, admin, canvas):
    art = office.course("ART", "art", starts_at=soon(office, days=14, hours=1))
    many(office, art, 4)
    office.deliver()
    mine = {login: row for login, _, row, _, _ in canvas.rows()}
    for login, task in (("p0", "delete"), ("p1", "delete"), ("p2", "deactivate")):
        path = f"courses/{canvas.ids['course.art']}/enrollments/{mine[login + '@example.org']}"
        canvas.hand("DELETE", path, task=task)
    office.recheck("art")
    office.deliver()
    page = words(admin.get("/tools/"))
    said = "2 people were removed in Canvas by hand, 1 person was deactivated in Canvas by hand"
    assert f"Changed by hand in Canvas 3 people ART here starts in 14 days: {said}" in page


def test_a_change_by_hand_is_logged_once_with_the_time_it_was_seen(office, admin, canvas):
    office.register(art := office.course("ART", "art"), "kim")
    office.deliver()
    [(_, _, row, _, _)] = canvas.rows()
    canvas.hand("DELETE", f"courses/{canvas.ids['course.art']}/enrollments/{row}", task="delete")
    office.later(minutes=6)
    seen_at = office.now
    for _ in range(2):
        office.recheck("art")
        office.deliver()
        office.later(minutes=20)
    assert [seat.changed_at for seat in office.seats()] == [seen_at]
    page = words(admin.get("/tools/log"))
    assert page.count("noticed that somebody had removed Kim in Canvas Canvas course") == 1
    assert art.code in admin.post("/tools/log.csv").get_data(as_text=True)
