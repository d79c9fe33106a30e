"""Tools → Settings → Course Settings, as an administrator meets it."""

import html
import re
from datetime import timedelta

import pytest

from ascriptica_plugin.shared import clock
from ascriptica_plugin.tables.canvas import load_settings
from ascriptica_plugin.tables.office import LogEntry

from ...office_at_work import connection_of, in_use, make_app, policy, sign_in
from ...pages import COURSE_SETTINGS, all_of, connections_of, save, typed, words
from ...servers import reply


def settings_of(app):
    session = app.extensions["sqlalchemy"].session
    session.expire_all()
    return load_settings(session)


def test_saving_connects_and_shows_whose_token_it_is(app, admin, canvas):
    page = words(save(admin, typed(canvas)))
    assert "Connected to" in page
    assert canvas.token not in page
    [connection] = connections_of(app)
    assert (connection.canvas_url, connection.canvas_root_id) == (canvas.api, canvas.ids["account.root"])
    assert settings_of(app).display_canvas
    assert len(canvas.calls()) <= 5


@pytest.mark.parametrize(
    ("days", "warning"), [(13.5, "ends in 13 days"), (1.5, "ends in 1 day "), (0.5, "ends within a day")]
)
def test_the_token_s_end_is_shown_and_warned_of(app, admin, canvas, days, warning):
    save(admin, typed(canvas))
    [connection] = connections_of(app)
    connection.token_expires_at, connection.token_end_known = clock.utc_now() + timedelta(days=days), True
    app.extensions["sqlalchemy"].session.commit()
    assert warning in words(admin.get(COURSE_SETTINGS))


def test_a_token_without_an_end_and_one_whose_end_is_unknown(app, admin, canvas):
    save(admin, typed(canvas))
    for known, words_of_it in ((True, "Token ends Never"), (False, "Token ends Not known")):
        [connection] = connections_of(app)
        connection.token_expires_at, connection.token_end_known = None, known
        app.extensions["sqlalchemy"].session.commit()
        page = words(admin.get(COURSE_SETTINGS))
        assert words_of_it in page
        assert "The token ends" not in page


def test_the_token_is_encrypted_at_rest_and_on_no_page(app, admin, canvas, tmp_path):
    save(admin, typed(canvas))
    stored = (
        app.extensions["sqlalchemy"].session.connection().exec_driver_sql("SELECT token FROM ascriptica_connection")
    )
    assert canvas.token.encode() not in bytes(stored.scalar())
    for path in (COURSE_SETTINGS, "/tools/courses", "/tools/canvas", "/"):
        assert canvas.token not in admin.get(path).text


def test_an_empty_token_keeps_the_saved_one(app, admin, canvas):
    save(admin, typed(canvas))
    assert "Connected to" in words(save(admin, typed(canvas, canvas_token="")))


KEPT = "leave this blank to keep it"
AGAIN = "Paste the token again: it is only kept together with a valid address."


def test_a_token_pasted_beside_a_mistyped_root_id_is_kept_for_its_address(app, admin, canvas):
    page = words(save(admin, typed(canvas, canvas_root_id="one")))
    assert KEPT in page
    assert "Paste the token" not in page
    assert connections_of(app) == []
    assert "Connected to" in words(save(admin, typed(canvas, canvas_token="")))


def test_a_token_pasted_beside_no_address_is_asked_for_again(app, admin, canvas):
    save(admin, typed(canvas))
    assert KEPT in words(admin.get(COURSE_SETTINGS))
    page = words(save(admin, typed(canvas, canvas_url="ftp://school.example")))
    assert AGAIN in page
    assert KEPT not in page
    assert settings_of(app).draft_token is None


@pytest.mark.parametrize("other", [{}, {"canvas_url": ""}, {"canvas_root_id": ""}])
def test_a_text_that_is_no_token_gets_one_sentence(admin, canvas, other):
    page = words(save(admin, typed(canvas, canvas_token="two words", **other)))
    assert "That is not a Canvas token." in page
    assert "Paste the token" not in page


