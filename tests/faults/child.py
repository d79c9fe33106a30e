"""`flask ascriptica worker` with a clock that can be set, and a point at which it kills itself.

    python -m tests.faults.child CLOCK_FILE SPEED [POINT]

CLOCK_FILE holds the seconds by which this machine's clock is off. All that the worker waits for is SPEED times shorter
than in real life. The process dies by SIGKILL the first time that it
comes to POINT while it has work to do: nothing is tidied up, as if somebody had pulled the plug.
"""

import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.orm import Session

from ascriptica_plugin.canvas.client import CanvasClient
from ascriptica_plugin.canvas.oauth import OAuth
from ascriptica_plugin.ledger import lease, settling
from ascriptica_plugin.shared import clock, pauses

HURRIED = {
    pauses: (
        "LEASE",
        "FIRST_BACK_OFF",
        "LATE",
        "LOOK_AGAIN",
        "RENEW_SECONDS",
        "GROW_SECONDS",
        "SHUTDOWN_SECONDS",
        "PUT_OFF",
        "PAUSE_SECONDS",
        "MASS_BLOCKS",
    ),
}


def main(clock_file: Path, speed: float, point: str | None) -> None:
    def now() -> datetime:
        text = clock_file.read_text() if clock_file.exists() else ""
        return datetime.now(UTC) + timedelta(seconds=float(text or 0))

    clock.utc_now = now
    for module, names in HURRIED.items():
        for name in names:
            setattr(module, name, getattr(module, name) / speed)
    # Several imports fail in one run, and the next is to be tried all the same.
    pauses.MASS_AGAIN, pauses.MASS_STUCK = timedelta(seconds=1), timedelta(seconds=30) / speed
    known = CanvasClient.__init__.__kwdefaults__
    known |= {name: known[name] / speed for name in ("timeout_seconds", "deadline_seconds")}
    if point:
        POINTS[point]()
    import wsgi

    # A file beside its clock file says that it has begun.
    clock_file.with_name(f"began-{os.getpid()}").touch()
    wsgi.app.cli.main(args=["ascriptica", "worker"], prog_name="flask")


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def before_the_lease() -> None:
    lease.take_lease = die


def after_the_lease() -> None:
    take = lease.take_lease

    def taken(session: Session, *args):
        if (term := take(session, *args)) is not None:
            event.listen(session, "after_commit", die)
        return term

    lease.take_lease = taken


def after_canvas_answered() -> None:
    """The enrollment is made or ended in Canvas, and nothing of the answer is stored."""
    for name in ("enroll", "unenroll"):
        setattr(CanvasClient, name, _and_die(getattr(CanvasClient, name)))


def _and_die(call: Callable) -> Callable:
    def fatal(*args, **how):
        call(*args, **how)
        die()

    return fatal


def after_a_user_was_created() -> None:
    CanvasClient.create_user = _and_die(CanvasClient.create_user)


def before_an_import_was_sent() -> None:
    CanvasClient.start_import = die


def after_canvas_took_an_import() -> None:
    CanvasClient.start_import = _and_die(CanvasClient.start_import)


def after_an_import_was_looked_at() -> None:
    CanvasClient.sis_import = _and_die(CanvasClient.sis_import)


def before_a_refresh() -> None:
    OAuth.refresh = die


def after_a_refresh() -> None:
    """Canvas has killed the access token that is stored, and nobody knows the new one."""
    OAuth.refresh = _and_die(OAuth.refresh)


def before_the_commit() -> None:
    settling.settle = _and_die(settling.settle)


def after_the_commit() -> None:
    settle = settling.settle

    def settled(session: Session, *args):
        event.listen(session, "after_commit", die)
        return settle(session, *args)

    settling.settle = settled


POINTS: dict[str, Callable[[], None]] = {
    made.__name__: made
    for made in (
        before_the_lease,
        after_the_lease,
        after_canvas_answered,
        after_a_user_was_created,
        before_an_import_was_sent,
        after_canvas_took_an_import,
        after_an_import_was_looked_at,
        before_a_refresh,
        after_a_refresh,
        before_the_commit,
        after_the_commit,
    )
}

if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None)
