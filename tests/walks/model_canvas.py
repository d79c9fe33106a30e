"""A model of Canvas in memory: users and logins, courses and sections, enrollments, and the hands that change them.

Its rules are those of canvas-api.md, sections 3 and 5, and canvas-api-2.md, section 8. Beside them stands what a judge
needs to know: who let somebody in, and whether anybody could know. `model_client` is our way in.
"""

import contextlib
import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ascriptica_plugin.canvas.errors import NotFound, Refused
from ascriptica_plugin.ledger.rows import LIVE

BEST_FIRST = ("active", "invited", "creation_pending", "completed", "rejected", "inactive", "deleted")
"""When a merge makes one of two enrollments, the better state survives [user_merge.rb]."""


@dataclass
class Login:
    id: int
    user_id: int
    unique_id: str
    sis_user_id: str | None


@dataclass
class Somebody:
    """A Canvas user. `human`: who that is really, which only the judge knows."""

    id: int
    human: str
    email: str | None
    gone: bool = False


@dataclass
class Section:
    id: int
    course_id: int
    home_id: int
    is_default: bool


@dataclass
class Row:
    """An enrollment as a student.

    `by`: who let the person in, "us" or "hand"; None once we were shown that they are out. `unsure`: nobody can know
    whose it is, for example because a hand and our request met. `moved`: a hand moved somebody whom we had let in here.
    """

    id: int
    user_id: int
    course_id: int
    section_id: int
    state: str
    created_at: datetime
    made_by: str
    by: str | None
    ended_by: str | None = None
    unsure: bool = False
    moved: bool = False

    @property
    def is_live(self) -> bool:
        return self.state in LIVE


@dataclass
class Backup:
    """What a snapshot keeps, ids included."""

    users: dict[int, Somebody] = field(default_factory=dict)
    logins: list[Login] = field(default_factory=list)
    rows: dict[int, Row] = field(default_factory=dict)
    courses: dict[int, bool] = field(default_factory=dict)
    sections: dict[int, Section] = field(default_factory=dict)
    next_ids: dict[str, int] = field(default_factory=dict)


