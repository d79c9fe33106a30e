"""Connects to a Canvas: what was typed is kept as a draft until Canvas confirms it, and then adopted."""

import logging
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from ..ledger import claims, due, reads
from ..shared import clock, pauses
from ..shared.said import Said
from ..tables.canvas import Connection, Settings
from ..tables.columns import Sealed, begin_writing, change
from ..tables.ledger import Seat
from ..tables.office import Association
from .checking import TOKEN_MISSING, TOKEN_OF_ANOTHER, TOKEN_UNREADABLE, Findings, Outcome, check_connection
from .clients import Canvases
from .holding import lift_hold

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DeveloperKey:
    """A developer key of Canvas, decrypted. If it has no refresh token, nobody has approved it yet."""

    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    refresh_at: datetime | None = None


def is_another(settings: Settings, url: str, root_id: int) -> bool:
    """Whether adopting these would replace the connection in use by another one."""
    now = settings.connection
    return now is not None and (now.canvas_url, now.canvas_root_id) != (url, root_id)


def in_use(settings: Settings, canvases: Canvases, url: str, root_id: int, token: str) -> bool:
    """Whether exactly these are the connection in use."""
    now = settings.connection
    return now is not None and not is_another(settings, url, root_id) and now.token.open(canvases.keys) == token


def kept_token(settings: Settings, canvases: Canvases, url: str) -> str | None:
    """The pasted token that an empty field stands for: one that was saved for exactly this URL, never for another."""
    if settings.draft_token is not None and (settings.draft_url, settings.draft_key_kind) == (url, "token"):
        return settings.draft_token.open(canvases.keys)
    now = settings.connection
    if now is not None and (now.canvas_url, now.key_kind) == (url, "token"):
        return now.token.open(canvases.keys)
    return None


def kept_secret(settings: Settings, canvases: Canvases, url: str, client_id: str) -> str | None:
    """The saved secret of this developer key that an empty field stands for; never for another URL."""
    if settings.draft_client_secret is not None and (settings.draft_url, settings.draft_client_id) == (url, client_id):
        return settings.draft_client_secret.open(canvases.keys)
    now = settings.connection
    if now is not None and now.client_secret is not None and (now.canvas_url, now.client_id) == (url, client_id):
        return now.client_secret.open(canvases.keys)
    return None


def approved_token(
    settings: Settings, canvases: Canvases, url: str, root_id: int, key: DeveloperKey
) -> tuple[str | None, DeveloperKey]:
    """The access token that this developer key already has, in the draft or in use; and the key, with what renews it.

    If there is no token, somebody has to approve the key.
    """
    kept, now = _kept_key(settings, canvases), clock.utc_now()
    if settings.draft_token is not None and kept is not None and settings.draft_url == url:
        still = kept.refresh_at is None or kept.refresh_at > now
        if still and (kept.client_id, kept.client_secret) == (key.client_id, key.client_secret):
            return settings.draft_token.open(canvases.keys), kept
    used = settings.connection
    if used is None or used.refresh_token is None or used.client_secret is None or used.key_kind != "developer_key":
        return None, key
    same = (used.canvas_url, used.client_id) == (url, key.client_id)
    if same and not is_another(settings, url, root_id) and used.client_secret.open(canvases.keys) == key.client_secret:
        kept = replace(key, refresh_token=used.refresh_token.open(canvases.keys), refresh_at=used.refresh_at)
        return used.token.open(canvases.keys), kept
    return None, key


def why_a_token_is_needed(settings: Settings, url: str) -> Outcome:
    """What to say if no token was typed for this URL and none is saved.

    A token that no Canvas has accepted yet is not sent to another address either: the person who corrects the address
    may not be the one who pasted the token.
    """
    if settings.draft_token is not None and settings.draft_url is not None and settings.draft_key_kind == "token":
        return Outcome("canvas_token", Said("token_typed_for", address=settings.draft_url.removesuffix("/api/v1")))
    now = settings.connection
    return TOKEN_OF_ANOTHER if now is not None and now.canvas_url != url else TOKEN_MISSING


class _Draft(NamedTuple):
    """What `settings.draft_*` hold while there is a draft with a token."""

    url: str
    root_id: int
    token: Sealed


def _draft(settings: Settings) -> _Draft | None:
    url, root_id, token = settings.draft_url, settings.draft_root_id, settings.draft_token
    return _Draft(url, root_id, token) if url is not None and root_id is not None and token is not None else None


def _kept_key(settings: Settings, canvases: Canvases) -> DeveloperKey | None:
    """The drafted developer key, None if there is none or it can't be read."""
    sealed, refresh_token = settings.draft_client_secret, settings.draft_refresh_token
    if settings.draft_key_kind != "developer_key" or settings.draft_client_id is None or sealed is None:
        return None
    secret = sealed.open(canvases.keys)
    opened = refresh_token.open(canvases.keys) if refresh_token else None
    return None if secret is None else DeveloperKey(settings.draft_client_id, secret, opened, settings.draft_refresh_at)


def key_to_approve(settings: Settings, canvases: Canvases) -> tuple[str, int, DeveloperKey] | None:
    """URL, root ID and developer key that an administrator may approve in Canvas: the draft's, else those in use."""
    if settings.draft_url is not None and settings.draft_root_id is not None:
        key = _kept_key(settings, canvases)
        return None if key is None else (settings.draft_url, settings.draft_root_id, key)
    used = settings.connection
    if used is None or used.key_kind != "developer_key" or used.client_id is None or used.client_secret is None:
        return None
    secret = used.client_secret.open(canvases.keys)
    return None if secret is None else (used.canvas_url, used.canvas_root_id, DeveloperKey(used.client_id, secret))


