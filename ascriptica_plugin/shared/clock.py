"""The time. Code that needs it takes it, or `clock.utc_now`, as an argument, so that a test can set it."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
"""What is due since then is due at once, no matter what the clocks of different processes show."""


def utc_now() -> datetime:
    """The time now, with the zone UTC."""
    return datetime.now(UTC)


def database_clock(session: Session) -> Callable[[], datetime]:
    """The database's clock, which workers on several machines share. If this machine's clock is put forward or back,
    this one doesn't change.

    On SQLite it starts from this machine's time. On PostgreSQL it commits the session.
    """
    began = time.monotonic()
    if session.connection().dialect.name == "sqlite":
        then = utc_now()
    else:
        then = session.scalars(select(func.clock_timestamp())).one()
        session.commit()
    return lambda: then + timedelta(seconds=time.monotonic() - began)
