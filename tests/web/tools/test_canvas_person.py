"""/tools/canvas/person: who it is, whether they can get in, and the look at Canvas."""

import re
from datetime import datetime, timedelta

import pytest

from ascriptica_plugin.office import answers
from ascriptica_plugin.tables.canvas import load_settings
from ascriptica_plugin.tables.ledger import Match
from ascriptica_plugin.tables.office import Association

from ...office_at_work import connection_of, many, policy, wait_for
from ...pages import all_of, queries, words
from ...practice_canvas import enroll_by_hand

PERSON = "/tools/canvas/person"


def asked(admin, q: str) -> str:
    return words(admin.get(PERSON, query_string={"q": q})).partition("Can this person get in?")[2]


def look(office, admin, email: str) -> str:
    number = office.participant(email).id
    return words(admin.post(PERSON, data={"participant": number}, follow_redirects=True))


def test_one_search_field_finds_by_name_email_sis_id_and_canvas_id(office, admin, canvas):
    office.register(office.course("ART", "art"), "zoe", sis_user_id="S-77", name="Zoë Berg")
    office.register(office.course("BIO", "bio"), "zach", name="Zach Berg")
    office.deliver()
    [zoe] = [number for login, _, number, _, _ in canvas.rows() if login == "zoe@example.org"]
    number = next(match for match in canvas.read("world")["users"] if match["login"] == "zoe@example.org")["id"]
    for q in ("zoe", "ZOE@example.org", "S-77", str(number), "berg zoe"):
        page = asked(admin, q)
        assert "ART here Yes, as of" in page, q
        assert f"Enrollment ID {zoe}" in page
    page = asked(admin, "berg")
    assert "Which one?" in page
    assert page.index("Zach Berg") < page.index("Zoë Berg")
    assert "Nobody here matches." in asked(admin, "nobody")
    assert admin.get(f"{PERSON}?participant=999999999999").status_code == 200


def test_the_verdict_is_one_sentence_with_the_next_step(office, admin, canvas):
    art = office.course("ART", "art")
    office.register(art, "zoe")
    assert "Not yet: their enrollment is on the way." in asked(admin, "zoe")
    office.deliver()
    assert "Yes, as of" in asked(admin, "zoe")
    for column, value, verdict in (
        ("published", False, "Not yet: the Canvas course is not published."),
        ("concluded", True, "No: the Canvas course is concluded."),
        ("opens_at", office.now + timedelta(days=1), "Not yet: the dates of the Canvas course keep them out."),
    ):
        before = getattr(art.association, column)
        setattr(art.association, column, value)
        office.session.commit()
        assert verdict in asked(admin, "zoe")
        setattr(art.association, column, before)
        office.session.commit()
    policy(office, by_invitation=True)
    office.register(office.course("BIO", "bio"), "ida")
    office.deliver()
    assert "No: they have not accepted the invitation." in asked(admin, "ida")
    canvas.options(token="revoked")
    office.register(art, "lea")
    office.deliver()
    page = asked(admin, "lea")
    assert "No: Canvas no longer accepts the token." in page
    assert "Paste a new token" in page
    office.withdraw(art, "lea")
    assert "No: they have withdrawn." in asked(admin, "lea")


def test_the_question_about_a_person_is_one_click_away(office, admin, canvas):
    canvas.hand("POST", f"accounts/{canvas.ids['account.root']}/users", **{
        "user[name]": "Another Zoe", "pseudonym[unique_id]": "other", "communication_channel[type]": "email",
        "communication_channel[address]": "zoe@example.org", "communication_channel[skip_confirmation]": "true",
    })  # fmt: skip
    canvas.hand("POST", f"accounts/{canvas.ids['account.root']}/users", **{
        "user[name]": "Zoe", "pseudonym[unique_id]": "zoe@example.org", "user[skip_registration]": "true",
    })  # fmt: skip
    office.register(office.course("ART", "art"), "zoe")
    office.deliver()
    answer = admin.get(PERSON, query_string={"q": "zoe"})
    assert "No: we don't know which Canvas user they are." in words(answer)
    assert 'href="/tools/canvas?search=zoe@example.org&amp;course=ART#people"' in answer.text


