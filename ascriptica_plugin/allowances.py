"""How often something may be tried, counted in the database, so that all web processes count together.

An allowance is a number of tries at once, of which one comes back every so often. What is used up is one number a
row, changed by one statement: requests at the same moment can't slip past it.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, delete, select, update
from sqlalchemy.orm import Session

from .tables.columns import change, upsert_into
from .tables.office import Tries


@dataclass(frozen=True)
class Allowance:
    """`at_once` tries for each subject, and another one every `period_seconds`."""

    name: str
    at_once: int
    period_seconds: float


def take(session: Session, allowance: Allowance, subject: str, now: datetime) -> float:
    """Use up one try; 0 if there was one, else how many seconds until there is."""
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
    """The try that was taken does not count after all."""
    mine = update(Tries).where(Tries.key == _key(allowance, subject))
    change(session, mine.values(until=Tries.until - allowance.period_seconds))


def give_all_back(session: Session, allowance: Allowance, subject: str) -> None:
    """None of the subject's tries counts any more."""
    change(session, delete(Tries).where(Tries.key == _key(allowance, subject)))


def forget_old(session: Session, now: datetime) -> None:
    """Delete what is all free again."""
    change(session, delete(Tries).where(Tries.until < now.timestamp()))


def _key(allowance: Allowance, subject: str) -> str:
    # Hashed, since people type passwords where an email belongs, and an address is nobody's business a day later.
    return hashlib.sha256(f"{allowance.name}\n{subject}".encode(errors="replace")).hexdigest()
