"""What a kind of fault is. Each breaks something, lasts so many seconds, and leaves everything as it found it."""

import random
import signal
import time
from collections.abc import Callable

from ...processes import Process
from ..stage import Stage

Kind = Callable[[Stage, random.Random, float], None]


class NotShown(Exception):
    """The fault found nothing to happen to, such as a worker that came to no point to die at."""


class Kinds(dict[str, Kind]):
    """Kinds by name; called as a decorator, it adds one under the function's name."""

    def __call__(self, made: Kind) -> Kind:
        self[made.__name__.replace("_", " ")] = made
        return made


def killed(process: Process, seconds: float) -> None:
    process.end(signal.SIGKILL)
    time.sleep(seconds)
    process.start()


def frozen(process: Process, seconds: float) -> None:
    process.send(signal.SIGSTOP)
    time.sleep(seconds)
    process.send(signal.SIGCONT)