class ModelCanvas:
    """Two courses, each with a default section; the first has another section too.

    `now` is the one time of a history. `later` are calls that Canvas carries out although nobody waits for them.
    """

    def __init__(self) -> None:
        self.now = datetime(2030, 1, 1, 12, tzinfo=UTC)
        self.clock_is_ahead = timedelta()
        self.later: list[tuple[datetime, Callable[[], object]]] = []
        self.world = Backup(
            courses={1: True, 2: True},
            sections={
                11: Section(11, 1, 1, True),
                12: Section(12, 1, 1, False),
                21: Section(21, 2, 2, True),
            },
            next_ids={"user": 101, "login": 201, "row": 1001, "section": 31},
        )
        self.backup: Backup | None = None
        self.restores = 0
        self.wrong_ends: list[Row] = []
        """Copies of enrollments of a hand's making, as they were when we ended them."""
        self.fights: list[Row] = []
        """Copies of enrollments that a hand had ended, and that our request revived."""

    # -- time -----------------------------------------------------------------------------------------------------

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and what is carried out late be carried out."""
        until = self.now + timedelta(seconds=seconds)
        while self.later and min(at for at, _ in self.later) <= until:
            self.later.sort(key=lambda one: one[0])
            self.now, act = self.later.pop(0)
            with contextlib.suppress(NotFound, Refused):
                act()
        self.now = max(self.now, until)

    @property
    def time(self) -> datetime:
        """The time on Canvas's own clock."""
        return self.now + self.clock_is_ahead

    def _next(self, what: str) -> int:
        self.world.next_ids[what] += 1
        return self.world.next_ids[what] - 1

    # -- users ----------------------------------------------------------------------------------------------------

    def add_user(self, human: str, unique_id: str, sis_user_id: str | None = None, email: str | None = None) -> int:
        """Raises Refused where the login or the SIS ID is taken; only the login is named if both are."""
        taken = {"unique_id"} if self.has_login(unique_id) else set()
        if not taken and sis_user_id and any(one.sis_user_id == sis_user_id for one in self.world.logins):
            taken = {"sis_user_id"}
        if taken:
            raise Refused("It is in use already.", 400, frozenset(taken))
        user = Somebody(self._next("user"), human, email)
        self.world.users[user.id] = user
        self.world.logins.append(Login(self._next("login"), user.id, unique_id, sis_user_id))
        return user.id

    def has_login(self, unique_id: str) -> bool:
        return self.by_address(f"sis_login_id:{unique_id}") is not None

    def by_address(self, address: int | str) -> Somebody | None:
        kind, _, value = str(address).rpartition(":")
        if not kind:
            found = self.world.users.get(int(address))
            return found if found is not None and not found.gone else None
        for login in self.world.logins:
            same = login.sis_user_id == value if kind == "sis_user_id" else login.unique_id == value
            if same and not self.world.users[login.user_id].gone:
                return self.world.users[login.user_id]
        return None

    def user(self, address: int | str) -> Somebody:
        found = self.by_address(address)
        if found is None:
            raise NotFound("The specified resource does not exist.", 404)
        return found

    def logins_of(self, user_id: int) -> list[Login]:
        return [login for login in self.world.logins if login.user_id == user_id]

    def with_email(self, email: str) -> list[Somebody]:
        """The users whom a search finds by exactly this email."""
        return [
            user
            for user in self.world.users.values()
            if not user.gone and email in {user.email, *(login.unique_id for login in self.logins_of(user.id))}
        ]

    def people(self) -> list[Somebody]:
        return [user for user in self.world.users.values() if not user.gone]

    # -- enrollments ----------------------------------------------------------------------------------------------

    def enroll(self, course_id: int, address: int | str, section_id: int | None, state: str, who: str) -> Row:
        """POST courses/:id/enrollments [enrollments_api_controller.rb]. `who`: us or hand."""
        self.check_course(course_id)
        if section_id is not None:
            self.check_section(course_id, section_id)
        user = self.user(address)
        section_id = section_id or self._default_section(course_id)
        there = [row for row in self.world.rows.values() if (row.user_id, row.section_id) == (user.id, section_id)]
        if not there:
            row = Row(
                self._next("row"),
                user.id,
                course_id,
                section_id,
                state,
                self.time.replace(microsecond=0),
                who,
                who,
            )
            self.world.rows[row.id] = row
        else:
            row = there[0]
            self._meet(row, who)
            if row.state != "active":
                row.state = state
        if who == "us":
            self._is_ours_now(row)
        return row

    def _meet(self, row: Row, who: str) -> None:
        """The row is there already: who lets the person in?"""
        if row.is_live:
            lately = row.created_at >= (self.time - timedelta(seconds=3)).replace(microsecond=0)
            row.unsure = row.unsure or (who == "us" and row.by == "hand" and (lately or row.made_by == "us"))
        elif who == "us":
            wrong = [one for one in self.wrong_ends if (one.id, one.created_at) == (row.id, row.created_at)]
            if wrong:
                # Put back; or somebody registered at that moment, and then nobody can know.
                self.wrong_ends.remove(wrong[0])
                row.by, row.unsure, row.ended_by = "hand", True, None
                return
            if row.ended_by == "hand":
                self.fights.append(copy.copy(row))
            row.by, row.ended_by = "us", None
        elif row.by == "us":
            # We were never shown that the person was out, so to us nothing has happened.
            row.unsure, row.ended_by = True, None
        else:
            row.by, row.ended_by = "hand", None

    def _is_ours_now(self, row: Row) -> None:
        for other in self.world.rows.values():
            if (other.user_id, other.course_id) == (row.user_id, row.course_id):
                other.moved = False

    def end(self, course_id: int, row_id: int, task: str, who: str) -> Row:
        """DELETE courses/:id/enrollments/:eid."""
        self.check_course(course_id)
        row = self.world.rows.get(row_id)
        if row is None or row.course_id != course_id or row.state == "deleted":
            raise NotFound("The specified resource does not exist.", 404)
        if row.is_live:
            if who == "us" and row.by == "hand" and not row.unsure:
                self.wrong_ends.append(copy.copy(row))
            row.ended_by = who
        row.state = {"delete": "deleted", "deactivate": "inactive"}.get(task, "completed")
        row.moved = False
        return row

    def check_course(self, course_id: int) -> None:
        if not self.world.courses.get(course_id):
            raise NotFound("The specified resource does not exist.", 404)

    def check_section(self, course_id: int, section_id: int) -> None:
        section = self.world.sections.get(section_id)
        if section is None or section.course_id != course_id:
            raise NotFound("The specified resource does not exist.", 404)

    def _default_section(self, course_id: int) -> int:
        for section in self.world.sections.values():
            if section.is_default and section.course_id == section.home_id == course_id:
                return section.id
        number = self._next("section")
        self.world.sections[number] = Section(number, course_id, course_id, True)
        return number

    def is_there(self, row: Row) -> bool:
        """Whether the person can get in: a live row of a course that is not deleted."""
        return row.is_live and self.world.courses[row.course_id]

    def live_rows(self) -> list[Row]:
        return [row for row in self.world.rows.values() if self.is_there(row)]

    # -- hands ----------------------------------------------------------------------------------------------------

    def move_by_hand(self, row: Row) -> Row | None:
        """To another section of the course, as a teacher does it: in there, and out here."""
        others = [one for one in self.world.sections.values() if one.course_id == row.course_id]
        elsewhere = [one.id for one in others if one.id != row.section_id]
        if not elsewhere:
            return None
        was_ours = row.by == "us" or row.moved
        there = self.enroll(row.course_id, row.user_id, elsewhere[0], "active", "hand")
        there.moved = was_ours
        self.end(row.course_id, row.id, "delete", "hand")
        return there

    def merge(self, source_id: int, into_id: int) -> None:
        """PUT users/:id/merge_into/:dest [user_merge.rb]."""
        for login in self.logins_of(source_id):
            login.user_id = into_id
        self.world.users[source_id].gone = True
        for row in list(self.world.rows.values()):
            if row.user_id != source_id:
                continue
            twins = [
                one for one in self.world.rows.values() if (one.user_id, one.section_id) == (into_id, row.section_id)
            ]
            if not twins:
                if row.state != "deleted":
                    row.user_id = into_id
                continue
            [twin] = twins
            if BEST_FIRST.index(row.state) < BEST_FIRST.index(twin.state):
                twin.state, twin.by, twin.unsure = row.state, row.by, twin.unsure or row.unsure
            row.state, row.ended_by = "deleted", "merge"

    def delete_user(self, user_id: int) -> None:
        """The login is free again, its SIS ID is not [models/pseudonym.rb]."""
        self.world.users[user_id].gone = True
        for row in self.world.rows.values():
            if row.user_id == user_id and row.state != "deleted":
                row.state, row.ended_by = "deleted", "hand"

    def crosslist(self, section_id: int, course_id: int) -> None:
        """All its rows, deleted ones too, go with it; back at home it revives its course [course_section.rb]."""
        section = self.world.sections[section_id]
        section.course_id = course_id
        if course_id == section.home_id:
            self.world.courses[course_id] = True
        for row in self.world.rows.values():
            if row.section_id == section_id:
                row.course_id = course_id

    def take_backup(self) -> None:
        self.backup = copy.deepcopy(self.world)

    def restore_backup(self) -> None:
        """Everything since then is gone, and its ids are given out again."""
        if self.backup is None:
            return
        # Not within the same second: then nobody could distinguish the new rows from the old ones.
        self.pass_time(2)
        self.world, self.restores = copy.deepcopy(self.backup), self.restores + 1
        self.wrong_ends.clear()
        self.fights.clear()
