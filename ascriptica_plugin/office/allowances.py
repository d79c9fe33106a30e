"""Limits how often something may be tried. Tries are counted in the database, so all web processes share the count.

An allowance is a number of tries at once; used tries come back one by one. What is used up is one number per row,
changed by one statement, so simultaneous requests can't slip past it.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, delete, select, update
from sqlalchemy.orm import Session

from ..tables.columns import change, upsert_into
from ..tables.office import Tries


@dataclass(frozen=True)
class Allowance:
    """Each subject has `at_once` tries, and gets one back every `period_seconds`."""

    name: str
    at_once: int
    period_seconds: float


def take(session: Session, allowance: Allowance, subject: str, now: datetime) -> float:
    """Use up one try. Returns 0 if one was left, otherwise the seconds until the next one."""
    at, period = now.timestamp(), allowance.period_seconds
    latest = at + (allowance.at_once - 1) * period
    taken = session.execute(
        upsert_into(session, Tries)
        .values(key=_key(allowance, subject), until=at + period)
        .on_conflict_do_update(
            index_elements=["key"],
            set_={"until": case((Tries.until > at, Tries.until), else_=at) + period},
            where=Tries.until <= latest,
        )
        .returning(Tries.key)
    ).first()
    if taken:
        return 0
    until = session.scalar(select(Tries.until).where(Tries.key == _key(allowance, subject)))
    return max(1, (until or 0) - latest)


def give_back(session: Session, allowance: Allowance, subject: str) -> None:
    """Undo one `take`."""
    mine = update(Tries).where(Tries.key == _key(allowance, subject))
    change(session, mine.values(until=Tries.until - allowance.period_seconds))


def give_all_back(session: Session, allowance: Allowance, subject: str) -> None:
    """Give the subject its full allowance again."""
    change(session, delete(Tries).where(Tries.key == _key(allowance, subject)))


def forget_old(session: Session, now: datetime) -> None:
    """Delete the rows whose allowance is full again."""
    change(session, delete(Tries).where(Tries.until < now.timestamp()))


def _key(allowance: Allowance, subject: str) -> str:
    # Hashed: people type passwords where an email belongs, and we don't keep who came from which address.
    return hashlib.sha256(f"{allowance.name}\n{subject}".encode(errors="replace")).hexdigest()
