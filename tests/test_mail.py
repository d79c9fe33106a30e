"""Mails that wait, and sending what is due."""

import smtplib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.message import EmailMessage

import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import func, select

from ascriptica_plugin import mail
from ascriptica_plugin.standalone.accounts import mails
from ascriptica_plugin.tables.mails import Mail

from .pages import all_of
from .standalone.accounts.visitors import NOW, has_account


def test_a_mail_waits_while_the_server_is_away_and_goes_out_once(mailing, inbox, caplog):
    session = mailing.extensions["sqlalchemy"].session
    mailer = mailing.extensions["ascriptica"].mailer
    has_account(mailing)
    mail.send(session, NOW, "password", "ann@example.org")
    session.commit()
    inbox.controller.stop()
    assert mail.send_due(session, mailer, lambda: NOW) == 0
    inbox.controller = Controller(inbox, hostname="127.0.0.1", port=inbox.port)
    inbox.controller.start()
    inbox.answer = "451 later"
    assert mail.send_due(session, mailer, lambda: NOW + timedelta(seconds=29)) == 0
    assert mail.send_due(session, mailer, lambda: NOW + timedelta(seconds=30)) == 0
    inbox.answer = "250 OK"
    assert mail.send_due(session, mailer, lambda: NOW + timedelta(seconds=60)) == 0
    assert mail.send_due(session, mailer, lambda: NOW + timedelta(seconds=90)) == 1
    assert mail.send_due(session, mailer, lambda: NOW + timedelta(hours=5)) == 0
    assert len(inbox.mails) == 1

    for at in (NOW, NOW - timedelta(days=2)):
        mail.send(session, at, "password", "ann@example.org")
    session.commit()
    inbox.answer = "550 nobody here"
    assert mail.send_due(session, mailer, lambda: NOW) == 0
    assert all_of(mailing, Mail) == []
    assert "refuses the recipient" in caplog.text
    assert "too old" in caplog.text
    assert "ann@example.org" not in caplog.text


def test_two_workers_send_a_mail_once(app, inbox):
    session = app.extensions["sqlalchemy"].session
    mailer = mail.Mailer(
        f"smtp://127.0.0.1:{inbox.port}",
        "office@example.org",
        "http://register.example.org",
        mails.Writer(
            "http://register.example.org",
            "en",
            lambda name, **values: f"http://register.example.org/{name}",
            lambda *_: None,
        ),
    )
    has_account(app)
    for _ in range(6):
        mail.send(session, NOW, "password", "ann@example.org")
    session.commit()

    def work(_: int) -> int:
        with app.app_context():
            return mail.send_due(app.extensions["sqlalchemy"].session, mailer, lambda: NOW)

    with ThreadPoolExecutor(3) as threads:
        assert sum(threads.map(work, range(3))) == 6
    assert len(inbox.mails) == 6
    assert session.scalar(select(func.count()).select_from(Mail)) == 0


def test_a_server_elsewhere_must_speak_tls(inbox, monkeypatch):
    """The server offers none: on this machine that will do, under any other name nothing is sent."""

    def write(*about: object) -> None:
        """Nothing: the message is written already."""

    message = EmailMessage()
    message["From"] = message["To"] = "ann@example.org"
    mail.Mailer(f"smtp://localhost:{inbox.port}", "", "", write).send(message)
    assert len(inbox.mails) == 1
    with pytest.raises(smtplib.SMTPNotSupportedError):
        mail.Mailer(f"smtp://127.1:{inbox.port}", "", "", write).send(message)
    with pytest.raises(OSError, match="SSL"):
        mail.Mailer(f"smtps://127.0.0.1:{inbox.port}", "", "", write).send(message)
    assert len(inbox.mails) == 1


def test_a_mailer_keeps_its_password_to_itself():
    assert "secret" not in repr(mail.Mailer("smtp://me:secret@mail.example.org", "", "", str))
