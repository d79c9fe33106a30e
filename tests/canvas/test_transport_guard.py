"""Where connections go: no private address, whatever a name leads to; and TLS with the name that was judged."""

import ssl
from urllib.parse import urlsplit

import pytest

from ascriptica_plugin.canvas.errors import AddressRefused, CanvasDown
from ascriptica_plugin.canvas.transport import is_public

from ..practice_canvas import Practice
from ..servers import TOKEN, Connect, Raw, reply, within
from .strange_network import HEAD, full_queue, names

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


def test_public_addresses_are_distinguished_from_private_ones() -> None:
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


def test_this_machine_is_refused_by_ipv6_too(connect: Connect) -> None:
    """Nothing listens there, and the machine may have no IPv6: so a client that is let through fails otherwise."""
    url = "http://[::1]:1/api/v1"
    within(2, connect(url, allow_private=False).myself, AddressRefused)
    within(2, connect(url).myself, CanvasDown)


@pytest.mark.parametrize("address", PRIVATE)
def test_a_name_that_leads_to_a_private_address_is_refused(
    raw: Raw, connect: Connect, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    server = raw(reply())
    names(monkeypatch, {"school.example": [address], "mixed.example": ["8.8.8.8", address]}, stand_in="127.0.0.1")
    for name in ("school.example", "mixed.example"):
        client = connect(f"http://{name}:{server.port}/api/v1", allow_private=False)
        error = within(2, client.myself, AddressRefused)
        assert str(error) == f"{name} is inside a private network."
    assert server.accepted == 0


def test_a_name_that_leads_to_a_private_address_later_is_refused_then(
    raw: Raw, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = raw(lambda request: reply(Connection="close"))
    answers = {"school.example": ["8.8.8.8"]}
    asked = names(monkeypatch, answers, stand_in="127.0.0.1")
    client = connect(f"http://school.example:{server.port}/api/v1", allow_private=False)
    assert client.myself().id == 7
    assert f"Host: school.example:{server.port}".encode() in server.requests[0]
    # One look-up is both checked and connected to; between two, the answer could change.
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
    with full_queue("127.0.0.2", server.port):
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


def test_an_answer_without_tls_is_distinguished_from_a_wrong_certificate(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, canvas: Practice
) -> None:
    names(monkeypatch, {"school.example": ["8.8.8.8"]}, stand_in="127.0.0.1")
    client = connect(f"https://school.example:{urlsplit(canvas.url).port}/api/v1", allow_private=False)
    assert "school.example does not speak https." in str(within(2, client.myself))


def test_tls_checks_the_name_and_connects_to_the_address_that_was_checked(
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


def test_a_handshake_that_never_ends_is_cut_off_at_the_deadline(raw: Raw, connect: Connect) -> None:
    server = raw(lambda request: None)
    client = connect(server.url.replace("http:", "https:"), deadline_seconds=0.3)
    assert "in time" in str(within(2, client.myself))
