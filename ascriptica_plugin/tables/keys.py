"""The keys that seal secrets in the database, and their rotation. Knows the tables; no Flask."""

import base64
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.fernet import Fernet, MultiFernet
from sqlalchemy import select
from sqlalchemy.orm import Session

from .canvas import Settings
from .columns import begin_writing
from .locks import lock_connections, lock_mails, lock_settings
from .mails import Mail


def make_keys(secret_keys: Sequence[bytes], token_keys: str | None) -> MultiFernet:
    """The installation's keys: those in ASCRIPTICA_TOKEN_KEYS, then one made from each secret key.

    The secret keys are as itsdangerous has them: the one in use is the last.

    The first one seals; all of them open. Raises ValueError if one is not a Fernet key.
    """
    keys = [key.strip() for key in (token_keys or "").split(",") if key.strip()]
    for secret in reversed(secret_keys):
        digest = hashlib.blake2b(secret, digest_size=32, person=b"ascriptica-token").digest()
        keys.append(base64.urlsafe_b64encode(digest).decode())
    return MultiFernet([Fernet(key) for key in keys])


@dataclass(frozen=True)
class Secrets:
    """One kind of secret in the database, for its rotation.

    `rows` locks the rows, so that a secret saved meanwhile is not overwritten by the older one. It yields the row, the
    column, and whose secret it is. `remedy` says what to do about a secret that no key opens.
    """

    one: str
    several: str
    remedy: str
    rows: Callable[[Session], Iterable[tuple[Any, str, str]]]

    def rotate(self, session: Session, keys: MultiFernet) -> "Rotated":
        """Seal every secret of this kind with the newest key. Never commits; safe while other processes run.

        A second run changes nothing. A secret that no key opens stays as it is.
        """
        begin_writing(session)
        count, unreadable = 0, []
        for row, column, whose in self.rows(session):
            anew = getattr(row, column).with_newest_key(keys)
            if anew is None:
                unreadable.append(whose)
            else:
                setattr(row, column, anew)
                count += 1
        session.flush()
        return Rotated(count, unreadable)


@dataclass(frozen=True)
class Rotated:
    """How many secrets the newest key now seals, and whose secrets no key opens."""

    count: int
    unreadable: list[str]


def _tokens(session: Session) -> Iterable[tuple[Any, str, str]]:
    lock_settings(session)
    settings = session.scalars(select(Settings).execution_options(populate_existing=True)).one()
    for connection in lock_connections(session):
        for column in ("token", "client_secret", "refresh_token"):
            if getattr(connection, column) is not None:
                yield connection, column, connection.canvas_url
    for column in ("draft_token", "draft_client_secret", "draft_refresh_token"):
        if getattr(settings, column) is not None:
            yield settings, column, settings.draft_url or ""


TOKENS = Secrets("token", "tokens", "paste it again in Course Settings", _tokens)


def _links(session: Session) -> Iterable[tuple[Any, str, str]]:
    for one in lock_mails(session, Mail.link.is_not(None)):
        yield one, "link", one.email


LINKS = Secrets("link in a mail", "links in mails", "the person chooses “Forgot password” in Canvas", _links)
