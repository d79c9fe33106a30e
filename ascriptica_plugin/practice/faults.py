"""Faults between Canvas and its callers, as tests order them. Uses neither Canvas's rules nor the world."""

import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any, NoReturn

from werkzeug.wrappers import Response

#: No fault holds a connection longer than this.
LONGEST_SECONDS = 120
STEP_SECONDS = 0.5
LATE_SECONDS = 5
THROTTLED = {403: "403 Forbidden (Rate Limit Exceeded)\n", 429: "429 Too Many Requests (Rate Limit Exceeded)\n"}


@dataclass
class Fault:
    """One ordered fault. `match` is METHOD, a space, and the start of the path after /api/v1 or a glob; "* *": all.

    `of`, unless empty, is a text that the query or the form must contain as it was sent, such as a user's id.
    The first `skip` calls go through, then `times` calls are hit (None: all). `when`: the fault comes before the
    request, which is never carried out ("before"); after it was carried out ("after"); or it is a reset, and the
    request is carried out LATE_SECONDS later ("late").
    """

    match: str
    fault: str
    times: int | None = 1
    skip: int = 0
    when: str = "before"
    status: int | None = None
    of: str = ""

    def __post_init__(self) -> None:
        method, space, path = self.match.partition(" ")
        known = self.fault in RAW or self.fault in ANSWERS
        late = self.when == "late" and self.fault == "reset"
        if not (known and space and method and path and (late or self.when in ("before", "after"))):
            raise ValueError(f"This is not a fault: {asdict(self)}")

    def meets(self, method: str, path: str, sent: str) -> bool:
        """Whether the fault is meant for a request to this path with these parameters."""
        wanted, _, pattern = self.match.partition(" ")
        if wanted not in ("*", method) or self.of not in sent:
            return False
        return fnmatchcase(path, pattern) if any(sign in pattern for sign in "*?[") else path.startswith(pattern)


class Faults:
    """The faults that are still to come, oldest first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._orders: list[Fault] = []

    def add(self, orders: list[dict[str, Any]]) -> None:
        """Add all of them, or raise ValueError or TypeError and add none."""
        faults = [Fault(**order) for order in orders]
        with self._lock:
            self._orders += faults

    def clear(self) -> None:
        """Cancel all orders."""
        with self._lock:
            self._orders.clear()

    def listed(self) -> list[dict[str, Any]]:
        """The orders that are not used up, ready for JSON."""
        with self._lock:
            return [asdict(fault) for fault in self._orders]

    def take(self, method: str, path: str, sent: str) -> Fault | None:
        """The fault that hits this request, counted down, or None. `sent` is the request's query and form."""
        if not self._orders:
            return None
        with self._lock:
            for fault in self._orders:
                if not fault.meets(method, path, sent):
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self._orders.remove(fault)
                return fault
        return None


def perform(fault: Fault, environ: dict[str, Any]) -> Response:
    """The fault's answer. Raises ConnectionResetError for a fault without an answer."""
    if fault.fault in RAW:
        connection = environ.get("werkzeug.socket")
        if connection is not None:
            RAW[fault.fault](connection)
        raise ConnectionResetError
    return ANSWERS[fault.fault](fault.status)


def reset(environ: dict[str, Any]) -> NoReturn:
    """Cut the connection with a reset that the other side can see."""
    connection = environ.get("werkzeug.socket")
    if connection is not None:
        _reset(connection)
    raise ConnectionResetError


def throttled(status: int) -> Response:
    """The answer to a throttled request, without Retry-After (request_throttle.rb)."""
    return Response(THROTTLED[status], status, content_type="text/plain; charset=utf-8")


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # The handler's files keep the socket open; only closing the descriptor itself sends the reset now.
    socket.close(connection.detach())


def _drip(connection: socket.socket, first: bytes, byte: bytes) -> None:
    """Send `first`, then a byte every half second until the other side disconnects."""
    deadline = time.monotonic() + LONGEST_SECONDS
    try:
        connection.sendall(first)
        while time.monotonic() < deadline:
            time.sleep(STEP_SECONDS)
            connection.sendall(byte)
    except OSError:
        pass


def _hang(connection: socket.socket) -> None:
    """Send nothing until the other side disconnects."""
    deadline = time.monotonic() + LONGEST_SECONDS
    try:
        while time.monotonic() < deadline:
            readable, _, _ = select.select([connection], [], [], STEP_SECONDS)
            if readable:
                if not connection.recv(1, socket.MSG_PEEK):
                    return
                time.sleep(STEP_SECONDS)
    except (OSError, ValueError):
        pass


def _json(body: str, status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(body, status, headers, content_type="application/json; charset=utf-8")


def _html(status: int | None) -> Response:
    status = status or 502
    page = f"<!DOCTYPE html><html><head><title>{status}</title></head><body><h1>{status}</h1><hr>proxy</body></html>"
    return Response(page, status, content_type="text/html; charset=utf-8")


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"
RAW: dict[str, Callable[[socket.socket], None]] = {
    "reset": _reset,
    "trickle": lambda connection: _drip(connection, HEAD + b"Content-Length: 100000\r\n\r\n", b" "),
    "trickle_headers": lambda connection: _drip(connection, HEAD + b"X-Padding: ", b"x"),
    "hang": _hang,
}
ANSWERS: dict[str, Callable[[int | None], Response]] = {
    "status": lambda status: _json(
        '{"errors":[{"message":"An error occurred.","error_code":"internal_server_error"}],"error_report_id":1}',
        status or 500,
    ),
    "html": _html,
    "broken_json": lambda status: _json('{"id":91,"user_id":7,"course', status or 200),
    "throttle": lambda status: throttled(status or 429),
    "revoked": lambda status: _json(
        '{"errors":[{"message":"Revoked access token."}]}',
        status or 401,
        {"WWW-Authenticate": 'Bearer realm="canvas-lms"'},
    ),
    "denied": lambda status: _json(
        '{"status":"unauthorized","errors":[{"message":"user not authorized to perform that action"}]}',
        status or 403,
    ),
}
