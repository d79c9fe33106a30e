"""Puts all calls to a Canvas on hold, and allows them again."""

import logging
from datetime import datetime

from sqlalchemy.orm import Session

from ..ledger import reads
from ..ledger.causes import CAUSES
from ..shared import pauses
from ..shared.language import SOURCE, in_language
from ..shared.process_log import about, unnamed
from ..shared.said import Said
from ..tables.canvas import Connection
from .access_signals import announce_hold

log = logging.getLogger(__name__)


def put_on_hold(session: Session, connection: Connection, cause: str, detail: str, now: datetime) -> None:
    """Make all calls wait for the cause, a little longer each time it is found again."""
    if connection.hold_cause != cause:
        connection.hold_since_at, connection.hold_tries = now, 0
        with in_language(SOURCE):
            why = unnamed(Said.of(detail).again())
            its = about(connection=connection.id, cause=cause, reason=why)
            log.warning("All Canvas calls wait: %s. %s", CAUSES[cause].title, why, extra=its)
        announce_hold(session, cause)
    connection.hold_cause, connection.hold_detail = cause, detail
    connection.hold_until_at = now + pauses.hold_pause(cause, connection.hold_tries)
    connection.hold_tries += 1


def lift_hold(session: Session, connection: Connection, now: datetime) -> None:
    """Allow calls again. After a long hold every Canvas course in use is owed a read."""
    since = connection.hold_since_at
    connection.hold_cause = connection.hold_detail = connection.hold_since_at = connection.hold_until_at = None
    connection.hold_tries = 0
    if since is not None and now - since > pauses.LONG_OUTAGE:
        # Much may have changed in Canvas meanwhile, or it was restored.
        reads.owe_everything(session, connection.id, now, in_use=True)
