"""/tools/log: what is shown and found, and that old entries vanish."""

import html
import re
from datetime import UTC, datetime

import pytest

from ascriptica_plugin.office import activity
from ascriptica_plugin.tables.office import Course, LogEntry, Participant
from ascriptica_plugin.web.tools import activity as activity_page

from ...office_at_work import entries, sign_in
from ...pages import queries, words


def test_an_entry_tells_who_what_when_whom_course_and_words(session, admin):
    kim, art = Participant(email="kim@example.org", name="Kim Lee"), Course(code="ART", title="Art")
    session.add_all([kim, art])
    session.flush()
    about = {"participant_id": kim.id, "course_id": art.id}
    activity.note(
        session, datetime(2026, 5, 4, 13, 2, 1, tzinfo=UTC), activity.US, "enrolled", "Canvas said 200.", **about
    )
    session.commit()
    page = words(admin.get("/tools/log"))
    for word in ("Ascriptica", "Enrolled", "Canvas said 200.", "Kim Lee", "ART", "04 May 2026, 13:02:01"):
        assert word in page


def test_pages_go_back_from_the_newest(session, admin):
    entries(session, 250)
    first = admin.get("/tools/log")
    assert first.text.count("entry-") == 100
    assert first.text.index("entry-0249") < first.text.index("entry-0150")
    ids = sorted(one.id for one in session.query(LogEntry))
    second = admin.get(f"/tools/log?before={ids[150]}")
    assert "entry-0149" in second.text
    assert second.text.count("entry-") == 100
    last = admin.get(f"/tools/log?before={ids[50]}")
    assert last.text.count("entry-") == 50
    assert 'rel="next"' not in last.text
    assert f"before={ids[150]}" in first.text
    assert f"before={ids[50]}" in second.text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"q": "kim lee"}, {"about Kim"}),
        ({"q": "KIM@"}, {"about Kim"}),
        ({"q": "art"}, {"about Kim"}),
        ({"q": "clerk"}, {"by clerk"}),
        ({"q": "100%"}, {"100% sure"}),
        ({"q": "%"}, {"100% sure"}),
        ({"q": "about"}, {"about Kim"}),
        ({"what": "registered"}, {"by clerk", "about Kim"}),
        ({"what": "registered", "q": "clerk"}, {"by clerk"}),
        ({"what": "nothing such"}, set()),
        ({"q": "\x00"}, {"about Kim", "by clerk", "100% sure"}),
        ({"before": "999999999999999999999999"}, {"about Kim", "by clerk", "100% sure"}),
        ({"before": "-5"}, set()),
        ({"before": "x"}, {"about Kim", "by clerk", "100% sure"}),
    ],
)
def test_the_log_is_searched(session, admin, query, found):
    kim, art = Participant(email="kim@example.org", name="Kim Lee"), Course(code="ART-1", title="Painting")
    session.add_all([kim, art])
    session.flush()
    entries(session, 1, what="registered", words="about Kim", participant_id=kim.id, course_id=art.id)
    entries(session, 1, what="registered", words="by clerk", who="clerk@example.org")
    entries(session, 1, what="connected", words="100% sure")
    answer = admin.get("/tools/log", query_string=query)
    assert answer.status_code == 200
    page = words(answer)
    assert {one for one in ("about Kim", "by clerk", "100% sure") if one in page} == found


def test_what_was_done_can_be_chosen(session, admin):
    entries(session, 3, what="registered")
    entries(session, 1, what="withdrew")
    page = admin.get("/tools/log?what=withdrew").text
    assert "<option selected>withdrew</option>" in page
    assert "<option>registered</option>" in page


def test_a_longer_log_asks_no_more(app, session, admin):
    for number, n in enumerate((10, 200)):
        people = [Participant(email=f"p{number}.{i}@example.org", name=f"P{i}") for i in range(n)]
        courses = [Course(code=f"C{number}.{i}", title="C") for i in range(n)]
        session.add_all(people + courses)
        session.flush()
        for person, course in zip(people, courses, strict=True):
            entries(session, 1, participant_id=person.id, course_id=course.id)
        if number == 0:
            few = [queries(app, admin, path) for path in ("/tools/log", "/tools/log?q=p&what=did")]
    many = [queries(app, admin, path) for path in ("/tools/log", "/tools/log?q=p&what=did")]
    assert all(after <= before for before, after in zip(few, many, strict=True))


def test_words_are_shown_as_text(session, admin):
    entries(session, 1, words="<script>alert(1)</script>", who="<b>x</b>")
    page = admin.get("/tools/log").text
    assert "<script>alert" not in page
    assert "<b>x" not in page


def test_an_empty_log_says_so(admin):
    assert "Nothing has happened yet." in words(admin.get("/tools/log"))
    assert "Nothing was found." in words(admin.get("/tools/log?q=x"))


def test_participants_see_no_log(app, client):
    sign_in(client, app, "kim@example.org")
    assert client.get("/tools/log").status_code == 403


def test_a_long_log_is_searched_a_stretch_at_a_time(office, admin, monkeypatch):
    monkeypatch.setattr(activity_page, "A_LOOK", 50)
    session = office.session
    entries(session, 1, words="needle")
    entries(session, 120, words="hay")
    path = "/tools/log?q=needle"
    for _ in range(2):
        page = admin.get(path).text
        assert "Nothing was found so far." in page
        assert "Searched back to" in page
        path = html.unescape(re.search(r'rel="next" href="([^"]+)', page)[1])
    page = admin.get(path).text
    assert '<span class="under address">needle</span>' in page
    assert 'rel="next"' not in page
