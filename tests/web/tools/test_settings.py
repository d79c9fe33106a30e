"""Tools → Settings → Course Settings, as an administrator meets it."""

import html
import re

import pytest
from sqlalchemy import select

from ascriptica_plugin.tables.canvas import Connection, load_settings

from ...conftest import Office, in_use, make_app, sign_in

PAGE = "/tools/settings/course-settings"


@pytest.fixture
def admin(app, client):
    sign_in(client, app, "boss@example.org", admin=True)
    return client


def typed(canvas, **other) -> dict:
    """What an administrator types to connect to the practice Canvas."""
    return {
        "display_canvas": "y",
        "canvas_url": canvas.api,
        "canvas_token": canvas.token,
        "canvas_root_id": str(canvas.ids["account.root"]),
    } | other


def words(answer) -> str:
    """The text of a page, without tags."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", answer.text)))


def save(client, form, **extra):
    return client.post(PAGE, data={**form, **extra}, follow_redirects=True)


def connections_of(app) -> list[Connection]:
    session = app.extensions["sqlalchemy"].session
    session.expire_all()
    return list(session.scalars(select(Connection).order_by(Connection.id)))


def settings_of(app):
    session = app.extensions["sqlalchemy"].session
    session.expire_all()
    return load_settings(session)


def test_saving_connects_and_tells_whose_token_it_is(app, admin, canvas):
    page = words(save(admin, typed(canvas)))
    assert "Connected to" in page
    assert canvas.token not in page
    [connection] = connections_of(app)
    assert (connection.canvas_url, connection.canvas_root_id) == (canvas.api, canvas.ids["account.root"])
    assert settings_of(app).display_canvas
    assert len(canvas.calls()) <= 3


def test_the_token_is_encrypted_at_rest_and_on_no_page(app, admin, canvas, tmp_path):
    save(admin, typed(canvas))
    stored = (
        app.extensions["sqlalchemy"].session.connection().exec_driver_sql("SELECT token FROM ascriptica_connection")
    )
    assert canvas.token.encode() not in bytes(stored.scalar())
    for path in (PAGE, "/tools/courses", "/tools/canvas", "/"):
        assert canvas.token not in admin.get(path).text


def test_an_empty_token_keeps_the_saved_one(app, admin, canvas):
    save(admin, typed(canvas))
    assert "Connected to" in words(save(admin, typed(canvas, canvas_token="")))


def test_a_token_pasted_beside_a_mistake_is_asked_for_again(app, admin, canvas):
    page = words(save(admin, typed(canvas, canvas_root_id="one")))
    assert "Paste the token again: it is kept only together with an address and a root ID that can be right." in page
    assert "Paste the token again" not in words(save(admin, typed(canvas, canvas_root_id="one", canvas_token="")))
    assert connections_of(app) == []


def test_what_waits_to_be_checked_is_not_told_beside_another_mistake(app, admin, canvas):
    canvas.options(down=True)
    assert "Saved, but not checked yet" in words(save(admin, typed(canvas)))
    page = words(save(admin, typed(canvas, canvas_root_id="one")))
    assert "Saved, but not checked yet" not in page
    assert "Saved, but not checked yet" in words(admin.get(PAGE))


def test_the_saved_token_is_never_sent_to_another_host(app, admin, canvas):
    save(admin, typed(canvas))
    elsewhere = canvas.api.replace("127.0.0.1", "localhost")
    canvas.calls()
    page = words(save(admin, typed(canvas, canvas_token="", canvas_url=elsewhere)))
    assert "paste a token made there" in page
    assert canvas.calls() == []
    [connection] = connections_of(app)
    assert connection.canvas_url == canvas.api


@pytest.mark.parametrize(
    ("address", "is_tidied_to"),
    [
        ("{host}", None),
        ("http://{host}/api/v1/", "http://{host}/api/v1"),
        ("http://{host}/api/v1/api/v1", "http://{host}/api/v1"),
        ("HTTP://{host}/courses/42/users?page=2", "http://{host}/api/v1"),
    ],
)
def test_the_url_is_tidied_and_the_person_is_told(app, admin, canvas, address, is_tidied_to):
    host = canvas.url.removeprefix("http://")
    page = words(save(admin, typed(canvas, canvas_url=address.format(host=host))))
    if is_tidied_to is None:
        assert "could not be reached" in page or "not checked yet" in page
        return
    assert f"became {is_tidied_to.format(host=host)}" in page
    assert connections_of(app)[0].canvas_url == is_tidied_to.format(host=host)


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("canvas_url", "ftp://school.example", "must begin with https://"),
        ("canvas_url", "http://school.example", "with https://"),
        ("canvas_url", "https://ann:pw@school.example", "user name and password out"),
        ("canvas_url", "https://school .example", "a space"),
        ("canvas_url", "", "Enter your Canvas address"),
        ("canvas_root_id", "one", "the number after /accounts/"),
        ("canvas_root_id", "", "the number after /accounts/"),
        ("canvas_token", "two words", "not a Canvas token"),
        ("canvas_token", "", "Paste the token"),
    ],
)
def test_bad_input_is_named_and_what_was_typed_is_kept(app, admin, canvas, field, value, sentence):
    answer = admin.post(PAGE, data=typed(canvas, **{field: value}))
    assert answer.status_code == 422
    assert sentence in words(answer)
    if field != "canvas_token" and value:
        assert html.escape(value) in answer.text
    assert canvas.token not in answer.text
    assert connections_of(app) == []


def test_private_networks_are_refused_unless_allowed(app, admin, canvas):
    app.extensions["ascriptica"].canvases.allow_private = False
    for address in ("https://10.0.0.1", "https://localhost", "https://[::1]/", canvas.api):
        assert "inside a private network" in words(admin.post(PAGE, data=typed(canvas, canvas_url=address)))
    assert canvas.calls() == []


def test_a_wrong_root_id_offers_the_right_one(app, admin, canvas):
    answer = admin.post(PAGE, data=typed(canvas, canvas_root_id="999999"))
    right = str(canvas.ids["account.root"])
    assert f"ID {right}" in words(answer)
    assert connections_of(app) == []
    # The token that was typed is kept meanwhile, so one press of the offer's button is enough.
    again = typed(canvas, canvas_root_id="999999", canvas_token="", use_root_id=right)
    assert "Connected to" in words(save(admin, again))


def test_a_sub_account_is_no_root(app, admin, canvas):
    canvas.seed(accounts={"arts": {"name": "Faculty of Arts"}})
    page = words(admin.post(PAGE, data=typed(canvas, canvas_root_id=str(canvas.ids["account.arts"]))))
    assert "Faculty of Arts" in page
    assert "is a sub-account" in page


def test_a_refused_token_never_replaces_a_working_one(app, admin, canvas):
    save(admin, typed(canvas))
    page = words(admin.post(PAGE, data=typed(canvas, canvas_token="wrong~token")))
    assert "does not accept this token" in page
    office = Office(app, canvas)
    office.register(office.course("ART", "art"))
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}


def test_each_missing_permission_is_named_with_what_it_breaks(app, admin, canvas):
    canvas.options(permissions={"without": ["manage_user_logins", "manage_sis"]})
    page = words(save(admin, typed(canvas)))
    assert "manage_user_logins" in page
    assert "participants without a Canvas account will wait" in page
    assert "manage_sis" in page
    assert "add_student_to_course" not in page


def test_older_canvas_has_one_permission_for_enrolling_and_removing(app, admin, canvas):
    canvas.options(permissions=["manage_students", "read_roster", "view_user_logins", "manage_user_logins"])
    page = words(save(admin, typed(canvas)))
    assert "add_student_to_course" not in page
    assert "remove_student_from_course" not in page


def test_with_canvas_away_what_was_typed_is_saved_and_checked_later_by_itself(app, admin, canvas):
    canvas.options(down=True)
    page = words(save(admin, typed(canvas)))
    assert "not checked yet" in page
    assert connections_of(app) == []
    assert "could not be reached" in page or "did not answer" in page
    office = Office(app, canvas)
    assert office.status()["connection"] == "holding"

    # Meanwhile the office goes on: a course is associated, somebody registers.
    admin.post("/tools/courses/new", data={"code": "ART", "title": "Art", "canvas_course": "sis_course_id:ART-1"})
    admin.post("/courses/ART/register")

    canvas.options(down=False)
    office.later(minutes=1)
    office.deliver()
    assert office.status()["connection"] == "ok"
    assert office.status()["seats"]["enrolled"] == 1
    assert "boss@example.org" in canvas.roster("art")


def test_a_draft_that_turns_out_wrong_says_so_and_changes_nothing(app, admin, canvas):
    save(admin, typed(canvas))
    canvas.options(down=True)
    save(admin, typed(canvas, canvas_token="wrong~token"))
    canvas.options(down=False)
    office = Office(app, canvas)
    office.later(minutes=1)
    office.deliver()
    assert "does not accept this token" in words(admin.get(PAGE))
    office.register(office.course("ART", "art"))
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}
    admin.post(PAGE, data={"discard": "1"})
    assert "does not accept this token" not in words(admin.get(PAGE))


def test_another_canvas_is_confirmed_first_and_becomes_a_new_connection(app, admin, canvas):
    save(admin, typed(canvas))
    office = Office(app, canvas)
    office.register(course := office.course("ART", "art"))
    office.deliver()
    elsewhere = canvas.api.replace("127.0.0.1", "localhost")
    form = typed(canvas, canvas_url=elsewhere)
    assert "confirm" in admin.post(PAGE, data=form).text
    assert len(connections_of(app)) == 1
    confirmed = form | {"canvas_token": "", "confirm": f"{elsewhere} {canvas.ids['account.root']}"}
    assert "Connected to" in words(save(admin, confirmed))
    assert [connection.canvas_url for connection in connections_of(app)] == [canvas.api, elsewhere]
    # Nothing of the old connection is acted on, and the association is to be made again.
    office.withdraw(course)
    canvas.calls()
    assert office.deliver() == []
    assert canvas.roster("art") == {"kim@example.org": "active"}


def test_switched_off_what_was_saved_stays(app, admin, canvas):
    save(admin, typed(canvas))
    page = save(admin, {"canvas_url": "", "canvas_root_id": ""})
    assert "switched off" in words(page)
    assert not settings_of(app).display_canvas
    assert settings_of(app).connection.canvas_url == canvas.api
    assert "Canvas" not in words(admin.get("/tools/courses/new")).replace("Canvas access", "")
    assert "Connected to" in words(save(admin, typed(canvas, canvas_token="")))


def test_only_administrators_see_it(app, client):
    assert client.get(PAGE).status_code == 302
    sign_in(client, app, "pat@example.org")
    assert client.get(PAGE).status_code == 403
    assert client.post(PAGE, data={}).status_code == 403


def test_a_change_without_csrf_token_is_refused(database_url, canvas):
    with in_use(make_app(database_url, WTF_CSRF_ENABLED=True)) as app:
        for path in (PAGE, "/sign-in", "/sign-out", "/courses/ART/register"):
            assert app.test_client().post(path, data={}).status_code == 400
