"""The records of the practice world: plain rows, like Canvas's own. No rules and no HTTP.

Times are texts, ISO 8601 in UTC with a Z, so they can be compared, stored and sent as they are.
"""

import secrets
import string
from dataclasses import dataclass, field
from datetime import UTC, datetime

ENROLLMENT_TYPES = (
    "StudentEnrollment",
    "TeacherEnrollment",
    "TaEnrollment",
    "ObserverEnrollment",
    "DesignerEnrollment",
)
ENROLLMENT_STATES = ("active", "invited", "creation_pending", "completed", "rejected", "inactive", "deleted")

#: Everything an account admin of the practice university may do. Names: config/initializers/permissions_registry.rb.
PERMISSIONS = frozenset(
    [
        f"{verb}_{kind}_{where}_course"
        for verb, where in (("add", "to"), ("remove", "from"))
        for kind in ("student", "teacher", "ta", "observer", "designer")
    ]
    + [
        "allow_course_admin_actions",
        "become_user",
        "change_course_state",
        "import_sis",
        "manage_account_settings",
        "manage_course_content_edit",
        "manage_courses_admin",
        "manage_grades",
        "manage_sections_add",
        "manage_sections_delete",
        "manage_sections_edit",
        "manage_sis",
        "manage_students",
        "manage_user_details",
        "manage_user_logins",
        "read_course_list",
        "read_email_addresses",
        "read_roster",
        "read_sis",
        "view_all_grades",
        "view_user_logins",
    ]
)


def as_time(value: str | None) -> str | None:
    """Any ISO 8601 time as the text that the world stores; None if it is empty or unreadable."""
    try:
        moment = datetime.fromisoformat((value or "").strip())
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def sortable(name: str) -> str:
    """A name as Canvas sorts it: last word first."""
    first, _, last = name.strip().rpartition(" ")
    return f"{last}, {first.strip()}" if first else last


@dataclass(slots=True)
class Account:
    """An account; the root account has no parent."""

    id: int
    name: str
    created_at: str
    parent_account_id: int | None = None
    sis_account_id: str | None = None


@dataclass(slots=True)
class User:
    """`email` is the address that Canvas shows; `other_emails` came with users who were merged into this one.

    `confirmation_code` is in the link with which they choose a password, until it is used.
    """

    id: int
    name: str
    created_at: str
    short_name: str = ""
    sortable_name: str = ""
    email: str | None = None
    locale: str | None = None
    workflow_state: str = "registered"
    other_emails: list[str] = field(default_factory=list)
    confirmation_code: str | None = None


@dataclass(slots=True)
class Login:
    """A user's login, which Canvas's code calls a pseudonym. `password` is a hash; None: nobody knows it."""

    id: int
    user_id: int
    unique_id: str
    created_at: str
    sis_user_id: str | None = None
    integration_id: str | None = None
    workflow_state: str = "active"
    authentication_provider_id: int | None = None
    password: str | None = None


@dataclass(slots=True)
class Course:
    """`requirements` is how many its modules have. `met`: the id of a user, as a text → how many of them the user has
    met, and when the last one."""

    id: int
    name: str
    account_id: int
    created_at: str
    course_code: str = ""
    sis_course_id: str | None = None
    integration_id: str | None = None
    workflow_state: str = "available"
    start_at: str | None = None
    end_at: str | None = None
    restrict_enrollments_to_course_dates: bool = False
    enrollment_term_id: int | None = None
    term_end_at: str | None = None
    template: bool = False
    blueprint: bool = False
    requirements: int = 0
    met: dict[str, tuple[int, str]] = field(default_factory=dict)


@dataclass(slots=True)
class Section:
    """A cross-listed section knows the course that it came from, `nonxlist_course_id`."""

    id: int
    course_id: int
    name: str
    created_at: str
    sis_section_id: str | None = None
    integration_id: str | None = None
    start_at: str | None = None
    end_at: str | None = None
    restrict_enrollments_to_section_dates: bool = False
    default_section: bool = False
    workflow_state: str = "active"
    nonxlist_course_id: int | None = None


@dataclass(slots=True)
class Enrollment:
    """An enrollment in a section, as Canvas's table has it."""

    id: int
    user_id: int
    course_id: int
    course_section_id: int
    type: str
    workflow_state: str
    created_at: str
    updated_at: str
    associated_user_id: int | None = None
    limit_privileges_to_course_section: bool = False
    self_enrolled: bool = False
    start_at: str | None = None
    end_at: str | None = None
    sis_import_id: int | None = None
    last_activity_at: str | None = None
    scores: dict[str, float] = field(default_factory=dict)
    """The scores of the posted work, in percent: `current`, `final` and `override`."""

    @property
    def key(self) -> tuple[int, int, str, int | None, int]:
        """Canvas has one row for each key; roles are the base types here (app/models/course.rb, enroll_user)."""
        return (self.course_id, self.user_id, self.type, self.associated_user_id, self.course_section_id)


@dataclass(slots=True)
class DeveloperKey:
    """A developer key. `scopes` None: it enforces none. `state`: on, off or deleted. `expires_in`: how many seconds its
    tokens live; None: until they are revoked."""

    id: int
    secret: str
    redirect_uris: list[str]
    scopes: list[str] | None = None
    include_parameters: bool = False
    expires_in: float | None = 3600
    state: str = "on"


def new_token() -> str:
    """A new token as hosted Canvas makes them: the number of its shard, a ~, and 64 letters and digits."""
    return "7~" + "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(64))


@dataclass(slots=True)
class Token:
    """An access token with its owner's permissions.

    `lacking`: the id of a course, as a text → the permissions that are missing there though the owner has them
    elsewhere. A text, because the world is kept as JSON. A token of a developer key has `client_id`, the
    `refresh_token` that gives it another value, and the `scopes` that were approved; None: everything.
    """

    value: str
    user_id: int
    state: str = "active"
    expired_at: str | None = None
    permissions: list[str] = field(default_factory=lambda: sorted(PERMISSIONS))
    lacking: dict[str, list[str]] = field(default_factory=dict)
    id: int = 0
    purpose: str = ""
    expires_at: str | None = None
    client_id: int | None = None
    refresh_token: str | None = None
    scopes: list[str] | None = None


@dataclass(slots=True)
class SISImport:
    """The files that were handed in, by name, and what became of them. It takes `takes_seconds` from start to end."""

    id: int
    created_at: str
    user_id: int
    files: dict[str, str]
    takes_seconds: float
    workflow_state: str = "created"
    started_at: str | None = None
    ended_at: str | None = None
    counts: dict[str, int] = field(default_factory=dict)
    changes: dict[str, int] = field(default_factory=dict)
    warnings: list[tuple[str, int, str]] = field(default_factory=list)
    """The file, the number of the line (the header is line 1), and the sentence."""
