"""The ledger as it is, against a model Canvas: any order of steps, faults and hands ends as the design says.

The office, hands and Canvas do what they like; then it is quiet for a while, and two nights pass. `model_verdict` says
what must hold then. How to try thousands of histories: docs/developing.md.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from hypothesis import settings as profile
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule, run_state_machine_as_test
from sqlalchemy import Engine, StaticPool, create_engine, select
from sqlalchemy.orm import Session

from ascriptica_plugin.ledger import entering
from ascriptica_plugin.office import erasing
from ascriptica_plugin.shared import pauses
from ascriptica_plugin.sync import drain, flight
from ascriptica_plugin.tables.canvas import Connection
from ascriptica_plugin.tables.columns import Base
from ascriptica_plugin.tables.ledger import Match, Seat
from ascriptica_plugin.tables.office import Course, Registration

from .model_client import Elsewhere, Endless, Killed, ModelClient
from .model_hands import HandSteps
from .model_office import CODE, GAP, WHO
from .model_verdict import Verdict

MOST_TURNS = 1500
"""A drain that has not ended after so many turns of its loop never does."""

FAULTS = st.lists(
    st.sampled_from(["ok", "ok", "lost", "5xx", 10, 40, 100, "unreachable", "killed before", "killed after", "denied"]),
    max_size=6,
)


class Inline:
    """Makes the calls of a flight at once, in the order in which they start; they are answered together."""

    def __init__(self, *_: object, **__: object): ...

    def submit(self, carry: Callable, task: object) -> None:
        carry(task)

    def shutdown(self, **_: object) -> None: ...


class AnyHistory(HandSteps):
    """`unforeseen`: what failed on our side."""

    unforeseen: list[str]
    has_failed = False

    def __init__(self) -> None:
        super().__init__()
        self.unforeseen.clear()
        self.mass_seats = 500
        self.by_mail = False

    def client(self, connection: Connection) -> ModelClient:
        """As `Canvases` does."""
        if connection.id != self.home:
            return Elsewhere()
        return self.client_there

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
                self.canvas.pass_time(1.5 * pauses.LEASE.total_seconds())
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
                self.canvas.pass_time(2 * pauses.LEASE.total_seconds())
                return
            except Endless:
                self.has_failed = True
                raise
            erasing.erase_people(session, self.now)

    @invariant()
    def who_can_enter_is_counted_right(self) -> None:
        """A course's count looks only at what is open, and equals the count of its people one by one."""
        if not hasattr(self, "home") or self.has_failed:
            return
        self.session.expire_all()
        connection, now = self.session.get(Connection, self.home), self.now()
        registered = select(Registration).where(Registration.status == "registered")
        course_of = {one.id: one.course_id for one in self.session.scalars(registered)}
        one_by_one = entering.of_registrations(self.session, connection, course_of, now)
        courses = self.session.scalars(select(Course.id)).all()
        counted = entering.of_courses(self.session, connection, courses, now)
        for course_id in courses:
            theirs = Counter(what for number, what in one_by_one.items() if course_of[number] == course_id)
            its = counted[course_id]
            assert Counter({"can_enter": its.can_enter, **its.kept_out}) == theirs, (course_id, its, theirs)
            assert its.registered == theirs.total()
        self.session.rollback()

    # -- the end --------------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        if not hasattr(self, "home") or self.has_failed:
            return
        self.client_there.token_works = True
        self.display_canvas(True)
        self.connect(True)
        self._come_to_rest(5)
        self.canvas.fights.clear()
        self._quiet(hours=25)
        self._come_to_rest(3)
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

    def _come_to_rest(self, at_most: int) -> None:
        """Until two drains in a row have nothing to send, or only what is tried again without end."""
        idle = 0
        for _ in range(at_most):
            self._quiet(minutes=16)
            idle = 0 if self.client_there.calls else idle + 1
            if idle == 2:
                return

    def _quiet(self, **by: float) -> None:
        self.canvas.pass_time(timedelta(**by).total_seconds())
        self._drain()


