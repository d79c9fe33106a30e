"""Child processes: started, restarted when they die, and ended with the parent."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import click

from ...shared import pauses

_PR_SET_PDEATHSIG = 1
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


class Stopped(BaseException):
    """This process was asked to end: by Ctrl-C, SIGTERM, or closing the terminal."""


def on_signals(action: Callable[[int, object], None] | signal.Handlers) -> None:
    """Do this when the process is asked to end."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Under nohup, closing the terminal must not end us.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, action)


@dataclass
class Child:
    """A process that we keep running. `process` None: it died, and is restarted at `start_at`."""

    name: str
    command: list[str]
    keep_open: tuple[int, ...]
    ends_last: bool
    process: subprocess.Popen | None = None
    started_at: float = 0.0
    start_at: float = 0.0
    pause: float = 0.0


class Children:
    """The processes that we run, all in `folder`.

    Each leads its own process group, so that Ctrl-C reaches only us, and a dead one leaves no processes behind. If we
    are killed, Linux kills them; elsewhere they have to be ended by hand.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.stopping = False
        self.forking = False
        self._children: list[Child] = []

    def start(self, name: str, command: list[str], *, keep_open: tuple[int, ...] = (), ends_last: bool = False) -> None:
        """Start a process and keep it running. It inherits the open files that `keep_open` names."""
        child = Child(name, command, keep_open, ends_last)
        self._children.append(child)
        self._start(child)

    def wait_for(self, condition: Callable[[], bool], seconds: float | None = None) -> bool:
        """Keep the processes running until the condition holds or time is up. Returns whether it held.

        Raises Stopped if this process is asked to end.
        """
        until = None if seconds is None else time.monotonic() + seconds
        while until is None or time.monotonic() < until:
            # The handler raises nothing while we fork, and Python drops what is raised in a finalizer.
            if self.stopping:
                raise Stopped
            for child in self._children:
                self._look_after(child)
            if condition():
                return True
            time.sleep(pauses.CHILD_LOOK_SECONDS)
        return False

    def end(self) -> None:
        """End all processes, last those that others depend on. Those that are too slow are killed."""
        for last in (False, True):
            ending = [it.process for it in self._children if it.process is not None and it.ends_last == last]
            until = time.monotonic() + pauses.CHILD_END_SECONDS
            for process in ending:
                process.terminate()
            for process in ending:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(max(0, until - time.monotonic()))
                _kill_group(process)

    def _start(self, child: Child) -> None:
        parent = os.getpid()

        def end_with_parent() -> None:
            if _prctl is not None:
                _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
                # The parent may have ended before that.
                if os.getppid() != parent:
                    os._exit(1)

        child.started_at = time.monotonic()
        # The death signal is bound to the thread that forked. There is only this one, so forking is safe too.
        self.forking = True
        try:
            child.process = subprocess.Popen(
                child.command,
                cwd=self.folder,
                env=_environment_of_children(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=child.keep_open,
                process_group=0,
                preexec_fn=end_with_parent,
            )
        finally:
            self.forking = False

    def _look_after(self, child: Child) -> None:
        now = time.monotonic()
        if child.process is None:
            if now >= child.start_at:
                self._start(child)
        elif (code := child.process.poll()) is not None:
            _kill_group(child.process)
            steady = now - child.started_at >= pauses.CHILD_STEADY_SECONDS
            child.pause = 0 if steady else min(2 * child.pause + 1, pauses.CHILD_LONGEST_PAUSE_SECONDS)
            child.process, child.start_at = None, now + child.pause
            how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
            when = f"in {child.pause:.0f} s" if child.pause else "now"
            click.echo(f"{child.name} {how}; it is started again {when}.", err=True)


def _kill_group(process: subprocess.Popen) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _environment_of_children() -> dict[str, str]:
    """Our environment without variables that would change how the programs start."""
    unwanted = ("FLASK_", "GUNICORN_", "WERKZEUG_", "WEB_CONCURRENCY", "RQ_")
    return {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
