"""The pages of participants and administrators, apart from Course Settings, and the sign-in."""

import html
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event, inspect, select

from ascriptica_plugin import allowances, clock
from ascriptica_plugin.tables.office import Association, Course, LogEntry, Participant, Registration
from ascriptica_plugin.web.registering import CHANGES

from ..conftest import PASSWORD, Office, in_use, make_app, sign_in


def words(answer) -> str:
    """The text of a page, without tags."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", answer.text)))


@pytest.fixture
def admin(app, client):
    sign_in(client, app, "boss@example.org", admin=True)
    return client


@pytest.fixture
def kim(app, client):
    sign_in(client, app, "kim@example.org")
    return client


def all_of(app, model):
    session = app.extensions["sqlalchemy"].session
    session.expire_all()
    return list(session.scalars(select(model).order_by(*inspect(model).primary_key)))


# -- participants -----------------------------------------------------------------------------------------------------


def test_from_the_catalogue_into_canvas_and_out_again(office, kim, canvas):
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


def test_the_catalogue_tells_the_places_in_the_words_of_the_course(app, client):
    office = Office(app, None)
    office.course("ANY")
    art = office.course("ART", capacity=3)
    office.register(art, "lou")
    for who, places in (("", "2 places left"), ("kim", "1 place left"), ("max", "Full")):
        if who:
            office.register(art, who)
        assert f"Open to everyone ART ART here {places}" in words(client.get("/"))
        assert f"Places {places}" in words(client.get("/courses/ART"))


@pytest.mark.parametrize(
    ("course", "path", "sentence"),
    [
        ({"capacity": 0}, "/courses/ART/register", "ART here is full."),
        ({"registration_closes_at": -1}, "/courses/ART/register", "has closed"),
        ({"registration_opens_at": 1}, "/courses/ART/register", "not opened yet"),
        ({}, "/courses/ART/withdraw", "You are not registered for ART here."),
    ],
)
def test_what_is_not_possible_is_a_sentence(app, kim, course, path, sentence):
    now = datetime.now(UTC)
    columns = {name: now + timedelta(days=value) if name.endswith("_at") else value for name, value in course.items()}
    Office(app, None).course("ART", **columns)
    answer = kim.post(path, follow_redirects=True)
    assert answer.status_code == 200
    assert sentence in words(answer)
    assert all_of(app, Registration) == []


def test_registering_twice_is_a_sentence(app, kim):
    Office(app, None).course("ART")
    kim.post("/courses/ART/register")
    assert "already registered" in words(kim.post("/courses/ART/register", follow_redirects=True))


def test_changes_without_end_are_stopped_and_nobody_else_s(app, kim, client, monkeypatch):
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


def test_nobody_signed_in_is_asked_to_sign_in_and_comes_back(app, client):
    Office(app, None).course("ART")
    assert client.get("/courses/ART").status_code == 200
    answer = client.get("/my/courses")
    assert answer.status_code == 302
    assert answer.location == "/sign-in?next=/my/courses"
    assert client.post("/courses/ART/register").location == "/sign-in"
    for before, location in (
        ("http://localhost/courses/ART?a=b", "/sign-in?next=/courses/ART?a%3Db"),
        ("http://localhost.evil.example/courses/ART", "/sign-in"),
        ("https://evil.example/courses/ART", "/sign-in"),
        *((f"http://localhost{path}", "/sign-in") for path in ELSEWHERE),
    ):
        assert client.post("/courses/ART/register", headers={"Referer": before}).location == location


ELSEWHERE = ("//evil.example", "//evil.example/courses/ART", "/\\evil.example", "/a\\b", "/\t/evil.example")
"""What a browser takes for another site's address, or may."""


@pytest.mark.parametrize("path", ELSEWHERE)
def test_the_error_page_leads_to_no_other_site(app, client, path):
    sign_in(client, app, "kim@example.org")
    page = client.post("/tools/courses/new", headers={"Referer": f"http://localhost{path}"})
    assert page.status_code == 403
    assert "Open the page again" not in page.text
    assert "evil.example" not in page.text
    there = client.post("/tools/courses/new", headers={"Referer": "http://localhost/tools/courses"})
    assert 'href="/tools/courses">Open the page again' in there.text


def test_participants_see_when_the_office_has_to_act(office, kim, canvas):
    course = office.course("ART", "art")
    canvas.admin.delete(f"{canvas.api}/courses/{canvas.ids['course.art']}", data={"event": "delete"}, timeout=10)
    kim.post("/courses/ART/register")
    office.deliver()
    assert "Your place is safe. The office has to sort something out" in words(kim.get("/courses/ART"))
    assert course.places_taken == 1


