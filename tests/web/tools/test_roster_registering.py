"""Registering on behalf: one person, or a pasted list."""

import html
import re
import time
from datetime import timedelta

import pytest
from sqlalchemy import select

from ascriptica_plugin.tables.office import Participant, Registration

from ...office_at_work import logged, sign_in, statuses
from ...pages import all_of, words
from .on_the_roster import box, count, form_of_the_list


def test_a_person_registered_by_the_office_gets_into_canvas(office, admin, canvas):
    office.course("ART", "art")
    form = {"name": "Kim Lee", "email": "kim@example.org", "sis_user_id": "K-100"}
    answer = admin.post("/tools/courses/ART", data=form, follow_redirects=True)
    assert "Kim Lee is registered for ART here." in words(answer)
    # Ready for the next caller: the form is open, and typing begins in it.
    assert '<details class="sheet" id="register" open>' in answer.text
    assert re.search(r'<input [^>]*autofocus [^>]*name="name"[^>]* value="">', answer.text)
    plain = admin.get("/tools/courses/ART").text
    assert '<details class="sheet" id="register">' in plain
    assert "autofocus" not in plain
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}
    assert logged(office)[0] == ("boss@example.org", "registered", "kim@example.org")
    [participant] = office.session.scalars(select(Participant))
    assert (participant.key, participant.sis_user_id) == (None, "K-100")


def test_a_participant_who_is_here_is_found_by_email_whatever_its_case(here, admin):
    here.register(here.course("BIO"), "kim")
    here.course("ART")
    admin.post("/tools/courses/ART", data={"name": "kim", "email": "KIM@Example.org"})
    assert [one.name for one in here.session.scalars(select(Participant))] == ["Kim"]
    assert count(here, Registration) == 2


def test_a_sign_up_never_takes_over_a_person_whom_the_office_entered(here, admin, app):
    here.course("ART")
    admin.post("/tools/courses/ART", data={"name": "Kim Lee", "email": "kim@example.org"})
    other = app.test_client()
    sign_in(other, app, "kim@example.org")
    other.post("/courses/ART/register")
    assert count(here, Participant) == 2


def test_several_with_one_email_are_named_and_nobody_is_registered(here, admin):
    bio = here.course("BIO")
    here.register(bio, "kim", key="one", name="Kim Lee")
    here.register(bio, "kim", key="two", name="Kim Berg")
    here.course("ART")
    answer = admin.post("/tools/courses/ART", data={"name": "Kim", "email": "kim@example.org"})
    assert answer.status_code == 422
    assert "2 participants have the email kim@example.org: Kim Lee (signed up), Kim Berg (signed up)." in words(answer)
    assert count(here, Registration) == 2


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"name": ""}, "Nobody here has the email kim@example.org yet. Enter their name too."),
        ({"email": "kim"}, "That is not an email address."),
        ({"email": "kim@example.org\x00"}, "That is not an email address."),
        ({"sis_user_id": "x" * 256}, "Keep the SIS ID to 255"),
        ({"email": "lou@example.org"}, "Lou is already registered for ART here."),
        ({"name": "Lou", "email": "lou@example.org"}, "Lou is already registered for ART here."),
    ],
)
def test_a_mistake_in_the_roster_form_is_shown_and_the_form_kept(here, admin, form, sentence):
    here.register(here.course("ART"), "lou")
    answer = admin.post("/tools/courses/ART", data={"name": "Kim Kept", "email": "kim@example.org"} | form)
    assert answer.status_code == 422
    assert sentence in words(answer)
    if "name" not in form:
        assert "Kim Kept" in answer.text
    assert count(here, Registration) == count(here, Participant) == 1


