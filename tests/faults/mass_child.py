"""`child` with further points at which an import can be cut off, and with time limits that let an import run."""

import sys
from datetime import timedelta
from pathlib import Path

from ascriptica_plugin.canvas.client import CanvasClient
from ascriptica_plugin.shared import pauses
from ascriptica_plugin.sync import sis_imports_after

from . import child


def goes_on() -> None:
    """No import is given up because a process began late, and none begins for people whose own calls are slow."""
    pauses.MASS_STUCK = pauses.MASS_AGAIN = timedelta(minutes=2)


def while_it_runs() -> None:
    CanvasClient.sis_import = child.die


def before_it_is_settled() -> None:
    """Canvas has finished the import, and the roster was read."""
    goes_on()
    sis_imports_after._store = lambda *_, **__: child.die()


if __name__ == "__main__":
    child.POINTS |= {made.__name__: made for made in (goes_on, while_it_runs, before_it_is_settled)}
    child.main(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3])
