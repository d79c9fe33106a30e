"""What people paste as the address of their Canvas, row by row: what it becomes, or why it is refused."""

import random
import socket
from functools import partial

import pytest

from ascriptica_plugin.canvas.addresses import canvas_url
from ascriptica_plugin.canvas.transport import is_public

from .refused import (
    BEGIN_WITH_HTTPS,
    COPY_AGAIN,
    LONG_LABEL,
    LOOKS_LIKE,
    NO_PASSWORD,
    ON_THE_INTERNET,
    PLAIN_HTTP,
    SCHOOL,
    refusal,
)


@pytest.mark.parametrize(
    "typed",
    [
        "school.instructure.com",
        "School.Instructure.COM",
        "HTTPS://SCHOOL.instructure.com",
        "  https://school.instructure.com\n",
        "school.instructure.com/",
        "//school.instructure.com",
        "https://school.instructure.com",
        "https://school.instructure.com/",
        "https://school.instructure.com.",
        "https://school.instructure.com./api/v1",
        "https://school.instructure.com:443/",
        "https://school.instructure.com:",
        "school.instructure.com:443",
        "https://school.instructure.com:0443/api/v1",
        "https://school.instructure.com/api/v1",
        "https://school.instructure.com/api/v1/",
        "https://school.instructure.com/api/v1/api/v1",
        "https://school.instructure.com//api//v1",
        "https://school.instructure.com/API/V1",
        "https://school.instructure.com/courses/42/users?x=1#y",
        "https://school.instructure.com?next=https://elsewhere.example",
        "https://school.instructure.com#@elsewhere.example",
        "https://school.instructure.com/profile?mail=ann@school.example",
        "school.instructure.com/login?return_to=https://elsewhere.example/",
        "https://https://school.instructure.com/",
        "http://https://school.instructure.com/",
        "school。instructure。com。",
        "ｓｃｈｏｏｌ.instructure.com",
        "school\u200b.instructure.com",
    ],
)
def test_a_canvas_is_known_by_any_form_of_its_address(typed: str) -> None:
    assert canvas_url(typed) == SCHOOL
    assert canvas_url(typed, allow_private=True) == SCHOOL


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("https://canvas.school.example:8443/courses/1", "https://canvas.school.example:8443/api/v1"),
        ("canvas.school.example:8443", "https://canvas.school.example:8443/api/v1"),
        ("https://schüle.example/", "https://xn--schle-mva.example/api/v1"),
        ("SCHÜLE.example", "https://xn--schle-mva.example/api/v1"),
        ("https://xn--schle-mva.example", "https://xn--schle-mva.example/api/v1"),
        # As browsers read it; the older reading, strasse.example, is another's name.
        ("https://straße.example", "https://xn--strae-oqa.example/api/v1"),
        ("https://学校.example", "https://xn--48s290a.example/api/v1"),
        ("canvas.xn--p1ai", "https://canvas.xn--p1ai/api/v1"),
        ("my_school.example.org", "https://my_school.example.org/api/v1"),
        ("10.0.0.1.example.org", "https://10.0.0.1.example.org/api/v1"),
        ("https://8.8.8.8/", "https://8.8.8.8/api/v1"),
        ("https://[2606:4700:0::1111]/", "https://[2606:4700::1111]/api/v1"),
        ("https://[2606:4700::1111]:8443", "https://[2606:4700::1111]:8443/api/v1"),
        (f"{LONG_LABEL[1:]}.example.org", f"https://{LONG_LABEL[1:]}.example.org/api/v1"),
    ],
)
def test_other_hosts_and_ports_are_read_as_web_service_urls(typed: str, url: str) -> None:
    assert canvas_url(typed) == url
    assert canvas_url(url) == url


