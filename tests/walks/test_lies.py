"""A Canvas that is broken, or lies: what it says is stored or refused, and nobody of another course waits for it."""

import json
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import create_engine, delete, select

from ascriptica_plugin.shared.clock import LONG_AGO
from ascriptica_plugin.sync import checking, connecting
from ascriptica_plugin.tables.canvas import Connection, load_settings
from ascriptica_plugin.tables.ledger import Match
from ascriptica_plugin.tables.office import Association, Course, Participant

from ..office_at_work import Office, sign_in
from ..servers import ROW, TOKEN, path_of, reply

ODD = "A\x00rt\ud800 \u202eof\nlies" + "!" * 5000
STORED = ("A\ufffdrt\ufffd \ufffdof lies" + "!" * 255)[:255]
TOO_HIGH = 2**63


class Liar:
    """A Canvas whose course 5 lets everybody in, and whose other answers the test chooses."""

    def __init__(self, raw):
        self.lies: dict[str, object] = {}
        self.then = lambda: None
        self.server = raw(self.answer)
        self.enrolled: list[str] = []

    def answer(self, request: bytes) -> bytes:
        path = urlsplit(path_of(request)).path.removeprefix("/api/v1/")
        if path in self.lies:
            self.then()
            lie = self.lies[path]
            return lie if isinstance(lie, bytes) else reply(lie)
        if path == "users/self":
            return reply({"id": 1, "name": "Ada"})
        if path == "accounts/100":
            return reply({"id": 100, "name": "Uni"})
        if path == "accounts/100/permissions":
            return reply(dict.fromkeys(checking.PERMISSIONS, True))
        if path == "courses/5":
            return reply({"id": 5, "name": "Bio", "workflow_state": "available"})
        if path == "courses/5/enrollments":
            form = parse_qs(request.partition(b"\r\n\r\n")[2].decode())
            self.enrolled += form["enrollment[user_id]"]
            return reply(ROW | {"id": 900 + len(self.enrolled), "user_id": 70 + len(self.enrolled)})
        return reply({"errors": []}, "404 Not Found")


@pytest.fixture
def liar(raw) -> Liar:
    return Liar(raw)


@pytest.fixture
def office(app, liar) -> Office:
    office = Office(app, None)
    settings = load_settings(office.session)
    connecting.keep_draft(settings, office.canvases, liar.server.url, 100, TOKEN)
    found = checking.check_connection(liar.server.url, TOKEN, 100, allow_private=True).findings
    connecting.adopt(office.session, settings, office.canvases, found, office.now)
    settings.display_canvas = True
    office.session.commit()
    return office


def to_look_up(office, canvas_course="9") -> Course:
    """A course of ours whose Canvas course is not looked up yet."""
    course = office.course("LIES")
    connection_id = load_settings(office.session).connection_id
    made = Association(connection_id=connection_id, canvas_course=canvas_course, canvas_section="")
    made.course_id, made.look_up_at = course.id, office.now
    office.session.add(made)
    office.session.commit()
    return course


def somebody_else(office) -> None:
    """Kim registers for a course that is well."""
    course = office.course("BIO")
    connection_id = load_settings(office.session).connection_id
    made = Association(connection_id=connection_id, canvas_course="5", canvas_course_id=5, canvas_course_name="Bio")
    made.course_id, made.canvas_section, made.looked_up_at, made.published = course.id, "", office.now, True
    office.session.add(made)
    office.session.commit()
    office.register(course, "kim", sis_user_id="K-100")


def association(office, course) -> Association:
    office.session.expire_all()
    return office.session.get(Association, course.id)


def is_well(office, liar) -> None:
    assert liar.enrolled == ["sis_user_id:K-100"]
    status = office.status()
    assert (status["connection"], status["waits_for"]) == ("ok", None)
    assert status["seats"]["enrolled"] == 1


def test_an_odd_name_is_stored_as_it_can_be(office, liar):
    course = to_look_up(office)
    somebody_else(office)
    liar.lies["courses/9"] = {"id": 9, "name": ODD, "workflow_state": "available"}
    office.deliver()
    its = association(office, course)
    assert (its.canvas_course_id, its.canvas_course_name) == (9, STORED)
    is_well(office, liar)


@pytest.mark.parametrize("lie", [{"id": TOO_HIGH}, {"id": 0}, {"id": -1}, {"id": True}, {"id": "9" * 30}])
def test_an_impossible_id_is_shown_as_a_problem(office, liar, lie):
    course = to_look_up(office)
    somebody_else(office)
    liar.lies["courses/9"] = {"name": "Art", "workflow_state": "available", **lie}
    office.deliver()
    its = association(office, course)
    assert its.canvas_course_id is None
    assert its.problem == "Canvas answered something other than what was asked for."
    is_well(office, liar)


def test_an_enrollment_id_too_large_to_store_is_a_problem_of_its_seat_alone(office, liar):
    office.associate(well := office.course("ART"), None)
    connection_id = load_settings(office.session).connection_id
    made = Association(connection_id=connection_id, canvas_course="6", canvas_course_id=6, canvas_course_name="Art")
    made.course_id, made.canvas_section, made.looked_up_at, made.published = well.id, "", office.now, True
    office.session.add(made)
    office.session.commit()
    liar.lies["courses/6/enrollments"] = ROW | {"id": TOO_HIGH}
    office.register(well, "lou", sis_user_id="L-1")
    somebody_else(office)
    office.deliver()
    is_well(office, liar)


