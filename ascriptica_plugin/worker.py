"""The worker process: what it does again and again, each in a thread of its own, until it is told to end."""

import logging
import signal
import threading
import time
from collections.abc import Callable

from flask import Flask
from sqlalchemy.exc import InterfaceError, OperationalError

from . import drain, imports, jobs, mail, privacy, sign_ins
from .log import forget_old
from .models import begin_writing

PAUSE_SECONDS = 3
STANDBY_SECONDS = 0.5
"""How often we look while another worker is at it, so that we take over within a second of its end."""

FORGET_SECONDS = 3600
END_SECONDS = 9
"""How long a worker that was told to end waits for its drain, which takes a little less to give its lease back."""

log = logging.getLogger(__name__)


def work(app: Flask) -> None:
    """Answer the bell, sweep, take files in, send mails, through any loss of Redis, database or Canvas, until SIGTERM.

    Then it ends within 10 s, whatever hangs: threads that are still at it do not keep it, so the caller has to leave
    without waiting for them.
    """
    plugin = app.extensions["ascriptica"]
    ends = {signal.SIGTERM, signal.SIGINT}
    # Blocked for all threads, so that a signal interrupts nothing; this thread waits for one.
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    rounds = [sweep, take_files_in, forget]
    if app.extensions.get("ascriptica_mail"):
        rounds.append(send_mails)
    database = jobs.Trouble("The database", "The worker waits for it.")
    threads = [threading.Thread(target=_again_and_again, args=(app, once, database), daemon=True) for once in rounds]
    if plugin.bell.url:
        threads.append(threading.Thread(target=jobs.answer_the_bell, args=(app,), daemon=True))
    for thread in threads:
        thread.start()
    signal.sigwait(ends)
    plugin.stopping.set()
    until = time.monotonic() + END_SECONDS
    for thread in threads:
        thread.join(max(0, until - time.monotonic()))


def _again_and_again(app: Flask, once: Callable[[Flask], float], database: jobs.Trouble) -> None:
    """Do it until the process is told to end, whatever becomes of it; `once` answers how many seconds to rest."""
    stopping, last = app.extensions["ascriptica"].stopping, None
    while not stopping.is_set():
        pause = PAUSE_SECONDS
        try:
            with app.app_context():
                pause = once(app)
            database.ended()
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
    while not plugin.stopping.is_set() and imports.go_on(session, drain.utc_now, plugin.stopping.is_set):
        """The next one."""
    return PAUSE_SECONDS


def send_mails(app: Flask) -> float:
    """Send the mails that are due; a mail server that is slow holds up nothing but mails."""
    mail.send_due(app.extensions["sqlalchemy"].session, app.extensions["ascriptica_mail"], drain.utc_now)
    return PAUSE_SECONDS


def forget(app: Flask) -> float:
    """Delete what was kept long enough of the log, of imports and of sign-ins, and what came late of erased people."""
    session, now = app.extensions["sqlalchemy"].session, drain.utc_now()
    begin_writing(session)
    forget_old(session, now, app.extensions["ascriptica"].log_kept)
    imports.forget_old(session, now)
    privacy.forget_leftovers(session, now)
    sign_ins.forget_old(session, now)
    session.commit()
    return FORGET_SECONDS
