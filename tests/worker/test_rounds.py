"""What the worker does again and again."""

import signal
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.exc import OperationalError

from ascriptica_plugin.ledger import activity, metrics
from ascriptica_plugin.shared import process_log
from ascriptica_plugin.tables.office import LogEntry
from ascriptica_plugin.worker import rounds

from ..office_at_work import in_use, make_app, sign_in
from ..pages import all_of, words


def test_log_entries_older_than_the_chosen_days_are_deleted(app, session):
    now = datetime.now(UTC)
    for days in (181, 179, 0):
        activity.note(session, now - timedelta(days=days), activity.US, "did", f"{days} days ago")
    session.commit()
    rounds.forget(app)
    assert {one.words for one in all_of(app, LogEntry)} == {"179 days ago", "0 days ago"}
    with in_use(make_app(app.config["SQLALCHEMY_DATABASE_URI"], ASCRIPTICA_LOG_DAYS="30")) as shorter:
        rounds.forget(shorter)
        sign_in(client := shorter.test_client(), shorter, "boss@example.org", admin=True)
        assert "30 days" in words(client.get("/tools/log"))
    assert {one.words for one in all_of(app, LogEntry)} == {"0 days ago"}


def test_the_worker_deletes_expired_data_at_once_and_then_every_hour(app, session, monkeypatch):
    """The worker rests by a clock of ours, and ends after its third rest."""
    activity.note(session, datetime.now(UTC) - timedelta(days=181), activity.US, "did")
    session.commit()
    stopping, rests = app.extensions["ascriptica"].stopping, []

    def wait(seconds: float) -> None:
        rests.append((seconds, len(all_of(app, LogEntry))))
        if len(rests) == 3:
            stopping.set()

    monkeypatch.setattr(stopping, "wait", wait)
    rounds._again_and_again(app, rounds.forget, process_log.Trouble(rounds.log, "database", "The database", ""))
    stopping.clear()
    assert rests == [(3600, 0)] * 3


@pytest.fixture
def end_at_once(app):
    """Run a worker without rounds, which is asked to end before it has begun."""

    def work() -> None:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        try:
            signal.raise_signal(signal.SIGTERM)
            rounds.work(app)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    app.extensions["ascriptica"].rounds = []
    return work


def test_a_worker_that_ends_stores_what_it_has_counted(app, session, end_at_once):
    app.extensions["ascriptica"].canvases.tally.count(metrics.MAILS, 3)
    end_at_once()
    assert metrics.load(session)[metrics.MAILS,] == 3


def test_a_worker_that_ends_is_forgotten_and_one_that_stands_by_is_not(app, session, end_at_once):
    canvases, seen_at = app.extensions["ascriptica"].canvases, datetime.now(UTC)
    for seconds in (1, 0):
        canvases.tally = metrics.Tally()
        canvases.tally.looked_at = seen_at - timedelta(seconds=seconds)
        rounds.count(app)
    assert metrics.worker_looked_at(session) == seen_at
    end_at_once()
    session.commit()
    assert metrics.worker_looked_at(session) == seen_at - timedelta(seconds=1)


def test_workers_that_were_killed_are_forgotten_after_an_hour(app, session):
    canvases, now = app.extensions["ascriptica"].canvases, datetime.now(UTC)
    tallies = {}
    for minutes in (61, 59, 0, -61):
        tallies[minutes] = canvases.tally = metrics.Tally()
        canvases.tally.looked_at = now - timedelta(minutes=minutes)
        rounds.count(app)
    # As an earlier version has left them.
    metrics.put(session, {(metrics.IN_FLIGHT,): 4, (metrics.WORKER_SEEN,): 1})
    canvases.tally.count(metrics.MAILS, 1)
    rounds.count(app)
    rounds.forget(app)
    kept = {(name, tallies[minutes].worker) for name in (metrics.IN_FLIGHT, metrics.WORKER_SEEN) for minutes in (59, 0)}
    assert metrics.load(session).keys() == kept | {(metrics.MAILS,)}


def test_a_worker_that_has_found_the_database_away_since_it_began_does_not_say_that_it_is_back(tmp_path):
    with in_use(make_app(f"sqlite:///{tmp_path}/away/office.sqlite3")) as app, pytest.raises(OperationalError):
        rounds.count(app)
