"""Connecting: what is checked, kept as a draft, adopted; and the one host that a token goes to."""

import socket
from datetime import timedelta

from ascriptica_plugin.canvas import transport
from ascriptica_plugin.shared import clock
from ascriptica_plugin.shared.language import in_language
from ascriptica_plugin.shared.said import Said
from ascriptica_plugin.sync import checking, connecting, holding
from ascriptica_plugin.tables.canvas import load_settings

from ..office_at_work import Office, connection_of
from ..pages import COURSE_SETTINGS, connections_of, save, typed, words


def test_the_saved_token_is_never_sent_to_another_host(app, admin, canvas):
    save(admin, typed(canvas))
    elsewhere = canvas.api.replace("127.0.0.1", "localhost")
    canvas.calls()
    page = words(save(admin, typed(canvas, canvas_token="", canvas_url=elsewhere)))
    assert "paste a token made there" in page
    # Whether a Canvas is there was asked without a token.
    assert [call["status"] for call in canvas.read("calls")["calls"]] == [401]
    [connection] = connections_of(app)
    assert connection.canvas_url == canvas.api


def test_private_networks_are_refused_unless_allowed(app, admin, canvas):
    app.extensions["ascriptica"].canvases.allow_private = False
    for address in ("https://10.0.0.1", "https://localhost", "https://[::1]/", canvas.api):
        assert "inside a private network" in words(admin.post(COURSE_SETTINGS, data=typed(canvas, canvas_url=address)))
    assert canvas.calls() == []


def test_a_wrong_root_id_offers_the_right_one(app, admin, canvas):
    answer = admin.post(COURSE_SETTINGS, data=typed(canvas, canvas_root_id="999999"))
    right = str(canvas.ids["account.root"])
    assert f"ID {right}" in words(answer)
    assert connections_of(app) == []
    # The token that was typed is kept meanwhile, so one press of the offer's button is enough.
    again = typed(canvas, canvas_root_id="999999", canvas_token="", use_root_id=right)
    assert "Connected to" in words(save(admin, again))


def test_a_sub_account_is_no_root(app, admin, canvas):
    canvas.seed(accounts={"arts": {"name": "Faculty of Arts"}})
    page = words(admin.post(COURSE_SETTINGS, data=typed(canvas, canvas_root_id=str(canvas.ids["account.arts"]))))
    assert "Faculty of Arts" in page
    assert "is a sub-account" in page


def test_a_refused_token_never_replaces_a_working_one(app, admin, canvas):
    save(admin, typed(canvas))
    page = words(admin.post(COURSE_SETTINGS, data=typed(canvas, canvas_token="wrong~token")))
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


def test_settings_typed_while_canvas_is_away_are_saved_and_checked_later_automatically(app, admin, canvas):
    canvas.options(down=True)
    page = words(save(admin, typed(canvas)))
    assert "not checked yet" in page
    assert connections_of(app) == []
    assert "could not be reached" in page or "did not answer" in page
    office = Office(app, canvas)
    assert office.status()["connection"] == "holding"

    # Meanwhile the office continues: a course is associated, somebody registers.
    admin.post("/tools/courses/new", data={"code": "ART", "title": "Art", "canvas_course": "sis_course_id:ART-1"})
    admin.post("/courses/ART/register")

    canvas.options(down=False)
    office.later(minutes=1)
    office.deliver()
    assert office.status()["connection"] == "ok"
    assert office.status()["seats"]["enrolled"] == 1
    assert "boss@example.org" in canvas.roster("art")


def test_a_draft_that_turns_out_wrong_is_reported_and_changes_nothing(app, admin, canvas):
    save(admin, typed(canvas))
    canvas.options(down=True)
    save(admin, typed(canvas, canvas_token="wrong~token"))
    canvas.options(down=False)
    office = Office(app, canvas)
    office.later(minutes=1)
    office.deliver()
    assert "does not accept this token" in words(admin.get(COURSE_SETTINGS))
    office.register(office.course("ART", "art"))
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}
    admin.post(COURSE_SETTINGS, data={"discard": "1"})
    assert "does not accept this token" not in words(admin.get(COURSE_SETTINGS))


