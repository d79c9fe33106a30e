"""Asks Canvas whether what somebody typed is right: a connection, or the Canvas course of one of our courses.

The caller, a page or the worker, gets an `Outcome`. Every sentence of an outcome is in `said`.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..canvas.calling import Watcher
from ..canvas.client import CanvasClient
from ..canvas.errors import (
    AddressRefused,
    CanvasDown,
    CanvasError,
    NotFound,
    PermissionMissing,
    Redirected,
    ScopeMissing,
    Throttled,
    TokenRefused,
)
from ..canvas.shapes import Account, Course, Section, SignIn, TokenEnd, User
from ..shared import pauses
from ..shared.formats import listed
from ..shared.language import Marked, t
from ..shared.said import Said
from ..tables.office import Association

PERMISSIONS: Marked[dict[str, str]] = {
    "manage_user_logins": "can't create users: participants without a Canvas account will wait",
    "read_roster": "can't find users: participants whose Canvas account we don't know yet will wait",
    "view_user_logins": "can't see logins: participants whose Canvas account we don't know yet will wait",
    "read_email_addresses": "can't find users by email: participants whose Canvas account we don't know yet may wait",
    "add_student_to_course": "can't enroll: nobody will get into a Canvas course",
    "remove_student_from_course": "can't remove: withdrawals will wait",
    "read_course_list": "can't search courses: Canvas courses have to be pasted",
    "manage_sis": "can't set SIS IDs: users that we create will have none",
}
"""What the token's owner must be allowed to do, and what breaks without it [permissions_registry.rb]."""


IN_COURSES = ("add_student_to_course", "remove_student_from_course")
"""What the token's owner must be allowed to do in a Canvas course that is associated."""

_OLDER_NAME = "manage_students"
"""The name of add_/remove_student_from_course in older Canvas, which answers False for the new names."""


UNKNOWN_END = TokenEnd(known=False)


@dataclass(frozen=True)
class Findings:
    """What a check found out about a Canvas, a token and a root account that belong together."""

    owner: str
    account_name: str
    missing_permissions: tuple[str, ...]
    cuts_includes: bool = False
    token_end: TokenEnd = UNKNOWN_END
    sign_ins: tuple[SignIn, ...] | None = None
    """None: the token may not see them."""


@dataclass(frozen=True)
class Outcome:
    """The result of checking what somebody typed: right, wrong, or unanswered.

    Right: no `sentence`; for a connection, `findings`. Wrong: a `sentence` for the form's `field`, and in `offer` the
    right root account, if Canvas names it. Unanswered: a `sentence` and no `field`.
    """

    field: str | None = None
    sentence: str = ""
    offer: Account | None = None
    findings: Findings | None = None

    @property
    def is_wrong(self) -> bool:
        return self.field is not None

    @property
    def is_unanswered(self) -> bool:
        return self.field is None and bool(self.sentence)


TOKEN_MISSING = Outcome("canvas_token", Said("token_missing"))
TOKEN_OF_ANOTHER = Outcome("canvas_token", Said("token_of_another"))
TOKEN_UNREADABLE = Outcome("canvas_token", Said("token_unreadable"))


SECRET_MISSING = Outcome("canvas_client_secret", Said("secret_missing"))
APPROVAL_IS_OVER = Outcome("canvas_client_id", Said("approval_over"))
APPROVER_IS_NO_ADMIN = Outcome("canvas_client_id", Said("approver_no_administrator"))


def check_connection(
    url: str,
    token: str,
    root_id: int,
    *,
    allow_private: bool,
    ca_file: str | None = None,
    watcher: Watcher | None = None,
    scoped: bool = False,
    seconds: float = pauses.PAGE_SECONDS,
) -> Outcome:
    """Ask Canvas, in at most five calls and so many seconds, whether URL, token and root ID belong together.

    `scoped`: the token is a developer key's, which may lack scopes and includes, and has no end of its own. `watcher`
    is notified of every call.
    """
    canvas = CanvasClient(url, token, allow_private=allow_private, ca_file=ca_file, flight=1, watcher=watcher)
    try:
        return _ask(canvas.within(seconds), root_id, scoped)
    except (Redirected, AddressRefused) as error:
        return Outcome("canvas_url", error.said)
    except ScopeMissing as error:
        return Outcome("canvas_client_id", Said("scopes_missing", scopes=error.scope))
    except TokenRefused:
        return APPROVAL_IS_OVER if scoped else Outcome("canvas_token", Said("token_not_accepted"))
    except PermissionMissing:
        return APPROVER_IS_NO_ADMIN if scoped else Outcome("canvas_token", Said("no_administrator"))
    except (CanvasDown, Throttled) as error:
        return Outcome(sentence=error.said)
    except CanvasError as error:
        return Outcome("canvas_url", Said("no_service", answer=error.said))
    finally:
        canvas.close()


