"""/tools/log: what is shown and found, and that old entries vanish."""

import csv
import html
import io
import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from ascriptica_plugin.ledger import activity
from ascriptica_plugin.office import registrations
from ascriptica_plugin.shared.said import Said
from ascriptica_plugin.tables.office import Course, LogEntry, Participant, Registration
from ascriptica_plugin.web.tools import activity as activity_page

from ...office_at_work import entries, many, sign_in, someone
from ...pages import COURSE_SETTINGS, all_of, pressed, queries, typed, upload, words


def test_an_entry_shows_who_did_what_when_to_whom_in_which_course(session, admin):
    kim, art = Participant(email="kim@example.org", name="Kim Lee"), Course(code="ART", title="Art")
    session.add_all([kim, art])
    session.flush()
    about = {"participant_id": kim.id, "course_id": art.id}
    activity.note(
        session, datetime(2026, 5, 4, 13, 2, 1, tzinfo=UTC), activity.US, "enrolled", "Canvas said 200.", **about
    )
    session.commit()
    page = words(admin.get("/tools/log"))
    for word in ("Ascriptica enrolled: Kim Lee in Art", "Canvas said 200.", "04 May 2026, 13:02:01"):
        assert word in page


def test_the_newest_entries_come_first_page_by_page(session, admin):
    entries(session, 250)
    first = admin.get("/tools/log")
    assert first.text.count("entry-") == 100
    assert first.text.index("entry-0249") < first.text.index("entry-0150")
    ids = sorted(one.id for one in session.query(LogEntry))
    second = admin.get(f"/tools/log?page={ids[150]}")
    assert "entry-0149" in second.text
    assert second.text.count("entry-") == 100
    last = admin.get(f"/tools/log?page={ids[50]}")
    assert last.text.count("entry-") == 50
    assert 'rel="next"' not in last.text
    assert f"page={ids[150]}" in first.text
    assert f"page={ids[50]}" in second.text


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
        ({"kind": "Registrations"}, {"by clerk", "about Kim"}),
        ({"kind": "Registrations", "q": "clerk"}, {"by clerk"}),
        ({"kind": "Sign-ins and others"}, {"100% sure"}),
        ({"kind": "Files"}, set()),
        ({"kind": "nothing such"}, {"about Kim", "by clerk", "100% sure"}),
        ({"who": "clerk@"}, {"by clerk"}),
        ({"who": "kim"}, set()),
        ({"whom": "lee kim"}, {"about Kim"}),
        ({"course": "paint"}, {"about Kim"}),
        ({"course": "art-1", "whom": "clerk"}, set()),
        ({"day": "2020-01-01"}, set()),
        ({"day": "soon"}, {"about Kim", "by clerk", "100% sure"}),
        ({"act": "7"}, set()),
        ({"q": "\x00"}, {"about Kim", "by clerk", "100% sure"}),
        ({"page": "999999999999999999999999"}, {"about Kim", "by clerk", "100% sure"}),
        ({"page": "-5"}, set()),
        ({"page": "x"}, {"about Kim", "by clerk", "100% sure"}),
    ],
)
def test_the_log_is_searched(session, admin, query, found):
    kim, art = Participant(email="kim@example.org", name="Kim Lee"), Course(code="ART-1", title="Painting")
    session.add_all([kim, art])
    session.flush()
    entries(session, 1, what="registered", words="about Kim", participant_id=kim.id, course_id=art.id)
    entries(session, 1, what="registered", words="by clerk", who="clerk@example.org")
    entries(session, 1, what="was sure", words="100% sure")
    answer = admin.get("/tools/log", query_string=query)
    assert answer.status_code == 200
    page = words(answer)
    assert {one for one in ("about Kim", "by clerk", "100% sure") if one in page} == found


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("nothing was done", True),
        ("4711", True),
        ("deleted, because", False),
        ("Deleted", True),
        ("Deactivated", False),
        ('a "quoted" word', True),
        ("older release", True),
    ],
)
def test_an_entry_stored_as_a_code_is_found_by_its_words_and_parameters(session, admin, q, found):
    ended = Said("ended_since", how=Said("ended_delete"), why=Said("since_nothing_done"))
    entries(session, 1, what="ended in Canvas", words=Said("there_ended", course=4711, how=[ended]))
    entries(session, 1, what="waits", words=Said("there_because", course=5, why=Said("words", words='a "quoted" word')))
    entries(session, 1, what="corrected")
    session.execute(text("UPDATE ascriptica_log SET words = 'What an older release kept.' WHERE what = 'corrected'"))
    session.commit()
    page = words(admin.get("/tools/log", query_string={"q": q}))
    assert ("Nothing was found" not in page) == found
    assert ("Canvas course 4711. Deleted, because nothing was done there yet." in page) == (q in ended or q == "4711")
    assert ("What an older release kept." in page) == (q == "older release")


