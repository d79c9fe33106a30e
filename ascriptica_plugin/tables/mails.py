"""The tables of mails that wait to be sent, and of what administrators were mailed about."""

from datetime import datetime

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column

from .columns import Base, Sealed, SealedColumn


class Mail(Base):
    """A mail that the worker has to send. A link to this site is made when it is sent; `link` is one to Canvas, sealed.

    `sign_up_id`: the link confirms this sign-up. `account_id`: the link gives this account the new email.
    `registration_id`: it is about this registration. `event` is the alert that it carries, or the number of the course
    that the office moved the participant out of. `language` is that of the page that queued it, or the reader's own if
    somebody else caused it; None: the site's.
    """

    __tablename__ = "ascriptica_mail"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    email: Mapped[str] = mapped_column(String(320))
    sign_up_id: Mapped[str | None] = mapped_column(String(32))
    account_id: Mapped[int | None]
    registration_id: Mapped[int | None] = mapped_column(index=True)
    event: Mapped[str | None] = mapped_column(String(120))
    language: Mapped[str | None] = mapped_column(String(20))
    link: Mapped[Sealed | None] = mapped_column(SealedColumn)
    made_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(default=0)
    try_at: Mapped[datetime] = mapped_column(index=True)


class Alert(Base):
    """Something that administrators were mailed about. `event` names it, so that nobody is mailed about it twice.

    `detail` of a digest: what waits, as lists of cause, scope and number of people; of another: what it is about.
    """

    __tablename__ = "ascriptica_alert"

    event: Mapped[str] = mapped_column(String(120), primary_key=True)
    kind: Mapped[str] = mapped_column(String(40), index=True)
    connection_id: Mapped[int]
    made_at: Mapped[datetime]
    detail: Mapped[list] = mapped_column(JSON)
