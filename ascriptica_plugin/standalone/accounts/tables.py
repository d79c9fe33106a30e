"""The tables of sign-ins. In a host with its own users they stay empty."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from ...office import emails
from ...tables.columns import Base, Sealed, SealedColumn


class Account(Base):
    """A sign-in whose owner has confirmed the email. `email` is stored as `emails.as_compared` spells it."""

    __tablename__ = "ascriptica_account"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(320), unique=True)
    name: Mapped[str]
    password_hash: Mapped[str]
    is_admin: Mapped[bool] = mapped_column(default=False)

    second_step: Mapped["SecondStep | None"] = relationship(viewonly=True)

    @validates("email")
    def _in_one_spelling(self, _: str, email: str) -> str:
        return emails.as_compared(email)


class SecondStep(Base):
    """An app that shows codes for an account; signing in needs a code and the password.

    The app and we compute the codes from `secret`. `used` is the time step of the last accepted code: that code and
    all earlier ones are used up.
    """

    __tablename__ = "ascriptica_second_step"

    account_id: Mapped[int] = mapped_column(ForeignKey("ascriptica_account.id", ondelete="CASCADE"), primary_key=True)
    secret: Mapped[Sealed] = mapped_column(SealedColumn)
    used: Mapped[int] = mapped_column(BigInteger)
    made_at: Mapped[datetime]


class FirstStep(Base):
    """A browser where the account's password was given, but not yet the code. It may only enter the code."""

    __tablename__ = "ascriptica_first_step"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("ascriptica_account.id", ondelete="CASCADE"), index=True)
    ends_at: Mapped[datetime]


class AccountSession(Base):
    """Somebody signed in on one browser. The row is the session: without it the browser's cookie is worthless.

    `browser` is its name in a few words. `confirmed_at` is when its user last gave the password, and the code where the
    account has a second step.
    """

    __tablename__ = "ascriptica_account_session"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("ascriptica_account.id", ondelete="CASCADE"), index=True)
    made_at: Mapped[datetime]
    browser: Mapped[str] = mapped_column(String(60), default="", server_default="")
    confirmed_at: Mapped[datetime | None]


class SignUp(Base):
    """Somebody who wants an account and has not confirmed the email yet; there may be several with one email.

    `wanted` is the path on this site that they wanted to open.
    """

    __tablename__ = "ascriptica_sign_up"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    email: Mapped[str] = mapped_column(String(320), index=True)
    name: Mapped[str]
    password_hash: Mapped[str]
    wanted: Mapped[str] = mapped_column(String(500), default="")
    made_at: Mapped[datetime]

    @validates("email")
    def _in_one_spelling(self, _: str, email: str) -> str:
        return emails.as_compared(email)


class OneTimeLink(Base):
    """A link that works once: it confirms a sign-up, or gives an account a new password or this `email`."""

    __tablename__ = "ascriptica_one_time_link"
    __table_args__ = (
        CheckConstraint("(sign_up_id IS NULL) <> (account_id IS NULL)", name="for_one_thing"),
        Index("ix_ascriptica_one_time_link_sign_up_id", "sign_up_id"),
        Index("ix_ascriptica_one_time_link_account_id", "account_id"),
    )

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    sign_up_id: Mapped[str | None] = mapped_column(ForeignKey("ascriptica_sign_up.id", ondelete="CASCADE"))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("ascriptica_account.id", ondelete="CASCADE"))
    email: Mapped[str | None] = mapped_column(String(320))
    ends_at: Mapped[datetime]

    sign_up: Mapped[SignUp | None] = relationship()
    account: Mapped[Account | None] = relationship()
