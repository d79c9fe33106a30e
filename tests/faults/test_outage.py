"""Manners in an outage: what waits, who asks, what people read, and how a worker ends and is followed by another."""

import signal
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import NullPool, create_engine, make_url, select, text

from ascriptica_plugin.ledger.causes import CAUSES
from ascriptica_plugin.shared.pauses import PAUSE_SECONDS
from ascriptica_plugin.sync import flight
from ascriptica_plugin.tables.canvas import Connection
from ascriptica_plugin.tables.office import Course, LogEntry

from ..office_at_work import Office, in_use, make_app, sign_in
from ..processes import Process, until, worker

# -- Canvas is away for an hour ---------------------------------------------------------------------------------------


def test_canvas_away_for_an_hour_costs_nobody_anything(sqlite_url, canvas):
    """500 people wait, registration continues, few probes ask, and those whose course starts soonest go first."""
    numbers = range(500)
    known = {f"p{n}": {"name": f"P {n}", "login": f"p{n}@example.org", "sis_user_id": f"S-{n}"} for n in numbers}
    canvas.seed(users=known, courses={"art": {"name": "Art"}, "bio": {"name": "Biology"}})
    with in_use(make_app(sqlite_url)) as app:
        office = Office(app, canvas)
        office.connect()
        late = office.course("LATE", "art", starts_at=office.now + timedelta(days=9))
        soon = office.course("SOON", "bio", starts_at=office.now + timedelta(days=2))
        canvas.options(down=True)
        for n in numbers:
            office.register(soon if n % 2 else late, f"p{n}", sis_user_id=f"S-{n}")
        calls, began = office.deliver(), office.now
        while office.now < began + timedelta(hours=1):
            office.later(seconds=15)
            calls += office.deliver()
        # A first flight found Canvas gone; from then on one harmless question goes out about once a minute.
        probes = calls.count("GET /users/self")
        assert 40 <= probes <= 90
        assert len(calls) - probes <= flight.FLIGHT
        assert {(seat.attempts, seat.cause, seat.parked_at) for seat in office.seats()} == {(0, None, None)}
        assert office.status()["seats"]["held"] == 500

        # Registration continues; everybody reads the truth, and nobody reads of a failure.
        client = app.test_client()
        sign_in(client, app, "kim@example.org")
        page = client.post("/courses/SOON/register", follow_redirects=True).get_data(as_text=True)
        assert "You are registered for SOON here." in page
        assert CAUSES["canvas_down"].participant in page
        sign_in(client, app, "ann@example.org", admin=True)
        assert CAUSES["canvas_down"].title in client.get("/tools/").get_data(as_text=True)

        canvas.options(down=False)
        office.later(minutes=1.5)
        office.deliver()
        assert office.status()["seats"] == {"due": 0, "held": 0, "parked": 0, "enrolled": 501, "removed": 0}
        enrolled = select(LogEntry.words).where(LogEntry.what == "enrolled in Canvas").order_by(LogEntry.id)
        order = [str(canvas.ids["course.bio"]) in words for words in office.session.scalars(enrolled)]
        # Nobody of the later course is sent before the last ones of the sooner course are on their way.
        assert order.index(False) >= 251 - flight.FLIGHT - flight.SPARE


# -- the worker -------------------------------------------------------------------------------------------------------


@pytest.fixture
def ringing(sqlite_url, canvas, valkey) -> Iterator[Office]:
    """A connected office whose bell is on the Valkey."""
    with in_use(make_app(sqlite_url, REDIS_URL=valkey.url)) as app:
        office = Office(app, canvas)
        office.connect()
        yield office
        app.extensions["ascriptica"].bell._redis.close()


@pytest.fixture
def team(sqlite_url, valkey, tmp_path) -> Iterator[list[Process]]:
    """Two workers, not started yet."""
    both = [worker(sqlite_url, valkey.url, tmp_path / f"worker-{number}.log") for number in range(2)]
    yield both
    for process in both:
        if process.child is not None:
            process.send(signal.SIGCONT)
            process.end(signal.SIGKILL)


def says(process: Process, words: str) -> int:
    return process.log_file.read_text().count(words)


def ends_after(process: Process) -> float:
    """The seconds from SIGTERM to the worker's end, which has to be a clean one."""
    began = time.monotonic()
    code, log = process.end()
    assert code == 0, log
    return time.monotonic() - began


def holder(office: Office) -> tuple[int, bool]:
    """The term of the lease, and whether somebody has it."""
    office.session.rollback()
    term, until_at = office.session.execute(select(Connection.drain_term, Connection.drain_until_at)).one()
    office.session.rollback()
    return term, until_at is not None


