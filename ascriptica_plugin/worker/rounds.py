"""The worker process: what it does again and again, each in a thread of its own, until it is told to end."""

import logging
import signal
import threading
import time
from collections.abc import Callable

from flask import Flask
from sqlalchemy.exc import InterfaceError, OperationalError

from .. import allowances, clock, mail, process_log
from ..activity import forget_old
from ..office import privacy
from ..office.imports import run
from ..tables.columns import begin_writing
from . import jobs

PAUSE_SECONDS = 3
STANDBY_SECONDS = 0.5
"""How often we look while another worker is at it, so that we take over within a second of its end."""

FORGET_SECONDS = 3600
END_SECONDS = 9
"""How long a worker that was told to end waits for its drain, which takes a little less to give its lease back."""

log = logging.getLogger(__name__)

Round = Callable[[Flask], float]
"""Done again and again, in an application context; answers how many seconds to rest."""


def work(app: Flask) -> None:
    """Answer the bell, sweep, take files in, send mails, through any loss of Redis, database or Canvas, until SIGTERM.

    Then it ends within 10 s, whatever hangs: threads that are still at it do not keep it, so the caller has to leave
    without waiting for them.
    """
    plugin = app.extensions["ascriptica"]
    ends = {signal.SIGTERM, signal.SIGINT}
    # Blocked for all threads, so that a signal interrupts nothing; this thread waits for one.
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    database = process_log.Trouble("The database", "The worker waits for it.")
    threads = [
        threading.Thread(target=_again_and_again, args=(app, once, database), daemon=True) for once in plugin.rounds
    ]
    if plugin.bell.url:
        threads.append(threading.Thread(target=jobs.answer_the_bell, args=(app,), daemon=True))
    for thread in threads:
        thread.start()
    signal.sigwait(ends)
    plugin.stopping.set()
    until = time.monotonic() + END_SECONDS
    for thread in threads:
        thread.join(max(0, until - time.monotonic()))


def _again_and_again(app: Flask, once: Round, database: process_log.Trouble) -> None:
    """Do it until the process is told to end, whatever becomes of it; `once` answers how many seconds to rest."""
    stopping, last = app.extensions["ascriptica"].stopping, None
    while not stopping.is_set():
        pause: float = PAUSE_SECONDS
        began_at = time.monotonic()
        try:
            with app.app_context():
                pause = once(app)
            database.ended(began_at)
            if last:
                log.info("The worker's %s works again.", once.__name__)
            last = None
        except (OperationalError, InterfaceError) as error:
            database.began(error)
        except Exception as error:
            # The same trouble is told once, not every few seconds.
            if type(error) is not type(last):
                log.exception("The worker's %s failed; it keeps trying.", once.__name__)
            last = error
        stopping.wait(pause)


# -- what is done again and again: in an application context; each answers how many seconds to rest -------------------


def sweep(app: Flask) -> float:
    """Look for due seats, whether or not the bell rang."""
    return PAUSE_SECONDS if jobs.deliver(app) else STANDBY_SECONDS


def take_files_in(app: Flask) -> float:
    """Go on with uploaded files until each is through. A long one must not keep a seat waiting."""
    plugin, session = app.extensions["ascriptica"], app.extensions["sqlalchemy"].session
    while not plugin.stopping.is_set() and run.go_on(session, clock.utc_now, plugin.stopping.is_set):
        """The next one."""
    return PAUSE_SECONDS


def send_mails(app: Flask) -> float:
    """Send the mails that are due; a mail server that is slow holds up nothing but mails."""
    plugin = app.extensions["ascriptica"]
    if plugin.mailer is None:
        return FORGET_SECONDS
    mail.send_due(app.extensions["sqlalchemy"].session, plugin.mailer, clock.utc_now)
    return PAUSE_SECONDS


def forget(app: Flask) -> float:
    """Delete what was kept long enough of the log and of imports, and what came late of erased people."""
    session, now = app.extensions["sqlalchemy"].session, clock.utc_now()
    begin_writing(session)
    forget_old(session, now, app.extensions["ascriptica"].log_kept)
    run.forget_old(session, now)
    privacy.forget_leftovers(session, now)
    allowances.forget_old(session, now)
    session.commit()
    return FORGET_SECONDS


ROUNDS = (sweep, take_files_in, send_mails, forget)