def test_participants_see_when_canvas_is_away(office, kim, canvas):
    office.course("ART", "art")
    canvas.options(down=True)
    kim.post("/courses/ART/register")
    office.deliver()
    assert "Canvas is not answering at the moment" in words(kim.get("/courses/ART"))


def test_an_unpublished_course_is_told(office, kim, canvas):
    where = f"{canvas.api}/courses/{canvas.ids['course.art']}"
    canvas.admin.put(where, data={"course[event]": "claim"}, timeout=10)
    course = office.course("ART", "art")
    course.association.published = False
    office.session.commit()
    kim.post("/courses/ART/register")
    office.deliver()
    assert "you can enter as soon as the teacher publishes it" in words(kim.get("/courses/ART"))


def test_with_canvas_switched_off_nothing_of_it_is_shown(app, kim):
    Office(app, None).course("ART")
    kim.post("/courses/ART/register")
    for path in ("/", "/courses/ART", "/my/courses"):
        assert "Canvas" not in words(kim.get(path))


def test_a_course_that_is_not_there_is_a_page(kim):
    answer = kim.get("/courses/NOPE")
    assert answer.status_code == 404
    assert "Traceback" not in answer.text
    assert "<h1" in answer.text


def test_texts_of_people_are_shown_as_text(app, kim):
    Office(app, None).course("ART", description="<script>alert(1)</script>")
    assert "<script>alert" not in kim.get("/courses/ART").text


# -- administrators ---------------------------------------------------------------------------------------------------


def new_course(**fields) -> dict:
    return {"code": "ART", "title": "Art for all", "canvas_course": "", "canvas_section": ""} | fields


@pytest.mark.parametrize("how", ["id", "address", "sis"])
def test_an_association_is_looked_up_at_once(office, admin, app, canvas, how):
    number = canvas.ids["course.art"]
    typed = {"id": number, "address": f"{canvas.url}/courses/{number}/modules", "sis": "sis_course_id:ART-1"}[how]
    page = words(admin.post("/tools/courses/new", data=new_course(canvas_course=typed), follow_redirects=True))
    [association] = all_of(app, Association)
    assert (association.canvas_course_id, association.canvas_course_name) == (number, "Art")
    assert "Art for all is saved." in page
    assert "ublished" in page


@pytest.mark.parametrize(("event", "words_of_it"), [("claim", "not published"), ("conclude", "concluded")])
def test_the_state_of_the_canvas_course_is_told(office, admin, canvas, event, words_of_it):
    where = f"{canvas.api}/courses/{canvas.ids['course.art']}"
    canvas.admin.put(where, data={"course[event]": event}, timeout=10)
    form = new_course(canvas_course=str(canvas.ids["course.art"]))
    assert words_of_it in words(admin.post("/tools/courses/new", data=form, follow_redirects=True))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"canvas_course": "99999999"}, "Canvas has no course 99999999"),
        ({"canvas_course": "https://other.example/courses/4"}, "is on other.example"),
        ({"canvas_course": "art"}, "the number after /courses/"),
        ({"canvas_course": "ID", "canvas_section": "99999999"}, "has no section 99999999"),
        ({"canvas_section": "3"}, "Name the Canvas course"),
        ({"code": ""}, "Give the course a code"),
        ({"code": "a b"}, "letters, digits"),
        ({"title": ""}, "Give the course a title"),
        ({"capacity": "-1"}, "how many people fit"),
        ({"capacity": "many"}, "whole number"),
        ({"starts_at": "soon"}, "Enter a date and a time"),
        ({"starts_at": "2027-03-02T10:00", "ends_at": "2027-03-01T10:00"}, "can't end before it starts"),
    ],
)
def test_a_bad_course_is_named_and_kept(office, admin, app, canvas, fields, sentence):
    fields = {name: value.replace("ID", str(canvas.ids["course.art"])) for name, value in fields.items()}
    answer = admin.post("/tools/courses/new", data=new_course(title="Kept title") | fields)
    assert answer.status_code == 422
    assert sentence in words(answer)
    if "title" not in fields:
        assert "Kept title" in answer.text
    assert all_of(app, Course) == []


