"""Queues mails and sends those that are due. No Flask; the text of a mail comes from the module that queued it.

A mail is a row until a server has accepted it, so no request waits for a mail server, and no mail is lost while it is
away. If the worker is killed between sending a mail and deleting its row, the mail is sent twice.
"""

import logging
import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from urllib.parse import unquote, urlsplit

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from .shared import pauses
from .shared.language import spoken
from .shared.process_log import about
from .tables.columns import Sealed, begin_writing, change
from .tables.mails import Mail

LOOPBACK = ("127.0.0.1", "::1", "localhost")

log = logging.getLogger(__name__)


def send(
    session: Session,
    now: datetime,
    kind: str,
    email: str,
    sign_up_id: str | None = None,
    account_id: int | None = None,
    registration_id: int | None = None,
    event: str | None = None,
    link: Sealed | None = None,
) -> None:
    """Queue a mail of this kind for the worker; it is sent only if the caller commits."""
    of = {"sign_up_id": sign_up_id, "account_id": account_id, "registration_id": registration_id, "event": event}
    session.add(Mail(kind=kind, email=email, made_at=now, try_at=now, link=link, language=spoken(), **of))


def forget_unsent(session: Session, now: datetime) -> None:
    """Delete mails that are too old to be sent, for a site that sends none."""
    change(session, delete(Mail).where(Mail.made_at < now - pauses.MAIL_GIVEN_UP))


@dataclass(frozen=True)
class Mailer:
    """Sends mails. `write` returns the subject and text of a mail, or None if the mail is no longer needed.

    `url` is `smtps://user:password@host:port`, or `smtp://` for STARTTLS, which is required unless the server is on
    this machine.
    """

    url: str
    sender: str
    address: str
    write: Callable[[Session, Mail, datetime], tuple[str, str] | None]

    def __repr__(self) -> str:
        return f"Mailer({urlsplit(self.url).hostname})"

    def reach(self) -> None:
        """Connect to the server and sign in, as for a mail, but send none. Raises smtplib.SMTPException or OSError."""
        with self._server():
            pass

    def send(self, message: EmailMessage) -> None:
        """Raises smtplib.SMTPException or OSError."""
        with self._server() as server:
            try:
                server.send_message(message)
            except smtplib.SMTPNotSupportedError:
                # The server can't handle the letters of this address: only this mail fails, the next can be sent.
                raise smtplib.SMTPRecipientsRefused({message["To"]: (553, b"")}) from None

    @property
    def domain(self) -> str | None:
        """For the mails' Message-ID."""
        return urlsplit(self.address).hostname

    @contextmanager
    def _server(self) -> Iterator[smtplib.SMTP]:
        parts, context = urlsplit(self.url), ssl.create_default_context()
        host = parts.hostname or ""
        server: smtplib.SMTP
        if parts.scheme == "smtps":
            server = smtplib.SMTP_SSL(host, parts.port or 465, timeout=pauses.MAIL_SECONDS, context=context)
        else:
            server = smtplib.SMTP(host, parts.port or 587, timeout=pauses.MAIL_SECONDS)
        with server:
            server.ehlo_or_helo_if_needed()
            if parts.scheme == "smtp" and (server.has_extn("starttls") or host not in LOOPBACK):
                server.starttls(context=context)
            if parts.username:
                server.login(unquote(parts.username), unquote(parts.password or ""))
            yield server


@dataclass(frozen=True)
class HandedOver(Mailer):
    """Has the host send each mail: `give` gets the message. If it raises, the mail is tried again later."""

    give: Callable[[EmailMessage], None] = field(kw_only=True)

    def reach(self) -> None:
        """Do nothing: only the host knows its mail server."""

    def send(self, message: EmailMessage) -> None:
        try:
            self.give(message)
        except Exception as error:
            raise smtplib.SMTPException(type(error).__name__) from error


def send_due(session: Session, mailer: Mailer, clock: Callable[[], datetime]) -> int:
    """Send the mails that are due, each in a unit of work of its own. Returns how many were sent.

    Stops if the server is away; the mails stay due for a later call.
    """
    count = 0
    while found := _claim(session, mailer, clock()):
        mail, message = found
        try:
            if message is not None:
                mailer.send(message)
                count += 1
        except smtplib.SMTPRecipientsRefused as refusal:
            code = next(iter(refusal.recipients.values()))[0]
            if 400 <= code < 500:
                continue
            its = about(mail=mail.id, kind=mail.kind, smtp_code=code)
            log.warning(
                "The mail server refuses the recipient of mail %d (%d); the mail is dropped.", mail.id, code, extra=its
            )
        except (smtplib.SMTPException, OSError) as error:
            name = type(error).__name__
            its = about(mail=mail.id, kind=mail.kind, error=name)
            log.warning("Mail %d could not be sent (%s); we try again later.", mail.id, name, extra=its)
            break
        begin_writing(session)
        change(session, delete(Mail).where(Mail.id == mail.id))
        session.commit()
    return count


def _claim(session: Session, mailer: Mailer, now: datetime) -> tuple[Mail, EmailMessage | None] | None:
    """The next due mail, if any, and its message, which is None if it is no longer needed. Nobody else gets this mail
    for a while."""
    begin_writing(session)
    mail = session.scalar(select(Mail).where(Mail.try_at <= now).order_by(Mail.try_at, Mail.id).limit(1))
    if mail is None:
        session.rollback()
        return None
    pause = min(pauses.FIRST_MAIL_PAUSE * 2 ** min(mail.tries, 10), pauses.LONGEST_MAIL_PAUSE)
    mine = update(Mail).where(Mail.id == mail.id, Mail.tries == mail.tries)
    if change(session, mine.values(tries=Mail.tries + 1, try_at=now + pause)) != 1:
        session.rollback()
        return _claim(session, mailer, now)
    message = _message(session, mailer, mail, now)
    session.flush()
    session.expunge(mail)
    session.commit()
    return mail, message


def _message(session: Session, mailer: Mailer, mail: Mail, now: datetime) -> EmailMessage | None:
    """The mail as it is sent; None if it is too old or no longer needed."""
    written = mailer.write(session, mail, now) if now - mail.made_at <= pauses.MAIL_GIVEN_UP else None
    if written is None:
        its = about(mail=mail.id, kind=mail.kind)
        log.warning(
            "Mail %d (%s) is dropped: it is too old, or what it is about is gone.", mail.id, mail.kind, extra=its
        )
        return None
    message = EmailMessage()
    message["Subject"], message["To"] = " ".join(written[0].split()), mail.email
    if mailer.sender:
        message["From"] = mailer.sender
    message["Date"], message["Auto-Submitted"] = format_datetime(now), "auto-generated"
    message["Message-ID"] = make_msgid(domain=mailer.domain)
    message.set_content(written[1])
    return message
