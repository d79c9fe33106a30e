"""Begins the walks of seats whose turn has come."""

from collections.abc import Collection
from datetime import datetime

from ..ledger import requests, settling
from ..ledger.loading import load
from ..ledger.work import Work
from ..shared import pauses
from . import walks
from .tasks import Context, SeatTask


def start(context: Context, seat_ids: list[int], being_read: Collection[int]) -> tuple[list[SeatTask], list[int]]:
    """Begin the walks of these seats, each of another person; some need no call. Never commits.

    Returns them, and the seats that wait for the first read of their Canvas course, if that is `being_read` now.
    """
    works = load(context.session, seat_ids) if seat_ids else []
    if not works:
        return [], []
    out = requests.out_about(context.session, context.connection_id, works)
    started: list[SeatTask] = []
    aside: list[int] = []
    for work in works:
        if work.wanted and work.canvas_course_id in being_read and _awaits_first_read(context, work):
            aside.append(work.seat_id)
        elif work.import_at is not None:
            settling.put_off(context.session, work, max(work.import_at, context.now() + pauses.PUT_OFF))
        elif (until := _waits_until(context, work, out)) is not None:
            settling.put_off(context.session, work, until)
        else:
            task = SeatTask(walks.agree(context, work), work=work)
            task.go_on()
            started.append(task)
            if task.call is not None:
                out |= dict.fromkeys(work.names, work.participant_id)
    return started, aside


def _awaits_first_read(context: Context, work: Work) -> bool:
    """Whether to wait a moment for the first read of the Canvas course, which may show that the person is there
    already."""
    return work.unread_since is not None and work.unread_since > context.now() - pauses.FIRST_READ


def _waits_until(context: Context, work: Work, out: dict[int | str, int | None]) -> datetime | None:
    """Until when nothing may be sent about the person, because something about them is out; None: it may."""
    if work.request is not None and not work.may_send():
        return work.request.until_at
    # The result of a request is looked up first; the request is not repeated any more.
    is_over = work.request is not None and work.request.until_at <= context.now()
    if is_over or any(out.get(name, work.participant_id) != work.participant_id for name in work.names):
        return context.now() + pauses.PUT_OFF
    return None
