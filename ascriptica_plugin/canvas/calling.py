"""Making calls: every one goes through `Caller._exchange` and its `Line`, so every one has the timeouts, the deadline,
the User-Agent and the check of where the connection really goes.
"""

import math
import re
import threading
import time
from collections.abc import Callable, Iterator
from copy import copy
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Protocol, Self

import requests

from ..shared import pauses
from ..shared.said import Said
from .errors import SOMETHING_ELSE, CanvasDown, ScopeMissing, TokenRefused, Unreachable
from .exchange import File, Line
from .reading import LONGEST_TEXT
from .responses import Answers, clock_of, left_in_bucket, path_and_query
from .scopes import scope_for

MAX_PAGES = 20


class Watcher(Protocol):
    """Is notified of every call, in the thread that makes it."""

    def begin(self) -> None:
        """A call is about to leave."""

    def end(self, call: str, result: str, seconds: float) -> None:
        """`call` is as `call_of` names it; `result` is "ok" or the name of the `CanvasError`."""


class Caller:
    """One Canvas, one token, one pool of connections; safe to call from several threads at once. If the token is empty,
    none is sent.

    `url` ends in /api/v1. `timeout_seconds` limits the wait for a connection and for each piece of an answer,
    `deadline_seconds` a whole call, even if its answer trickles. `ca_file` has the certificate authorities to trust;
    None: the usual ones. `watcher` is notified of every call.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        allow_private: bool = False,
        ca_file: str | None = None,
        timeout_seconds: float = pauses.CALL_STEP_SECONDS,
        deadline_seconds: float = pauses.CALL_SECONDS,
        flight: int = 12,
        watcher: Watcher | None = None,
    ):
        self.url = url
        self.timeout_seconds = timeout_seconds
        self.deadline_seconds = deadline_seconds
        self._watcher = watcher
        self._until = math.inf
        self._stored: Callable[[], Caller | None] = lambda: None
        self._clock: tuple[datetime, float] | None = None
        self._least_left: tuple[float, float] | None = None
        self._left_lock = threading.Lock()
        self._answers = Answers(token)
        self._token_start = token[:5]
        self._line = Line(allow_private=allow_private, ca_file=ca_file, flight=flight, token=token or None)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    def close(self) -> None:
        """Close the pool of connections."""
        self._line.close()

    def within(self, seconds: float, stored: Callable[[], "Caller | None"] = lambda: None) -> Self:
        """This client for a caller who waits at most `seconds` for all calls together. After that, a call raises
        CanvasDown.

        `stored` returns a client with the token that is stored now, or None. It is asked if Canvas refuses this
        client's token, which may have been replaced meanwhile.
        """
        theirs = copy(self)
        theirs._until, theirs._stored = time.monotonic() + seconds, stored
        return theirs

    def time(self) -> datetime | None:
        """The time now on Canvas's clock, from its latest answer, whatever our clock says; None before the first."""
        if self._clock is None:
            return None
        then, at = self._clock
        return then + timedelta(seconds=time.monotonic() - at)

    def least_left(self) -> tuple[float, float] | None:
        """The smallest amount that Canvas reported as left in its bucket since this was last asked, and a time by which
        Canvas surely had received all calls sent before: the middle of that call, on the monotonic clock. None: Canvas
        reported nothing. See `responses.left_in_bucket`."""
        with self._left_lock:
            least, self._least_left = self._least_left, None
        return least

    def take_time_of(self, other: "Caller") -> None:
        """Take over Canvas's time from another client of the same Canvas."""
        self._clock = other._clock

    def _pages(self, path: str, query: dict[str, Any]) -> Iterator[dict]:
        until, link = time.monotonic() + self.deadline_seconds, None
        for _ in range(MAX_PAGES):
            rows, link = self._page(path, query, link, seconds=until - time.monotonic())
            yield from rows
            if not link:
                return
        raise CanvasDown(Said("endless_list", path=path[:LONGEST_TEXT], pages=MAX_PAGES))

    def _page(
        self, path: str, query: dict[str, Any], link: str | None = None, *, seconds: float | None = None
    ) -> tuple[list[dict], str | None]:
        """The first page of a list, or that of the link, and the link to the next one, without a token in it, because
        addresses are logged.

        Only the link's path and query may be used, so that it can't lead to another server.
        """
        if link:
            path, query = path_and_query(link), {}
        response, rows = self._exchange("GET", path, query, self.deadline_seconds if seconds is None else seconds)
        if not isinstance(rows, list):
            raise CanvasDown(Said("no_list"), 200)
        following = response.links.get("next", {}).get("url")
        return rows, self._answers.clean(following) if following else None

    def _call(self, method: str, path: str, values: dict[str, Any] | File | None = None) -> dict:
        _, body = self._exchange(method, path, values, self.deadline_seconds)
        if not isinstance(body, dict):
            raise CanvasDown(SOMETHING_ELSE, 200)
        return body

    def _exchange(
        self, method: str, path: str, values: dict[str, Any] | File | None, seconds: float
    ) -> tuple[requests.Response, Any]:
        try:
            return self._watched(method, path, values, seconds)
        except TokenRefused:
            stored = self._stored()
            if stored is None or stored._line is self._line:
                raise
            self._line, self._answers, self._token_start = stored._line, stored._answers, stored._token_start
            return self._watched(method, path, values, seconds)

    def _watched(
        self, method: str, path: str, values: dict[str, Any] | File | None, seconds: float
    ) -> tuple[requests.Response, Any]:
        seconds = min(seconds, self._until - time.monotonic())
        if seconds <= 0:
            raise Unreachable(Said("not_in_time"))
        if self._watcher is None:
            return self._send(method, path, values, seconds)
        began, result = time.monotonic(), "ok"
        self._watcher.begin()
        try:
            return self._send(method, path, values, seconds)
        except Exception as error:
            result = type(error).__name__
            raise
        finally:
            self._watcher.end(call_of(method, path), result, time.monotonic() - began)

    def _send(
        self, method: str, path: str, values: dict[str, Any] | File | None, seconds: float
    ) -> tuple[requests.Response, Any]:
        began = time.monotonic()
        response, body, arrived = self._line.send(
            method, f"{self.url}/{path}", values, seconds=seconds, timeout_seconds=self.timeout_seconds
        )
        if (moment := clock_of(response)) is not None:
            self._clock = moment, arrived
        if (left := left_in_bucket(response)) is not None:
            with self._left_lock:
                said = left, (began + arrived) / 2
                self._least_left = min(self._least_left or said, said)
        try:
            return response, self._answers.read(response, body)
        except ScopeMissing as error:
            scope = scope_for(method, path) or f"for {call_of(method, path)}"
            raise ScopeMissing(error.said, error.status, scope) from None
        except RecursionError:
            raise CanvasDown(SOMETHING_ELSE, response.status_code) from None


def call_of(method: str, path: str) -> str:
    """A call without its ids, such as `GET users/:id/enrollments`, in the words of Canvas's routes."""
    parts = path.partition("?")[0].split("/")
    # A token's first five characters, by which Canvas finds it, may look like a word.
    words = [re.fullmatch("[a-z_]+", part) and before != "tokens" for before, part in pairwise(["", *parts])]
    return f"{method} {'/'.join(part if is_word else ':id' for part, is_word in zip(parts, words, strict=True))}"