def _ask(canvas: CanvasClient, root_id: int, scoped: bool) -> Outcome:
    owner = canvas.myself()
    try:
        account = canvas.account(root_id)
    except NotFound:
        account = None
    if account is None or not account.is_root:
        return _wrong_root(canvas, root_id, account)
    answers = canvas.permissions(root_id, [*PERMISSIONS, _OLDER_NAME])
    may = {name for name, allowed in answers.items() if allowed}
    if _OLDER_NAME in may:
        may |= {"add_student_to_course", "remove_student_from_course"}
    missing = tuple(name for name in PERMISSIONS if name not in may)
    cuts_includes, token_end = False, UNKNOWN_END
    if not scoped:
        # Nothing depends on it, so it is no reason to say that Canvas could not be asked.
        with suppress(CanvasError):
            token_end = canvas.token_end()
    elif not {"read_roster", "read_email_addresses"}.intersection(missing):
        # In a list the owner has an email, unless Canvas cuts what we ask to include [lib/api.rb].
        listed = canvas.search_users(root_id, owner.login_id or owner.name)
        cuts_includes = any(user.id == owner.id and not user.shows_email for user in listed)
    sign_ins = None
    with suppress(CanvasError):
        sign_ins = tuple(canvas.sign_ins(root_id))
    return Outcome(findings=Findings(owner.name, account.name, missing, cuts_includes, token_end, sign_ins))


def _wrong_root(canvas: CanvasClient, root_id: int, found: Account | None) -> Outcome:
    code = "sub_account" if found else "no_account"
    about: dict[str, Any] = {"root_id": root_id} | ({"account": found.name} if found else {})
    try:
        right = canvas.account("self")
    except CanvasError:
        return Outcome("canvas_root_id", Said(f"{code}_only", **about))
    return Outcome("canvas_root_id", Said(code, **about, name=right.name, right_id=right.id), offer=right)


def look_up(canvas: CanvasClient, association: Association, now: datetime) -> Outcome:
    """Fill in the association with what Canvas says about its course and section, if Canvas has them.

    Raises every CanvasError except NotFound, because it shows the worker the state of Canvas.
    """
    try:
        course = canvas.course(association.canvas_course)
    except NotFound:
        return Outcome("canvas_course", Said("no_course", course=association.canvas_course))
    if course.takes_no_students:
        return Outcome("canvas_course", Said("no_students", course=course.name))
    section = None
    if association.canvas_section:
        try:
            section = canvas.section(course.id, association.canvas_section)
        except NotFound:
            said = Said("no_section", course=course.name, section=association.canvas_section)
            return Outcome("canvas_section", said)
    association.missing_permissions = ",".join(missing_in(canvas, course.id))
    association.canvas_course_id, association.trouble = course.id, None
    association.canvas_section_id = section.id if section else None
    association.canvas_section_name = section.name if section else ""
    for name, value in _state(course, section).items():
        setattr(association, name, value)
    association.looked_up_at, association.look_up_at, association.problem = now, None, None
    return Outcome()


def state_of(canvas: CanvasClient, course_id: int, section_id: int | None) -> dict[str, Any]:
    """How a Canvas course that was found before stands now, in one call or two: values of the association's columns.

    Raises every CanvasError except NotFound.
    """
    try:
        course = canvas.course(course_id)
    except NotFound:
        return {"trouble": "course_missing"}
    if course.takes_no_students:
        return {"trouble": "course_closed_to_students", **_state(course, None)}
    try:
        section = canvas.section(course_id, section_id) if section_id else None
    except NotFound:
        return {"trouble": "section_missing", **_state(course, None)}
    return {"trouble": None, **_state(course, section)}


def _state(course: Course, section: Section | None) -> dict[str, Any]:
    window = section.window if section is not None and section.window is not None else course.window
    return {
        "canvas_course_name": course.name,
        "published": course.published,
        "concluded": course.concluded,
        "opens_at": window.opens_at,
        "closes_at": window.closes_at,
    }


def missing_in(canvas: CanvasClient, course_id: int) -> list[str]:
    """What an association needs and the token's owner may not do in this course, which may be less than elsewhere."""
    try:
        answers = canvas.course_permissions(course_id, [*IN_COURSES, _OLDER_NAME])
    except NotFound:
        # The course may be seen, and its rights may not.
        return []
    return [] if answers[_OLDER_NAME] else [name for name in IN_COURSES if not answers[name]]


FORMS = ("sis_user_id:", "sis_login_id:")
"""How Canvas lets a user be named other than by number [api.rb api_find]."""


def look_up_user(canvas: CanvasClient, typed: str) -> User:
    """The Canvas user with this number, login or SIS ID.

    Raises ValueError with a sentence if there is none, or if it is not clear which one is meant; CanvasError if Canvas
    does not answer.
    """
    ways: list[str | int] = [typed] if typed.startswith(FORMS) else [f"{form}{typed}" for form in FORMS]
    if typed.isascii() and typed.isdigit():
        ways.append(int(typed[:19]))
    found: dict[int, User] = {}
    for way in ways:
        try:
            user = canvas.user(way)
        except NotFound:
            continue
        found[user.id] = user
    if not found:
        raise ValueError(
            t("Canvas has no user with the ID, login or SIS ID {typed}, or the token may not see them.", typed=typed)
        )
    if len(found) > 1:
        users = [
            t("{name} (ID {id}, login {login})", name=user.name, id=user.id, login=user.login_id)
            for user in found.values()
        ]
        raise ValueError(
            t("{typed} leads to {names}. Type the login of the right one.", typed=typed, names=listed(users))
        )
    return next(iter(found.values()))