@pytest.mark.parametrize(("answer", "name"), [("here", "Maria Lee"), ("typed", "Mia Lee")])
def test_another_name_in_the_form_is_shown_and_asked_about(here, admin, answer, name):
    here.course("ART")
    here.register(here.course("BIO"), "mum", name="Maria Lee")
    form = {"name": "Mia Lee", "email": "mum@example.org"}
    page = admin.post("/tools/courses/ART", data=form)
    assert page.status_code == 422
    assert "mum@example.org is Maria Lee here; you typed Mia Lee" in words(page)
    assert 'value="Mia Lee"' in page.text
    assert count(here, Registration) == 1
    answered = form | {"is-mum@example.org": answer, "typed-mum@example.org": "Mia Lee"}
    page = admin.post("/tools/courses/ART", data=answered | {"name": "Mina Lee"})
    assert "you typed Mina Lee" in words(page), "the answer was about another name"
    page = words(admin.post("/tools/courses/ART", data=answered, follow_redirects=True))
    assert f"{name} is registered for ART here." in page
    assert here.participant("mum@example.org").name == name


def test_a_sis_id_of_somebody_with_a_sign_in_is_not_taken_from_the_form(here, admin):
    here.course("ART")
    here.register(here.course("BIO"), "lou")
    form = {"name": "Lou", "email": "lou@example.org", "sis_user_id": "L-1"}
    answer = admin.post("/tools/courses/ART", data=form)
    assert answer.status_code == 422
    assert "Lou has no SIS ID here." in words(answer)
    answered = {"is-lou@example.org": "typed", "typed-lou@example.org": "Lou Berg"}
    answer = admin.post("/tools/courses/ART", data=form | answered | {"name": "Lou Berg"})
    assert "Lou has no SIS ID here." in words(answer)
    for name, value in answered.items():
        assert f'<input type="hidden" name="{name}" value="{value}">' in answer.text, "nothing is asked twice"


def test_the_form_needs_no_name_of_somebody_who_is_here(here, admin):
    here.course("ART")
    here.register(here.course("BIO"), "mum", name="Maria Lee")
    page = words(admin.post("/tools/courses/ART", data={"name": "", "email": "mum@example.org"}, follow_redirects=True))
    assert "Maria Lee is registered for ART here." in page


def test_nothing_is_asked_about_somebody_who_is_registered_already(here, admin):
    """An answer would change nothing."""
    here.register(here.course("ART"), "mum", name="Maria Lee")
    page = words(admin.post("/tools/courses/ART", data={"people": "mum@example.org, Mia Lee"}))
    assert "Maria Lee is already registered for ART here." in page
    assert "you typed" not in page


def test_the_office_registers_into_a_closed_course_but_not_above_its_places(here, admin):
    course = here.course("ART", capacity=1, registration_closes_at=here.now - timedelta(days=1))
    assert "has closed. You can still register people here." in words(admin.get("/tools/courses/ART"))
    admin.post("/tools/courses/ART", data={"name": "Ann", "email": "ann@example.org"})
    page = words(
        admin.post("/tools/courses/ART", data={"name": "Bob", "email": "b@example.org"}, follow_redirects=True)
    )
    assert "ART here is full. Bob is number 1 on the waitlist." in page
    here.session.expire_all()
    assert course.places_taken == 1


def test_an_ended_course_takes_nobody_from_the_office_either(here, admin):
    here.course("ART", ends_at=here.now - timedelta(days=1))
    answer = admin.post("/tools/courses/ART", data={"name": "Ann", "email": "ann@example.org"})
    assert answer.status_code == 422
    assert "This course has ended." in words(answer)
    assert count(here, Participant) == 0


def test_a_pasted_list_goes_in_as_a_whole(office, admin, canvas):
    office.course("ART", "art", capacity=2)
    text = "name,email\nKim Lee <kim@example.org>\nlou@example.org, Lou\nann@example.org, Ann"
    page = words(admin.post("/tools/courses/ART", data={"people": text}, follow_redirects=True))
    assert "2 people are registered for ART here. 1 person is on the waitlist, since all places are taken." in page
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active", "lou@example.org": "active"}


