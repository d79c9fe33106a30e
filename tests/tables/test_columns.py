"""How the database is spoken to."""

from sqlalchemy import text

from ..office_at_work import in_use, make_app


def test_writers_on_sqlite_wait_for_each_other(sqlite_url):
    with in_use(make_app(sqlite_url)) as app, app.extensions["sqlalchemy"].engine.connect() as connection:
        assert connection.scalar(text("PRAGMA busy_timeout")) == 30_000
