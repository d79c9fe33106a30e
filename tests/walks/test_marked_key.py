"""A developer key's secrets are typed, exchanged, renewed, refused, repeated and forgotten; then all that we wrote,
logged and showed is searched for them.

What processes, Redis and files keep of a secret is looked at in test_marked.
"""

import logging
from collections.abc import Callable
from urllib.parse import parse_qs, quote, urlsplit

from ascriptica_plugin.canvas.scopes import SCOPES
from ascriptica_plugin.tables.canvas import load_settings

from ..developer_keys import BACK, TOKEN_CALL, later
from ..disguises import around, disguises
from ..office_at_work import connection_of
from ..pages import COURSE_SETTINGS, typed
from ..servers import reply
from .searched import tables

SECRET, CODE = "kQ7wXn2LrB9vTzYc5MfDs8JhGp4KeUa3", "cZ6yNb1VxQ0mRtLw9SdFg7HjKp2OiUe5"


def _error(status: str) -> Callable[[str], bytes]:
    return lambda said: reply({"error": "strange_error", "error_description": said}, status)


def _escaped(said: str) -> bytes:
    return "".join(f"\\u{ord(letter):04x}" for letter in said).encode()


def _moved(said: str) -> bytes:
    return reply(b"", "302 Found", Location=f"{BACK}?error=invalid_grant&error_description={quote(said)}")


REPEATED: dict[str, Callable[[str], bytes]] = {
    "refused": _error("400 Bad Request"),
    "not let in": _error("401 Unauthorized"),
    "its word": lambda said: reply({"error": said}, "400 Bad Request"),
    "other JSON": lambda said: reply({"errors": [{"message": said}]}, "400 Bad Request"),
    "escaped": lambda said: reply(b'{"error": "x", "error_description": "' + _escaped(said) + b'"}', "400 Bad Request"),
    "in a redirect": _moved,
    "as a host": lambda said: reply(
        b"", "302 Found", Location=f"https://{parse_qs(said)['client_secret'][0]}.example/"
    ),
    "a page": lambda said: reply(f"<h1>{said}</h1>".encode(), "500 Internal Server Error"),
    "a page that is well": lambda said: reply(f"<h1>{said}</h1>".encode()),
    "no tokens": lambda said: reply({"access_token": [said], "refresh_token": {said: said}, "expires_in": said}),
    "status line": lambda said: f"HTTP/1.1 {said}\r\n\r\n".encode(),
}
"""Answers to the token call that repeat what was sent."""


def test_a_developer_key_s_secrets_are_nowhere(app, office, admin, canvas, raw, caplog):
    caplog.set_level(logging.DEBUG)
    shape = [""]

    def repeat(request: bytes) -> bytes:
        said = request.partition(b"\r\n\r\n")[2].decode()
        # Whether a Canvas is there is asked without any secret.
        return REPEATED[shape[0]](said) if "client_secret" in said else reply({}, "401 Unauthorized")

    echo = raw(repeat)
    found: list[bytes] = []

    def hear(answer) -> None:
        found.extend((answer.data, str(answer.headers).encode()))

    def look_around() -> None:
        for page in (COURSE_SETTINGS, "/tools/", "/tools/canvas", "/tools/log", f"{COURSE_SETTINGS}/disconnect"):
            hear(admin.get(page))

    def approve(code: str, **fields: str) -> None:
        hear(admin.post(COURSE_SETTINGS, data=typed(canvas, canvas_token="", canvas_key="developer_key", **fields)))
        there = admin.get(f"{COURSE_SETTINGS}/approve").headers["Location"]
        found.append(there.encode())
        [state] = parse_qs(urlsplit(there).query)["state"]
        came = {"code": code, "state": state}
        hear(admin.get(f"{COURSE_SETTINGS}/approved", query_string=came, follow_redirects=True))
        look_around()

    # Repeated to us when the code is exchanged.
    for shape[0] in REPEATED:
        approve(CODE, canvas_client_id="10", canvas_client_secret=SECRET, canvas_url=echo.url)
    # In use, and renewed.
    hear(admin.post(COURSE_SETTINGS, data={"discard": "1"}))
    key = canvas.developer_key(BACK, scopes=SCOPES, include_parameters=True)
    code = canvas.approve(key, BACK, scope=" ".join(SCOPES))["code"]
    approve(code, canvas_client_id=key["client_id"], canvas_client_secret=key["client_secret"])
    connection, keys = connection_of(office), office.canvases.keys
    assert connection.key_kind == "developer_key"
    secrets = {SECRET, CODE, code, key["client_secret"]}
    secrets |= {connection.token.open(keys), connection.refresh_token.open(keys)}
    office.register(office.course("ART", "art"))
    later(office, 56 * 60)
    office.deliver()
    secrets.add(connection_of(office).token.open(keys))
    # Repeated to us when the token is renewed.
    right = connection.canvas_url
    for shape[0] in REPEATED:
        connection = connection_of(office)
        sealed = connection.refresh_token
        connection.canvas_url, connection.refresh_at, connection.hold_cause = echo.url, office.now, None
        office.session.commit()
        office.deliver()
        look_around()
        connection = connection_of(office)
        connection.canvas_url, connection.refresh_token, connection.refresh_tries = right, sealed, 0
        connection.hold_cause = None
        office.session.commit()
    for thing in (connection, vars(connection), load_settings(office.session), office.canvases):
        found.append(repr(thing).encode())
    found += [*tables(office)]
    # Forgotten, while Canvas fails.
    canvas.faults({"match": TOKEN_CALL, "fault": "html", "status": 503, "times": None})
    hear(admin.post(f"{COURSE_SETTINGS}/disconnect", follow_redirects=True))
    canvas.options(clock_offset_seconds=0)
    look_around()
    found += [*tables(office), caplog.text.encode(), str(canvas.read("calls")).encode()]

    assert len(secrets) == 7
    assert len(echo.requests) >= 2 * len(REPEATED)
    marks = [mark for secret in secrets for mark in disguises(secret)]
    assert [place for said in found for place in around(marks, said)] == []
