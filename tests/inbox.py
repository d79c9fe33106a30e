"""A mail server on a socket, and a site that sends mail to it."""

import shutil
import socket
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from aiosmtpd.controller import Controller
from flask import Flask

from .office_at_work import in_use, make_app


class Inbox:
    """A mail server on a socket."""

    def __init__(self):
        self.mails: list[EmailMessage] = []
        self.answer = "250 OK"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.start()

    def start(self) -> None:
        """Answer, for the first time or after `controller.stop()`."""
        self.controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self.controller.start()

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.answer

    async def handle_DATA(self, server, session, envelope):
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    inbox = Inbox()
    yield inbox
    inbox.controller.stop()


@pytest.fixture
def languages() -> dict[str, str]:
    """Settings about languages of the host that sends mail."""
    return {}


@pytest.fixture
def mailing(empty_sqlite, tmp_path, inbox, languages) -> Iterator[Flask]:
    """A host that sends mail."""
    shutil.copy(empty_sqlite, tmp_path / "office.sqlite3")
    app = make_app(
        f"sqlite:///{tmp_path}/office.sqlite3",
        SMTP_URL=f"smtp://127.0.0.1:{inbox.port}",
        MAIL_FROM="Course office <office@example.org>",
        ASCRIPTICA_ADDRESS="http://register.example.org",
        **languages,
    )
    with in_use(app):
        yield app
