"""The practice world: its rows, the indexes that find them, and its file. Canvas's rules are in `rules_*.py`; no HTTP.

Code that reads or changes the world holds `lock`, and never sleeps while it does.
"""

import json
import os
import threading
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from pathlib import Path
from typing import Any

from .records import (
    ENROLLMENT_TYPES,
    Account,
    Course,
    DeveloperKey,
    Enrollment,
    Login,
    Section,
    SISImport,
    Token,
    User,
    new_token,
    sortable,
)

SortKey = tuple[str, str, int]

ROOT_ACCOUNT_ID = 100
ADMIN_USER_ID = 101
ADMIN_LOGIN_ID = 102
TERM_ID = 103
ADMIN_TOKEN_ID = 109
#: Ids of the built-in course roles, in the order of the types.
ROLE_IDS = {name: 104 + number for number, name in enumerate(ENROLLMENT_TYPES)}
FIRST_FREE_ID = 110
LETTERS_SHOWN = 20

KINDS = {
    "accounts": Account,
    "users": User,
    "logins": Login,
    "courses": Course,
    "sections": Section,
    "enrollments": Enrollment,
    "imports": SISImport,
    "tokens": Token,
    "developer_keys": DeveloperKey,
}


class World:
    """Everything the practice Canvas knows.

    All rows are numbered from one sequence, which never starts again. So an id of the wrong kind, or of an earlier
    world, leads to no row instead of a wrong one. Only a restored snapshot gives ids out again.
    """

    def __init__(self, data_file: Path | None = None, admin_token: str | None = None) -> None:
        self.lock = threading.RLock()
        self.data_file = data_file
        self.root_account_id = ROOT_ACCOUNT_ID
        self.clock_offset_seconds = 0.0
        self.imports_are, self.import_seconds = "on", 0.0
        self.next_id = FIRST_FREE_ID
        self.changes = 0
        self._kept_changes = 0
        kept = self._read()
        self.is_new = not kept
        self.admin_token = admin_token or kept.get("admin_token") or new_token()
        self.clear()
        if kept:
            self._restore(kept)

    def clear(self) -> None:
        """Delete all but the root account, the admin and the admin's token, which is active with every permission."""
        self.accounts: dict[int, Account] = {}
        self.users: dict[int, User] = {}
        self.logins: dict[int, Login] = {}
        self.courses: dict[int, Course] = {}
        self.sections: dict[int, Section] = {}
        self.enrollments: dict[int, Enrollment] = {}
        self.imports: dict[int, SISImport] = {}
        self.tokens: dict[str, Token] = {}
        self.developer_keys: dict[int, DeveloperKey] = {}
        self.mails = 0
        self.letters: deque[tuple[str, str]] = deque(maxlen=LETTERS_SHOWN)
        self.snapshot: str | None = None
        self._empty_indexes()
        now = self.now()
        self.add(Account(ROOT_ACCOUNT_ID, "Practice University", now))
        self.add(
            User(ADMIN_USER_ID, "Practice Admin", now, "Practice Admin", "Admin, Practice", "admin@practice.invalid")
        )
        self.add(Login(ADMIN_LOGIN_ID, ADMIN_USER_ID, "admin@practice.invalid", now))
        self.add(Token(self.admin_token, ADMIN_USER_ID, id=ADMIN_TOKEN_ID))

    def now(self) -> str:
        """The time on this Canvas's clock, as its answers write it: UTC, whole seconds."""
        return self.clock().strftime("%Y-%m-%dT%H:%M:%SZ")

    def clock(self) -> datetime:
        """The time on this Canvas's clock, which may differ from ours."""
        return datetime.now(UTC) + timedelta(seconds=self.clock_offset_seconds)

    def new_id(self) -> int:
        """An id that nothing in this Canvas has."""
        self.next_id += 1
        return self.next_id - 1

    def mail(self, user: User) -> None:
        """Count a mail with the link to choose a password. Nothing is really sent: the page shows the link."""
        self.mails += 1
        self.letters.appendleft((user.email or "", user.confirmation_code or ""))

    # Rows

    def add(
        self, row: Account | User | Login | Course | Section | Enrollment | SISImport | Token | DeveloperKey
    ) -> None:
        """Add a new row, which has its id already."""
        self.changes += 1
        match row:
            case Account():
                self.accounts[row.id] = row
            case User():
                self.users[row.id] = row
                self.index_user(row)
            case Login():
                self.logins[row.id] = row
                self.logins_of_user[row.user_id].append(row)
                self.index_login(row)
            case Course():
                self.courses[row.id] = row
            case Section():
                self.sections[row.id] = row
                self.sections_of_course[row.course_id].append(row)
            case Enrollment():
                self.enrollments[row.id] = row
                self.index_enrollment(row)
            case SISImport():
                self.imports[row.id] = row
            case Token():
                row.id = row.id or self.new_id()
                self.tokens[row.value] = row
            case DeveloperKey():
                self.developer_keys[row.id] = row

    def changed(self) -> None:
        """Call this after changing a row's values, so that they are kept."""
        self.changes += 1

    def add_user(
        self,
        name: str,
        login: str | None,
        sis_user_id: str | None = None,
        email: str | None = None,
        state: str = "registered",
        integration_id: str | None = None,
    ) -> User:
        """Add a user and, unless `login` is None, a login. Checks nothing; the rules do."""
        now = self.now()
        if email is None and login and "@" in login.strip("@"):
            email = login
        user = User(self.new_id(), name, now, name.strip(), sortable(name), email, workflow_state=state)
        self.add(user)
        if login is not None:
            self.add(Login(self.new_id(), user.id, login, now, sis_user_id or None, integration_id or None))
        return user

    def add_section(self, course: Course, name: str, **values: Any) -> Section:
        """A new section; `values` are other fields of `Section`."""
        section = Section(self.new_id(), course.id, name, self.now(), **values)
        self.add(section)
        return section

    def default_section(self, course: Course) -> Section:
        """The course's default section, made if it is missing (app/models/course.rb)."""
        for section in self.sections_of_course[course.id]:
            if section.default_section and section.workflow_state == "active":
                return section
        return self.add_section(course, course.name, default_section=True)

    def login_of(self, user: User) -> Login | None:
        """The login that Canvas shows for a user: the first with a SIS id, else the first (lib/sis_pseudonym.rb)."""
        logins = [login for login in self.logins_of_user[user.id] if login.workflow_state != "deleted"]
        return min(logins, key=lambda login: login.sis_user_id is None, default=None)

    def rows_of(self, *, course_id: int | None = None, user_id: int | None = None) -> list[Enrollment]:
        """All enrollments, in any state, of a course, of a user, or of a user in a course."""
        if user_id is not None:
            return [row for row in self.enrollments_of_user[user_id].values() if course_id in (None, row.course_id)]
        return list(self.enrollments_of_course[course_id].values()) if course_id is not None else []

    def teachers_of(self, course: Course) -> list[User]:
        """The people who teach the course, or are invited to."""
        rows = self.rows_of(course_id=course.id)
        teaching = [
            row for row in rows if row.type == "TeacherEnrollment" and row.workflow_state in ("active", "invited")
        ]
        return [self.users[number] for number in dict.fromkeys(row.user_id for row in teaching)]

    def in_order(self, rows: Iterable[Enrollment]) -> list[tuple[SortKey, Enrollment]]:
        """Enrollments in the order in which Canvas lists them: by type, the person's sortable name, and id."""
        return sorted(
            (((row.type, self.users[row.user_id].sortable_name.lower(), row.id), row) for row in rows),
            key=itemgetter(0),
        )

    def roster(self, course_id: int) -> list[tuple[SortKey, Enrollment]]:
        """All enrollments of a course, `in_order`. The list is kept until one is added or moved, or somebody's name
        changes, because clients read a large course page by page."""
        if course_id not in self._rosters:
            self._rosters[course_id] = self.in_order(self.enrollments_of_course[course_id].values())
        return self._rosters[course_id]

    # Indexes

    def _empty_indexes(self) -> None:
        self.logins_of_user: dict[int, list[Login]] = defaultdict(list)
        self.sections_of_course: dict[int, list[Section]] = defaultdict(list)
        self.enrollments_of_course: dict[int, dict[int, Enrollment]] = defaultdict(dict)
        self.enrollments_of_user: dict[int, dict[int, Enrollment]] = defaultdict(dict)
        self.enrollment_by_key: dict[tuple, Enrollment] = {}
        self.login_by_unique_id: dict[str, Login] = {}
        self.login_by_sis_id: dict[str, Login] = {}
        #: user id -> all searchable texts, in lower case; `rules_users.search_users` then checks the permissions.
        self.user_texts: dict[int, str] = {}
        self._rosters: dict[int, list[tuple[SortKey, Enrollment]]] = {}

    def index_user(self, user: User) -> None:
        """Let searches find the user by their current name, emails and logins."""
        logins = self.logins_of_user[user.id]
        parts = [
            user.name,
            user.email,
            *user.other_emails,
            *(part for login in logins for part in (login.unique_id, login.sis_user_id, login.integration_id)),
        ]
        self.user_texts[user.id] = "\n".join(part for part in parts if part).lower()
        for row in self.enrollments_of_user[user.id].values():
            self._rosters.pop(row.course_id, None)

    def index_login(self, login: Login) -> None:
        """Let the login be found. Names are unique, ignoring case, among logins that are not deleted; SIS ids among all
        (models/pseudonym.rb)."""
        if login.workflow_state != "deleted":
            self.login_by_unique_id[login.unique_id.lower()] = login
        if login.sis_user_id:
            self.login_by_sis_id[login.sis_user_id] = login
        self.index_user(self.users[login.user_id])

    def forget_login(self, login: Login) -> None:
        """Remove a login from the indexes, before its name, SIS id, state or user changes."""
        if self.login_by_unique_id.get(login.unique_id.lower()) is login:
            del self.login_by_unique_id[login.unique_id.lower()]
        if login.sis_user_id and self.login_by_sis_id.get(login.sis_user_id) is login:
            del self.login_by_sis_id[login.sis_user_id]

    def index_enrollment(self, row: Enrollment) -> None:
        """Let a new enrollment be found by course, by user and by its key."""
        self.enrollments_of_course[row.course_id][row.id] = row
        self.enrollments_of_user[row.user_id][row.id] = row
        self.enrollment_by_key[row.key] = row
        self._rosters.pop(row.course_id, None)

    def move_enrollment(self, row: Enrollment, **new_place: int) -> None:
        """Give a row another user, course or observed person."""
        del self.enrollments_of_course[row.course_id][row.id]
        del self.enrollments_of_user[row.user_id][row.id]
        del self.enrollment_by_key[row.key]
        self._rosters.pop(row.course_id, None)
        for name, number in new_place.items():
            setattr(row, name, number)
        self.index_enrollment(row)

    # Keeping

    def keep(self) -> None:
        """Write the world to its file, if it has one and something changed.

        Call it before sending an answer. Several threads may wait here; the first one then writes for all.
        """
        if self.data_file is None or self._kept_changes == self.changes:
            return
        with self.lock:
            if self._kept_changes == self.changes:
                return
            draft = self.data_file.with_name(self.data_file.name + ".new")
            draft.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # The file holds the token, so other users must not be able to read it, not even for a moment.
            draft.unlink(missing_ok=True)
            with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                json.dump(self._kept(), file)
            draft.replace(self.data_file)
            self._kept_changes = self.changes

    def take_snapshot(self) -> None:
        """Remember the world as it is, in place of an earlier snapshot; it ends with the process."""
        self.snapshot = json.dumps(self._kept())

    def restore_snapshot(self) -> None:
        """Bring the world back as it was at the snapshot. As after a restored backup, ids are given out again. Raises
        ValueError if there is no snapshot."""
        if self.snapshot is None:
            raise ValueError("there is no snapshot")
        self._restore(json.loads(self.snapshot))
        self.changed()

    def _kept(self) -> dict[str, Any]:
        kept: dict[str, Any] = {"admin_token": self.admin_token, "next_id": self.next_id, "mails": self.mails}
        return kept | {kind: [asdict(row) for row in getattr(self, kind).values()] for kind in KINDS}

    def _read(self) -> dict:
        if self.data_file is None or not self.data_file.exists():
            return {}
        return json.loads(self.data_file.read_text(encoding="utf-8"))

    def _restore(self, kept: dict) -> None:
        for kind, record in KINDS.items():
            getattr(self, kind).clear()
            if kind == "users":
                self._empty_indexes()
            for row in kept.get(kind, ()):
                self.add(record(**row))
        # A token given at the start replaces the admin's stored one.
        if self.admin_token != kept["admin_token"]:
            admin = self.tokens.pop(kept["admin_token"])
            admin.value = self.admin_token
            self.tokens[admin.value] = admin
        self.next_id, self.mails = kept["next_id"], kept["mails"]
