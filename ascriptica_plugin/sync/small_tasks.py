"""What a drain does beside seats: look-ups, looks, reads and updates, each a walk of its own, behind the people."""

from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from functools import partial

from sqlalchemy.orm import Session

from ..ledger import matches, reads, requests
from ..office import previews
from . import following, looks, lookups, previewing, reading
from .tasks import SmallTask

Key = tuple[str, int]


def anything_to_do(session: Session, connection_id: int, now: datetime) -> bool:
    """Whether there is something of that kind; takes no lock."""
    return bool(
        lookups.to_look_up(session, connection_id, now)
        or requests.to_look_up(session, connection_id, now, 1)
        or matches.to_look_at(session, connection_id, now, 1)
        or reads.to_read(session, connection_id, now, 1)
        or previews.to_read(session, connection_id)
        or following.to_follow(session, connection_id, now)
    )


def due_tasks(
    session: Session,
    connection_id: int,
    root_id: int,
    now: Callable[[], datetime],
    in_hand: Collection[Key],
    room: int,
) -> list[SmallTask]:
    """At most so many of the tasks that are due, the most urgent first, without those about what is in hand."""
    found: list[SmallTask] = []
    for key, make in _in_order(session, connection_id, root_id, now):
        if len(found) >= room:
            break
        if key not in in_hand:
            found.append(make())
    return found


def _in_order(
    session: Session, connection_id: int, root_id: int, now: Callable[[], datetime]
) -> Iterator[tuple[Key, Callable[[], SmallTask]]]:
    """What is due, and how to make its task; each kind is looked for only when the ones before are through."""
    here = (session, connection_id)
    for number in previews.to_read(*here):
        # A person looks at a page that waits for it.
        walk = partial(previewing.preview_walk, session, number, now)
        yield (
            ("preview", number),
            partial(_task, ("preview", number), walk, partial(previewing.put_off, session, number)),
        )
    for number in lookups.to_look_up(*here, now()):
        walk, put_off = partial(lookups.look_up_walk, session, number, now), partial(lookups.put_off, *here, number)
        yield ("our course", number), partial(_task, ("our course", number), walk, put_off)
    for number, participant_id in requests.to_look_up(*here, now(), looks.AT_ONCE):
        key = ("person", participant_id) if participant_id is not None else ("request", number)
        walk, put_off = (
            partial(looks.request_walk, *here, root_id, number, now),
            partial(looks.put_off_request, session, number),
        )
        yield key, partial(_task, key, walk, put_off)
    for number in matches.to_look_at(*here, now(), looks.AT_ONCE):
        walk, put_off = (
            partial(looks.person_walk, *here, root_id, number, now),
            partial(looks.put_off_person, *here, number),
        )
        yield ("person", number), partial(_task, ("person", number), walk, put_off)
    for number in following.to_follow(*here, now()):
        walk = partial(following.follow_walk, *here, root_id, number, now)
        yield ("person", number), partial(_task, ("person", number), walk, partial(following.put_off, *here, number))
    for number in reads.to_read(*here, now(), reading.AT_ONCE):
        walk, put_off = partial(reading.read_walk, *here, root_id, number, now), partial(reading.put_off, *here, number)
        yield ("course", number), partial(_task, ("course", number), walk, put_off)


def _task(key: Key, walk: Callable, put_off: Callable[[datetime], None]) -> SmallTask:
    return SmallTask(walk(), put_off=put_off, key=key)
