"""/tools/participants: finding people, correcting them, and trying their Canvas access again."""

import re
from dataclasses import replace
from datetime import UTC

import pytest
from flask import g
from sqlalchemy import select

from ascriptica_plugin.shared import clock, pauses
from ascriptica_plugin.shared.formats import moment
from ascriptica_plugin.standalone.accounts import accounts, links
from ascriptica_plugin.standalone.accounts.tables import Account
from ascriptica_plugin.tables.ledger import Match
from ascriptica_plugin.tables.office import LogEntry, Participant
from ascriptica_plugin.web.tools import participants

from ...office_at_work import PASSWORD, Office, sign_in, wait_for
from ...pages import all_of, queries, walked, words


def people_of(app, n: int, name: str = "Person {:04}", start: int = 0) -> list[int]:
    session = app.extensions["sqlalchemy"].session
    made = [
        Participant(email=f"p{i:04}@example.org", name=name.format(i), sis_user_id=f"S-{i}")
        for i in range(start, start + n)
    ]
    session.add_all(made)
    session.commit()
    return [one.id for one in made]


def corrected(admin, number: int, **fields):
    form = {"name": "Kim", "email": "kim@example.org", "sis_user_id": ""} | fields
    return admin.post(f"/tools/participants/{number}", data=form)


@pytest.mark.parametrize("typed", ["lee kim", "KIM.LEE@", "k-100", "Kim", " kim  lee ", "im.l"])
def test_people_are_found_by_name_email_and_sis_id(app, admin, typed):
    session = app.extensions["sqlalchemy"].session
    session.add(Participant(email="kim.lee@example.org", name="Kim Lee", sis_user_id="K-100"))
    session.add(Participant(email="lou@example.org", name="Lou Berg"))
    session.commit()
    page = words(admin.get("/tools/participants", query_string={"q": typed}))
    assert "Kim Lee" in page
    assert "Lou Berg" not in page


@pytest.mark.parametrize("typed", ["%", "_", "\\", "50%", "\x00%", "'", '"><script>alert(1)</script>'])
def test_special_characters_are_searched_for_literally(app, admin, typed):
    people_of(app, 1)
    answer = admin.get("/tools/participants", query_string={"q": typed})
    assert answer.status_code == 200
    assert "Nobody matches" in words(answer)
    assert "<script>alert" not in answer.text


def test_a_page_lists_fifty_people_by_name(app, admin):
    people_of(app, 120)
    first, last = admin.get("/tools/participants"), admin.get("/tools/participants?page=3")
    assert "120 people." in words(first)
    assert "1–50 of 120" in words(first)
    assert first.text.count("@example.org</span>") == 50
    assert last.text.count("@example.org</span>") == 20
    assert "Person 0119" in last.text
    assert 'rel="next"' not in last.text
    for odd in ("0", "-1", "99999999999999999999", "x"):
        assert admin.get(f"/tools/participants?page={odd}").status_code == 200


@pytest.mark.parametrize("sort", ["name", "time"])
def test_more_people_than_are_counted_are_found_page_by_page_in_the_same_order(app, admin, monkeypatch, sort):
    people_of(app, 120)
    few = [addresses(page) for page in walked(admin, f"/tools/participants?q=person&sort={sort}")]
    assert [len(page) for page in few] == [50, 50, 20]
    monkeypatch.setattr(participants, "MOST_COUNTED", 100)
    pages = list(walked(admin, f"/tools/participants?q=person&sort={sort}"))
    assert [addresses(page) for page in pages] == few
    assert "51–100 of more than 100" in words(pages[1])
    assert [addresses(page) for page in walked(admin, pages[-1].request.full_path, "prev")] == few[::-1]


def addresses(page) -> list[str]:
    return re.findall(r"[\w.]+@example\.org", page.text.partition("<tbody")[2])


def test_a_longer_list_needs_no_more_queries(app, admin):
    people_of(app, 10)
    few = queries(app, admin, "/tools/participants")
    people_of(app, 200, start=10)
    assert queries(app, admin, "/tools/participants") == few
    assert queries(app, admin, "/tools/participants?q=person&page=2") == few


def test_a_person_with_more_registrations_needs_no_more_queries(office, admin):
    for n in range(10):
        office.register(office.course(f"C{n}", "art"))
    path = f"/tools/participants/{all_of(office.app, Participant)[0].id}"
    few = queries(office.app, admin, path)
    for n in range(10, 30):
        office.register(office.course(f"C{n}", "bio"))
    assert queries(office.app, admin, path) == few


