"""Servers that say exactly what a test wants, byte for byte, and clients that end with the test."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from ascriptica_plugin.canvas.client import CanvasClient
from ascriptica_plugin.canvas.errors import CanvasDown, CanvasError

SELF = "GET /users/self"
TOKEN = "7~secretTokenOfTests"
SOMEBODY = {"id": 7, "name": "Ann New", "login_id": "ann", "email": None, "sis_user_id": "S-1"}
ROW = {
    "id": 91,
    "user_id": 7,
    "course_id": 5,
    "course_section_id": 12,
    "type": "StudentEnrollment",
    "enrollment_state": "active",
    "created_at": "2026-01-02T03:04:05Z",
}


def reply(body: object = SOMEBODY, status: str = "200 OK", **headers: str) -> bytes:
    """A whole answer; a body that isn't bytes goes as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(data)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + data


class Server:
    """Keeps connections open and answers each request with what `answer(request)` returns.

    That is all bytes at once, or an iterator of pieces, which go out one by one until the other side goes away; None or
    a ConnectionError closes the connection. `requests` is what was received, `accepted` counts the connections.
    """

    def __init__(self, answer, host: str = "127.0.0.1", context: ssl.SSLContext | None = None):
        self.answer = answer if callable(answer) else lambda request: answer
        self.context = context
        self.requests: list[bytes] = []
        self.accepted = self.sent = 0
        self.stop = threading.Event()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family, backlog=50)
        self.port = self._listener.getsockname()[1]
        name = f"[{host}]" if ":" in host else host
        self.origin = f"{'https' if context else 'http'}://{name}:{self.port}"
        self.url = f"{self.origin}/api/v1"
        self._open: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        self.stop.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def wait_until_all_are_closed(self) -> None:
        for thread in self._threads[1:]:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open.add(connection)
            self._threads.append(threading.Thread(target=self._talk, args=(connection,)))
            self._threads[-1].start()

    def _talk(self, plain: socket.socket) -> None:
        connection = plain
        try:
            if self.context:
                connection = self.context.wrap_socket(plain, server_side=True)
                self._open.discard(plain)
                self._open.add(connection)
            while (request := self._read(connection)) and (answer := self.answer(request)) is not None:
                for piece in [answer] if isinstance(answer, bytes) else answer:
                    connection.sendall(piece)
                    self.sent += len(piece)
        except OSError:
            pass
        finally:
            self._open.discard(connection)
            connection.close()
            plain.close()

    def _read(self, connection: socket.socket) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data or len(data.partition(b"\r\n\r\n")[2]) < _length(data):
            piece = connection.recv(65536)
            if not piece:
                return b""
            data += piece
        self.requests.append(data)
        return data


def _length(request: bytes) -> int:
    head = request.partition(b"\r\n\r\n")[0].lower()
    return int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)


def path_of(request: bytes) -> str:
    return request.split(b" ", 2)[1].decode()


def drip(server: list[Server], first: bytes, byte: bytes = b" ") -> Callable[[bytes], Iterator[bytes]]:
    """Answers that begin with `first` and then go on, byte by byte, for as long as anybody listens."""

    def answer(request: bytes) -> Iterator[bytes]:
        yield first
        while not server[0].stop.wait(0.05):
            yield byte

    return answer


Raw = Callable[..., Server]


Connect = Callable[..., CanvasClient]


@pytest.fixture
def raw() -> Iterator[Raw]:
    """Makes servers, which end with the test."""
    servers: list[Server] = []

    def make(answer, **given) -> Server:
        servers.append(Server(answer, **given))
        return servers[-1]

    yield make
    for server in servers:
        server.close()


@pytest.fixture
def dripping(raw: Raw) -> Callable[..., Server]:
    def make(first: bytes, byte: bytes = b" ", **given) -> Server:
        own: list[Server] = []
        own.append(raw(drip(own, first, byte), **given))
        return own[0]

    return make


@pytest.fixture
def connect(raw: Raw) -> Iterator[Connect]:
    """Makes clients, which end before the servers do."""
    clients: list[CanvasClient] = []

    def make(url: str, token: str = TOKEN, **given) -> CanvasClient:
        clients.append(CanvasClient(url, token, **{"allow_private": True, "timeout_seconds": 5, **given}))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def within(seconds: float, call: Callable[[], object], kind: type[CanvasError] = CanvasDown) -> CanvasError:
    """The error that the call ends with, in so many seconds."""
    started = time.monotonic()
    with pytest.raises(kind) as caught:
        call()
    assert time.monotonic() - started < seconds
    return caught.value