def test_a_worker_ends_in_time_while_canvas_hangs_and_another_follows_within_a_second(ringing, canvas, team):
    course = ringing.course("ART", "art")
    canvas.faults({"match": "POST /courses/", "fault": "hang", "times": 4})
    first, second = team
    first.start()
    for number in range(30):
        ringing.register(course, f"p{number}")
    until(lambda: holder(ringing)[1])
    second.start()
    until(lambda: canvas.read("calls")["total"] > 12)
    time.sleep(3)
    term, _ = holder(ringing)
    stopped_at = time.monotonic()
    first.send(signal.SIGTERM)
    until(lambda: holder(ringing) != (term, True))
    given_back = time.monotonic()
    until(lambda: holder(ringing)[0] > term)
    # Half a second on a machine that is not busy; a lease that is not given back lasts ten.
    assert time.monotonic() - given_back < 8
    assert first.end()[0] == 0
    # The calls that hang last half a minute.
    assert time.monotonic() - stopped_at < 25
    until(lambda: ringing.status()["seats"]["enrolled"] == 30)
    assert ends_after(second) < 15


def test_a_worker_killed_is_followed_within_its_lease(ringing, canvas, team):
    course = ringing.course("ART", "art")
    canvas.options(latency_seconds=0.5)
    first, second = team
    first.start()
    for number in range(60):
        ringing.register(course, f"p{number}")
    until(lambda: holder(ringing)[1])
    second.start()
    time.sleep(2)
    term, _ = holder(ringing)
    first.end(signal.SIGKILL)
    killed = time.monotonic()
    until(lambda: holder(ringing)[0] > term)
    # The lease lasts ten; all of this machine may be busy.
    assert time.monotonic() - killed < 30
    canvas.options(latency_seconds=0)
    until(lambda: ringing.status()["seats"]["enrolled"] == 60)


def test_the_worker_logs_once_that_redis_is_away_and_once_that_it_is_back(ringing, canvas, valkey, team):
    process, _ = team
    process.start()
    course = ringing.course("ART", "art")
    ringing.register(course, "kim")
    until(lambda: canvas.roster("art"))
    valkey.end(signal.SIGKILL)
    until(lambda: says(process, "Redis is away"))
    for who in ("lou", "new", "zoe"):
        ringing.register(course, who)
        until(lambda who=who: f"{who}@example.org" in canvas.roster("art"))
    valkey.start()
    until(lambda: says(process, "Redis is back"))
    valkey.send(signal.SIGSTOP)
    ringing.register(course, "ann")
    until(lambda: "ann@example.org" in canvas.roster("art"))
    # Idle, and with a Redis that says nothing: it ends when it is stopped all the same.
    assert ends_after(process) < 10
    log = process.log_file.read_text()
    assert log.count("Redis is back") == 1, log
    assert log.count("Redis is away") <= 2, log
    assert "Traceback" not in log, log


def test_the_worker_logs_once_that_the_database_is_away_and_continues(postgresql, canvas, valkey, tmp_path):
    url = make_url(postgresql)
    other_database = create_engine(url.set(database="template1"), isolation_level="AUTOCOMMIT", poolclass=NullPool)
    process, other = (worker(postgresql, valkey.url, tmp_path / f"{name}.log") for name in ("worker", "other"))
    with in_use(make_app(postgresql)) as app:
        office = Office(app, canvas)
        office.connect()
        course_id = office.course("ART", "art").id
        process.start()
        other.start()
        office.register(office.session.get_one(Course, course_id), "kim")
        until(lambda: canvas.roster("art"))
        client = app.test_client()
        assert client.get("/").status_code == 200
        office.session.remove()
        with other_database.connect() as elsewhere:
            elsewhere.execute(text(f'ALTER DATABASE "{url.database}" ALLOW_CONNECTIONS false'))
            end_all = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name")
            elsewhere.execute(end_all, {"name": url.database})
            until(lambda: says(process, "The database is away") and says(other, "The database is away"))
            # Stopped in the middle of it, a worker ends well.
            assert ends_after(other) < 10
            time.sleep(2 * PAUSE_SECONDS)
            elsewhere.execute(text(f'ALTER DATABASE "{url.database}" ALLOW_CONNECTIONS true'))
        # A page does not fail for a connection that broke before it was asked for.
        assert client.get("/").status_code == 200
        until(lambda: says(process, "The database is back"))
        assert ends_after(process) < 3
    log = process.log_file.read_text()
    assert log.count("The database is away") == log.count("The database is back") == 1, log
    assert "Traceback" not in log, log
