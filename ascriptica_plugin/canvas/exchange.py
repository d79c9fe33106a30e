"""The line to a Canvas: one request goes out and its whole answer comes back, or an error says why not."""

import time
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError, NewConnectionError

from .. import __version__
from .errors import AddressRefused, CanvasDown, Unreachable
from .responses import body_of
from .transport import Deadline, GuardedAdapter, PrivateAddress, Session, cause_of, why_no_answer


class File(NamedTuple):
    """A file to send, and its Content-Type."""

    content: bytes
    kind: str


class Line:
    """One pool of connections; safe to use from several threads at once. `ca_file` has the certificate authorities to
    trust; None: the usual ones. With a `token` every request carries it."""

    def __init__(self, *, allow_private: bool, ca_file: str | None, flight: int, token: str | None = None):
        self._session = Session()
        # No proxy and no .netrc from the environment may stand between the token and Canvas.
        self._session.trust_env = False
        self._session.verify = ca_file or True
        # Hosted Canvas refuses a request without a User-Agent.
        self._session.headers.update({"Accept": "application/json", "User-Agent": f"ascriptica-canvas/{__version__}"})
        if token is not None:
            self._session.headers["Authorization"] = f"Bearer {token}"
        adapter = GuardedAdapter(allow_private, pool_maxsize=flight)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)

    def close(self) -> None:
        """Close the pool of connections."""
        self._session.close()

    def send(
        self, method: str, url: str, values: dict[str, Any] | File | None, *, seconds: float, timeout_seconds: float
    ) -> tuple[requests.Response, bytes, float]:
        """The answer, its whole body, and when it began to arrive, on the monotonic clock; redirects are not followed.

        `values` are the query of a GET, else the form, or a file. `seconds` limits the whole exchange,
        `timeout_seconds` the wait for a connection and for each piece of the answer. Raises CanvasDown or
        AddressRefused.
        """
        with Deadline(seconds) as deadline:
            try:
                response = self._session.request(
                    method,
                    url,
                    timeout=min(timeout_seconds, seconds),
                    allow_redirects=False,
                    stream=True,
                    params=None if isinstance(values, File) or method != "GET" else values,
                    data=values.content if isinstance(values, File) else None if method == "GET" else values,
                    headers={"Content-Type": values.kind} if isinstance(values, File) else None,
                )
                arrived = time.monotonic()
                with response:
                    body = body_of(response)
                if deadline.passed:
                    # When we cut the connection, the headers, or a body without a stated length, seem complete.
                    raise TimeoutError
            except PrivateAddress as error:
                raise AddressRefused(error.said) from None
            except (requests.RequestException, HTTPError, OSError, ValueError) as error:
                if private := cause_of(error, PrivateAddress):
                    raise AddressRefused(cast(PrivateAddress, private).said) from None
                kind = Unreachable if cause_of(error, NewConnectionError) else CanvasDown
                raise kind(why_no_answer(error, deadline, urlsplit(url))) from None
        return response, body, arrived