def test_a_look_at_canvas_shows_its_present_state_in_five_calls(office, admin, canvas):
    art, bio = office.course("ART", "art"), office.course("BIO", "bio")
    for course in (art, bio, office.course("OTHER", "art")):
        office.register(course, "zoe")
    office.deliver()
    canvas.hand("PUT", f"courses/{canvas.ids['course.bio']}", **{
        "course[restrict_enrollments_to_course_dates]": "true", "course[end_at]": "2020-01-01T00:00:00Z",
    })  # fmt: skip
    row = next(row for login, name, row, _, _ in canvas.rows() if (login, name) == ("zoe@example.org", "art"))
    canvas.hand("DELETE", f"courses/{canvas.ids['course.art']}/enrollments/{row}", task="delete")
    canvas.calls()
    page = look(office, admin, "zoe@example.org")
    assert len(canvas.calls()) <= 5
    assert "Looked at Canvas just now." in page
    office.deliver()
    page = asked(admin, "zoe")
    assert "ART here No: somebody changed their enrollment by hand in Canvas." in page
    look(office, admin, "zoe@example.org")
    office.session.expire_all()
    [closed] = [one for one in all_of(office.app, Association) if one.course_id == bio.id]
    assert closed.closes_at is None or closed.closes_at < office.now


IS_KIM = "Kim Lee, login kim@example.org, is in the Canvas course. Nobody has said yet whether that is them."


def corrected(office) -> None:
    """The corrected email leads to nobody in Canvas."""
    office.correct(office.participant("kim@example.org"), email="kim.new@example.org")
    office.deliver()


def collided(office) -> None:
    """The corrected email leads to another participant's Canvas user."""
    office.register(office.course("BIO", "bio"), "lou")
    office.deliver()
    office.correct(office.participant("kim@example.org"), email="lou@example.org")
    office.deliver()


def doubted(office) -> None:
    answers.doubt(office.session, connection_of(office).id, office.participant("kim@example.org"), office.now, "a@x")
    office.session.commit()
    office.deliver()


@pytest.mark.parametrize(
    ("ask", "question", "title"),
    [
        (corrected, "still", "Who is it in Canvas?"),
        (doubted, "who", "Who is it in Canvas?"),
        (collided, "same_user", "Another participant leads to the same Canvas user"),
    ],
)
def test_a_person_who_is_in_is_shown_as_in_while_their_identity_is_in_question(
    office, admin, canvas, ask, question, title
):
    """Nobody is put out before it is answered, so nobody is counted as kept out."""
    course = office.course("ART", "art", starts_at=office.now + timedelta(days=1))
    kim = office.register(course).participant_id
    office.deliver()
    ask(office)
    assert next(one.question for one in all_of(office.app, Match) if one.participant_id == kim) == question
    assert "kim@example.org" in canvas.who_is_in("art")
    answer = admin.get(PERSON, query_string={"participant": kim})
    assert re.search(f"ART here Not certain: as of [^,]+, ..:.., {IS_KIM}", words(answer))
    assert re.search(r"Last done \d\d \w+ \d{4}, \d\d:\d\d ?: [A-Z]", words(answer))
    assert "#people" in answer.text
    for page in ("/tools/courses/ART", "/tools/canvas?course=ART", f"/tools/participants/{kim}"):
        said = f"In Canvas, seen [^;]+, ..:.. ?; as Kim Lee, login kim@example.org; {re.escape(title)}"
        assert re.search(said, words(admin.get(page))), page
    assert "1 of 1" in words(admin.get("/tools/"))
    assert "can't get in" not in words(admin.get("/tools/"))


