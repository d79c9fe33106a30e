"""The time. Whatever needs it takes it, or `clock.utc_now`, as an argument, so that a test can set it."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session


def utc_now() -> datetime:
    """The time now; whatever needs it takes it, or this function, as an argument."""
    return datetime.now(UTC)


def database_clock(session: Session) -> Callable[[], datetime]:
    """The time as the database has it, the one clock that workers on several machines share; no step of this
    machine's clock moves it."""
    began = time.monotonic()
    if session.connection().dialect.name == "sqlite":
        then = utc_now()
    else:
        then = session.scalars(select(func.clock_timestamp())).one()
        session.commit()
    return lambda: then + timedelta(seconds=time.monotonic() - began)
