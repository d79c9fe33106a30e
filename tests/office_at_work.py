"""The office at work, in its own words, and people at their browsers."""

import functools
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask, g
from flask.testing import FlaskClient
from sqlalchemy import select

os.environ["SECRET_KEY"] = "only for tests"
TEST_DATABASE_URL = os.environ.pop("DATABASE_URL", None)
os.environ.pop("REDIS_URL", None)

import wsgi
from ascriptica_plugin import Person
from ascriptica_plugin.canvas.client import CanvasClient
from ascriptica_plugin.ledger import activity, reads, seat_states
from ascriptica_plugin.office import answers, courses, erasing, people, registrations
from ascriptica_plugin.shared import clock
from ascriptica_plugin.standalone.accounts import passwords, sessions
from ascriptica_plugin.standalone.accounts.pages.base import SignedIn
from ascriptica_plugin.standalone.accounts.tables import Account
from ascriptica_plugin.sync import checking, connecting, drain
from ascriptica_plugin.sync.clients import Canvases
from ascriptica_plugin.tables.canvas import Connection, load_settings
from ascriptica_plugin.tables.ledger import Match, Seat
from ascriptica_plugin.tables.office import Association, Course, LogEntry, Participant, Registration
from ascriptica_plugin.web import canvas_access

from .practice_canvas import Practice

PASSWORD = "correct horse battery"
HASHED_BY = passwords.METHOD
"""How passwords are hashed outside of tests, which hash hundreds of them and have no time for it."""
passwords.METHOD = "scrypt:1024:8:1"


def make_app(database_url: str, **config: object) -> Flask:
    """The stand-alone host on this database."""
    return wsgi.create_app(
        {
            "SQLALCHEMY_DATABASE_URI": database_url,
            "ASCRIPTICA_ALLOW_PRIVATE_CANVAS": True,
            "WTF_CSRF_ENABLED": False,
            "TESTING": True,
            **config,
        }
    )


@contextmanager
def in_use(app: Flask) -> Iterator[Flask]:
    """The application's context, and its connections closed at the end."""
    with app.app_context():
        try:
            yield app
        finally:
            app.extensions["sqlalchemy"].session.remove()
            app.extensions["sqlalchemy"].engine.dispose()


@pytest.fixture
def app(kept_app: Flask) -> Iterator[Flask]:
    """The app on an empty database, configured as at first, remembering nothing of another test."""
    plugin, config = kept_app.extensions["ascriptica"], dict(kept_app.config)
    canvases = Canvases(plugin.canvases.keys, plugin.canvases.allow_private, mass_seats=plugin.canvases.mass_seats)
    kept_app.extensions["ascriptica"] = replace(plugin, canvases=canvases, stopping=threading.Event())
    with kept_app.app_context():
        yield kept_app
        kept_app.extensions["sqlalchemy"].session.remove()
    kept_app.extensions["ascriptica"] = plugin
    kept_app.config.clear()
    kept_app.config.update(config)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


