"""What a secret may look like where it must not be."""

import base64


def disguises(token: str) -> set[bytes]:
    """What may be left of the token: its ends, it backwards, in hex, and at any offset in base64; in small letters."""
    raw = token.encode()
    packed = [base64.b64encode(b"x" * shift + raw)[4:-4] for shift in range(3)]
    found = [raw[:12], raw[-12:], raw[::-1], raw.hex().encode(), *packed]
    return {one.lower() for one in found} | {one.translate(bytes.maketrans(b"+/", b"-_")).lower() for one in found}
