"""Workers that are killed while they renew a developer key's token: the next one continues, whatever was stored."""

import signal
from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine, text

from ascriptica_plugin.shared import clock

from ..developer_keys import TOKEN_CALL, connect_with_key
from ..office_at_work import Office, connection_of
from ..processes import Process, until, worker


@pytest.fixture
def workers(database_url) -> Iterator[list[Process]]:
    made = [worker(database_url) for _ in range(2)]
    yield made
    for process in made:
        if process.child is not None:
            process.end(signal.SIGKILL)


def token_calls(canvas) -> list[dict]:
    return [call for call in canvas.read("calls")["calls"] if f"{call['method']} {call['path']}" == TOKEN_CALL]


def stored(office: Office) -> str:
    token = connection_of(office).token.open(office.canvases.keys)
    office.session.commit()
    return token


def end_in_flight(office: Office, canvas, process: Process, database_url: str) -> None:
    """Canvas has the call, and answers when nobody listens any more."""
    canvas.options(latency_seconds=1)
    process.start()
    until(lambda: token_calls(canvas))
    process.end(signal.SIGKILL)
    canvas.options(latency_seconds=0)
    until(lambda: token_calls(canvas)[0]["status"] == 200)


def end_before_storing(office: Office, canvas, process: Process, database_url: str) -> None:
    """The answer is here, and the database takes no more writes."""
    canvas.options(latency_seconds=1)
    process.start()
    until(lambda: token_calls(canvas))
    engine = create_engine(database_url)
    with engine.connect() as blocker:
        is_sqlite = engine.dialect.name == "sqlite"
        table = "LOCK TABLE ascriptica_connection IN EXCLUSIVE MODE"
        blocker.execute(text("BEGIN IMMEDIATE" if is_sqlite else table))
        until(lambda: token_calls(canvas)[0]["status"] == 200)
        process.end(signal.SIGKILL)
        blocker.rollback()
    engine.dispose()
    canvas.options(latency_seconds=0)


def end_after_storing(office: Office, canvas, process: Process, database_url: str) -> None:
    before = stored(office)
    process.start()
    until(lambda: stored(office) != before)
    process.end(signal.SIGKILL)


@pytest.mark.parametrize(
    ("cut", "is_stored"), [(end_in_flight, False), (end_before_storing, False), (end_after_storing, True)]
)
def test_the_next_worker_continues_after_one_was_killed_during_a_refresh(
    office, canvas, workers, database_url, cut, is_stored
):
    course = office.course("ART", "art")
    connection = connect_with_key(office)
    before = stored(office)
    connection.refresh_at = clock.utc_now()
    office.session.commit()
    cut(office, canvas, workers[0], database_url)
    assert (stored(office) != before) == is_stored
    office.register(course)
    workers[1].start()
    until(lambda: canvas.who_is_in("art") == {"kim@example.org"})
    assert len(token_calls(canvas)) == (1 if is_stored else 2)
    kept = connection_of(office)
    assert (kept.hold_cause, kept.refresh_tries) == (None, 0)
    assert kept.refresh_at > clock.utc_now()
    assert {seat.attempts for seat in office.seats()} == {0}
