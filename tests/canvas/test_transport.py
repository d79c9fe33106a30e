"""HTTP with guard and deadline, over real sockets: time, size, where connections go, TLS, and one pool for many."""

import gzip
import json
import socket
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ascriptica_plugin.canvas.answers import MAX_ANSWER_BYTES
from ascriptica_plugin.canvas.errors import AddressRefused, CanvasDown, NotFound, Throttled
from ascriptica_plugin.canvas.transport import is_public

from ..practice_canvas import Practice
from ..servers import SELF, SOMEBODY, TOKEN, Connect, Raw, Server, path_of, reply, within

# -- time -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["trickle", "trickle_headers", "hang"])
def test_answers_without_end_end_at_the_deadline(canvas: Practice, connect: Connect, fault: str) -> None:
    client = connect(canvas.api, canvas.token, deadline_seconds=0.4)
    client.myself()
    canvas.faults({"match": SELF, "fault": fault})
    assert "did not answer in time" in str(within(3, client.myself))
    assert client.myself().name == "Practice Admin"


HEAD = b"HTTP/1.1 200 OK\r\nDate: Mon, 05 Jan 2026 10:00:00 GMT\r\n"
WHOLE = json.dumps(SOMEBODY).encode()


@pytest.mark.parametrize(
    ("first", "byte"),
    [
        # Whatever came before the cut is a whole answer by itself.
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
def test_a_server_that_falls_silent(raw: Raw, connect: Connect, sent: bytes) -> None:
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


@contextmanager
def full_house(address: str, port: int = 0) -> Iterator[socket.socket]:
    """A listener whose queue is full: to connect there is to wait for nothing."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind((address, port))
        listener.listen(0)
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            with suppress(BlockingIOError):
                waiting.connect(listener.getsockname())
        yield listener


def test_connecting_counts_towards_the_deadline(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, {"school.example": [f"8.8.8.{n}" for n in range(20)]}, stand_in="127.0.0.1")
    with full_house("127.0.0.1") as listener:
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
    with full_house("127.0.0.1") as listener, ThreadPoolExecutor(1) as threads:
        client = connect(f"https://127.0.0.1:{listener.getsockname()[1]}/api/v1", deadline_seconds=1.5)
        late = threads.submit(lambda: (time.sleep(0.2), listener.accept()[0], listener.accept()[0]))
        # The first attempt is lost, the next one follows after a second, and nobody shakes hands.
        assert "did not answer in time" in str(within(2.2, client.myself))
        for connection in late.result()[1:]:
            connection.close()


def test_one_callers_deadline_is_not_anothers(raw: Raw, connect: Connect) -> None:
    def answer(request: bytes) -> bytes:
        if b"/users/7 " in request:
            server.stop.wait(10)
        time.sleep(0.01)
        return reply()

    server = raw(answer)
    client = connect(server.url, deadline_seconds=0.5)
    with ThreadPoolExecutor(5) as threads:
        stuck = threads.submit(lambda: within(3, lambda: client.user(7)))
        others = [threads.submit(lambda: [client.myself() for _ in range(50)]) for _ in range(4)]
        assert "in time" in str(stuck.result())
        assert all(len(other.result()) == 50 for other in others)


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
def test_too_large(raw: Raw, connect: Connect, answer: bytes) -> None:
    assert "could not be read" in str(within(5, connect(raw(answer).url).myself))


@pytest.mark.parametrize("status", ["200 OK", "302 Found"])
def test_no_end_of_bytes(raw: Raw, connect: Connect, status: str) -> None:
    def answer(request: bytes) -> Iterator[bytes]:
        yield f"HTTP/1.1 {status}\r\nLocation: http://127.0.0.1:1/\r\n\r\n".encode()
        for _ in range(1000):
            yield b" " * 65536

    server = raw(answer)
    within(5, connect(server.url).myself)
    assert server.sent < 4 * MAX_ANSWER_BYTES


def test_just_not_too_large_and_packed_and_in_chunks(raw: Raw, connect: Connect) -> None:
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
def test_an_answer_cut_short(raw: Raw, connect: Connect, cut: bytes) -> None:
    def answer(request: bytes) -> Iterator[bytes]:
        yield cut
        raise ConnectionError

    within(2, connect(raw(answer).url).myself)


# -- where connections go ---------------------------------------------------------------------------------------------


def names(
    monkeypatch: pytest.MonkeyPatch, answers: dict[str, list[str]], *, stand_in: str | None = None, takes: float = 0
) -> list[str]:
    """Stands for DNS, and lists the names that were looked up; a test may change `answers` later. `takes`: seconds.

    Every address but 127.0.0.2 really leads to `stand_in`, so that nothing leaves this machine.
    """
    real, asked = socket.getaddrinfo, []

    def look_up(name: str, port: int, *args: object, **more: object) -> list:
        if name not in answers:
            leads_to = stand_in if stand_in and not name.startswith("127.0.0.2") else name
            return real(leads_to, port, *args, **more)
        asked.append(name)
        time.sleep(takes)
        if not answers[name]:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [
            (socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in answers[name]
        ]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


PRIVATE = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.255",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::10.0.0.1",
    "::8.8.8.8",
    "::ffff:0:127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::10.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b:1::8.8.8.8",
    "100::1",
    "2001:db8::1",
    "2001::1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "4000::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "172.15.255.255",
    "172.32.0.1",
    "192.167.255.255",
    "2606:4700::1111",
    "2a00:1450::1",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "2002:808:808::1",
]


def test_which_addresses_are_public() -> None:
    assert [address for address in PRIVATE if is_public(address)] == []
    assert [address for address in PUBLIC if not is_public(address)] == []
    for nonsense in ("", "school.example", "127.1", "0x7f.1", "2130706433", "127.0.0.01", "[::1]", "8.8.8.8:443"):
        with pytest.raises(ValueError, match="does not appear to be"):
            is_public(nonsense)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "0177.0.0.01", "0"])
def test_this_machine_is_refused_before_a_byte_is_sent(raw: Raw, connect: Connect, host: str) -> None:
    server = raw(reply())
    url = f"http://{host}:{server.port}/api/v1"
    error = within(2, connect(url, allow_private=False).myself, AddressRefused)
    assert "inside a private network" in str(error)
    assert server.accepted == 0
    # It is the check that keeps the client away, not the form of the name.
    assert connect(url).myself().id == 7


def test_this_machine_by_ipv6(raw: Raw, connect: Connect) -> None:
    try:
        server = raw(reply(), host="::1")
    except OSError:
        pytest.skip("This machine has no IPv6.")
    within(2, connect(server.url, allow_private=False).myself, AddressRefused)
    assert server.accepted == 0
    assert connect(server.url).myself().id == 7


@pytest.mark.parametrize("address", PRIVATE)
def test_names_of_private_addresses(raw: Raw, connect: Connect, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    server = raw(reply())
    names(monkeypatch, {"school.example": [address], "mixed.example": ["8.8.8.8", address]}, stand_in="127.0.0.1")
    for name in ("school.example", "mixed.example"):
        client = connect(f"http://{name}:{server.port}/api/v1", allow_private=False)
        error = within(2, client.myself, AddressRefused)
        assert str(error) == f"{name} is inside a private network."
    assert server.accepted == 0


def test_a_name_that_turns_private_later(raw: Raw, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    server = raw(lambda request: reply(Connection="close"))
    answers = {"school.example": ["8.8.8.8"]}
    asked = names(monkeypatch, answers, stand_in="127.0.0.1")
    client = connect(f"http://school.example:{server.port}/api/v1", allow_private=False)
    assert client.myself().id == 7
    assert f"Host: school.example:{server.port}".encode() in server.requests[0]
    # Judged and connected to are the same look-up; between two, an answer could change.
    assert asked == ["school.example"]
    answers["school.example"] = ["127.0.0.1"]
    within(2, client.myself, AddressRefused)
    assert server.accepted == 1
    answers["school.example"] = ["8.8.8.8"]
    assert client.myself().id == 7


def test_the_next_address_is_tried(raw: Raw, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    server = raw(reply())
    # At 127.0.0.2 the first one refuses.
    names(monkeypatch, {"school.example": ["127.0.0.2", "127.0.0.1"], "away.example": ["127.0.0.2"], "no.example": []})
    assert connect(f"http://school.example:{server.port}/api/v1").myself().id == 7
    for name, words in (("away", "could not be reached"), ("no", "There is no server")):
        error = within(2, connect(f"http://{name}.example:{server.port}/api/v1").myself)
        assert words in str(error)
        assert not error.leaves_doubt


def test_the_next_address_is_tried_after_one_that_is_silent(
    raw: Raw, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = raw(reply())
    names(monkeypatch, {"school.example": ["127.0.0.2", "127.0.0.1"]})
    with full_house("127.0.0.2", server.port):
        client = connect(f"http://school.example:{server.port}/api/v1", timeout_seconds=0.2)
        assert client.myself().id == 7


@pytest.mark.parametrize("allow_private", [True, False])
def test_proxies_and_netrc_of_the_environment_are_ignored(
    raw: Raw, connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path, allow_private: bool
) -> None:
    proxy, server = raw(reply()), raw(reply())
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.origin)
        monkeypatch.setenv(name.lower(), proxy.origin)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    netrc = tmp_path / "netrc"
    netrc.write_text("default login ann password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    names(monkeypatch, {"school.example": ["8.8.8.8"]}, stand_in="127.0.0.1")
    client = connect(f"http://school.example:{server.port}/api/v1", allow_private=allow_private)
    assert client.myself().id == 7
    assert proxy.accepted == 0
    assert f"Authorization: Bearer {TOKEN}".encode() in server.requests[0]


# -- TLS --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> str:
    """A certificate of its own authority for school.example, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "school.example")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("school.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "school.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return str(path)


@pytest.fixture
def tls(certificate: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


def test_tls_is_with_the_name_and_to_the_judged_address(
    raw: Raw, connect: Connect, monkeypatch: pytest.MonkeyPatch, tls: ssl.SSLContext, certificate: str
) -> None:
    server = raw(reply(), context=tls)
    names(monkeypatch, {"school.example": ["8.8.8.8"], "other.example": ["8.8.8.8"]}, stand_in="127.0.0.1")
    client = connect(f"https://school.example:{server.port}/api/v1", allow_private=False)
    assert "could not prove its identity" in str(within(2, client.myself))
    other = connect(f"https://other.example:{server.port}/api/v1", allow_private=False, ca_file=certificate)
    assert "could not prove its identity" in str(within(2, other.myself))
    assert server.requests == []
    trusting = connect(client.url, allow_private=False, ca_file=certificate)
    assert [trusting.myself().id for _ in range(3)] == [7, 7, 7]
    assert server.accepted == 3


def test_tls_too_ends_at_the_deadline(
    dripping, connect: Connect, monkeypatch: pytest.MonkeyPatch, tls: ssl.SSLContext, certificate: str
) -> None:
    names(monkeypatch, {"school.example": ["8.8.8.8"]}, stand_in="127.0.0.1")
    for first in (HEAD + b"X: ", HEAD + b"Content-Length: 100000\r\n\r\n"):
        server = dripping(first, context=tls)
        url = f"https://school.example:{server.port}/api/v1"
        client = connect(url, deadline_seconds=0.3, ca_file=certificate)
        assert "did not answer in time" in str(within(2, client.myself))
        assert len(server.requests) == 1


def test_a_handshake_without_end(raw: Raw, connect: Connect) -> None:
    server = raw(lambda request: None)
    client = connect(server.url.replace("http:", "https:"), deadline_seconds=0.3)
    assert "in time" in str(within(2, client.myself))


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


def test_errors_keep_the_connection(raw: Raw, connect: Connect) -> None:
    answers = iter(
        [reply({}, "404 No"), reply({}, "500 No"), reply(b"Rate Limit Exceeded", "403 No"), reply({}), reply()]
    )
    server = raw(lambda request: next(answers))
    client = connect(server.url)
    for kind in (NotFound, CanvasDown, Throttled, CanvasDown):
        within(2, client.myself, kind)
    assert client.myself().id == 7
    assert server.accepted == 1


def test_a_connection_that_was_closed_meanwhile(raw: Raw, connect: Connect) -> None:
    def answer(request: bytes) -> Iterator[bytes]:
        yield reply()
        raise ConnectionError

    server = raw(answer)
    client = connect(server.url)
    for _ in range(3):
        assert client.myself().id == 7
        server.wait_until_all_are_closed()
    assert server.accepted == 3
