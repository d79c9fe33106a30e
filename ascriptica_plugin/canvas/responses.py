"""Reads Canvas's answers: the JSON, or the error that follows from its status and text.

Facts about Canvas name their source file in instructure/canvas-lms in brackets.
"""

import json
import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import requests

from ..shared import pauses
from ..shared.said import Said
from .errors import (
    SOMETHING_ELSE,
    CanvasDown,
    CourseConcluded,
    NotFound,
    PermissionMissing,
    Redirected,
    Refused,
    ScopeMissing,
    Throttled,
    TokenRefused,
)
from .reading import LONGEST_TEXT, NOT_STORABLE, storable

MAX_ANSWER_BYTES = 5_000_000

FARTHEST_CLOCK = timedelta(days=3650)
"""How far Canvas's clock and ours may differ; a time farther off is a fault, and sums with it may overflow."""


class Answers:
    """Reads the answers to calls with these secrets, and removes the secrets from them."""

    def __init__(self, *secrets: str):
        self._secrets = re.compile("|".join(map(_pattern_of, secrets)), re.IGNORECASE)

    def read(self, response: requests.Response, body: bytes) -> Any:
        """The JSON of an answer. Raises the CanvasError that says who has to act."""
        status = response.status_code
        if status == 429 or (status == 403 and b"Rate Limit Exceeded" in body):
            raise Throttled(Said("slow_down"), status, pause_seconds(response))
        if 300 <= status < 400:
            there = self.clean(_host(response.headers.get("Location", "")) or "")[:LONGEST_TEXT]
            where = there or Said("another_page")
            raise Redirected(Said("redirected", where=where), status)
        if status >= 500 or status == 408:
            raise CanvasDown(Said("http_error", status=status), status)
        try:
            answer = self.clean(json.loads(body))
        except ValueError:
            raise CanvasDown(Said("web_page"), status) from None
        if status < 300:
            return answer
        words = _words(answer)
        said = Said("canvas_said", words=words)
        if status == 401 and "WWW-Authenticate" in response.headers:
            raise TokenRefused(Said("token_refused", words=words), status)
        if "concluded course" in words and status in (400, 403):
            raise CourseConcluded(said, status)
        if status == 401 and "Insufficient scopes" in words:
            raise ScopeMissing(said, status)
        if status in (401, 403):
            raise PermissionMissing(said, status)
        if status == 404:
            raise NotFound(said, status)
        raise Refused(said, status, _taken(answer))

    def clean(self, said: Any) -> Any:
        """Any JSON value with its texts made `storable`, and without our secrets.

        A Canvas may send the token back, also with characters between its letters that `storable` replaces.
        """
        if isinstance(said, str):
            bare = NOT_STORABLE.sub("", said)
            without, found = self._secrets.subn("[token]", bare)
            return storable(without if found else said)
        if isinstance(said, dict):
            return {name: self.clean(value) for name, value in said.items()}
        return [self.clean(value) for value in said] if isinstance(said, list) else said


def _pattern_of(token: str) -> str:
    """A pattern that finds the token, also percent-encoded, and in upper or lower case, as in a host name. A very short
    text is not a token but a mistake. It would occur in many words, so the pattern matches nothing."""
    if len(token) < 8:
        return "(?!)"
    return "".join(f"(?:{re.escape(letter)}|%{ord(letter):02x})" for letter in token)


def body_of(response: requests.Response) -> bytes:
    """The whole body of an answer. Raises ValueError if it is longer than MAX_ANSWER_BYTES."""
    body = bytearray()
    while chunk := response.raw.read1(65536, decode_content=True):
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise ValueError("the answer was too large")
    return bytes(body)


def clock_of(response: requests.Response) -> datetime | None:
    """The time in an answer's Date header, in UTC; None if it is missing, unreadable, or too far from our time."""
    try:
        moment = parsedate_to_datetime(response.headers["Date"])
        if moment.tzinfo is None:
            return None
        moment = moment.astimezone(UTC)
    except (KeyError, ValueError, TypeError, OverflowError):
        return None
    return moment if abs(moment - datetime.now(UTC)) < FARTHEST_CLOCK else None


RESERVED = 50
"""What a call takes from Canvas's bucket while it is under way [request_throttle.rb]."""


def left_in_bucket(response: requests.Response) -> float | None:
    """How much is left in Canvas's bucket for our token, after what all calls under way with it reserve. None: Canvas
    doesn't say.

    A call that leaves none, once its own share is reserved, is refused [request_throttle.rb].
    """
    try:
        left = float(response.headers["X-Rate-Limit-Remaining"])
    except (KeyError, ValueError):
        return None
    return left if math.isfinite(left) else None


def pause_seconds(response: requests.Response) -> float:
    """How long until a call fits into Canvas's bucket again."""
    return pauses.throttle_seconds(RESERVED - (left_in_bucket(response) or 0.0))


def _words(answer: Any) -> str:
    """Canvas's own sentences in an error body, whatever its shape."""
    return "; ".join(dict.fromkeys(_sentences(answer)))[:300] or Said("no_reason")


def _sentences(answer: Any) -> Iterator[str]:
    if isinstance(answer, dict):
        for key in ("message", "error"):
            if isinstance(answer.get(key), str):
                yield answer[key]
        for key, value in answer.items():
            if isinstance(value, dict | list):
                yield from _sentences(value)
            elif key == "errors" and isinstance(value, str):
                yield value
    elif isinstance(answer, list):
        for value in answer:
            yield from [value] if isinstance(value, str) else _sentences(value)


def _taken(answer: Any) -> frozenset[str]:
    if isinstance(answer, dict):
        attribute = answer.get("attribute")
        own = {attribute} if answer.get("type") == "taken" and isinstance(attribute, str) else set()
        return frozenset(own).union(*(_taken(value) for value in answer.values()))
    if isinstance(answer, list):
        return frozenset().union(*(_taken(value) for value in answer))
    return frozenset()


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def path_and_query(link: str) -> str:
    """The part after /api/v1/ of an address that Canvas sent. Raises CanvasDown if there is none."""
    try:
        parts = urlsplit(link)
    except ValueError:
        raise CanvasDown(SOMETHING_ELSE, 200) from None
    _, found, path = parts.path.partition("/api/v1/")
    if not found:
        raise CanvasDown(SOMETHING_ELSE, 200)
    return f"{path}?{parts.query}"
