"""HTTP with guard and deadline, over real sockets: time, size, where connections go, TLS, and one pool for many."""

import gzip
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from ascriptica_plugin.canvas.errors import CanvasDown, NotFound, Throttled
from ascriptica_plugin.canvas.responses import MAX_ANSWER_BYTES

from ..practice_canvas import Practice
from ..servers import SELF, SOMEBODY, Connect, Raw, Server, path_of, reply, within
from .strange_network import HEAD, full_queue, names

# -- time -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["trickle", "trickle_headers", "hang"])
def test_an_endless_answer_is_cut_off_at_the_deadline(canvas: Practice, connect: Connect, fault: str) -> None:
    client = connect(canvas.api, canvas.token, deadline_seconds=0.4)
    client.myself()
    canvas.faults({"match": SELF, "fault": fault})
    assert "did not answer in time" in str(within(3, client.myself))
    assert client.myself().name == "Practice Admin"


WHOLE = json.dumps(SOMEBODY).encode()


@pytest.mark.parametrize(
    ("first", "byte"),
    [
        # The part before the cut is a whole answer.
        (HEAD + b"\r\n" + WHOLE, b" "),
        (HEAD + b"Content-Length: 100000\r\n\r\n" + WHOLE, b" "),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        (HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(WHOLE), b" "),
        (b"HTTP/1.1 404 Not Found\r\nX: ", b"y"),
        (b"HTTP/1.1 200 OK", b"K"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n", b" "),
    ],
    ids=["no length", "length", "chunks", "packed", "headers", "status", "continue", "redirect"],
)
def test_no_trickle_outlasts_the_deadline(dripping, connect: Connect, first: bytes, byte: bytes) -> None:
    client = connect(dripping(first, byte).url, deadline_seconds=0.3)
    assert "did not answer in time" in str(within(2, client.myself))
    assert client.time() is None


@pytest.mark.parametrize("sent", [b"", HEAD, HEAD + b"Content-Length: 100\r\n\r\n{"])
def test_a_server_that_falls_silent_is_reported_as_too_slow(raw: Raw, connect: Connect, sent: bytes) -> None:
    servers: list[Server] = []

    def silent(request: bytes) -> Iterator[bytes]:
        yield sent
        servers[0].stop.wait(10)

    servers.append(raw(silent))
    client = connect(servers[0].url, timeout_seconds=0.2)
    assert "did not answer in time" in str(within(2, client.myself))


def test_the_deadline_holds_for_all_pages_together(raw: Raw, connect: Connect) -> None:
    def page(request: bytes) -> bytes:
        time.sleep(0.2)
        return reply([SOMEBODY], Link=f'<{server.url}/accounts/1/users?page=2>; rel="next"')

    server = raw(page)
    client = connect(server.url, deadline_seconds=0.5)
    assert "did not answer in time" in str(within(2, lambda: client.search_users(1, "ann")))
    assert len(server.requests) < 5


def test_connecting_counts_towards_the_deadline(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, {"school.example": [f"8.8.8.{n}" for n in range(20)]}, stand_in="127.0.0.1")
    with full_queue("127.0.0.1") as listener:
        for host in ("127.0.0.1", "school.example"):
            client = connect(f"http://{host}:{listener.getsockname()[1]}/api/v1", deadline_seconds=0.3)
            assert "did not answer in time" in str(within(2, client.myself))


def test_a_slow_look_up_counts_towards_the_deadline(
    dripping, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    names(monkeypatch, {"school.example": ["127.0.0.1"]}, takes=0.3)
    server = dripping(HEAD + b"X: ")
    client = connect(f"http://school.example:{server.port}/api/v1", deadline_seconds=0.1)
    assert "did not answer in time" in str(within(2, client.myself))


def test_a_slow_connection_counts_towards_the_handshake(connect: Connect) -> None:
    with full_queue("127.0.0.1") as listener, ThreadPoolExecutor(1) as threads:
        client = connect(f"https://127.0.0.1:{listener.getsockname()[1]}/api/v1", deadline_seconds=1.5)
        late = threads.submit(lambda: (time.sleep(0.2), listener.accept()[0], listener.accept()[0]))
        # The first attempt is lost, the next one follows after a second, and nobody shakes hands.
        assert "did not answer in time" in str(within(2.2, client.myself))
        for connection in late.result()[1:]:
            connection.close()


def test_each_caller_has_a_deadline_of_its_own(raw: Raw, connect: Connect) -> None:
    under_way, over = threading.Semaphore(0), threading.Event()

    def answer(request: bytes) -> Iterator[bytes]:
        if b"/users/7 " in request:
            yield HEAD + b"X: "
            # For ten seconds, so that a broken deadline is a failure and no endless wait.
            yield from (b"y" for _ in range(200) if not servers[0].stop.wait(0.05))
        else:
            under_way.release()
            over.wait(60)
        yield reply()

    servers = [raw(answer)]
    client = connect(servers[0].url, timeout_seconds=60, deadline_seconds=60)
    with ThreadPoolExecutor(8) as threads:
        others = [threads.submit(lambda: [client.myself() for _ in range(10)]) for _ in range(4)]
        try:
            assert all(under_way.acquire(timeout=30) for _ in others)
            # The others are waiting for their answers while these are cut off, each by its own deadline.
            hurried = [threads.submit(lambda: within(20, lambda: client.within(0.5).user(7))) for _ in range(4)]
            assert all("in time" in str(one.result()) for one in hurried)
        finally:
            over.set()
        assert all(len(other.result()) == 10 for other in others)


# -- size -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        reply(b" " * (MAX_ANSWER_BYTES + 1)),
        reply(gzip.compress(b" " * 4 * MAX_ANSWER_BYTES), Content_Encoding="gzip"),
        reply(b" " * (MAX_ANSWER_BYTES + 1), "500 Internal Server Error"),
    ],
    ids=["plain", "packed", "error"],
)
def test_an_answer_that_is_too_large_is_refused(raw: Raw, connect: Connect, answer: bytes) -> None:
    assert "could not be read" in str(within(5, connect(raw(answer).url).myself))