@pytest.mark.parametrize(
    "lie",
    [
        reply({"errors": [{"message": ODD}]}, "400 Bad Request"),
        reply({"errors": {"name": [{"type": "taken", "attribute": [ODD], "message": ODD}]}}, "400 Bad Request"),
        reply(ODD, "403 Forbidden"),
        reply({"id": TOO_HIGH, "name": ODD}),
    ],
    ids=["words", "attribute", "text", "id"],
)
def test_a_name_that_can_not_follow_is_written_down_and_holds_up_nobody(office, liar, lie):
    somebody_else(office)
    connection_id = load_settings(office.session).connection_id
    new = Participant(key="new", email="new@example.org", name="New Name")
    office.session.add(new)
    office.session.flush()
    ours = Match(connection_id=connection_id, participant_id=new.id, canvas_user_id=77, created_by_us=True)
    ours.name_sent, ours.email_sent, ours.from_email = "Old Name", "new@example.org", "new@example.org"
    ours.follow_at = LONG_AGO
    office.session.add(ours)
    office.session.commit()
    liar.lies["users/77"] = lie
    office.deliver()
    is_well(office, liar)
    office.session.expire_all()
    known = office.session.get(Match, (connection_id, new.id))
    assert known.follow_problem
    assert known.follow_at > office.now


def test_a_look_up_that_fails_in_an_unforeseen_way_is_put_off_and_holds_up_nobody(office, liar):
    """Here the course is gone from our own database while Canvas is asked."""
    course = to_look_up(office)
    somebody_else(office)
    engine = create_engine(office.app.config["SQLALCHEMY_DATABASE_URI"])

    def lose_the_course() -> None:
        with engine.begin() as connection:
            connection.execute(delete(Association).where(Association.course_id == course_id))
            connection.execute(delete(Course).where(Course.id == course_id))

    course_id, liar.then = course.id, lose_the_course
    liar.lies["courses/9"] = {"id": 9, "name": "Art", "workflow_state": "available"}
    office.deliver()
    engine.dispose()
    is_well(office, liar)


def test_an_error_that_ends_every_drain_is_shown_by_status_and_on_the_page(office, liar, client, monkeypatch):
    somebody_else(office)

    def fails(*_):
        raise RuntimeError("unforeseen")

    with monkeypatch.context() as broken:
        broken.setattr("ascriptica_plugin.ledger.settling.begin_unit", fails)
        with pytest.raises(RuntimeError, match="unforeseen"):
            office.deliver()
    status = office.status()
    assert (status["connection"], status["hold"], status["waits_for"]) == ("holding", "our_fault", "our_fault")
    sign_in(client, office.app, "ada@example.org", admin=True)
    assert "Something unforeseen went wrong on our side" in client.get("/tools/").text
    office.later(minutes=2)
    office.deliver()
    is_well(office, liar)


def test_status_says_after_a_minute_that_no_worker_delivers(office, liar, client):
    somebody_else(office)
    assert office.status()["waits_for"] is None
    office.later(seconds=61)
    assert office.status()["waits_for"] == "worker"
    connection = office.session.scalars(select(Connection)).one()
    connection.throttled_at = office.now
    assert office.status()["waits_for"] == "throttled"
    connection.throttled_at, connection.drain_until_at = None, office.now + timedelta(seconds=10)
    assert office.status()["waits_for"] is None
    office.session.rollback()
    office.now -= timedelta(seconds=61)
    for seat in office.seats():
        seat.changed_at = office.now - timedelta(minutes=2)
    office.session.commit()
    sign_in(client, office.app, "ada@example.org", admin=True)
    assert "Nothing is being delivered" in client.get("/tools/").text


# -- pages ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "lie",
    [
        {"id": 9, "name": ODD, "workflow_state": "available"},
        {"id": TOO_HIGH, "name": "Art"},
        reply({"errors": [{"message": ODD}]}, "400 Bad Request"),
        reply({"errors": [{"message": ODD}]}, "403 Forbidden"),
        reply(b"", "302 Found", Location=f"https://{'x' * 5000}.example/"),
    ],
    ids=["name", "id", "refused", "denied", "redirect"],
)
def test_the_course_form_survives_odd_answers_of_canvas(office, liar, client, lie):
    liar.lies["courses/9"] = lie
    sign_in(client, office.app, "ada@example.org", admin=True)
    answer = client.post("/tools/courses/new", data={"code": "ART", "title": "Art", "canvas_course": "9"})
    assert answer.status_code == 302
    page = client.get("/tools/courses/ART")
    assert page.status_code == 200
    page.text.encode()


@pytest.mark.parametrize("path", ["users/self", "accounts/100", "accounts/self"])
@pytest.mark.parametrize(
    "lie",
    [
        {"id": 100, "name": ODD},
        {"id": TOO_HIGH, "name": ODD, "parent_account_id": 1},
        {"id": 7, "name": ODD, "parent_account_id": 1},
        reply({"errors": [{"message": ODD}]}, "400 Bad Request"),
    ],
    ids=["name", "id", "sub-account", "refused"],
)
def test_course_settings_survive_odd_answers_of_canvas(office, liar, client, path, lie):
    liar.lies[path] = lie
    if path == "accounts/self":
        liar.lies["accounts/100"] = {"id": 100, "name": json.dumps(ODD), "parent_account_id": 1}
    sign_in(client, office.app, "ada@example.org", admin=True)
    typed = {"display_canvas": "y", "canvas_url": liar.server.url, "canvas_token": TOKEN, "canvas_root_id": "100"}
    policy = {"missing_users": "create", "enroll": "active", "canvas_mail": "silent", "on_withdrawal": "delete"}
    answer = client.post("/tools/settings/course-settings", data=typed | policy)
    assert answer.status_code in (302, 422)
    page = client.get("/tools/settings/course-settings")
    assert page.status_code == 200
    page.text.encode()
