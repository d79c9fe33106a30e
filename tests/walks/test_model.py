"""The ledger as it is, against a model Canvas: any order of steps, faults and hands ends where the design says.

Offices, hands and Canvas do what they like; then it is quiet for a while, and two nights pass. `model_verdict` says
what must hold then. How to try thousands of histories: docs/developing.md.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from hypothesis import settings as profile
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from sqlalchemy import Engine, StaticPool, create_engine, insert, select
from sqlalchemy.orm import Session

from ascriptica_plugin import retry
from ascriptica_plugin.canvas.errors import CanvasError
from ascriptica_plugin.canvas.shapes import User
from ascriptica_plugin.ledger import rows
from ascriptica_plugin.ledger.causes import CAUSES
from ascriptica_plugin.office import answers, courses, people, privacy, registrations
from ascriptica_plugin.office.people import Person
from ascriptica_plugin.office.places import NotPossible
from ascriptica_plugin.sync import drain, erasing, flight
from ascriptica_plugin.tables.canvas import Connection, Request, Seat, Settings, load_settings
from ascriptica_plugin.tables.columns import Base, Sealed
from ascriptica_plugin.tables.office import Association, Course, Participant, Registration

from .model_canvas import ModelCanvas, Row
from .model_client import Endless, Killed, ModelClient
from .model_verdict import Verdict

CAST = ("ann", "bob", "cas")
CODES = ("A", "B", "C")
PLACES = [(1, None), (1, 11), (1, 12), (2, None), None]
MOST_TURNS = 1500
ADMIN = "admin@x"

WHO, CODE, PLACE, ONE = st.sampled_from(CAST), st.sampled_from(CODES), st.sampled_from(PLACES), st.integers(0, 3)
GAP = st.sampled_from([0, 1, 3, 8, 20, 45, 150, 1000])
FAULTS = st.lists(
    st.sampled_from(["ok", "ok", "lost", "5xx", 10, 40, 100, "unreachable", "killed before", "killed after", "denied"]),
    max_size=6,
)
IN_CANVAS = st.sampled_from(["nobody", "email", "sis", "two", "email and sis"])


class Inline:
    """Makes the calls of a flight at once, in the order in which they start; they are answered together."""

    def __init__(self, *_: object, **__: object): ...

    def submit(self, carry: Callable, task: object) -> None:
        carry(task)

    def shutdown(self, **_: object) -> None: ...


@dataclass
class Somewhere:
    """What our rules need of a person: what the office typed."""

    email: str
    sis_user_id: str | None


class AnyHistory(RuleBasedStateMachine):
    """`engine` has our tables; each machine begins with nothing in them. `unforeseen`: what failed on our side."""

    engine: Engine
    unforeseen: list[str]

    @initialize(
        users=st.tuples(IN_CANVAS, IN_CANVAS, IN_CANVAS),
        with_sis=st.tuples(st.booleans(), st.booleans(), st.booleans()),
        on_withdrawal=st.sampled_from(["delete", "delete", "deactivate", "conclude"]),
        by_invitation=st.sampled_from([False, False, True]),
        places=st.tuples(PLACE, PLACE, PLACE),
        ahead=st.sampled_from([0, 0, 90, -90]),
        shows=st.booleans(),
    )
    def begin(self, users, with_sis, on_withdrawal, by_invitation, places, ahead, shows) -> None:
        self.canvas = ModelCanvas()
        self.canvas.clock_is_ahead = timedelta(seconds=ahead)
        self.client_there = ModelClient(self.canvas)
        self.client_there.shows_rows_of_deleted_courses = shows
        self.is_plain, self.has_failed = True, False
        self.unforeseen.clear()
        self.typed = {
            who: Somewhere(f"{who}@x", who.upper() if sis else None) for who, sis in zip(CAST, with_sis, strict=True)
        }
        for who, kind in zip(CAST, users, strict=True):
            self._add_user(who, kind)
        with self.engine.begin() as connection:
            for table in reversed(Base.metadata.sorted_tables):
                connection.execute(table.delete())
            connection.execute(insert(Settings).values(id=1))
        self.session = Session(self.engine)
        self.home, self.elsewhere = self._connection("https://home/api/v1"), self._connection("https://else/api/v1")
        settings = load_settings(self.session)
        settings.connection, settings.display_canvas = self.session.get(Connection, self.home), True
        settings.on_withdrawal, settings.by_invitation = on_withdrawal, by_invitation
        for code in CODES:
            self.session.add(Course(code=code, title=code, capacity=1 if code == "C" else None))
        self.session.commit()
        for code, place in zip(CODES, places, strict=True):
            self._associate(code, place)

    def _connection(self, url: str) -> int:
        made = Connection(
            canvas_url=url,
            canvas_root_id=100,
            account_name="Model",
            token=Sealed(b"x"),
            token_owner="Admin",
            token_saved_at=self.canvas.now,
        )
        self.session.add(made)
        self.session.commit()
        return made.id

    def _add_user(self, who: str, kind: str) -> None:
        email, sis_user_id = f"{who}@x", who.upper()
        if kind in ("email", "email and sis"):
            self.canvas.add_user(who, email, sis_user_id if kind == "email and sis" else None, email)
        if kind in ("sis", "two"):
            self.canvas.add_user(who, f"{who}-login", sis_user_id, email if kind == "sis" else None)
        if kind == "two":
            self.canvas.add_user(who, email, None, email)

    def now(self) -> datetime:
        return self.canvas.now

    def client(self, connection: Connection) -> ModelClient:
        """As `Canvases` does."""
        assert connection.id == self.home, "Nothing is ever sent to a Canvas without seats."
        return self.client_there

    # -- the office -----------------------------------------------------------------------------------------------

    @rule(who=WHO, code=CODE, gap=GAP)
    def register(self, who: str, code: str, gap: int) -> None:
        self.canvas.pass_time(gap)
        its, typed = self._course(code), self.typed[who]
        person = Person(who, typed.email, who, typed.sis_user_id)
        try:
            registrations.register(self.session, its, person, self.now(), wait=its.capacity is not None)
        except NotPossible:
            self.session.rollback()
        self.session.commit()

    @rule(who=WHO, code=CODE, gap=GAP)
    def withdraw(self, who: str, code: str, gap: int) -> None:
        self.canvas.pass_time(gap)
        participant = self._participant(who)
        if participant is None:
            return
        try:
            registrations.withdraw(self.session, self._course(code), participant, self.now())
        except NotPossible:
            self.session.rollback()
        self.session.commit()

    @rule(code=CODE, place=PLACE, gap=GAP)
    def associate(self, code: str, place: tuple[int, int | None] | None, gap: int) -> None:
        self.canvas.pass_time(gap)
        self._associate(code, place)

    def _associate(self, code: str, place: tuple[int, int | None] | None) -> None:
        made = None
        if place is not None:
            made = Association(
                connection_id=self.home,
                canvas_course=str(place[0]),
                canvas_course_id=place[0],
                canvas_section=str(place[1] or ""),
                canvas_section_id=place[1],
                looked_up_at=self.now(),
            )
        courses.associate(self.session, self._course(code), made, self.now())
        self.session.commit()

    def _course(self, code: str) -> Course:
        return self.session.scalars(select(Course).where(Course.code == code)).one()

    def _participant(self, who: str) -> Participant | None:
        return self.session.scalar(select(Participant).where(Participant.key == who))

    @rule(who=WHO, email=st.sampled_from(["ann@x", "bob@x", "cas@x", "new@x"]), gap=GAP)
    def correct_email(self, who: str, email: str, gap: int) -> None:
        if all(one.email != email for one in self.typed.values()):
            self._correct(who, gap, email=email)

    @rule(who=WHO, sis_user_id=st.sampled_from(["ANN", "BOB", "CAS", "NEW", None]), gap=GAP)
    def correct_sis_id(self, who: str, sis_user_id: str | None, gap: int) -> None:
        if sis_user_id is None or all(one.sis_user_id != sis_user_id for one in self.typed.values()):
            self._correct(who, gap, sis_user_id=sis_user_id)

    def _correct(self, who: str, gap: int, **facts: str | None) -> None:
        self.is_plain = False
        self.canvas.pass_time(gap)
        for name, value in facts.items():
            setattr(self.typed[who], name, value)
        if participant := self._participant(who):
            people.correct(self.session, participant, self.now(), ADMIN, **facts)
        self.session.commit()

    @rule(who=WHO, gap=GAP)
    def erase(self, who: str, gap: int) -> None:
        self.canvas.pass_time(gap)
        if participant := self._participant(who):
            privacy.ask_to_erase(self.session, participant, self.now(), ADMIN, end_access=True)
        self.session.commit()

    @rule(on=st.booleans())
    def display_canvas(self, on: bool) -> None:
        load_settings(self.session).display_canvas = on
        self.session.commit()

    @rule(home=st.booleans())
    def connect(self, home: bool) -> None:
        """To what the office takes for another Canvas, where nobody has a seat; and back."""
        load_settings(self.session).connection_id = self.home if home else self.elsewhere
        self.session.commit()

    # -- answers --------------------------------------------------------------------------------------------------

    @rule(which=ONE, yes=st.booleans(), gap=GAP)
    def answer(self, which: int, yes: bool, gap: int) -> None:
        """One of the open questions."""
        self.canvas.pass_time(gap)
        asks = [name for name, cause in CAUSES.items() if cause.asks]
        seats = select(Seat).where(Seat.held, Seat.cause.in_(asks), Seat.settled_version < Seat.version)
        asked = self.session.scalars(seats.order_by(Seat.id)).all()
        if asked:
            seat = asked[which % len(asked)]
            if seat.cause == "found_there":
                self._decide(seat, stays=yes)
            elif seat.cause == "changed_in_canvas":
                answers.about_a_hand(self.session, seat, yes, self.now(), ADMIN)
            else:
                self._say_who(seat.participant)
        self.session.commit()

    def _decide(self, seat: Seat, stays: bool) -> None:
        for one in rows.left_by(self.session, self.home, seat.id):
            row = self.canvas.world.rows.get(one.canvas_enrollment_id)
            if one.is_live and not one.granted and not stays and row is not None and row.created_at == one.created_at:
                row.by = "us"
        answers.decide(self.session, seat, stays, self.now(), ADMIN)

    @rule(who=WHO, gap=GAP)
    def doubt(self, who: str, gap: int) -> None:
        """The administrator says that it is somebody else, and then who."""
        self.is_plain = False
        self.canvas.pass_time(gap)
        if participant := self._participant(who):
            try:
                answers.doubt(self.session, self.home, participant, self.now(), ADMIN)
            except ValueError:
                self.session.rollback()
                return
            self._say_who(participant)
        self.session.commit()

    def _say_who(self, participant: Participant) -> None:
        """The truth: whom the administrator knows this person to be, or a new user."""
        theirs = [user for user in self.canvas.people() if user.human == participant.name]
        how: dict = {"new_login": f"{participant.name}-{self.canvas.now:%d%H%M%S}"}
        if theirs:
            [first, *_] = self.canvas.logins_of(theirs[-1].id)
            user = User(theirs[-1].id, theirs[-1].human, first.unique_id, None, first.sis_user_id, True)
            how = {"user": user}
        try:
            answers.choose(self.session, self.home, participant, self.now(), ADMIN, **how)
        except ValueError:
            self.session.rollback()

    # -- hands in Canvas ------------------------------------------------------------------------------------------

    @rule(which=ONE, place=PLACE, state=st.sampled_from(["active", "active", "invited"]), gap=GAP)
    def add_by_hand(self, which: int, place: tuple[int, int | None] | None, state: str, gap: int) -> None:
        self._hand(gap)
        users = self.canvas.people()
        if place and users:
            try:
                row = self.canvas.enroll(place[0], users[which % len(users)].id, place[1], state, "hand")
            except CanvasError:
                return
            self._meets_a_request(row)

    @rule(which=ONE, how=st.sampled_from(["delete", "delete", "conclude", "deactivate", "reject"]), gap=GAP)
    def end_by_hand(self, which: int, how: str, gap: int) -> None:
        self._hand(gap)
        if found := self.canvas.live_rows():
            row = found[which % len(found)]
            if how != "reject":
                self.canvas.end(row.course_id, row.id, how, "hand")
            elif row.state == "invited":
                row.state, row.ended_by = "rejected", "hand"

    @rule(which=ONE, gap=GAP)
    def move_by_hand(self, which: int, gap: int) -> None:
        self._hand(gap)
        if found := self.canvas.live_rows():
            there = self.canvas.move_by_hand(found[which % len(found)])
            if there is not None:
                self._meets_a_request(there)
                there.moved = there.moved and not there.unsure

    def _hand(self, gap: int) -> None:
        self.is_plain = False
        self.canvas.pass_time(gap)

    def _meets_a_request(self, row: Row) -> None:
        """Whatever a hand lets in while something of ours about the person is out may be anybody's."""
        out = self.session.scalars(select(Request)).all()
        named = [self.canvas.by_address(one.address) for one in out if one.address]
        users = {user.id for user in named if user is not None} | {one.canvas_user_id for one in out}
        row.unsure = row.unsure or row.user_id in users
        self.session.commit()

    @rule(which=ONE, gap=GAP)
    def merge(self, which: int, gap: int) -> None:
        self._hand(gap)
        users = self.canvas.people()
        pairs = [
            (one.id, other.id) for one in users for other in users if one is not other and one.human == other.human
        ]
        if pairs:
            self.canvas.merge(*pairs[which % len(pairs)])

    @rule(which=ONE, gap=GAP)
    def delete_user(self, which: int, gap: int) -> None:
        self._hand(gap)
        if users := self.canvas.people():
            self.canvas.delete_user(users[which % len(users)].id)

    @rule(who=WHO, kind=IN_CANVAS, gap=GAP)
    def add_user(self, who: str, kind: str, gap: int) -> None:
        self._hand(gap)
        try:
            self._add_user(who, kind)
        except CanvasError:
            return

    @rule(section=st.sampled_from([12, 12, 11, 21]), course=st.sampled_from([1, 2]), gap=GAP)
    def crosslist(self, section: int, course: int, gap: int) -> None:
        self._hand(gap)
        self.canvas.crosslist(section, course)

    @rule(course=st.sampled_from([1, 2]), is_there=st.booleans(), gap=GAP)
    def delete_course(self, course: int, is_there: bool, gap: int) -> None:
        """Or bring it back."""
        self._hand(gap)
        self.canvas.world.courses[course] = is_there

    @rule(gap=GAP)
    def take_backup(self, gap: int) -> None:
        self._hand(gap)
        self.canvas.take_backup()

    @precondition(lambda self: self.canvas.backup is not None)
    @rule(gap=GAP)
    def restore_backup(self, gap: int) -> None:
        self._hand(gap)
        self.canvas.restore_backup()

    # -- the worker -----------------------------------------------------------------------------------------------

    @rule(gap=GAP, faults=FAULTS)
    def deliver(self, gap: int, faults: list) -> None:
        self.canvas.pass_time(gap)
        self.client_there.faults = list(faults)
        self._drain()
        self.client_there.faults = []

    @rule(call=st.integers(1, 4), who=WHO, code=CODE, freezes=st.booleans(), faults=FAULTS)
    def deliver_while_somebody_changes_their_mind(
        self, call: int, who: str, code: str, freezes: bool, faults: list
    ) -> None:
        """In the middle of a call somebody registers or withdraws; perhaps the worker stands still meanwhile, and
        another one takes over."""

        def meanwhile() -> None:
            self.session.expire_all()
            participant = self._participant(who)
            live = (Registration.course_id == self._course(code).id, Registration.status != "withdrawn")
            is_in = participant and self.session.scalar(
                select(Registration.id).where(Registration.participant_id == participant.id, *live)
            )
            (self.withdraw if is_in else self.register)(who, code, 0)
            if freezes:
                self.canvas.pass_time(1.5 * retry.LEASE.total_seconds())
                self._drain()

        self.client_there.faults, self.client_there.meanwhile = list(faults), {call: meanwhile}
        self._drain()
        self.client_there.faults, self.client_there.meanwhile = [], {}

    @rule()
    def begin_new_worker(self) -> None:
        self.client_there.new_worker()

    @rule(works=st.booleans())
    def token(self, works: bool) -> None:
        self.client_there.token_works = works

    def _drain(self) -> None:
        turns = 0

        def count() -> bool:
            nonlocal turns
            turns += 1
            if turns > MOST_TURNS:
                self.has_failed = True
                raise Endless(f"{turns} turns")
            return False

        self.session.rollback()
        self.session.expire_all()
        self.client_there.new_drain()
        with Session(self.engine) as session:
            try:
                drain.drain(session, self, count, self.now)
            except Killed:
                self.canvas.pass_time(2 * retry.LEASE.total_seconds())
                return
            except Endless:
                self.has_failed = True
                raise
            erasing.erase_people(session, self.now)

    # -- the end --------------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        if not hasattr(self, "home") or self.has_failed:
            return
        self.client_there.token_works = True
        self.display_canvas(True)
        self.connect(True)
        for _ in range(5):
            self._quiet(minutes=16)
        self.canvas.fights.clear()
        self._quiet(hours=25)
        for _ in range(3):
            self._quiet(minutes=16)
        changes = self.client_there.changes
        self._quiet(hours=25)
        wrong = Verdict(self.session, self.home, self.canvas).give()
        wrong += self.unforeseen
        if self.client_there.changes != changes:
            wrong.append(f"the second night still changes something: {self.client_there.calls}")
        if len(self.client_there.calls) > 30:
            wrong.append(f"the second night makes {len(self.client_there.calls)} calls")
        wrong += [f"fought a hand over row {row.id}" for row in self.canvas.fights if not row.unsure]
        if self.is_plain:
            asked = self.session.scalars(select(Seat.cause).where(Seat.settled_version < Seat.version, Seat.held)).all()
            wrong += [f"needless question {cause}" for cause in asked if cause != "who_is_it"]
        self.session.close()
        assert not wrong, "\n".join(wrong)

    def _quiet(self, **by: float) -> None:
        self.canvas.pass_time(timedelta(**by).total_seconds())
        self._drain()


@pytest.fixture
def engine(monkeypatch) -> Engine:
    """In memory, with our tables; calls are made at once, and pauses are not stretched."""
    monkeypatch.setattr(flight, "ThreadPoolExecutor", Inline)
    monkeypatch.setattr(retry, "FLIGHT", 3)
    monkeypatch.setattr(retry, "GROW_SECONDS", 0)
    monkeypatch.setattr(retry, "stretch", lambda low, high: 1.0)
    made = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    Base.metadata.create_all(made)
    return made


class Unforeseen(logging.Handler):
    """Notes what the process log tells with a traceback."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.errors: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.errors.append(f"unforeseen: {record.getMessage()} {record.exc_info[1]!r}")


@pytest.fixture
def unforeseen() -> Iterator[list[str]]:
    handler, log = Unforeseen(), logging.getLogger("ascriptica_plugin")
    propagates, log.propagate = log.propagate, False
    log.addHandler(handler)
    yield handler.errors
    log.removeHandler(handler)
    log.propagate = propagates


def test_any_history_ends_well(engine, unforeseen):
    machine = type("AnyHistory", (AnyHistory,), {"engine": engine, "unforeseen": unforeseen})
    run_state_machine_as_test(machine, settings=profile(profile(), report_multiple_bugs=False))
