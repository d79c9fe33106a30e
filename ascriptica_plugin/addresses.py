"""What people paste: Canvas's address, a course, an account. Pure text work; knows no Flask, no database, no network.

Each function returns the tidy form or raises ValueError, whose text is a sentence for the person who typed.
"""

import ipaddress
import re
from urllib.parse import unquote, urlsplit

from .canvas import is_public

API_PATH = "/api/v1"


def canvas_url(typed: str, *, allow_private: bool = False) -> str:
    """The web service URL `https://HOST/api/v1` from whatever names a Canvas: a bare host, any page of it, the URL.

    `allow_private` lets in private networks, and plain http on this machine itself.
    """
    text = typed.strip()
    if not text:
        raise ValueError("Enter your Canvas address, for example https://school.instructure.com/api/v1.")
    if re.search(r"[\s\x00-\x1f\x7f\\]", text):
        raise ValueError("The address has a space or a line break in it. Copy it again from Canvas's address bar.")
    if "://" not in text and re.match(r"[a-z][a-z0-9+-]*:(?!\d)", text, re.IGNORECASE):
        raise ValueError("The address must begin with https://.")
    parts = urlsplit(text if "://" in text else f"https://{text.lstrip('/')}")
    try:
        scheme, host, port = parts.scheme.lower(), (parts.hostname or "").rstrip("."), parts.port
        host = host.encode("idna").decode() if not host.isascii() else host
    except (ValueError, UnicodeError):
        raise ValueError("That is not an address. It looks like https://school.instructure.com/api/v1.") from None
    if scheme not in ("https", "http"):
        raise ValueError(f"An address that begins with {scheme}:// can't be Canvas's. It must begin with https://.")
    if "@" in parts.netloc:
        raise ValueError("Take the user name and password out of the address. The token below is all that is needed.")
    inside = _is_inside(host)
    if inside and not allow_private:
        raise ValueError("That address is inside a private network. Enter the address that Canvas has on the internet.")
    if not inside and not re.fullmatch(r"([a-z0-9_]([a-z0-9_-]*[a-z0-9_])?\.)+[a-z0-9-]{2,}", host):
        raise ValueError("That is not an address. It looks like https://school.instructure.com/api/v1.")
    if scheme == "http" and not (allow_private and _is_loopback(host)):
        raise ValueError("Plain http would send the token unprotected. Enter the address with https://.")
    name = f"[{host}]" if ":" in host else host
    usual = {"https": 443, "http": 80}[scheme]
    return f"{scheme}://{name}{f':{port}' if port not in (None, usual) else ''}{API_PATH}"


def canvas_course(typed: str, canvas_url: str | None) -> str:
    """`"42"` or `"sis_course_id:X"` from a Canvas course ID, a SIS form or a course's address on that Canvas."""
    text = typed.strip()
    if re.fullmatch(r"0*[1-9]\d{0,18}", text):
        return str(int(text))
    if match := re.fullmatch(r"sis_course_id:\s*(\S(?:.*\S)?)", text, re.IGNORECASE):
        return f"sis_course_id:{match[1]}"
    if match := re.search(r"/courses/(sis_course_id:[^/?#]+|\d{1,19})(?=$|[/?#])", text):
        parts = urlsplit(text if "://" in text else f"https://{text}")
        if canvas_url and parts.netloc.lower() != urlsplit(canvas_url).netloc:
            ours = urlsplit(canvas_url).netloc
            raise ValueError(f"That course is on {parts.netloc}, but this office is connected to {ours}.")
        return canvas_course(unquote(match[1]), None)
    raise ValueError(
        "Enter the Canvas course's ID (the number after /courses/ in its address), its address, or sis_course_id: "
        "followed by its SIS ID."
    )


def canvas_section(typed: str) -> str:
    """`"17"` or `"sis_section_id:X"` from a Canvas section ID, a SIS form or a section's address."""
    text = typed.strip()
    if re.fullmatch(r"0*[1-9]\d{0,18}", text):
        return str(int(text))
    if match := re.fullmatch(r"sis_section_id:\s*(\S(?:.*\S)?)", text, re.IGNORECASE):
        return f"sis_section_id:{match[1]}"
    if match := re.search(r"/sections/(\d{1,19})(?=$|[/?#])", text):
        return str(int(match[1]))
    raise ValueError("Enter the Canvas section's ID, or sis_section_id: followed by its SIS ID.")


def canvas_account(typed: str) -> int:
    """The Canvas root ID from a number or a pasted account address."""
    text = typed.strip()
    match = re.fullmatch(r"\d{1,19}", text) or re.search(r"/accounts/(\d{1,19})(?=$|[/?#])", text)
    number = int(match[match.lastindex or 0]) if match else 0
    if not 0 < number < 2**63:
        raise ValueError("The Canvas root ID is the number after /accounts/ in Canvas's address bar.")
    return number


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _is_inside(host: str) -> bool:
    try:
        return not is_public(host)
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".local", ".internal"))