def test_a_mistyped_address_is_reported_and_its_token_goes_nowhere_else(app, admin, canvas):
    nobody = canvas.url.rpartition(":")[0] + ":9"
    page = words(save(admin, typed(canvas, canvas_url=nobody)))
    assert "127.0.0.1:9 could not be reached. Look for a typing error in the address. If the address is right," in page
    assert "If you correct the address, paste the token again" in page
    canvas.calls()
    page = words(save(admin, typed(canvas, canvas_token="")))
    assert f"Paste the token again: you pasted it for {nobody}, and a token is sent nowhere else." in page
    assert "make a new one in Canvas" in page
    # Whether a Canvas is there was asked without the token.
    assert [call["status"] for call in canvas.read("calls")["calls"]] == [401]
    assert connections_of(app) == []
    assert "Connected to" in words(save(admin, typed(canvas)))


def test_a_refused_certificate_has_a_sentence_of_its_own(admin, canvas, raw, tls):
    page = words(save(admin, typed(canvas, canvas_url=raw(reply(), context=tls).origin)))
    assert "(its certificate was not accepted). Look for a typing error in the address, since a certificate is" in page


def test_a_mistyped_address_is_reported_as_such_while_a_canvas_is_connected(admin, canvas):
    save(admin, typed(canvas))
    for address, sentence in (
        ("http://127.0.0.1:9", "127.0.0.1:9 could not be reached. Look for a typing error in the address."),
        (canvas.url.replace("127.0.0.1", "localhost"), "This is another Canvas: paste a token made there."),
    ):
        answer = admin.post(COURSE_SETTINGS, data=typed(canvas, canvas_url=address, canvas_token=""))
        of = "canvas_token" if "another" in sentence else "canvas_url"
        assert re.findall(r'<li><a href="#(\w+)"', answer.text) == [of]
        assert sentence in words(answer)


def test_the_notice_about_an_unchecked_draft_is_not_shown_beside_a_mistake(app, admin, canvas):
    canvas.options(down=True)
    assert "Saved, but not checked yet" in words(save(admin, typed(canvas)))
    page = words(save(admin, typed(canvas, canvas_root_id="one")))
    assert "Saved, but not checked yet" not in page
    assert "Saved, but not checked yet" in words(admin.get(COURSE_SETTINGS))


@pytest.mark.parametrize(
    ("address", "is_tidied_to"),
    [
        ("{host}", None),
        ("http://{host}/api/v1/", "http://{host}/api/v1"),
        ("http://{host}/api/v1/api/v1", "http://{host}/api/v1"),
        ("HTTP://{host}/courses/42/users?page=2", "http://{host}/api/v1"),
    ],
)
def test_the_page_says_that_it_has_tidied_the_url(app, admin, canvas, address, is_tidied_to):
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
        ("canvas_url", "https://ann:pw@school.example", "user name and password from"),
        ("canvas_url", "https://school .example", "a space"),
        ("canvas_url", "", "Enter your Canvas address"),
        ("canvas_root_id", "one", "the number after /accounts/"),
        ("canvas_root_id", "", "the number after /accounts/"),
        ("canvas_token", "two words", "not a Canvas token"),
        ("canvas_token", "", "Paste the token"),
    ],
)
def test_a_mistake_in_course_settings_is_named_and_the_form_kept(app, admin, canvas, field, value, sentence):
    answer = admin.post(COURSE_SETTINGS, data=typed(canvas, **{field: value}))
    assert answer.status_code == 422
    assert sentence in words(answer)
    if field != "canvas_token" and value:
        assert html.escape(value) in answer.text
    assert canvas.token not in answer.text
    assert connections_of(app) == []