def test_bad_lines_are_named_and_the_good_ones_wait_for_a_yes(here, admin):
    course = here.course("ART")
    here.register(course, "max")
    text = "kim@example.org, Kim\nnobody\n\nmax@example.org\nKIM@example.org\nlou@example.org, Lou"
    answer = admin.post("/tools/courses/ART", data={"people": text})
    page = words(answer)
    assert answer.status_code == 422
    assert "3 lines need another look; nobody is registered yet" in page
    assert answer.text.count("autofocus") == 1
    assert "Line 2 nobody: Enter an email address." in page
    assert "Line 4 max@example.org: Max is already registered for ART here." in page
    assert "Line 5 KIM@example.org: This email is in the list already." in page
    assert "KIM@example.org\nlou@example.org, Lou" in html.unescape(answer.text)
    assert "Register the 2 good ones" in page
    assert count(here, Participant) == 1
    answer = admin.post("/tools/courses/ART", data={"people": text, "anyway": "1"})
    assert "2 people are registered for ART here." in words(answer)
    assert box(answer) == "nobody\nmax@example.org\nKIM@example.org"
    assert "Line 1 nobody: Enter an email address." in words(answer)
    assert count(here, Registration) == 3


def test_another_name_is_shown_and_asked_about(here, admin):
    here.course("ART")
    for who in ("mum", "dad"):
        here.register(here.course(who.upper()), who, name=f"{who.title()} Lee")
    text = "mum@example.org, Mia Lee\ndad@example.org, Don Lee"
    page = words(admin.post("/tools/courses/ART", data={"people": text}))
    assert "Line 1 mum@example.org is Mum Lee here; you typed Mia Lee" in page
    answers = {"is-mum@example.org": "here", "is-dad@example.org": "typed"}
    admin.post("/tools/courses/ART", data={"people": text, **answers})
    assert {one.name for one in all_of(here.app, Participant)} == {"Mum Lee", "Don Lee"}
    assert set(statuses(here).values()) == {"registered"}
    assert count(here, Registration) == 4


def test_a_bare_address_is_asked_for_its_name_and_never_used_as_one(here, admin):
    here.course("ART")
    here.register(here.course("BIO"), "kim")
    text = "new@example.org\nkim@example.org"
    answer = admin.post("/tools/courses/ART", data={"people": text})
    assert "Line 1 What is the name of new@example.org?" in words(answer)
    assert 'name="name-new@example.org"' in answer.text
    answer = admin.post("/tools/courses/ART", data={"people": text, "anyway": "1", "name-new@example.org": " "})
    assert box(answer) == "new@example.org"
    admin.post("/tools/courses/ART", data={"people": box(answer), "name-new@example.org": "Nora New"})
    assert {one.name for one in all_of(here.app, Participant)} == {"Kim", "Nora New"}
    assert count(here, Registration) == 3


def test_answers_are_kept_while_other_lines_are_mended(here, admin):
    here.course("ART")
    here.register(here.course("BIO"), "pat", name="Pat Example")
    here.register(here.course("CHEM"), "dad", name="Dad Lee")
    text = "fay@example.org\nPat Sample <pat@example.org>\nDon Lee <dad@example.org>\nnonsense\nann@example.org, Ann"
    asked = admin.post("/tools/courses/ART", data={"people": text})
    answers = {"name-fay@example.org": "Fay Berg", "is-pat@example.org": "here", "is-dad@example.org": "typed"}
    answered = admin.post("/tools/courses/ART", data=form_of_the_list(asked) | answers)
    assert "1 line needs another look; nobody is registered yet Line 4 nonsense" in words(answered)
    assert "Register the 4 good ones" in words(answered)
    again = admin.post("/tools/courses/ART", data=form_of_the_list(answered))
    assert "1 line needs another look; nobody is registered yet Line 4 nonsense" in words(again)
    done = admin.post("/tools/courses/ART", data=form_of_the_list(again) | {"anyway": "1"})
    assert "4 people are registered for ART here." in words(done)
    assert form_of_the_list(done).keys() == {"csrf_token", "people"}
    assert box(done) == "nonsense"
    names = {one.name for one in all_of(here.app, Participant)}
    assert names == {"Fay Berg", "Pat Example", "Don Lee", "Ann"}
    assert statuses(here).keys() == {f"{who}@example.org" for who in ("fay", "pat", "dad", "ann")}