def test_a_day_in_the_log_is_the_office_s_day(app, session, admin):
    app.extensions["ascriptica"].timezone = ZoneInfo("Pacific/Auckland")
    kim = Participant(email="kim@example.org", name="Kim")
    session.add(kim)
    session.flush()
    activity.note(session, datetime(2026, 5, 4, 13, 2, tzinfo=UTC), "boss@example.org", "did", "that")
    session.commit()
    assert "that" in words(admin.get("/tools/log?day=2026-05-05"))
    assert "Nothing was found" in words(admin.get("/tools/log?day=2026-05-04"))


def test_an_act_on_several_people_is_one_line_that_opens(office, admin):
    course = office.course("FOOD", title="Food Safety")
    many(office, course, 40)
    page = words(admin.get("/tools/log"))
    assert page.count("registered") == 1
    assert "Boss (boss@example.org) registered 40 people for Food Safety" in page or (
        "boss@example.org registered 40 people for Food Safety" in page
    )
    path = re.search(r'href="(/tools/log\?act=\d+)"', admin.get("/tools/log").text)[1]
    page = words(admin.get(path))
    assert "registered 40 people for Food Safety" in page, "the heading says which act is open"
    assert page.count("for Food Safety") == 41
    assert "registered P 7 for Food Safety" in page
    assert "registered P 7 for Food Safety" in words(admin.get("/tools/log?whom=p7@example.org"))


def opens(page) -> str:
    """The address of what the newest act on the page did."""
    return re.search(r'href="(/tools/log\?act=\d+)">What was done in it', page.text)[1]


def test_a_file_of_courses_and_a_cancelled_course_open_too(office, admin):
    upload(admin, "courses", "code,title\nART,Art\nBIO,Biology\n")
    opened = words(admin.get(opens(admin.get("/tools/log"))))
    assert "made the course Art" in opened
    assert "made the course Biology" in opened
    many(office, office.course("FOOD", title="Food Safety"), 2)
    admin.post("/tools/courses/FOOD/cancel", data={"number": "2"})
    assert "withdrew P 1 from Food Safety" in words(admin.get(opens(admin.get("/tools/log"))))


def test_an_undo_is_one_line_that_says_what_was_undone_and_opens(office, admin):
    office.course("ART", title="Art")
    office.course("BIO", title="Biology")
    form = {"name": "Kim", "email": "kim@example.org", "sis_user_id": ""}
    admin.post("/tools/courses/ART", data=form)
    admin.post("/tools/courses/ART/move/1", data={"to": "BIO"})
    moved = all_of(office.app, LogEntry)[-3]
    assert moved.what == "moved"
    admin.post(f"/tools/undo/{moved.id}")
    page = admin.get("/tools/log")
    assert "undid the last change of Kim in Biology The move." in words(page)
    assert [len(re.findall(verb, words(page))) for verb in ("undid", "moved Kim to", "registered Kim", "withdrew")] == [
        1,
        1,
        1,
        0,
    ]
    inner = words(admin.get(opens(page)))
    assert "moved Kim to Art" in inner
    # The move back is no act of its own that could be undone.
    assert "/tools/undo/" not in admin.get("/tools/participants/1").text


def test_the_export_names_our_course_of_what_was_done_in_canvas(office, canvas, admin):
    office.register(office.course("ART", "art"), "kim")
    office.deliver()
    answer = admin.post("/tools/log.csv?kind=Canvas+access")
    rows = list(csv.DictReader(io.StringIO(answer.get_data(as_text=True).lstrip("\ufeff"))))
    assert [(row["email"], row["course"]) for row in rows] == [("kim@example.org", "ART")]


def test_a_person_who_registered_alone_is_not_named_twice(office, admin):
    office.register(office.course("FOOD", title="Food Safety"), "kim")
    assert "Kim registered for Food Safety" in words(admin.get("/tools/log"))


