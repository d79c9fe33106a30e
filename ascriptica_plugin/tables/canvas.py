"""The tables of the connection to Canvas and of Course Settings."""

from datetime import datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    String,
    Text,
    UniqueConstraint,
    false,
    select,
    text,
    true,
)
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from .columns import Base, SaidColumn, Sealed, SealedColumn


class Connection(Base):
    """One Canvas: host and root account. Every Canvas id that we keep belongs to one.

    Canvas has accepted `token`; it is empty once somebody has disconnected, at `disconnected_at`. `hold_*` stops all
    calls at once. `throttled_at` is when Canvas last asked us to slow down. From `restored_at` until every Canvas
    course was read again, no enrollment is ended, because Canvas was restored from a backup. `drain_*` is the lease by
    which only one worker talks to this Canvas.

    `key_kind`: token (pasted) or developer_key. A pasted token ends at `token_expires_at`. None means never or, if
    `token_end_known` is false, that Canvas did not say; it was asked at `token_end_asked_at`. A developer key has
    `client_*` and `refresh_token` (None: Canvas refuses it), with which `token` is replaced from `refresh_at` on, by
    the process that has the lock until `refreshing_until_at`. `cuts_includes`: the key lacks Allow Include Parameters,
    so Canvas leaves emails out of lists. `sign_ins` are the ways to sign in there, as pairs of number and kind; None:
    we may not see them. The single sign-on of Canvas users whom we create is bound to `sign_in_id`; None: to none.
    `proof`: what a round-trip proof has enrolled and not yet removed.
    """

    __tablename__ = "ascriptica_connection"
    __table_args__ = (UniqueConstraint("canvas_url", "canvas_root_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    canvas_url: Mapped[str] = mapped_column(String(300))
    canvas_root_id: Mapped[int] = mapped_column(BigInteger)
    account_name: Mapped[str]
    token: Mapped[Sealed] = mapped_column(SealedColumn)
    token_owner: Mapped[str]
    token_saved_at: Mapped[datetime]
    missing_permissions: Mapped[str] = mapped_column(Text, default="")
    last_worked_at: Mapped[datetime | None]
    disconnected_at: Mapped[datetime | None]

    key_kind: Mapped[str] = mapped_column(String(20), default="token", server_default="token")
    token_expires_at: Mapped[datetime | None]
    token_end_known: Mapped[bool] = mapped_column(default=False, server_default=false())
    token_end_asked_at: Mapped[datetime | None]
    client_id: Mapped[str | None] = mapped_column(String(100))
    client_secret: Mapped[Sealed | None] = mapped_column(SealedColumn)
    refresh_token: Mapped[Sealed | None] = mapped_column(SealedColumn)
    refresh_at: Mapped[datetime | None]
    refresh_tries: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    refreshing_until_at: Mapped[datetime | None]
    cuts_includes: Mapped[bool] = mapped_column(default=False, server_default=false())
    sign_ins: Mapped[list | None] = mapped_column(JSON(none_as_null=True))
    sign_in_id: Mapped[int | None] = mapped_column(BigInteger)
    proof: Mapped[dict | None] = mapped_column(JSON)

    hold_cause: Mapped[str | None] = mapped_column(String(40))
    hold_detail: Mapped[str | None] = mapped_column(SaidColumn)
    hold_since_at: Mapped[datetime | None]
    hold_until_at: Mapped[datetime | None]
    hold_tries: Mapped[int] = mapped_column(default=0)
    throttled_at: Mapped[datetime | None]
    restored_at: Mapped[datetime | None]

    drain_term: Mapped[int] = mapped_column(default=0)
    drain_until_at: Mapped[datetime | None]


class Settings(Base):
    """Course Settings: one row. `draft_*` is what an administrator typed that Canvas has not confirmed yet.

    A drafted developer key has no token until an administrator has approved it in Canvas. `draft_state` is the digest
    of the state that was sent to Canvas with the browser, until the browser brings it back.

    `create_users`: create a Canvas user for a person who has none, otherwise wait. `by_invitation`: invite, otherwise
    enroll at once. `canvas_mail`: let Canvas notify people. `way_in`: how people whose Canvas user we create sign in, a
    code of `ledger.ways_in`; None: the default. `on_withdrawal`: delete, deactivate or conclude the enrollment, or
    choose by what the person did in the course. `contact_*` is how participants reach the office. `admin_mails` are the
    addresses that alerts go to, `mails_off` the kinds of mail that are switched off, both separated by commas.
    `mass_by_sis`: many people at once are sent by a SIS import.
    """

    __tablename__ = "ascriptica_settings"
    __table_args__ = (
        CheckConstraint("id = 1", name="one_row"),
        CheckConstraint(
            "on_withdrawal IN ('delete', 'deactivate', 'conclude', 'by_activity')", name="on_withdrawal_known"
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    display_canvas: Mapped[bool] = mapped_column(default=False)
    create_users: Mapped[bool] = mapped_column(default=True, server_default=true())
    by_invitation: Mapped[bool] = mapped_column(default=False, server_default=false())
    canvas_mail: Mapped[bool] = mapped_column(default=False, server_default=false())
    way_in: Mapped[str | None] = mapped_column(String(20))
    on_withdrawal: Mapped[str] = mapped_column(String(20), default="delete", server_default="delete")
    contact_text: Mapped[str] = mapped_column(default="", server_default="")
    contact_email: Mapped[str] = mapped_column(String(320), default="", server_default="")
    contact_phone: Mapped[str] = mapped_column(default="", server_default="")
    admin_mails: Mapped[str] = mapped_column(Text, default="", server_default="")
    mails_off: Mapped[str] = mapped_column(default="", server_default="")
    mass_by_sis: Mapped[bool] = mapped_column(default=False, server_default=false())
    connection_id: Mapped[int | None] = mapped_column(ForeignKey("ascriptica_connection.id"))

    draft_url: Mapped[str | None] = mapped_column(String(300))
    draft_root_id: Mapped[int | None] = mapped_column(BigInteger)
    draft_token: Mapped[Sealed | None] = mapped_column(SealedColumn)
    draft_problem: Mapped[str | None] = mapped_column(SaidColumn)
    draft_check_at: Mapped[datetime | None]
    draft_key_kind: Mapped[str] = mapped_column(String(20), default="token", server_default="token")
    draft_client_id: Mapped[str | None] = mapped_column(String(100))
    draft_client_secret: Mapped[Sealed | None] = mapped_column(SealedColumn)
    draft_refresh_token: Mapped[Sealed | None] = mapped_column(SealedColumn)
    draft_refresh_at: Mapped[datetime | None]
    draft_state: Mapped[str | None] = mapped_column(String(64))

    connection: Mapped[Connection | None] = relationship()


def load_settings(session: Session) -> Settings:
    """The one row of settings, which a migration creates."""
    return session.scalars(select(Settings).where(Settings.id == 1)).one()
