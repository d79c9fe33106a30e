"""Mails of the stand-alone host: what they say, and sending what is due. No Flask.

A mail is a row until a server has taken it, so no request waits for a mail server, and none is lost while it is away.
Killed between sending and forgetting, we send it twice. Nothing that a stranger typed is in a mail but its address.
"""

import logging
import smtplib
import ssl
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from urllib.parse import unquote, urlsplit

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from . import sign_ins
from .models import Mail, SignUp, begin_writing

PATIENCE_SECONDS = 10
GIVE_UP = timedelta(hours=24)
LONGEST_PAUSE = timedelta(hours=1)
LOOPBACK = ("127.0.0.1", "::1", "localhost")

TEXTS = {
    "sign_up": (
        "Confirm your sign-up",
        "Somebody signed up at {address} with this email address. If it was you, open this page within a day and type "
        "the password that you chose:\n\n{link}\n\nIf it was not you, do nothing: without this link there is no "
        "sign-in, and nothing of yours is shown to anybody.\n",
    ),
    "known": (
        "You have a sign-in already",
        "Somebody signed up at {address} with this email address, which has a sign-in already. Nothing has changed. If "
        "it was you, sign in with the password that you have:\n\n{sign_in}\n\nIf you don't remember it, choose a new "
        "one here within an hour:\n\n{link}\n\nIf it was not you, do nothing.\n",
    ),
    "password": (
        "Choose a new password",
        "Somebody asked for a new password at {address} for this email address. If it was you, choose one here within "
        "an hour:\n\n{link}\n\nIf it was not you, do nothing: your password stays as it is.\n",
    ),
    "password_changed": (
        "Your password was changed",
        "The password of your sign-in at {address} was changed, and you were signed out everywhere else. If it was not "
        "you, choose a new one at once:\n\n{forgotten}\n",
    ),
    "second_step_on": (
        "Your sign-in now takes a code",
        "A second step was set up for your sign-in at {address}: besides the password it takes a code from an app. If "
        "it was not you, tell the office, and choose a new password at once:\n\n{forgotten}\n",
    ),
    "second_step_off": (
        "Your sign-in takes no code any more",
        "The second step of your sign-in at {address} was removed: the password alone signs you in. If neither you nor "
        "the office did it at your wish, choose a new password at once, and set the second step up again:\n\n"
        "{forgotten}\n",
    ),
}
"""Subject and text, by kind."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Mailer:
    """How mails go out. `page` makes the address of a page of ours from its name and its values.

    `url` is `smtps://user:password@host:port`, or `smtp://` for a server that is spoken to in clear at first and then
    encrypted, as every server has to be that is not on this machine.
    """

    url: str
    sender: str
    address: str
    page: Callable[..., str]

    def __repr__(self) -> str:
        return f"Mailer({urlsplit(self.url).hostname})"

    def send(self, message: EmailMessage) -> None:
        """Raises smtplib.SMTPException or OSError."""
        with self._server() as server:
            try:
                server.send_message(message)
            except smtplib.SMTPNotSupportedError:
                # Letters that this server takes in no address are the recipient's trouble; the next mail can go out.
                raise smtplib.SMTPRecipientsRefused({message["To"]: (553, b"")}) from None

    @contextmanager
    def _server(self):
        parts, context = urlsplit(self.url), ssl.create_default_context()
        if parts.scheme == "smtps":
            server = smtplib.SMTP_SSL(parts.hostname, parts.port or 465, timeout=PATIENCE_SECONDS, context=context)
        else:
            server = smtplib.SMTP(parts.hostname, parts.port or 587, timeout=PATIENCE_SECONDS)
        with server:
            server.ehlo_or_helo_if_needed()
            if parts.scheme == "smtp" and (server.has_extn("starttls") or parts.hostname not in LOOPBACK):
                server.starttls(context=context)
            if parts.username:
                server.login(unquote(parts.username), unquote(parts.password or ""))
            yield server


def check_url(url: str) -> None:
    """Raises ValueError with a sentence where this can't be a mail server."""
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("smtp", "smtps") and parts.hostname and parts.port != 0
    except ValueError:
        known = False
    if not known:
        raise ValueError("SMTP_URL must look like smtps://user:password@mail.example.org:465, or begin with smtp://.")


def send_due(session: Session, mailer: Mailer, clock: Callable[[], datetime]) -> int:
    """Send what is due, each mail a unit of its own; how many went out. A server that is away is tried again later."""
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
            log.warning("The mail server refuses the recipient of mail %d (%d); it is given up.", mail.id, code)
        except (smtplib.SMTPException, OSError) as error:
            log.warning("Mail %d could not be sent (%s); it is tried again.", mail.id, type(error).__name__)
            break
        begin_writing(session)
        session.execute(delete(Mail).where(Mail.id == mail.id).execution_options(synchronize_session=False))
        session.commit()
    return count


def _claim(session: Session, mailer: Mailer, now: datetime) -> tuple[Mail, EmailMessage | None] | None:
    """The next mail, which nobody else sends for a while, and its text; no text: what it was about is over."""
    begin_writing(session)
    mail = session.scalar(select(Mail).where(Mail.try_at <= now).order_by(Mail.try_at, Mail.id).limit(1))
    if mail is None:
        session.rollback()
        return None
    pause = min(timedelta(seconds=30 * 2 ** min(mail.tries, 10)), LONGEST_PAUSE)
    mine = update(Mail).where(Mail.id == mail.id, Mail.tries == mail.tries)
    mine = mine.values(tries=Mail.tries + 1, try_at=now + pause).execution_options(synchronize_session=False)
    if session.execute(mine).rowcount != 1:
        session.rollback()
        return _claim(session, mailer, now)
    message = _message(session, mailer, mail, now)
    session.flush()
    session.expunge(mail)
    session.commit()
    return mail, message


def _message(session: Session, mailer: Mailer, mail: Mail, now: datetime) -> EmailMessage | None:
    """The mail as it goes out, with a link made for it; None where there is nothing to say any more."""
    link, about = "", None
    if mail.kind == "sign_up":
        about, lasts = session.get(SignUp, mail.sign_up_id), sign_ins.LINK_LASTS
    else:
        about, lasts = sign_ins.account_with(session, mail.email), sign_ins.MAILED_PASSWORD_LINK_LASTS
    if about is None or now - mail.made_at > GIVE_UP:
        log.warning("Mail %d (%s) is given up: too old, or what it is about is not there.", mail.id, mail.kind)
        return None
    if "{link}" in TEXTS[mail.kind][1]:
        link = mailer.page("use_link", token=sign_ins.make_link(session, now, lasts, to=about))
    subject, text = TEXTS[mail.kind]
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, mailer.sender, mail.email
    message["Date"], message["Auto-Submitted"] = format_datetime(now), "auto-generated"
    message["Message-ID"] = make_msgid(domain=urlsplit(mailer.address).hostname)
    pages = {"sign_in": mailer.page("sign_in"), "forgotten": mailer.page("forgotten_password")}
    message.set_content(text.format(address=mailer.address, link=link, **pages))
    return message
