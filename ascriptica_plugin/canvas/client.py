"""A client for the part of Canvas LMS's REST API that we use.

Facts about Canvas name their source file in instructure/canvas-lms in brackets.
"""

from datetime import datetime
from typing import Any
from urllib.parse import quote

from .calling import Caller
from .errors import NotFound, PermissionMissing, Refused, ScopeMissing
from .exchange import File
from .reading import (
    read_account,
    read_course,
    read_enrollment,
    read_listed_course,
    read_progress,
    read_section,
    read_sign_in,
    read_token_end,
    read_user,
)
from .shapes import Account, Course, Enrollment, ListedCourse, Progress, Section, SignIn, TokenEnd, User
from .sis import SISImport, read_import

EVERY_STATE = ("active", "invited", "creation_pending", "inactive", "completed", "rejected", "deleted")

NOT_DELETED = EVERY_STATE[:-1]
"""The states that Canvas also lists to people who ask for their own enrollments [enrollments_api_controller.rb]."""

COURSES_SHOWN = 25
"""How many courses a search shows."""


class CanvasClient(Caller):
    """What we ask of one Canvas. Each call is a method, which returns Canvas's answer in one of our shapes.

    Every method may raise any `CanvasError`.
    """

    # -- whose token, which account -----------------------------------------------------------------------------

    def myself(self) -> User:
        """GET users/self: the owner of the token; also used as the harmless probe [users_controller.rb]."""
        return read_user(self._call("GET", "users/self"))

    def token_end(self) -> TokenEnd:
        """GET users/self/tokens/:id: when the token in hand ends; its first five characters are an id too.

        Older Canvas doesn't know the call, and not everybody may make it [tokens_controller.rb, lib/api/v1/token.rb].
        """
        try:
            answer = self._call("GET", f"users/self/tokens/{_path_id(self._token_start)}")
        except (NotFound, PermissionMissing, Refused, ScopeMissing):
            return TokenEnd(known=False)
        return read_token_end(answer, self._token_start)

    def account(self, account_id: int | str) -> Account:
        """GET accounts/:id; `"self"` is the root account [accounts_controller.rb, lib/api/v1/account.rb]."""
        return read_account(self._call("GET", f"accounts/{account_id}"))

    def permissions(self, account_id: int, names: list[str]) -> dict[str, bool]:
        """GET accounts/:id/permissions; a name that this Canvas doesn't know is False."""
        answer = self._call("GET", f"accounts/{account_id}/permissions", {"permissions[]": names})
        return {name: answer.get(name) is True for name in names}

    # -- users ------------------------------------------------------------------------------------------------------

    def user(self, user_id: int | str) -> User:
        """GET users/:id, also `sis_user_id:X` and `sis_login_id:X`; a deleted or invisible user is NotFound."""
        return read_user(self._call("GET", f"users/{_path_id(user_id)}"))

    def search_users(self, account_id: int, term: str) -> list[User]:
        """GET accounts/:id/users: every user whose name, login, SIS id or email contains the term, all pages.

        The caller has to compare the results exactly [lib/user_search.rb].
        """
        query = {"search_term": term, "include[]": "email", "per_page": 100}
        return [read_user(row) for row in self._pages(f"accounts/{account_id}/users", query)]

    def account_users(self, account_id: int, link: str | None = None) -> tuple[list[User], str | None]:
        """GET accounts/:id/users: one page of the account's users, 100 a page, and the link to the next. Each shows one
        of its logins [users_controller.rb api_index]."""
        path, query = f"accounts/{account_id}/users", {"include[]": "email", "per_page": 100}
        rows, following = self._page(path, query, link)
        return [read_user(row) for row in rows], following

    def create_user(
        self,
        account_id: int,
        *,
        name: str,
        login: str,
        email: str,
        sis_user_id: str | None = None,
        mail_link: bool = False,
        ask_link: bool = False,
        sign_in_id: int | None = None,
    ) -> User:
        """POST accounts/:id/users: registered at once, without a mail and without a password that anybody knows.

        With `mail_link` Canvas mails the person a link to choose a password, with `ask_link` its answer has the link
        [lib/api/v1/user.rb confirmation_url]; either way they count as registered once they have used it
        [models/user/creation_notify_policy.rb]. If a `sign_in_id` is given, the login is only for that one; NotFound
        then also means that Canvas has none with this number.

        Canvas takes a login that is an email as the email too; for another login the email is named. Without a link it
        counts as confirmed. Raises Refused if a login has the `unique_id` or `sis_user_id` already; `taken`
        names them. So it is safe to repeat, though not idempotent [users_controller.rb, models/pseudonym.rb].
        """
        form = {
            "user[name]": name,
            "pseudonym[unique_id]": login,
            "pseudonym[send_confirmation]": "true" if mail_link else "false",
        }
        if sign_in_id is not None:
            form["pseudonym[authentication_provider_id]"] = str(sign_in_id)
        if not (mail_link or ask_link):
            form["user[skip_registration]"] = "true"
        if sis_user_id:
            form["pseudonym[sis_user_id]"] = sis_user_id
        if ask_link or login.casefold() != email.casefold():
            form["communication_channel[type]"] = "email"
            form["communication_channel[address]"] = email
            if ask_link:
                form["communication_channel[confirmation_url]"] = "true"
            elif not mail_link:
                form["communication_channel[skip_confirmation]"] = "true"
        return read_user(self._call("POST", f"accounts/{account_id}/users", form))

    def mail_password_link(self, email: str) -> None:
        """POST users/reset_password: Canvas mails the user with this login or email a link to choose a password, even
        if they have not registered yet; NotFound if there is none, PermissionMissing without the right to manage logins
        [pseudonyms_controller.rb forgot_password and confirm_change_password]."""
        self._call("POST", "users/reset_password", {"email": email})

    def sign_ins(self, account_id: int) -> list[SignIn]:
        """GET accounts/:id/authentication_providers, as the login page has them; PermissionMissing without the right to
        the account's settings [authentication_providers_controller.rb]."""
        rows = self._pages(f"accounts/{account_id}/authentication_providers", {"per_page": 100})
        return [read_sign_in(row) for row in rows]

    def update_user(self, user_id: int, *, name: str, email: str) -> User:
        """PUT users/:id: another name and email; the login stays [users_controller.rb update]."""
        return read_user(self._call("PUT", f"users/{user_id}", {"user[name]": name, "user[email]": email}))

    def logins(self, user_id: int) -> dict[str, int]:
        """GET users/:id/logins: the ids of a user's logins, by login [pseudonyms_controller.rb index]."""
        return {
            str(row.get("unique_id")): row["id"]
            for row in self._pages(f"users/{user_id}/logins", {"per_page": 100})
            if isinstance(row, dict) and type(row.get("id")) is int
        }

    def change_login(self, account_id: int, login_id: int, login: str) -> None:
        """PUT accounts/:id/logins/:id: another login; Refused if somebody has it [pseudonyms_controller.rb update]."""
        self._call("PUT", f"accounts/{account_id}/logins/{login_id}", {"login[unique_id]": login})

    # -- courses ----------------------------------------------------------------------------------------------------

    def course(self, course_id: int | str) -> Course:
        """GET courses/:id, also `sis_course_id:X`; a deleted course is NotFound [courses_controller.rb]."""
        return read_course(self._call("GET", f"courses/{_path_id(course_id)}", {"include[]": ["concluded", "term"]}))

    def search_courses(
        self, account_id: int, term: str, *, by_teacher: bool = False
    ) -> tuple[list[ListedCourse], bool]:
        """GET accounts/:id/courses: the first courses whose name, code, SIS ID or number has the term in it, or a
        teacher's name, ordered by name; and whether there are more. A blank term finds all.

        Any other term has at least two characters [accounts_controller.rb courses_api].
        """
        looked_for = {"search_term": term, "search_by": "teacher" if by_teacher else "course"}
        query = {
            **(looked_for if term else {}),
            "include[]": ["term", "teachers", "total_students", "concluded"],
            "sort": "course_name",
            "per_page": COURSES_SHOWN + 1,
        }
        rows, _ = self._page(f"accounts/{account_id}/courses", query)
        return [read_listed_course(row) for row in rows[:COURSES_SHOWN]], len(rows) > COURSES_SHOWN

    def course_permissions(self, course_id: int, names: list[str]) -> dict[str, bool]:
        """GET courses/:id/permissions: what the token's owner may do in this course, which may differ from the account
        [courses_controller.rb permissions]."""
        answer = self._call("GET", f"courses/{course_id}/permissions", {"permissions[]": names})
        return {name: answer.get(name) is True for name in names}

    def section(self, course_id: int, section_id: int | str) -> Section:
        """GET courses/:id/sections/:id; another course's section is NotFound [sections_controller.rb]."""
        return read_section(self._call("GET", f"courses/{course_id}/sections/{_path_id(section_id)}"))

    def sections(self, course_id: int | str) -> list[Section]:
        """GET courses/:id/sections: the active sections, by name, all pages [sections_controller.rb]."""
        path = f"courses/{_path_id(course_id)}/sections"
        return [read_section(row) for row in self._pages(path, {"per_page": 100})]

    # -- enrollments ------------------------------------------------------------------------------------------------

    def enroll(
        self,
        course_id: int,
        user_id: int | str,
        section_id: int | None = None,
        *,
        state: str = "active",
        notify: bool = False,
    ) -> Enrollment:
        """POST courses/:id/enrollments as a student; `state` is active or invited.

        Idempotent for one course, user and section; restores a deleted, inactive or completed row under the same id.
        `user_id` may be `sis_user_id:X`. NotFound: course, section or user is missing [enrollments_api_controller.rb].
        """
        form = {
            "enrollment[user_id]": str(user_id),
            "enrollment[type]": "StudentEnrollment",
            "enrollment[enrollment_state]": state,
        }
        if notify:
            form["enrollment[notify]"] = "true"
        if section_id:
            form["enrollment[course_section_id]"] = str(section_id)
        return read_enrollment(self._call("POST", f"courses/{course_id}/enrollments", form))

    def unenroll(self, course_id: int, enrollment_id: int, task: str = "delete") -> Enrollment:
        """DELETE courses/:id/enrollments/:eid; `task` is delete, deactivate or conclude, which is Canvas's default.

        NotFound if the row is deleted already, unknown, or of another course [enrollments_api_controller.rb].
        """
        return read_enrollment(self._call("DELETE", f"courses/{course_id}/enrollments/{enrollment_id}", {"task": task}))

    def enrollment(self, account_id: int, enrollment_id: int) -> Enrollment:
        """GET accounts/:id/enrollments/:eid: one row in any state, wherever it is now; NotFound if Canvas has none
        [enrollments_api_controller.rb show]."""
        return read_enrollment(self._call("GET", f"accounts/{account_id}/enrollments/{enrollment_id}"))

    def enrollments_of(self, address: int | str) -> list[Enrollment]:
        """GET users/:id/enrollments: a user's enrollments as a student in every state and course, all pages.

        A user who is gone is NotFound, or has none. For the token's own owner, Canvas refuses the state deleted, so we
        ask without it. Deleted enrollments are then missing [enrollments_api_controller.rb index].
        """
        path = f"users/{_path_id(address)}/enrollments"
        query = {"type[]": "StudentEnrollment", "state[]": list(EVERY_STATE), "per_page": 100}
        try:
            return [read_enrollment(row) for row in self._pages(path, query)]
        except Refused:
            query["state[]"] = list(NOT_DELETED)
            return [read_enrollment(row) for row in self._pages(path, query)]

    def enrollments_in(self, course_id: int, user_id: int) -> list[Enrollment]:
        """GET courses/:id/enrollments of one user: with every role, in every state but deleted, all pages
        [enrollments_api_controller.rb index]."""
        query = {"user_id": user_id, "state[]": list(NOT_DELETED), "per_page": 100}
        return [read_enrollment(row) for row in self._pages(f"courses/{course_id}/enrollments", query)]

    def course_enrollments(self, course_id: int, link: str | None = None) -> tuple[list[Enrollment], str | None]:
        """GET courses/:id/enrollments: one page of a course's students in every state, and the link to the next page.

        100 a page. A course that is gone is NotFound [enrollments_api_controller.rb index].
        """
        path = f"courses/{course_id}/enrollments"
        query: dict[str, Any] = {"type[]": "StudentEnrollment", "state[]": list(EVERY_STATE), "per_page": 100}
        rows, following = self._page(path, query, link)
        return [read_enrollment(row) for row in rows], following

    def course_people(self, course_id: int, link: str | None = None) -> tuple[list[Enrollment], str | None]:
        """GET courses/:id/enrollments: one page of who is in a course now or may get in, with every role, and the link
        to the next page. 100 a page [enrollments_api_controller.rb index]."""
        path = f"courses/{course_id}/enrollments"
        query: dict[str, Any] = {"state[]": ["active", "invited", "creation_pending"], "per_page": 100}
        rows, following = self._page(path, query, link)
        return [read_enrollment(row) for row in rows], following

    def course_progress(self, course_id: int, link: str | None = None) -> tuple[list[Progress], str | None]:
        """GET courses/:id/bulk_user_progress: one page of how far a course's students are, and the link to the next.

        100 a page, students only. Needs view_all_grades. A course without module requirements is Refused
        [courses_controller.rb bulk_user_progress].
        """
        path, query = f"courses/{course_id}/bulk_user_progress", {"per_page": 100}
        rows, following = self._page(path, query, link)
        return [read_progress(row) for row in rows], following

    # -- SIS imports, which need import_sis [sis_imports_api_controller.rb] -------------------------------------------

    def start_import(self, account_id: int, file: File) -> SISImport:
        """POST accounts/:id/sis_imports: sends what `sis.file_of` makes, without any option: never batch mode, never
        diffing, never over what was changed by hand. PermissionMissing: imports are switched off, or the right is
        missing."""
        return read_import(self._call("POST", f"accounts/{account_id}/sis_imports", file))

    def sis_import(self, account_id: int, import_id: int) -> SISImport:
        """GET accounts/:id/sis_imports/:id."""
        return read_import(self._call("GET", f"accounts/{account_id}/sis_imports/{import_id}"))

    def imports_since(self, account_id: int, since: datetime) -> list[SISImport]:
        """GET accounts/:id/sis_imports: those that anybody has made since then, a hundred at most."""
        query = {"created_since": since.strftime("%Y-%m-%dT%H:%M:%SZ"), "per_page": 100}
        found = self._call("GET", f"accounts/{account_id}/sis_imports", query).get("sis_imports")
        return [read_import(row) for row in found] if isinstance(found, list) else []

    def abort_import(self, account_id: int, import_id: int) -> None:
        """PUT accounts/:id/sis_imports/:id/abort; NotFound: it is over already."""
        self._call("PUT", f"accounts/{account_id}/sis_imports/{import_id}/abort")


def _path_id(value: int | str) -> str:
    return quote(str(value), safe=":")