class Office:
    """The office at work, in its own words. Each method is one committed unit of work, as a view's would be."""

    def __init__(self, app, canvas: Practice | None):
        self.app = app
        self.canvas = canvas
        self.session = app.extensions["sqlalchemy"].session
        self.canvases = app.extensions["ascriptica"].canvases
        self.now = datetime.now(UTC)

    def later(self, **by: float) -> None:
        self.now += timedelta(**by)

    def connect(self, token: str | None = None) -> Connection:
        """Connect to the practice Canvas, as Course Settings does."""
        settings = load_settings(self.session)
        token = token or self.canvas.token
        connecting.keep_draft(settings, self.canvases, self.canvas.api, self.canvas.ids["account.root"], token)
        root_id = self.canvas.ids["account.root"]
        found = checking.check_connection(self.canvas.api, token, root_id, allow_private=True).findings
        connection = connecting.adopt(self.session, settings, self.canvases, found, self.now)
        settings.display_canvas = True
        self.session.commit()
        # As in a worker that has run for a while: Canvas's time is known.
        self.canvases.client(connection).myself()
        self.canvas.calls()
        return connection

    def new_worker(self) -> None:
        """From now on, deliver as a process that has just begun."""
        self.canvases = Canvases(self.canvases.keys, self.canvases.allow_private, mass_seats=self.canvases.mass_seats)

    def course(
        self, code: str = "ART", canvas_course: str | None = None, section: int | None = None, *, read=True, **columns
    ):
        course = Course(**{"code": code, "title": f"{code} here"} | columns)
        self.session.add(course)
        self.session.commit()
        if canvas_course:
            self.associate(course, canvas_course, section, read=read)
        return course

    def associate(
        self, course: Course, canvas_course: str | None, section: int | None = None, *, read: bool = True
    ) -> None:
        """Associate the course; `read`: as if the Canvas course had been read since."""
        made = None
        if canvas_course:
            made = Association(
                connection_id=load_settings(self.session).connection_id,
                canvas_course=str(self.canvas.ids[f"course.{canvas_course}"]),
                canvas_course_id=self.canvas.ids[f"course.{canvas_course}"],
                canvas_course_name=canvas_course,
                canvas_section=str(section or ""),
                canvas_section_id=section,
            )
        courses.associate(self.session, course, made, self.now)
        if made and read:
            reads.done(self.session, made.connection_id, made.canvas_course_id, self.now, self.now)
        self.session.commit()

    def register(self, course: Course, who: str = "kim", **person) -> Registration:
        registration = registrations.register(self.session, course, someone(who, **person), self.now)
        self.session.commit()
        return registration

    def withdraw(self, course: Course, who: str = "kim", **person) -> None:
        registrations.withdraw(self.session, course, someone(who, **person), self.now)
        self.session.commit()

    def deliver(self, stop: Callable[[], bool] = lambda: False) -> list[str]:
        """Drain what is due. Returns the calls that Canvas got."""
        if drain.drain(self.session, self.canvases, stop, lambda: self.now):
            erasing.erase_people(self.session, lambda: self.now)
        return self.canvas.calls() if self.canvas else []

    def settle(self, rounds: int = 4, minutes: float = 20) -> None:
        """Drain several times, and let so much time go by after each."""
        for _ in range(rounds):
            self.deliver()
            self.later(minutes=minutes)

    def recheck(self, *canvas_courses: str) -> None:
        """Have these Canvas courses read, as `flask ascriptica recheck` does; without a name, all that we ever used."""
        connection_id = load_settings(self.session).connection_id
        for name in canvas_courses:
            reads.owe(self.session, connection_id, self.canvas.ids[f"course.{name}"], self.now)
        if not canvas_courses:
            reads.owe_everything(self.session, connection_id, self.now, in_use=False)
        self.session.commit()

    def participant(self, email: str) -> Participant:
        return self.session.scalars(select(Participant).where(Participant.email == email)).one()

    def correct(self, participant: Participant, **facts: str | None) -> None:
        people.correct(self.session, participant, self.now, "admin@example.org", **facts)
        self.session.commit()

    def sentence(self, registration: Registration) -> str:
        """What the participant reads about their access to the Canvas course."""
        self.session.expire_all()
        with self.app.test_request_context():
            return canvas_access.canvas_access([registration])[registration.id].text

    def causes(self) -> list[tuple[str, str | None, str | None]]:
        """(email, cause, its details) of every seat, for a test that fails."""
        return [(seat.participant.email, seat.cause, seat.cause_detail) for seat in self.seats()]

    def put_back(self) -> None:
        """Answer that everything that was changed by hand in Canvas is to be as registered here."""
        for seat in self.seats():
            if seat.cause == "changed_in_canvas":
                answers.about_a_hand(self.session, seat, True, self.now, "a@x")
        self.session.commit()

    def one_person(self, email: str = "kim@example.org") -> None:
        """Answer that all participants with this email who are asked about are one person."""
        settings = load_settings(self.session)
        asked = self.session.scalars(
            select(Match).join(Match.participant).where(Match.question == "same_user", Participant.email == email)
        )
        for match in asked.all():
            user = match.candidates[0]["id"]
            who = match.participant
            answers.choose(
                self.session, settings.connection_id, who, self.now, "a@x", canvas_user_id=user, same_person=True
            )
        self.session.commit()

    def seats(self) -> list[Seat]:
        self.session.expire_all()
        return list(self.session.scalars(select(Seat).order_by(Seat.id)))

    def status(self) -> dict:
        return seat_states.status(self.session, load_settings(self.session), self.now)


