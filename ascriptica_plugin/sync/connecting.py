"""Connecting to a Canvas: what was typed is checked, kept as a draft, and adopted.

Functions that call Canvas hold no transaction open meanwhile: they commit first.
"""

import logging
import time
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from .. import retry
from ..canvas.client import CanvasClient
from ..canvas.errors import (
    AddressRefused,
    CanvasDown,
    CanvasError,
    NotFound,
    PermissionMissing,
    Redirected,
    Throttled,
    TokenRefused,
)
from ..canvas.shapes import Account
from ..ledger import claims, due
from ..tables.canvas import Connection, Seat, Settings
from ..tables.columns import Sealed, begin_writing
from ..tables.office import Association
from .clients import Canvases

log = logging.getLogger(__name__)


PERMISSIONS = {
    "manage_user_logins": "can't create users: participants without a Canvas account will wait",
    "read_roster": "can't find users: participants whose Canvas account we don't know yet will wait",
    "view_user_logins": "can't see logins: participants whose Canvas account we don't know yet will wait",
    "add_student_to_course": "can't enroll: nobody will get into a Canvas course",
    "remove_student_from_course": "can't remove: withdrawals will wait",
    "manage_sis": "can't set SIS IDs: users that we create will have none",
}
"""What the token's owner must be allowed to do, and what breaks without it [permissions_registry.rb]."""


_OLDER_NAME = "manage_students"
"""What add_/remove_student_from_course were called in older Canvas; there the new names answer False."""


@dataclass(frozen=True)
class Findings:
    """What a check found out about a Canvas, a token and a root account that go together."""

    owner: str
    account_name: str
    missing_permissions: tuple[str, ...]


class CheckFailed(Exception):
    """Canvas answered, and something typed is wrong: `field` names it, `offer` is the root account that is right."""

    def __init__(self, field: str, sentence: str, offer: Account | None = None):
        super().__init__(sentence)
        self.field = field
        self.offer = offer


def check(
    url: str,
    token: str,
    root_id: int,
    *,
    allow_private: bool,
    ca_file: str | None = None,
    seconds: float = retry.CHECK_SECONDS,
) -> Findings:
    """Ask Canvas, in at most three calls and so many seconds, whether URL, token and root ID go together.

    Raises CheckFailed where Canvas says they don't, and CanvasDown or Throttled where it didn't say.
    """
    canvas = CanvasClient(url, token, allow_private=allow_private, ca_file=ca_file, timeout_seconds=seconds, flight=1)
    until = time.monotonic() + seconds
    try:
        return _ask(canvas, root_id, until)
    except (Redirected, AddressRefused) as error:
        raise CheckFailed("canvas_url", str(error)) from None
    except TokenRefused:
        raise CheckFailed(
            "canvas_token", "Canvas does not accept this token. Copy it again, or make a new one in Canvas."
        ) from None
    except PermissionMissing:
        raise CheckFailed(
            "canvas_token",
            "Canvas knows this token, but its owner is not an administrator of the root account. "
            "Make the token while signed in as one.",
        ) from None
    except (CanvasDown, Throttled):
        raise
    except CanvasError as error:
        raise CheckFailed("canvas_url", f"This does not look like a Canvas web service URL. {error}") from None
    finally:
        canvas.close()


def _ask(canvas: CanvasClient, root_id: int, until: float) -> Findings:
    def in_time() -> CanvasClient:
        left = until - time.monotonic()
        if left <= 0:
            raise CanvasDown("Canvas did not answer in time.")
        canvas.deadline_seconds = left
        return canvas

    owner = in_time().myself()
    try:
        account = in_time().account(root_id)
    except NotFound:
        account = None
    if account is None or not account.is_root:
        raise _wrong_root(in_time(), root_id, account)
    answers = in_time().permissions(root_id, [*PERMISSIONS, _OLDER_NAME])
    may = {name for name, allowed in answers.items() if allowed}
    if _OLDER_NAME in may:
        may |= {"add_student_to_course", "remove_student_from_course"}
    missing = tuple(name for name in PERMISSIONS if name not in may)
    return Findings(owner.name, account.name, missing)


def _wrong_root(canvas: CanvasClient, root_id: int, found: Account | None) -> CheckFailed:
    what = f"{found.name} ({root_id}) is a sub-account" if found else f"Canvas has no account {root_id} for this token"
    try:
        right = canvas.account("self")
    except CanvasError:
        return CheckFailed("canvas_root_id", f"{what}. The root account is the topmost one in Canvas's Admin menu.")
    return CheckFailed("canvas_root_id", f"{what}. The root account is {right.name}, ID {right.id}.", offer=right)


