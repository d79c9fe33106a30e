"""Tokens of a developer key: the address where a person approves the key, the calls that give tokens, and the one that
ends them.

Facts about Canvas name their source file in instructure/canvas-lms in brackets.
"""

import json
import math
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import requests

from ..shared.said import Said
from .errors import SOMETHING_ELSE, CanvasDown, CanvasError
from .exchange import Line
from .responses import Answers
from .scopes import SCOPES

LONGEST_SECONDS = 10 * 365 * 86400


class KeyRefused(CanvasError):
    """Canvas gives no token. `error` is OAuth's word for why, `words` Canvas's own [oauth2_provider_controller.rb]."""

    def __init__(self, error: str, words: str, status: int):
        super().__init__(Said("canvas_said", words=words or error), status)
        self.error, self.words = error, words


@dataclass(frozen=True)
class Grant:
    """What Canvas gave: an access token that lives for `expires_in` seconds, None: for ever.

    `refresh_token` is only in the answer to an approval [oauth/token.rb].
    """

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_in: float | None


def approval_address(url: str, client_id: str, redirect_uri: str, state: str) -> str:
    """The address where a person approves the key in a browser; `url` ends in /api/v1. The scopes are one parameter: if
    it were repeated, only the last would count."""
    query = {
        "client_id": client_id,
        "response_type": "code",
        "redirect_uri": redirect_uri,
        "state": state,
        "scope": " ".join(SCOPES),
        "purpose": "Ascriptica",
    }
    return f"{_host(url)}/login/oauth2/auth?{urlencode(query)}"


class OAuth:
    """The token calls of one developer key. Each may raise KeyRefused, or any CanvasError where Canvas did not answer.

    `seconds` limits each call.
    """

    def __init__(
        self, url: str, client_id: str, client_secret: str, *, allow_private: bool, ca_file: str | None, seconds: float
    ):
        self._address = f"{_host(url)}/login/oauth2/token"
        self._key = {"client_id": client_id, "client_secret": client_secret}
        self._allow_private, self._ca_file = allow_private, ca_file
        self._seconds = seconds

    def __repr__(self) -> str:
        return f"OAuth({self._address!r})"

    def use_code(self, code: str, redirect_uri: str) -> Grant:
        """The first tokens, for the code that the approval brought back; the code lives ten minutes."""
        return self._ask({"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri})

    def refresh(self, refresh_token: str) -> Grant:
        """A new access token. The one before it is dead at once; after a lost answer, refresh again [access_token.rb].

        The call has no redirect_uri, because older Canvas redirects errors there.
        """
        return self._ask({"grant_type": "refresh_token", "refresh_token": refresh_token})

    def _ask(self, values: dict[str, str]) -> Grant:
        line = Line(allow_private=self._allow_private, ca_file=self._ca_file, flight=1)
        try:
            response, body, _ = line.send(
                "POST", self._address, {**self._key, **values}, seconds=self._seconds, timeout_seconds=self._seconds
            )
        finally:
            line.close()
        answers = Answers(self._key["client_secret"], *(values.get(name, "") for name in ("code", "refresh_token")))
        if (refused := _refusal(response, body)) is not None:
            error, words = map(answers.clean, refused)
            raise KeyRefused(error[:100], words[:300], response.status_code)
        return _grant(answers.read(response, body))


def revoke(url: str, token: str, *, allow_private: bool, ca_file: str | None, seconds: float) -> None:
    """DELETE login/oauth2/token: ends this token, even a pasted one [oauth2_provider_controller.rb]."""
    line = Line(allow_private=allow_private, ca_file=ca_file, flight=1, token=token)
    try:
        address = f"{_host(url)}/login/oauth2/token"
        response, body, _ = line.send("DELETE", address, None, seconds=seconds, timeout_seconds=seconds)
    finally:
        line.close()
    Answers(token).read(response, body)


def _host(url: str) -> str:
    return url.removesuffix("/api/v1")


def _refusal(response: requests.Response, body: bytes) -> tuple[str, str] | None:
    """OAuth's word for an error, and Canvas's own; None if the answer is no such error."""
    if 300 <= response.status_code < 400:
        # Older Canvas redirects to redirect_uri, with the error in the query.
        found = parse_qs(urlsplit(response.headers.get("Location", "")).query)
        error, words = (found.get(name, [""])[0] for name in ("error", "error_description"))
        return (error, words) if error else None
    if response.status_code not in (400, 401):
        return None
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(answer, dict) or not isinstance(answer.get("error"), str):
        return None
    return answer["error"], str(answer.get("error_description") or "")


def _grant(answer: Any) -> Grant:
    if not isinstance(answer, dict):
        raise CanvasDown(SOMETHING_ELSE, 200)
    token, refresh_token, seconds = (answer.get(name) for name in ("access_token", "refresh_token", "expires_in"))
    known = all(one is None or _is_token(one) for one in (token, refresh_token))
    if token is None or not known:
        raise CanvasDown(SOMETHING_ELSE, 200)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not math.isfinite(seconds) or seconds <= 0:
        seconds = None
    return Grant(token, refresh_token, None if seconds is None else min(seconds, LONGEST_SECONDS))


def _is_token(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 2000 and all(33 <= ord(sign) < 127 for sign in value)
