"""How a page asks Canvas: for two and a half seconds in all, no matter what it asks."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from flask import g

from ..canvas.client import CanvasClient
from ..shared import pauses
from ..sync import page_calls
from ..tables.canvas import Connection
from .base import plugin, session


@contextmanager
def ask(connection: Connection) -> Iterator[CanvasClient]:
    """A client for this page's calls. Raises CanvasError, with a sentence, if Canvas can't be asked.

    Commits what was done before. The session must not be used meanwhile.
    """
    if "ascriptica_canvas_until" not in g:
        g.ascriptica_canvas_until = time.monotonic() + pauses.PAGE_SECONDS
    with page_calls.asking(session(), plugin().canvases, connection, g.ascriptica_canvas_until) as client:
        yield client
