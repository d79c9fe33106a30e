"""HTTP with two promises that requests alone does not make: where it connects, and when it ends.

Knows nothing of Canvas. A `Session` with a `GuardedAdapter` connects only to public addresses, unless others are
allowed. A `Deadline` ends a whole exchange, even if its bytes trickle.
"""

import ipaddress
import socket
import threading
import time
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import SplitResult

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
)

from ..shared.said import Said

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_UNICAST = ipaddress.IPv6Network("2000::/3")


if TYPE_CHECKING:
    _Base = HTTPConnection
else:
    _Base = object


class PrivateAddress(HTTPError):
    """The name leads into a private network."""

    def __init__(self, said: Said):
        super().__init__(said)
        self.said = said


def is_public(address: str) -> bool:
    """Whether an IP address is on the public internet; an IPv4 address inside an IPv6 one counts as itself."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ipaddress.IPv4Address(ip.packed[-4:]) if ip in _NAT64 else None)
        if inner is None and ip not in _UNICAST:
            return False
        ip = inner or ip
    return ip.is_global and not ip.is_multicast


class Session(requests.Session):
    """requests' session without redirects, for which it would read a whole body to prepare the next request."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


class _Answer(HTTPResponse):
    """An answer without the headers that can't be parsed. urllib3 would log them, and they may contain what we sent."""

    def begin(self) -> None:
        super().begin()
        self.msg.defects.clear()
        self.msg.set_payload("")


class _Watched(_Base):
    """A connection that ends at its thread's deadline and goes only to allowed addresses.

    The name is resolved here, once, and we connect to exactly the address that was checked. So a name that points to a
    private network only later is refused too.
    """

    allow_private = False
    response_class = _Answer

    def _new_conn(self) -> socket.socket:
        name: str = self._dns_host
        timeout: Any = self.timeout
        try:
            found = socket.getaddrinfo(name, self.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise NameResolutionError(name, self, cast(Any, error)) from error
        addresses = list(dict.fromkeys(info[4][0] for info in found))
        if not self.allow_private and not all(is_public(str(address)) for address in addresses):
            raise PrivateAddress(Said("private_network", name=name))
        try:
            for address in addresses:
                self._dns_host, self.timeout = str(address), Deadline.at_most(timeout)
                try:
                    connected = super()._new_conn()
                except (NewConnectionError, ConnectTimeoutError):
                    if address == addresses[-1]:
                        raise
                else:
                    # The TLS handshake is next; this socket's timeout limits it.
                    connected.settimeout(Deadline.at_most(timeout))
                    return connected
        finally:
            self._dns_host = name
        raise NewConnectionError(self, f"the name {name} has no address")

    def getresponse(self) -> Any:
        Deadline.watch(self.sock)
        return super().getresponse()


class GuardedAdapter(HTTPAdapter):
    """An adapter whose connections are `_Watched`. It never retries, because the ledger decides about retries."""

    def __init__(self, allow_private: bool, pool_maxsize: int):
        self.allow_private = allow_private
        super().__init__(pool_connections=1, pool_maxsize=pool_maxsize, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        guard = {"allow_private": self.allow_private}
        http = type("WatchedHTTPConnection", (_Watched, HTTPConnection), guard)
        https = type("WatchedHTTPSConnection", (_Watched, HTTPSConnection), guard)
        self.poolmanager.pool_classes_by_scheme = {
            "http": type("WatchedHTTPPool", (HTTPConnectionPool,), {"ConnectionCls": http}),
            "https": type("WatchedHTTPSPool", (HTTPSConnectionPool,), {"ConnectionCls": https}),
        }


class Deadline:
    """Ends the calling thread's exchange after this many seconds, by shutting down its socket.

    requests' own read timeout starts again with every byte, and only a closed socket wakes a blocked read.
    """

    _here = threading.local()

    def __init__(self, seconds: float):
        self.passed = False
        self._until = time.monotonic() + seconds
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> "Deadline":
        self._here.deadline = self
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._here.deadline = None

    def left(self) -> float:
        """The seconds until the end, always more than 0, which a socket would take for non-blocking."""
        return max(self._until - time.monotonic(), 0.001)

    @classmethod
    def at_most(cls, seconds: float) -> float:
        """These seconds, or those that are left until the calling thread's deadline if they are fewer."""
        deadline = getattr(cls._here, "deadline", None)
        return min(seconds, deadline.left()) if deadline else seconds

    @classmethod
    def watch(cls, connected: socket.socket) -> None:
        """Have this socket shut down at the calling thread's deadline; at once if that has passed."""
        deadline = getattr(cls._here, "deadline", None)
        if deadline:
            deadline._socket = connected
            if deadline.passed:
                deadline._end()

    def _end(self) -> None:
        self.passed = True
        if self._socket is not None:
            try:
                # Not SSLSocket.shutdown, which would first remove the encryption while the other thread reads.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
            except OSError:
                return


def cause_of(error: BaseException | None, kind: type[BaseException]) -> BaseException | None:
    """The error of that kind inside the errors of requests and urllib3 that wrap it, or None."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, kind):
            return error
        seen.add(id(error))
        inner = next(
            (value for value in (getattr(error, "reason", None), *error.args) if isinstance(value, Exception)),
            None,
        )
        error = inner or error.__cause__ or error.__context__
    return None


def why_no_answer(error: Exception, deadline: Deadline, address: SplitResult) -> Said:
    """Why the address gave no answer, as a sentence's code."""
    host, with_port = address.hostname, address.netloc
    if deadline.passed or isinstance(error, requests.Timeout) or cause_of(error, ReadTimeoutError):
        return Said("host_not_in_time", host=with_port)
    if isinstance(error, requests.exceptions.SSLError):
        # OpenSSL's names for the errors that an answer without TLS causes.
        is_plain = any(name in str(error) for name in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"))
        return Said("no_https" if is_plain else "bad_certificate", host=host)
    if cause_of(error, NameResolutionError):
        return Said("no_server", host=host)
    if isinstance(error, ValueError) and not isinstance(error, requests.RequestException):
        return Said("not_readable", host=host)
    return Said("not_reached", host=with_port)
