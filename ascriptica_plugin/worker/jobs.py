"""The RQ job: makes Canvas agree with whatever is due. A job carries no data; it only says that something is due.

The work itself is in the database, where the sweep in `rounds` finds it without any job. So no seat is lost here.
"""

import logging
from typing import Any, cast

from flask import Flask, current_app
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from .. import signals
from ..shared import clock
from ..sync import drain
from ..tables import isolation

log = logging.getLogger(__name__)


def this_app() -> Flask:
    """The application itself, which other threads can use, unlike Flask's `current_app`."""
    return cast(Any, current_app)._get_current_object()


def sync_enrollments() -> None:
    """The RQ job: deliver everything that is due. It has no arguments, and running it twice does no harm."""
    plugin = current_app.extensions["ascriptica"]
    plugin.bell.take_flag_down()
    try:
        deliver(this_app())
    except (OperationalError, InterfaceError):
        # The sweep has the same problem, logs it, and delivers once it is over.
        return
    except Exception:
        log.exception("Delivering what is due failed; the worker tries again.")
        raise


def deliver(app: Flask) -> bool:
    """Drain what is due, in an application context and a session of its own; False: another worker drains.

    The drain keeps one connection to the database until it ends. A pool that tests each connection before use would
    otherwise test it for every unit of work.
    """
    with app.app_context():
        plugin = app.extensions["ascriptica"]
        engine = app.extensions["sqlalchemy"].engine
        if engine.dialect.name == "postgresql":
            engine = engine.execution_options(isolation_level=isolation.LEVEL)
        with engine.connect() as connection, Session(connection) as session:
            signals.listen(session)
            return drain.drain(session, plugin.canvases, lambda: _has_to_stop(plugin))


def _has_to_stop(plugin: Any) -> bool:
    """Whether the worker has to stop. The drain asks at every turn, so asking is a sign of life."""
    plugin.canvases.tally.looked_at = clock.utc_now()
    return plugin.stopping.is_set()