def test_an_answer_about_a_remaining_line_is_kept_when_the_others_are_registered(here, admin):
    course = here.course("ART")
    here.register(course, "max")
    here.register(here.course("BIO"), "pat", name="Pat Example")
    text = "Max Berg <max@example.org>\nPat Sample <pat@example.org>\nfay@example.org\nann@example.org, Ann"
    asked = admin.post("/tools/courses/ART", data={"people": text})
    answers = {"is-max@example.org": "here", "anyway": "1"}
    done = admin.post("/tools/courses/ART", data=form_of_the_list(asked) | answers)
    assert "Line 1 Max Berg <max@example.org>: Max is already registered for ART here." in words(done)
    assert form_of_the_list(done)["is-max@example.org"] == "here"
    assert "is-pat@example.org" not in form_of_the_list(done)


@pytest.mark.parametrize("other", ["", "nonsense", "\n".join(f"p{n}@example.org" for n in range(501))])
def test_answers_are_kept_when_a_list_is_refused_as_a_whole(here, admin, other):
    here.course("ART")
    here.register(here.course("BIO"), "pat", name="Pat Example")
    text = "fay@example.org\nPat Sample <pat@example.org>"
    asked = admin.post("/tools/courses/ART", data={"people": text})
    answers = {"name-fay@example.org": "Fay Berg", "is-pat@example.org": "here", "people": other}
    refused = admin.post("/tools/courses/ART", data=form_of_the_list(asked) | answers)
    assert refused.status_code == 422
    admin.post("/tools/courses/ART", data=form_of_the_list(refused) | {"people": text})
    assert {one.name for one in all_of(here.app, Participant)} == {"Fay Berg", "Pat Example"}
    assert statuses(here) == {"fay@example.org": "registered", "pat@example.org": "registered"}


def test_an_answer_counts_only_for_the_name_it_was_given_about(here, admin):
    here.course("ART")
    here.register(here.course("BIO"), "pat", name="Pat Example")
    asked = admin.post("/tools/courses/ART", data={"people": "Pat Sample <pat@example.org>\nnonsense"})
    answered = admin.post("/tools/courses/ART", data=form_of_the_list(asked) | {"is-pat@example.org": "typed"})
    assert "is Pat Example here" not in words(answered)
    other = form_of_the_list(answered) | {"people": "Rob Other <pat@example.org>"}
    assert "pat@example.org is Pat Example here; you typed Rob Other" in words(
        admin.post("/tools/courses/ART", data=other)
    )
    assert [one.name for one in all_of(here.app, Participant)] == ["Pat Example"]


def test_a_name_that_can_t_be_one_stays_beside_the_question_with_the_reason(here, admin):
    here.course("ART")
    data = {"people": "fay@example.org", "name-fay@example.org": "Fay\u202e<b>"}
    answer = admin.post("/tools/courses/ART", data=data)
    assert "What is the name of fay@example.org? Remove the line breaks and control characters from" in words(answer)
    assert 'value="Fay\u202e&lt;b&gt;"' in answer.text
    assert count(here, Participant) == 0


def test_questions_about_several_people_of_one_line_name_the_line_once(here, admin):
    here.register(here.course("ART"), "max")
    answer = admin.post("/tools/courses/ART", data={"people": "new@example.org, max@example.org\nann@example.org, Ann"})
    page = words(answer)
    assert "Line 1 What is the name of new@example.org? max@example.org: Max is already registered for ART" in page
    assert page.count("Line 1") == 1
    # The button that finishes stands out once everything is answered.
    assert '<button class="button-main">Register them all</button>' in answer.text
    assert '<button class="button-accent" name="anyway" value="1">Register the good one</button>' in answer.text


def test_the_columns_name_stays_over_the_lines_that_stay(here, admin):
    here.course("ART")
    text = "Name;Email\nKim Lee;kim@example.org\nLou;nobody\nMax <max@example.org>, ina@example.org"
    answer = admin.post("/tools/courses/ART", data={"people": text, "anyway": "1"})
    assert box(answer) == "Name;Email\nLou;nobody\n<ina@example.org>"
    assert "Line 3 What is the name of ina@example.org?" in words(answer)


