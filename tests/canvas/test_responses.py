"""What the client makes of an answer: an error that says who acts, how late it is in Canvas, and never the token."""

import logging
import socket
import traceback
from collections.abc import Callable

import pytest

from ascriptica_plugin.canvas.client import CanvasClient
from ascriptica_plugin.canvas.errors import (
    CanvasDown,
    CanvasError,
    CourseConcluded,
    NotFound,
    PermissionMissing,
    Refused,
    ScopeMissing,
    Throttled,
    TokenRefused,
)

from ..practice_canvas import Practice
from ..servers import ROW, SELF, SOMEBODY, TOKEN, Connect, Raw, path_of, reply, within

# -- errors say who acts ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["revoked", "expired", "unknown"])
def test_a_dead_token_is_reported_as_refused(canvas: Practice, connect: Connect, state: str) -> None:
    if state != "unknown":
        canvas.options(token=state)
    client = connect(canvas.api, "nobody's" if state == "unknown" else canvas.token)
    with pytest.raises(TokenRefused, match="access token") as caught:
        client.enroll(canvas.ids["course.art"], canvas.ids["user.kim"])
    assert caught.value.status == 401


@pytest.mark.parametrize("status", [401, 403])
def test_a_missing_permission_is_reported_as_such(client: CanvasClient, canvas: Practice, status: int) -> None:
    canvas.options(denied_status=status, permissions=["read_roster"])
    art, kim = canvas.ids["course.art"], canvas.ids["user.kim"]
    with pytest.raises(PermissionMissing, match="not authorized") as caught:
        client.enroll(art, kim)
    assert caught.value.status == status
    with pytest.raises(PermissionMissing):
        client.create_user(canvas.ids["account.root"], name="Ann", login="ann", email="ann@example.org")
    assert canvas.roster("art") == {}


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (
            reply({"errors": [{"message": "Insufficient scopes on access token."}]}, "401 Unauthorized"),
            ScopeMissing,
            "Insufficient scopes",
        ),
        (reply({}, "403 Forbidden"), PermissionMissing, "no reason given"),
        (
            reply({"message": "Can't add an enrollment to a concluded course."}, "403 Forbidden"),
            CourseConcluded,
            "concluded",
        ),
        (reply({"errors": "Invalid role"}, "400 Bad Request"), Refused, "Invalid role"),
        (reply({"error": "Invalid state deleted"}, "400 Bad Request"), Refused, "Invalid state deleted"),
        (reply({"errors": [{"message": "x" * 5000}]}, "422 Unprocessable"), Refused, "xxx"),
        (reply(["no", "never"], "400 Bad Request"), Refused, "no; never"),
        (reply("no", "400 Bad Request"), Refused, "no reason given"),
        (reply({"errors": [{"message": "gone"}]}, "410 Gone"), Refused, "gone"),
        (reply({"errors": [{"message": "no"}]}, "404 Not Found"), NotFound, "no"),
        (reply(b"<html>no</html>", "404 Not Found"), CanvasDown, "web page"),
        (reply(b"<html>no</html>", "401 Unauthorized", WWW_Authenticate="Basic"), CanvasDown, "web page"),
        (reply(b"403 Forbidden\n", "403 Forbidden"), CanvasDown, "web page"),
        (reply(b"", "408 Request Timeout"), CanvasDown, "error 408"),
        (reply({"errors": []}, "599 Odd"), CanvasDown, "error 599"),
        (reply(b"", "204 No Content"), CanvasDown, "web page"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", CanvasDown, "in time|web page|reached"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", CanvasDown, "reached"),
        (b"HTTP/1.1 abc OK\r\n\r\n", CanvasDown, "reached"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", CanvasDown, "reached"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", CanvasDown, "reached"),
        (reply(b"\x1f\x8bnonsense", Content_Encoding="gzip"), CanvasDown, "reached"),
    ],
)
def test_each_shape_of_an_answer_becomes_its_kind_of_error(
    raw: Raw, connect: Connect, answer: bytes, kind: type[CanvasError], words: str
) -> None:
    client = connect(raw(answer).url, timeout_seconds=0.2)
    with pytest.raises(CanvasError, match=words) as caught:
        client.enroll(5, 7)
    assert type(caught.value) is kind
    assert len(str(caught.value)) < 400


def test_enrolling_into_a_concluded_course_is_an_error_of_its_own(client: CanvasClient, canvas: Practice) -> None:
    ids = canvas.seed(users={"kim": {"login": "kim"}}, courses={"old": {"workflow_state": "completed"}})
    with pytest.raises(CourseConcluded, match="concluded course") as caught:
        client.enroll(ids["course.old"], ids["user.kim"])
    assert caught.value.status == 400
    assert caught.value.taken == frozenset()


