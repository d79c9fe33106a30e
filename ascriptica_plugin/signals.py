"""Signals for a host's own code: what happened to registrations and to access in Canvas.

    from ascriptica_plugin import signals

    @signals.registered.connect
    def welcome(app, *, key, email, course, status, **more):
        ...

They are sent after the commit, in the process that made it: in web processes and in the worker. The sender is the
application. A receiver may use the host's session, which has no transaction open. If one raises, that is logged, and
the others are still called. `key` is the host's key of the person, None for somebody whom the office entered. More
values may be added later, so take `**more`.
"""

import logging
from typing import Any, NamedTuple, cast

from blinker import NamedSignal, Namespace
from flask import current_app
from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction, scoped_session

log = logging.getLogger(__name__)

_ours = Namespace()

registered = _ours.signal(
    "ascriptica-registered",
    "Somebody registered, or joined the waitlist: `key`, `email`, `course` (our code), `registration_id`, `status` "
    "(`registered` or `waitlisted`).",
)
withdrawn = _ours.signal(
    "ascriptica-withdrawn",
    "Somebody withdrew, was withdrawn, or left the waitlist: `key`, `email`, `course`, `registration_id`.",
)
moved_up = _ours.signal(
    "ascriptica-moved-up", "Somebody on the waitlist got a place: `key`, `email`, `course`, `registration_id`."
)
access_changed = _ours.signal(
    "ascriptica-access-changed",
    "Somebody's access to a Canvas course has changed: `key`, `email`, `courses` (our codes), "
    "`canvas_course_id`, and `access`: `enrolled`, `removed`, or `waiting` with its `cause` (else None).",
)
attention_needed = _ours.signal(
    "ascriptica-attention-needed",
    "Something waits for an administrator: `cause`, `scope` (what it is about, may be empty), `people`: how many more "
    "wait for it; None if all calls to Canvas wait.",
)
result_changed = _ours.signal(
    "ascriptica-result-changed",
    "Canvas has another result for somebody: `key`, `email`, `course`, `registration_id`.",
)

_NOTES, _READY = "ascriptica_signals", "ascriptica_signals_ready"


class _Note(NamedTuple):
    """A signal to be sent, and the savepoints that it was noted in."""

    signal: NamedSignal
    what: dict[str, Any]
    savepoints: list[SessionTransaction]


def is_awaited(*signals: NamedSignal) -> bool:
    """Whether one of the signals has a receiver. If not, there is no need to look up what they would say."""
    return any(one.receivers for one in signals)


def later(session: Session | scoped_session[Session], signal: NamedSignal, **what: Any) -> None:
    """Send the signal once the session's transaction is committed, and never if it is rolled back."""
    if signal.receivers:
        session = session() if isinstance(session, scoped_session) else session
        session.info.setdefault(_NOTES, []).append(_Note(signal, what, _savepoints(session)))


def listen(session: Session | scoped_session[Session]) -> None:
    """Send what was noted at every commit of this session, or scoped session."""
    if not event.contains(session, "after_commit", _get_ready):
        event.listen(session, "after_commit", _get_ready)
        event.listen(session, "after_soft_rollback", _forget)
        event.listen(session, "after_transaction_end", _send)


def _savepoints(session: Session) -> list[SessionTransaction]:
    found, one = [], session.get_nested_transaction()
    while one is not None:
        found.append(one)
        one = one.parent if one.parent is not None and one.parent.nested else None
    return found


def _get_ready(session: Session) -> None:
    if not session.in_nested_transaction() and (notes := session.info.pop(_NOTES, None)):
        session.info[_READY] = notes


def _forget(session: Session, rolled_back: SessionTransaction) -> None:
    if not rolled_back.nested:
        session.info.pop(_NOTES, None)
    elif _NOTES in session.info:
        session.info[_NOTES] = [one for one in session.info[_NOTES] if rolled_back not in one.savepoints]


def _send(session: Session, ended: SessionTransaction) -> None:
    """Send what is ready. Only now may a receiver use the session: in `after_commit` itself it may not."""
    if ended.parent is not None or not (notes := session.info.pop(_READY, None)) or not current_app:
        return
    app = cast(Any, current_app)._get_current_object()
    host_s = app.extensions["sqlalchemy"].session
    for note in notes:
        for receiver in note.signal.receivers_for(app):
            try:
                receiver(app, **note.what)
            except Exception:
                host_s.rollback()
                name = note.signal.name
                its = {"about": {"signal": name}}
                log.exception("A receiver of the signal %s failed; everything else continues.", name, extra=its)
    if host_s() is not session:
        # The worker has sessions of its own, so nothing else ends a transaction that a receiver began.
        host_s.remove()
