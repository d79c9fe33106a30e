"""Proofs of the connection: what is kept about one, how it is asked for, and when it is due."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from ..ledger import claims
from ..shared import pauses
from ..shared.said import Said
from ..tables.canvas import Connection
from ..tables.locks import lock_connections

STEPS = ("course", "rights", "person", "free", "enroll", "read", "remove", "gone")
"""The steps of a proof. A proof that was cut off ends with one more step, `clean`."""


@dataclass(frozen=True)
class Step:
    """One call, or two: when it began, how long Canvas took, what the result was, and whether it is as it should be."""

    name: str
    at: datetime
    seconds: float
    said: Said
    well: bool


@dataclass
class Proof:
    """A proof as far as it got. `test_user` is the login ID or SIS ID of the user to enroll; blank: the token's owner.

    `until` is set before Canvas is asked to enroll: Canvas may do so until then. None: nothing of this proof is in
    Canvas. `canvas_enrollment_id` is the enrollment that Canvas answered with.
    """

    canvas_course_id: int
    asked_at: datetime
    test_user: str = ""
    course: str = ""
    user_id: int | None = None
    until: datetime | None = None
    canvas_enrollment_id: int | None = None
    again_at: datetime | None = None
    over_at: datetime | None = None
    steps: list[Step] = field(default_factory=list)

    @property
    def is_well(self) -> bool:
        """Whether everything was proven."""
        return [step.name for step in self.steps if step.well] == list(STEPS)

    def to_json(self) -> dict[str, Any]:
        """All of it, with times as text, for a JSON column."""
        steps = [{**vars(step), "at": step.at.isoformat(), "said": step.said.to_json()} for step in self.steps]
        return {name: _plain(value) for name, value in vars(self).items() if name != "steps"} | {"steps": steps}

    @classmethod
    def of(cls, connection: Connection) -> "Proof | None":
        """The latest proof of this connection."""
        if connection.proof is None:
            return None
        kept = dict(connection.proof)
        for name in ("asked_at", "until", "again_at", "over_at"):
            kept[name] = kept[name] and datetime.fromisoformat(kept[name])
        kept["steps"] = [
            Step(
                one["name"], datetime.fromisoformat(one["at"]), one["seconds"], Said.from_json(one["said"]), one["well"]
            )
            for one in kept["steps"]
        ]
        return cls(**kept)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def ask(session: Session, connection_id: int, canvas_course_id: int, now: datetime, test_user: str = "") -> bool:
    """Have the worker prove the connection in this Canvas course; takes effect when the caller commits.

    `test_user`: the login ID or SIS ID of the user to enroll instead of the token's owner. Returns False, and changes
    nothing, if the earlier proof has not ended.
    """
    [connection] = lock_connections(session, Connection.id == connection_id)
    before = Proof.of(connection)
    if before is not None and before.over_at is None:
        return False
    connection.proof = Proof(canvas_course_id, now, test_user).to_json()
    session.info[claims.RANG] = True
    return True


def is_due(session: Session, connection_id: int, now: datetime) -> bool:
    """Whether there is something to do for a proof."""
    proof = Proof.of(session.get_one(Connection, connection_id))
    if proof is None or proof.over_at is not None:
        return False
    # A time further off than any pause was set by a clock that has stepped back since.
    return proof.again_at is None or not now < proof.again_at < now + 3 * pauses.LATE
