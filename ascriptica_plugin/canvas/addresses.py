"""Reads what people paste: the address of a Canvas, a course, a section or an account. Works on text only.

Each function returns the form that we store, or raises ValueError with a sentence for the person who typed it.
"""

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import idna

from ..shared.language import Marked, t
from .transport import is_public

API_PATH = "/api/v1"
LONGEST = 2000
NO_ADDRESS: Marked[str] = "That is not an address. An address looks like https://school.instructure.com/api/v1."
COURSE_ELSEWHERE: Marked[str] = "That course is on {there}, but this office is connected to {ours}."
SECTION_ELSEWHERE: Marked[str] = "That section is on {there}, but this office is connected to {ours}."
ACCOUNT_ELSEWHERE: Marked[str] = "That account is on {there}, but the web service URL leads to {ours}."
_PORTS = {"https": 443, "http": 80}


class _Site(NamedTuple):
    """Where an address leads; the host in lower-case ASCII, without brackets or a final dot."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == _PORTS[self.scheme] else f"{name}:{self.port}"


def canvas_url(typed: str, *, allow_private: bool = False) -> str:
    """The web service URL `https://HOST/api/v1` from a host name, the address of any Canvas page, or the URL itself.

    `allow_private` allows private networks, and plain http on this machine itself.
    """
    text = typed.strip()
    if not text:
        raise ValueError(t("Enter your Canvas address, for example https://school.instructure.com/api/v1."))
    site = _site(text)
    if not allow_private and _is_inside(site.host):
        raise ValueError(
            t("That address is inside a private network. Enter the address that Canvas has on the internet.")
        )
    if site.scheme == "http" and not (allow_private and _is_loopback(site.host)):
        raise ValueError(t("Plain http would send the token unprotected. Enter the address with https://."))
    return f"{site.scheme}://{site}{API_PATH}"


def canvas_course(typed: str, canvas_url: str | None) -> str:
    """`"42"` or `"sis_course_id:X"` from a Canvas course ID, a SIS form or a course's address on that Canvas."""
    text = typed.strip()
    if found := _id(text, "sis_course_id"):
        return found
    if found := _id_in_address(text, "courses", "sis_course_id"):
        _refuse_elsewhere(text, canvas_url, COURSE_ELSEWHERE)
        return found
    raise ValueError(
        t(
            "Enter the Canvas course's ID (the number after /courses/ in its address), its address, or sis_course_id: "
            "followed by its SIS ID."
        )
    )


def canvas_section(typed: str, canvas_url: str | None = None) -> str:
    """`"17"` or `"sis_section_id:X"` from a Canvas section ID, a SIS form or a section's address on that Canvas."""
    text = typed.strip()
    if found := _id(text, "sis_section_id"):
        return found
    if found := _id_in_address(text, "sections", "sis_section_id"):
        _refuse_elsewhere(text, canvas_url, SECTION_ELSEWHERE)
        return found
    raise ValueError(t("Enter the Canvas section's ID, or sis_section_id: followed by its SIS ID."))


def canvas_account(typed: str, canvas_url: str | None = None) -> int:
    """The Canvas root ID from a number or an account's address on the Canvas of that web service URL."""
    text = typed.strip()
    if found := _id(text):
        return int(found)
    if found := _id_in_address(text, "accounts"):
        _refuse_elsewhere(text, canvas_url, ACCOUNT_ELSEWHERE)
        return int(found)
    raise ValueError(t("The Canvas root ID is the number after /accounts/ in Canvas's address bar."))


# -- ids --------------------------------------------------------------------------------------------------------------


def _id(text: str, sis_form: str = "") -> str | None:
    """A Canvas id without leading zeros, or a SIS id as `sis_form:ID`; None if it is neither."""
    if re.fullmatch("0*[1-9][0-9]{0,18}", text):
        number = text.lstrip("0")
        return number if int(number) < 2**63 else None
    if found := re.fullmatch("([1-9][0-9]{0,5})~([1-9][0-9]{0,12})", text):
        # The short form of an id of another shard: shard and number.
        whole = int(found[1]) * 10**13 + int(found[2])
        return str(whole) if whole < 2**63 else None
    form, colon, value = text.partition(":")
    value = value.strip()
    # No SIS id has unprintable characters such as line breaks or NUL, which PostgreSQL does not accept.
    if sis_form and colon and form.lower() == sis_form and value and value.isprintable():
        return f"{sis_form}:{value}"
    return None