def test_an_empty_list_says_so(admin):
    assert "There are no participants yet." in words(admin.get("/tools/participants"))


def test_a_correction_is_saved_and_logged_with_what_changed(app, admin):
    [number] = people_of(app, 1)
    answer = corrected(admin, number, name=" Kim Lee ", email="kim@example.org", sis_user_id=" K-7 ")
    assert answer.status_code == 302
    assert "Kim Lee is saved." in words(admin.get(answer.location))
    [kim] = all_of(app, Participant)
    assert (kim.name, kim.email, kim.sis_user_id) == ("Kim Lee", "kim@example.org", "K-7")
    [entry] = all_of(app, LogEntry)
    assert (entry.who, entry.what, entry.participant_id) == ("boss@example.org", "corrected", number)
    assert entry.words == "name: Person 0000 → Kim Lee; email: p0000@example.org → kim@example.org; SIS ID: S-0 → K-7"


def test_the_question_after_a_correction_appears_on_the_open_page(office, admin, canvas):
    """The page looks again automatically while something moves, and takes over what is marked as live."""
    office.register(office.course("ART", "art"), "kim")
    office.deliver()
    number = office.participant("kim@example.org").id
    corrected(admin, number, email="nobody@example.org")
    g.pop("_login_user", None)
    page = admin.get(f"/tools/participants/{number}").text
    assert " data-moving" in page
    assert "Compare and choose" not in page
    office.settle()
    page = admin.get(f"/tools/participants/{number}").text
    section = re.search(r'<section [^>]*id="canvas-user"([^>]*)>(.*?)</section>', page, re.DOTALL)
    assert "data-live" in section[1]
    assert "Compare and choose" in section[2]
    actions = re.search(r'<div class="actions" id="about-registrations"([^>]*)>(.*?)</div>', page, re.DOTALL)
    assert "data-live" in actions[1]
    assert "Answer about Canvas" in actions[2]


def test_a_sis_id_can_be_taken_away(app, admin):
    [number] = people_of(app, 1)
    corrected(admin, number)
    assert all_of(app, Participant)[0].sis_user_id is None
    assert "SIS ID: S-0 → none" in all_of(app, LogEntry)[0].words


def test_saving_an_unchanged_form_changes_nothing(app, admin):
    [number] = people_of(app, 1)
    same = {"name": "Person 0000", "email": "p0000@example.org", "sis_user_id": "S-0"}
    page = words(admin.post(f"/tools/participants/{number}", data=same, follow_redirects=True))
    assert "You changed nothing" in page
    assert all_of(app, LogEntry) == []


INVISIBLE = ("\u200b", "\u00ad\u034f", "\u3164", "\u2800 \u2800", "\u115f\u1160\uffa0", "\ufe0f\u0301", "\U000e0041")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": " "}, "Enter a name."),
        ({"name": "x" * 256}, "Keep the name to 255 characters."),
        ({"name": "a\x00b"}, "control characters"),
        *(({"name": unseen}, "Enter a name.") for unseen in INVISIBLE),
        ({"email": ""}, "Enter an email address."),
        ({"email": "kim"}, "That is not an email address."),
        ({"email": "x" * 100 + "@example.org"}, "logins of 100 characters"),
        ({"sis_user_id": "x" * 256}, "Keep the SIS ID to 255 characters."),
        ({"sis_user_id": "a\x07b"}, "control characters"),
    ],
)
def test_a_mistake_in_a_correction_is_named_and_the_form_kept(app, admin, fields, sentence):
    [number] = people_of(app, 1)
    answer = corrected(admin, number, **({"name": "Kept name"} | fields))
    assert answer.status_code == 422
    assert sentence in words(answer)
    if "name" not in fields:
        assert 'value="Kept name"' in answer.text
    assert all_of(app, Participant)[0].email == "p0000@example.org"


def test_an_unchanged_value_from_the_host_is_not_checked(app, admin):
    session = app.extensions["sqlalchemy"].session
    session.add(Participant(key="7", email="root@localhost", name="Kim"))
    session.commit()
    number = all_of(app, Participant)[0].id
    assert corrected(admin, number, email="root@localhost", sis_user_id="7").status_code == 302