@pytest.mark.parametrize("status", [403, 429])
def test_throttled_is_not_a_missing_permission(client: CanvasClient, canvas: Practice, status: int) -> None:
    canvas.options(throttle={"enabled": True, "status": status, "hwm": 40})
    with pytest.raises(Throttled) as caught:
        client.myself()
    assert caught.value.status == status
    assert 1 <= caught.value.pause_seconds <= 5


@pytest.mark.parametrize(
    ("remaining", "seconds"),
    [
        ("18.49", 3.151),
        ("0.0", 5),
        (None, 5),
        ("soon", 5),
        ("-100", 15),
        ("-1e9", 60),
        ("-inf", 5),
        ("49.9", 1),
        ("600", 1),
        ("inf", 5),
        ("nan", 5),
    ],
)
def test_the_pause_after_a_throttled_answer_follows_canvas_s_rate_limit(
    raw: Raw, connect: Connect, remaining: str | None, seconds: float
) -> None:
    headers = {} if remaining is None else {"x_rate_limit_remaining": remaining}
    server = raw(reply(b"403 Forbidden (Rate Limit Exceeded)\n", "403 Forbidden", **headers))
    with pytest.raises(Throttled) as caught:
        connect(server.url).myself()
    assert caught.value.pause_seconds == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"fault": "status"}, "error 500"),
        ({"fault": "status", "status": 503}, "error 503"),
        ({"fault": "html"}, "error 502"),
        ({"fault": "html", "status": 200}, "The answer was a web page"),
        ({"fault": "html", "status": 404}, "The answer was a web page"),
        ({"fault": "broken_json"}, "The answer was a web page"),
        ({"fault": "reset"}, "could not be reached"),
    ],
)
def test_an_unusable_answer_is_reported_as_canvas_being_down(
    client: CanvasClient, canvas: Practice, fault: dict, words: str
) -> None:
    client.myself()
    canvas.faults({"match": SELF, **fault})
    with pytest.raises(CanvasDown, match=words) as caught:
        client.myself()
    assert caught.value.status == (None if fault["fault"] == "reset" else fault.get("status", caught.value.status))
    assert caught.value.leaves_doubt
    assert client.myself().name == "Practice Admin"


def test_the_client_repeats_no_call(client: CanvasClient, canvas: Practice) -> None:
    art, kim = canvas.ids["course.art"], canvas.ids["user.kim"]
    canvas.calls()
    canvas.faults({"match": "POST /courses/*", "fault": "reset", "when": "after"})
    with pytest.raises(CanvasDown):
        client.enroll(art, kim)
    assert canvas.calls() == [f"POST /courses/{art}/enrollments"]
    assert canvas.roster("art") == {"kim@example.org": "active"}


