"""`child` with the points at which an import can be cut off, and with its pauses shortened as well."""

import sys
from pathlib import Path

from ascriptica_plugin import retry
from ascriptica_plugin.canvas.client import CanvasClient
from ascriptica_plugin.sync import mass_after

from . import child


def before_it_is_sent() -> None:
    """It is written down, and never leaves."""
    CanvasClient.start_import = child.die


def before_its_answer() -> None:
    """Canvas has it, and nothing of the answer is stored."""
    CanvasClient.start_import = child._and_die(CanvasClient.start_import)


def while_it_runs() -> None:
    CanvasClient.sis_import = child.die


def before_it_is_settled() -> None:
    """Canvas is through with it, and the roster was read."""
    mass_after._store = child.die


if __name__ == "__main__":
    child.HURRIED[retry] += ("MASS_BLOCKS",)
    child.POINTS |= {made.__name__: made for made in (before_it_is_sent, before_its_answer, while_it_runs)}
    child.POINTS[before_it_is_settled.__name__] = before_it_is_settled
    child.main(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None)