def test_somebody_who_signs_in_is_distinguished_from_one_whom_the_office_entered(app, admin):
    [number] = people_of(app, 1)
    hint = "Kim signs in with this email. If you change it, they sign in with the new one."
    assert hint not in words(admin.get(f"/tools/participants/{number}"))
    office = Office(app, None)
    office.register(office.course("ART"))
    kim = office.session.scalars(select(Participant).where(Participant.key == "kim")).one()
    assert hint in words(admin.get(f"/tools/participants/{kim.id}"))


def test_a_person_who_is_corrected_signs_in_as_corrected(app, admin):
    session = app.extensions["sqlalchemy"].session
    for name in ("Kim", "Lou"):
        accounts.add_account(session, clock.utc_now(), f"{name.lower()}@example.org", name, PASSWORD)
    session.commit()
    number = next(one.id for one in all_of(app, Participant) if one.name == "Kim")
    account = accounts.account_with(session, "kim@example.org")
    link = links.make_link(session, clock.utc_now(), pauses.LINK_LASTS, to=account)
    session.commit()
    taken = corrected(admin, number, name="Kim Lee", email="LOU@example.org")
    assert taken.status_code == 422
    assert "There is already a sign-in for LOU@example.org." in words(taken)
    assert [one.name for one in all_of(app, Participant) if one.id == number] == ["Kim"]
    assert corrected(admin, number, name="Kim Lee", email="kim.lee@example.org").status_code == 302
    assert admin.get(f"/links/{link}").status_code == 410, "it went to the email before"
    kim = app.test_client()
    g.pop("_login_user")
    kim.post("/sign-in", data={"email": "Kim.Lee@example.org", "password": PASSWORD})
    assert "Your sign-in: Kim Lee" in words(kim.get("/my/courses"))
    Office(app, None).course("ART")
    kim.post("/courses/ART/register")
    assert [(one.name, one.email) for one in all_of(app, Participant) if one.id == number] == [
        ("Kim Lee", "kim.lee@example.org")
    ]


def test_nobody_changes_the_email_that_they_sign_in_with(app, admin):
    Office(app, None).course("ART")
    admin.post("/courses/ART/register")
    [me] = all_of(app, Participant)
    refused = corrected(admin, me.id, name="Boss", email="thief@example.org")
    assert refused.status_code == 422
    assert "Ask another administrator to change its email." in words(refused)
    assert [one.email for one in all_of(app, Participant)] == ["boss@example.org"]
    assert corrected(admin, me.id, name="The Boss", email="boss@example.org").status_code == 302
    assert [one.name for one in all_of(app, Account)] == ["The Boss"]


def test_the_page_says_where_to_correct_people_of_a_host_that_corrects_nobody_here(app, admin):
    plugin = app.extensions["ascriptica"]
    app.extensions["ascriptica"] = replace(plugin, correct_person=None)
    office = Office(app, None)
    office.register(office.course("ART"))
    page = words(admin.get(f"/tools/participants/{all_of(app, Participant)[0].id}"))
    assert "name and email are taken from it again, so correct them there too" in page


def test_correcting_a_sis_id_gets_a_person_into_canvas(office, admin, canvas):
    """Kim is known in Canvas by another email; two users have the one that was given."""
    canvas.seed(
        users={
            "kim": {"name": "Kim Lee", "login": "k.lee@example.org", "sis_user_id": "K-100"},
            "one": {"name": "Kim One", "login": "one@example.org", "email": "kim@example.org"},
            "two": {"name": "Kim Two", "login": "two@example.org", "email": "kim@example.org"},
        },
        courses={"art": {"name": "Art"}},
    )
    office.connect()
    office.register(office.course("ART", "art"), "kim")
    office.deliver()
    assert [seat.cause for seat in office.seats()] == ["who_is_it"]
    number = all_of(office.app, Participant)[0].id
    corrected(admin, number, name="Kim Lee", sis_user_id="")
    assert office.status()["seats"]["due"] == 0
    corrected(admin, number, name="Kim Lee", sis_user_id="K-100")
    assert office.status()["seats"]["due"] == 1
    office.deliver()
    assert canvas.roster("art") == {"k.lee@example.org": "active"}


