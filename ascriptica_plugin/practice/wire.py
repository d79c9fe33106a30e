"""Werkzeug's threaded server with what a client of a real Canvas meets: kept-alive connections and prompt answers.

Werkzeug's own handler closes every connection, and waits 10 ms after each answer.
"""

import io
import socket
import threading
from contextlib import suppress
from typing import Any

from flask import Flask
from werkzeug.http import http_date
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler


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
        # Read to its end whatever the app does with it: the next request follows on the same connection.
        if environ.get("wsgi.input_terminated"):
            body = environ["wsgi.input"].read()
        else:
            body = self.rfile.read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(body), str(len(body))
        started: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
            started[:] = [status, headers]

        try:
            content = self.server.app(environ, start_response)
            data = b"".join(content)
            if hasattr(content, "close"):
                content.close()
        except ConnectionError:
            self.close_connection = True
            return
        status, headers = started
        names = {name.lower() for name, _ in headers}
        headers = [*headers, ("Server", "practice-canvas")]
        if "date" not in names:
            headers.append(("Date", http_date()))
        if "content-length" not in names:
            headers.append(("Content-Length", str(len(data))))
        if self.close_connection:
            headers.append(("Connection", "close"))
        head = "".join([f"HTTP/1.1 {status}\r\n", *(f"{name}: {value}\r\n" for name, value in headers), "\r\n"])
        self.wfile.write(head.encode("latin-1") + (b"" if self.command == "HEAD" else data))

    def connection_dropped(self, error: BaseException, environ: Any = None) -> None:
        self.close_connection = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Quiet: the practice pages show the calls."""


class PracticeServer(ThreadedWSGIServer):
    """What `make_server(threaded=True)` gives, but its end is also the end of its connections."""

    def __init__(self, host: str, port: int, app: Flask) -> None:
        self.connections: set[socket.socket] = set()
        self.connections_lock = threading.Lock()
        super().__init__(host, port, app, Handler)

    def server_close(self) -> None:
        super().server_close()
        with self.connections_lock:
            for connection in self.connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