@pytest.mark.parametrize("key", ["token", "developer_key"])
def test_an_empty_form_lists_its_mistakes_in_the_order_of_the_page(here, admin, key):
    blank = {"canvas_url": "", "canvas_token": "", "canvas_root_id": "", "canvas_client_id": "", "sign_in": "x"}
    page = admin.post(COURSE_SETTINGS, data={"display_canvas": "y", "canvas_key": key, **blank}).text
    listed = re.findall(r'<li><a href="#(\w+)"', page)
    of_the_key = ["canvas_token", "canvas_root_id"] if key == "token" else ["canvas_client_id", "canvas_root_id"]
    assert listed == ["canvas_url", *of_the_key, "sign_in"]
    assert listed == sorted(listed, key=lambda name: page.index(f'id="{name}"'))


def test_saved_settings_are_kept_while_canvas_is_switched_off(app, admin, canvas):
    save(admin, typed(canvas))
    page = save(admin, {"canvas_url": "", "canvas_root_id": ""})
    assert "switched off" in words(page)
    assert not settings_of(app).display_canvas
    assert settings_of(app).connection.canvas_url == canvas.api
    assert "Canvas" not in words(admin.get("/tools/courses/new")).replace("Canvas access", "")
    assert "Connected to" in words(save(admin, typed(canvas, canvas_token="")))


def test_only_administrators_see_course_settings(app, client):
    assert client.get(COURSE_SETTINGS).status_code == 302
    sign_in(client, app, "pat@example.org")
    assert client.get(COURSE_SETTINGS).status_code == 403
    assert client.post(COURSE_SETTINGS, data={}).status_code == 403


def test_a_change_without_csrf_token_is_refused(database_url, canvas):
    with in_use(make_app(database_url, WTF_CSRF_ENABLED=True)) as app:
        for path in (COURSE_SETTINGS, "/sign-in", "/sign-out", "/courses/ART/register"):
            assert app.test_client().post(path, data={}).status_code == 400


def test_a_form_without_the_policies_leaves_the_policies_as_they_are(office, admin, canvas):
    policy(office, create_users=False, on_withdrawal="conclude")
    form = {"display_canvas": "y", "canvas_url": canvas.api, "canvas_root_id": str(canvas.ids["account.root"])}
    admin.post("/tools/settings/course-settings", data=form)
    office.session.expire_all()
    settings = load_settings(office.session)
    assert (settings.create_users, settings.on_withdrawal) == (False, "conclude")


def test_sis_imports_are_off_until_the_office_chooses_them_and_the_page_explains_them(office, admin, canvas):
    page = words(save(admin, typed(canvas)))
    assert not load_settings(office.session).mass_by_sis
    assert "When 500 people or more are due, one file" in page
    assert "where their imports run in batch mode, Canvas can remove enrollments that our import has touched" in page
    save(admin, typed(canvas), mass_by_sis="y")
    office.session.expire_all()
    assert load_settings(office.session).mass_by_sis
    assert "many people at once: one by one → by SIS import" in words(admin.get("/tools/log"))


def test_the_office_chooses_how_people_new_to_canvas_get_in(office, admin, canvas):
    chosen = '<option selected value="{}">'
    # The default: without mails of ours Canvas mails the link.
    page = save(admin, typed(canvas))
    assert chosen.format("canvas_mail") in page.text
    assert load_settings(office.session).way_in is None
    assert "Mails are not set up on this server." in words(save(admin, typed(canvas), way_in="our_mail"))
    page = save(admin, typed(canvas), way_in="sso", sign_in="12")
    assert chosen.format("sso") in page.text
    assert chosen.format("12") + "Google</option>" in page.text
    office.session.expire_all()
    assert (load_settings(office.session).way_in, connection_of(office).sign_in_id) == ("sso", 12)
    entry = all_of(office.app, LogEntry)[-1]
    assert (entry.what, "people new to Canvas" in entry.words) == ("changed settings", True)
    # An administrator who may not see them keeps what was chosen.
    canvas.options(permissions={"without": ["manage_account_settings"]})
    page = save(admin, typed(canvas))
    assert "may not see the ways to sign in to Canvas" in words(page)
    assert chosen.format("12") + "Number 12, which Canvas does not show us</option>" in page.text
    assert connection_of(office).sign_in_id == 12
