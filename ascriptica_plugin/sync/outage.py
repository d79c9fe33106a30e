"""Finds out whether all of Canvas fails. Tasks that failed that way are put aside until one harmless call decides.

While Canvas or the token fails, the whole connection is on hold, and no seat's attempt is counted. If Canvas can be
read but takes no changes, the connection is on hold too, and one of the changes is the call that decides.
"""

import logging
from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session

from ..canvas.errors import CanvasError, TokenRefused
from ..ledger import due
from ..shared.process_log import about
from ..tables.canvas import Connection
from ..tables.columns import begin_writing
from . import failures, holding
from .tasks import Probe, Task

log = logging.getLogger(__name__)

NO_CHANGES = "takes_no_changes"


class Outage:
    """Whether one connection is on hold, and for what `cause`."""

    def __init__(self, session: Session, connection: Connection, now: Callable[[], datetime]):
        self.session, self.connection_id, self.now = session, connection.id, now
        self.cause = connection.hold_cause
        self._suspects: list[Task] = []

    @property
    def on_hold(self) -> bool:
        """Whether all calls wait."""
        return self.cause is not None and not self.takes_no_changes

    @property
    def takes_no_changes(self) -> bool:
        """Whether Canvas may be read, while all changes but one wait."""
        return self.cause == NO_CHANGES

    @property
    def is_undecided(self) -> bool:
        """Whether a probe still has to find out if all of Canvas fails."""
        return self.on_hold or bool(self._suspects)

    def suspect(self, task: Task) -> Probe | None:
        """Put the task aside until a probe decides. Returns the probe to send, None if one is in flight."""
        self._suspects.append(task)
        return Probe() if len(self._suspects) == 1 else None

    def judge(self, error: BaseException | None) -> list[Task]:
        """Put the connection on hold or release it, depending on the probe's answer.

        Returns the tasks that were put aside. Raises the probe's error if it has nothing to do with Canvas.
        """
        if error is not None and not isinstance(error, CanvasError):
            raise error
        if error is not None:
            self.hold_for(error)
        elif self.on_hold:
            self.let_go()
        suspects, self._suspects = self._suspects, []
        return suspects

    def hold_for(self, error: CanvasError) -> None:
        """Make all calls wait, for what the probe failed with."""
        connection = self._connection()
        if connection.hold_cause == "key_refused" and isinstance(error, TokenRefused):
            # The reason why Canvas gives no more tokens says more than that it refuses the last one.
            self.hold("key_refused", connection.hold_detail or "")
        else:
            self.hold(failures.of_connection(error, connection), error.said)

    def hold(self, cause: str, detail: str) -> None:
        """Make all calls of the connection wait; commits."""
        begin_writing(self.session)
        holding.put_on_hold(self.session, self._connection(), cause, detail, self.now())
        self.session.commit()
        self.cause = cause

    def let_go(self) -> None:
        """End the hold: nothing waits any more. Commits."""
        begin_writing(self.session)
        holding.lift_hold(self.session, self._connection(), self.now())
        self.session.commit()
        self.cause = None
        log.info("Canvas answers again; what waited is being sent.", extra=about(connection=self.connection_id))

    def end_undecided(self) -> None:
        """No change could be sent, so nobody knows whether Canvas takes one: keep waiting if one may be sent later."""
        if due.anything_put_off(self.session, self.connection_id):
            self.hold(NO_CHANGES, self._connection().hold_detail or "")
        else:
            self.let_go()

    def _connection(self) -> Connection:
        return self.session.get_one(Connection, self.connection_id, populate_existing=True)
