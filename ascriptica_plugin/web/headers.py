"""The security headers of our pages. A header that the host sets itself stays."""

from typing import Any

from flask import Response
from werkzeug.datastructures import Headers

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; form-action 'self'; "
    "base-uri 'none'; object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": ", ".join(
        f"{power}=()"
        for power in (
            "accelerometer",
            "browsing-topics",
            "camera",
            "display-capture",
            "geolocation",
            "gyroscope",
            "hid",
            "local-fonts",
            "magnetometer",
            "microphone",
            "midi",
            "payment",
            "serial",
            "usb",
        )
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

IN_A_HOST_S_LAYOUT = {
    "Content-Security-Policy": "frame-ancestors 'none'; base-uri 'self'; object-src 'none'",
}
"""A host's layout may load anything from anywhere; only the host knows what."""


class Answer(Response):
    """The response of one of our views. It has our security headers, except those that the host sets itself."""

    doors = HEADERS

    def get_wsgi_headers(self, environ: Any) -> Headers:
        """The headers as they are sent, after everything that the host adds to its responses."""
        headers = super().get_wsgi_headers(environ)
        for name, value in self.doors.items():
            if f"{name}-Report-Only" not in headers:
                headers.setdefault(name, value)
        return headers


def shut_doors(response: Response) -> Response:
    """Add our security headers to any response, for a site that is ours alone."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response
