"""Withdrawing: asked once, and taken back while the place is free."""

from datetime import timedelta

import pytest

from ascriptica_plugin.office import registrations
from ascriptica_plugin.shared import clock, pauses
from ascriptica_plugin.tables.office import Registration

from ..office_at_work import logged, policy, statuses, wait_for
from ..pages import all_of, words


@pytest.mark.parametrize(
    ("on_withdrawal", "sentence"),
    [
        ("delete", "You are taken off the Canvas course"),
        ("deactivate", "You can't enter the Canvas course any more. What you did there is kept."),
        ("conclude", "You can still read the Canvas course"),
        ("by_activity", "If you have never opened the Canvas course, you are taken off it."),
    ],
)
def test_the_page_says_what_becomes_of_the_work_in_canvas(office, kim, on_withdrawal, sentence):
    policy(office, on_withdrawal="delete" if on_withdrawal != "delete" else "conclude")
    office.course("ART", "art", capacity=5, on_withdrawal=on_withdrawal)
    kim.post("/courses/ART/register")
    page = words(kim.get("/courses/ART/withdraw"))
    assert "Withdraw from ART here?" in page
    assert "Your place becomes free. You can undo this for 10 minutes" in page
    assert sentence in page
    assert all_of(office.app, Registration)[0].status == "registered"


def test_the_page_does_not_mention_canvas_where_none_is_connected(here, kim):
    here.course("ART")
    kim.post("/courses/ART/register")
    page = words(kim.get("/courses/ART/withdraw"))
    assert "Withdraw from ART here?" in page
    assert "Canvas" not in page


def test_a_person_without_a_registration_is_sent_to_the_course_s_page(here, kim):
    here.course("ART")
    assert kim.get("/courses/art/withdraw").location == "/courses/ART"


def test_a_withdrawal_taken_back_brings_the_same_enrollment_back(office, kim, canvas):
    office.course("ART", "art", capacity=1)
    kim.post("/courses/ART/register")
    office.deliver()
    [before] = canvas.rows()
    page = words(kim.post("/courses/ART/withdraw", follow_redirects=True))
    assert "You can undo your withdrawal until" in page
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "deleted"}
    page = words(kim.post("/courses/ART/withdraw/undo", follow_redirects=True))
    assert "You are registered for ART here." in page
    office.deliver()
    assert canvas.rows() == [before]
    [registration] = all_of(office.app, Registration)
    assert (registration.status, registration.withdrawn_at, registration.undo_until_at) == ("registered", None, None)
    assert ("kim@example.org", "took the withdrawal back", "kim@example.org") in logged(office)
    assert "Undo the withdrawal" not in kim.get("/courses/ART").text


def test_a_withdrawal_is_not_taken_back_once_the_place_is_gone_and_the_waitlist_is_offered(here, kim):
    course = here.course("ART", capacity=1)
    kim.post("/courses/ART/register")
    wait_for(here, course, "max")
    assert "Your place goes to the first of 1 person on the waitlist" in words(kim.get("/courses/ART/withdraw"))
    page = words(kim.post("/courses/ART/withdraw", follow_redirects=True))
    assert "Your place has gone to somebody else." in page
    assert "Undo the withdrawal" not in page
    page = words(kim.post("/courses/ART/withdraw/undo", follow_redirects=True))
    assert "Your place in ART here has gone to somebody else." in page
    assert "Join the waitlist" in page
    assert statuses(here) == {"kim@example.org": "withdrawn", "max@example.org": "registered"}


def test_a_withdrawal_can_t_be_taken_back_after_ten_minutes(here, kim, monkeypatch):
    here.course("ART")
    kim.post("/courses/ART/register")
    kim.post("/courses/ART/withdraw")
    later = clock.utc_now() + pauses.WITHDRAWAL_UNDONE + timedelta(seconds=1)
    monkeypatch.setattr(clock, "utc_now", lambda: later)
    assert "Undo the withdrawal" not in kim.get("/courses/ART").text
    page = words(kim.post("/courses/ART/withdraw/undo", follow_redirects=True))
    assert "A withdrawal can be undone for 10 minutes only. You can register again." in page
    assert statuses(here) == {"kim@example.org": "withdrawn"}


def test_a_withdrawal_by_the_office_can_t_be_taken_back_by_the_participant(here, kim):
    course = here.course("ART")
    kim.post("/courses/ART/register")
    [registration] = all_of(here.app, Registration)
    registrations.withdraw(here.session, course, registration.participant, here.now, "boss@example.org")
    here.session.commit()
    kim.post("/courses/ART/withdraw/undo")
    assert statuses(here) == {"kim@example.org": "withdrawn"}


def test_a_withdrawal_can_be_taken_back_though_registration_has_closed(here, kim):
    course = here.course("ART")
    kim.post("/courses/ART/register")
    course.registration_closes_at = here.now - timedelta(days=1)
    here.session.commit()
    assert "Undo the withdrawal" in words(kim.post("/courses/ART/withdraw", follow_redirects=True))
    kim.post("/courses/ART/withdraw/undo")
    assert statuses(here) == {"kim@example.org": "registered"}


def test_leaving_the_waitlist_is_confirmed_too_and_can_t_be_taken_back(here, kim):
    course = here.course("ART", capacity=1)
    here.register(course, "lou")
    kim.post("/courses/ART/register", data={"wait": "1"})
    page = words(kim.get("/courses/ART/withdraw"))
    assert "Leave the waitlist for ART here?" in page
    assert "You lose your position on the waitlist." in page
    assert "Undo" not in words(kim.post("/courses/ART/withdraw", follow_redirects=True))


def test_the_page_mentions_no_freed_place_where_places_have_no_limit(here, kim):
    here.course("ART")
    kim.post("/courses/ART/register")
    page = words(kim.get("/courses/ART/withdraw"))
    assert "You can undo this for 10 minutes." in page
    assert "place becomes free" not in page
    page = words(kim.post("/courses/ART/withdraw", follow_redirects=True))
    assert "You can undo your withdrawal until" in page
    assert "somebody else" not in page


def test_my_courses_offer_to_take_a_withdrawal_back_while_that_is_possible(here, kim):
    art = here.course("ART", capacity=1)
    kim.post("/courses/ART/register")
    kim.post("/courses/ART/withdraw")
    offer = "Undo the withdrawal from ART here"
    assert offer in words(kim.get("/my/courses"))
    here.register(art, "lou")
    assert offer not in words(kim.get("/my/courses"))
    here.withdraw(art, "lou")
    assert offer in words(kim.get("/my/courses"))
    kim.post("/courses/ART/register")
    assert offer not in words(kim.get("/my/courses"))
