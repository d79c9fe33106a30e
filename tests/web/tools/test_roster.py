"""A course's roster: searched, registered and withdrawn on behalf, exported."""

import csv
import io
import re
from contextlib import contextmanager

import pytest
from sqlalchemy import event, select

from ascriptica_plugin.office import registrations
from ascriptica_plugin.tables.office import Course, LogEntry, Registration
from ascriptica_plugin.web.tools import roster

from ...office_at_work import logged, many, statuses, wait_for
from ...pages import all_of, walked, words
from .on_the_roster import registration_of


def test_the_roster_shows_everybody_s_registration_and_access(office, admin):
    course = office.course("ART", "art", capacity=2)
    for who in ("kim", "lou"):
        office.register(course, who)
    office.withdraw(course, "lou")
    office.register(course, "max")
    wait_for(office, course, "ann", "bob")
    office.deliver()
    page = words(admin.get("/tools/courses/ART"))
    assert re.search(r"Kim kim@example.org Registered .* In Canvas, seen", page)
    assert re.search(r"Ann ann@example.org Number 1 on the waitlist.*Bob bob@example.org Number 2", page)
    # A person who withdrew before we got to it was never in Canvas, and is not called removed.
    assert re.search(r"Lou lou@example.org Withdrawn .* No enrollment known in Canvas", page)
    assert "All 5 Registered 2 On the waitlist 2 Withdrawn 1" in page
    assert "Canvas agrees with this list. Last read from Canvas:" in page
    page = words(admin.get("/tools/courses/ART?status=waitlisted"))
    assert "bob@example.org" in page
    assert "kim@example.org" not in page


@pytest.mark.parametrize("few", [2000, 0])
def test_the_roster_is_searched_by_name_and_email(here, admin, monkeypatch, few):
    monkeypatch.setattr(roster, "FEW", few)
    course = here.course("ART")
    here.register(course, "kim", name="Kim O'Hara")
    here.register(course, "lou", name="100% Lou")
    for q, found in {"o'HARA": "kim", "KIM@": "kim", "100%": "lou"}.items():
        page = words(admin.get("/tools/courses/ART", query_string={"q": q}))
        assert f"{found}@example.org" in page
        assert ("lou" if found == "kim" else "kim") + "@example.org" not in page
    here.register(here.course("BIO"), "kim", name="Kim O'Hara")
    here.withdraw(course, "lou")
    assert "All 2 Registered 1 On the waitlist 0 Withdrawn 1" in words(admin.get("/tools/courses/ART?q=example"))
    page = words(admin.get("/tools/courses/ART?q=example&status=withdrawn"))
    assert "lou@example.org" in page
    assert "kim@example.org" not in page
    assert "Nobody matches “_”" in words(admin.get("/tools/courses/ART?q=_"))
    assert admin.get("/tools/courses/ART?q=%00&page=x&status=x").status_code == 200


def test_a_long_roster_has_pages(here, admin):
    course = here.course("ART")
    many(here, course, 120)
    pages = list(walked(admin, "/tools/courses/ART"))
    found = [re.findall(r"p\d+@example\.org", page.text) for page in pages]
    assert [len(page) for page in found] == [50, 50, 20]
    assert len({*found[0], *found[1], *found[2]}) == 120
    assert "51–100 of 120" in words(pages[1])


@pytest.mark.parametrize("sort", ["name", "time"])
@pytest.mark.parametrize(("few", "many_are"), [(2000, 5000), (0, 1), (0, 5000)])
def test_every_registration_is_on_one_page_whatever_the_order(here, admin, monkeypatch, sort, few, many_are):
    monkeypatch.setattr(roster, "FEW", few)
    monkeypatch.setattr(roster, "MANY", many_are)
    course = here.course("ART", capacity=60)
    many(here, course, 130)
    for one in all_of(here.app, Registration)[:40:2]:
        registrations.withdraw(here.session, course, one.participant, here.now, "boss@example.org")
        here.session.commit()
    pages = list(walked(admin, f"/tools/courses/ART?sort={sort}"))
    found = [re.findall(r"p\d+@example\.org", page.text) for page in pages]
    assert len({one for page in found for one in page}) == sum(map(len, found)) == 130
    back = list(walked(admin, pages[-1].request.full_path, "prev"))
    assert [re.findall(r"p\d+@example\.org", page.text) for page in back] == found[::-1]
    searched = list(walked(admin, f"/tools/courses/ART?sort={sort}&q=example"))
    assert [re.findall(r"p\d+@example\.org", page.text) for page in searched] == found
    by_number = [admin.get(f"/tools/courses/ART?sort={sort}&page={number}") for number in (1, 2, 3)]
    assert [re.findall(r"p\d+@example\.org", page.text) for page in by_number] == found


