"""The participant's way into Canvas, step by step, and who acts next."""

import re
from collections.abc import Callable

import pytest
from sqlalchemy import update

from ascriptica_plugin.tables.ledger import Match, Seat
from ascriptica_plugin.tables.office import Association
from ascriptica_plugin.worker import rounds

from ..office_at_work import Office, connection_of, policy
from ..pages import words

CONTACT = {"contact_text": "Room 12", "contact_email": "desk@example.org", "contact_phone": "+1 303 555 0100"}


@pytest.fixture
def steps(office: Office, kim) -> Callable[[], list[str]]:
    """Each step's state, the same on the course's page and in My courses; Kim is registered for ART."""
    office.course("ART", "art")
    kim.post("/courses/ART/register")

    def read() -> list[str]:
        pages = [kim.get(path).text for path in ("/courses/ART", "/my/courses")]
        on_its_page, in_my_courses = (re.findall(r'class="step step-(\w+)"', page) for page in pages)
        assert on_its_page == in_my_courses
        return on_its_page

    return read


def test_the_tracker_shows_each_step_from_registered_to_open_in_canvas(office, kim, canvas, steps):
    assert steps() == ["done", "now", "later", "later"]
    office.deliver()
    assert steps() == ["done", "done", "done", "done"]
    page = kim.get("/courses/ART")
    assert re.search(r'<a href="[^"]+" class="button button-main button-wide"[^>]*>Open in Canvas</a>', page.text)
    assert "Sign in there as kim@example.org" in words(page)
    assert len(re.findall("button-main", page.text)) == 1


def test_every_step_has_its_time(office, kim, steps):
    office.deliver()
    rounds.send_mails(office.app)
    page = kim.get("/courses/ART").text
    tracker = page[page.index('class="tracker"') :]
    assert len(re.findall("<time ", tracker[: tracker.index("</ol>")])) == 4


def test_an_unpublished_course_is_shown_as_a_place_that_can_t_be_entered_yet(office, kim, canvas, steps):
    office.deliver()
    office.session.execute(update(Association).values(published=False))
    office.session.commit()
    assert steps() == ["done", "done", "done", "shut"]
    page = words(kim.get("/courses/ART"))
    assert "you can enter as soon as the teacher publishes it" in page
    assert "Enter the course not open at the moment" in page
    assert "under way" not in page
    assert "Open in Canvas" not in kim.get("/courses/ART").text


def test_an_invited_person_reads_with_which_login_to_accept(office, kim, canvas, steps):
    policy(office, by_invitation=True)
    office.deliver()
    assert steps() == ["done", "done", "done", "yours"]
    page = words(kim.get("/courses/ART"))
    assert "Accept the invitation you act next" in page
    assert "under way" not in page
    assert "Accept it in Canvas Sign in there as kim@example.org" in page


def test_a_person_who_waits_for_the_office_reads_so_and_how_to_reach_it(office, kim, steps):
    for path in ("/courses/ART", "/my/courses"):
        assert "The office acts next." not in words(kim.get(path))
    office.session.execute(update(Seat).values(held=True, cause="who_is_it"))
    policy(office, **CONTACT)
    assert steps() == ["done", "stuck", "later", "later"]
    page = words(kim.get("/courses/ART"))
    assert "Canvas account waits for the office Place in the course not yet Enter the course not yet" in page
    assert "You can enter" not in page
    for path in ("/courses/ART", "/my/courses"):
        page = words(kim.get(path))
        assert "The office acts next. How to reach it: Room 12 · desk@example.org · +1 303 555 0100" in page
        assert 'href="tel:+13035550100"' in kim.get(path).text
    policy(office, **dict.fromkeys(CONTACT, ""))
    assert "The office acts next. Registered" in words(kim.get("/courses/ART"))


def test_a_login_is_not_shown_to_a_person_who_may_not_be_its_owner(office, kim, steps):
    office.deliver()
    office.session.execute(update(Match).values(doubted=True))
    office.session.commit()
    page = words(kim.get("/courses/ART"))
    assert "Sign in there as" not in page
    assert steps() == ["done", "now", "later", "later"]


def test_the_tracker_does_not_wait_for_the_office_while_canvas_is_away(office, kim, steps):
    connection_of(office).hold_cause = "canvas_down"
    office.session.commit()
    assert steps() == ["done", "now", "later", "later"]
    assert "The office acts next." not in words(kim.get("/courses/ART"))


def test_the_office_enters_how_to_reach_it(here, admin):
    page = admin.post("/tools/settings/office", data=CONTACT, follow_redirects=True)
    assert "Saved." in words(page)
    assert [word in page.text for word in CONTACT.values()] == [True] * 3
    wrong = admin.post("/tools/settings/office", data=CONTACT | {"contact_email": "desk at example"})
    assert wrong.status_code == 422
    assert "That is not an email address." in words(wrong)
    assert 'value="desk at example"' in wrong.text
    admin.post("/sign-out")
    assert "Ask the office for a link to choose a new password." in words(admin.get("/forgotten-password"))
    assert "Room 12 · desk@example.org" in words(admin.get("/forgotten-password"))
