"""What participants see: the catalogue, a course, register, withdraw, the waitlist."""

import html
import re
from datetime import UTC, datetime, timedelta

import pytest

from ascriptica_plugin.office import allowances
from ascriptica_plugin.shared import clock
from ascriptica_plugin.tables.office import LogEntry, Participant, Registration
from ascriptica_plugin.web.registering import CHANGES

from ..office_at_work import Office, logged, sign_in, statuses, wait_for
from ..pages import ELSEWHERE, all_of, words


def test_a_person_registers_from_the_catalogue_gets_into_canvas_and_withdraws(office, kim, canvas):
    office.course("ART", "art")
    assert "ART here" in words(kim.get("/"))
    page = words(kim.post("/courses/ART/register", follow_redirects=True))
    assert "You are registered for ART here." in page
    assert "Adding you to the Canvas course" in page
    office.deliver()
    page = kim.get("/courses/ART")
    assert "You are in the Canvas course." in words(page)
    assert f"{canvas.url}/courses/{canvas.ids['course.art']}" in page.text
    page = words(kim.post("/courses/ART/withdraw", follow_redirects=True))
    assert "You have withdrawn from ART here." in page
    assert "Ending your access" in page
    office.deliver()
    assert "Your access to the Canvas course has ended." in words(kim.get("/my/courses"))
    assert canvas.roster("art") == {"kim@example.org": "deleted"}


def test_the_catalogue_shows_the_places_in_the_words_of_the_course(app, client):
    office = Office(app, None)
    office.course("ANY")
    art = office.course("ART", capacity=3)
    office.register(art, "lou")
    for who, places in (("", "2 places left"), ("kim", "1 place left"), ("max", "Full")):
        if who:
            office.register(art, who)
        assert f"Open to everyone ART ART here {places}" in words(client.get("/"))
        assert f"Places {places}" in words(client.get("/courses/ART"))


def titles(page) -> list[str]:
    return re.findall(r'<h2><a href="[^"]+">([^<]+)</a></h2>', page.text)


def test_the_catalogue_is_paged_searched_and_sorted(app, client):
    office, now = Office(app, None), clock.utc_now()
    for number in range(60):
        office.course(f"C-{number}", title=f"Kurs {59 - number:02}", starts_at=now + timedelta(days=1 + number))
    office.course("ANY", title="Ölmalerei")
    first = client.get("/")
    assert titles(first) == [f"Kurs {59 - number:02}" for number in range(50)]
    assert "61 courses. Sorted by first day or title" in words(first)
    second = client.get(html.unescape(re.search(r'rel="next" href="([^"]+)', first.text)[1]))
    assert titles(second) == [*(f"Kurs {number:02}" for number in range(9, -1, -1)), "Ölmalerei"]
    assert titles(client.get(html.unescape(re.search(r'rel="prev" href="([^"]+)', second.text)[1]))) == titles(first)
    assert titles(client.get("/?sort=name"))[:2] == ["Kurs 00", "Kurs 01"]
    assert titles(client.get("/?q=olmal")) == ["Ölmalerei"]
    assert titles(client.get("/?q=c-7+kurs")) == ["Kurs 52"]
    assert "No course matches “nothing”." in words(client.get("/?q=nothing"))


def test_a_course_that_has_ended_has_no_places_left(app, client):
    office = Office(app, None)
    for code, days in (("LATER", 1), ("OVER", -1)):
        office.course(code, capacity=20, ends_at=clock.utc_now() + timedelta(days=days))
    assert "20 places left" in words(client.get("/courses/LATER"))
    assert "places left" not in words(client.get("/courses/OVER"))


@pytest.mark.parametrize(
    ("course", "path", "sentence"),
    [
        ({"capacity": 0}, "/courses/ART/register", "ART here is full."),
        ({"registration_closes_at": -1}, "/courses/ART/register", "has closed"),
        ({"registration_opens_at": 1}, "/courses/ART/register", "not opened yet"),
        ({}, "/courses/ART/withdraw", "You are not registered for ART here."),
    ],
)
def test_a_registration_or_withdrawal_that_is_not_possible_gets_a_sentence(app, kim, course, path, sentence):
    now = datetime.now(UTC)
    columns = {name: now + timedelta(days=value) if name.endswith("_at") else value for name, value in course.items()}
    Office(app, None).course("ART", **columns)
    answer = kim.post(path, follow_redirects=True)
    assert answer.status_code == 200
    assert sentence in words(answer)
    assert all_of(app, Registration) == []


def test_registering_twice_gets_a_sentence(app, kim):
    Office(app, None).course("ART")
    kim.post("/courses/ART/register")
    assert "already registered" in words(kim.post("/courses/ART/register", follow_redirects=True))


def test_endless_changes_of_one_person_are_stopped_and_nobody_else_s(app, kim, client, monkeypatch):
    now = clock.utc_now()
    monkeypatch.setattr(clock, "utc_now", lambda: now)
    Office(app, None).course("ART")
    assert "You are registered" in words(kim.post("/courses/ART/register", follow_redirects=True))
    session, [participant] = app.extensions["sqlalchemy"].session, all_of(app, Participant)
    for _ in range(CHANGES.at_once - 2):
        allowances.take(session, CHANGES, participant.key, clock.utc_now())
    session.commit()
    assert "You have withdrawn" in words(kim.post("/courses/ART/withdraw", follow_redirects=True))
    before = [len(all_of(app, table)) for table in (LogEntry, Registration)]
    page = words(kim.post("/courses/ART/register", follow_redirects=True))
    assert "You change your registrations very often. Wait a moment, then try again." in page
    assert [len(all_of(app, table)) for table in (LogEntry, Registration)] == before
    sign_in(client, app, "lou@example.org")
    assert "You are registered" in words(client.post("/courses/ART/register", follow_redirects=True))