@contextmanager
def counted(app):
    """The statements that run meanwhile."""
    statements = []

    def note(connection, cursor, statement, *_):
        statements.append(statement)

    engine = app.extensions["sqlalchemy"].engine
    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


def test_the_roster_needs_as_many_queries_for_many_people_as_for_few(office, admin, app):
    course = office.course("ART", "art", capacity=10)
    many(office, course, 12)
    office.withdraw(course, "p0", key=registration_of(office, "p0@example.org").participant.key)
    office.session.remove()
    with counted(app) as few:
        assert "p5@example.org" in admin.get("/tools/courses/ART").text
    course = office.session.get(Course, 1)
    course.capacity = 80
    office.session.commit()
    many(office, course, 90, start=100)
    office.session.remove()
    with counted(app) as more:
        assert admin.get("/tools/courses/ART").text.count("@example.org") == 50
    assert len(more) <= len(few) <= 20


def test_a_long_list_needs_as_many_queries_as_a_short_one(office, admin, app):
    """Only on SQLite is each registration an INSERT of its own; those who wait are an act of their own in the log."""
    office.course("ART", "art", capacity=60)
    asked = []
    for n in (30, 90):
        office.session.remove()
        with counted(app) as statements:
            text = "\n".join(f"p{n}-{i}@example.org, P {i}" for i in range(n))
            answer = admin.post("/tools/courses/ART", data={"people": text})
        assert answer.status_code == 302
        asked.append([one for one in statements if not one.startswith("INSERT")])
    assert len(asked[0]) + 1 == len(asked[1])
    assert list(statuses(office).values()) == ["registered"] * 60 + ["waitlisted"] * 60


def test_withdrawing_on_behalf_is_logged_and_ends_the_access(office, admin, canvas):
    course = office.course("ART", "art", capacity=1)
    office.register(course, "kim")
    wait_for(office, course, "lou")
    office.deliver()
    number = registration_of(office, "kim@example.org").id
    page = words(admin.post(f"/tools/courses/ART/withdraw/{number}", follow_redirects=True))
    assert "Kim is withdrawn from ART here." in page
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "deleted", "lou@example.org": "active"}
    assert ("boss@example.org", "withdrew", "kim@example.org") in logged(office)
    again = words(admin.post(f"/tools/courses/ART/withdraw/{number}", follow_redirects=True))
    assert "Kim has withdrawn already." in again


def test_a_registration_of_another_course_is_not_withdrawn_here(here, admin):
    here.course("ART")
    here.register(here.course("BIO"), "kim")
    number = registration_of(here, "kim@example.org").id
    assert admin.post(f"/tools/courses/ART/withdraw/{number}").status_code == 404
    assert admin.post("/tools/courses/ART/withdraw/99999999999999999999").status_code == 404
    assert statuses(here) == {"kim@example.org": "registered"}


def test_trying_one_waiting_person_again_tries_nobody_else(office, admin, canvas):
    course = office.course("ART", "art")
    canvas.options(permissions={"without": ["add_student_to_course", "manage_students"]})
    for who in ("kim", "lou"):
        office.register(course, who)
    office.deliver()
    page = admin.get("/tools/courses/ART").text
    assert re.findall(r"Try again<|Try again for everybody", page) == ["Try again for everybody", *["Try again<"] * 2]
    canvas.options(permissions=None)
    number = registration_of(office, "kim@example.org").id
    page = words(admin.post(f"/tools/courses/ART/try-again/{number}", follow_redirects=True))
    assert "Trying again for Kim." in page
    assert office.status()["seats"] == {"due": 1, "held": 1, "parked": 0, "enrolled": 0, "removed": 0}
    office.deliver()
    assert canvas.roster("art")["kim@example.org"] == "active"
    again = words(admin.post(f"/tools/courses/ART/try-again/{number}", follow_redirects=True))
    assert "There is nothing to try again for Kim." in again