REFUSED = [
    ("", "Enter your Canvas address"),
    (" \t\n ", "Enter your Canvas address"),
    ("ftp://school.instructure.com", BEGIN_WITH_HTTPS),
    ("file:///etc/passwd", BEGIN_WITH_HTTPS),
    ("gopher://school.instructure.com", BEGIN_WITH_HTTPS),
    ("javascript:alert(1)", BEGIN_WITH_HTTPS),
    ("javascript://school.instructure.com/%0aalert(1)", BEGIN_WITH_HTTPS),
    ("JavaScript://school.instructure.com", BEGIN_WITH_HTTPS),
    ("data:text/html,x", BEGIN_WITH_HTTPS),
    ("https:school.instructure.com", BEGIN_WITH_HTTPS),
    ("http://school.instructure.com", PLAIN_HTTP),
    ("HTTP://school.instructure.com:80/api/v1", PLAIN_HTTP),
    ("http://school.instructure.com:443", PLAIN_HTTP),
    ("http://8.8.8.8", PLAIN_HTTP),
    ("https://ann:secret@school.instructure.com", NO_PASSWORD),
    ("https://ann@school.instructure.com", NO_PASSWORD),
    ("https://school.instructure.com@elsewhere.example", NO_PASSWORD),
    ("https://school.instructure.com:x@elsewhere.example", NO_PASSWORD),
    ("ann:secret@school.instructure.com", NO_PASSWORD),
    ("ann@school.example", NO_PASSWORD),
    ("http://ann:secret@127.0.0.1", NO_PASSWORD),
    ("https://school. instructure.com", COPY_AGAIN),
    ("my school", COPY_AGAIN),
    ("https://school.instructure.com\nhttps://elsewhere.example", COPY_AGAIN),
    ("https://school.instructure.com\r\nX: y", COPY_AGAIN),
    ("https://school\t.instructure.com", COPY_AGAIN),
    ("https://school.instructure.com\x00", COPY_AGAIN),
    ("https://school.instructure.com\x7f", COPY_AGAIN),
    ("https://school\u2028.instructure.com", COPY_AGAIN),
    ("https://school\xa0.instructure.com", COPY_AGAIN),
    ("https:\\\\school.instructure.com", COPY_AGAIN),
    ("https://school.instructure.com\\@elsewhere.example", COPY_AGAIN),
    ("https://", LOOKS_LIKE),
    ("https:///", LOOKS_LIKE),
    ("https:///school.instructure.com", LOOKS_LIKE),
    ("https://?x", LOOKS_LIKE),
    ("https://.", LOOKS_LIKE),
    ("https://:443", LOOKS_LIKE),
    ("://school.instructure.com", LOOKS_LIKE),
    ("/", LOOKS_LIKE),
    ("...", LOOKS_LIKE),
    ("https://school..instructure.com", LOOKS_LIKE),
    ("https://.school.instructure.com", LOOKS_LIKE),
    ("https://-school.instructure.com", LOOKS_LIKE),
    ("https://school-.instructure.com", LOOKS_LIKE),
    ("https://school,instructure.com", LOOKS_LIKE),
    ("https://school%2einstructure.com", LOOKS_LIKE),
    ("https://%31%32%37.0.0.1", LOOKS_LIKE),
    ("<b>.example.org", LOOKS_LIKE),
    ("school.instructure.c", LOOKS_LIKE),
    ("https://school.instructure.com:0", LOOKS_LIKE),
    ("https://school.instructure.com:65536", LOOKS_LIKE),
    ("https://school.instructure.com:123456789", LOOKS_LIKE),
    ("https://school.instructure.com:-1", LOOKS_LIKE),
    ("https://school.instructure.com:x", LOOKS_LIKE),
    ("https://school.instructure.com:４４３", LOOKS_LIKE),
    ("https://school.instructure.com:1:2", LOOKS_LIKE),
    ("https://[", LOOKS_LIKE),
    ("https://]", LOOKS_LIKE),
    ("https://[]", LOOKS_LIKE),
    ("https://[::1", LOOKS_LIKE),
    ("https://[v1.example]", LOOKS_LIKE),
    ("https://[school.instructure.com]", LOOKS_LIKE),
    ("https://school[::1].com", LOOKS_LIKE),
    ("https://[::1].school.instructure.com", LOOKS_LIKE),
    ("https://[fe80::1%25eth0]", LOOKS_LIKE),
    ("https://[2606:4700::1111]x", LOOKS_LIKE),
    ("https://school\u202e.instructure.com", LOOKS_LIKE),
    ("https://school\u2100.instructure.com", LOOKS_LIKE),
    ("https://\ud800.instructure.com", LOOKS_LIKE),
    (f"https://{LONG_LABEL}.example.org", LOOKS_LIKE),
    (f"https://{'a.' * 126}example", LOOKS_LIKE),
    (f"https://{'ä' * 60}.example", LOOKS_LIKE),
    (f"https://school.instructure.com/{'x' * 3000}", "too long"),
    (f"https://{'ä' * 3000}.example", "too long"),
]


@pytest.mark.parametrize(("typed", "remedy"), REFUSED)
def test_a_text_that_is_no_address_is_refused_with_the_remedy(typed: str, remedy: str) -> None:
    sentence = refusal(canvas_url, typed)
    assert remedy in sentence
    assert "secret" not in sentence


