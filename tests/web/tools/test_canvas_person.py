"""/tools/canvas/person: who it is, whether they can get in, and the look at Canvas."""

from datetime import timedelta

from ascriptica_plugin.tables.canvas import load_settings
from ascriptica_plugin.tables.office import Association

from ...office_at_work import many, policy, wait_for
from ...pages import all_of, queries, words

PERSON = "/tools/canvas/person"


def asked(admin, q: str) -> str:
    return words(admin.get(PERSON, query_string={"q": q})).partition("Can this person get in?")[2]


def look(office, admin, email: str) -> str:
    number = office.participant(email).id
    return words(admin.post(PERSON, data={"participant": number}, follow_redirects=True))


def test_one_box_finds_by_name_email_sis_id_and_canvas_id(office, admin, canvas):
    office.register(office.course("ART", "art"), "zoe", sis_user_id="S-77", name="Zoë Berg")
    office.register(office.course("BIO", "bio"), "zach", name="Zach Berg")
    office.deliver()
    [zoe] = [number for login, _, number, _, _ in canvas.rows() if login == "zoe@example.org"]
    number = next(match for match in canvas.read("world")["users"] if match["login"] == "zoe@example.org")["id"]
    for q in ("zoe", "ZOE@example.org", "S-77", str(number), "berg zoe"):
        page = asked(admin, q)
        assert "ART here Yes." in page, q
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
    assert "Yes." in asked(admin, "zoe")
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


def test_who_waits_for_an_answer_has_it_a_click_away(office, admin, canvas):
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


def test_a_look_at_canvas_says_what_is_there_now_in_five_calls(office, admin, canvas):
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


def test_who_is_in_while_it_is_asked_whether_that_is_still_them_is_said_to_be_so(office, admin, canvas):
    """The corrected email leads to nobody in Canvas, and nobody is put out before that is answered."""
    course = office.course("ART", "art")
    registration = office.register(course)
    office.deliver()
    assert "ART here Yes." in asked(admin, "kim")
    office.correct(registration.participant, email="kim.new@example.org")
    office.deliver()
    assert canvas.who_is_in("art") == {"kim@example.org"}
    page = asked(admin, "kim")
    said = "Kim Lee, login kim@example.org, is in the Canvas course. Whether that is still them is asked."
    assert f"ART here Not certain: {said}" in page
    office.withdraw(course, email="kim.new@example.org")
    assert "ART here No: they have withdrawn." in asked(admin, "kim")
    other = office.course("BIO", "bio")
    office.register(other, email="kim.new@example.org")
    office.deliver()
    assert "BIO here No: we don't know which Canvas user they are." in asked(admin, "kim")


def test_while_canvas_is_away_it_says_what_was_known(office, admin, canvas):
    office.register(office.course("ART", "art"), "zoe")
    office.deliver()
    canvas.options(down=True)
    page = look(office, admin, "zoe@example.org")
    assert "What you see below is what we knew before." in page
    assert "Yes." in page
    assert "seen" in page


def test_without_canvas_nothing_is_said_of_it(office, admin):
    office.register(office.course("ART", "art"), "zoe")
    load_settings(office.session).display_canvas = False
    office.session.commit()
    assert "Nothing is known: Canvas is switched off." in asked(admin, "zoe")
    assert "so it is not asked" in look(office, admin, "zoe@example.org")


def test_the_waitlist_is_a_no(office, admin):
    full = office.course("FULL", "art", capacity=1)
    office.register(full, "kim")
    wait_for(office, full, "zoe")
    assert "No: they are on the waitlist." in asked(admin, "zoe")


def test_a_person_with_many_courses_takes_no_more_queries(app, office, admin):
    office.register(office.course("ART", "art"), "zoe")
    one = queries(app, admin, f"{PERSON}?q=zoe")
    for number in range(5):
        office.register(office.course(f"C{number}", "bio"), "zoe")
    many(office, office.course("MANY", "bio"), 5)
    assert queries(app, admin, f"{PERSON}?q=zoe") == one