def _id_in_address(text: str, kind: str, sis_form: str = "") -> str | None:
    match = re.search(f"/{kind}/([^/?#]+)", text)
    return _id(unquote(match[1]).strip(), sis_form) if match else None


def _refuse_elsewhere(text: str, canvas_url: str | None, sentence: str) -> None:
    """Raise ValueError with the sentence if a pasted address names a host other than this Canvas's."""
    is_path_alone = re.match("/(?!/)", text)
    if canvas_url and not is_path_alone:
        there, ours = str(_site(text)), str(_site(canvas_url))
        if there != ours:
            raise ValueError(t(sentence, there=there, ours=ours))


# -- hosts ------------------------------------------------------------------------------------------------------------


def _site(text: str) -> _Site:
    """Where an address leads. Raises ValueError if it is not a plain http or https address."""
    if re.search(r"[\s\x00-\x1f\x7f\\]", text):
        raise ValueError(t("The address has a space or a line break in it. Copy it again from Canvas's address bar."))
    if len(text) > LONGEST:
        raise ValueError(t("That address is too long. Its beginning is enough, as in https://school.instructure.com."))
    # Pasting into a field that holds https:// already gives it twice.
    text = re.sub("^(https?://)+(?=https?://)", "", text, flags=re.IGNORECASE)
    match = re.match(r"([a-z][a-z0-9+.-]{0,30})://", text, re.IGNORECASE)
    scheme, rest = (match[1].lower(), text[match.end() :]) if match else ("https", text.lstrip("/"))
    netloc = re.split("[/?#]", rest, maxsplit=1)[0]
    if scheme not in _PORTS:
        raise ValueError(
            t("An address that begins with {scheme}:// can't be Canvas's. It must begin with https://.", scheme=scheme)
        )
    if "@" in netloc:
        raise ValueError(
            t("Remove the user name and password from the address. The token below is all that is needed.")
        )
    if not match and re.match(r"[a-z][a-z0-9+-]*:(?![0-9])", text, re.IGNORECASE):
        raise ValueError(t("The address must begin with https://."))
    match = re.fullmatch(r"(\[.*\]|[^\[\]:]+)(?::([0-9]{0,5}))?", netloc)
    host = _host(match[1]) if match else None
    port = int(match[2] or _PORTS[scheme]) if match else 0
    if host is None or not 0 < port < 2**16:
        raise ValueError(t(NO_ADDRESS))
    return _Site(scheme, host, port)


def _host(typed: str) -> str | None:
    """The host name or IP address in the form in which it is looked up; None if it is neither."""
    try:
        if typed.startswith("["):
            # No scoped address: the part after its % would need an encoding of its own.
            return None if "%" in typed else str(ipaddress.IPv6Address(typed[1:-1]))
        host = typed.lower() if typed.isascii() else idna.encode(typed, uts46=True).decode()
    except ValueError:
        return None
    host = host.rstrip(".")
    labels = host.split(".")
    if len(host) > 253 or not all(re.fullmatch(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", label) for label in labels):
        return None
    # Resolvers also read 127.1, 0x7f.1 and 2130706433 as IP addresses; we accept only the usual form.
    if re.fullmatch("[0-9]+|0x[0-9a-f]*", labels[-1]):
        return host if _is_ip(host) else None
    return host if len(labels) == 1 or len(labels[-1]) > 1 else None


def _is_ip(host: str) -> bool:
    try:
        return bool(ipaddress.ip_address(host))
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    return ipaddress.ip_address(host).is_loopback if _is_ip(host) else _is_below(host, "localhost")


def _is_inside(host: str) -> bool:
    if _is_ip(host):
        return not is_public(host)
    return "." not in host or _is_below(host, "localhost", "local", "internal")


def _is_below(host: str, *ends: str) -> bool:
    return host.rpartition(".")[2] in ends


def course_page(canvas_url: str, canvas_course_id: int) -> str:
    """The page of a Canvas course, for people; `canvas_url` is the web service URL."""
    parts = urlsplit(canvas_url)
    return f"{parts.scheme}://{parts.netloc}/courses/{canvas_course_id}"
