"""Asks Canvas whether what somebody typed for a connection is right.

The caller, a page or the worker, gets an `Outcome`. All its sentences come from `shared.said`.
"""

from contextlib import suppress
from dataclasses import dataclass
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
from ..canvas.shapes import Account, SignIn, TokenEnd
from ..shared import pauses
from ..shared.language import Marked
from ..shared.said import Said

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

OLDER_NAME = "manage_students"
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
        """Whether a field of the form has to be corrected."""
        return self.field is not None

    @property
    def is_unanswered(self) -> bool:
        """Whether Canvas could not say."""
        return self.field is None and bool(self.sentence)


TOKEN_MISSING = Outcome("canvas_token", Said("token_missing"))
TOKEN_OF_ANOTHER = Outcome("canvas_token", Said("token_of_another"))
TOKEN_UNREADABLE = Outcome("canvas_token", Said("token_unreadable"))
TOKEN_WITHOUT_ADDRESS = Outcome("canvas_token", Said("token_kept_with_address"))


SECRET_MISSING = Outcome("canvas_client_secret", Said("secret_missing"))
APPROVAL_IS_OVER = Outcome("canvas_client_id", Said("approval_over"))
APPROVER_IS_NO_ADMIN = Outcome("canvas_client_id", Said("approver_no_administrator"))


MISTYPED = ("not_reached", "no_server", "host_not_in_time", "not_readable", "web_page")
"""What can mean either a mistyped address or a Canvas that is away."""


def of_new_address(said: Said) -> Said:
    """Why Canvas gave no answer at an address that has never worked, and what to check."""
    if said.code == "bad_certificate":
        return Said("look_at_certificate", answer=said)
    return Said("look_at_address", answer=said) if said.code in MISTYPED else said


def check_address(
    url: str,
    *,
    allow_private: bool,
    ca_file: str | None = None,
    watcher: Watcher | None = None,
) -> Outcome:
    """Ask without any token, in one call, whether a Canvas answers at this URL. The outcome is right, or wrong with the
    URL as its field."""
    canvas = CanvasClient(url, "", allow_private=allow_private, ca_file=ca_file, flight=1, watcher=watcher)
    try:
        canvas.within(pauses.PAGE_SECONDS).myself()
    except (TokenRefused, PermissionMissing):
        return Outcome()
    except (CanvasDown, AddressRefused, Throttled) as error:
        return Outcome("canvas_url", of_new_address(error.said))
    except CanvasError as error:
        return Outcome("canvas_url", Said("no_service", answer=error.said))
    finally:
        canvas.close()
    return Outcome()


def check_connection(
    url: str,
    token: str,
    root_id: int,
    *,
    allow_private: bool,
    ca_file: str | None = None,
    watcher: Watcher | None = None,
    scoped: bool = False,
    seconds: float | None = None,
) -> Outcome:
    """Ask Canvas, in at most five calls, whether URL, token and root ID belong together.

    `scoped`: the token comes from a developer key. It may lack scopes and includes, and has no end of its own.
    `watcher` is notified of every call.
    """
    canvas = CanvasClient(url, token, allow_private=allow_private, ca_file=ca_file, flight=1, watcher=watcher)
    try:
        return ask(canvas.within(seconds or pauses.PAGE_SECONDS), root_id, scoped)
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


def ask(canvas: CanvasClient, root_id: int, scoped: bool) -> Outcome:
    """Ask, in at most five calls, whether this is a root account, and which rights the token's owner has there. Raises
    CanvasError."""
    owner = canvas.myself()
    try:
        account = canvas.account(root_id)
    except NotFound:
        account = None
    if account is None or not account.is_root:
        return _wrong_root(canvas, root_id, account)
    answers = canvas.permissions(root_id, [*PERMISSIONS, OLDER_NAME])
    may = {name for name, allowed in answers.items() if allowed}
    if OLDER_NAME in may:
        may |= {"add_student_to_course", "remove_student_from_course"}
    missing = tuple(name for name in PERMISSIONS if name not in may)
    cuts_includes, token_end = False, UNKNOWN_END
    if not scoped:
        # Nothing depends on it, so the check does not fail without it.
        with suppress(CanvasError):
            token_end = canvas.token_end()
    elif not {"read_roster", "read_email_addresses"}.intersection(missing):
        # A list shows the owner's email, unless Canvas cuts what we ask to include [lib/api.rb].
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