def test_a_form_that_was_open_for_hours_still_counts(here, admin, monkeypatch):
    here.app.config["WTF_CSRF_ENABLED"] = True
    here.course("ART")
    token = re.search(r'name="csrf_token" value="([^"]+)"', admin.get("/tools/courses/ART").text)[1]
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 90 * 60)
    data = {"people": "kim@example.org, Kim", "csrf_token": token}
    assert "1 person is registered" in words(admin.post("/tools/courses/ART", data=data, follow_redirects=True))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "Paste at least one email"),
        ("\n".join(f"p{n}@example.org" for n in range(501)), "That is 501 people. Paste at most 500 at a time."),
    ],
)
def test_an_empty_or_too_long_list_is_refused_with_the_reason(here, admin, text, sentence):
    here.course("ART")
    answer = admin.post("/tools/courses/ART", data={"people": text})
    assert answer.status_code == 422
    assert sentence in words(answer)


def test_a_long_list_fills_the_course_and_then_its_waitlist(office, admin, canvas):
    office.course("ART", "art", capacity=60)
    text = "\n".join(f"p{n}@example.org, P {n}" for n in range(80))
    page = words(admin.post("/tools/courses/ART", data={"people": text}, follow_redirects=True))
    assert "60 people are registered for ART here. 20 people are on the waitlist" in page
    assert len(office.seats()) == 60


def test_the_recipients_of_a_mail_are_registered_each_under_their_own_name(here, admin):
    here.course("ART")
    text = (
        '"Alt, Ines" <ines@example.org>, "Berg, Juri" <juri@example.org>\nAnn <ann@example.org>; Bob <bob@example.org>'
    )
    page = words(admin.post("/tools/courses/ART", data={"people": text}, follow_redirects=True))
    assert "4 people are registered for ART here." in page
    assert {(one.name, one.email) for one in here.session.scalars(select(Participant))} == {
        ("Ines Alt", "ines@example.org"),
        ("Juri Berg", "juri@example.org"),
        ("Ann", "ann@example.org"),
        ("Bob", "bob@example.org"),
    }


def test_nobody_is_registered_from_an_unclear_line_though_the_other_lines_are(here, admin):
    here.course("ART")
    text = "Alt, Ines <ines@example.org>, Berg, Juri <juri@example.org>\nann@example.org, Ann\n"
    page = words(admin.post("/tools/courses/ART", data={"people": text}))
    assert "Line 1 Alt, Ines <ines@example.org>, Berg, Juri <juri@example.org>: It is not clear who is who." in page
    admin.post("/tools/courses/ART", data={"people": text, "anyway": "1"})
    assert statuses(here) == {"ann@example.org": "registered"}


def test_a_known_email_with_another_name_is_asked_about_and_renames_nobody(here, admin):
    here.register(here.course("BIO"), "kim")
    here.course("ART")
    for asked, data in (
        ("is Kim here; you typed Lou", {"name": "Lou", "email": "kim@example.org"}),
        ("is Kim here; you typed Lou", {"people": "Lou <kim@example.org>\nann@example.org, Ann"}),
        ("is Kim here; you typed Anna Maria Berg", {"people": "Anna Maria\tBerg\tkim@example.org"}),
    ):
        answer = admin.post("/tools/courses/ART", data=data)
        assert answer.status_code == 422
        assert asked in words(answer)
    assert count(here, Registration) == 1
    admin.post("/tools/courses/ART", data={"people": "KIM <kim@example.org>"})
    assert [one.name for one in here.session.scalars(select(Participant))] == ["Kim"]
    assert count(here, Registration) == 2


def test_somebody_known_by_their_email_alone_gets_the_name_that_is_given(here, admin):
    here.register(here.course("ART"), "kim", name="kim@example.org")
    here.course("BIO")
    admin.post("/tools/courses/BIO", data={"people": "Kim Lee <kim@example.org>"})
    assert [one.name for one in here.session.scalars(select(Participant))] == ["Kim Lee"]
    assert count(here, Registration) == 2