@pytest.fixture
def calm(monkeypatch) -> None:
    """The same history goes the same way each time: calls are made at once, and pauses are not stretched."""
    monkeypatch.setattr(flight, "ThreadPoolExecutor", Inline)
    monkeypatch.setattr(flight, "FLIGHT", 3)
    monkeypatch.setattr(pauses, "GROW_SECONDS", 0)
    monkeypatch.setattr(pauses, "stretch", lambda low, high: 1.0)


@pytest.fixture
def in_memory() -> Engine:
    made = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    Base.metadata.create_all(made)
    return made


class Unforeseen(logging.Handler):
    """Notes what the process log says with a traceback."""

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


def any_history(engine: Engine, unforeseen: list[str], examples: int) -> None:
    machine = type("AnyHistory", (AnyHistory,), {"engine": engine, "unforeseen": unforeseen})
    how = {"max_examples": examples, "stateful_step_count": 20, "report_multiple_bugs": False}
    run_state_machine_as_test(machine, settings=profile(profile(), **how))


def test_any_history_ends_with_canvas_in_agreement(calm, in_memory, unforeseen):
    any_history(in_memory, unforeseen, 6 * profile().max_examples)


@pytest.mark.parametrize("knows_them", [True, False])
def test_a_lost_request_s_enrollment_in_a_course_that_was_deleted_and_restored_is_ours(
    calm, in_memory, unforeseen, knows_them
):
    """This Canvas shows nothing of a deleted course, so looking finds nothing of it; the window stays open."""
    history = type("History", (AnyHistory,), {"engine": in_memory, "unforeseen": unforeseen})()
    places = ((1, None), (2, None) if knows_them else None, None)
    policy = {"on_withdrawal": "delete", "by_invitation": False, "ahead": 0, "shows": False}
    history.begin(users=("sis", "nobody"), with_sis=(True, False), places=places, **policy)
    history.deliver(gap=0, faults=[])
    if knows_them:
        history.register(who="ann", code="B", gap=0)
        history.deliver(gap=0, faults=[])
    history.register(who="ann", code="A", gap=0)
    history.deliver(gap=0, faults=["lost"])
    [row] = [row for row in history.canvas.live_rows() if row.course_id == 1]
    history.withdraw(who="ann", code="A", gap=0)
    history.delete_course(course=1, is_there=False, gap=0)
    history.deliver(gap=150, faults=[])
    history.delete_course(course=1, is_there=True, gap=1000)
    history.teardown()
    assert not row.is_live


def test_an_answer_changes_no_enrollment_for_which_somebody_is_registered(calm, in_memory, unforeseen):
    history = type("History", (AnyHistory,), {"engine": in_memory, "unforeseen": unforeseen})()
    policy = {"on_withdrawal": "delete", "by_invitation": False, "ahead": 0, "shows": False}
    history.begin(users=("sis", "nobody"), with_sis=(True, False), places=((1, None), (1, 11), None), **policy)
    [ann] = history.canvas.people()
    row = history.canvas.enroll(1, ann.id, None, "active", "hand")
    for code in ("A", "B"):
        history.register(who="ann", code=code, gap=1000)
        history.deliver(gap=0, faults=[])
    for seat in history.session.scalars(select(Seat)).all():
        history._decide(seat, stays=False)
    assert row.by == "hand"
    history.teardown()
    assert row.is_live


def test_an_answer_changes_no_enrollment_of_another_user(calm, in_memory, unforeseen):
    history = type("History", (AnyHistory,), {"engine": in_memory, "unforeseen": unforeseen})()
    policy = {"on_withdrawal": "delete", "by_invitation": False, "ahead": 0, "shows": False}
    history.begin(users=("sis", "sis"), with_sis=(True, True), places=((1, None), None, None), **policy)
    ann, bob = history.canvas.people()
    row = history.canvas.enroll(1, ann.id, None, "active", "hand")
    history.register(who="ann", code="A", gap=1000)
    history.deliver(gap=0, faults=[])
    history.withdraw(who="ann", code="A", gap=10)
    history.deliver(gap=0, faults=[])
    seat = history.session.scalars(select(Seat)).one()
    assert seat.cause == "found_there"
    history.session.scalars(select(Match)).one().canvas_user_id = bob.id
    history._decide(seat, stays=False)
    assert row.by == "hand"
    history.session.rollback()
