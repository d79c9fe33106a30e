"""Rows that somebody else has locked, and units of work that meet. On PostgreSQL: SQLite has one writer at a time."""

import threading

import pytest
from sqlalchemy import event, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from ascriptica_plugin.office.imports import run
from ascriptica_plugin.office.imports.file import read
from ascriptica_plugin.sync import disconnecting, drain
from ascriptica_plugin.tables import keys, locks
from ascriptica_plugin.tables.canvas import load_settings
from ascriptica_plugin.tables.ledger import Match, Seat

from ..office_at_work import many, statuses
from ..processes import until


@pytest.fixture
def kept_app(app_on_postgresql, postgresql):
    return app_on_postgresql


@pytest.fixture
def engine(office):
    return office.app.extensions["sqlalchemy"].engine


def settled(engine) -> int:
    with Session(engine) as session:
        return session.scalar(select(func.count()).where(Seat.settled_version >= Seat.version))


def draining(office, engine, rounds: int = 1) -> threading.Thread:
    """A drain in a thread and session of its own."""

    def act():
        with office.app.app_context(), Session(engine) as session:
            for _ in range(rounds):
                drain.drain(session, office.canvases)

    thread = threading.Thread(target=act)
    thread.start()
    return thread


def importing(office, engine, status: str, people: range, courses: tuple[str, ...] = ("ART",)) -> run.Report:
    """Import a file that registers or withdraws these people, in this order, in a session of its own."""
    lines = [f"p{n}@example.org,{code},{status}" for n in people for code in courses]
    rows = read("registrations", "\n".join(["email,course,status", *lines]).encode()).rows
    with office.app.app_context(), Session(engine) as session:
        return run.run(session, "registrations", rows, lambda: office.now, "a@x")


def waiting(engine) -> int:
    """How many sessions wait for somebody else's lock."""
    here = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with Session(engine) as session:
        return session.scalar(text(here))


def test_a_seat_that_somebody_has_locked_delays_that_one_alone(office, canvas, engine):
    many(office, office.course("ART", "art"), 20)
    refused: list[object] = []
    event.listen(engine, "handle_error", lambda context: refused.append(context.original_exception))
    with Session(engine) as psql:
        locked = psql.scalars(select(Seat).order_by(Seat.id).limit(1).with_for_update()).one()
        thread = draining(office, engine)
        until(lambda: settled(engine) == 19)
        thread.join(60)
        assert not thread.is_alive()
        assert locked.participant.email not in canvas.who_is_in("art")
        psql.rollback()
    # Nobody waited for it, not even for as long as the database lets us.
    assert refused == []
    office.deliver()
    assert settled(engine) == 20


def test_a_seat_that_is_locked_while_canvas_answers_is_stored_once_it_is_free(office, canvas, engine):
    many(office, office.course("ART", "art"), 5)
    canvas.options(latency_seconds=0.3)
    with Session(engine) as psql:
        thread = draining(office, engine)
        until(lambda: canvas.read("calls")["total"] > 0)
        number = psql.scalars(select(Seat.id).order_by(Seat.id).limit(1).with_for_update()).one()
        until(lambda: settled(engine) == 4)
        psql.rollback()
        thread.join(60)
    assert settled(engine) == 5
    posts = [call for call in canvas.calls() if call.startswith("POST /courses/")]
    assert len(posts) == 5, number


def test_a_match_that_somebody_has_locked_delays_that_person_alone(office, canvas, engine):
    many(office, office.course("ART", "art"), 12)
    office.deliver()
    office.session.execute(Match.__table__.update().values(doubted=True))
    office.session.commit()
    many(office, office.course("BIO", "bio"), 12)
    with Session(engine) as psql:
        psql.scalars(select(Match.participant_id).order_by(Match.participant_id).limit(1).with_for_update()).one()
        thread = draining(office, engine)
        until(lambda: settled(engine) >= 23, 20)
        psql.rollback()
        thread.join(20)
    office.later(minutes=5)
    office.settle(rounds=2)
    assert settled(engine) == 24


