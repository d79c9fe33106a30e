"""What the worker does again and again."""

from datetime import UTC, datetime, timedelta

from ascriptica_plugin.ledger import activity
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