def test_a_code_is_unique_whatever_its_case(office, admin):
    admin.post("/tools/courses/new", data=new_course())
    answer = admin.post("/tools/courses/new", data=new_course(code="art"))
    assert answer.status_code == 422
    assert "There is a course art already" in words(answer)


def test_a_course_never_has_fewer_places_than_people(office, admin, app):
    office.register(office.course("ART", capacity=3))
    office.register(all_of(app, Course)[0], "lou")
    answer = admin.post("/tools/courses/ART/edit", data=new_course(capacity="1"))
    assert answer.status_code == 422
    assert "More people than that are registered" in words(answer)


def test_with_canvas_away_an_association_is_saved_and_looked_up_later(office, admin, app, canvas):
    canvas.options(down=True)
    page = words(
        admin.post("/tools/courses/new", data=new_course(canvas_course="sis_course_id:ART-1"), follow_redirects=True)
    )
    assert "could not be looked up in Canvas yet" in page
    office.register(all_of(app, Course)[0])
    canvas.options(down=False)
    office.later(minutes=2)
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}


def test_an_association_that_canvas_does_not_know_says_so_once_it_was_looked_up(office, admin, canvas):
    canvas.options(down=True)
    admin.post("/tools/courses/new", data=new_course(canvas_course="sis_course_id:NOPE"))
    canvas.options(down=False)
    office.later(minutes=2)
    office.deliver()
    assert "Canvas has no course sis_course_id:NOPE" in words(admin.get("/tools/courses/ART"))


def test_changing_the_association_moves_everybody(office, admin, canvas):
    office.register(office.course("ART", "art"))
    office.deliver()
    admin.post("/tools/courses/ART/edit", data=new_course(canvas_course=str(canvas.ids["course.bio"])))
    office.deliver()
    assert canvas.roster("bio") == {"kim@example.org": "active"}
    assert canvas.roster("art") == {"kim@example.org": "deleted"}


def test_saving_a_course_unchanged_asks_canvas_for_nothing_more(office, admin, canvas):
    office.register(office.course("ART", "art"))
    office.deliver()
    admin.post("/tools/courses/ART/edit", data=new_course(canvas_course=str(canvas.ids["course.art"])))
    canvas.calls()
    assert office.deliver() == []


def test_times_are_on_the_office_s_clock(database_url, canvas):
    with in_use(make_app(database_url, ASCRIPTICA_TIMEZONE="America/Denver")) as app:
        client = app.test_client()
        sign_in(client, app, "boss@example.org", admin=True)
        client.post("/tools/courses/new", data=new_course(starts_at="2027-07-01T09:00"))
        [course] = all_of(app, Course)
        assert course.starts_at == datetime(2027, 7, 1, 9, tzinfo=ZoneInfo("America/Denver"))
        form = client.get("/tools/courses/ART/edit")
        assert "2027-07-01T09:00" in form.text
        assert "Times are on the office's clock: America/Denver." in words(form)
        page = words(client.get("/courses/ART"))
        assert "Thu 01 Jul 2027, 09:00" in page
        assert "Time zone: America/Denver" in page


def test_every_page_tells_the_time_zone(client):
    assert "Time zone: UTC" in words(client.get("/"))
    assert "Time zone: UTC" in words(client.get("/courses/NOPE"))


def test_what_waits_is_grouped_by_cause_and_tried_again_by_a_button(office, admin, canvas):
    course = office.course("ART", "art")
    canvas.options(permissions={"without": ["add_student_to_course", "manage_students"]})
    for who in ("kim", "lou"):
        office.register(course, who)
    office.deliver()
    page = words(admin.get("/tools/canvas"))
    assert "The token's owner may not do this in Canvas" in page
    assert "needs the permission “Users - Students”, add." in page
    assert "Kim" in page
    canvas.options(permissions=None)
    group = {"cause": "permission_missing", "scope": "add_student_to_course"}
    assert "Trying again for 2 people." in words(
        admin.post("/tools/canvas/try-again", data=group, follow_redirects=True)
    )
    office.deliver()
    assert office.status()["seats"]["enrolled"] == 2


@pytest.mark.parametrize("path", ["/tools/courses", "/tools/courses/new", "/tools/courses/ART", "/tools/canvas"])
def test_participants_see_no_tools(app, kim, path):
    Office(app, None).course("ART")
    assert kim.get(path).status_code == 403


def test_every_view_says_whom_it_is_for(app):
    unguarded = [
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("ascriptica.")
        and not rule.endpoint.endswith(".static")
        and not hasattr(app.view_functions[rule.endpoint], "guard")
    ]
    assert unguarded == []


