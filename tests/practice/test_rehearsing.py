"""The page on which the administrator of the practice Canvas steers it by hand."""

import re

import pytest
import requests

from ascriptica_plugin.canvas.client import CanvasClient
from ascriptica_plugin.canvas.errors import CanvasDown
from ascriptica_plugin.office import emails
from ascriptica_plugin.practice import create_practice_canvas
from ascriptica_plugin.practice.rehearsing import password_of
from ascriptica_plugin.practice.seed import EXAMPLE

from ..practice_canvas import Practice


def form(page: str, **fields: str) -> dict[str, str]:
    return {"csrf_token": re.search(r'name="csrf_token" value="([^"]+)"', page)[1], **fields}


class Administrator:
    """A browser whose person has signed in as the administrator."""

    def __init__(self, practice: Practice):
        self.browser, self.where = requests.Session(), f"{practice.url}/rehearse"
        page = self.press("sign-in", name="admin", password=password_of(practice.token))
        assert "New access token" in page.text

    def look(self) -> str:
        return self.browser.get(self.where, timeout=5).text

    def press(self, action: str, **fields: str) -> requests.Response:
        return self.browser.post(f"{self.where}/{action}", data=form(self.look(), **fields), timeout=5)


@pytest.fixture
def admin(practice: Practice) -> Administrator:
    return Administrator(practice)


def test_a_stranger_sees_and_changes_nothing(practice: Practice) -> None:
    client = practice.session
    page = client.get(f"{practice.url}/rehearse", timeout=5).text
    assert "Sign in as its administrator" in page
    assert "New access token" not in page
    wrong = client.post(f"{practice.url}/rehearse/sign-in", data=form(page, name="admin", password="x"), timeout=5)
    assert (wrong.status_code, "don't match" in wrong.text) == (422, True)
    for action in ("tokens", "mood"):
        answer = client.post(f"{practice.url}/rehearse/{action}", data=form(page, mood="down"), timeout=5)
        assert "Sign in as its administrator" in answer.text
        assert client.post(f"{practice.url}/rehearse/{action}", data={"mood": "down"}, timeout=5).status_code == 400
    assert CanvasClient(practice.api, practice.token, allow_private=True).account("self").id


def test_a_token_made_there_connects(practice: Practice, admin: Administrator) -> None:
    page = admin.press("tokens").text
    assert f"<code>{practice.api}</code>" in page
    token = re.search(r'id="token" class="wide" value="([^"]+)"', page)[1]
    assert re.fullmatch("[0-9]+~[A-Za-z0-9]{64}", token)
    account = CanvasClient(practice.api, token, allow_private=True).account("self")
    assert f"<code>{account.id}</code>" in page
    assert token not in admin.look()


def test_the_practice_page_switches_canvas_off_and_on_again(practice: Practice, admin: Administrator) -> None:
    client = CanvasClient(practice.api, practice.token, allow_private=True)
    assert 'value="down" aria-pressed="true"' in admin.press("mood", mood="down").text
    with pytest.raises(CanvasDown):
        client.account("self")
    admin.press("mood", mood="well")
    assert client.account("self").id
    assert admin.press("mood", mood="angry").status_code == 400


def test_a_course_is_published_by_hand_on_its_page(practice: Practice, admin: Administrator) -> None:
    art = practice.seed(courses={"art": {"name": "Art"}})["course.art"]
    page = f"{practice.url}/courses/{art}"
    client = CanvasClient(practice.api, practice.token, allow_private=True)
    for event, label, published in (("claim", "Unpublish", False), ("offer", "Publish", True)):
        shown = admin.browser.get(page, timeout=5).text
        assert f">{label}<" in shown
        answer = admin.browser.post(f"{admin.where}/courses/{art}", data=form(shown, event=event), timeout=5)
        assert answer.url == page
        assert client.course(art).published == published
        asked = "Sign in as its administrator</a> to publish it" in practice.session.get(page, timeout=5).text
        assert asked != published
    wrong = {"offer": 400, "delete": 400, "": 400}
    assert {event: admin.press(f"courses/{art}", event=event).status_code for event in wrong} == wrong
    assert admin.press("courses/999999", event="offer").status_code == 404


def test_a_person_is_removed_by_hand_as_a_teacher_would(practice: Practice, admin: Administrator) -> None:
    given = {"users": {"kim": {"name": "Kim Lee", "login": "kim@example.org"}}, "courses": {"art": {"name": "Art"}}}
    ids = practice.seed(**given, enrollments={"kim": {"user": "kim", "course": "art"}})
    button = 'aria-label="Remove Kim Lee from Art"'
    assert button not in practice.session.get(f"{practice.url}/courses/{ids['course.art']}", timeout=5).text
    assert button in admin.look()
    page = admin.press(f"enrollments/{ids['enrollment.kim']}").text
    assert "deleted" in page
    assert button not in page
    assert practice.roster("art") == {"kim@example.org": "deleted"}
    assert admin.press("enrollments/999999").status_code == 404


def test_the_practice_page_lists_only_people_who_can_be_registered(practice: Practice, admin: Administrator) -> None:
    practice.seed(users={"kim": {"name": "Kim Lee", "login": "kim@example.org"}})
    page = admin.look()
    assert "kim@example.org" in page
    assert "admin@practice.invalid" not in page


def test_the_example_s_people_can_be_registered_with_their_login() -> None:
    assert create_practice_canvas()
    for user in EXAMPLE["users"].values():
        assert emails.read_email(user["login"]) == user["login"]
