"""/tools/log: what is shown and found, and that old entries vanish."""

from datetime import UTC, datetime, timedelta

import pytest

from ascriptica_plugin import activity, process_log
from ascriptica_plugin.tables.office import Course, LogEntry, Participant
from ascriptica_plugin.worker import rounds

from ...conftest import in_use, make_app, sign_in
from ...web.test_pages import all_of, words
from ...web.tools.test_participants import queries


@pytest.fixture
def admin(app, client):
    sign_in(client, app, "boss@example.org", admin=True)
    return client


@pytest.fixture
def session(app):
    return app.extensions["sqlalchemy"].session


def entries(session, n: int, **columns) -> None:
    now = datetime.now(UTC)
    for number in range(n):
        activity.note(
            session, now, **({"who": "boss@example.org", "what": "did", "words": f"entry-{number:04}"} | columns)
        )
    session.commit()


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
    assert "The log has nothing like that." in words(admin.get("/tools/log?q=x"))


def test_old_entries_vanish(app, session):
    now = datetime.now(UTC)
    for days in (181, 179, 0):
        activity.note(session, now - timedelta(days=days), activity.US, "did", f"{days} days ago")
    session.commit()
    rounds.forget(app)
    assert {one.words for one in all_of(app, LogEntry)} == {"179 days ago", "0 days ago"}
    with in_use(make_app(app.config["SQLALCHEMY_DATABASE_URI"], ASCRIPTICA_LOG_DAYS="30")) as shorter:
        rounds.forget(shorter)
        sign_in(client := shorter.test_client(), shorter, "boss@example.org", admin=True)
        assert "30 days" in words(client.get("/tools/log"))
    assert {one.words for one in all_of(app, LogEntry)} == {"0 days ago"}


def test_the_worker_forgets_at_once_and_then_every_hour(app, session, monkeypatch):
    """The worker rests by a clock of ours, and ends after its third rest."""
    activity.note(session, datetime.now(UTC) - timedelta(days=181), activity.US, "did")
    session.commit()
    stopping, rests = app.extensions["ascriptica"].stopping, []

    def wait(seconds: float) -> None:
        rests.append((seconds, len(all_of(app, LogEntry))))
        if len(rests) == 3:
            stopping.set()

    monkeypatch.setattr(stopping, "wait", wait)
    rounds._again_and_again(app, rounds.forget, process_log.Trouble("The database", ""))
    stopping.clear()
    assert rests == [(3600, 0)] * 3


def test_participants_see_no_log(app, client):
    sign_in(client, app, "kim@example.org")
    assert client.get("/tools/log").status_code == 403