def test_another_canvas_is_confirmed_first_and_becomes_a_new_connection(app, admin, canvas):
    save(admin, typed(canvas))
    office = Office(app, canvas)
    office.register(course := office.course("ART", "art"))
    office.deliver()
    elsewhere = canvas.api.replace("127.0.0.1", "localhost")
    form = typed(canvas, canvas_url=elsewhere)
    assert "confirm" in admin.post(COURSE_SETTINGS, data=form).text
    assert len(connections_of(app)) == 1
    confirmed = form | {"canvas_token": "", "confirm": f"{elsewhere} {canvas.ids['account.root']}"}
    assert "Connected to" in words(save(admin, confirmed))
    assert [connection.canvas_url for connection in connections_of(app)] == [canvas.api, elsewhere]
    # Nothing of the old connection is acted on, and the association is to be made again.
    office.withdraw(course)
    canvas.calls()
    assert office.deliver() == []
    assert canvas.roster("art") == {"kim@example.org": "active"}


SAVED = "https://school.example/api/v1"
THE_SAME = ["HTTPS://SCHOOL.EXAMPLE./courses/1", "school.example:443", "https://ｓｃｈｏｏｌ.example"]
OTHERS = [
    "http://school.example",
    "https://school.example:8443",
    "https://school.example:80",
    "https://school.example@elsewhere.example",
    "https://elsewhere.example/https://school.example/api/v1",
    "https://elsewhere.example#@school.example",
    "https://elsewhere.example\\@school.example",
    "https://school.example.elsewhere.example",
    "https://www.school.example",
    "https://schооl.example",  # two Cyrillic letters
    "https://xn--schl-5cd3b.example",
    "https://example",
    "https://93.184.216.34",
]


def test_the_saved_token_stays_with_its_host(app, admin, canvas, monkeypatch):
    """An administrator who may change the settings but does not know the token can't have it sent anywhere else."""
    session, canvases = app.extensions["sqlalchemy"].session, app.extensions["ascriptica"].canvases
    canvases.allow_private = False
    connecting.keep_draft(load_settings(session), canvases, SAVED, 1, "7~saved")
    connecting.adopt(session, load_settings(session), canvases, checking.Findings("Ann", "School", ()), clock.utc_now())
    load_settings(session).display_canvas = True
    session.commit()
    called, carried = [], []

    def look_up(name, *_args, **_more):
        called.append(name)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    request = transport.Session.request

    def send(self, *args, **more):
        carried.append(self.headers.get("Authorization"))
        return request(self, *args, **more)

    monkeypatch.setattr(transport.Session, "request", send)
    for address in [*THE_SAME, *OTHERS]:
        # Databases are reached by addresses and sockets; a name that is looked up here is a Canvas's.
        called.clear()
        carried.clear()
        answer = admin.post(
            COURSE_SETTINGS, data=typed(canvas, canvas_url=address, canvas_token="", canvas_root_id="1")
        )
        if address in THE_SAME:
            assert (answer.status_code, called) == (302, ["school.example"]), address
            assert carried == ["Bearer 7~saved"]
        else:
            # Whether a Canvas is there is asked without a token.
            assert (answer.status_code, set(carried) | {None}) == (422, {None}), address
        assert "7~saved" not in answer.text
        assert [one.canvas_url for one in connections_of(app)] == [SAVED]
        # The token is not sent by way of a draft either, which is kept until Canvas confirms it.
        assert load_settings(session).draft_token is None


def test_every_course_in_use_is_read_when_a_connection_works_again_after_a_long_hold(office, canvas):
    """A token that was refused for two hours: much may have been done in Canvas meanwhile."""
    office.course("ART", "art")
    office.deliver()
    connection = connection_of(office)
    connection.hold_cause, connection.hold_since_at = "token_dead", office.now
    office.session.commit()
    office.later(minutes=59)
    office.connect()
    assert office.deliver() == []
    connection_of(office).hold_since_at = office.now - timedelta(hours=2)
    office.session.commit()
    office.connect()
    assert office.deliver() == [f"GET /courses/{canvas.ids['course.art']}/enrollments"]


def test_the_log_line_of_a_hold_is_english_in_any_request(office, canvas, caplog):
    connection = connection_of(office)
    with in_language("de"):
        detail = Said("not_in_time")
        assert detail != "Canvas did not answer in time."
        holding.put_on_hold(office.session, connection, "canvas_down", detail, clock.utc_now())
    office.session.rollback()
    assert "All Canvas calls wait: Canvas is not answering. Canvas did not answer in time." in caplog.text