def test_a_person_who_was_never_in_is_not_shown_as_in(office, admin, canvas):
    office.register(office.course("ART", "art"))
    office.deliver()
    corrected(office)
    office.register(office.course("BIO", "bio"), email="kim.new@example.org")
    office.deliver()
    assert "BIO here No: we don't know which Canvas user they are." in asked(admin, "kim")


def test_a_person_who_has_withdrawn_and_is_still_in_is_shown_so(office, admin, canvas):
    course = office.course("ART", "art")
    canvas.options(clock_offset_seconds=-1800)
    enroll_by_hand(canvas, "kim", "art")
    canvas.options(clock_offset_seconds=0)
    office.register(course)
    office.deliver()
    office.withdraw(course)
    office.deliver()
    assert [seat.cause for seat in office.seats()] == ["found_there"]
    assert "ART here They have withdrawn, and are still in the Canvas course. This enrollment existed" in asked(
        admin, "kim"
    )
    title = "In Canvas; Was enrolled in Canvas before registering here"
    assert title in words(admin.get("/tools/canvas?course=ART"))
    admin.post(f"/tools/canvas/{office.seats()[0].id}/decide", data={"answer": "remove"})
    office.deliver()
    assert canvas.who_is_in("art") == set()
    assert "ART here No: they have withdrawn." in asked(admin, "kim")


def test_a_yes_carries_the_time_of_its_oldest_fact(office, admin, canvas):
    art = office.course("ART", "art")
    office.register(art, "zoe")
    office.deliver()
    seen = formats_seen(office.now)
    assert f"ART here Yes, as of {seen}." in asked(admin, "zoe")
    art.association.looked_up_at = office.now - timedelta(hours=3)
    office.session.commit()
    page = asked(admin, "zoe")
    assert f"ART here Yes, as of {formats_seen(office.now - timedelta(hours=3))}." in page
    assert f"In Canvas, seen {seen}" in page
    look(office, admin, "zoe@example.org")
    assert f"ART here Yes, as of {formats_seen(office.now - timedelta(hours=3))}." not in asked(admin, "zoe")


def formats_seen(at: datetime) -> str:
    return f"{at:%d %b, %H:%M}"


def test_the_page_shows_what_was_known_while_canvas_is_away(office, admin, canvas):
    office.register(office.course("ART", "art"), "zoe")
    office.deliver()
    canvas.options(down=True)
    answer = admin.post(PERSON, data={"participant": office.participant("zoe@example.org").id})
    page = words(answer)
    assert "What you see below is what we knew before." in page
    assert f"ART here Yes when we last looked, {formats_seen(office.now)}. Canvas can't be asked now." in page
    assert "verdict-yes" not in answer.text
    assert "seen" in page
    office.register(office.course("BIO", "bio"), "zoe")
    office.settle()
    assert connection_of(office).hold_cause == "canvas_down"
    answer = admin.get(PERSON, query_string={"q": "zoe"})
    assert "Canvas can't be asked now." in words(answer)
    assert "verdict-yes" not in answer.text
    canvas.options(down=False)


def test_the_page_says_that_nothing_is_known_while_canvas_is_switched_off(office, admin):
    office.register(office.course("ART", "art"), "zoe")
    load_settings(office.session).display_canvas = False
    office.session.commit()
    assert "Nothing is known: Canvas is switched off." in asked(admin, "zoe")
    assert "so it is not asked" in look(office, admin, "zoe@example.org")


def test_a_person_on_the_waitlist_gets_a_no(office, admin):
    full = office.course("FULL", "art", capacity=1)
    office.register(full, "kim")
    wait_for(office, full, "zoe")
    assert "No: they are on the waitlist." in asked(admin, "zoe")


def test_a_person_with_many_courses_needs_no_more_queries(app, office, admin):
    office.register(office.course("ART", "art"), "zoe")
    one = queries(app, admin, f"{PERSON}?q=zoe")
    for number in range(5):
        office.register(office.course(f"C{number}", "bio"), "zoe")
    many(office, office.course("MANY", "bio"), 5)
    assert queries(app, admin, f"{PERSON}?q=zoe") == one
