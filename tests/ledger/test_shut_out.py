"""Who is enrolled and can't enter: the list of Canvas access has exactly those whom a card or the overview counts."""

import html
import re
from datetime import timedelta

import pytest
from sqlalchemy import update

from ascriptica_plugin.ledger import shut_out
from ascriptica_plugin.tables.canvas import load_settings
from ascriptica_plugin.tables.office import Association

from ..office_at_work import Office, many, policy
from ..pages import words


def listed(admin, address: str) -> list[str]:
    """The people on the list of Canvas access at this address, by the parts of their emails before the @."""
    page = admin.get(address).text
    return sorted(re.findall(r'<th role="rowheader"[^>]*>.*?<span class="under">(\w+)@example.org', page, re.DOTALL))


def led_to(page: str, words_of_link: str) -> str:
    """Where the link with these words leads."""
    links = re.findall(r'<a [^>]*?href="([^"]*standing[^"]*)"[^>]*>(.*?)</a>', page, re.DOTALL)
    found_all = {address for address, words in links if re.match(words_of_link, re.sub("<[^>]+>", "", words))}
    assert len(found_all) == 1, found_all
    [found] = found_all
    return html.unescape(found).partition("#")[0]


@pytest.fixture
def busy(office) -> Office:
    """p0 to p2 are in Art and p2 and p3 in Biology, which both start tomorrow; Zoe is in Blue."""
    start = office.now + timedelta(days=1)
    many(office, office.course("ART", "art", starts_at=start), 3)
    many(office, office.course("BIO", "bio", starts_at=start), 2, start=2)
    office.register(office.course("OPEN", "blue", starts_at=start), "zoe")
    office.deliver()
    return office


def set_all(office: Office, **facts: object) -> None:
    names = ("art", "bio")
    office.session.execute(update(Association).where(Association.canvas_course_name.in_(names)).values(**facts))
    office.session.commit()


SHUT = {
    "course_unpublished": ({"published": False}, "Enrolled, but the Canvas course is not published"),
    "course_concluded": ({"concluded": True}, "The Canvas course is concluded"),
    "outside_dates": ({"opens_at": "late"}, "Enrolled, but the Canvas course's dates keep people out"),
    "course_missing": ({"trouble": "course_missing"}, "The Canvas course does not exist"),
}


@pytest.mark.parametrize("name", SHUT)
def test_the_list_has_exactly_the_people_a_card_counts(busy, admin, name):
    """Somebody in two of the courses is one person; people who wait for the same cause are on the list, too."""
    facts, title = SHUT[name]
    set_all(busy, **{key: busy.now + timedelta(days=9) if value == "late" else value for key, value in facts.items()})
    page = admin.get("/tools/")
    assert f"{title} 4 people" in words(page)
    assert listed(admin, led_to(page.text, "Show people: " + title.partition("'")[0])) == ["p0", "p1", "p2", "p2", "p3"]
    busy.register(busy.course("LATE", "blue", starts_at=busy.now + timedelta(days=1)), "lou")
    seat = busy.seats()[-1]
    seat.cause, seat.held = name, True
    busy.session.commit()
    page = admin.get("/tools/")
    assert f"{title} 5 people" in words(page)
    assert listed(admin, led_to(page.text, "Show people: " + title.partition("'")[0])) == [
        "lou",
        "p0",
        "p1",
        "p2",
        "p2",
        "p3",
    ]
    assert len(listed(admin, f"/tools/canvas?standing={name}&sort=name")) == 6


def test_a_course_s_reason_leads_to_its_people(busy, admin):
    set_all(busy, published=False)
    page = admin.get("/tools/").text
    assert "2 not published yet" in words(admin.get("/tools/"))
    assert led_to(page, "2 not published yet") == "/tools/canvas?course=BIO&standing=course_unpublished"
    assert listed(admin, led_to(page, "2 not published yet")) == ["p2", "p3"]
    assert listed(admin, "/tools/canvas?standing=cant_enter") == ["p0", "p1", "p2", "p2", "p3"]
    form = {"standing": "cant_enter"}
    exported = admin.post("/tools/canvas.csv", data=form).get_data(as_text=True)
    assert len(exported.splitlines()) == 6


def test_of_two_courses_in_one_canvas_course_only_the_one_in_trouble_has_its_people_listed(busy, admin):
    two = busy.course("TWO", "art", starts_at=busy.now + timedelta(days=1))
    busy.register(two, "lou")
    many(busy, two, 1)
    busy.deliver()
    two.association.published = False
    busy.session.commit()
    page = admin.get("/tools/")
    found = re.search("is not published (.*?) Nobody can enter", words(page))[1]
    assert re.fullmatch("2 people TWO here starts in .*: 2 of 2 can.t get in", found)
    assert listed(admin, led_to(page.text, "Show people: Enrolled")) == ["lou", "p0"]


def test_the_list_has_pages(busy, admin, canvas):
    many(busy, busy.course("MANY", "art"), 60, start=10)
    busy.deliver()
    set_all(busy, published=False)
    there, found = "/tools/canvas?standing=cant_enter", []
    while there:
        page = admin.get(there).text
        found.append(len(listed(admin, there)))
        on = re.search(r'rel="next" href="([^"]*)"', page)
        there = html.unescape(on[1]).partition("#")[0] if on else None
    assert found == [50, 15]


def test_a_person_who_has_not_accepted_an_invitation_can_t_enter(office, admin):
    policy(office, by_invitation=True)
    many(office, office.course("ART", "art", starts_at=office.now + timedelta(days=1)), 2)
    office.deliver()
    policy(office, by_invitation=False)
    office.register(office.course("BIO", "bio"), "zoe")
    office.deliver()
    page = admin.get("/tools/").text
    assert listed(admin, led_to(page, "2 with an open invitation")) == ["p0", "p1"]
    for where in ("invited", "cant_enter"):
        assert listed(admin, f"/tools/canvas?standing={where}") == ["p0", "p1"]


def test_the_courses_numbers_are_added_where_there_are_too_many_people_to_compare(busy, admin, monkeypatch):
    monkeypatch.setattr(shut_out, "MOST_COMPARED", 4)
    set_all(busy, published=False)
    assert "not published 5 people" in words(admin.get("/tools/"))


def test_nobody_is_on_the_list_without_a_connection(busy, admin):
    load_settings(busy.session).connection = None
    busy.session.commit()
    assert listed(admin, "/tools/canvas?standing=cant_enter") == []