def test_an_import_locks_the_seats_of_its_people_in_the_order_of_ids(office, canvas, engine):
    """Whatever the order of its rows and courses: while it waits for one it holds those before it, and none behind."""
    first, second = office.course("ART", "art"), office.course("BIO", "bio")
    for course in (second, first):
        many(office, course, 6)
    ids = [seat.id for seat in office.seats()]
    office.session.rollback()
    with Session(engine) as psql, Session(engine) as other:
        psql.scalars(select(Seat.id).where(Seat.id == ids[3]).with_for_update()).one()
        thread = threading.Thread(
            target=importing, args=(office, engine, "withdrawn", range(5, -1, -1), ("ART", "BIO"))
        )
        thread.start()
        until(lambda: waiting(engine) == 1)
        assert sorted(other.scalars(select(Seat.id).with_for_update(skip_locked=True))) == ids[4:]
        other.rollback()
        psql.rollback()
        thread.join(60)
    assert set(statuses(office).values()) == {"withdrawn"}


@pytest.mark.parametrize("code", locks.IN_THE_WAY)
def test_a_batch_of_an_import_that_meets_a_deadlock_is_repeated(office, canvas, engine, monkeypatch, code):
    """PostgreSQL itself refuses it once, when all is decided and some of it written."""
    many(office, office.course("ART", "art"), 3)
    write, refusing = run.KINDS["registrations"].write, [code]

    def in_the_way(its):
        write(its)
        if refusing:
            its.session.execute(text(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{refusing.pop()}'; END $$"))

    monkeypatch.setattr(run.KINDS["registrations"], "write", in_the_way)
    report = importing(office, engine, "withdrawn", range(3))
    assert (refusing, report.changed, report.refused) == ([], 3, [])
    office.session.expire_all()
    assert set(statuses(office).values()) == {"withdrawn"}


def rotate(office, session) -> None:
    keys.TOKENS.rotate(session, office.canvases.keys)


def disconnect(office, session) -> None:
    settings = load_settings(session)
    disconnecting.forget(session, settings, settings.connection, office.canvases, office.now)


@pytest.mark.parametrize("act", [rotate, disconnect])
def test_a_change_of_the_key_beside_somebody_who_registers_meets_no_deadlock(office, canvas, engine, act):
    """The seat that they get refers to the connection."""
    course = office.course("ART", "art")
    errors: list[BaseException] = []

    def change() -> None:
        with office.app.app_context(), Session(engine) as session:
            try:
                act(office, session)
                session.commit()
            except DBAPIError as error:
                errors.append(error)

    locks.lock_people(office.session)
    thread = threading.Thread(target=change)
    thread.start()
    until(lambda: waiting(engine) == 1)
    office.register(course)
    thread.join()
    assert errors == []
    assert len(office.seats()) == 1


def test_imports_and_drains_never_stand_in_each_other_s_way(office, canvas, engine):
    """Imports withdraw and register the same people, in orders of their own, while a drain is at them."""
    courses = [office.course(code, name) for code, name in (("ART", "art"), ("BIO", "bio"))]
    for course in courses:
        many(office, course, 60)
    errors: list[BaseException] = []

    def import_often(people: range, codes: tuple[str, ...]):
        try:
            for turn in range(6):
                importing(office, engine, "withdrawn" if turn % 2 == 0 else "registered", people, codes)
        except BaseException as error:
            errors.append(error)

    orders = (range(60), ("ART", "BIO")), (range(59, -1, -1), ("BIO", "ART"))
    threads = [threading.Thread(target=import_often, args=order) for order in orders]
    drains = draining(office, engine, rounds=8)
    for thread in threads:
        thread.start()
    for thread in [*threads, drains]:
        thread.join()
    assert errors == []
    office.later(minutes=5)
    office.settle(rounds=3)
    assert settled(engine) == 120
    assert len(canvas.who_is_in("art")) == len(canvas.who_is_in("bio")) == 60
