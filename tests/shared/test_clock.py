"""The database's clock, which a step of this machine's clock doesn't move."""

from datetime import UTC, datetime, timedelta

from ascriptica_plugin.shared import clock


def test_the_database_s_clock_runs_on_while_this_machine_s_steps_back(app, monkeypatch):
    session = app.extensions["sqlalchemy"].session
    now = clock.database_clock(session)
    first = now()
    assert abs(first - datetime.now(UTC)) < timedelta(minutes=1)
    monkeypatch.setattr(clock, "utc_now", lambda: datetime(2001, 1, 1, tzinfo=UTC))
    assert timedelta() <= now() - first < timedelta(minutes=1)
