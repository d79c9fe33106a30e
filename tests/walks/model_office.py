"""What the office does, in any order: how a history begins, registrations, corrections, and answers to questions."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from sqlalchemy import Engine, insert, select
from sqlalchemy.orm import Session

from ascriptica_plugin.canvas.shapes import User
from ascriptica_plugin.ledger.causes import CAUSES
from ascriptica_plugin.office import answers, courses, erasing, people, registrations
from ascriptica_plugin.office.people import Person
from ascriptica_plugin.office.places import NotPossible
from ascriptica_plugin.tables.canvas import Connection, Settings, load_settings
from ascriptica_plugin.tables.columns import Base, Sealed
from ascriptica_plugin.tables.ledger import Seat
from ascriptica_plugin.tables.office import Association, Course, Participant

from .model_answers import Answered
from .model_canvas import ModelCanvas
from .model_client import ModelClient

CAST = ("ann", "bob")
CODES = ("A", "B", "C")
ADMIN = "admin@x"

WHO, CODE, ONE = st.sampled_from(CAST), st.sampled_from(CODES), st.integers(0, 3)
PLACE = st.sampled_from([(1, None), (1, 11), (1, 12), (2, None), None])
"""A Canvas course, and a section of it or its default section; or none."""

GAP = st.sampled_from([0, 1, 3, 8, 20, 45, 150, 1000])
"""How many seconds pass before a step."""

IN_CANVAS = st.sampled_from(["nobody", "email", "sis", "two", "email and sis"])
"""Which users a person has in Canvas: none, one by email or by SIS ID or by both, or two."""


@dataclass
class Typed:
    """What the office typed about a person."""

    email: str
    sis_user_id: str | None


class OfficeSteps(RuleBasedStateMachine):
    """`engine` has our tables; each history begins with nothing in them. `is_plain`: nothing happened that could be a
    question for somebody."""

    engine: Engine

    @initialize(
        users=st.tuples(IN_CANVAS, IN_CANVAS),
        with_sis=st.tuples(st.booleans(), st.booleans()),
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
        self.is_plain = True
        self.typed = {
            who: Typed(f"{who}@x", who.upper() if sis else None) for who, sis in zip(CAST, with_sis, strict=True)
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

    @rule(who=WHO, email=st.sampled_from(["ann@x", "bob@x", "new@x"]), gap=GAP)
    def correct_email(self, who: str, email: str, gap: int) -> None:
        if all(one.email != email for one in self.typed.values()):
            self._correct(who, gap, email=email)

    @rule(who=WHO, sis_user_id=st.sampled_from(["ANN", "BOB", "NEW", None]), gap=GAP)
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
            erasing.ask_to_erase(self.session, participant, self.now(), ADMIN, end_access=True)
        self.session.commit()

    @rule(on=st.booleans())
    def display_canvas(self, on: bool) -> None:
        load_settings(self.session).display_canvas = on
        self.session.commit()

    @rule(home=st.booleans())
    def connect(self, home: bool) -> None:
        """Connect to what the office takes for another Canvas, where nobody has a seat; or back."""
        load_settings(self.session).connection_id = self.home if home else self.elsewhere
        self.session.commit()

    # -- answers --------------------------------------------------------------------------------------------------

    @rule(which=ONE, yes=st.booleans(), gap=GAP)
    def answer(self, which: int, yes: bool, gap: int) -> None:
        """Answer one of the open questions."""
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
        answered = Answered(self.session, seat, self.canvas)
        try:
            answers.decide(self.session, seat, stays, self.now(), ADMIN)
        except ValueError:
            # It was about the row of somebody whom the participant is not any more.
            return
        self.session.expire_all()
        for row in answered.rows():
            if not stays:
                row.by = "us"

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
        how: dict[str, Any] = {"new_login": f"{participant.name}-{self.canvas.now:%d%H%M%S}"}
        if theirs:
            [first, *_] = self.canvas.logins_of(theirs[-1].id)
            user = User(theirs[-1].id, theirs[-1].human, first.unique_id, None, first.sis_user_id, True)
            how = {"user": user}
        try:
            answers.choose(self.session, self.home, participant, self.now(), ADMIN, **how)
        except ValueError:
            self.session.rollback()
