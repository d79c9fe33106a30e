"""Our transactions are READ COMMITTED, no matter what the host's engine says: our rules rest on locks, which wait their
turn.

At REPEATABLE READ or SERIALIZABLE, PostgreSQL refuses a transaction that waited for a lock instead of continuing it.
"""

import weakref
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, scoped_session

OURS, COMMITTED = "ascriptica_transactions", "ascriptica_committed"
LEVEL = "READ COMMITTED"
TO_BE_REPEATED = ("40001", "40P01")
"""PostgreSQL's codes for a transaction that conflicted with another, and for a deadlock."""

_levels: "weakref.WeakKeyDictionary[Engine, str]" = weakref.WeakKeyDictionary()


def begin_ours(session: Session | scoped_session[Session]) -> None:
    """Make every transaction that this session begins from now on READ COMMITTED; one that has begun stays as it is."""
    session.info[OURS] = True
    session.info.pop(COMMITTED, None)


def end_ours(session: Session | scoped_session[Session]) -> None:
    """Begin transactions at the host's own level again."""
    session.info.pop(OURS, None)


def listen(session: Session | scoped_session[Session]) -> None:
    """Let `begin_ours` work on sessions of this kind."""
    if not event.contains(session, "after_begin", _on_begin):
        event.listen(session, "after_begin", _on_begin)
        event.listen(session, "after_commit", _on_commit)


def may_be_repeated(session: Session | scoped_session[Session], error: DBAPIError) -> bool:
    """Whether everything since `begin_ours` may be done again, and may then succeed: nothing was committed."""
    return COMMITTED not in session.info and getattr(error.orig, "sqlstate", None) in TO_BE_REPEATED


def _on_begin(session: Session, transaction: Any, connection: Connection) -> None:
    if not session.info.get(OURS) or connection.dialect.name != "postgresql" or connection.in_nested_transaction():
        return
    engine = connection.engine
    if engine not in _levels:
        _levels[engine] = connection.get_isolation_level()
    if _levels[engine] != LEVEL:
        connection.exec_driver_sql(f"SET TRANSACTION ISOLATION LEVEL {LEVEL}")


def _on_commit(session: Session) -> None:
    if session.info.get(OURS) and not session.in_nested_transaction():
        session.info[COMMITTED] = True
