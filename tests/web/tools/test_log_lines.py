"""The lines of the activity log: what the worker does one by one is one line a day and Canvas course, by name."""

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ascriptica_plugin.ledger import activity
from ascriptica_plugin.shared.said import Said
from ascriptica_plugin.tables.office import Association, Participant
from ascriptica_plugin.web.tools import activity as activity_page
from ascriptica_plugin.web.tools import log_lines

from ...office_at_work import entries, many
from ...pages import all_of, queries, words


def enrolled(session, *whom: Participant, course: int = 4711, at=datetime(2026, 5, 4, 13, tzinfo=UTC)) -> None:
    for one in whom:
        said = Said("there", course=course)
        activity.note(session, at, activity.US, "enrolled in Canvas", said, participant_id=one.id)
    session.commit()


@pytest.fixture
def people(session) -> list[Participant]:
    made = [Participant(email=f"p{n}@example.org", name=f"P {n}") for n in range(6)]
    session.add_all(made)
    session.commit()
    return made


def test_one_day_s_enrollments_are_one_line_that_opens_and_names_the_canvas_course(office, admin, canvas):
    many(office, office.course("FOOD", "art", title="Food Safety"), 12)
    office.settle(3)
    answer = admin.get("/tools/log")
    page = words(answer)
    number = canvas.ids["course.art"]
    [name] = {one.canvas_course_name for one in all_of(office.app, Association)}
    assert page.count("in Canvas") == 1
    assert f"Ascriptica enrolled 12 people in Canvas Canvas course {name} ({number})." in page
    opened = admin.get(html.unescape(re.search(r'href="(/tools/log\?line=[^"]+)"', answer.text)[1]))
    assert words(opened).count(f"in Canvas Canvas course {name} ({number}).") == 12
    assert "enrolled P 7 in Canvas" in words(opened)
    assert "enrolled P 7 in Canvas" in words(admin.get("/tools/log?whom=p7@example.org"))
    assert "enrolled 12 people in Canvas" in words(admin.get("/tools/log?course=food"))
    assert admin.post("/tools/log.csv").get_data(as_text=True).count(f"Canvas course {name} ({number}).") == 12


def test_different_days_courses_and_acts_have_lines_of_their_own(app, session, admin, people):
    app.extensions["ascriptica"].timezone = ZoneInfo("Pacific/Auckland")
    noon = datetime(2026, 5, 4, 12, tzinfo=UTC)
    enrolled(session, *people[:2], at=noon - timedelta(minutes=2))
    enrolled(session, *people[2:4], at=noon)
    enrolled(session, people[4], course=5, at=noon)
    activity.note(session, noon, "boss@example.org", "chose", participant_id=people[4].id)
    enrolled(session, people[2], people[5], at=noon + timedelta(hours=1))
    page = words(admin.get("/tools/log"))
    assert re.findall(r"enrolled (.{2,8}) in Canvas", page) == ["3 people", "P 4", "2 people"]
    assert "Canvas course 4711." in page
    # The line's time is its span, so that a later act of somebody's does not seem to come before it.
    assert "from 05 May 2026, 00:00:00 to 01:00:00" in page
    assert words(admin.get("/tools/log?q=4711")).count("Canvas course 4711.") == 6


def pages(admin, path: str | None) -> Iterator[str]:
    """This page of the log, and all that follow."""
    while path:
        yield (text := admin.get(html.unescape(path)).text)
        older = re.search(r'rel="next" href="([^"]+)"', text)
        path = older[1] if older else None


def shown(admin) -> list[tuple[str, int]]:
    """The lines that lead to several people: how many they say, and how many they open."""
    lines = [re.findall(r'href="(/tools/log\?line=[^"]+)">(.*?)</a>', text) for text in pages(admin, "/tools/log")]
    return [(said, "".join(pages(admin, line)).count("Canvas course ")) for page in lines for line, said in page]


@pytest.mark.parametrize("read", [(4, 9), (300, 5000)])
@pytest.mark.parametrize("a_page", [1, 2, 100])
def test_a_line_counts_all_of_its_day_and_stands_on_one_page(session, admin, people, monkeypatch, read, a_page):
    monkeypatch.setattr(log_lines, "READ", read)
    monkeypatch.setattr(activity_page, "A_PAGE", a_page)
    for one in people:
        for n in range(3):
            enrolled(session, one, course=n + 1)
    assert shown(admin) == [("6 people", 6)] * 3
    midnight = datetime(2026, 5, 5, tzinfo=UTC)
    enrolled(session, *people[:4], at=midnight - timedelta(minutes=1))
    enrolled(session, *people[4:], at=midnight)
    assert shown(admin) == [("2 people", 2), ("4 people", 4)] + [("6 people", 6)] * 3


def test_a_line_is_completed_though_the_search_stopped_within_it(session, admin, people, monkeypatch):
    monkeypatch.setattr(activity_page, "A_LOOK", 4)
    enrolled(session, *people)
    entries(session, 2)
    assert shown(admin) == [("6 people", 6)]


def test_a_line_with_more_people_needs_no_more_queries(app, session, admin, monkeypatch):
    monkeypatch.setattr(activity_page, "A_PAGE", 2)
    before = None
    for n in (3, 40):
        many = [Participant(email=f"p{n}.{i}@example.org", name=f"P{i}") for i in range(n)]
        session.add_all(many)
        session.flush()
        for course in range(1, 5):
            enrolled(session, *many, course=course)
        second = html.unescape(re.search(r'rel="next" href="([^"]+)"', admin.get("/tools/log").text)[1])
        asked = [queries(app, admin, path) for path in ("/tools/log", second)]
        assert before in (None, asked)
        before = asked
