"""The drain's lease: only the worker that holds it talks to this Canvas."""

from datetime import datetime

from sqlalchemy import or_, update
from sqlalchemy.orm import Session

from ..shared import pauses
from ..tables.canvas import Connection
from ..tables.columns import change


def take_lease(session: Session, connection_id: int, now: datetime) -> int | None:
    """Take the lease on draining this connection. Returns its term, or None while another worker holds it."""
    statement = (
        update(Connection)
        .where(Connection.id == connection_id)
        .where(
            or_(
                Connection.drain_until_at.is_(None),
                Connection.drain_until_at <= now,
                # Set by a clock that has stepped back since.
                Connection.drain_until_at > now + 2 * pauses.LEASE,
            )
        )
        .values(drain_term=Connection.drain_term + 1, drain_until_at=now + pauses.LEASE)
        .returning(Connection.drain_term)
        .execution_options(synchronize_session=False)
    )
    return session.scalar(statement)


def renew_lease(session: Session, connection_id: int, term: int, now: datetime) -> bool:
    """Extend the lease from `now` on. Returns False if it is not ours any more."""
    return _set_lease(session, connection_id, term, now + pauses.LEASE)


def give_lease_back(session: Session, connection_id: int, term: int) -> None:
    """Let another worker drain at once, unless the lease is not ours any more."""
    _set_lease(session, connection_id, term, None)


def _set_lease(session: Session, connection_id: int, term: int, until: datetime | None) -> bool:
    ours = update(Connection).where(Connection.id == connection_id, Connection.drain_term == term)
    return change(session, ours.values(drain_until_at=until)) == 1