def adopt(session: Session, settings: Settings, canvases: Canvases, found: Findings, now: datetime) -> Connection:
    """Make the draft the connection in use, and release everything that waited for it. `found` is about this draft.

    Raises ValueError if there is no draft.
    """
    draft = _draft(settings)
    if draft is None:
        raise ValueError("There is no draft to adopt.")
    connection = session.scalar(
        select(Connection).where(Connection.canvas_url == draft.url, Connection.canvas_root_id == draft.root_id)
    )
    if connection is None:
        connection = Connection(canvas_url=draft.url, canvas_root_id=draft.root_id)
        session.add(connection)
    elif settings.connection_id != connection.id:
        # It was used before, and much may have changed there since.
        reads.owe_everything(session, connection.id, now, in_use=True)
    if connection.token is None or connection.token.open(canvases.keys) != draft.token.open(canvases.keys):
        connection.token, connection.token_saved_at = draft.token, now
    connection.key_kind, connection.refresh_token = settings.draft_key_kind, settings.draft_refresh_token
    connection.refresh_at, connection.refresh_tries = settings.draft_refresh_at, 0
    # An answer that is still on its way is about the earlier key.
    connection.refreshing_until_at = connection.disconnected_at = None
    if settings.draft_key_kind == "developer_key":
        connection.client_id, connection.client_secret = settings.draft_client_id, settings.draft_client_secret
    note_findings(session, connection, found, now)
    settings.connection = connection
    forget_draft(settings)
    not_looked_up = update(Association).where(Association.connection_id.is_(None))
    change(session, not_looked_up.values(connection_id=connection.id, look_up_at=now))
    return connection


def note_findings(session: Session, connection: Connection, found: Findings, now: datetime) -> None:
    """Store what a check found out about this connection, and release everything that waited for it."""
    connection.account_name, connection.token_owner = found.account_name, found.owner
    connection.missing_permissions = ",".join(found.missing_permissions)
    connection.cuts_includes = found.cuts_includes
    connection.sign_ins = None if found.sign_ins is None else [[one.id, one.kind] for one in found.sign_ins]
    connection.token_expires_at, connection.token_end_known = found.token_end.at, found.token_end.known
    connection.token_end_asked_at = connection.last_worked_at = now
    session.flush()
    lift_hold(session, connection, now)
    waiting_for_it = Seat.cause.in_(("permission_missing", "scope_missing", "root_id_wrong"))
    due.release(session, Seat.connection_id == connection.id, waiting_for_it)
    session.info[claims.RANG] = True


def forget_draft(settings: Settings) -> None:
    """Delete the draft."""
    settings.draft_url = settings.draft_root_id = settings.draft_token = None
    settings.draft_problem = settings.draft_check_at = None
    settings.draft_client_id = settings.draft_client_secret = settings.draft_refresh_token = None
    settings.draft_refresh_at = settings.draft_state = None
    settings.draft_key_kind = "token"


def keep_draft(
    settings: Settings,
    canvases: Canvases,
    url: str,
    root_id: int | None,
    token: str | None,
    key: DeveloperKey | None = None,
) -> None:
    """Keep what was typed until Canvas confirms it; secrets are sealed at once.

    A developer key has no token until it is approved. `root_id` None: it was mistyped, but the token beside it is kept.
    """
    forget_draft(settings)
    settings.draft_url, settings.draft_root_id = url, root_id
    settings.draft_token = Sealed.seal(token, canvases.keys) if token else None
    if key is not None:
        settings.draft_key_kind, settings.draft_client_id = "developer_key", key.client_id
        settings.draft_client_secret = Sealed.seal(key.client_secret, canvases.keys)
        settings.draft_refresh_token = Sealed.seal(key.refresh_token, canvases.keys) if key.refresh_token else None
        settings.draft_refresh_at = key.refresh_at


def check_draft(session: Session, settings: Settings, canvases: Canvases, now: datetime) -> None:
    """If it is time, check a draft that could not be checked when it was saved. Adopt it if it is right.

    Commits, so that no transaction is open during the calls to Canvas.
    """
    if settings.draft_check_at is None:
        return
    # A time later than any pause allows was set by a clock that has stepped back since.
    is_time = or_(Settings.draft_check_at <= now, Settings.draft_check_at > now + 2 * pauses.CHECK_AGAIN)
    mine = update(Settings).where(Settings.id == 1, is_time).values(draft_check_at=now + pauses.CHECK_AGAIN)
    is_mine = change(session, mine) == 1
    session.commit()
    draft = _draft(settings) if is_mine else None
    if draft is None:
        return
    token = draft.token.open(canvases.keys)
    session.commit()
    outcome = TOKEN_UNREADABLE
    if token is not None:
        try:
            outcome = check_connection(
                draft.url,
                token,
                draft.root_id,
                allow_private=canvases.allow_private,
                watcher=canvases.tally,
                ca_file=canvases.ca_file,
                scoped=settings.draft_key_kind == "developer_key",
                seconds=5 * pauses.PAGE_SECONDS,
            )
        except Exception:
            # It is checked again later, and no due seat waits for that.
            log.exception("Checking what was typed in Course Settings failed unexpectedly.")
            return
    if outcome.is_unanswered:
        return
    begin_writing(session)
    session.refresh(settings)
    if settings.draft_token is not None and settings.draft_token.ciphertext == draft.token.ciphertext:
        settings.draft_problem, settings.draft_check_at = outcome.sentence or None, None
        if outcome.findings is not None and not is_another(settings, draft.url, draft.root_id):
            adopt(session, settings, canvases, outcome.findings, now)
    session.commit()
