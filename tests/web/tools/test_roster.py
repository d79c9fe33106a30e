"""A course's roster: found in, registered and withdrawn on behalf, exported."""

import csv
import html
import io
import re
import time
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import event, func, select

from ascriptica_plugin.office import registrations
from ascriptica_plugin.tables.office import Course, LogEntry, Participant, Registration

from ...office_at_work import Office, logged, many, sign_in, statuses, wait_for
from ...pages import all_of, walked, words


def count(office: Office, model) -> int:
    return office.session.scalar(select(func.count()).select_from(model))


def registration_of(office: Office, email: str) -> Registration:
    office.session.expire_all()
    return office.session.scalars(
        select(Registration).join(Participant).where(Participant.email == email).order_by(Registration.id.desc())
    ).first()


def test_the_roster_tells_who_is_where_and_how_their_access_stands(office, admin):
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
    # Who withdrew before we got to it was never in Canvas, and is not called removed.
    assert re.search(r"Lou lou@example.org Withdrawn .* No enrollment known in Canvas", page)
    assert "All 5 Registered 2 Waiting 2 Withdrawn 1" in page
    assert "Canvas agrees with this list. Last read from Canvas:" in page
    page = words(admin.get("/tools/courses/ART?status=waitlisted"))
    assert "bob@example.org" in page
    assert "kim@example.org" not in page


def test_the_roster_is_found_in_by_name_and_email(here, admin):
    course = here.course("ART")
    here.register(course, "kim", name="Kim O'Hara")
    here.register(course, "lou", name="100% Lou")
    for q, found in {"o'HARA": "kim", "KIM@": "kim", "100%": "lou"}.items():
        page = words(admin.get("/tools/courses/ART", query_string={"q": q}))
        assert f"{found}@example.org" in page
        assert ("lou" if found == "kim" else "kim") + "@example.org" not in page
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
def test_every_registration_is_on_one_page_whatever_the_order(here, admin, sort):
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


def test_the_roster_asks_as_often_for_many_as_for_few(office, admin, app):
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


def test_registering_a_long_list_asks_as_often_as_for_a_short_one(office, admin, app):
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


def test_one_person_is_registered_on_behalf_and_comes_into_canvas(office, admin, canvas):
    office.course("ART", "art")
    form = {"name": "Kim Lee", "email": "kim@example.org", "sis_user_id": "K-100"}
    answer = admin.post("/tools/courses/ART", data=form, follow_redirects=True)
    assert "Kim Lee is registered for ART here." in words(answer)
    # Ready for the next caller: the form is open, and typing begins in it.
    assert '<details class="sheet" id="register" open>' in answer.text
    assert re.search(r'<input autocomplete="off" autofocus [^>]*name="name"[^>]* value="">', answer.text)
    plain = admin.get("/tools/courses/ART").text
    assert '<details class="sheet" id="register">' in plain
    assert "autofocus" not in plain
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}
    assert logged(office)[0] == ("boss@example.org", "registered", "kim@example.org")
    [participant] = office.session.scalars(select(Participant))
    assert (participant.key, participant.sis_user_id) == (None, "K-100")


def test_a_participant_who_is_here_is_found_by_email_whatever_its_case(here, admin):
    here.register(here.course("BIO"), "kim")
    here.course("ART")
    admin.post("/tools/courses/ART", data={"name": "kim", "email": "KIM@Example.org"})
    assert [one.name for one in here.session.scalars(select(Participant))] == ["Kim"]
    assert count(here, Registration) == 2


def test_a_sign_up_never_becomes_whom_the_office_entered(here, admin, app):
    here.course("ART")
    admin.post("/tools/courses/ART", data={"name": "Kim Lee", "email": "kim@example.org"})
    other = app.test_client()
    sign_in(other, app, "kim@example.org")
    other.post("/courses/ART/register")
    assert count(here, Participant) == 2


def test_several_with_one_email_are_named_and_nobody_is_registered(here, admin):
    bio = here.course("BIO")
    here.register(bio, "kim", key="one", name="Kim Lee")
    here.register(bio, "kim", key="two", name="Kim Berg")
    here.course("ART")
    answer = admin.post("/tools/courses/ART", data={"name": "Kim", "email": "kim@example.org"})
    assert answer.status_code == 422
    assert "2 participants have the email kim@example.org: Kim Lee (signed up), Kim Berg (signed up)." in words(answer)
    assert count(here, Registration) == 2


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"name": ""}, "Enter a name."),
        ({"email": "kim"}, "That is not an email address."),
        ({"email": "kim@example.org\x00"}, "That is not an email address."),
        ({"sis_user_id": "x" * 256}, "Keep the SIS ID to 255"),
        ({"email": "lou@example.org"}, "Lou has the email lou@example.org here, and no other name."),
        ({"name": "Lou", "email": "lou@example.org"}, "Lou is already registered for ART here."),
        ({"name": "Lou", "email": "lou@example.org", "sis_user_id": "L-1"}, "Lou has no SIS ID here."),
    ],
)
def test_what_can_t_be_is_told_and_kept(here, admin, form, sentence):
    here.register(here.course("ART"), "lou")
    answer = admin.post("/tools/courses/ART", data={"name": "Kim Kept", "email": "kim@example.org"} | form)
    assert answer.status_code == 422
    assert sentence in words(answer)
    if "name" not in form:
        assert "Kim Kept" in answer.text
    assert count(here, Registration) == count(here, Participant) == 1