def test_a_canvas_user_that_we_created_follows_a_correction(office, admin):
    office.register(office.course("ART", "art"), "new")
    office.deliver()
    [known] = all_of(office.app, Match)
    assert known.created_by_us
    known.follow_at = office.now.replace(year=2999)
    office.session.commit()
    corrected(admin, known.participant_id, name="Nora New", email="new@example.org")
    assert all_of(office.app, Match)[0].follow_at == clock.LONG_AGO


def test_a_name_that_canvas_does_not_take_is_shown_with_its_reason(office, admin, canvas):
    office.register(office.course("ART", "art"), "new")
    office.deliver()
    number = all_of(office.app, Match)[0].participant_id
    corrected(admin, number, name="Nora Newer", email="new@example.org")
    canvas.faults({"match": "PUT /users/", "times": 1, "fault": "denied", "when": "before"})
    office.deliver()
    page = words(admin.get(f"/tools/participants/{number}"))
    assert "Canvas did not take a new name or email yet." in page
    assert all_of(office.app, Match)[0].follow_problem in page
    office.later(minutes=16)
    office.deliver()
    assert "did not take" not in words(admin.get(f"/tools/participants/{number}"))


def test_all_registrations_are_shown_and_tried_again_by_a_button(office, admin, canvas):
    art, bio = office.course("ART", "art"), office.course("BIO", "bio")
    canvas.options(permissions={"without": ["add_student_to_course", "manage_students"]})
    for course in (art, bio):
        office.register(course)
        office.register(course, "lou")
    office.deliver()
    kim = all_of(office.app, Participant)[0]
    page = words(admin.get(f"/tools/participants/{kim.id}"))
    assert "ART here" in page
    assert "BIO here" in page
    assert "The token's owner lacks a permission in Canvas" in page
    canvas.options(permissions=None)
    again = f"/tools/participants/{kim.id}/try-again"
    assert "Trying again for Kim." in words(admin.post(again, follow_redirects=True))
    assert [seat.held for seat in office.seats()] == [seat.participant_id != kim.id for seat in office.seats()]
    assert [one.what for one in all_of(office.app, LogEntry)][-1] == "tried again"
    office.deliver()
    page = words(admin.get(f"/tools/participants/{kim.id}"))
    assert "In Canvas" in page
    assert "Try again" not in page
    assert "There is nothing to try again for Kim." in words(admin.post(again, follow_redirects=True))


def test_nothing_about_canvas_is_shown_while_it_is_switched_off(app, admin):
    office = Office(app, None)
    office.register(office.course("ART"))
    page = admin.get(f"/tools/participants/{all_of(app, Participant)[0].id}")
    assert "ART here" in page.text
    assert "Canvas access</th>" not in page.text


@pytest.mark.parametrize("number", [7, 2**31, 2**70])
def test_an_unknown_participant_gets_a_page_that_says_so(app, admin, number):
    assert admin.get(f"/tools/participants/{number}").status_code == 404
    assert admin.post(f"/tools/participants/{number}/try-again").status_code == 404


def test_participants_can_t_see_each_other(app, client):
    [number] = people_of(app, 1)
    sign_in(client, app, "kim@example.org")
    for path in ("/tools/participants", f"/tools/participants/{number}"):
        assert client.get(path).status_code == 403
    assert client.post(f"/tools/participants/{number}", data={"name": "x"}).status_code == 403
    assert client.post(f"/tools/participants/{number}/try-again").status_code == 403


def test_a_participant_s_page_says_when_they_got_a_place_from_the_waitlist(here, admin):
    course = here.course("ART", capacity=1)
    here.register(course, "kim")
    wait_for(here, course, "lou")
    waits_since = moment(here.now, "date time", UTC)
    lou = here.participant("lou@example.org").id
    page = words(admin.get(f"/tools/participants/{lou}"))
    assert f"Number 1 on the waitlist, since {waits_since}" in page
    assert "Registered for – On waitlists ART here" in page
    here.later(hours=3)
    here.withdraw(course, "kim")
    page = words(admin.get(f"/tools/participants/{lou}"))
    assert f"Waited from {waits_since} , registered {moment(here.now, 'date time', UTC)}" in page
    assert "Registered for ART here On waitlists –" in page


def test_a_participant_s_page_begins_with_three_of_their_courses(here, admin):
    for code in ("A", "B", "C", "D", "E"):
        here.register(here.course(code), "kim")
    page = words(admin.get("/tools/participants/1"))
    assert "Registered for E here, D here, C here and 2 more" in page