def test_a_visitor_is_asked_to_sign_in_and_returns_to_the_page(app, client):
    Office(app, None).course("ART")
    assert client.get("/courses/ART").status_code == 200
    answer = client.get("/my/courses")
    assert answer.status_code == 302
    assert answer.location == "/sign-in?next=/my/courses"
    here = "/sign-in?next=/courses/ART"
    assert client.post("/courses/ART/register").location == here
    for before, location in (
        ("http://localhost/courses/ART?a=b", "/sign-in?next=/courses/ART?a%3Db"),
        ("http://localhost.evil.example/courses/ART", here),
        ("https://evil.example/courses/ART", here),
        *((f"http://localhost{path}", here) for path in ELSEWHERE),
    ):
        assert client.post("/courses/ART/register", headers={"Referer": before}).location == location


def test_nothing_about_canvas_is_shown_while_it_is_switched_off(app, kim):
    Office(app, None).course("ART")
    kim.post("/courses/ART/register")
    for path in ("/", "/courses/ART", "/my/courses"):
        assert "Canvas" not in words(kim.get(path))


def test_an_unknown_course_gets_a_page_that_says_so(kim):
    answer = kim.get("/courses/NOPE")
    assert answer.status_code == 404
    assert "Traceback" not in answer.text
    assert "<h1" in answer.text


def test_texts_that_people_typed_are_shown_as_text(app, kim):
    Office(app, None).course("ART", description="<script>alert(1)</script>")
    assert "<script>alert" not in kim.get("/courses/ART").text


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_code_that_no_course_can_have_is_not_found(kim, method):
    assert getattr(kim, method)("/courses/a%00b" + ("/register" if method == "post" else "")).status_code == 404


def test_a_full_course_offers_the_waitlist_and_a_withdrawal_moves_up_into_canvas(office, kim, canvas):
    course = office.course("ART", "art", capacity=1)
    office.register(course, "lou")
    page = kim.get("/courses/ART")
    assert "All places are taken. On the waitlist, you get a place when it is your turn" in words(page)
    assert "Join the waitlist" in page.text
    page = words(kim.post("/courses/ART/register", data={"wait": "1"}, follow_redirects=True))
    assert "You are on the waitlist for ART here." in page
    assert "You are number 1 on the waitlist." in page
    office.deliver()
    assert canvas.roster("art") == {"lou@example.org": "active"}
    assert "Number 1 on the waitlist" in words(kim.get("/my/courses"))
    office.withdraw(course, "lou")
    assert "You are registered" in words(kim.get("/courses/ART"))
    office.deliver()
    assert canvas.roster("art") == {"lou@example.org": "deleted", "kim@example.org": "active"}
    assert ("Ascriptica", "moved up", "kim@example.org") in logged(office)


def test_a_person_whose_withdrawal_loses_the_place_is_warned_before(here, kim):
    course = here.course("ART", capacity=1)
    kim.post("/courses/ART/register")
    assert "somebody else gets yours" not in words(kim.get("/courses/ART"))
    wait_for(here, course, "max")
    assert "1 person waits for a place. If you withdraw, somebody else gets yours immediately." in words(
        kim.get("/courses/ART")
    )


def test_leaving_the_waitlist_frees_no_place(here, kim):
    course = here.course("ART", capacity=1)
    here.register(course, "lou")
    wait_for(here, course, "max")
    kim.post("/courses/ART/register", data={"wait": "1"})
    assert "You are number 2 on the waitlist." in words(kim.get("/courses/ART"))
    page = words(kim.post("/courses/ART/withdraw", follow_redirects=True))
    assert "You have withdrawn from ART here." in page
    assert statuses(here) == {
        "lou@example.org": "registered",
        "max@example.org": "waitlisted",
        "kim@example.org": "withdrawn",
    }
    assert course.places_taken == 1
    assert logged(here)[-1][1] == "left the waitlist"


def test_asking_for_the_waitlist_registers_where_a_place_is_free(here, kim):
    here.course("ART", capacity=1)
    page = words(kim.post("/courses/ART/register", data={"wait": "1"}, follow_redirects=True))
    assert "You are registered for ART here." in page


def test_joining_the_waitlist_twice_gets_a_sentence(here, kim):
    here.course("ART", capacity=0)
    kim.post("/courses/ART/register", data={"wait": "1"})
    page = words(kim.post("/courses/ART/register", data={"wait": "1"}, follow_redirects=True))
    assert "You are already on the waitlist for ART here." in page


def test_a_course_that_has_ended_says_nothing_about_when_registration_closes(office, client):
    now = clock.utc_now()
    closes = {"registration_closes_at": now + timedelta(days=3)}
    office.course("ART", ends_at=now + timedelta(days=1), **closes)
    office.course("OLD", ends_at=now - timedelta(days=1), **closes)
    assert "Closes" in words(client.get("/courses/ART"))
    page = words(client.get("/courses/OLD"))
    assert "This course has ended." in page
    assert "Closes" not in page