def test_a_person_whom_the_office_puts_on_a_waitlist_is_named(office, admin):
    art = office.course("ART", capacity=1)
    office.register(art, "kim")
    registrations.register(office.session, art, someone("lou"), office.now, wait=True)
    office.session.commit()
    admin.post("/tools/courses/ART", data={"name": "Max Moe", "email": "max@example.org"})
    page = words(admin.get("/tools/log"))
    assert "Lou joined the waitlist of ART here" in page
    assert "put Max Moe on the waitlist of ART here" in page
    number = next(one.id for one in all_of(office.app, Registration) if one.participant.name == "Max Moe")
    admin.post(f"/tools/courses/ART/withdraw/{number}")
    assert "took Max Moe off the waitlist of ART here" in words(admin.get("/tools/log"))


def test_an_import_is_one_line_whatever_it_changed(office, admin):
    many(office, office.course("ART"), 2)
    office.course("BIO")
    changes = "email,course,status\np0@example.org,BIO,registered\np1@example.org,ART,withdrawn\n"
    pressed(admin, upload(admin, "registrations", changes), "Import these now")
    page = words(admin.get("/tools/log?kind=Files"))
    assert "imported a file file.csv, registrations: 1 new, 1 changed, 0 unchanged, 0 refused" in page
    assert "withdrew P 1" not in words(admin.get("/tools/log"))
    opened = words(admin.get(opens(admin.get("/tools/log?kind=Files"))))
    assert "withdrew P 1 from ART here" in opened
    assert "registered P 0 for BIO here" in opened
    assert "registered P 0 for BIO here" in words(admin.get("/tools/log?course=bio"))
    [act] = [one for one in all_of(office.app, LogEntry) if one.what == "imported"]
    assert act.people == 2


def test_cancelling_a_course_is_one_line(office, admin):
    many(office, office.course("ART"), 3)
    admin.post("/tools/courses/ART/cancel", data={"number": "3"})
    page = words(admin.get("/tools/log"))
    assert "cancelled ART here" in page
    assert "3 registered and 0 on the waitlist were withdrawn." in page
    assert "withdrew P 1" not in page


def test_changes_of_settings_are_logged_and_connecting_only_where_it_happened(office, admin, canvas):
    admin.post(COURSE_SETTINGS, data=typed(canvas, canvas_token="", on_withdrawal="conclude"))
    page = words(admin.get("/tools/log"))
    assert "changed Course Settings" in page
    assert "when somebody withdraws: delete → conclude" in page
    assert "connected Canvas" not in page
    admin.post(COURSE_SETTINGS, data={"canvas_url": ""})
    admin.post(COURSE_SETTINGS, data=typed(canvas, canvas_token="", on_withdrawal="conclude"))
    done = [one.what for one in all_of(office.app, LogEntry)]
    assert done[-2:] == ["switched Canvas off", "switched Canvas on"]


def test_the_log_is_exported_and_that_is_noted(office, admin):
    many(office, office.course("ART", title="=Art"), 3)
    answer = admin.post("/tools/log.csv?course=art")
    rows = list(csv.DictReader(io.StringIO(answer.get_data(as_text=True).lstrip("\ufeff"))))
    assert [row["email"] for row in rows] == ["p2@example.org", "p1@example.org", "p0@example.org", ""]
    assert rows[0]["what"].endswith("registered P 2 for =Art")
    assert rows[-1]["what"].endswith("registered 3 people for =Art")
    assert all_of(office.app, LogEntry)[-1].what == "exported the log"


def test_a_longer_log_needs_no_more_queries(app, session, admin):
    for number, n in enumerate((10, 200)):
        people = [Participant(email=f"p{number}.{i}@example.org", name=f"P{i}") for i in range(n)]
        courses = [Course(code=f"C{number}.{i}", title="C") for i in range(n)]
        session.add_all(people + courses)
        session.flush()
        for person, course in zip(people, courses, strict=True):
            entries(session, 1, participant_id=person.id, course_id=course.id)
        if number == 0:
            few = [queries(app, admin, path) for path in ("/tools/log", "/tools/log?q=p&kind=Sign-ins+and+others")]
    many = [queries(app, admin, path) for path in ("/tools/log", "/tools/log?q=p&kind=Sign-ins+and+others")]
    assert all(after <= before for before, after in zip(few, many, strict=True))


def test_words_are_shown_as_text(session, admin):
    entries(session, 1, words="<script>alert(1)</script>", who="<b>x</b>")
    page = admin.get("/tools/log").text
    assert "<script>alert" not in page
    assert "<b>x" not in page


def test_an_empty_log_says_so(admin):
    assert "Nothing has happened yet." in words(admin.get("/tools/log"))
    assert "Nothing was found." in words(admin.get("/tools/log?q=x"))


def test_participants_can_t_open_the_log(app, client):
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