def test_the_office_registers_into_a_closed_course_but_not_above_its_places(here, admin):
    course = here.course("ART", capacity=1, registration_closes_at=here.now - timedelta(days=1))
    assert "has closed. You can still register people here." in words(admin.get("/tools/courses/ART"))
    admin.post("/tools/courses/ART", data={"name": "Ann", "email": "ann@example.org"})
    page = words(
        admin.post("/tools/courses/ART", data={"name": "Bob", "email": "b@example.org"}, follow_redirects=True)
    )
    assert "ART here is full. Bob is number 1 on the waitlist." in page
    here.session.expire_all()
    assert course.places_taken == 1


def test_an_ended_course_takes_nobody_from_the_office_either(here, admin):
    here.course("ART", ends_at=here.now - timedelta(days=1))
    answer = admin.post("/tools/courses/ART", data={"name": "Ann", "email": "ann@example.org"})
    assert answer.status_code == 422
    assert "This course has ended." in words(answer)
    assert count(here, Participant) == 0


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


def test_whoever_waits_for_the_office_is_tried_again_alone(office, admin, canvas):
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


def test_a_pasted_list_goes_in_as_a_whole(office, admin, canvas):
    office.course("ART", "art", capacity=2)
    text = "name,email\nKim Lee <kim@example.org>\nlou@example.org, Lou\nann@example.org, Ann"
    page = words(admin.post("/tools/courses/ART", data={"people": text}, follow_redirects=True))
    assert "2 people are registered for ART here. 1 person is on the waitlist, since all places are taken." in page
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active", "lou@example.org": "active"}


def test_bad_lines_are_named_and_the_good_ones_wait_for_a_yes(here, admin):
    course = here.course("ART")
    here.register(course, "max")
    text = "kim@example.org, Kim\nnobody\n\nmax@example.org\nKIM@example.org\nlou@example.org, Lou"
    answer = admin.post("/tools/courses/ART", data={"people": text})
    page = words(answer)
    assert answer.status_code == 422
    assert "3 lines need another look; nobody is registered yet" in page
    assert answer.text.count("autofocus") == 1
    assert "Line 2, nobody: Enter an email address." in page
    assert "Line 4, max@example.org: Max is already registered for ART here." in page
    assert "Line 5, KIM@example.org: The same email as in line 1." in page
    assert "KIM@example.org\nlou@example.org, Lou" in html.unescape(answer.text)
    assert "Register the 2 good ones" in page
    assert count(here, Participant) == 1
    answer = admin.post("/tools/courses/ART", data={"people": text, "anyway": "1"})
    assert "2 people are registered for ART here." in words(answer)
    assert box(answer) == "nobody\nmax@example.org\nKIM@example.org"
    assert "Line 1, nobody: Enter an email address." in words(answer)
    assert count(here, Registration) == 3


def box(answer) -> str:
    """What stands in the box for a list."""
    return html.unescape(
        re.search(r'<textarea[^>]*name="people"[^>]*>(.*?)</textarea>', answer.text, re.DOTALL)[1]
    ).strip()


def test_another_name_is_shown_and_asked_about(here, admin):
    here.course("ART")
    for who in ("mum", "dad"):
        here.register(here.course(who.upper()), who, name=f"{who.title()} Lee")
    text = "mum@example.org, Mia Lee\ndad@example.org, Don Lee"
    page = words(admin.post("/tools/courses/ART", data={"people": text}))
    assert "Line 1: mum@example.org is Mum Lee here; you typed Mia Lee" in page
    answers = {"is-mum@example.org": "here", "is-dad@example.org": "typed"}
    admin.post("/tools/courses/ART", data={"people": text, **answers})
    assert {one.name for one in all_of(here.app, Participant)} == {"Mum Lee", "Don Lee"}
    assert set(statuses(here).values()) == {"registered"}
    assert count(here, Registration) == 4


def test_a_bare_address_asks_for_the_name_and_never_becomes_one(here, admin):
    here.course("ART")
    here.register(here.course("BIO"), "kim")
    text = "new@example.org\nkim@example.org"
    answer = admin.post("/tools/courses/ART", data={"people": text})
    assert "Line 1: what is the name of new@example.org?" in words(answer)
    assert 'name="name-new@example.org"' in answer.text
    answer = admin.post("/tools/courses/ART", data={"people": text, "anyway": "1", "name-new@example.org": " "})
    assert box(answer) == "new@example.org"
    admin.post("/tools/courses/ART", data={"people": box(answer), "name-new@example.org": "Nora New"})
    assert {one.name for one in all_of(here.app, Participant)} == {"Kim", "Nora New"}
    assert count(here, Registration) == 3


