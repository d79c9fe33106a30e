"""The RQ job: makes Canvas agree with everything that is due. A job carries no data; it only says that something is
due.

The work itself is in the database, where the sweep in `rounds` finds it without any job. So no seat is lost here.
"""

import logging
from typing import Any, cast

from flask import Flask, current_app
from sqlalchemy.exc import InterfaceError, OperationalError

from ..shared import clock
from ..sync import drain

log = logging.getLogger(__name__)


def sync_enrollments() -> None:
    """The RQ job: deliver everything that is due. It has no arguments, and running it twice does no harm."""
    plugin = current_app.extensions["ascriptica"]
    plugin.bell.take_flag_down()
    try:
        deliver(cast(Any, current_app)._get_current_object())
    except (OperationalError, InterfaceError):
        # The sweep has the same problem, logs it, and delivers once the problem is gone.
        return
    except Exception:
        log.exception("Delivering what is due failed; the worker tries again.")
        raise


def deliver(app: Flask) -> bool:
    """Drain what is due, in an application context of its own. Returns False if another worker drains."""
    with app.app_context():
        plugin = app.extensions["ascriptica"]
        with drain.session_of_its_own(app.extensions["sqlalchemy"].engine) as session:
            return drain.drain(session, plugin.canvases, lambda: _has_to_stop(plugin))


def _has_to_stop(plugin: Any) -> bool:
    """Whether the worker has to stop. The drain asks at every turn, so asking is a sign of life."""
    plugin.canvases.tally.looked_at = clock.utc_now()
    return plugin.stopping.is_set()
