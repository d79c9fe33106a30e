"""Werkzeug's threaded server, with the kept-alive connections and prompt answers of a real Canvas.

Werkzeug's own handler closes every connection, and waits 10 ms after each answer.
"""

import io
import socket
import threading
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from werkzeug.http import http_date
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Response

MISDIRECTED = Response("This practice Canvas answers only at its own address.\n", 421, content_type="text/plain")


class Handler(WSGIRequestHandler):
    """One connection. An answer is sent in one piece, so its length is always known."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "PracticeServer"

    def setup(self) -> None:
        super().setup()
        with self.server.connections_lock:
            self.server.connections.add(self.connection)

    def finish(self) -> None:
        with self.server.connections_lock:
            self.server.connections.discard(self.connection)
        super().finish()

    def run_wsgi(self) -> None:
        if self.headers.get("Expect", "").strip().lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        environ = self.make_environ()
        # Always read to its end, because the next request follows on the same connection.
        if environ.get("wsgi.input_terminated"):
            body = environ["wsgi.input"].read()
        else:
            body = self.rfile.read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(body), str(len(body))
        app = self.server.app if self._is_for_us(environ.get("HTTP_HOST", "")) else MISDIRECTED
        try:
            content, status, headers = run_wsgi_app(app, environ, buffered=True)
        except ConnectionError:
            self.close_connection = True
            return
        data = b"".join(content)
        headers.add("Server", "practice-canvas")
        headers.setdefault("Date", http_date())
        headers.setdefault("Content-Length", str(len(data)))
        if self.close_connection:
            headers.add("Connection", "close")
        head = "".join([f"HTTP/1.1 {status}\r\n", *(f"{name}: {value}\r\n" for name, value in headers), "\r\n"])
        self.wfile.write(head.encode("latin-1") + (b"" if self.command == "HEAD" else data))

    def _is_for_us(self, host: str) -> bool:
        """Whether the Host is our own address. Another name that leads here belongs to another site, whose pages could
        then read our data in a browser."""
        ours = self.connection.getsockname()[0].removeprefix("::ffff:")
        return _host_name(host) in ("localhost", self.server.named, ours)

    def connection_dropped(self, error: BaseException, environ: Any = None) -> None:
        self.close_connection = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Write nothing: the practice pages show the calls."""


def _host_name(host: str) -> str | None:
    """The name or address in a Host header, without its port; None if it can't be read."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


class PracticeServer(ThreadedWSGIServer):
    """Like the server of `make_server(threaded=True)`, but closing it also ends its connections."""

    def __init__(self, host: str, port: int, app: Flask) -> None:
        self.connections: set[socket.socket] = set()
        self.connections_lock = threading.Lock()
        self.named = host.lower()
        super().__init__(host, port, app, Handler)

    def server_close(self) -> None:
        super().server_close()
        with self.connections_lock:
            for connection in self.connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