def test_a_canvas_that_can_t_be_reached_is_reported(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    within(2, connect(f"http://127.0.0.1:{port}/api/v1").myself)

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = within(2, connect("https://school.invalid/api/v1").myself)
    assert str(error) == "There is no server named school.invalid."


def test_an_impossible_server_name_is_reported_as_unknown(connect: Connect) -> None:
    error = within(2, connect(f"https://{'a' * 64}.example/api/v1").myself)
    assert "There is no server named" in str(error)


@pytest.mark.parametrize(
    ("call", "body"),
    [
        (lambda client: client.myself(), {}),
        (lambda client: client.myself(), {"id": None}),
        (lambda client: client.myself(), {"id": "seven"}),
        (lambda client: client.myself(), {"id": []}),
        (lambda client: client.myself(), b'{"id": 1e999}'),
        (lambda client: client.myself(), b'{"id": NaN}'),
        (lambda client: client.myself(), []),
        (lambda client: client.myself(), None),
        (lambda client: client.myself(), "ann"),
        (lambda client: client.user(7), {"name": "Ann"}),
        (lambda client: client.create_user(1, name="Ann", login="ann", email="ann@x.org"), {"errors": {}}),
        (lambda client: client.account(1), {"name": "Uni"}),
        (lambda client: client.permissions(1, ["a"]), ["a"]),
        (lambda client: client.course(5), {"name": "Art"}),
        (lambda client: client.section(5, 12), {"id": 12}),
        (lambda client: client.search_users(1, "ann"), {"users": []}),
        (lambda client: client.search_users(1, "ann"), [{"name": "Ann"}]),
        (lambda client: client.search_users(1, "ann"), [7]),
        (lambda client: client.search_users(1, "ann"), [None]),
        (lambda client: client.enrollments_of(7), [[ROW]]),
        *((lambda client: client.enrollments_of(7), [{**ROW, key: None}]) for key in ("id", "created_at")),
        *(
            (lambda client: client.enroll(5, 7), {name: value for name, value in ROW.items() if name != key})
            for key in ("id", "user_id", "course_section_id", "created_at")
        ),
        (lambda client: client.enroll(5, 7), {**ROW, "created_at": "yesterday"}),
        (lambda client: client.enroll(5, 7), {**ROW, "created_at": 1767322800}),
        (lambda client: client.unenroll(5, 91), {"message": "ok"}),
        (lambda client: client.myself(), b"[" * 100_000),
        (lambda client: client.myself(), b'{"id":' + b"9" * 10_000 + b"}"),
        (lambda client: client.myself(), b'{"id": "\xff"}'),
    ],
)
def test_a_200_with_something_else_in_it_counts_as_canvas_being_down(
    raw: Raw, connect: Connect, call: Callable, body: object
) -> None:
    with pytest.raises(CanvasDown) as caught:
        call(connect(raw(reply(body)).url))
    if not isinstance(body, bytes):
        assert "answered something other than" in str(caught.value)
    assert caught.value.status == 200


@pytest.mark.parametrize("depth", [300, 600, 900, 950, 990, 3000])
def test_a_deeply_nested_error_is_read_as_an_error(raw: Raw, connect: Connect, depth: int) -> None:
    body = b'{"errors":' + b"[" * depth + b"]" * depth + b"}"
    with pytest.raises(CanvasError):
        connect(raw(reply(body, "400 Bad Request")).url).myself()


# -- the token --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        reply({"errors": [{"message": f"Invalid access token {TOKEN}."}]}, "401 No", WWW_Authenticate="Bearer"),
        reply({"errors": [{"message": f"{TOKEN} may not"}]}, "403 No"),
        reply({"message": f"{'x' * 290}{TOKEN}"}, "400 No"),
        reply({"message": f"{TOKEN} in a concluded course"}, "400 No"),
        reply({"errors": {TOKEN: [{"type": "taken", "attribute": "x", "message": TOKEN}]}}, "400 No"),
        reply({"errors": TOKEN}, "404 No"),
        reply(TOKEN.encode(), "200 OK"),
        reply(TOKEN.encode(), "500 No"),
        reply(f"{TOKEN} Rate Limit Exceeded".encode(), "403 No"),
        reply(b"", "302 Found", Location=f"https://elsewhere.example/{TOKEN}?access_token={TOKEN}"),
        reply({"id": TOKEN}),
        reply([], Link=f'<http://[{TOKEN}>; rel="next"'),
        f"HTTP/1.1 {TOKEN}\r\n\r\n".encode(),
        f"{TOKEN}\r\n".encode(),
        None,
    ],
)
def test_the_token_is_in_no_error_and_no_log(
    raw: Raw, connect: Connect, caplog: pytest.LogCaptureFixture, answer: bytes | None
) -> None:
    some = TOKEN[:8]
    caplog.set_level(logging.DEBUG)
    client = connect(raw(lambda request: answer).url, timeout_seconds=0.5)
    with pytest.raises(CanvasError) as caught:
        client.myself()
    error: BaseException | None = caught.value
    assert some not in "".join(traceback.format_exception(error))
    while error:
        assert some not in f"{error} {error!r} {error.args}", type(error)
        assert some not in str(vars(error).get("taken"))
        error = error.__cause__
    assert some not in repr(client)
    assert some not in caplog.text


def test_a_token_that_canvas_gives_back_is_left_out(
    raw: Raw, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """It is left out of what is read, of the next page's address, and of the log, where unreadable headers would go."""
    caplog.set_level(logging.DEBUG)
    somebody = SOMEBODY | {"name": f"Bearer {TOKEN}", "login_id": f"\x00{TOKEN.replace('~', '%7E')}".upper()}

    def answer(request: bytes) -> bytes:
        more = {} if "page=2" in path_of(request) else {"Link": f'<{server.url}/{TOKEN}?page=2&t={TOKEN}>; rel="next"'}
        unreadable = f"\r\nyou sent: {TOKEN}\r\n\r\n".encode()
        return reply([somebody], **more).replace(b"\r\n\r\n", unreadable, 1)

    server = raw(answer)
    for user in connect(server.url).search_users(1, "x"):
        assert (user.name, user.login_id) == ("Bearer [token]", "[token]")
    assert len(server.requests) == 2
    assert not [request for request in server.requests if TOKEN in path_of(request)]
    assert TOKEN not in caplog.text


# -- clocks -----------------------------------------------------------------------------------------------------------