def test_the_columns_name_stays_over_the_lines_that_stay(here, admin):
    here.course("ART")
    text = "Name;Email\nKim Lee;kim@example.org\nLou;nobody\nMax <max@example.org>, ina@example.org"
    answer = admin.post("/tools/courses/ART", data={"people": text, "anyway": "1"})
    assert box(answer) == "Name;Email\nLou;nobody\n<ina@example.org>"
    assert "Line 3: what is the name of ina@example.org?" in words(answer)


def test_a_form_that_was_open_for_hours_still_counts(here, admin, monkeypatch):
    here.app.config["WTF_CSRF_ENABLED"] = True
    here.course("ART")
    token = re.search(r'name="csrf_token" value="([^"]+)"', admin.get("/tools/courses/ART").text)[1]
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 90 * 60)
    data = {"people": "kim@example.org, Kim", "csrf_token": token}
    assert "1 person is registered" in words(admin.post("/tools/courses/ART", data=data, follow_redirects=True))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "Paste at least one email"),
        ("\n".join(f"p{n}@example.org" for n in range(501)), "That is 501 people. Paste at most 500 at a time."),
    ],
)
def test_a_list_that_is_none_or_too_long_is_told(here, admin, text, sentence):
    here.course("ART")
    answer = admin.post("/tools/courses/ART", data={"people": text})
    assert answer.status_code == 422
    assert sentence in words(answer)


def test_a_long_list_fills_the_course_and_then_its_waitlist(office, admin, canvas):
    office.course("ART", "art", capacity=60)
    text = "\n".join(f"p{n}@example.org, P {n}" for n in range(80))
    page = words(admin.post("/tools/courses/ART", data={"people": text}, follow_redirects=True))
    assert "60 people are registered for ART here. 20 people are on the waitlist" in page
    assert len(office.seats()) == 60


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
    told = office.session.scalars(select(LogEntry).where(LogEntry.what == "exported")).one()
    assert (told.who, told.course_id) == ("boss@example.org", course.id)


def test_a_long_export_is_whole(here, admin, monkeypatch):
    monkeypatch.setattr("ascriptica_plugin.web.tools.roster.A_CHUNK", 40)
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
def test_participants_do_none_of_it(here, kim, method, path):
    here.register(here.course("ART"), "lou")
    assert getattr(kim, method)(path, data={"people": "x@example.org"}).status_code == 403
    assert statuses(here) == {"lou@example.org": "registered"}


def test_the_recipients_of_a_mail_are_registered_each_under_their_own_name(here, admin):
    here.course("ART")
    text = (
        '"Alt, Ines" <ines@example.org>, "Berg, Juri" <juri@example.org>\nAnn <ann@example.org>; Bob <bob@example.org>'
    )
    page = words(admin.post("/tools/courses/ART", data={"people": text}, follow_redirects=True))
    assert "4 people are registered for ART here." in page
    assert {(one.name, one.email) for one in here.session.scalars(select(Participant))} == {
        ("Alt, Ines", "ines@example.org"),
        ("Berg, Juri", "juri@example.org"),
        ("Ann", "ann@example.org"),
        ("Bob", "bob@example.org"),
    }


def test_of_a_line_that_is_not_clear_nobody_is_registered_though_the_others_are(here, admin):
    here.course("ART")
    text = "Alt, Ines <ines@example.org>, Berg, Juri <juri@example.org>\nann@example.org, Ann\n"
    page = words(admin.post("/tools/courses/ART", data={"people": text}))
    assert "Line 1, Alt, Ines <ines@example.org>, Berg, Juri <juri@example.org>: It is not clear who is who." in page
    admin.post("/tools/courses/ART", data={"people": text, "anyway": "1"})
    assert statuses(here) == {"ann@example.org": "registered"}


def test_a_known_email_with_another_name_is_asked_about_and_renames_nobody(here, admin):
    here.register(here.course("BIO"), "kim")
    here.course("ART")
    one, several = "Kim has the email kim@example.org here, and no other name. If", "is Kim here; you typed Lou"
    for asked, data in (
        (one, {"name": "Lou", "email": "kim@example.org"}),
        (several, {"people": "Lou <kim@example.org>\nann@example.org, Ann"}),
    ):
        answer = admin.post("/tools/courses/ART", data=data)
        assert answer.status_code == 422
        assert asked in words(answer)
    assert count(here, Registration) == 1
    admin.post("/tools/courses/ART", data={"people": "KIM <kim@example.org>"})
    assert [one.name for one in here.session.scalars(select(Participant))] == ["Kim"]
    assert count(here, Registration) == 2


def test_somebody_known_by_their_email_alone_gets_the_name_that_is_given(here, admin):
    here.register(here.course("ART"), "kim", name="kim@example.org")
    here.course("BIO")
    admin.post("/tools/courses/BIO", data={"people": "Kim Lee <kim@example.org>"})
    assert [one.name for one in here.session.scalars(select(Participant))] == ["Kim Lee"]
    assert count(here, Registration) == 2


def test_somebody_who_was_withdrawn_by_mistake_is_put_back(here, admin):
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
    assert "Kim is on the waitlist: the place is taken meanwhile." in page
