"""A form that was opened in another session: nothing is saved by it, and nothing that was typed is lost."""

import re
from html import unescape

import pytest

from ascriptica_plugin.tables.office import Course, Participant, Registration

from ..office_at_work import PASSWORD
from ..pages import all_of, words
from ..standalone.accounts.visitors import Visitor, has_account, visitor

ROSTER, FROM = "/tools/courses/ART", "http://localhost/tools/courses/ART"
LIST = "Kim Lee, kim@example.org\nLou &amp Lea, lou@example.org"


@pytest.fixture
def boss(here) -> Visitor:
    here.course("ART")
    has_account(here.app, admin=True)
    found = visitor(here.app)
    found.sign_in()
    here.app.config["WTF_CSRF_ENABLED"] = True
    return found


def token_of(page: str) -> str:
    return re.search(r'name="csrf_token" value="([^"]+)"', page)[1]


def sign_in_anew(boss: Visitor) -> None:
    boss.delete_cookie("session")
    form = {"email": "ann@example.org", "password": PASSWORD, "csrf_token": token_of(boss.get("/sign-in").text)}
    boss.post("/sign-in", data=form)


def sent_again(boss: Visitor, page: str):
    """Press the button of the page that kept the text."""
    form = re.search(r'<form method="post" action="([^"]+)" class="sheet">(.*?)</form>', page, re.DOTALL)
    fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form[2])
    data = {name: unescape(value) for name, value in fields}
    return boss.post(unescape(form[1]), data=data, headers={"Referer": FROM}, follow_redirects=True)


def test_a_form_typed_before_signing_in_anew_is_kept_and_sent_with_a_new_token(here, boss):
    old = token_of(boss.get(ROSTER).text)
    sign_in_anew(boss)
    answer = boss.post(ROSTER, data={"people": LIST, "csrf_token": old}, headers={"Referer": FROM})
    assert answer.status_code == 400
    assert "Nothing is saved yet, and nothing that you typed is lost" in words(answer)
    assert "Lou &amp;amp Lea" in answer.text
    assert all_of(here.app, Registration) == []
    assert token_of(answer.text) != old
    assert "2 people are registered for ART" in words(sent_again(boss, answer.text))
    assert [one.name for one in all_of(here.app, Participant)] == ["Ann", "Kim Lee", "Lou &amp Lea"]


def test_a_kept_text_is_shown_beside_the_name_of_its_field(here, boss):
    form = {"people": LIST, "sis_user_id": "S-1", "csrf_token": "old"}
    answer = boss.post(ROSTER, data=form, headers={"Referer": FROM, "Accept-Language": "de"})
    assert re.findall("<dt>(.*?)</dt>", answer.text) == ["Eine Person je Zeile", "SIS-ID"]


def test_a_person_who_was_signed_out_signs_in_and_sends_the_kept_form(here, boss):
    old = token_of(boss.get(ROSTER).text)
    boss.delete_cookie("session")
    answer = boss.post(ROSTER, data={"people": LIST, "csrf_token": old}, headers={"Referer": FROM})
    assert "You were signed out" in words(answer)
    assert '<a href="/sign-in?next=/tools/courses/ART" target="_blank"' in answer.text.replace("%2F", "/")
    sign_in_anew(boss)
    kept = sent_again(boss, answer.text)
    assert "sent once more, as Ann" in words(kept)
    assert all_of(here.app, Registration) == []
    assert "2 people are registered for ART" in words(sent_again(boss, kept.text))


def test_a_form_from_another_site_is_not_kept(here, boss):
    for headers in ({"Referer": "https://evil.example/page"}, {}):
        answer = boss.post(ROSTER, data={"people": LIST, "csrf_token": "no"}, headers=headers)
        assert answer.status_code == 400
        assert "kim@example.org" not in answer.text
        assert "This page was open too long" in words(answer)


def test_the_code_of_a_course_is_kept_in_a_form(here, boss):
    old = token_of(boss.get("/tools/courses/new").text)
    sign_in_anew(boss)
    form = {"code": "BIO", "title": "Biology", "csrf_token": old}
    answer = boss.post("/tools/courses/new", data=form, headers={"Referer": "http://localhost/tools/courses/new"})
    sent_again(boss, answer.text)
    assert [course.code for course in all_of(here.app, Course)] == ["ART", "BIO"]


def test_passwords_and_tokens_are_not_kept(here, boss):
    data = {"canvas_url": "https://canvas.example.org", "canvas_token": "7~secret", "csrf_token": "no"}
    answer = boss.post("/tools/settings/course-settings", data=data, headers={"Referer": FROM})
    assert "https://canvas.example.org" in words(answer)
    assert "7~secret" not in answer.text
    assert "Passwords, codes and tokens are not kept" in words(answer)
    data = {"email": "ann@example.org", "password": PASSWORD, "csrf_token": "no"}
    answer = visitor(here.app).post("/sign-in", data=data, headers={"Referer": "http://localhost/sign-in"})
    assert "ann@example.org" in words(answer)
    assert PASSWORD not in answer.text


def test_a_button_without_text_leads_back_to_its_page(here, boss):
    [course] = all_of(here.app, Course)
    answer = boss.post(f"/courses/{course.code}/register", data={"csrf_token": "no"}, headers={"Referer": FROM})
    assert "This page was open too long" in words(answer)
    assert 'href="/tools/courses/ART"' in answer.text