@pytest.mark.parametrize("status", ["200 OK", "302 Found"])
def test_an_answer_that_never_ends_is_read_only_up_to_the_limit(raw: Raw, connect: Connect, status: str) -> None:
    def answer(request: bytes) -> Iterator[bytes]:
        yield f"HTTP/1.1 {status}\r\nLocation: http://127.0.0.1:1/\r\n\r\n".encode()
        for _ in range(1000):
            yield b" " * 65536

    server = raw(answer)
    within(5, connect(server.url).myself)
    assert server.sent < 4 * MAX_ANSWER_BYTES


def test_an_answer_of_the_largest_size_is_read_and_so_are_packed_and_chunked_ones(raw: Raw, connect: Connect) -> None:
    large = WHOLE + b" " * (MAX_ANSWER_BYTES - len(WHOLE))
    assert connect(raw(reply(large)).url).myself().id == 7
    packed = gzip.compress(WHOLE)
    assert connect(raw(reply(packed, Content_Encoding="gzip")).url).myself().id == 7
    chunks = b"".join(b"%x\r\n%s\r\n" % (1, WHOLE[i : i + 1]) for i in range(len(WHOLE))) + b"0\r\n\r\n"
    server = raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
    client = connect(server.url)
    assert [client.myself().id for _ in range(3)] == [7, 7, 7]
    assert server.accepted == 1


@pytest.mark.parametrize(
    "cut",
    [
        HEAD + b"Content-Length: 100000\r\n\r\n" + WHOLE,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(WHOLE), WHOLE),
        HEAD + b"Connection: close\r\n\r\n" + WHOLE[:-1],
        HEAD + b"X: y",
        b"HTTP/1.1 ",
        b"",
    ],
)
def test_an_answer_that_is_cut_short_is_an_error(raw: Raw, connect: Connect, cut: bytes) -> None:
    def answer(request: bytes) -> Iterator[bytes]:
        yield cut
        raise ConnectionError

    within(2, connect(raw(answer).url).myself)


# -- one pool for many threads ----------------------------------------------------------------------------------------


def test_threads_share_connections(raw: Raw, connect: Connect) -> None:
    def answer(request: bytes) -> bytes:
        time.sleep(0.005)
        return reply({**SOMEBODY, "id": int(path_of(request).rpartition("/")[2])})

    server = raw(answer)
    client = connect(server.url, flight=6)
    with ThreadPoolExecutor(6) as threads:
        found = list(threads.map(lambda number: client.user(number).id, range(1, 181)))
    assert found == list(range(1, 181))
    assert len(server.requests) == 180
    assert 1 < server.accepted <= 6


def test_an_error_answer_leaves_the_connection_open(raw: Raw, connect: Connect) -> None:
    answers = iter(
        [reply({}, "404 No"), reply({}, "500 No"), reply(b"Rate Limit Exceeded", "403 No"), reply({}), reply()]
    )
    server = raw(lambda request: next(answers))
    client = connect(server.url)
    for kind in (NotFound, CanvasDown, Throttled, CanvasDown):
        within(2, client.myself, kind)
    assert client.myself().id == 7
    assert server.accepted == 1


def test_a_connection_that_was_closed_meanwhile_is_opened_again(raw: Raw, connect: Connect) -> None:
    def answer(request: bytes) -> Iterator[bytes]:
        yield reply()
        raise ConnectionError

    server = raw(answer)
    client = connect(server.url)
    for _ in range(3):
        assert client.myself().id == 7
        server.wait_until_all_are_closed()
    assert server.accepted == 3