# -- sign-in ----------------------------------------------------------------------------------------------------------


def test_unknown_and_wrong_get_the_same_answer(app, client):
    sign_in(client, app, "kim@example.org")
    client.post("/sign-out", follow_redirects=True)
    answers = [
        words(client.post("/sign-in", data={"email": email, "password": "wrong password"}))
        for email in ("kim@example.org", "who@example.org")
    ]
    assert answers[0].replace("kim@", "who@") == answers[1]
    assert "don't go together" in answers[0]


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:x", "\t//e"]
)
def test_signing_in_leads_to_no_other_site(app, client, target):
    sign_in(client, app, "kim@example.org")
    answer = client.post(
        "/sign-in", query_string={"next": target}, data={"email": "kim@example.org", "password": PASSWORD}
    )
    assert answer.location == "/"


def test_signed_out_is_signed_out(app, kim):
    kim.post("/sign-out")
    assert kim.get("/my/courses").status_code == 302


def test_the_operator_makes_an_administrator(app, client):
    result = app.test_cli_runner().invoke(
        args=["ascriptica", "create-user", "boss@example.org", "--name", "Boss", "--admin"],
        env={"ASCRIPTICA_PASSWORD": PASSWORD},
    )
    assert result.exit_code == 0, result.output
    client.post("/sign-in", data={"email": "boss@example.org", "password": PASSWORD})
    assert client.get("/tools/courses").status_code == 200
    # Colleagues find them, to help with what they have lost.
    assert "boss@example.org" in words(client.get("/tools/participants?q=boss"))
    for email in ("boss", "a b@example.org", f"{'a' * 100}@example.org"):
        wrong = app.test_cli_runner().invoke(
            args=["ascriptica", "create-user", email, "--name", "Boss"], env={"ASCRIPTICA_PASSWORD": PASSWORD}
        )
        assert (wrong.exit_code, "is not an email address" in wrong.output) == (1, True)
    again = app.test_cli_runner().invoke(
        args=["ascriptica", "create-user", "boss@example.org", "--name", "Boss"], env={"ASCRIPTICA_PASSWORD": PASSWORD}
    )
    assert again.exit_code == 1
    assert "already" in again.output


# -- the process ------------------------------------------------------------------------------------------------------


def test_health_is_told(client):
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"ok": True})


def test_a_command_without_its_tables_says_what_to_run(tmp_path):
    with in_use(make_app(f"sqlite:///{tmp_path}/nothing.sqlite3")) as app:
        result = app.test_cli_runner().invoke(args=["ascriptica", "status"])
    assert result.exit_code == 1
    assert result.output.startswith("Error: The database can't be used: no such table")
    assert result.output.endswith("run: flask ascriptica upgrade\n")


def test_without_its_tables_a_process_is_not_healthy(tmp_path):
    with in_use(make_app(f"sqlite:///{tmp_path}/nothing.sqlite3")) as app:
        answer = app.test_client().get("/healthz")
    assert answer.status_code == 503
    assert answer.json["ok"] is False