@pytest.mark.parametrize(
    ("typed", "remedy"),
    # Plain http to an address of one's own is its own test.
    [(typed, remedy) for typed, remedy in REFUSED if remedy != PLAIN_HTTP],
)
def test_allowing_private_networks_lets_no_broken_address_in(typed: str, remedy: str) -> None:
    assert remedy in refusal(partial(canvas_url, allow_private=True), typed)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST.",
        "canvas",
        "canvas.localhost",
        "canvas.local",
        "canvas.internal",
        "metadata.google.internal",
        "127.0.0.1",
        "127.255.255.254",
        "１２７.0.0.1",
        "127。0。0。1",
        "127.0.0.1.",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "[::]",
        "[::1]",
        "[::ffff:10.0.0.1]",
        "[::ffff:7f00:1]",
        "[::10.0.0.1]",
        "[64:ff9b::10.0.0.1]",
        "[2002:a00:1::]",
        "[fd00::1]",
        "[fe80::1]",
        "[fec0::1]",
        "[ff02::1]",
    ],
)
def test_private_networks_are_refused_unless_allowed(host: str) -> None:
    for typed in (host, f"https://{host}", f"https://{host}:8443/api/v1", f"http://{host}"):
        assert ON_THE_INTERNET in refusal(canvas_url, typed)
    assert canvas_url(f"https://{host}", allow_private=True).startswith("https://")


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0X7F.1",
        "127.1",
        "127.0.1",
        "127.01",
        "127.0.0.01",
        "0177.0.0.01",
        "0x7f.0x0.0x0.0x1",
        "10.0x00",
        "10.1",
        "0",
        "0x",
        "10.0.0.1.1",
        "256.0.0.1",
        "①②⑦.1",
    ],
)
def test_ip_addresses_in_forms_that_only_resolvers_read_are_refused(host: str) -> None:
    for typed in (host, f"https://{host}", f"https://{host}.:8443/"):
        assert LOOKS_LIKE in refusal(canvas_url, typed)
        assert LOOKS_LIKE in refusal(partial(canvas_url, allow_private=True), typed)


def test_a_number_that_is_taken_as_an_address_is_the_one_that_the_resolver_makes_of_it() -> None:
    """Numbers in every base and of every length, against this system's resolver, which looks nothing up for them."""
    chance = random.Random(7)
    parts = ["0", "1", "01", "127", "0177", "0x7f", "10", "012", "0xa", "255", "65535", "2130706433", "0x", "8", "9"]
    taken = 0
    for _ in range(500):
        host = ".".join(chance.choices(parts, k=chance.choice([1, 2, 3, 4, 4, 4, 5])))
        try:
            made = canvas_url(host)
        except ValueError:
            made = None
        try:
            address = socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)[0][4][0]
        except OSError:
            address = None
        if made:
            assert is_public(address), host
            assert made == f"https://{address}/api/v1"
            taken += 1
    assert 5 < taken < 100


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("http://127.0.0.1:5001", "http://127.0.0.1:5001/api/v1"),
        ("http://127.0.0.1:5001/courses/1", "http://127.0.0.1:5001/api/v1"),
        ("http://127.0.0.1:80", "http://127.0.0.1/api/v1"),
        ("http://127.0.0.1:443", "http://127.0.0.1:443/api/v1"),
        ("http://LOCALHOST:5001/", "http://localhost:5001/api/v1"),
        ("http://canvas.localhost", "http://canvas.localhost/api/v1"),
        ("http://[::1]:5001", "http://[::1]:5001/api/v1"),
        ("127.0.0.1:5001", "https://127.0.0.1:5001/api/v1"),
        ("localhost:5001", "https://localhost:5001/api/v1"),
        ("https://10.0.0.1", "https://10.0.0.1/api/v1"),
        ("https://[fd00::1]", "https://[fd00::1]/api/v1"),
        ("https://canvas", "https://canvas/api/v1"),
        ("canvas.local", "https://canvas.local/api/v1"),
    ],
)
def test_private_addresses_are_read_where_they_are_allowed(typed: str, url: str) -> None:
    assert canvas_url(typed, allow_private=True) == url


@pytest.mark.parametrize(
    "typed",
    [
        "http://10.0.0.1",
        "http://192.168.1.1:5001",
        "http://169.254.169.254",
        "http://[fd00::1]",
        "http://[::ffff:10.0.0.1]",
        "http://0.0.0.0",
        "http://canvas",
        "http://canvas.local",
        "http://notlocalhost",
        "http://localhost.example.org",
        "http://school.instructure.com",
    ],
)
def test_plain_http_is_for_this_machine_alone(typed: str) -> None:
    assert PLAIN_HTTP in refusal(partial(canvas_url, allow_private=True), typed)


def test_a_host_without_a_dot_is_refused_if_it_is_no_name() -> None:
    for typed in ("https://!!!", "can%76as", "https://can'vas", "bad!.local", f"https://{LONG_LABEL}"):
        assert LOOKS_LIKE in refusal(partial(canvas_url, allow_private=True), typed)