def test_the_export_is_read_by_a_spreadsheet_and_runs_nothing(office, admin):
    course = office.course("ART", "art", capacity=5)
    office.register(course, "kim", sis_user_id="K-100")
    office.register(course, "cut", name="x;=1+1;")
    office.register(course, "eve", name='=HYPERLINK("http://evil.example"),1')
    office.register(course, "tab", name="\tx")
    office.register(course, "wide", name="＝1+1")
    wait_for(office, course, "lou")
    office.deliver()
    answer = admin.post("/tools/courses/ART/roster.csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "ART-roster.csv" in answer.headers["Content-Disposition"]
    assert answer.data.startswith(b'\xef\xbb\xbf"name",')
    rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"), newline="")))
    assert rows[0] == [
        "name",
        "email",
        "sis_user_id",
        "status",
        "registered_at",
        "withdrawn_at",
        "canvas_access",
        "canvas_seen_at",
    ]
    names = ["Kim", "x;=1+1;", '\'=HYPERLINK("http://evil.example"),1', "'\tx", "'＝1+1", "Lou"]
    assert [row[0] for row in rows[1:]] == names
    assert rows[1][1:4] == ["kim@example.org", "K-100", "registered"]
    assert rows[1][5:] == ["", "In Canvas", f"{office.now:%Y-%m-%d %H:%M}"]
    assert rows[6][3:] == ["waitlisted", rows[6][4], "", "", ""]
    otherwise = csv.reader(io.StringIO(answer.data.decode("utf-8-sig"), newline=""), delimiter=";")
    assert not [cell for row in otherwise for cell in row if cell.startswith("=")]
    entry = office.session.scalars(select(LogEntry).where(LogEntry.what == "exported")).one()
    assert (entry.who, entry.course_id) == ("boss@example.org", course.id)


def test_a_long_export_is_whole(here, admin, monkeypatch):
    monkeypatch.setattr("ascriptica_plugin.web.tools.roster_export.A_CHUNK", 40)
    many(here, here.course("ART"), 101)
    rows = list(csv.reader(io.StringIO(admin.post("/tools/courses/ART/roster.csv").data.decode("utf-8-sig"))))
    assert len({row[1] for row in rows[1:]}) == len(rows) - 1 == 101


def test_another_registration_for_the_same_canvas_course_keeps_the_access(office, admin, canvas):
    for code in ("ART", "TOO"):
        office.register(office.course(code, "art"), "kim")
    office.deliver()
    admin.post("/tools/courses/ART/cancel", data={"number": "1"})
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("post", "/tools/courses/ART"),
        ("post", "/tools/courses/ART/withdraw/1"),
        ("post", "/tools/courses/ART/try-again/1"),
        ("post", "/tools/courses/ART/roster.csv"),
        ("get", "/tools/courses/ART/cancel"),
        ("post", "/tools/courses/ART/cancel"),
    ],
)
def test_participants_can_t_use_the_roster(here, kim, method, path):
    here.register(here.course("ART"), "lou")
    assert getattr(kim, method)(path, data={"people": "x@example.org"}).status_code == 403
    assert statuses(here) == {"lou@example.org": "registered"}


def test_a_person_withdrawn_by_mistake_is_put_back(here, admin):
    course = here.course("ART", capacity=1)
    here.register(course, "kim")
    first = all_of(here.app, Registration)[0].id
    page = admin.post(f"/tools/courses/ART/withdraw/{first}", follow_redirects=True)
    assert "Put back" in words(page)
    page = words(admin.post(f"/tools/courses/ART/put-back/{first}", follow_redirects=True))
    assert "Kim is registered again." in page
    assert "Put back" not in page
    assert statuses(here) == {"kim@example.org": "registered"}
    assert "already registered" in words(admin.post(f"/tools/courses/ART/put-back/{first}", follow_redirects=True))
    newest = all_of(here.app, Registration)[-1].id
    admin.post(f"/tools/courses/ART/withdraw/{newest}")
    here.register(course, "lou")
    page = words(admin.post(f"/tools/courses/ART/put-back/{newest}", follow_redirects=True))
    assert "Kim is on the waitlist: the place was taken meanwhile." in page
