"""Erases people while holding the drain's lease, so that no call to Canvas about them is in flight."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session

from .. import clock
from ..ledger import lease
from ..office import privacy
from ..tables.canvas import load_settings


def erase_people(session: Session, now: Callable[[], datetime] | None = None) -> None:
    """Erase the people who wait for it, as far as they can be erased, unless another worker drains.

    Owns the session's transactions. Call it after a drain, so that nobody's access to Canvas waits for it.
    """
    now = now or clock.database_clock(session)
    connection_id = load_settings(session).connection_id
    if privacy.to_erase(session, connection_id):
        term = lease.take_lease(session, connection_id, now()) if connection_id else 0
        session.commit()
        if term is None:
            return
        try:
            privacy.erase(session, connection_id, now())
            session.commit()
        finally:
            session.rollback()
            if connection_id:
                lease.give_lease_back(session, connection_id, term)
    session.commit()
