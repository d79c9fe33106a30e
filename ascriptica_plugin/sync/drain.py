"""Drains a connection: works through what is due, with several calls in flight, while no other worker does."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Engine
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from .. import signals
from ..ledger import due, lease
from ..shared import clock, pauses
from ..shared.said import Said
from ..tables import isolation
from ..tables.canvas import Connection, load_settings
from . import connecting, keeper, small_tasks
from .changes import Changes
from .clients import Canvases
from .run import Run


@contextmanager
def session_of_its_own(engine: Engine) -> Iterator[Session]:
    """A session for drains, which keeps one connection to the database until it ends.

    A pool that tests each connection before use would otherwise test it for every unit of work.
    """
    if engine.dialect.name == "postgresql":
        engine = engine.execution_options(isolation_level=isolation.LEVEL)
    with engine.connect() as connection, Session(connection) as session:
        signals.listen(session)
        yield session


def drain(
    session: Session,
    canvases: Canvases,
    stop: Callable[[], bool] = lambda: False,
    now: Callable[[], datetime] | None = None,
) -> bool:
    """Deliver what is due on the connection in use until nothing is due or `stop()`. False: another worker does it.

    Owns the session's transactions. A failure of one seat is stored on that seat; a failure of Canvas or the token
    puts the connection on hold, and counts as no seat's attempt. Database errors are raised. `now` is the database's
    clock unless given.
    """
    now = now or clock.database_clock(session)
    settings = load_settings(session)
    connecting.check_draft(session, settings, canvases, now())
    while not stop():
        session.refresh(settings)
        connection = settings.connection
        if connection is None or not settings.display_canvas:
            break
        keeper.keep(session, connection, canvases, now)
        if not _anything_to_do(session, connection, now(), canvases.mass_seats):
            break
        term = lease.take_lease(session, connection.id, now())
        session.commit()
        if term is None:
            return False
        connection_id = connection.id
        run = Run(session, settings, connection, canvases, term, stop, now)
        try:
            run.run()
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            # This ends every drain, so `status` and the pages have to show it. The next drain begins with a probe.
            session.rollback()
            run.outage.hold("our_fault", Said("unforeseen", name=type(error).__name__))
            raise
        finally:
            session.rollback()
            lease.give_lease_back(session, connection_id, term)
            session.commit()
        if run.lost:
            return False
        if not run.did_something:
            # What is left is locked by somebody; the next drain tries again.
            break
        # Look once more: a job that came just before we gave the lease back found it taken, and ended.
    session.rollback()
    return True


def _anything_to_do(session: Session, connection: Connection, now: datetime, mass_seats: int) -> bool:
    session.refresh(connection)
    if connection.hold_cause == "key_refused" and connection.refresh_token is None:
        # Only a new approval helps.
        return False
    if connection.hold_cause:
        # A time later than any hold lasts was set by a clock that has stepped back since.
        until = connection.hold_until_at
        return until is None or not now < until < now + 2 * pauses.LONGEST_BACK_OFF
    without_courses = Changes(session, connection.id).at_rest(now)
    return due.anything_due(session, connection.id, now, without_courses) or small_tasks.anything_to_do(
        session, connection.id, now, mass_seats
    )
