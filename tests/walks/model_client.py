"""The model Canvas as `CanvasClient` speaks to it: the same methods, answers and errors, and faults by order."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from ascriptica_plugin.canvas.errors import CanvasDown, NotFound, PermissionMissing, Refused, TokenRefused, Unreachable
from ascriptica_plugin.canvas.shapes import Account, Course, Enrollment, Section, TokenEnd, User

from .model_canvas import ModelCanvas, Row, Somebody

T = TypeVar("T")

MOST_CALLS = 250
"""More calls than this in one drain have no end."""


class Endless(BaseException):
    """The drain does not come to an end. No Exception, so that nothing takes it for a failure of one seat."""


class Killed(BaseException):
    """The worker dies in the middle of a call; nothing that it only remembers survives."""


class Elsewhere:
    """A Canvas without seats: nothing is ever sent to it, but when its token ends may be asked."""

    def within(self, seconds: float) -> "Elsewhere":
        return self

    def token_end(self) -> TokenEnd:
        return TokenEnd(False)


class ModelClient:
    """`faults` has what happens to the next calls, one for each, in the order in which they are made:

    `ok`; `unreachable`, `5xx`: Canvas carries nothing out; `lost`: it is carried out, and the answer lost; `killed
    before` and `killed after`: as those two, and the worker dies; `denied`; `token`; or a number: it is carried out
    so many seconds after we stopped waiting. `meanwhile`: what happens during which call.
    """

    def __init__(self, canvas: ModelCanvas):
        self.canvas = canvas
        self.faults: list[str | int] = []
        self.meanwhile: dict[int, Callable[[], None]] = {}
        self.calls: list[str] = []
        self.changes = 0
        """How many calls have changed something, or would have."""
        self.token_works = True
        self.shows_rows_of_deleted_courses = False
        self._was_asked = False

    def new_drain(self) -> None:
        """Count anew."""
        self.calls = []

    def new_worker(self) -> None:
        """A process that has just begun does not know Canvas's time."""
        self._was_asked = False

    def within(self, seconds: float) -> "ModelClient":
        return self

    def token_end(self) -> TokenEnd:
        """This Canvas is too old to say when a token ends."""
        return TokenEnd(False)

    def least_left(self) -> None:
        """It has no bucket."""

    def time(self) -> datetime | None:
        return self.canvas.time if self._was_asked else None

    def _carry_out(self, name: str, do: Callable[[], T], changes: bool = False) -> T:
        self.calls.append(name)
        if len(self.calls) > MOST_CALLS:
            raise Endless(self.calls[-20:])
        self.canvas.pass_time(0.2)
        fault = self.faults.pop(0) if self.faults else "ok"
        act = self.meanwhile.pop(len(self.calls), None)
        if fault == "killed before":
            raise Killed
        if fault == "unreachable":
            raise Unreachable("There was no connection.")
        if fault == "5xx":
            raise CanvasDown("Canvas failed.", 503)
        if fault == "token" or not self.token_works:
            raise TokenRefused("Invalid access token.", 401)
        if fault == "denied":
            raise PermissionMissing("User not authorized.", 403)
        if isinstance(fault, int):
            if changes:
                self.canvas.later.append((self.canvas.now + timedelta(seconds=fault), do))
            raise CanvasDown("No answer in time.")
        self._was_asked = True
        try:
            answer = do()
            self.changes += changes
        finally:
            if act is not None:
                act()
        if fault == "killed after":
            raise Killed
        if fault == "lost":
            raise CanvasDown("The answer was cut off.")
        return self._shown(answer)

    def _shown(self, answer: Any) -> Any:
        """What the answer names is known to us now: who was seen out was not let in by anybody any more."""
        shown = answer if isinstance(answer, list) else answer[0] if isinstance(answer, tuple) else [answer]
        for one in shown:
            row = self.canvas.world.rows.get(one.id) if isinstance(one, Enrollment) else None
            if row is not None and not row.is_live:
                row.by = None
        return answer

    # -- shapes ---------------------------------------------------------------------------------------------------

    def _user(self, user: Somebody, shows_email: bool = True) -> User:
        logins = self.canvas.logins_of(user.id)
        first = logins[0] if logins else None
        email = user.email if shows_email else None
        return User(
            user.id,
            user.human,
            first.unique_id if first else None,
            email,
            first.sis_user_id if first else None,
            shows_login=True,
            shows_email=shows_email,
        )

    def _row(self, row: Row, state: str | None = None, is_listed: bool = False) -> Enrollment:
        """Only lists show the user, and no email [lib/api/v1/user.rb]."""
        user = User(row.user_id, "", None, None, None, shows_login=False, shows_email=False)
        if is_listed:
            user = self._user(self.canvas.world.users[row.user_id], shows_email=False)
        return Enrollment(
            row.id,
            row.user_id,
            row.course_id,
            row.section_id,
            "StudentEnrollment",
            state or row.state,
            row.created_at,
            user,
        )

    # -- reading --------------------------------------------------------------------------------------------------

    def _call(self, method: str, path: str) -> dict:
        """What `CanvasClient.myself` calls, which the drain hands over unbound."""
        return self._carry_out(f"{method} {path}", lambda: {"id": 1, "name": "Admin"})

    def account(self, account_id: int | str) -> Account:
        return self._carry_out("GET accounts/:id", lambda: Account(100, "Model", True))

    def permissions(self, account_id: int, names: list[str]) -> dict[str, bool]:
        return self._carry_out("GET accounts/:id/permissions", lambda: dict.fromkeys(names, True))

    def course_permissions(self, course_id: int, names: list[str]) -> dict[str, bool]:
        def found() -> dict[str, bool]:
            self.canvas.check_course(course_id)
            return dict.fromkeys(names, True)

        return self._carry_out(f"GET courses/{course_id}/permissions", found)

    def user(self, user_id: int | str) -> User:
        return self._carry_out(f"GET users/{user_id}", lambda: self._user(self.canvas.user(user_id)))

    def search_users(self, account_id: int, term: str) -> list[User]:
        def found() -> list[User]:
            return [self._user(user) for user in self.canvas.people() if term in self._words_of(user)]

        return self._carry_out(f"GET accounts/:id/users?{term}", found)

    def _words_of(self, user: Somebody) -> str:
        logins = self.canvas.logins_of(user.id)
        names = [user.human, user.email, *(name for one in logins for name in (one.unique_id, one.sis_user_id))]
        return " ".join(name for name in names if name)

    def logins(self, user_id: int) -> dict[str, int]:
        def found() -> dict[str, int]:
            return {one.unique_id: one.id for one in self.canvas.logins_of(self.canvas.user(user_id).id)}

        return self._carry_out(f"GET users/{user_id}/logins", found)

    def course(self, course_id: int | str) -> Course:
        def found() -> Course:
            self.canvas.check_course(int(course_id))
            return Course(int(course_id), f"Course {course_id}", "available", False)

        return self._carry_out(f"GET courses/{course_id}", found)

    def section(self, course_id: int, section_id: int | str) -> Section:
        def found() -> Section:
            self.canvas.check_course(course_id)
            self.canvas.check_section(course_id, int(section_id))
            return Section(int(section_id), f"Section {section_id}", course_id)

        return self._carry_out(f"GET courses/{course_id}/sections/{section_id}", found)

    def sections(self, course_id: int) -> list[Section]:
        def found() -> list[Section]:
            self.canvas.check_course(course_id)
            here = [one for one in self.canvas.world.sections.values() if one.course_id == course_id]
            return [Section(one.id, f"Section {one.id}", course_id) for one in here]

        return self._carry_out(f"GET courses/{course_id}/sections", found)

    def enrollment(self, account_id: int, enrollment_id: int) -> Enrollment:
        def found() -> Enrollment:
            row = self.canvas.world.rows.get(enrollment_id)
            if row is None:
                raise NotFound("The specified resource does not exist.", 404)
            return self._row(row, "deleted" if self._is_hidden(row) else None)

        return self._carry_out(f"GET enrollments/{enrollment_id}", found)

    def enrollments_of(self, address: int | str) -> list[Enrollment]:
        def found() -> list[Enrollment]:
            user = self.canvas.user(address)
            theirs = [row for row in self.canvas.world.rows.values() if row.user_id == user.id]
            alive = [self._row(row, is_listed=True) for row in theirs if not self._is_hidden(row)]
            if not self.shows_rows_of_deleted_courses:
                return alive
            return alive + [self._row(row, "deleted", is_listed=True) for row in theirs if self._is_hidden(row)]

        return self._carry_out(f"GET users/{address}/enrollments", found)

    def _is_hidden(self, row: Row) -> bool:
        return not self.canvas.world.courses[row.course_id]

    def course_enrollments(self, course_id: int, link: str | None = None) -> tuple[list[Enrollment], str | None]:
        """Two a page, so that most lists have several."""

        def found() -> tuple[list[Enrollment], str | None]:
            self.canvas.check_course(course_id)
            rows = sorted(row.id for row in self.canvas.world.rows.values() if row.course_id == course_id)
            rows = [number for number in rows if number > int(link or 0)]
            shown = [self._row(self.canvas.world.rows[number], is_listed=True) for number in rows[:2]]
            return shown, str(rows[1]) if len(rows) > 2 else None

        return self._carry_out(f"GET courses/{course_id}/enrollments", found)

    # -- changing -------------------------------------------------------------------------------------------------

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
        def made() -> User:
            return self._user(self.canvas.user(self.canvas.add_user(name, login, sis_user_id, email)))

        return self._carry_out(f"POST users {login}", made, changes=True)

    def mail_password_link(self, email: str) -> None:
        def mailed() -> None:
            if not self.canvas.has_login(email):
                raise NotFound("requested: false", 404)

        return self._carry_out("POST users/reset_password", mailed, changes=True)

    def update_user(self, user_id: int, *, name: str, email: str) -> User:
        def changed() -> User:
            user = self.canvas.user(user_id)
            user.email = email
            return self._user(user)

        return self._carry_out(f"PUT users/{user_id}", changed, changes=True)

    def change_login(self, account_id: int, login_id: int, login: str) -> None:
        def changed() -> None:
            [found] = [one for one in self.canvas.world.logins if one.id == login_id] or [None]
            if found is None:
                raise NotFound("The specified resource does not exist.", 404)
            if self.canvas.has_login(login) and found.unique_id != login:
                raise Refused("It is in use already.", 400, frozenset({"unique_id"}))
            found.unique_id = login

        return self._carry_out(f"PUT logins/{login_id}", changed, changes=True)

    def enroll(
        self,
        course_id: int,
        user_id: int | str,
        section_id: int | None = None,
        *,
        state: str = "active",
        notify: bool = False,
    ) -> Enrollment:
        def let_in() -> Enrollment:
            return self._row(self.canvas.enroll(course_id, user_id, section_id, state, "us"))

        return self._carry_out(f"POST courses/{course_id}/enrollments {user_id}", let_in, changes=True)

    def unenroll(self, course_id: int, enrollment_id: int, task: str = "delete") -> Enrollment:
        def ended() -> Enrollment:
            return self._row(self.canvas.end(course_id, enrollment_id, task, "us"))

        return self._carry_out(f"DELETE courses/{course_id}/enrollments/{enrollment_id}", ended, changes=True)
