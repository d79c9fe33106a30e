"""Calls that pages make to Canvas: from one of two counted places, never longer than a person waits, and in the
metrics."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session

from ..canvas.client import CanvasClient
from ..canvas.errors import CanvasError
from ..ledger import metrics, page_calls
from ..shared import clock, pauses
from ..shared.said import Said
from ..tables.canvas import Connection
from . import keeper
from .checking import TOKEN_UNREADABLE
from .clients import Canvases


class Busy(CanvasError):
    """Other pages are asking Canvas, and nobody gave their place back in time."""


@contextmanager
def counted(session: Session, canvases: Canvases, connection_id: int | None) -> Iterator[None]:
    """Hold one of the places from which pages call Canvas, and store what the process has counted of its calls.

    `connection_id` None: no place is taken, because the call goes to another Canvas than the one in use, or has no
    token. Commits before and rolls back after, so that no transaction is open while Canvas works: nothing else may be
    done with the session meanwhile. Raises Busy if no place is free within a second.
    """
    session.commit()
    holder = _wait_for_place(session, connection_id) if connection_id is not None else None
    try:
        yield
    finally:
        session.rollback()
        if connection_id is not None and holder is not None:
            page_calls.give_back(session, connection_id, holder)
        with metrics.storing(session, canvases.tally):
            session.commit()


def _wait_for_place(session: Session, connection_id: int) -> int:
    until = time.monotonic() + pauses.PLACE_SECONDS
    while True:
        holder = page_calls.take(session, connection_id, clock.utc_now())
        session.commit()
        if holder is not None:
            return holder
        if time.monotonic() >= until:
            raise Busy(Said("busy"))
        time.sleep(pauses.PLACE_AGAIN_SECONDS)


@contextmanager
def asking(session: Session, canvases: Canvases, connection: Connection, until: float) -> Iterator[CanvasClient]:
    """A client with which a page asks this Canvas, until `until` on the monotonic clock. It holds a place: see
    `counted`.

    If another token is stored meanwhile, it uses that one. Raises CanvasError, with a sentence, if Canvas can't be
    asked.
    """
    if keeper.is_due(connection, clock.utc_now()):
        keeper.renew(session, connection, canvases, clock.utc_now)
    client, connection_id = canvases.client(connection), connection.id
    if client is None:
        raise CanvasError(TOKEN_UNREADABLE.sentence)

    def stored() -> CanvasClient | None:
        session.refresh(connection)
        found = canvases.client(connection)
        session.commit()
        return found

    with counted(session, canvases, connection_id):
        yield client.within(until - time.monotonic(), stored)
