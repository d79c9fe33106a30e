"""Any order of what people, the office, Canvas and hands in it do ends where doing it calmly would.

`pytest tests/walks/test_model.py --hypothesis-profile=long` tries many more orders, other ones each time.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count

from hypothesis import settings as profile
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from ascriptica_plugin import retry
from ascriptica_plugin.ledger.due import release
from ascriptica_plugin.office import courses
from ascriptica_plugin.sync import checking, connecting, drain
from ascriptica_plugin.tables.canvas import Connection, Seat, Settings, load_settings
from ascriptica_plugin.tables.columns import Base
from ascriptica_plugin.tables.office import Association, Course, Registration

from ..faults.stage import IN
from ..office_at_work import Office
from ..practice_canvas import Practice

WHO = st.sampled_from(["kim", "lou", "new", "old"])
CODES = st.sampled_from(["A", "B", "C"])
PLACES = [("art", None), ("art", "late"), ("bio", None)]
FAULTS = [
    {"match": match, "times": times, **fault}
    for match in ("POST /courses/", "DELETE /courses/", "POST /accounts/", "GET /accounts/", "* *")
    for times in (1, 3)
    for fault in (
        {"fault": "reset", "when": "before"},
        {"fault": "reset", "when": "after"},
        {"fault": "status", "status": 500, "when": "before"},
        {"fault": "html", "status": 502, "when": "after"},
        {"fault": "status", "status": 422, "when": "before"},
        {"fault": "broken_json", "when": "after"},
        {"fault": "revoked", "when": "before"},
        {"fault": "denied", "when": "before"},
    )
]
LONG_AGO = -60
"""By this many seconds a hand's enrollments are older than they are, so that they can't be taken for ours."""

Key = tuple[str, str, str | None]
"""Somebody, a Canvas course, and a section of it."""


class AnyOrder(RuleBasedStateMachine):
    """`calm` is who would be where if Canvas had agreed at once with each step."""

    office: Office
    canvas: Practice

    @initialize()
    def open(self) -> None:
        office, session = self.office, self.office.session
        session.rollback()
        tables = [table.name for table in reversed(Base.metadata.sorted_tables)]
        session.execute(update(Settings).values(connection_id=None, draft_url=None, draft_token=None))
        for name in tables:
            if name != "ascriptica_settings":
                session.execute(text(f"DELETE FROM {name}"))
        session.commit()
        sections = {"late": {"name": "Late group"}}
        people = {who: {"name": who.title(), "login": f"{who}@example.org"} for who in ("kim", "lou", "old")}
        self.canvas.seed(
            users=people,
            courses={name: {"name": name, "sections": sections} for name in ("art", "bio")},
        )
        self.calm: set[Key] = set()
        self.of_hands: set[Key] = set()
        # Somebody who was there before us.
        self.enroll_by_hand("old", "art", None)
        office.now = datetime.now(UTC)
        self.home = office.connect().id
        self.places: dict[str, tuple[str, str | None] | None] = dict.fromkeys("ABC")
        self.registered: set[tuple[str, str]] = set()
        session.add_all(Course(code=code, title=code) for code in "ABC")
        session.commit()
        for code, place in zip("ABC", [PLACES[0], PLACES[0], PLACES[2]], strict=True):
            self.associate(code, place)

    def wanted(self) -> set[Key]:
        return {(who, *self.places[code]) for who, code in self.registered if self.places[code]}

    def course(self, code: str) -> Course:
        self.office.now = datetime.now(UTC)
        return self.office.session.scalars(select(Course).where(Course.code == code)).one()

    def follow(self, before: set[Key], said_again: set[Key] = frozenset()) -> None:
        """What Canvas would have done with a change of what is wanted; a hand's own enrollment is never ended."""
        after = self.wanted()
        self.calm |= (after - before) | said_again
        self.calm -= before - after - self.of_hands

    # -- the office -----------------------------------------------------------------------------------------------

    @rule(who=WHO, code=CODES)
    def register_or_withdraw(self, who: str, code: str) -> None:
        before, course = self.wanted(), self.course(code)
        if (who, code) in self.registered:
            self.office.withdraw(course, who)
            self.registered.remove((who, code))
            # A seat that another registration claims is asserted anew as well.
            said_again = {(who, *self.places[code])} & self.wanted() if self.places[code] else set()
        else:
            self.office.register(course, who)
            self.registered.add((who, code))
            said_again = {(who, *self.places[code])} if self.places[code] else set()
        self.follow(before, said_again)

    @rule(code=CODES, place=st.sampled_from([*PLACES, None]))
    def associate(self, code: str, place: tuple[str, str | None] | None) -> None:
        before, old = self.wanted(), self.places[code]
        course = self.course(code)
        made = None
        if place:
            name, section = place
            made = Association(
                connection_id=self.home,
                canvas_course=str(self.canvas.ids[f"course.{name}"]),
                canvas_course_id=self.canvas.ids[f"course.{name}"],
                canvas_section_id=self.canvas.ids[f"section.{name}.{section}"] if section else None,
                canvas_section=str(section or ""),
            )
        courses.associate(self.office.session, course, made, self.office.now)
        self.office.session.commit()
        self.places[code] = place
        touched = {
            (who, *at) for at in (old, place) if at and old != place for who, of in self.registered if of == code
        }
        self.follow(before, touched & self.wanted())

    @rule(on=st.booleans())
    def display_canvas(self, on: bool) -> None:
        load_settings(self.office.session).display_canvas = on
        self.office.session.commit()

    @rule(away=st.booleans())
    def change_connection(self, away: bool) -> None:
        """To what the office takes for another Canvas, and back."""
        office = self.office
        office.now = datetime.now(UTC)
        settings, root_id = load_settings(office.session), self.canvas.ids["account.root"]
        url = self.canvas.api.replace("127.0.0.1", "localhost") if away else self.canvas.api
        shown = settings.display_canvas
        connecting.keep_draft(settings, office.canvases, url, root_id, self.canvas.token)
        found = checking.Findings("Practice Admin", "Practice University", ())
        connecting.adopt(office.session, settings, office.canvases, found, office.now)
        settings.display_canvas = shown
        office.session.commit()

    # -- Canvas ---------------------------------------------------------------------------------------------------

    @rule(fault=st.sampled_from(FAULTS))
    def break_canvas(self, fault: dict) -> None:
        self.canvas.faults(fault)

    @rule(without=st.sampled_from([[], ["add_student_to_course"], ["remove_student_from_course"], ["read_roster"]]))
    def permissions(self, without: list[str]) -> None:
        self.canvas.options(permissions={"without": [*without, "manage_students"]} if without else None)

    @rule(state=st.sampled_from(["active", "revoked"]))
    def token(self, state: str) -> None:
        self.canvas.options(token=state)

    # -- hands in Canvas ------------------------------------------------------------------------------------------

    @rule(who=st.sampled_from(["kim", "lou"]), place=st.sampled_from(PLACES), inside=st.booleans())
    def hand(self, who: str, place: tuple[str, str | None], inside: bool) -> None:
        """Where nothing is on its way, so that it is clear whose change was the last."""
        if self.is_due(who, place):
            return
        self.canvas.options(token="active", permissions=None)
        self.canvas.session.delete(f"{self.canvas.url}/practice/faults", timeout=10)
        rows, key = self.rows(), (who, *place)
        if inside:
            self.enroll_by_hand(who, *place)
        elif key in rows and rows[key]["state"] in IN:
            url = f"{self.canvas.api}/courses/{self.canvas.ids[f'course.{place[0]}']}/enrollments/{rows[key]['id']}"
            self.canvas.admin.delete(url, params={"task": "delete"}, timeout=10)
            self.calm.discard(key)

    def enroll_by_hand(self, who: str, name: str, section: str | None) -> None:
        key = (who, name, section)
        form = {"user_id": self.canvas.ids[f"user.{who}"], "type": "StudentEnrollment", "enrollment_state": "active"}
        if section:
            form["course_section_id"] = self.canvas.ids[f"section.{name}.{section}"]
        if key not in self.rows():
            self.of_hands.add(key)
        self.canvas.options(clock_offset_seconds=LONG_AGO)
        self.canvas.admin.post(
            f"{self.canvas.api}/courses/{self.canvas.ids[f'course.{name}']}/enrollments",
            data={f"enrollment[{one}]": value for one, value in form.items()},
            timeout=10,
        ).raise_for_status()
        self.canvas.options(clock_offset_seconds=0)
        self.calm.add(key)

    def is_due(self, who: str, place: tuple[str, str | None]) -> bool:
        name, section = place
        found = select(Seat.id).where(
            Seat.canvas_course_id == self.canvas.ids[f"course.{name}"],
            Seat.canvas_section_id == (self.canvas.ids[f"section.{name}.{section}"] if section else 0),
            Seat.participant.has(key=who),
            Seat.settled_version < Seat.version,
            ~((Seat.cause == "found_there") & Seat.held),
        )
        due = self.office.session.scalar(found) is not None
        self.office.session.commit()
        return due

    def rows(self) -> dict[Key, dict]:
        """The students' enrollments in any state."""
        world = self.canvas.read("world")
        logins = {user["id"]: user["login"] for user in world["users"]}
        names = {number: name.removeprefix("course.") for name, number in self.canvas.ids.items()}
        return {
            (
                logins[row["user_id"]].removesuffix("@example.org"),
                names[row["course_id"]],
                "late" if names.get(row["section_id"], "").endswith(".late") else None,
            ): row
            for row in world["enrollments"]
        }

    # -- delivery -------------------------------------------------------------------------------------------------

    @rule()
    def deliver(self) -> None:
        self.office.now = datetime.now(UTC)
        self.office.deliver()

    @rule(who=WHO, code=CODES, turn=st.integers(1, 3))
    def change_during_the_calls(self, who: str, code: str, turn: int) -> None:
        """Somebody registers or withdraws while calls are on their way."""
        self.deliver_and(turn, lambda: self.register_or_withdraw(who, code))

    @rule(who=WHO, code=CODES, turn=st.integers(1, 3))
    def freeze_past_the_lease(self, who: str, code: str, turn: int) -> None:
        """A worker stands still in the middle of its calls; meanwhile somebody changes their mind, another worker takes
        over, and then the first one goes on."""

        def meanwhile() -> None:
            self.register_or_withdraw(who, code)
            self.office.now += 1.5 * retry.LEASE
            self.office.deliver()

        self.deliver_and(turn, meanwhile)

    def deliver_and(self, turn: int, meanwhile: Callable[[], None]) -> None:
        """Deliver as a worker does, in a session of its own; at that turn of its loop something else happens."""
        turns, office = count(), self.office

        def at_each_turn() -> bool:
            if next(turns) == turn:
                meanwhile()
            return False

        office.now = datetime.now(UTC)
        with office.app.extensions["sqlalchemy"].engine.connect() as connection, Session(connection) as session:
            drain.drain(session, office.canvases, at_each_turn, lambda: office.now)

    @rule()
    def time_passes(self) -> None:
        """Every pause is over: what was put off, held for a while or waits for a probe has its turn again, and what
        Canvas did not answer it can't carry out any more."""
        session = self.office.session
        session.execute(update(Seat).where(Seat.in_doubt_until.is_not(None)).values(in_doubt_until=datetime.now(UTC)))
        session.execute(update(Seat).where(Seat.due_at.is_not(None)).values(due_at=datetime.now(UTC)))
        session.execute(
            update(Connection).where(Connection.hold_cause.is_not(None)).values(hold_until_at=datetime.now(UTC))
        )
        session.commit()

    # -- the end --------------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        if not hasattr(self, "home"):
            return
        self.canvas.options(token="active", permissions=None)
        self.canvas.session.delete(f"{self.canvas.url}/practice/faults", timeout=10)
        self.change_connection(away=False)
        self.display_canvas(on=True)
        for _ in range(4):
            release(self.office.session, Seat.cause != "found_there")
            self.time_passes()
            self.deliver()
        self.office.session.rollback()
        there = {key for key, row in self.rows().items() if row["state"] in IN}
        assert there == self.calm, f"too many: {there - self.calm}, missing: {self.calm - there}"
        users = [user["name"] for user in self.canvas.read("world")["users"]]
        assert len(users) == len(set(users))
        live = self.office.session.scalars(select(Registration).where(Registration.status == "registered")).all()
        assert {(one.participant.key, one.course.code) for one in live} == self.registered
        self.office.session.commit()
        self.office.status()


def any_order(app, practice: Practice, **how: object) -> None:
    office = Office(app, practice)
    machine = type("AnyOrder", (AnyOrder,), {"office": office, "canvas": practice})
    run_state_machine_as_test(machine, settings=profile(profile(), **how))


def test_any_order_ends_where_doing_it_calmly_would(app, practice):
    is_sqlite = app.extensions["sqlalchemy"].engine.dialect.name == "sqlite"
    any_order(app, practice, **({} if is_sqlite else {"max_examples": max(1, profile().max_examples // 4)}))
