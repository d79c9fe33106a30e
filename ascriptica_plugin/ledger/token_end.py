"""When the pasted token ends, and how soon the office is warned."""

from datetime import datetime, timedelta

from ..shared import pauses
from ..tables.canvas import Connection


def ends_at(connection: Connection) -> datetime | None:
    """When the token ends; None if it has no end that we know of. A developer key renews itself, so it has none."""
    return connection.token_expires_at if connection.key_kind == "token" else None


def days_left(connection: Connection, now: datetime) -> int | None:
    """The whole days that the token still works, 0 on the last one and after; None if it has no end that we know of."""
    end = ends_at(connection)
    return None if end is None else max(0, (end - now) // timedelta(days=1))


def warned_of(connection: Connection, now: datetime) -> int | None:
    """Which of `pauses.TOKEN_ENDS_DAYS` the token's end has come closest to, None if it is farther off than all."""
    left = days_left(connection, now)
    if left is None:
        return None
    return min((days for days in pauses.TOKEN_ENDS_DAYS if left < days), default=None)