def is_another(settings: Settings, url: str, root_id: int) -> bool:
    """Whether adopting these would leave the present connection for another one."""
    now = settings.connection
    return now is not None and (now.canvas_url, now.canvas_root_id) != (url, root_id)


def in_use(settings: Settings, canvases: Canvases, url: str, root_id: int, token: str) -> bool:
    """Whether exactly these are the connection in use."""
    now = settings.connection
    return now is not None and not is_another(settings, url, root_id) and now.token.open(canvases.keys) == token


def kept_token(settings: Settings, canvases: Canvases, url: str) -> str | None:
    """The token that an empty field keeps: one saved for exactly this host, never another's."""
    if settings.draft_token is not None and settings.draft_url == url:
        return settings.draft_token.open(canvases.keys)
    if settings.connection is not None and settings.connection.canvas_url == url:
        return settings.connection.token.open(canvases.keys)
    return None


def adopt(session: Session, settings: Settings, canvases: Canvases, found: Findings, now: datetime) -> Connection:
    """Make the draft, which the findings are about, the connection in use, and release all that waited for one."""
    url, root_id, token = settings.draft_url, settings.draft_root_id, settings.draft_token
    connection = session.scalar(
        select(Connection).where(Connection.canvas_url == url, Connection.canvas_root_id == root_id)
    )
    if connection is None:
        connection = Connection(canvas_url=url, canvas_root_id=root_id)
        session.add(connection)
    if connection.token is None or connection.token.open(canvases.keys) != token.open(canvases.keys):
        connection.token, connection.token_saved_at = token, now
    connection.account_name, connection.token_owner = found.account_name, found.owner
    connection.missing_permissions = ",".join(found.missing_permissions)
    connection.last_worked_at = now
    lift_hold(connection)
    session.flush()
    settings.connection = connection
    forget_draft(settings)
    session.execute(
        update(Association)
        .where(Association.connection_id.is_(None))
        .values(connection_id=connection.id, look_up_at=now)
        .execution_options(synchronize_session=False)
    )
    waiting_for_it = Seat.cause.in_(("permission_missing", "root_id_wrong"))
    due.release(session, Seat.connection_id == connection.id, waiting_for_it)
    session.info[claims.RANG] = True
    return connection


def forget_draft(settings: Settings) -> None:
    """Nothing typed is waiting any more."""
    settings.draft_url = settings.draft_root_id = settings.draft_token = None
    settings.draft_problem = settings.draft_check_at = None


def lift_hold(connection: Connection) -> None:
    """Calls may go out again."""
    connection.hold_cause = connection.hold_detail = connection.hold_since_at = connection.hold_until_at = None
    connection.hold_tries = 0


def keep_draft(settings: Settings, canvases: Canvases, url: str, root_id: int, token: str) -> None:
    """Keep what was typed until Canvas confirms it; the token is sealed at once."""
    settings.draft_url, settings.draft_root_id = url, root_id
    settings.draft_token = Sealed.seal(token, canvases.keys)
    settings.draft_problem = settings.draft_check_at = None


def check_draft(session: Session, settings: Settings, canvases: Canvases, now: datetime) -> None:
    """Check by ourselves what could not be checked when it was saved, if it is time; adopt it if it is right."""
    if settings.draft_check_at is None:
        return
    mine = session.execute(
        update(Settings)
        .where(Settings.id == 1)
        .where(or_(Settings.draft_check_at <= now, Settings.draft_check_at > now + 2 * retry.CHECK_AGAIN))
        .values(draft_check_at=now + retry.CHECK_AGAIN)
        .execution_options(synchronize_session=False)
    )
    session.commit()
    if mine.rowcount == 0 or settings.draft_token is None:
        return
    url, root_id, sealed = settings.draft_url, settings.draft_root_id, settings.draft_token
    token = sealed.open(canvases.keys)
    session.commit()
    try:
        if token is None:
            raise CheckFailed("canvas_token", "The saved token can't be read any more. Paste it again.")
        reach = {"allow_private": canvases.allow_private, "ca_file": canvases.ca_file}
        found = check(url, token, root_id, **reach, seconds=3 * retry.CHECK_SECONDS)
    except (CanvasDown, Throttled):
        return
    except CheckFailed as failed:
        problem, found = str(failed), None
    except Exception:
        # It is checked again, and nobody who is due waits for that.
        log.exception("Checking what was typed in Course Settings failed in an unforeseen way.")
        return
    else:
        problem = None
    begin_writing(session)
    session.refresh(settings)
    if settings.draft_token is not None and settings.draft_token.ciphertext == sealed.ciphertext:
        settings.draft_problem, settings.draft_check_at = problem, None
        if found is not None and not is_another(settings, url, root_id):
            adopt(session, settings, canvases, found, now)
    session.commit()
