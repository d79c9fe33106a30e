"""Erases people while holding the drain's lease, so that no call to Canvas about them is in flight."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session

from ..ledger import lease
from ..office import log_traces, privacy
from ..office.log_traces import LogTraces
from ..shared import clock
from ..tables.canvas import load_settings
from ..tables.office import Participant


def erase_people(
    session: Session, now: Callable[[], datetime] | None = None, stop: Callable[[], bool] = lambda: False
) -> None:
    """Erase the people who wait for it, as far as they can be erased, until `stop()`.

    Owns the session's transactions. The log is searched before the lease is taken, so a drain waits only for one unit
    of work for each person. While another worker drains, nobody is erased.
    """
    connection_id = load_settings(session).connection_id
    to_erase = privacy.to_erase(session, connection_id)
    session.commit()
    if not to_erase:
        return
    now = now or clock.database_clock(session)
    for participant_id in to_erase:
        found = _search_the_log(session, participant_id, stop)
        if found is None or not _erase(session, connection_id, found, now):
            return


def _search_the_log(session: Session, participant_id: int, stop: Callable[[], bool]) -> LogTraces | None:
    of = log_traces.look_for(session, session.get_one(Participant, participant_id))
    at, last = 0, log_traces.last_entry(session)
    while at < last:
        if stop():
            return None
        upto = min(at + log_traces.ENTRIES, last)
        log_traces.take_out(session, of, at, upto)
        at = upto
    of.searched_upto = last
    return of


def _erase(session: Session, connection_id: int | None, of: LogTraces, now: Callable[[], datetime]) -> bool:
    """Returns False while another worker drains."""
    term = lease.take_lease(session, connection_id, now()) if connection_id else 0
    session.commit()
    if term is None:
        return False
    try:
        # What was written since it was searched.
        log_traces.take_out(session, of, of.searched_upto, log_traces.last_entry(session))
        privacy.erase(session, connection_id, of, now())
        session.commit()
    finally:
        session.rollback()
        if connection_id:
            lease.give_lease_back(session, connection_id, term)
        session.commit()
    return True
