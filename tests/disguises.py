"""What a secret may look like where it must not be, and a search that finds it."""

import base64
import html
import re
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes


def disguises(token: str) -> set[bytes]:
    """What may be left of the token, in small letters: its ends, or all of it backwards, in hex, or in base64."""
    raw = token.encode()
    packed = [base64.b64encode(b"x" * shift + raw)[4:-4] for shift in range(3)]
    found = [raw[:12], raw[-12:], raw[::-1], raw.hex().encode(), *packed]
    return {one.lower() for one in found} | {one.translate(bytes.maketrans(b"+/", b"-_")).lower() for one in found}


def around(marks: Iterable[bytes], data: bytes) -> list[bytes]:
    """The text around each mark that is found in it."""
    found = []
    for said in (data.lower(), _plainly(data)):
        places = [said.find(mark) for mark in marks]
        found += [said[max(0, at - 150) : at + 100] for at in places if at >= 0]
    return found


def _plainly(data: bytes) -> bytes:
    """The same in small letters, without escapes of addresses, of JSON and of HTML, and without NULs."""
    data = re.sub(rb"\\+u00([0-9a-fA-F]{2})|\\+x([0-9a-fA-F]{2})", rb"%\1\2", data)
    data = re.sub(rb"&#x?[0-9a-fA-F]+;?", lambda found: html.unescape(found[0].decode()).encode(), data)
    return unquote_to_bytes(unquote_to_bytes(data)).replace(b"\x00", b"").lower()
