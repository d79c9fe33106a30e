"""What Canvas answers, as small frozen dataclasses. `reading` makes them from its JSON."""

from dataclasses import dataclass, field
from datetime import datetime

HIGHEST_ID = 2**63 - 1
"""The highest number that fits the columns; Canvas's ids are lower."""


@dataclass(frozen=True)
class User:
    """A Canvas user. `login_id`, `email` and `sis_user_id` are also None if the token may not see them.

    `link` is where a new user chooses a password, if it was asked for: a secret.
    """

    id: int
    name: str
    login_id: str | None
    email: str | None
    sis_user_id: str | None
    shows_login: bool
    shows_email: bool = True
    link: str | None = field(default=None, repr=False)

    @property
    def address(self) -> str | None:
        """How to name the user to Canvas: by SIS ID, else by login, so that merges and restores lead to the right one.

        None if the token may see neither.
        """
        return address_of(self.sis_user_id, self.login_id)


def address_of(sis_user_id: str | None, login_id: str | None) -> str | None:
    """A user's address in Canvas's forms; every path and parameter that names a user takes it [api.rb api_find]."""
    if sis_user_id:
        return f"sis_user_id:{sis_user_id}"
    return f"sis_login_id:{login_id}" if login_id else None


@dataclass(frozen=True)
class SignIn:
    """A way to sign in to Canvas, which Canvas calls an authentication provider; `kind` is for example saml or
    google."""

    id: int
    kind: str


@dataclass(frozen=True)
class TokenEnd:
    """When a token ends. `at` None: never, if that is `known`."""

    known: bool
    at: datetime | None = None


@dataclass(frozen=True)
class Account:
    """An account of Canvas: the root account, or one below it."""

    id: int
    name: str
    is_root: bool


@dataclass(frozen=True)
class Window:
    """The times between which a student may take part; None: no limit on that side [enrollment_state.rb]."""

    opens_at: datetime | None = None
    closes_at: datetime | None = None


@dataclass(frozen=True)
class Course:
    """`workflow_state`: available (published), claimed or created (unpublished), completed [courses_controller.rb]."""

    id: int
    name: str
    workflow_state: str
    concluded: bool
    takes_no_students: bool = False
    """It is a blueprint course or a course template [lib/api/v1/course.rb]."""
    window: Window = Window()
    """Its own dates if it restricts enrollments to them, else its term's."""
    sis_id: str | None = None
    """Also None if the token may not see it."""

    @property
    def published(self) -> bool:
        """Whether it was published; a concluded course counts as published."""
        return self.workflow_state in ("available", "completed")


@dataclass(frozen=True)
class ListedCourse:
    """A course as a search shows it. `students`: people who are in it; None if Canvas doesn't say.

    `sis_course_id` is also None if the token may not see it; `kind` is why it takes no students, else "".
    """

    course: Course
    code: str
    sis_course_id: str | None
    term: str
    teachers: tuple[str, ...]
    students: int | None
    kind: str


@dataclass(frozen=True)
class Section:
    """`window`: its own dates if it restricts enrollments to them. None: the course's dates count."""

    id: int
    name: str
    course_id: int
    window: Window | None = None
    sis_id: str | None = None
    """Also None if the token may not see it."""


@dataclass(frozen=True)
class Scores:
    """A student's scores in a course, in percent; None where nothing is graded. `final` counts missing work as 0;
    `override` is what a teacher set instead of it [lib/api/v1/user.rb]."""

    current: float | None
    final: float | None
    override: float | None


@dataclass(frozen=True)
class Progress:
    """How far a student is in a course's modules; `completed_at` is None until all requirements are met, and again when
    a teacher adds one [course_progress.rb]."""

    user_id: int
    requirements: int
    met: int
    completed_at: datetime | None


@dataclass(frozen=True)
class Enrollment:
    """One row of Canvas. `user` has what the token may see of it; its id is always there. `scores` is None where the
    token may not see them."""

    id: int
    user_id: int
    course_id: int
    section_id: int
    type: str
    state: str
    created_at: datetime
    user: User
    last_activity_at: datetime | None = None
    """When they last did something in the course; None: never, as far as Canvas knows."""
    updated_at: datetime | None = None
    scores: Scores | None = None
