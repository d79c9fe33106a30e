"""A Canvas that gives the token back, wherever an answer has room for it."""

import re
from collections.abc import Callable
from urllib.parse import quote

import requests

from ..practice_canvas import Practice
from ..servers import Server, path_of, reply

TOKEN = "7~MqXv0wPzKfTdRbYhLc4uGjSn9aEi2oCk1yWt8rDx5sBgHm3ZlQ6pJvNeUf7Va"


def _errors(status: str, words: str, **headers: str) -> bytes:
    return reply({"errors": [{"message": words, "attribute": words}], "message": words}, status, **headers)


def _taken(words: str) -> bytes:
    of_login = [{"type": "taken", "attribute": "unique_id", "message": words}]
    return reply({"errors": {"pseudonym": {"unique_id": of_login}, words: of_login}}, "400 Bad Request")


def _escaped(words: str) -> bytes:
    return "".join(f"\\u{ord(letter):04x}" for letter in words).encode()


SHAPES: dict[str, Callable[[str, str], bytes | None]] = {
    "dead": lambda bearer, _: _errors("401 Unauthorized", bearer, WWW_Authenticate=f'Bearer realm="{bearer}"'),
    "forbidden": lambda bearer, _: _errors("403 Forbidden", bearer),
    "missing": lambda bearer, _: _errors("404 Not Found", bearer),
    "refused": lambda bearer, _: _errors("400 Bad Request", bearer),
    "cut": lambda bearer, _: _errors("400 Bad Request", "x" * 280 + bearer),
    "in an address": lambda bearer, _: _errors("400 Bad Request", quote(bearer, safe="").replace("~", "%7E")),
    "with NULs": lambda bearer, _: _errors("400 Bad Request", "\x00".join(bearer)),
    "escaped": lambda bearer, _: reply(b'{"message": "' + _escaped(bearer) + b'"}', "400 Bad Request"),
    "taken": lambda bearer, _: _taken(bearer),
    "concluded": lambda bearer, _: _errors("400 Bad Request", f"{bearer} in a concluded course"),
    "throttled": lambda bearer, _: _errors("429 No", bearer, X_Rate_Limit_Remaining="50", Retry_After=bearer),
    "error page": lambda bearer, _: reply(f"<h1>{bearer}</h1>".encode(), "500 Internal Server Error"),
    "web page": lambda bearer, _: reply(f"<h1>{bearer}</h1>".encode()),
    "plain": lambda bearer, _: reply(bearer.encode()),
    "a text": lambda bearer, _: reply(bearer),
    "an id": lambda bearer, _: reply({"id": bearer, "name": bearer}),
    "status line": lambda bearer, _: f"HTTP/1.1 {bearer}\r\n\r\n".encode(),
    "reset": lambda bearer, _: None,
    "moved": lambda bearer, there: reply(b"", "302 Found", Location=f"{there}/?access_token={_token(bearer)}"),
    "moved for good": lambda bearer, there: reply(b"", "308 Permanent", Location=f"{there}/{_token(bearer)}"),
    "moved to a host": lambda bearer, _: reply(b"", "301 Moved", Location=f"https://{_token(bearer)}.example/"),
    "a next page": lambda bearer, there: reply(
        [], Link=f'<{there}/accounts/1/users?access_token={_token(bearer)}&page=2>; rel="next"'
    ),
    "a next page in an address": lambda bearer, there: reply(
        [], Link=f'<{there}/{_token(bearer).replace("~", "%7E")}?page=2>; rel="next"'
    ),
}
"""Answers to whatever is asked, by what they do with the caller's Authorization; the second is another server."""


FORWARDED = ("as it is", "with names", "with a header", "with a number")
"""Canvas's own answers, the token added to names, or to a header that can't be read, or with ids that are too large."""


def _token(bearer: str) -> str:
    return bearer.removeprefix("Bearer ")


class Echo:
    """A Canvas that answers in `shape`; where it is searched for a person of `shapes`, in theirs. `met` are the shapes
    that somebody met."""

    def __init__(self, canvas: Practice, elsewhere: Server):
        self.canvas, self.elsewhere = canvas, elsewhere
        self.shape = "as it is"
        self.shapes: dict[str, str] = {}
        self.met: set[str] = set()

    def answer(self, request: bytes) -> bytes | None:
        head, _, body = request.partition(b"\r\n\r\n")
        path = path_of(request)
        bearer = re.search(rb"(?im)^authorization: (.*?)\r?$", head)[1].decode()
        shape = next((shape for email, shape in self.shapes.items() if quote(email) in path), self.shape)
        self.met.add(shape)
        if shape in SHAPES:
            return SHAPES[shape](bearer, self.elsewhere.url)
        came = requests.request(
            head.split(b" ", 1)[0].decode(),
            f"{self.canvas.url}{path}",
            data=body,
            headers={
                "Authorization": f"Bearer {self.canvas.token if bearer == f'Bearer {TOKEN}' else 'unknown'}",
                "Content-Type": "application/x-www-form-urlencoded",
            },
            timeout=10,
        )
        said = came.json()
        if shape == "with names":
            said = _with(said, {"name", "login_id", "sis_user_id"}, f"Ann {bearer}")
        if shape == "with a number":
            said = _with(_with(said, {"id", "user_id"}, 2**70), {"name"}, bearer)
        kept = {"WWW_Authenticate": "Bearer"} if came.status_code == 401 else {}
        answer = reply(said, f"{came.status_code} {came.reason}", Set_Cookie=f"its={bearer}", **kept)
        spoilt = f"\r\n{bearer}\r\nYou sent: {bearer}\r\n\r\n".encode()
        return answer.replace(b"\r\n\r\n", spoilt, 1) if shape == "with a header" else answer


def _with(said: object, names: set[str], value: object) -> object:
    if isinstance(said, list):
        return [_with(one, names, value) for one in said]
    return {name: value if name in names else one for name, one in said.items()}
