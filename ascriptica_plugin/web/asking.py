"""How a page asks Canvas: for three seconds in all, whatever it asks."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from flask import g

from ..canvas.client import CanvasClient
from ..shared import retry
from ..sync import asking
from ..tables.canvas import Connection
from .base import plugin, session


@contextmanager
def ask(connection: Connection) -> Iterator[CanvasClient]:
    """A client for this page's calls. Raises CanvasError, with a sentence, where Canvas can't be asked.

    Commits what was done before; nothing may be done with the session meanwhile.
    """
    if "ascriptica_canvas_until" not in g:
        g.ascriptica_canvas_until = time.monotonic() + retry.PAGE_SECONDS
    with asking.asking(session(), plugin().canvases, connection, g.ascriptica_canvas_until) as client:
        yield client
