"""The connection to Canvas: check it, adopt it, look a course up in it.

Knows the client and the tables; no Flask, no RQ. The token is opened here and handed to a `CanvasClient`, nowhere
else. Functions that call Canvas hold no transaction open meanwhile: they commit first.
"""

import logging
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.fernet import MultiFernet
from sqlalchemy import and_, not_, or_, select, update
from sqlalchemy.orm import Session

from . import claims, registrations, seats
from .canvas import (
    Account,
    AddressRefused,
    CanvasClient,
    CanvasDown,
    CanvasError,
    NotFound,
    PermissionMissing,
    Redirected,
    Throttled,
    TokenRefused,
)
from .models import Association, Connection, Course, Sealed, Seat, Settings, begin_writing

log = logging.getLogger(__name__)

CHECK_SECONDS = 5
CHECK_AGAIN = timedelta(seconds=15)
LOOK_UP_AGAIN = timedelta(minutes=15)
REFRESH = timedelta(days=1)
"""How old what we know of a Canvas course may get; while people can't enter it, no older than `LOOK_UP_AGAIN`."""

AT_ONCE = 20
"""Look-ups in one go, so that seats never wait for those of all courses."""

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


class Canvases:
    """This process's clients, one for each Canvas and token, and the keys that open tokens."""

    def __init__(self, keys: MultiFernet, allow_private: bool, ca_file: str | None = None):
        self.keys = keys
        self.allow_private = allow_private
        self.ca_file = ca_file
        self._clients: dict[tuple[str, str], CanvasClient] = {}
        self._lock = threading.Lock()

    def client(self, connection: Connection) -> CanvasClient | None:
        """The client for a connection, or None when its token can't be opened with the keys we have."""
        token = connection.token.open(self.keys)
        if token is None:
            return None
        with self._lock:
            key = (connection.canvas_url, token)
            if key not in self._clients:
                # A token that was replaced is not needed again; its pool would stay for ever.
                self._clients = {k: v for k, v in self._clients.items() if k[0] != connection.canvas_url}
                self._clients[key] = CanvasClient(
                    connection.canvas_url, token, allow_private=self.allow_private, ca_file=self.ca_file
                )
            return self._clients[key]


# -- checking ---------------------------------------------------------------------------------------------------------


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
    seconds: float = CHECK_SECONDS,
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


# -- adopting ---------------------------------------------------------------------------------------------------------


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
    seats.release(session, Seat.connection_id == connection.id, waiting_for_it)
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
        .where(or_(Settings.draft_check_at <= now, Settings.draft_check_at > now + 2 * CHECK_AGAIN))
        .values(draft_check_at=now + CHECK_AGAIN)
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
        found = check(url, token, root_id, **reach, seconds=3 * CHECK_SECONDS)
    except (CanvasDown, Throttled):
        return
    except CheckFailed as failed:
        problem, found = str(failed), None
    else:
        problem = None
    begin_writing(session)
    session.refresh(settings)
    if settings.draft_token is not None and settings.draft_token.ciphertext == sealed.ciphertext:
        settings.draft_problem, settings.draft_check_at = problem, None
        if found is not None and not is_another(settings, url, root_id):
            adopt(session, settings, canvases, found, now)
    session.commit()


# -- the keys of tokens -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rotated:
    """How many tokens the newest key encrypts now, and of which Canvases (their URLs) the token can't be read."""

    count: int
    unreadable: list[str]


def rotate_keys(session: Session, keys: MultiFernet) -> Rotated:
    """Encrypt every token that is kept with the newest key, also beside running processes; never commits.

    Doing it again changes no token. A token that no key opens stays as it is.
    """
    begin_writing(session)
    # Locked, so that a token saved meanwhile is not overwritten by the one that was there before.
    held = list(session.scalars(select(Connection).order_by(Connection.id).with_for_update()))
    settings = session.scalars(select(Settings).with_for_update()).one()
    count, unreadable = 0, []
    places = [(one, "token", one.canvas_url) for one in held] + [(settings, "draft_token", settings.draft_url)]
    for row, column, canvas_url in places:
        sealed = getattr(row, column)
        if sealed is None:
            continue
        anew = sealed.with_newest_key(keys)
        if anew is None:
            unreadable.append(canvas_url)
        else:
            setattr(row, column, anew)
            count += 1
    session.flush()
    return Rotated(count, unreadable)


# -- associations -----------------------------------------------------------------------------------------------------


