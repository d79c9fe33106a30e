"""The worker process: repeats its rounds, each in a thread of its own, until it is asked to stop."""

import logging
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from flask import Flask
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError

from .. import mail
from ..ledger import metrics
from ..ledger.activity import forget_old
from ..office import allowances, erasing, mails_to_administrators, mails_to_participants, odd_matches, previews
from ..office.imports import uploads
from ..shared import clock, pauses, process_log
from ..shared.process_log import about
from ..sync import following
from ..tables import isolation
from ..tables.columns import begin_writing
from . import jobs, redis_listener, systemd

log = logging.getLogger(__name__)

Round = Callable[[Flask], float]
"""What the worker repeats, in an application context. Returns the seconds until the next time."""


def work(app: Flask) -> None:
    """Run the bell's jobs, sweep, import files and send mails until SIGTERM, even while Redis, the database or Canvas
    is away.

    Then returns within 10 s, even if something hangs. Threads may still be running, so the caller has to exit without
    waiting for them.
    """
    plugin = app.extensions["ascriptica"]
    ends = {signal.SIGTERM, signal.SIGINT}
    # Blocked for all threads, so that a signal interrupts nothing; this thread waits for one.
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    database = process_log.Trouble(log, "database", "The database", "The worker waits for it.")
    threads = [
        threading.Thread(target=_again_and_again, args=(app, once, database), daemon=True) for once in plugin.rounds
    ]
    if plugin.bell.url:
        threads.append(threading.Thread(target=redis_listener.answer_the_bell, args=(app,), daemon=True))
    for thread in threads:
        thread.start()
    systemd.notify("READY=1")
    _wait_for(ends, plugin.canvases.tally)
    systemd.notify("STOPPING=1")
    plugin.stopping.set()
    until = time.monotonic() + pauses.END_SECONDS
    for thread in threads:
        thread.join(max(0, until - time.monotonic()))
    with suppress(SQLAlchemyError), app.app_context():
        session = app.extensions["sqlalchemy"].session
        isolation.begin_ours(session)
        with metrics.storing(session, plugin.canvases.tally):
            metrics.forget_worker(session, plugin.canvases.tally)
            session.commit()


def _wait_for(ends: set[signal.Signals], tally: metrics.Tally) -> None:
    """Wait for one of these signals. Meanwhile, report to systemd that the worker is alive, as long as it is.

    A worker that finds the database away again and again is alive; one whose drain hangs is not.
    """
    asks = systemd.watchdog_seconds()
    if asks is None:
        signal.sigwait(ends)
        return
    started_at = clock.utc_now()
    while signal.sigtimedwait(ends, asks / 2) is None:
        signs = (at for at in (tally.looked_at, tally.database_away_at) if at is not None)
        heard_at = max(signs, default=started_at)
        if clock.utc_now() - heard_at < pauses.ALIVE:
            systemd.notify("WATCHDOG=1")


def _again_and_again(app: Flask, once: Round, database: process_log.Trouble) -> None:
    """Repeat `once` until the process is asked to stop, even if it fails; it returns the seconds to pause."""
    stopping, last = app.extensions["ascriptica"].stopping, None
    while not stopping.is_set():
        pause: float = pauses.PAUSE_SECONDS
        began_at = time.monotonic()
        try:
            with app.app_context():
                isolation.begin_ours(app.extensions["sqlalchemy"].session)
                pause = once(app)
            database.ended(began_at)
            if last:
                log.info("The worker's %s works again.", once.__name__, extra=about(round=once.__name__))
            last = None
        except (OperationalError, InterfaceError) as error:
            database.began(error)
        except Exception as error:
            # The same kind of error is logged once, not every few seconds.
            if type(error) is not type(last):
                its = about(round=once.__name__)
                log.exception("The worker's %s failed; it keeps trying.", once.__name__, extra=its)
            last = error
        stopping.wait(pause)


# -- the rounds: each runs in an application context and returns the seconds to pause ---------------------------------


def sweep(app: Flask) -> float:
    """Deliver due seats, whether or not the bell rang."""
    try:
        return pauses.PAUSE_SECONDS if jobs.deliver(app) else pauses.STANDBY_SECONDS
    except (OperationalError, InterfaceError):
        app.extensions["ascriptica"].canvases.tally.database_away_at = clock.utc_now()
        raise


def count(app: Flask) -> float:
    """Store what this process has counted, when it last looked for work, and how many of its calls are under way."""
    session, tally = app.extensions["sqlalchemy"].session, app.extensions["ascriptica"].canvases.tally
    with metrics.storing(session, tally):
        metrics.store_worker(session, tally)
        session.commit()
    return pauses.COUNT_SECONDS


def take_files_in(app: Flask) -> float:
    """Import uploaded files until each is done. It has a thread of its own, so that no seat waits for a long file."""
    plugin, session = app.extensions["ascriptica"], app.extensions["sqlalchemy"].session
    while not plugin.stopping.is_set() and uploads.go_on(
        session, clock.utc_now, plugin.stopping.is_set, brake=plugin.brake, timezone=plugin.timezone
    ):
        pass
    return pauses.PAUSE_SECONDS


def send_mails(app: Flask) -> float:
    """Note who can enter their Canvas courses, queue mails about what is new, and send the mails that are due.

    It has a thread of its own, so that a slow mail server delays only mails.
    """
    plugin = app.extensions["ascriptica"]
    session = app.extensions["sqlalchemy"].session
    mails_to_participants.note_who_is_in(session, clock.utc_now(), by_mail=plugin.mailer is not None)
    if plugin.mailer is None:
        return pauses.PAUSE_SECONDS
    mails_to_administrators.look(session, clock.utc_now())
    sent = mail.send_due(session, plugin.mailer, clock.utc_now)
    plugin.canvases.tally.count(metrics.MAILS, sent)
    return pauses.PAUSE_SECONDS


def erase(app: Flask) -> float:
    """Erase the people who wait to be erased. It has a thread of its own, so that no seat waits while the log is
    searched."""
    plugin, session = app.extensions["ascriptica"], app.extensions["sqlalchemy"].session
    erasing.erase_people(session, stop=plugin.stopping.is_set)
    return pauses.PAUSE_SECONDS


def forget(app: Flask) -> float:
    """Delete old entries of the activity log, old imports, allowances, previews, mails that nobody sends, workers that
    were killed, and leftovers of erased people."""
    session, now = app.extensions["sqlalchemy"].session, clock.utc_now()
    begin_writing(session)
    forget_old(session, now, app.extensions["ascriptica"].log_kept)
    uploads.forget_old(session, now)
    allowances.forget_old(session, now)
    previews.forget_old(session, now)
    if app.extensions["ascriptica"].mailer is None:
        mail.forget_unsent(session, now)
    metrics.forget_lost_workers(session, now)
    session.commit()
    erasing.forget_leftovers(session, now)
    return pauses.FORGET_SECONDS


def compare_names(app: Flask) -> float:
    """Find the people whose Canvas user has another name, and those whose Canvas user has to follow a correction."""
    session = app.extensions["sqlalchemy"].session
    begin_writing(session)
    compared = odd_matches.compare(session)
    session.commit()
    begin_writing(session)
    found = following.find(session)
    session.commit()
    is_all = compared < odd_matches.AT_ONCE and found < following.FOUND
    return pauses.COMPARE_SECONDS if is_all else pauses.PAUSE_SECONDS


ROUNDS = (sweep, count, take_files_in, send_mails, compare_names, erase, forget)