@pytest.mark.parametrize("url", ["sqlite:////nowhere/office.sqlite3", "postgresql+psycopg://127.0.0.1:1/office"])
def test_without_its_database_a_page_says_so_and_when_to_come_back(url):
    with in_use(make_app(url)) as app:
        answer = app.test_client().get("/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert "We can't reach our records at the moment" in words(answer)


def test_on_a_full_disk_nobody_is_half_registered(sqlite_url):
    with in_use(make_app(sqlite_url)) as app:
        session, kim = app.extensions["sqlalchemy"].session, app.test_client()
        sign_in(kim, app, "kim@example.org")
        session.add(Course(code="ART", title="Art"))
        session.commit()
        kim.get("/courses/ART")
        # Not a page more than the file has.
        engine, pages = app.extensions["sqlalchemy"].engine, "PRAGMA max_page_count = {}"
        fill, free = (lambda to, _, most=most: to.execute(pages.format(most)) for most in (1, 2**30))
        session.remove()
        engine.dispose()
        event.listen(engine, "connect", fill)
        tried = ((verb, kim.post(f"/courses/ART/{verb}")) for _ in range(40) for verb in ("register", "withdraw"))
        verb, refused = next((verb, answer) for verb, answer in tried if answer.status_code != 302)
        assert refused.status_code == 503
        assert "look whether your last step is there" in words(refused)
        event.remove(engine, "connect", fill)
        event.listen(engine, "connect", free)
        engine.dispose()
        [course] = all_of(app, Course)
        assert course.places_taken == (verb == "withdraw")
        assert kim.post(f"/courses/ART/{verb}").status_code == 302
        [course] = all_of(app, Course)
        assert course.places_taken == (verb == "register")


def test_under_a_prefix_everything_moves(database_url, canvas):
    with in_use(make_app(database_url, ASCRIPTICA_URL_PREFIX="/registration")) as app:
        client = app.test_client()
        assert client.get("/registration/").status_code == 200
        assert client.get("/registration/sign-in").status_code == 200
        assert client.get("/registration/healthz").status_code == 200
        assert client.get("/sign-in").status_code == 404


# -- odd requests -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_code_that_no_course_can_have_is_not_found(kim, method):
    assert getattr(kim, method)("/courses/a%00b" + ("/register" if method == "post" else "")).status_code == 404


def test_odd_texts_are_sentences(app, client):
    answer = client.post("/sign-in", data={"email": "a\x00@example.org", "password": PASSWORD})
    assert answer.status_code == 422
    sign_in(client, app, "boss@example.org", admin=True)
    odd = {"cause": "x\x00", "scope": "\x00"}
    assert client.post("/tools/canvas/try-again", data=odd).status_code == 302
    assert client.get("/nope", headers={"Referer": "http://["}).status_code == 404
    assert client.get("/tools/canvas?page=99999999999999999999&search=%00&standing=x").status_code == 200
    host = ".".join(["a" * 60] * 4) + ".example"
    form = {"display_canvas": "y", "canvas_url": f"https://{host}", "canvas_token": "a~b", "canvas_root_id": "1"}
    assert client.post("/tools/settings/course-settings", data=form).status_code in (302, 422)


def test_an_odd_next_page_is_the_catalogue(app, client):
    sign_in(client, app, "kim@example.org")
    answer = client.post("/sign-in?next=//[x", data={"email": "kim@example.org", "password": PASSWORD})
    assert answer.location == "/"


def test_a_name_too_long_for_us_is_cut(app):
    office = Office(app, None)
    office.register(office.course("ART"), "kim", name="n" * 300 + "\x00", sis_user_id="s" * 300)
    assert len(all_of(app, Participant)[0].name) == 255


def test_a_course_of_the_canvas_used_before_is_left_alone_by_an_edit(office, admin, app, canvas):
    course = office.course("ART", "art")
    office.register(course)
    office.deliver()
    form = {
        "display_canvas": "y",
        "canvas_url": canvas.api.replace("127.0.0.1", "localhost"),
        "canvas_token": canvas.token,
        "canvas_root_id": str(canvas.ids["account.root"]),
    }
    form["confirm"] = f"{form['canvas_url']} {form['canvas_root_id']}"
    admin.post("/tools/settings/course-settings", data=form)
    page = admin.get("/tools/courses/ART/edit").text
    assert str(canvas.ids["course.art"]) not in page
    admin.post("/tools/courses/ART/edit", data=new_course(title="A better title", canvas_shown=""))
    assert [(row.connection_id, row.canvas_course_id) for row in all_of(app, Association)] == [
        (1, canvas.ids["course.art"])
    ]


def test_an_edit_does_not_undo_what_a_colleague_did_meanwhile(office, admin, app, canvas):
    course = office.course("ART")
    office.register(course)
    office.associate(course, "art")
    office.deliver()
    # The form was opened before the colleague associated the course.
    admin.post("/tools/courses/ART/edit", data=new_course(canvas_shown=""))
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}
    bio = str(canvas.ids["course.bio"])
    answer = admin.post("/tools/courses/ART/edit", data=new_course(canvas_course=bio, canvas_shown=""))
    assert answer.status_code == 422
    assert "A colleague has changed this meanwhile" in words(answer)


def test_another_association_made_while_canvas_is_away_takes_nobody_to_the_old_course(office, admin, app, canvas):
    office.associate(office.course("ART"), "art")
    canvas.options(down=True)
    bio = str(canvas.ids["course.bio"])
    admin.post("/tools/courses/ART/edit", data=new_course(canvas_course=bio))
    office.register(all_of(app, Course)[0])
    canvas.options(down=False)
    office.later(minutes=2)
    office.deliver()
    assert canvas.roster("art") == {}
    assert canvas.roster("bio") == {"kim@example.org": "active"}
