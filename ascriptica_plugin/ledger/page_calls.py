"""The places from which pages call Canvas: two for each connection, no matter from which processes and machines the
pages come.

Together with the drain's calls in flight they make ten, which Canvas never throttles. Never commits.
"""

import secrets
from datetime import datetime

from sqlalchemy import delete, or_
from sqlalchemy.orm import Session

from ..shared import pauses
from ..tables.columns import begin_writing, change, upsert_into
from ..tables.page_calls import PageCall

PLACES = (1, 2)


def take(session: Session, connection_id: int, now: datetime) -> int | None:
    """Take a free place. Returns its holder, or None if every place is taken."""
    begin_writing(session)
    # A time further off than a place is kept was set by a clock that has stepped back since.
    free = or_(PageCall.until_at <= now, PageCall.until_at > now + 2 * pauses.PAGE_CALL)
    for number in PLACES:
        holder = secrets.randbits(62)
        mine = {"holder": holder, "until_at": now + pauses.PAGE_CALL}
        upsert = upsert_into(session, PageCall).values(connection_id=connection_id, number=number, **mine)
        upsert = upsert.on_conflict_do_update(index_elements=["connection_id", "number"], set_=mine, where=free)
        if session.scalar(upsert.returning(PageCall.holder)) is not None:
            return holder
    return None


def give_back(session: Session, connection_id: int, holder: int) -> None:
    """Let another page have the place."""
    begin_writing(session)
    change(session, delete(PageCall).where(PageCall.connection_id == connection_id, PageCall.holder == holder))