def look_up(canvas: CanvasClient, association: Association, now: datetime) -> None:
    """Fill in what Canvas says of the association's course and section.

    Raises CheckFailed with the field and sentence where Canvas has no such course or section, else any CanvasError.
    """
    try:
        course = canvas.course(association.canvas_course)
    except NotFound:
        raise CheckFailed(
            "canvas_course", f"Canvas has no course {association.canvas_course}, or the token may not see it."
        ) from None
    section = None
    if association.canvas_section:
        try:
            section = canvas.section(course.id, association.canvas_section)
        except NotFound:
            raise CheckFailed(
                "canvas_section", f"{course.name} has no section {association.canvas_section} in Canvas."
            ) from None
    association.canvas_course_id, association.canvas_course_name = course.id, course.name
    association.canvas_section_id = section.id if section else None
    association.canvas_section_name = section.name if section else ""
    association.published, association.concluded = course.published, course.concluded
    association.looked_up_at, association.look_up_at, association.problem = now, None, None


def to_look_up(session: Session, connection_id: int, now: datetime) -> list[int]:
    """The courses whose association is due to be looked up: those that could not be yet, and those whose Canvas
    course may have been published, unpublished, concluded or renamed since."""
    looked_up_at, shut = Association.looked_up_at, or_(not_(Association.published), Association.concluded)
    aged = or_(looked_up_at <= now - REFRESH, and_(shut, looked_up_at <= now - LOOK_UP_AGAIN))
    asked = or_(
        Association.look_up_at <= now,
        # A time further off than any wait was set by a clock that has stepped back since.
        Association.look_up_at > now + 2 * LOOK_UP_AGAIN,
        and_(Association.look_up_at.is_(None), aged),
    )
    still_on = and_(Course.cancelled_at.is_(None), or_(Course.ends_at.is_(None), Course.ends_at > now))
    return list(
        session.scalars(
            select(Association.course_id)
            .join(Course, Course.id == Association.course_id)
            .where(Association.connection_id == connection_id, asked)
            .where(or_(Association.canvas_course_id.is_(None), still_on))
            .order_by(Association.looked_up_at.nulls_first())
            .limit(AT_ONCE)
        )
    )


def look_up_again(session: Session, connection_id: int, now: datetime) -> int:
    """Because a person asks: look up now what could not be, or can't be entered; answers how many courses."""
    waiting = or_(Association.problem.is_not(None), not_(Association.published), Association.concluded)
    asked = update(Association).where(Association.connection_id == connection_id, waiting).values(look_up_at=now)
    session.info[claims.RANG] = True
    return session.execute(asked.execution_options(synchronize_session=False)).rowcount


def look_up_walk(session: Session, course_id: int, now: Callable[[], datetime]) -> Generator:
    """Look up one association in the manner of a `delivery` walk, and give the course's people their seats."""
    typed = session.get_one(Association, course_id, populate_existing=True)
    if typed.canvas_course_id is not None:
        yield from _refresh(session, typed, now)
        return
    found = Association(
        course_id=course_id,
        connection_id=typed.connection_id,
        canvas_course=typed.canvas_course,
        canvas_section=typed.canvas_section,
    )
    problem = None
    try:
        yield lambda canvas: look_up(canvas, found, now())
    except (CheckFailed, CanvasError) as failed:
        problem = str(failed)
    except Exception:
        log.exception("Looking up %s in Canvas failed in an unforeseen way.", found.canvas_course)
        problem = "Looking it up failed on our side; the details are in the worker's log. We try again."
    course = session.get_one(Course, course_id)
    registrations.lock(session, course)
    typed = session.get(Association, course_id, populate_existing=True)
    asked_for = ("connection_id", "canvas_course", "canvas_section")
    if typed is None or any(getattr(typed, name) != getattr(found, name) for name in asked_for):
        return
    if problem:
        typed.problem, typed.look_up_at = problem, now() + LOOK_UP_AGAIN
        session.flush()
    else:
        registrations.associate(session, course, found, now())


def _refresh(session: Session, known: Association, now: Callable[[], datetime]) -> Generator:
    """Learn the present name and state of a Canvas course that was found before. Its id stays, whatever the SIS ID
    that was typed leads to by now: only a person moves people."""
    course_id, connection_id, canvas_course_id = known.course_id, known.connection_id, known.canvas_course_id
    values = {"look_up_at": None, "looked_up_at": now()}
    try:
        course = yield lambda canvas: canvas.course(canvas_course_id)
    except Exception as error:
        if not isinstance(error, CanvasError):
            log.exception("Looking at Canvas course %s again failed in an unforeseen way.", canvas_course_id)
        values = {"look_up_at": now() + LOOK_UP_AGAIN}
    else:
        values |= {"canvas_course_name": course.name, "published": course.published, "concluded": course.concluded}
    session.execute(
        update(Association)
        .where(Association.course_id == course_id, Association.connection_id == connection_id)
        .where(Association.canvas_course_id == canvas_course_id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