def someone(who: str, **person) -> Person:
    """A person named by the part of the email before the @."""
    return Person(**{"key": who, "email": f"{who}@example.org", "name": who.title(), **person})


@pytest.fixture
def office(app, canvas: Practice) -> Office:
    """An office that is connected to the practice Canvas."""
    office = Office(app, canvas)
    office.connect()
    return office


@functools.cache
def _hash_of_password() -> str:
    return passwords.hash_of(PASSWORD)


def sign_in(client: FlaskClient, app: Flask, email: str, *, admin: bool = False) -> None:
    """Make an account with PASSWORD and be signed in with it, without the page's slow check of the password."""
    session = app.extensions["sqlalchemy"].session
    account = Account(email=email, name=email.split("@")[0].title(), password_hash=_hash_of_password(), is_admin=admin)
    session.add(account)
    session.flush()
    token = sessions.begin_session(session, account, clock.utc_now())
    session.commit()
    with client.session_transaction() as cookie:
        cookie.update(_user_id=token, _fresh=True)
        cookie.permanent = True
    # The tests' application context outlives a request, and Flask-Login keeps who is signed in there.
    g._login_user = SignedIn(account, token)


@pytest.fixture
def admin(app, client):
    sign_in(client, app, "boss@example.org", admin=True)
    return client


@pytest.fixture
def kim(app, client):
    sign_in(client, app, "kim@example.org")
    return client


@pytest.fixture
def here(app) -> Office:
    """An office without Canvas."""
    return Office(app, None)


def wait_for(office: Office, course: Course, *who: str) -> None:
    """Put people on the waitlist of a full course."""
    for one in who:
        registrations.register(office.session, course, someone(one), office.now, wait=True)
        office.session.commit()


def statuses(office: Office) -> dict[str, str]:
    """email → status of the newest registration."""
    office.session.expire_all()
    rows = office.session.scalars(select(Registration).order_by(Registration.id))
    return {row.participant.email: row.status for row in rows}


def logged(office: Office) -> list[tuple[str, str, str | None]]:
    """Who, what, to whom."""
    office.session.expire_all()
    entries = office.session.scalars(select(LogEntry).order_by(LogEntry.id))
    return [(entry.who, entry.what, entry.participant and entry.participant.email) for entry in entries]


def many(office: Office, course: Course, n: int, start: int = 0) -> None:
    """Register people p0, p1, ... at once."""
    entries = [registrations.Entry(f"p{i}@example.org", f"P {i}") for i in range(start, start + n)]
    registrations.register_many(office.session, course, entries, office.now, "boss@example.org")
    office.session.commit()


def many_to_remove(office: Office, course: Course, n: int) -> None:
    """Enroll people p0, p1, ..., who then withdraw, each of them alone; nothing of that has reached Canvas."""
    for number in range(n):
        office.register(course, f"p{number}")
    office.deliver()
    for number in range(n):
        office.withdraw(course, f"p{number}")


def entries(session, n: int, **columns) -> None:
    now = datetime.now(UTC)
    for number in range(n):
        activity.note(
            session, now, **({"who": "boss@example.org", "what": "did", "words": f"entry-{number:04}"} | columns)
        )
    session.commit()


def rotated(app) -> tuple[int, str]:
    result = app.test_cli_runner().invoke(args=["ascriptica", "rotate-keys"])
    app.extensions["sqlalchemy"].session.expire_all()
    return result.exit_code, result.output


def policy(office: Office, **values) -> None:
    settings = load_settings(office.session)
    for name, value in values.items():
        setattr(settings, name, value)
    office.session.commit()


def connection_of(office) -> Connection:
    return office.session.scalars(select(Connection).execution_options(populate_existing=True)).one()


def during_the_first_call(office, monkeypatch, act, method: str = "enroll", *, on_its_way_there: bool = False) -> None:
    """Do something from outside while the answer of the first such call, or the call itself, is on its way."""
    happened = threading.Event()
    call = getattr(CanvasClient, method)

    def happen() -> None:
        happened.set()
        with office.app.app_context():
            act()

    def interrupted(self, *args, **how):
        first = not happened.is_set()
        if first and on_its_way_there:
            happen()
        try:
            return call(self, *args, **how)
        finally:
            if first and not on_its_way_there:
                happen()

    monkeypatch.setattr(CanvasClient, method, interrupted)
