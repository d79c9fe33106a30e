"""A strange network: names that lead elsewhere, and a server that takes no more connections."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest


def names(
    monkeypatch: pytest.MonkeyPatch, answers: dict[str, list[str]], *, stand_in: str | None = None, takes: float = 0
) -> list[str]:
    """Stands for DNS, and lists the names that were looked up; a test may change `answers` later. `takes`: seconds.

    Every address but 127.0.0.2 really leads to `stand_in`, so that nothing leaves this machine.
    """
    real, asked = socket.getaddrinfo, []

    def look_up(name: str, port: int, *args: object, **more: object) -> list:
        if name not in answers:
            leads_to = stand_in if stand_in and not name.startswith("127.0.0.2") else name
            return real(leads_to, port, *args, **more)
        asked.append(name)
        time.sleep(takes)
        if not answers[name]:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [
            (socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in answers[name]
        ]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


HEAD = b"HTTP/1.1 200 OK\r\nDate: Mon, 05 Jan 2026 10:00:00 GMT\r\n"


@contextmanager
def full_queue(address: str, port: int = 0) -> Iterator[socket.socket]:
    """A listener whose queue is full: to connect there is to wait for nothing."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind((address, port))
        listener.listen(0)
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            with suppress(BlockingIOError):
                waiting.connect(listener.getsockname())
        yield listener
